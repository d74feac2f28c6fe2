/* A service group in three zones with two agents each, and hands to play on it: what zones see,
 * verdicts, persons, time. Time stands in `lab->now` and moves by looks, a second each. */
#pragma once

#include "coordinator/core/decision.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAB_START (1000000 * FL_SECOND)
#define LAB_RECORDS 4096

struct lab {
    struct fleet *fleet;
    struct decision_settings settings;
    struct decision_group groups[3];
    struct decider *decider;
    struct decision_look *look;
    fl_time now;
    struct decision_record records[LAB_RECORDS];
    size_t n_records;
    struct decision_question question; /* the last one */
    size_t n_questions;
};

static inline const struct decision_policy *lab_policy(void)
{
    static const struct decision_policy policy = {
        .mode = DECISION_MODE_LIVE,
        .stale = DECISION_STALE_LAST,
        .enforce_percent = 100,
        .min_serving = 1,
        .max_avoid = 1,
        .min_zones = 2,
        .min_witnesses = 2,
        .min_samples = 4,
        .min_faults = 3,
        .fault_percent = 20,
        .confidence_percent = 50,
        .panic_percent = 50,
        .hold_down_us = 60 * FL_SECOND,
        .max_hold_down_us = 1800 * FL_SECOND,
        .flap_window_us = 600 * FL_SECOND,
        .cool_down_us = 60 * FL_SECOND,
        .valid_for_us = 60 * FL_SECOND,
        .drain_steps = 1,
        .drain_interval_us = 10 * FL_SECOND,
    };

    return &policy;
}

static inline void lab_group(struct lab *lab, size_t index, const char *name)
{
    static const char *const targets[] = {"web-a", "web-b", "web-c"};
    struct decision_group *group = &lab->groups[index];

    strcpy(group->name, name);
    group->policy = *lab_policy();
    group->n_members = 3;
    for (uint32_t i = 0; i < 3; i++) {
        group->members[i].zone = i;
        group->members[i].capacity = 100;
        group->members[i].n_targets = 1;
        group->members[i].targets[0] = fleet_find_target(lab->fleet, targets[i]);
    }
}

