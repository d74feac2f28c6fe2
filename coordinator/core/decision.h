/* Which zones a service group should be served from: verdicts, what the zones see, what people and
 * hooks say, and time come in; for each group and zone `serve`, `avoid` or `hold` goes out, and
 * every move that was not made with its reason. Pure.
 *
 * Two questions are kept apart: is a zone at fault (decision_judge.c), and may something be done
 * about it now (decision_limits.c). Doubt in either is `hold`: leave things as they are. What a
 * consumer holds on to meanwhile is the standing decision, until it expires; then it serves. */
#pragma once

#include "coordinator/core/engine.h"

#define DECISION_MAX_GROUPS 256
#define DECISION_MAX_MEMBERS 16
#define DECISION_MAX_TARGETS 32 /* of a member, and likewise what it needs */
#define DECISION_MAX_WINDOWS 4
#define DECISION_WHY_SIZE 240
#define DECISION_LOOK_US FL_SECOND        /* between two looks at what the zones see */
#define DECISION_STALL_US (5 * FL_SECOND) /* a longer pause means that nobody was looking */

enum decision_state { DECISION_SERVE, DECISION_AVOID, DECISION_HOLD, DECISION_STATES };
enum decision_mode { DECISION_MODE_OFF, DECISION_MODE_SHADOW, DECISION_MODE_LIVE };
/* What a zone counts as that nobody sees. */
enum decision_stale { DECISION_STALE_LAST, DECISION_STALE_HEALTHY, DECISION_STALE_UNHEALTHY };

enum decision_reason {
    REASON_HEALTHY,
    REASON_FAULT,
    REASON_HOLD_DOWN,
    REASON_RETURNED,
    REASON_OPERATOR,
    REASON_OFF,
    REASON_NOT_ISSUER,
    REASON_TAKEOVER,
    REASON_STALLED,
    REASON_LAPSED,
    REASON_BLIND,
    REASON_MONITORING,
    REASON_LOCAL,
    REASON_UNSURE,
    REASON_ONE_WITNESS,
    REASON_ONE_ZONE,
    REASON_FEW_SAMPLES,
    REASON_FEW_FAULTS,
    REASON_NO_SKEW,
    REASON_SHARED,
    REASON_PANIC,
    REASON_BLOCKED,
    REASON_MAX_AVOID,
    REASON_MIN_SERVING,
    REASON_CAPACITY,
    REASON_COOL_DOWN,
    REASON_RATE,
    REASON_VETO_PENDING,
    REASON_VETO,
    DECISION_REASONS
};

const char *decision_state_name(enum decision_state state);
int decision_state_parse(const char *name); /* -1: there is none */
const char *decision_reason_name(enum decision_reason reason);

/* As configured, for one group; the meanings stand in the option table. */
struct decision_policy {
    int64_t mode;  /* enum decision_mode */
    int64_t stale; /* enum decision_stale */
    int64_t enforce_percent;
    int64_t min_serving, max_avoid, capacity;
    int64_t min_zones, min_witnesses, min_samples, min_faults;
    int64_t fault_percent, confidence_percent, panic_percent;
    int64_t hold_down_us, max_hold_down_us, flap_window_us, cool_down_us, valid_for_us;
    int64_t drain_steps, drain_interval_us;
};

struct decision_window {
    int64_t from_us, until_us; /* of the day, UTC; from > until spans midnight */
};

struct decision_member {
    uint32_t zone;
    int64_t capacity;
    size_t n_targets, n_needs;
    uint32_t targets[DECISION_MAX_TARGETS]; /* what serves there: judged from every zone */
    uint32_t needs[DECISION_MAX_TARGETS];   /* what those need: judged by the zone's own agents */
};

struct decision_group {
    char name[FL_NAME_SIZE];
    struct decision_policy policy;
    size_t n_windows;
    struct decision_window windows[DECISION_MAX_WINDOWS]; /* when nothing is moved */
    bool asks;                                            /* a command may veto */
    size_t n_members;
    struct decision_member members[DECISION_MAX_MEMBERS];
};

struct decision_settings {
    bool enabled; /* false: nobody is told to move, anywhere */
    int64_t max_moves, moves_window_us;
    int64_t takeover_us;
    size_t n_groups;
    struct decision_group *groups;
};

/* "22:00-23:30, 02:00-04:00". 0 or -EINVAL with a sentence. */
int decision_windows_parse(const char *text, struct decision_group *group, struct fl_error *err);
/* Numbers that contradict each other. 0 or -EINVAL with a sentence. */
int decision_group_check(const struct decision_settings *settings,
                         const struct decision_group *group, struct fl_error *err);
/* From the onset of a hard fault that probes of this interval and timeout meet to the decision,
 * at the worst. */
int64_t decision_worst_us(int64_t interval_us, int64_t timeout_us);

/* What the agents of one zone saw of one member since the fault began, or lately. */
struct decision_sight {
    uint32_t samples, faults; /* of agents that have a vote */
    uint32_t local;           /* failed for a reason of the agent's own: counted apart */
    uint32_t agents;          /* with a vote and at least one sample */
    uint32_t witnesses;       /* of these, saw a fault */
    uint32_t disqualified;    /* failed their own test: silent, starved, host or link at fault */
};

/* One look: [member_index * n_zones + zone], [member_index], [member_index]. */
struct decision_look {
    size_t n_zones, n_members;
    struct decision_sight *from;
    struct decision_sight *needs;
    uint32_t *good_targets;
};

