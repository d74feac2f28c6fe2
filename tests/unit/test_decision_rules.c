// links: coordinator_core
/* The rules that the best failover systems keep, one test each, named after its number and what
 * it says. */
#include "tests/support/decision_lab.h"

#define BEGIN                 \
    struct lab *lab = *state; \
    lab_start(lab)

static int setup(void **state)
{
    *state = lab_new();
    return 0;
}

static int teardown(void **state)
{
    lab_free(*state);
    return 0;
}

static void rule_01_a_zone_is_judged_from_other_zones_and_from_inside_and_compared(void **state)
{
    BEGIN;
    /* bad from outside, fine from inside: still bad, for two other zones see it */
    lab_all_see(lab, 0, 6, 6);
    lab_sees(lab, 0, 0, 6, 0);
    lab_verdict(lab, VERDICT_OPEN, 1, VERDICT_NETWORK, "zone:a");
    lab_look(lab);
    assert_says(lab, 0, DECISION_AVOID, REASON_FAULT);
    assert_says(lab, 1, DECISION_SERVE, REASON_HEALTHY);
}

static void rule_02_a_vantage_that_fails_its_own_test_has_no_vote(void **state)
{
    BEGIN;
    /* of the zones that see it fail, c's agents are disqualified: one zone is left */
    lab_all_see(lab, 0, 6, 0);
    lab_sees(lab, 0, 1, 6, 6);
    lab_sees(lab, 0, 2, 0, 0);
    assert_int_equal(lab_sight(lab, 0, 2)->disqualified, 2);
    lab_verdict(lab, VERDICT_OPEN, 1, VERDICT_SERVICE, "target:web-a");
    lab_look(lab);
    assert_says(lab, 0, DECISION_HOLD, REASON_ONE_ZONE);
    assert_non_null(lab_withheld(lab, REASON_ONE_ZONE));
}

static void rule_03_errors_of_the_agents_own_are_not_the_targets(void **state)
{
    BEGIN;
    for (size_t zone = 0; zone < 3; zone++)
        *lab_sight(lab, 0, zone) = (struct decision_sight){.samples = 1, .local = 20, .agents = 2};
    lab_verdict(lab, VERDICT_OPEN, 1, VERDICT_SERVICE, "target:web-a");
    lab_look(lab);
    assert_says(lab, 0, DECISION_HOLD, REASON_LOCAL);
}

static void rule_04_unseen_is_a_third_state_with_a_policy(void **state)
{
    static const struct {
        enum decision_stale policy;
        enum decision_state wanted;
    } cases[] = {{DECISION_STALE_LAST, DECISION_HOLD},
                 {DECISION_STALE_HEALTHY, DECISION_SERVE},
                 {DECISION_STALE_UNHEALTHY, DECISION_AVOID}};
    BEGIN;

    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        lab->groups[0].policy.stale = cases[i].policy;
        lab_all_see(lab, 0, 0, 0);
        lab_pass(lab, 2 * FL_SECOND);
        assert_says(lab, 0, cases[i].wanted, REASON_BLIND);
    }
}

static void rule_05_few_vantages_samples_or_faults_decide_nothing(void **state)
{
    static const struct {
        uint32_t samples, faults, witnesses;
        enum decision_reason reason;
    } cases[] = {{1, 1, 1, REASON_FEW_SAMPLES},
                 {20, 2, 2, REASON_FEW_FAULTS},
                 {20, 20, 1, REASON_ONE_WITNESS}};
    BEGIN;

    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        lab_all_see(lab, 0, 0, 0);
        *lab_sight(lab, 0, 1) = (struct decision_sight){.samples = cases[i].samples,
                                                        .faults = cases[i].faults,
                                                        .agents = 2,
                                                        .witnesses = cases[i].witnesses};
        lab_verdict(lab, VERDICT_OPEN, i + 1, VERDICT_SERVICE, "target:web-a");
        lab_look(lab);
        assert_says(lab, 0, DECISION_HOLD, cases[i].reason);
        lab_verdict(lab, VERDICT_CLOSE, i + 1, VERDICT_SERVICE, "target:web-a");
    }
}