static inline void lab_fleet(struct lab *lab)
{
    static const char *const zones[] = {"a", "b", "c"};
    struct fl_error err = {""};

    assert_int_equal(fleet_new(&lab->fleet), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(fleet_add_zone(lab->fleet, zones[i], &err), 0);
    assert_int_equal(fleet_add_place(lab->fleet, "storage", &err), 0);
    for (size_t i = 0; i < 6; i++) {
        char name[8];

        (void)snprintf(name, sizeof(name), "%s%zu", zones[i / 2], i % 2 + 1);
        assert_int_equal(fleet_add_agent(lab->fleet, name, zones[i / 2], &err), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        char name[8];

        (void)snprintf(name, sizeof(name), "web-%s", zones[i]);
        assert_int_equal(fleet_add_target(lab->fleet, name, TARGET_SERVICE, zones[i], "farm", &err),
                         0);
        assert_int_equal(
            fleet_add_probe(lab->fleet, name, "get", "http", FL_SECOND, FL_SECOND, &err), 0);
    }
    assert_int_equal(
        fleet_add_target(lab->fleet, "vol-1", TARGET_STORAGE, "storage", "array", &err), 0);
    assert_int_equal(fleet_add_probe(lab->fleet, "vol-1", "rw", "nbd", FL_SECOND, FL_SECOND, &err),
                     0);
    assert_int_equal(fleet_seal(lab->fleet, FL_SECOND, FL_SECOND, &err), 0);
}

/* Before lab_start the settings may be changed. */
static inline struct lab *lab_new(void)
{
    struct lab *lab = calloc(1, sizeof(*lab));

    assert_non_null(lab);
    lab_fleet(lab);
    lab->settings = (struct decision_settings){.enabled = true,
                                               .max_moves = 3,
                                               .moves_window_us = 300 * FL_SECOND,
                                               .takeover_us = 2 * FL_SECOND,
                                               .n_groups = 1,
                                               .groups = lab->groups};
    lab_group(lab, 0, "shop");
    lab->now = LAB_START;
    return lab;
}

static inline void lab_free(struct lab *lab)
{
    decider_free(lab->decider);
    decision_look_free(lab->look);
    fleet_free(lab->fleet);
    free(lab);
}

static inline void lab_step(struct lab *lab, struct decision_event event)
{
    struct decision_update update;

    event.t_us = lab->now;
    decider_step(lab->decider, &event, &update);
    for (size_t i = 0; i < update.n_records && lab->n_records < LAB_RECORDS; i++)
        lab->records[lab->n_records++] = update.records[i];
    for (size_t i = 0; i < update.n_questions; i++)
        lab->question = update.questions[i];
    lab->n_questions += update.n_questions;
}

static inline void lab_look(struct lab *lab)
{
    lab_step(lab, (struct decision_event){.type = DECISION_LOOK, .look = lab->look});
}

static inline void lab_pass(struct lab *lab, int64_t us)
{
    fl_time end = lab->now + us;

    while (lab->now < end) {
        lab->now += end - lab->now < FL_SECOND ? end - lab->now : FL_SECOND;
        lab_look(lab);
    }
}

static inline struct decision_sight *lab_sight(struct lab *lab, size_t member, size_t zone)
{
    return &lab->look->from[member * lab->look->n_zones + zone];
}

/* Zone `from` sees the member's targets like this, by both of its agents. */
static inline void lab_sees(struct lab *lab, size_t member, size_t from, uint32_t samples,
                            uint32_t faults)
{
    *lab_sight(lab, member, from) = (struct decision_sight){.samples = samples,
                                                            .faults = faults,
                                                            .agents = samples > 0 ? 2 : 0,
                                                            .witnesses = faults > 0 ? 2 : 0,
                                                            .disqualified = samples > 0 ? 0 : 2};
    lab->look->good_targets[member] = faults * 100 < 20 * samples;
}

static inline void lab_all_see(struct lab *lab, size_t member, uint32_t samples, uint32_t faults)
{
    for (size_t zone = 0; zone < 3; zone++)
        lab_sees(lab, member, zone, samples, faults);
}

static inline void lab_all_well(struct lab *lab)
{
    for (size_t member = 0; member < lab->look->n_members; member++)
        lab_all_see(lab, member, 20, 0);
}

/* The coordinator holds the lease, all is well, and the times of beginning are over. */
static inline void lab_start(struct lab *lab)
{
    assert_int_equal(decider_new(&lab->settings, lab->fleet, &lab->decider), 0);
    assert_int_equal(decision_look_new(&lab->settings, lab->fleet->n_zones, &lab->look), 0);
    lab_all_well(lab);
    lab_step(lab, (struct decision_event){.type = DECISION_AUTHORITY, .held = true});
    lab_pass(lab, 10 * FL_SECOND);
}

static inline void lab_verdict(struct lab *lab, enum verdict_event_type type, uint64_t id,
                               enum verdict_class class, const char *component)
{
    struct verdict_event event = {.t_us = lab->now, .type = type};

    event.verdict.id = id;
    event.verdict.class = class;
    event.verdict.confidence = 0.95;
    event.verdict.since_us = lab->now - 2 * FL_SECOND;
    (void)snprintf(event.verdict.component, FL_COMPONENT_SIZE, "%s", component);
    lab_step(lab, (struct decision_event){.type = DECISION_VERDICT, .verdict = &event});
}

/* The member's target is down for everybody, and a verdict says so. */
static inline void lab_break(struct lab *lab, size_t member, uint64_t id)
{
    char component[16];

    (void)snprintf(component, sizeof(component), "target:web-%c", (char)('a' + member));
    lab_all_see(lab, member, 6, 6);
    lab_verdict(lab, VERDICT_OPEN, id, VERDICT_SERVICE, component);
    lab_look(lab);
}

static inline void lab_mend(struct lab *lab, size_t member, uint64_t id)
{
    char component[16];

    (void)snprintf(component, sizeof(component), "target:web-%c", (char)('a' + member));
    lab_all_see(lab, member, 20, 0);
    lab_verdict(lab, VERDICT_CLOSE, id, VERDICT_SERVICE, component);
    lab_look(lab);
}

static inline void lab_person(struct lab *lab, uint32_t member, enum decision_act act,
                              int64_t for_us)
{
    lab_step(lab, (struct decision_event){.type = DECISION_OPERATOR,
                                          .member = member,
                                          .act = act,
                                          .until_us = lab->now + for_us});
}

static inline struct decision lab_says(const struct lab *lab, uint32_t member)
{
    struct decision decision;

    decider_at(lab->decider, 0, member, lab->now, &decision);
    return decision;
}

static inline void assert_says(const struct lab *lab, uint32_t member, enum decision_state state,
                               enum decision_reason reason)
{
    struct decision decision = lab_says(lab, member);

    assert_string_equal(decision_reason_name(decision.reason), decision_reason_name(reason));
    assert_string_equal(decision_state_name(decision.state), decision_state_name(state));
}

/* Was a move withheld for this reason? */
static inline const struct decision *lab_withheld(const struct lab *lab,
                                                  enum decision_reason reason)
{
    for (size_t i = lab->n_records; i-- > 0;)
        if (lab->records[i].type == DECISION_WITHHELD && lab->records[i].decision.reason == reason)
            return &lab->records[i].decision;
    return NULL;
}
