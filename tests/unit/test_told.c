// links: coordinator_core
/* What one coordinator told, the next one neither repeats nor leaves out. */
#include "coordinator/core/told.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

#define T INT64_C(1000000000000000)

struct lab {
    struct told told;
    uint64_t change;
};

static void say(struct lab *lab, uint64_t id, enum verdict_event_type type,
                enum verdict_cause cause, fl_time t_us)
{
    struct verdict_event event = {
        .t_us = t_us, .type = type, .verdict = {.id = id, .cause = cause, .since_us = T}};

    strcpy(event.verdict.component, "target:web");
    told_verdict(&lab->told, &event);
}

static struct told_next next(struct lab *lab, fl_time now_us)
{
    struct told_next next;

    told_next(&lab->told, ++lab->change, T, now_us, &next);
    return next;
}

/* The book takes it. */
static struct told_entry tell(struct lab *lab, fl_time now_us, enum verdict_event_type type)
{
    struct told_next made = next(lab, now_us);

    assert_int_equal(made.step, TOLD_TELL);
    assert_int_equal(made.event.type, type);
    made.entry.revision = lab->change;
    told_see(&lab->told, &made.entry);
    return made.entry;
}

static void rests(struct lab *lab, fl_time now_us)
{
    assert_int_equal(next(lab, now_us).step, TOLD_NOTHING);
}

static int setup(void **state)
{
    *state = calloc(2, sizeof(struct lab));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void an_incident_is_told_open_changed_and_closed(void **state)
{
    struct lab *lab = *state;
    struct told_entry opened, closed;

    say(lab, 5, VERDICT_OPEN, CAUSE_STALL, T + 1);
    opened = tell(lab, T + 2, VERDICT_OPEN);
    rests(lab, T + 2);
    say(lab, 5, VERDICT_UPDATE, CAUSE_STALL, T + 3);
    rests(lab, T + 3);
    say(lab, 5, VERDICT_UPDATE, CAUSE_SLOW, T + 4);
    assert_int_equal(tell(lab, T + 4, VERDICT_UPDATE).handle, opened.handle);
    say(lab, 5, VERDICT_CLOSE, CAUSE_SLOW, T + 5);
    closed = tell(lab, T + 5, VERDICT_CLOSE);
    assert_int_equal(closed.handle, opened.handle);
    assert_int_equal(closed.incident, 5);
    assert_false(closed.open);
    rests(lab, T + 6);
}

static void a_successor_repeats_nothing_and_goes_on(void **state)
{
    struct lab *first = *state, *second = first + 1;
    struct told_entry entry;

    say(first, 5, VERDICT_OPEN, CAUSE_STALL, T + 1);
    say(second, 90, VERDICT_OPEN, CAUSE_STALL, T + 200 * FL_MS);
    entry = tell(first, T + 2, VERDICT_OPEN);
    told_reread(&second->told);
    told_see(&second->told, &entry);
    rests(second, T + FL_SECOND);
    say(second, 90, VERDICT_CLOSE, CAUSE_STALL, T + 2 * FL_SECOND);
    entry = tell(second, T + 2 * FL_SECOND, VERDICT_CLOSE);
    assert_int_equal(entry.incident, 5); /* under the number under which people know it */
}

static void what_nobody_told_in_between_is_told_late(void **state)
{
    struct lab *lab = *state;

    say(lab, 5, VERDICT_OPEN, CAUSE_STALL, T + 1);
    say(lab, 5, VERDICT_CLOSE, CAUSE_STALL, T + FL_SECOND);
    (void)tell(lab, T + 5 * FL_SECOND, VERDICT_OPEN);
    assert_int_equal(tell(lab, T + 5 * FL_SECOND, VERDICT_CLOSE).t_us, T + FL_SECOND);
    rests(lab, T + 5 * FL_SECOND);
}

static void what_its_teller_did_not_live_to_close_is_closed(void **state)
{
    struct lab *first = *state, *second = first + 1;
    struct told_entry entry;

    say(first, 5, VERDICT_OPEN, CAUSE_STALL, T + 1);
    entry = tell(first, T + 2, VERDICT_OPEN);
    told_see(&second->told, &entry);
    rests(second, T + TOLD_SETTLED_US - 1); /* it may still be found again */
    assert_int_equal(tell(second, T + TOLD_SETTLED_US, VERDICT_CLOSE).handle, entry.handle);
}

static void one_that_opens_again_under_its_number_is_told_again(void **state)
{
    struct lab *lab = *state;

    say(lab, 5, VERDICT_OPEN, CAUSE_STALL, T + 1);
    (void)tell(lab, T + 1, VERDICT_OPEN);
    say(lab, 5, VERDICT_CLOSE, CAUSE_STALL, T + FL_SECOND);
    (void)tell(lab, T + FL_SECOND, VERDICT_CLOSE);
    say(lab, 5, VERDICT_OPEN, CAUSE_STALL, T + 2 * FL_SECOND);
    (void)tell(lab, T + 2 * FL_SECOND, VERDICT_OPEN);
    rests(lab, T + 2 * FL_SECOND);
}

static void the_book_is_bounded(void **state)
{
    struct lab *lab = *state;
    struct told_next made;

    for (uint64_t i = 1; i <= TOLD_MAX; i++)
        told_see(
            &lab->told,
            &(struct told_entry){
                .handle = i, .change = i, .t_us = T + (fl_time)i, .began_us = T, .done = true});
    made = next(lab, T + FL_SECOND);
    assert_int_equal(made.step, TOLD_FORGET);
    assert_int_equal(made.entry.handle, 1);
    told_forget(&lab->told, 1);
    rests(lab, T + FL_SECOND);
    assert_int_equal(next(lab, T + 3 + TOLD_KEPT_US).entry.handle, 2);
    told_see(&lab->told, &(struct told_entry){.handle = 1000});
    assert_int_equal(lab->told.lost, 0);
    told_see(&lab->told, &(struct told_entry){.handle = 1001});
    assert_int_equal(lab->told.lost, 1);
}

static void what_waits_for_its_receivers_is_not_forgotten(void **state)
{
    struct lab *lab = *state;

    told_see(&lab->told, &(struct told_entry){.handle = 1, .t_us = T});
    rests(lab, T + 2 * TOLD_KEPT_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_incident_is_told_open_changed_and_closed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_successor_repeats_nothing_and_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(what_nobody_told_in_between_is_told_late, setup, teardown),
        cmocka_unit_test_setup_teardown(what_its_teller_did_not_live_to_close_is_closed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_that_opens_again_under_its_number_is_told_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_book_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_for_its_receivers_is_not_forgotten, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
