// links: coordinator_trace
/* What is written is read again as it was; what is none is refused. */
#include "coordinator/trace/decision_json.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

static const struct decision avoided = {.group = "shop",
                                        .zone = "a",
                                        .state = DECISION_HOLD,
                                        .standing = DECISION_AVOID,
                                        .would = DECISION_AVOID,
                                        .shadow = true,
                                        .weight = 33,
                                        .reason = REASON_BLIND,
                                        .why = "seen from 1 zones",
                                        .verdict = 7,
                                        .generation = 123456789012345,
                                        .issued_us = 1795454504254027,
                                        .valid_until_us = 1795454564254027};

static void a_decision_comes_back_as_it_was(void **state)
{
    json_t *json = decision_json(&avoided);
    struct decision back;

    (void)state;
    assert_non_null(json);
    assert_int_equal(decision_parse(json, &back), 0);
    assert_string_equal(back.group, "shop");
    assert_string_equal(back.zone, "a");
    assert_string_equal(back.why, avoided.why);
    assert_int_equal(back.state, DECISION_HOLD);
    assert_int_equal(back.standing, DECISION_AVOID);
    assert_int_equal(back.would, DECISION_AVOID);
    assert_int_equal(back.reason, REASON_BLIND);
    assert_true(back.shadow);
    assert_int_equal(back.weight, 33);
    assert_int_equal(back.verdict, 7);
    assert_true(back.generation == avoided.generation);
    assert_true(back.issued_us == avoided.issued_us);
    assert_true(back.valid_until_us == avoided.valid_until_us);
    assert_string_equal(json_string_value(json_object_get(json, "valid_until")),
                        "2026-11-23T17:22:44.254027Z");
    json_decref(json);
}

static void one_without_a_verdict_says_null(void **state)
{
    struct decision decision = avoided;
    json_t *json;

    (void)state;
    decision.verdict = 0;
    json = decision_json(&decision);
    assert_true(json_is_null(json_object_get(json, "verdict")));
    assert_int_equal(decision_parse(json, &decision), 0);
    assert_int_equal(decision.verdict, 0);
    json_decref(json);
}

static void what_is_missing_or_wrong_is_refused(void **state)
{
    static const char *const fields[] = {"group", "zone",   "state",      "standing",  "would",
                                         "why",   "reason", "generation", "issued_us", "weight"};
    struct decision back;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(fields); i++) {
        json_t *json = decision_json(&avoided);

        assert_int_equal(json_object_del(json, fields[i]), 0);
        assert_int_equal(decision_parse(json, &back), -EBADMSG);
        assert_int_equal(json_object_set_new(json, fields[i], json_true()), 0);
        assert_int_equal(decision_parse(json, &back), -EBADMSG);
        json_decref(json);
    }
}

static void every_state_reason_and_act_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < DECISION_REASONS; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(decision_reason_name((enum decision_reason)i),
                                    decision_reason_name((enum decision_reason)k));
    for (int i = 0; i < DECISION_STATES; i++)
        assert_int_equal(decision_state_parse(decision_state_name((enum decision_state)i)), i);
    for (int i = DECISION_ACT_SERVE; i <= DECISION_ACT_BLOCK; i++)
        assert_int_equal(decision_act_parse(decision_act_name((enum decision_act)i)), i);
    assert_int_equal(decision_state_parse("maybe"), -1);
    assert_int_equal(decision_act_parse("maybe"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decision_comes_back_as_it_was),
        cmocka_unit_test(one_without_a_verdict_says_null),
        cmocka_unit_test(what_is_missing_or_wrong_is_refused),
        cmocka_unit_test(every_state_reason_and_act_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