static void rule_06_both_a_share_and_a_difference_between_zones_are_needed(void **state)
{
    BEGIN;
    /* 20 per cent here and 15 there: the share is too much, the difference is none */
    lab_all_see(lab, 0, 20, 4);
    lab_all_see(lab, 1, 20, 3);
    lab_all_see(lab, 2, 20, 3);
    lab_verdict(lab, VERDICT_OPEN, 1, VERDICT_SERVICE, "target:web-a");
    lab_look(lab);
    assert_says(lab, 0, DECISION_HOLD, REASON_NO_SKEW);
    /* 10 per cent here and none there: a clear difference, and too small a share */
    lab_all_see(lab, 0, 60, 6);
    lab_all_see(lab, 1, 60, 0);
    lab_all_see(lab, 2, 60, 0);
    lab_pass(lab, FL_SECOND);
    assert_says(lab, 0, DECISION_HOLD, REASON_FEW_FAULTS);
    /* 45 per cent here and 2 there, as when one volume of a zone is full: both */
    lab_all_see(lab, 0, 20, 9);
    lab_all_see(lab, 1, 60, 1);
    lab_pass(lab, FL_SECOND);
    assert_says(lab, 0, DECISION_AVOID, REASON_FAULT);
}

static void rule_07_vantages_count_by_zone_and_not_by_number(void **state)
{
    BEGIN;
    lab_all_see(lab, 0, 6, 0);
    *lab_sight(lab, 0, 1) =
        (struct decision_sight){.samples = 600, .faults = 600, .agents = 100, .witnesses = 100};
    lab_verdict(lab, VERDICT_OPEN, 1, VERDICT_NETWORK, "path:a~b");
    lab_look(lab);
    assert_says(lab, 0, DECISION_HOLD, REASON_ONE_ZONE);
}

static void rule_08_never_fewer_than_min_serving_after_the_move(void **state)
{
    struct lab *lab = *state;

    lab->groups[0].policy.min_serving = 2;
    lab->groups[0].policy.panic_percent = 100;
    lab_start(lab);
    /* b is failing without a verdict of its own: only c would be left well */
    lab_all_see(lab, 1, 20, 5);
    lab_break(lab, 0, 1);
    assert_says(lab, 0, DECISION_HOLD, REASON_MIN_SERVING);
    lab_all_see(lab, 1, 20, 0);
    lab_pass(lab, FL_SECOND);
    assert_says(lab, 0, DECISION_AVOID, REASON_FAULT);
    /* nor more than max_avoid, whoever is left */
    lab_pass(lab, 120 * FL_SECOND);
    lab->groups[0].policy.min_serving = 1;
    lab_break(lab, 1, 2);
    assert_says(lab, 1, DECISION_HOLD, REASON_MAX_AVOID);
}

static void rule_09_when_most_zones_look_bad_nothing_is_moved(void **state)
{
    BEGIN;
    lab_all_see(lab, 0, 6, 6);
    lab_all_see(lab, 1, 6, 6);
    lab_verdict(lab, VERDICT_OPEN, 1, VERDICT_SERVICE, "target:web-a");
    lab_verdict(lab, VERDICT_OPEN, 2, VERDICT_SERVICE, "target:web-b");
    lab_look(lab);
    assert_says(lab, 0, DECISION_HOLD, REASON_PANIC);
    assert_says(lab, 1, DECISION_HOLD, REASON_PANIC);
    assert_non_null(lab_withheld(lab, REASON_PANIC));
    /* and when every zone has it, that moving will not help */
    lab_all_see(lab, 2, 6, 6);
    lab_verdict(lab, VERDICT_OPEN, 3, VERDICT_STORAGE, "backend:farm");
    lab_look(lab);
    assert_says(lab, 2, DECISION_HOLD, REASON_SHARED);
    assert_non_null(strstr(lab_says(lab, 2).why, "moving will not help"));
}

