// links: fl_codec
/* What is published is what was given; the other side's classes are tried in
 * tests/integration/decisions. */
#include "proto/codec/fl_notice.h"
#include "tests/support/unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool holds(const uint8_t *bytes, size_t size, const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i + n <= size; i++)
        if (memcmp(bytes + i, text, n) == 0)
            return true;
    return false;
}

static void a_decision_holds_all_its_words(void **state)
{
    const struct fl_notice_decision decision = {.group = "shop",
                                                .zone = "a",
                                                .state = "avoid",
                                                .standing = "avoid",
                                                .reason = "fault",
                                                .why = "it is down",
                                                .generation = 9};
    uint8_t *bytes = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(
        fl_notice_encode(&(struct fl_notice){.sequence = 1, .decision = &decision}, &bytes, &size),
        0);
    assert_true(holds(bytes, size, "shop") && holds(bytes, size, "avoid") &&
                holds(bytes, size, "it is down"));
    free(bytes);
}

static void a_verdict_without_a_cause_is_one(void **state)
{
    const struct fl_notice_verdict verdict = {.id = 1,
                                              .event = "open",
                                              .class = "network",
                                              .component = "path:a~b",
                                              .n_zones = 2,
                                              .zones = {"zone-a", "zone-b"}};
    uint8_t *bytes = NULL;
    size_t size = 0;

    (void)state;
    assert_int_equal(
        fl_notice_encode(&(struct fl_notice){.sequence = 2, .verdict = &verdict}, &bytes, &size),
        0);
    assert_true(holds(bytes, size, "path:a~b") && holds(bytes, size, "zone-b"));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decision_holds_all_its_words),
        cmocka_unit_test(a_verdict_without_a_cause_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
