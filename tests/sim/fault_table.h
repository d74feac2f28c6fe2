/* Every kind of fault that the random scenarios know, one row each: where it can be, what it
 * does, what is right to say of it. */
#pragma once

#include "tests/sim/sim.h"

/* What a scenario is about. The mixed families together are what F1 is asked of; the traps look
 * like something else than they are. */
enum scenario_family {
    SCENARIO_NONE,
    SCENARIO_BLIP, /* shorter than an interval: nothing is to be said */
    SCENARIO_NETWORK,
    SCENARIO_DIRECTION, /* one way only, some flows only, large packets only */
    SCENARIO_STORAGE,
    SCENARIO_SERVICE,
    SCENARIO_DNS,
    SCENARIO_TLS,
    SCENARIO_HOST,
    SCENARIO_MONITORING,
    SCENARIO_DOUBLE,
    SCENARIO_TRIPLE,
    SCENARIO_GRAY,            /* few probes suffer: how soon, against what can be known */
    SCENARIO_TRAP_REPLY,      /* loss on the reply path alone */
    SCENARIO_TRAP_PROXY,      /* what acknowledges for a dead backend */
    SCENARIO_TRAP_INNER,      /* a fault in the storage's own network */
    SCENARIO_TRAP_BURSTS,     /* a fault among bursts of loss everywhere */
    SCENARIO_TRAP_RESTARTS,   /* a fault while targets and agents restart in turn */
    SCENARIO_TRAP_JOBS,       /* a fault among periodic jobs and pauses of the coordinator */
    SCENARIO_TRAP_FROM_START, /* a fault older than the trace; a target that never worked */
    SCENARIO_TRAP_FLAPPING,   /* comes and goes: one incident */
    SCENARIO_QUIET,           /* an hour of everything that normal life has */
    SCENARIO_FAMILIES
};

enum fault_place {
    AT_ANY_WAY, /* zone, place or path */
    AT_PATH,    /* between two zones, or a zone and a place */
    AT_FAR_WAY, /* a path or place that a TCP target lies behind */
    AT_ZONE_EXIT,
    AT_OUTSIDE,
    AT_STORAGE, /* target or backend */
    AT_VOLUME,  /* a storage target */
    AT_BACKEND,
    AT_STEPPED, /* a storage target whose steps are timed */
    AT_SERVICE, /* that speaks http or https */
    AT_TLS,
    AT_NAMED,
    AT_NAME_SERVER,
    AT_RESOLVER,
    AT_HOST,
    AT_LINK,
};

#define FAULT_MAX_CAUSES 4

struct fault_kind {
    const char *name;
    enum scenario_family family; /* where it is drawn from */
    enum fault_place at;
    enum sim_effect effect;
    enum fl_failure failure;
    double share[2]; /* least and most */
    double extra_ms[2];
    double factor[2];
    double flows[2];
    bool one_way;
    enum sim_direction way; /* if one way: SIM_BOTH draws which */
    unsigned steps;
    enum verdict_class class;                    /* the class of what it is */
    int other_class;                             /* also right; -1: none */
    enum verdict_cause causes[FAULT_MAX_CAUSES]; /* any is right; CAUSE_NONE ends */
    bool gray;                                   /* few of the probes that touch it suffer */
};

extern const struct fault_kind fault_table[];
extern const size_t fault_kinds;

const char *scenario_family_name(enum scenario_family family);
/* -1 if there is none. */
int scenario_family_parse(const char *name);
