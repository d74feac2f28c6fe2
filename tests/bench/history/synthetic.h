/* Results as real agents make them: starts off the pace by some milliseconds, latencies that crowd
 * at their lower end with a long tail, one in a thousand gone wrong. Seven kinds of probe. */
#pragma once

#include "proto/codec/fl_codec.h"

#define SYNTHETIC_KINDS 7

enum synthetic_fields {
    SYNTHETIC_ALL,
    SYNTHETIC_PHASES, /* without steps and TCP_INFO */
    SYNTHETIC_TIME    /* start and duration alone */
};

struct synthetic;

struct synthetic *synthetic_new(size_t agents, size_t targets, uint64_t seed);
void synthetic_free(struct synthetic *synthetic);
/* The next batch of an agent: one result of each target within the second after t_us. What it
 * points at is valid until the next call. */
void synthetic_second(struct synthetic *synthetic, size_t agent, fl_time t_us,
                      struct fl_batch *ret);
/* CPU seconds that making them took. */
double synthetic_seconds(const struct synthetic *synthetic);

uint32_t synthetic_id(size_t target);
const char *synthetic_kind_name(unsigned kind);
/* One series alone, a second apart. */
void synthetic_series(uint64_t seed, unsigned kind, enum synthetic_fields fields,
                      struct fl_result *results, size_t n);