static void rule_10_one_move_at_a_time_and_a_person_always_wins(void **state)
{
    struct lab *lab = *state;

    lab->groups[0].policy.max_avoid = 2;
    lab->groups[0].policy.panic_percent = 100;
    lab_start(lab);
    lab_break(lab, 0, 1);
    lab_break(lab, 1, 2);
    assert_says(lab, 0, DECISION_AVOID, REASON_FAULT);
    assert_says(lab, 1, DECISION_HOLD, REASON_COOL_DOWN);
    /* a person sends traffic to the zone that is out, and away from one that is well */
    lab_person(lab, 0, DECISION_ACT_SERVE, 10 * FL_SECOND);
    lab_person(lab, 2, DECISION_ACT_AVOID, 10 * FL_SECOND);
    assert_says(lab, 0, DECISION_SERVE, REASON_OPERATOR);
    assert_says(lab, 2, DECISION_AVOID, REASON_OPERATOR);
    /* and it ends by itself */
    assert_true(lab_says(lab, 2).valid_until_us <= lab->now + 10 * FL_SECOND);
    lab_pass(lab, 11 * FL_SECOND);
    assert_int_not_equal(lab_says(lab, 2).reason, REASON_OPERATOR);
}

static void rule_11_the_others_must_be_able_to_carry_the_load_both_ways(void **state)
{
    struct lab *lab = *state;

    lab->groups[0].policy.capacity = 200;
    lab->groups[0].members[2].capacity = 90;
    lab_start(lab);
    lab_break(lab, 0, 1);
    assert_says(lab, 0, DECISION_HOLD, REASON_CAPACITY);
    lab->groups[0].members[2].capacity = 100;
    lab_pass(lab, FL_SECOND);
    assert_says(lab, 0, DECISION_AVOID, REASON_FAULT);
    /* the way back: well again by all signs, but its target does not report itself */
    lab_mend(lab, 0, 1);
    lab->look->good_targets[0] = 0;
    lab_pass(lab, 120 * FL_SECOND);
    assert_says(lab, 0, DECISION_AVOID, REASON_CAPACITY);
    lab->look->good_targets[0] = 1;
    lab_pass(lab, FL_SECOND);
    assert_int_equal(lab_says(lab, 0).state, DECISION_SERVE);
}

static void rule_12_moves_are_limited_over_all_groups_in_a_time(void **state)
{
    struct lab *lab = *state;

    lab->settings.n_groups = 3;
    lab->settings.max_moves = 2;
    lab_group(lab, 1, "mail");
    lab_group(lab, 2, "wiki");
    lab_start(lab);
    for (size_t member = 0; member < 9; member += 3)
        lab_all_see(lab, member, 6, 6);
    lab_verdict(lab, VERDICT_OPEN, 1, VERDICT_SERVICE, "target:web-a");
    lab_look(lab);
    for (uint32_t group = 0; group < 3; group++) {
        struct decision said;

        decider_at(lab->decider, group, 0, lab->now, &said);
        assert_int_equal(said.state, group < 2 ? DECISION_AVOID : DECISION_HOLD);
        assert_int_equal(said.reason, group < 2 ? REASON_FAULT : REASON_RATE);
    }
}

static void rule_13_windows_blocks_and_a_veto_command_stop_moves(void **state)
{
    struct lab *lab = *state;
    struct fl_error err;
    int64_t minute = LAB_START / FL_MINUTE % 1440;
    char window[32];

    (void)snprintf(window, sizeof(window), "%02d:%02d-%02d:%02d", (int)(minute / 60),
                   (int)(minute % 60), (int)((minute + 2) / 60), (int)((minute + 2) % 60));
    assert_int_equal(decision_windows_parse(window, &lab->groups[0], &err), 0);
    lab->groups[0].asks = true;
    lab_start(lab);
    lab_break(lab, 0, 1);
    assert_says(lab, 0, DECISION_HOLD, REASON_BLOCKED);
    lab_person(lab, 0, DECISION_ACT_BLOCK, 200 * FL_SECOND);
    lab_pass(lab, 150 * FL_SECOND);
    assert_says(lab, 0, DECISION_HOLD, REASON_BLOCKED);
    lab_pass(lab, 51 * FL_SECOND);
    assert_says(lab, 0, DECISION_HOLD, REASON_VETO_PENDING);
    assert_int_equal(lab->n_questions, 1);
    lab_step(lab, (struct decision_event){.type = DECISION_ANSWER, .answered = 1, .vetoed = true});
    assert_says(lab, 0, DECISION_HOLD, REASON_VETO);
    /* a veto is asked for again, and then it may be yes */
    lab_pass(lab, 31 * FL_SECOND);
    assert_int_equal(lab->n_questions, 2);
    lab_step(lab, (struct decision_event){.type = DECISION_ANSWER, .answered = 1});
    assert_says(lab, 0, DECISION_AVOID, REASON_FAULT);
}

