/* How many requests each client address may send: a token bucket each, in a table of fixed size
 * in which the addresses that asked longest ago make room. Pure. */
#pragma once

#include "proto/types/fl_cleanup.h"

#include <stdbool.h>
#include <stdint.h>

struct request_rate;

/* `rate` requests a second, twice as many at once. */
int request_rate_new(uint32_t rate, struct request_rate **ret);
struct request_rate *request_rate_free(struct request_rate *rate);
FL_DEFINE_FREEP(struct request_rate, request_rate)

/* `client`: 64 bits that stand for its address. False: one too many. */
bool request_rate_take(struct request_rate *rate, uint64_t client, int64_t now_us);
