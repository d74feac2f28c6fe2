// links: coordinator_trace
/* Verdicts as JSON: the order of the keys and the rounding are a contract. */
#include "coordinator/trace/verdict_json.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

static struct verdict_event sample(void)
{
    struct verdict_event event = {.t_us = 1700000004000000, .type = VERDICT_OPEN};
    struct verdict *verdict = &event.verdict;

    verdict->id = 1;
    verdict->class = VERDICT_NETWORK;
    strcpy(verdict->component, "path:a>ebs-b");
    verdict->cause = CAUSE_UDP_FLOOD;
    verdict->confidence = 0.98004;
    verdict->since_us = 1700000001000000;
    verdict->n_alternatives = 1;
    verdict->alternatives[0] = (struct verdict_alternative){
        .class = VERDICT_NETWORK, .component = "zone:a", .confidence = 0.01};
    verdict->n_zones = 1;
    strcpy(verdict->zones[0], "a");
    verdict->n_targets = 1;
    strcpy(verdict->targets[0], "vol-b");
    verdict->n_evidence = 1;
    strcpy(verdict->evidence[0], "seen");
    return event;
}

static void expect_event(const struct verdict_event *event, const char *wanted)
{
    json_t *json = verdict_event_json(event);
    char *text = json_dumps(json, VERDICT_JSON_FLAGS);

    assert_string_equal(text, wanted);
    free(text);
    json_decref(json);
}

static void an_event_is_the_line_of_the_trace_format(void **state)
{
    struct verdict_event event = sample();

    (void)state;
    expect_event(&event, "{\"t_us\":1700000004000000,\"event\":\"open\",\"id\":1,\"class\":"
                         "\"network\",\"component\":\"path:a>ebs-b\",\"cause\":\"udp_flood\","
                         "\"confidence\":0.98,\"since_us\":1700000001000000,\"alternatives\":[{"
                         "\"class\":\"network\",\"component\":\"zone:a\",\"confidence\":0.01}],"
                         "\"zones\":[\"a\"],\"targets\":[\"vol-b\"],\"evidence\":[\"seen\"]}");
}

static void a_verdict_without_cause_has_no_such_key(void **state)
{
    struct verdict_event event = sample();
    json_t *json;

    (void)state;
    event.verdict.cause = CAUSE_NONE;
    json = verdict_json(&event.verdict);
    assert_null(json_object_get(json, "cause"));
    assert_int_equal(json_object_size(json), 9);
    json_decref(json);
}

static void a_sentence_cut_within_a_character_stays_readable(void **state)
{
    struct verdict_event event = sample();
    json_t *json;

    (void)state;
    strcpy(event.verdict.evidence[0], "cut \xc3");
    json = verdict_json(&event.verdict);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "evidence"), 0)),
                        "cut ?");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_the_line_of_the_trace_format),
        cmocka_unit_test(a_verdict_without_cause_has_no_such_key),
        cmocka_unit_test(a_sentence_cut_within_a_character_stays_readable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