static void rule_14_opt_in_shadow_with_a_percentage_and_a_switch_for_all(void **state)
{
    struct lab *lab = *state;
    unsigned real = 0;

    lab->groups[0].policy.mode = DECISION_MODE_SHADOW;
    lab_start(lab);
    lab_break(lab, 0, 1);
    assert_says(lab, 0, DECISION_HOLD, REASON_FAULT);
    assert_true(lab_says(lab, 0).shadow);
    assert_int_equal(lab_says(lab, 0).would, DECISION_AVOID);
    assert_int_equal(lab_says(lab, 0).standing, DECISION_SERVE);
    assert_int_equal(lab_says(lab, 0).weight, 100);
    lab->groups[0].policy.mode = DECISION_MODE_LIVE;
    lab->groups[0].policy.enforce_percent = 30;
    lab->groups[0].policy.hold_down_us = lab->groups[0].policy.max_hold_down_us = FL_SECOND;
    lab->groups[0].policy.cool_down_us = 0;
    lab->settings.max_moves = 64;
    lab_mend(lab, 0, 1);
    for (uint64_t id = 2; id < 202; id++) {
        lab->settings.moves_window_us = 1;
        lab_pass(lab, 5 * FL_SECOND);
        lab_break(lab, 0, id);
        assert_int_equal(lab_says(lab, 0).would, DECISION_AVOID);
        real += lab_says(lab, 0).state == DECISION_AVOID;
        lab_mend(lab, 0, id);
    }
    assert_in_range(real, 40, 80);
    lab->settings.enabled = false;
    lab_break(lab, 0, 300);
    assert_says(lab, 0, DECISION_HOLD, REASON_OFF);
}

static void rule_15_the_way_back_is_longer_and_longer_still_for_flaps(void **state)
{
    int64_t held[3];
    BEGIN;

    for (uint64_t i = 0; i < 3; i++) {
        fl_time mended;

        lab_break(lab, 0, i + 1);
        assert_says(lab, 0, DECISION_AVOID, REASON_FAULT); /* within one look */
        lab_mend(lab, 0, i + 1);
        mended = lab->now;
        /* fewer faults than it takes to leave are still too many to come back */
        lab_all_see(lab, 0, 20, 3);
        lab_pass(lab, 2 * FL_SECOND);
        assert_says(lab, 0, DECISION_AVOID, REASON_HOLD_DOWN);
        lab_all_see(lab, 0, 20, 0);
        while (lab_says(lab, 0).state == DECISION_AVOID)
            lab_pass(lab, FL_SECOND);
        held[i] = lab->now - mended;
        lab_pass(lab, 61 * FL_SECOND);
    }
    assert_in_range(held[0] / FL_SECOND, 60, 70);
    assert_in_range(held[1] / FL_SECOND, 120, 136);
    assert_in_range(held[2] / FL_SECOND, 240, 268);
}

static void rule_16_a_cool_down_is_lifted_by_a_person_and_binds_no_successor(void **state)
{
    struct lab *lab = *state;

    lab->groups[0].policy.max_avoid = 2;
    lab->groups[0].policy.panic_percent = 100;
    lab_start(lab);
    lab_break(lab, 0, 1);
    lab_break(lab, 1, 2);
    assert_says(lab, 1, DECISION_HOLD, REASON_COOL_DOWN);
    lab_person(lab, 0, DECISION_ACT_ACKNOWLEDGE, 0);
    assert_says(lab, 1, DECISION_AVOID, REASON_FAULT);
    /* the holder dies right after a move; the next one is not bound by it */
    lab_person(lab, 1, DECISION_ACT_SERVE, FL_SECOND);
    lab_step(lab, (struct decision_event){.type = DECISION_AUTHORITY, .held = false});
    lab_step(lab, (struct decision_event){.type = DECISION_AUTHORITY, .held = true});
    lab_pass(lab, 3 * FL_SECOND);
    assert_says(lab, 1, DECISION_AVOID, REASON_FAULT);
}

