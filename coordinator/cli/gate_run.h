/* A gate while it runs: asks agents in all zones at a raised rate, gathers what comes by zone, and
 * holds it against the limits. */
#pragma once

#include "coordinator/cli/api_client.h"
#include "coordinator/core/gate.h"
#include "proto/types/fl_limits.h"

#define GATE_FAULT_SIZE 512
#define GATE_SENTENCE_SIZE 768

/* As it was called. */
struct gate_call {
    const char *group;   /* NULL: `targets` */
    const char *targets; /* "A,B/probe" */
    const char *zones;   /* "A,B"; NULL: all */
    int64_t for_us, interval_us, timeout_us;
    int64_t against_us; /* so long ago; 0: not compared */
    struct gate_limits limits;
};

struct gate_view {
    char name[FL_NAME_SIZE];
    struct gate_limits limits; /* with the number of its own probes */
    struct gate_zone seen;
    enum gate_state state;
    enum gate_reason reason;
    int64_t *took_us; /* of successes; owned */
    size_t n_took, room;
    uint64_t n_replaced; /* of those times, once there are as many as are kept */
    uint64_t of_network; /* errors that a network makes as well */
    uint64_t expected;   /* probes of the asks that were begun */
    char last_error[80]; /* "timeout at connect" */
};

struct gate_run {
    const struct gate_call *call;
    struct api_client *client;
    size_t n_zones;
    struct gate_view *zones;
    int64_t began_us; /* monotonic */
    int64_t lasted_us;
    uint64_t repeats, begun; /* in all, and of the asks that were begun */
    size_t n_asks;
    struct gate_ask *asks;
    enum gate_state state;
    bool fault_elsewhere;
    char fault[GATE_FAULT_SIZE];   /* the verdict that touches what is probed; "" none */
    char refusal[GATE_FAULT_SIZE]; /* the last reason of an agent not to run it */
};

/* Run it. `look` is called now and then, for who shows it. 0, or negative with the reason why it
 * could not be run, as api_client_get. gate_run_done either way. */
int gate_run(const struct gate_call *call, struct api_client *client, struct gate_run *run,
             void (*look)(const struct gate_run *run, void *arg), void *arg, struct fl_error *err);
void gate_run_done(struct gate_run *run);

/* A quantile of the successes of a zone; 0 without any. */
int64_t gate_view_quantile(const struct gate_view *view, double quantile);

/* What is to be said of one zone. */
void gate_view_sentence(const struct gate_view *view, char *text, size_t size);

/* What came of it, in one sentence. */
void gate_run_sentence(const struct gate_run *run, char sentence[GATE_SENTENCE_SIZE]);

const char *gate_state_name(enum gate_state state); /* "going" "pass" "fail" "unsure" */
