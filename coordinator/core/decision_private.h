/* The insides of the decider, for decision*.c only. */
#pragma once

#include "coordinator/core/decision.h"
#include "coordinator/core/incident.h"

#define DECISION_FLAPS 8  /* moves remembered of a member */
#define DECISION_MOVES 64 /* moves remembered of all groups: the most that max_moves allows */
#define REASK_US (30 * FL_SECOND) /* a veto holds for so long */

/* An open verdict, without its prose. */
struct decision_fault {
    uint64_t id;
    enum verdict_class class;
    enum verdict_cause cause;
    double confidence;
    fl_time since_us;
    char component[FL_COMPONENT_SIZE];
};

enum health { HEALTH_GOOD, HEALTH_BAD, HEALTH_DOUBT, HEALTH_BLIND };

struct judgement {
    enum health health;
    bool clean;   /* so few faults that the way back may begin */
    bool failing; /* a share of faults that alone would be too much */
    enum decision_reason reason;
    uint64_t verdict;
    char why[DECISION_WHY_SIZE];
};

struct member_state {
    bool avoided;
    bool enforced;    /* the standing move is real; false: shadow */
    fl_time moved_us; /* the last move, either way; 0: none */
    fl_time good_since_us;
    fl_time backed_us; /* last step that would have moved again */
    uint64_t verdict;  /* for which it is avoided */
    fl_time moves[DECISION_FLAPS];
    uint32_t n_moves;
    enum decision_state said; /* by a person, until: */
    fl_time said_until_us;
    uint64_t asked; /* verdict of the question that is open or was answered */
    bool answered, vetoed;
    fl_time asked_us;
    uint64_t withheld_verdict; /* what was recorded last as withheld */
    enum decision_reason withheld_reason;
    bool withheld;
    struct judgement judgement;
    struct decision now;
};

struct group_state {
    fl_time last_move_us; /* cool-down counts from here; 0: none */
    fl_time blocked_until_us;
    uint64_t generation;
    bool shared, panic;
    struct member_state members[DECISION_MAX_MEMBERS];
};

struct decider {
    const struct decision_settings *settings;
    const struct fleet *fleet;
    fl_time now_us;
    fl_time look_us;      /* of the last look; 0: none yet */
    fl_time unstalled_us; /* since when looks come steadily */
    bool held;
    fl_time held_us;
    fl_time held_until_us; /* 0: until it is said otherwise */
    uint64_t generation;
    size_t n_faults;
    struct decision_fault faults[INCIDENT_MAX_OPEN];
    fl_time moves[DECISION_MOVES]; /* a ring, of all groups */
    uint32_t n_moves;
    struct group_state *groups;
    size_t *first_member;               /* of each group, in the looks */
    uint32_t *first_probe, *next_probe; /* of a target, as a list; FLEET_NONE: none */
    bool *votes;                        /* by agent: scratch of a look */
    uint32_t only;                      /* the one group of a drill; FLEET_NONE: all of them */
    struct decision_look *look;
    struct decision_record *records;
    size_t n_records, records_room;
    struct decision_question questions[DECISION_MAX_MEMBERS];
    size_t n_questions;
};

/* decision_judge.c */
void decision_judge_group(struct decider *decider, uint32_t group);
/* Does the fault touch the member: what serves in it, or what that needs? */
struct decision_touch {
    bool targets, needs;
    uint32_t from; /* the one zone whose view of the targets it explains; FLEET_NONE: of all */
};
struct decision_touch decision_touches(const struct fleet *fleet,
                                       const struct decision_member *member,
                                       const struct decision_fault *fault);
bool decision_agent_disqualified(const struct decider *decider, uint32_t agent);

/* decision_limits.c: may the member be moved away, or back? REASON_FAULT and REASON_RETURNED: yes;
 * otherwise why not, with a sentence. */
enum decision_reason decision_may_avoid(struct decider *decider, uint32_t group, uint32_t member,
                                        char why[DECISION_WHY_SIZE]);
enum decision_reason decision_may_return(const struct decider *decider, uint32_t group,
                                         uint32_t member, char why[DECISION_WHY_SIZE]);
fl_time decision_hold_down_us(const struct decider *decider, uint32_t group, uint32_t member);
void decision_note_move(struct decider *decider, uint32_t group, uint32_t member);

uint32_t decision_hash(const char *text, uint64_t number);