static void rule_17_every_word_expires(void **state)
{
    struct decision said;
    BEGIN;

    lab_break(lab, 0, 1);
    for (uint32_t member = 0; member < 3; member++) {
        said = lab_says(lab, member);
        assert_true(said.valid_until_us > lab->now);
        assert_true(said.valid_until_us <= lab->now + lab_policy()->valid_for_us);
    }
    /* nobody renews it: it lapses to serve */
    decider_at(lab->decider, 0, 0, lab->now + 61 * FL_SECOND, &said);
    assert_int_equal(said.state, DECISION_HOLD);
    assert_int_equal(said.standing, DECISION_SERVE);
    assert_int_equal(said.reason, REASON_LAPSED);
    /* while looks go on it is renewed under the same number */
    said = lab_says(lab, 0);
    lab_pass(lab, 300 * FL_SECOND);
    assert_says(lab, 0, DECISION_AVOID, REASON_FAULT);
    assert_int_equal(lab_says(lab, 0).generation, said.generation);
    /* a zone that is out and is no longer seen stays so until it expires, and not longer */
    lab_mend(lab, 0, 1);
    lab_all_see(lab, 0, 0, 0);
    lab_pass(lab, 10 * FL_SECOND);
    assert_says(lab, 0, DECISION_HOLD, REASON_BLIND);
    assert_int_equal(lab_says(lab, 0).standing, DECISION_AVOID);
    lab_pass(lab, 60 * FL_SECOND);
    assert_int_equal(lab_says(lab, 0).standing, DECISION_SERVE);
}

static void rule_18_the_times_obey_an_inequality_that_is_checked(void **state)
{
    struct lab *lab = *state;
    struct fl_error err;

    assert_int_equal(decision_group_check(&lab->settings, &lab->groups[0], &err), 0);
    lab->groups[0].policy.valid_for_us = 11 * FL_SECOND;
    assert_true(decision_group_check(&lab->settings, &lab->groups[0], &err) < 0);
    assert_non_null(strstr(err.message, "takeover_delay + 2 * 5 s = 12 s"));
    assert_int_equal(decision_worst_us(FL_SECOND, FL_SECOND / 2), 4500000);
}

static void rule_19_only_the_holder_issues(void **state)
{
    size_t before;
    BEGIN;

    assert_true(decider_issues(lab->decider, lab->now));
    lab_step(lab, (struct decision_event){.type = DECISION_AUTHORITY, .held = false});
    assert_false(decider_issues(lab->decider, lab->now));
    before = lab->n_records;
    lab_break(lab, 0, 1);
    lab_pass(lab, 100 * FL_SECOND);
    assert_int_equal(lab->n_records, before);
    assert_says(lab, 0, DECISION_HOLD, REASON_NOT_ISSUER);
    /* one that ends by itself, when nobody is there to say so */
    lab_step(lab, (struct decision_event){
                      .type = DECISION_AUTHORITY, .held = true, .until_us = lab->now + FL_SECOND});
    assert_true(decider_issues(lab->decider, lab->now));
    lab_pass(lab, 100 * FL_SECOND);
    assert_false(decider_issues(lab->decider, lab->now));
    assert_says(lab, 0, DECISION_HOLD, REASON_NOT_ISSUER);
}

static void rule_19_what_stood_stands_until_it_expires(void **state)
{
    struct decision said;
    BEGIN;

    lab_break(lab, 0, 1);
    assert_says(lab, 0, DECISION_AVOID, REASON_FAULT);
    lab_step(lab, (struct decision_event){.type = DECISION_AUTHORITY, .held = false});
    decider_at(lab->decider, 0, 0, lab->now, &said);
    assert_int_equal(said.state, DECISION_HOLD);
    assert_int_equal(said.standing, DECISION_AVOID);
    assert_int_equal(said.weight, 0);
    decider_at(lab->decider, 0, 0, said.valid_until_us, &said);
    assert_int_equal(said.standing, DECISION_SERVE);
    assert_int_equal(said.weight, 100);
}