int decision_look_new(const struct decision_settings *settings, size_t n_zones,
                      struct decision_look **ret);
struct decision_look *decision_look_free(struct decision_look *look);
FL_DEFINE_FREEP(struct decision_look, decision_look)

/* Both of the same settings and fleet. */
void decision_look_copy(struct decision_look *to, const struct decision_look *from);

/* What is said of one zone of one group. */
struct decision {
    char group[FL_NAME_SIZE];
    char zone[FL_NAME_SIZE];
    enum decision_state state;
    enum decision_state standing; /* serve or avoid: what to hold on to while the state is hold */
    enum decision_state would;    /* what the state would be without shadow */
    bool shadow;
    int64_t weight; /* per cent of the traffic that is its usual share */
    enum decision_reason reason;
    char why[DECISION_WHY_SIZE];
    uint64_t verdict;    /* 0: none */
    uint64_t generation; /* never goes back */
    fl_time issued_us, valid_until_us;
};

enum decision_record_type {
    DECISION_MADE,     /* another state, reason or weight than before */
    DECISION_RENEWED,  /* the same for longer */
    DECISION_WITHHELD, /* a move that was due and was not made */
};
const char *decision_record_name(enum decision_record_type type);

struct decision_record {
    enum decision_record_type type;
    fl_time t_us;
    uint32_t group, member;
    struct decision decision;
};

/* A move waits for the group's veto command. */
struct decision_question {
    uint32_t group, member;
    uint64_t verdict;
};

enum decision_event_type {
    DECISION_LOOK,
    DECISION_VERDICT,
    DECISION_OPERATOR,
    DECISION_ANSWER,
    DECISION_AUTHORITY,
    DECISION_RESTORE,
};

enum decision_act {
    DECISION_ACT_SERVE,       /* until_us: the word of a person wins until then */
    DECISION_ACT_AVOID,       /* likewise */
    DECISION_ACT_AUTO,        /* no longer */
    DECISION_ACT_ACKNOWLEDGE, /* the group's cool-down is over */
    DECISION_ACT_BLOCK,       /* until_us: nothing of the group is moved */
};
const char *decision_act_name(enum decision_act act);
int decision_act_parse(const char *name); /* -1: there is none */

struct decision_event {
    enum decision_event_type type;
    fl_time t_us; /* never less than the event before; a lesser one is taken as equal */
    const struct decision_look *look;
    const struct verdict_event *verdict;
    uint32_t group, member; /* of OPERATOR, ANSWER and RESTORE */
    enum decision_act act;
    fl_time until_us;  /* of OPERATOR; AUTHORITY: it ends by itself then, 0: it does not */
    uint64_t answered; /* the question's verdict */
    bool vetoed;
    bool held;                      /* AUTHORITY: this coordinator issues from now on, or no more */
    uint64_t generation;            /* AUTHORITY: the last one that may have been issued before */
    const struct decision *restore; /* as it stood before a restart */
};

struct decision_update {
    const struct decision_record *records; /* valid until the next step */
    size_t n_records;
    const struct decision_question *questions;
    size_t n_questions;
};

struct decider;

/* Settings and fleet are borrowed and must outlive it. */
int decider_new(const struct decision_settings *settings, const struct fleet *fleet,
                struct decider **ret);
struct decider *decider_free(struct decider *decider);
FL_DEFINE_FREEP(struct decider, decider)
/* An independent copy: for drills. */
int decider_copy(const struct decider *decider, struct decider **ret);

/* Cannot fail. */
void decider_step(struct decider *decider, const struct decision_event *event,
                  struct decision_update *ret_update);

/* The newest word on a member as it holds at `now_us`: what has expired says so. Independent of
 * any step, so that a loop that stopped turning cannot keep an old word alive. */
void decider_at(const struct decider *decider, uint32_t group, uint32_t member, fl_time now_us,
                struct decision *ret);
uint64_t decider_generation(const struct decider *decider);
/* Does this coordinator issue decisions at `now_us`? */
bool decider_issues(const struct decider *decider, fl_time now_us);
/* Generation of the newest change in the group: the index of blocking queries. */
uint64_t decider_group_generation(const struct decider *decider, uint32_t group);

/* Fill a look from what the engine has. */
void decider_look(const struct decider *decider, const struct engine *engine, fl_time now_us,
                  struct decision_look *ret);

/* A drill: a copy of the decider meets a synthetic fault of one zone, in virtual time. */
enum drill_outcome {
    DRILL_SUCCEEDED,
    DRILL_FAILED,                /* it did not move, or did not come back */
    DRILL_INTERRUPTED,           /* a real fault or a person is in the way */
    DRILL_CAPACITY_CHECK_FAILED, /* the others could not carry the load */
};
const char *drill_outcome_name(enum drill_outcome outcome);

struct drill {
    enum drill_outcome outcome;
    char why[DECISION_WHY_SIZE];
    int64_t avoided_after_us, returned_after_us; /* of the onset, of the end; FL_ABSENT: never */
    size_t n_steps;
    struct decision steps[16]; /* of that zone, in order; times are those of the drill */
};

/* 0 or -ENOMEM. */
int decider_drill(const struct decider *decider, uint32_t group, uint32_t member, fl_time now_us,
                  struct drill *ret);
