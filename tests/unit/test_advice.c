// links: faultline_cli
#include "coordinator/cli/advice.h"
#include "tests/support/unit.h"

#include <string.h>

static void every_class_has_something_to_do_and_something_not_to_do(void **state)
{
    (void)state;
    for (int class = 0; class < VERDICT_CLASSES; class ++) {
        const struct advice *advice = advice_of_class((enum verdict_class) class);

        assert_int_equal(advice->class, class);
        assert_non_null(advice->to_do[0]);
        assert_non_null(advice->not_to_do[0]);
        assert_true(strlen(advice_test((enum verdict_class) class, "target:x")) > 0);
    }
}

static void every_class_and_cause_make_a_sentence(void **state)
{
    struct verdict verdict = {.component = "target:vol-1", .confidence = 1.0};
    char text[ADVICE_SENTENCE_SIZE];

    (void)state;
    for (int class = 0; class < VERDICT_CLASSES; class ++)
        for (int cause = 0; cause < VERDICT_CAUSES; cause++) {
            verdict.class = (enum verdict_class) class;
            verdict.cause = (enum verdict_cause)cause;
            advice_sentence(&verdict, text);
            assert_non_null(strstr(text, "target vol-1 "));
            assert_null(strstr(text, "(null)"));
            assert_int_equal(text[strlen(text) - 1], '.');
        }
}

static void a_fault_of_the_network_leaves_storage_alone(void **state)
{
    const struct advice *advice = advice_of_class(VERDICT_NETWORK);

    (void)state;
    assert_non_null(strstr(advice->not_to_do[0], "do not fail over or detach storage"));
    assert_non_null(strstr(advice->not_to_do[1], "do not remount"));
}

static void a_cause_adds_to_its_class_only(void **state)
{
    const struct advice *advice = advice_of_cause(VERDICT_NETWORK, CAUSE_CONGESTION);

    (void)state;
    assert_non_null(advice);
    assert_non_null(strstr(advice->not_to_do[0], "failover"));
    assert_null(advice_of_cause(VERDICT_TLS, CAUSE_CONGESTION));
    assert_null(advice_of_cause(VERDICT_NETWORK, CAUSE_NONE));
}

static void components_are_said_in_words(void **state)
{
    static const char *const cases[][2] = {
        {"host:a1", "the host of agent a1"},
        {"link:a1", "the way from agent a1 to the coordinator"},
        {"zone:a", "everything into and out of zone a"},
        {"place:san", "everything into and out of san"},
        {"path:a~san", "the way between a and san"},
        {"path:a>san", "the way from a to san"},
        {"path:a>external", "the way from zone a to the outside"},
        {"target:vol-1", "target vol-1"},
        {"backend:array", "backend array"},
        {"resolver:b", "the DNS resolver of zone b"},
        {"new:thing", "new:thing"},
        {"path:a", "path:a"},
    };
    char text[ADVICE_SENTENCE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        advice_component(cases[i][0], text);
        assert_string_equal(text, cases[i][1]);
    }
}

static void the_sentence_is_as_sure_as_the_verdict(void **state)
{
    struct verdict verdict = {.class = VERDICT_NETWORK,
                              .cause = CAUSE_BLACKHOLE,
                              .component = "path:a~san",
                              .confidence = 0.98};
    char text[ADVICE_SENTENCE_SIZE];

    (void)state;
    advice_sentence(&verdict, text);
    assert_string_equal(text, "It is the network: the way between a and san lets nothing through.");
    verdict.confidence = 0.7;
    advice_sentence(&verdict, text);
    assert_non_null(strstr(text, "It is probably the network"));
    verdict.confidence = 0.4;
    advice_sentence(&verdict, text);
    assert_non_null(strstr(text, "It may be the network"));
}

static void the_class_may_be_surer_than_the_place(void **state)
{
    struct verdict verdict = {.class = VERDICT_STORAGE,
                              .cause = CAUSE_STALL,
                              .component = "target:vol-1",
                              .confidence = 0.7,
                              .n_alternatives = 2,
                              .alternatives = {{VERDICT_STORAGE, "backend:array", 0.25},
                                               {VERDICT_NETWORK, "place:san", 0.05}}};
    char text[ADVICE_SENTENCE_SIZE];

    (void)state;
    assert_float_equal(advice_class_confidence(&verdict), 0.95, 1e-9);
    advice_sentence(&verdict, text);
    assert_string_equal(
        text, "It is storage: probably target vol-1 takes requests and never answers them.");
}

static void a_resolver_is_blamed_itself(void **state)
{
    struct verdict verdict = {.class = VERDICT_DNS,
                              .cause = CAUSE_DNS_TIMEOUT,
                              .component = "resolver:a",
                              .confidence = 1.0};
    char text[ADVICE_SENTENCE_SIZE];

    (void)state;
    advice_sentence(&verdict, text);
    assert_string_equal(text, "It is DNS: the DNS resolver of zone a does not answer.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_has_something_to_do_and_something_not_to_do),
        cmocka_unit_test(every_class_and_cause_make_a_sentence),
        cmocka_unit_test(a_fault_of_the_network_leaves_storage_alone),
        cmocka_unit_test(a_cause_adds_to_its_class_only),
        cmocka_unit_test(components_are_said_in_words),
        cmocka_unit_test(the_sentence_is_as_sure_as_the_verdict),
        cmocka_unit_test(the_class_may_be_surer_than_the_place),
        cmocka_unit_test(a_resolver_is_blamed_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