static void rule_20_the_generation_never_goes_back(void **state)
{
    struct decision before;
    uint64_t last = 0;
    BEGIN;

    for (uint64_t id = 1; id < 5; id++) {
        lab_break(lab, 0, id);
        lab_pass(lab, 5 * FL_SECOND);
        lab_mend(lab, 0, id);
        lab_pass(lab, 700 * FL_SECOND);
    }
    for (size_t i = 0; i < lab->n_records; i++) {
        if (lab->records[i].type == DECISION_MADE)
            assert_true(lab->records[i].decision.generation > last);
        if (lab->records[i].decision.generation > last)
            last = lab->records[i].decision.generation;
    }
    assert_true(last > 8);
    /* across a restart: what was there comes back, and numbers go on above it */
    lab_break(lab, 0, 9);
    before = lab_says(lab, 0);
    assert_int_equal(before.state, DECISION_AVOID);
    decider_free(lab->decider);
    assert_int_equal(decider_new(&lab->settings, lab->fleet, &lab->decider), 0);
    lab_step(lab, (struct decision_event){.type = DECISION_RESTORE, .restore = &before});
    lab_step(lab, (struct decision_event){
                      .type = DECISION_AUTHORITY, .held = true, .generation = last + 1000});
    assert_int_equal(lab_says(lab, 0).standing, DECISION_AVOID); /* before the first look, too */
    assert_int_equal(lab_says(lab, 0).weight, 0);
    lab_look(lab);
    assert_says(lab, 0, DECISION_HOLD, REASON_TAKEOVER);
    assert_int_equal(lab_says(lab, 0).standing, DECISION_AVOID);
    assert_int_equal(lab_says(lab, 0).weight, 0);
    assert_true(lab_says(lab, 0).generation > last + 1000);
}

static void rule_21_a_new_holder_waits_before_it_acts(void **state)
{
    struct lab *lab = *state;

    lab->settings.takeover_us = 15 * FL_SECOND;
    lab_start(lab);
    lab_break(lab, 0, 1);
    assert_says(lab, 0, DECISION_HOLD, REASON_TAKEOVER);
    lab_pass(lab, 4 * FL_SECOND);
    assert_says(lab, 0, DECISION_HOLD, REASON_TAKEOVER);
    lab_pass(lab, 2 * FL_SECOND);
    assert_says(lab, 0, DECISION_AVOID, REASON_FAULT);
}

static void rule_22_a_consumer_can_hold_its_state_without_asking(void **state)
{
    struct decision document;
    BEGIN;

    /* the document alone, read once, says what to do at any later time */
    lab_break(lab, 0, 1);
    document = lab_says(lab, 0);
    assert_int_equal(document.standing, DECISION_AVOID);
    assert_true(document.valid_until_us - lab->now >= lab_policy()->valid_for_us * 2 / 3);
    /* and doubt never changes what it holds */
    lab_all_see(lab, 0, 0, 0);
    lab_pass(lab, FL_SECOND);
    assert_int_equal(lab_says(lab, 0).standing, document.standing);
    assert_int_equal(lab_says(lab, 0).weight, document.weight);
}

static void rule_23_a_loop_that_hung_fails_closed(void **state)
{
    struct decision said;
    BEGIN;

    lab_break(lab, 0, 1);
    /* no step ever comes: time alone ends it */
    decider_at(lab->decider, 0, 0, lab->now + lab_policy()->valid_for_us, &said);
    assert_int_equal(said.reason, REASON_LAPSED);
    /* it wakes up after a long sleep: what it sees then is not believed at once */
    lab_mend(lab, 0, 1);
    lab->now += 20 * FL_SECOND;
    lab_break(lab, 1, 2);
    assert_says(lab, 1, DECISION_HOLD, REASON_STALLED);
    lab_pass(lab, 4 * FL_SECOND);
    assert_says(lab, 1, DECISION_HOLD, REASON_STALLED);
}

