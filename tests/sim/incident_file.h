/* Documented incidents as files: a fleet, what went wrong and when, what should have been said.
 *
 *     incident: what happened, in a line
 *     fleet: fleet.yaml             # in the same folder: zones, places, agents, targets, interval
 *     faults:
 *       - {at: "path:a~store-a", what: loss, share: 30, from: 60s, until: 120s}
 *     expect:
 *       - {class: network, component: "path:a~store-a|place:store-a", cause: loss,
 *          after: 60s, by: 66s}
 *     end: 150s
 *     known: why it is not yet right
 *
 * `share` and `flows` are per cent. Each expectation names what is right, alternatives divided by
 * "|", and must be what an open incident says at some time from `after` to `by`. An incident whose
 * last verdict is none of those is wrong, and so is one that opens before `after` of the first. */
#pragma once

#include "proto/types/fl_error.h"
#include "tests/sim/sim.h"

#define INCIDENT_MAX_EXPECTED 8

struct expected {
    char *class, *component, *cause; /* "a|b"; cause "any" */
    int64_t after_us, by_us;
    bool optional; /* may be said, need not be */
};

struct incident_file {
    char *incident, *fleet, *known; /* `known` NULL: it must be right */
    int64_t end_us;
    struct sim *sim;
    size_t n_expected;
    struct expected expected[INCIDENT_MAX_EXPECTED];
};

/* On failure the sentence names file, line and field, and nothing is left allocated. */
int incident_file_load(const char *path, struct incident_file *ret, struct fl_error *err);
void incident_file_done(struct incident_file *file);
