/* What an agent's host said of itself, boiled down to what verdicts ask: is it flooded, starved,
 * heard? Rates are held against the host's own normal, learned while nothing is wrong. */
#pragma once

#include "proto/types/fl_host.h"

#include <stdbool.h>

struct witness {
    bool seen;
    fl_time last_rx_us;                             /* anything at all from the agent */
    int64_t shortest_us;                            /* between two probes of a series; 0: none */
    fl_time looked_us;                              /* when it was last said whether it is heard */
    bool silent;                                    /* as was said then */
    struct fl_host_sample host;                     /* the last one */
    double udp_normal, syn_normal;                  /* a second */
    double cpu_normal, pressure_normal;             /* shares of the time */
    fl_time udp_flood_us, syn_flood_us, starved_us; /* last sample that showed it; 0: never */
    fl_time strained_us;
};

#define WITNESS_MEMORY_US (6 * FL_SECOND) /* a sign holds for this long */

/* The agent has a series of this interval. */
void witness_probes_every(struct witness *witness, int64_t interval_us);
/* The shortest of them, a minute at most. */
int64_t witness_shortest_us(const struct witness *witness);

void witness_sample(struct witness *witness, const struct fl_host_sample *sample);
bool witness_udp_flood(const struct witness *witness, fl_time now_us);
bool witness_syn_flood(const struct witness *witness, fl_time now_us);
/* Has its host no time left for it? Then what it finds late may be so by itself. */
bool witness_busy(const struct witness *witness);
/* How far its clock is ahead (less than 0: behind), as far as is known; and whether that is more
 * than travel and noise explain. */
int64_t witness_clock_error_us(const struct witness *witness);
bool witness_clock_wrong(const struct witness *witness);
bool witness_starved(const struct witness *witness, fl_time now_us);
/* Was its processor much busier than is normal for it, since then? What only this host finds slow
 * may be slow by that. */
bool witness_strained(const struct witness *witness, fl_time since_us);

/* Inbound datagrams a second, for a port or for none. */
int64_t witness_udp_rate(const struct witness *witness);
/* SYN cookies sent and connections dropped at a listener, a second. */
int64_t witness_syn_rate(const struct witness *witness);