static void rule_24_drills_have_outcomes_that_are_recorded(void **state)
{
    struct drill drill;
    struct decision before;
    BEGIN;

    before = lab_says(lab, 0);
    assert_int_equal(decider_drill(lab->decider, 0, 0, lab->now, &drill), 0);
    assert_string_equal(drill_outcome_name(drill.outcome), "succeeded");
    assert_true(drill.avoided_after_us < 3 * FL_SECOND);
    assert_in_range(drill.returned_after_us / FL_SECOND, 60, 70);
    assert_true(drill.n_steps >= 3);
    /* nothing of it is real */
    assert_int_equal(lab_says(lab, 0).generation, before.generation);
    assert_says(lab, 0, DECISION_SERVE, REASON_HEALTHY);
    lab->groups[0].policy.capacity = 201;
    assert_int_equal(decider_drill(lab->decider, 0, 0, lab->now, &drill), 0);
    assert_string_equal(drill_outcome_name(drill.outcome), "capacity_check_failed");
    lab->groups[0].policy.capacity = 0;
    lab_all_see(lab, 1, 20, 9);
    lab_all_see(lab, 2, 20, 9);
    lab_pass(lab, FL_SECOND);
    assert_int_equal(decider_drill(lab->decider, 0, 0, lab->now, &drill), 0);
    assert_string_equal(drill_outcome_name(drill.outcome), "failed");
    lab_all_well(lab);
    lab_break(lab, 0, 1);
    assert_int_equal(decider_drill(lab->decider, 0, 0, lab->now, &drill), 0);
    assert_string_equal(drill_outcome_name(drill.outcome), "interrupted");
}

static void rule_25_what_was_not_done_is_kept_with_its_reason(void **state)
{
    const struct decision *why_not;
    size_t n;
    BEGIN;

    lab_verdict(lab, VERDICT_OPEN, 7, VERDICT_MONITORING, "link:a1");
    lab_look(lab);
    assert_says(lab, 0, DECISION_SERVE, REASON_HEALTHY);
    why_not = lab_withheld(lab, REASON_MONITORING);
    assert_non_null(why_not);
    assert_int_equal(why_not->verdict, 7);
    assert_string_equal(why_not->zone, "a");
    n = lab->n_records;
    lab_pass(lab, 10 * FL_SECOND);
    assert_int_equal(lab->n_records, n); /* once, not once a look */
    lab_verdict(lab, VERDICT_CLOSE, 7, VERDICT_MONITORING, "link:a1");
    lab_all_see(lab, 0, 20, 20);
    lab_all_see(lab, 1, 20, 20);
    lab_verdict(lab, VERDICT_OPEN, 8, VERDICT_SERVICE, "target:web-a");
    lab_look(lab);
    why_not = lab_withheld(lab, REASON_PANIC);
    assert_non_null(why_not);
    assert_int_equal(why_not->verdict, 8);
    assert_true(strlen(why_not->why) > 20);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE(rule_01_a_zone_is_judged_from_other_zones_and_from_inside_and_compared),
        RULE(rule_02_a_vantage_that_fails_its_own_test_has_no_vote),
        RULE(rule_03_errors_of_the_agents_own_are_not_the_targets),
        RULE(rule_04_unseen_is_a_third_state_with_a_policy),
        RULE(rule_05_few_vantages_samples_or_faults_decide_nothing),
        RULE(rule_06_both_a_share_and_a_difference_between_zones_are_needed),
        RULE(rule_07_vantages_count_by_zone_and_not_by_number),
        RULE(rule_08_never_fewer_than_min_serving_after_the_move),
        RULE(rule_09_when_most_zones_look_bad_nothing_is_moved),
        RULE(rule_10_one_move_at_a_time_and_a_person_always_wins),
        RULE(rule_11_the_others_must_be_able_to_carry_the_load_both_ways),
        RULE(rule_12_moves_are_limited_over_all_groups_in_a_time),
        RULE(rule_13_windows_blocks_and_a_veto_command_stop_moves),
        RULE(rule_14_opt_in_shadow_with_a_percentage_and_a_switch_for_all),
        RULE(rule_15_the_way_back_is_longer_and_longer_still_for_flaps),
        RULE(rule_16_a_cool_down_is_lifted_by_a_person_and_binds_no_successor),
        RULE(rule_17_every_word_expires),
        RULE(rule_18_the_times_obey_an_inequality_that_is_checked),
        RULE(rule_19_only_the_holder_issues),
        RULE(rule_19_what_stood_stands_until_it_expires),
        RULE(rule_20_the_generation_never_goes_back),
        RULE(rule_21_a_new_holder_waits_before_it_acts),
        RULE(rule_22_a_consumer_can_hold_its_state_without_asking),
        RULE(rule_23_a_loop_that_hung_fails_closed),
        RULE(rule_24_drills_have_outcomes_that_are_recorded),
        RULE(rule_25_what_was_not_done_is_kept_with_its_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
