/* The whole judgement as one pure machine: fleet -> window -> correlator -> incident. Events in,
 * verdict events out; time comes in with the event. Live ingest, `faultline replay`, the
 * simulator and the fuzzer all drive this and nothing else.
 *
 * The caller steps DEADLINE at (not after) each deadline that a step announced, before any event
 * that is later than it; engine_step does so by itself for results and host samples whose rx_us
 * lies beyond the deadline, so a caller with a steady flow needs DEADLINE only when it is quiet. */
#pragma once

#include "coordinator/core/fleet.h"
#include "coordinator/core/verdict.h"
#include "proto/types/fl_host.h"
#include "proto/types/fl_result.h"

struct engine;
struct question;

enum engine_event_type {
    ENGINE_RESULT,   /* a result of `agent`; its rx_us is the event's time */
    ENGINE_HOST,     /* a host sample of `agent`; likewise */
    ENGINE_DEADLINE, /* time has come to t_us */
};

struct engine_event {
    enum engine_event_type type;
    fl_time t_us;   /* never less than the event before; a lesser one is taken as equal */
    uint32_t agent; /* index in the fleet */
    const struct fl_result *result;
    const struct fl_host_sample *host;
};

struct engine_update {
    const struct verdict_event *events; /* valid until the next step */
    size_t n_events;
    fl_time next_deadline_us;
};

/* What one (agent, series) looks like now, for the matrix. */
struct engine_series_state {
    bool seen;
    bool fresh; /* a result within three intervals */
    bool ok;
    enum fl_layer layer;
    enum fl_failure failure;
    int64_t took_us;
    int64_t phase_us[FL_LAYERS]; /* FL_ABSENT: it did not complete */
    struct fl_facts facts;       /* with the certificate that it showed last */
    fl_time t_us;
};

/* What one (agent, series) saw since a time. */
struct engine_count {
    uint32_t samples, faults; /* anything but plain success is a fault */
    uint32_t local;           /* failed on the agent itself: in neither of the two */
};

/* What one agent looks like now. */
struct engine_agent_state {
    bool seen;
    bool silent;
    fl_time last_rx_us;
    struct fl_host_sample host; /* the last one */
};

/* The fleet is borrowed and must outlive the engine. `first_id` is the id of the first incident
 * (one more than the last in history). */
int engine_new(const struct fleet *fleet, uint64_t first_id, struct engine **ret,
               struct fl_error *err);
struct engine *engine_free(struct engine *engine);
FL_DEFINE_FREEP(struct engine, engine)

/* A new engine goes on where another is, by names: what is known of the series that both fleets
 * have, what hosts are like, which incidents are open. Call it before the first step. Without
 * memory for a series it begins anew. */
void engine_inherit(struct engine *engine, const struct engine *from);

/* Cannot fail: what does not belong to the fleet is counted and ignored. */
void engine_step(struct engine *engine, const struct engine_event *event,
                 struct engine_update *ret_update);

/* Probes that would tell what stands apart, if they were run now; of the last step, valid until
 * the next one. Who can have them run does, and hands in the results as ENGINE_RESULT. */
size_t engine_questions(const struct engine *engine, const struct question **ret_questions);

/* Open verdicts, in order of id; valid until the next step. */
size_t engine_open(const struct engine *engine, const struct verdict **ret_verdicts);

void engine_series_state(const struct engine *engine, uint32_t agent, uint32_t probe_index,
                         struct engine_series_state *ret);
void engine_series_count(const struct engine *engine, uint32_t agent, uint32_t probe_index,
                         fl_time since_us, struct engine_count *ret);
void engine_agent_state(const struct engine *engine, uint32_t agent,
                        struct engine_agent_state *ret);
uint64_t engine_ignored(const struct engine *engine); /* results and samples not of this fleet */
