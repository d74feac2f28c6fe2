// links: coordinator_core
/* When somebody is told, and of what. */
#include "coordinator/core/notify_plan.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

static struct verdict_event event(uint64_t id, enum verdict_event_type type,
                                  enum verdict_cause cause)
{
    struct verdict_event event = {.type = type, .verdict = {.id = id, .cause = cause}};

    strcpy(event.verdict.component, "target:web");
    return event;
}

static bool is_news(struct notify_told *told, uint64_t id, enum verdict_event_type type,
                    enum verdict_cause cause)
{
    const struct verdict_event one = event(id, type, cause);

    return notify_plan_is_news(told, &one);
}

static void news_is_what_opens_changes_or_closes(void **state)
{
    struct notify_told told = {0};

    (void)state;
    assert_true(is_news(&told, 1, VERDICT_OPEN, CAUSE_STALL));
    assert_false(is_news(&told, 1, VERDICT_UPDATE, CAUSE_STALL));
    assert_true(is_news(&told, 1, VERDICT_UPDATE, CAUSE_SLOW));
    assert_false(is_news(&told, 1, VERDICT_UPDATE, CAUSE_SLOW));
    assert_true(is_news(&told, 2, VERDICT_OPEN, CAUSE_SLOW));
    assert_true(is_news(&told, 1, VERDICT_CLOSE, CAUSE_SLOW));
    assert_int_equal(told.n, 1);
    assert_false(is_news(&told, 2, VERDICT_UPDATE, CAUSE_SLOW));
}

static void more_than_can_be_remembered_is_told_each_time(void **state)
{
    struct notify_told told = {0};

    (void)state;
    for (uint64_t id = 1; id <= NOTIFY_MAX_OPEN + 1; id++)
        assert_true(is_news(&told, id, VERDICT_OPEN, CAUSE_STALL));
    assert_false(is_news(&told, NOTIFY_MAX_OPEN, VERDICT_UPDATE, CAUSE_STALL));
    assert_true(is_news(&told, NOTIFY_MAX_OPEN + 1, VERDICT_UPDATE, CAUSE_STALL));
}

static void a_storm_is_a_burst_and_then_one_in_an_interval(void **state)
{
    struct notify_bucket bucket = {0};
    int sent = 0;

    (void)state;
    for (fl_time t = 0; t < 100 * FL_SECOND; t += FL_SECOND / 10)
        sent += notify_plan_wait(&bucket, 10 * FL_SECOND, t) == 0;
    assert_int_equal(sent, NOTIFY_BURST + 9);
    assert_in_range(notify_plan_wait(&bucket, 10 * FL_SECOND, 100 * FL_SECOND - 1), 1,
                    10 * FL_SECOND);
    for (int i = 0; i < NOTIFY_BURST; i++) /* long after it is full again */
        assert_int_equal(notify_plan_wait(&bucket, 10 * FL_SECOND, 1000 * FL_SECOND), 0);
    assert_int_equal(notify_plan_wait(&bucket, 10 * FL_SECOND, 1000 * FL_SECOND), 10 * FL_SECOND);
}

static void attempts_come_ever_later(void **state)
{
    (void)state;
    assert_int_equal(notify_plan_backoff(1), FL_SECOND);
    assert_int_equal(notify_plan_backoff(4), 8 * FL_SECOND);
    assert_int_equal(notify_plan_backoff(1000000), 5 * FL_MINUTE);
}

static void only_the_newest_of_an_incident_is_told(void **state)
{
    struct notify_row rows[] = {{1, 7, false}, {2, 8, false}, {3, 0, false},
                                {4, 7, false}, {5, 0, false}, {6, 7, false}};

    (void)state;
    assert_int_equal(notify_plan_supersede(rows, FL_COUNT(rows)), 2);
    assert_true(rows[0].superseded);
    assert_true(rows[3].superseded);
    assert_false(rows[1].superseded || rows[2].superseded || rows[4].superseded ||
                 rows[5].superseded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(news_is_what_opens_changes_or_closes),
        cmocka_unit_test(more_than_can_be_remembered_is_told_each_time),
        cmocka_unit_test(a_storm_is_a_burst_and_then_one_in_an_interval),
        cmocka_unit_test(attempts_come_ever_later),
        cmocka_unit_test(only_the_newest_of_an_incident_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
