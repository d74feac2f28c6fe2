/* What the two benches share: a large regular fleet and made-up results of it. */
#pragma once

#include "coordinator/core/engine.h"

#include <sys/types.h>

#define BENCH_EPOCH_US INT64_C(1700000000000000)

/* `zones` zones with an agent each, `targets` services in turn in each of them, all at 1 s; the
 * mesh at 10 s. Exits without memory. */
struct fleet *bench_fleet(uint32_t zones, uint32_t targets);

/* The result of one probe at a time; `fails`: no answer to the first packets. */
void bench_result(const struct fleet *fleet, uint32_t probe, fl_time t_us, uint64_t *noise,
                  bool fails, struct fl_result *ret);

double bench_cpu_ms(void);  /* of this process so far */
double bench_rss_mib(void); /* now */

/* Run in a process of its own, so that memory is its alone. The exit status of `run`. */
int bench_apart(int (*run)(const void *arg), const void *arg);

int bench_throughput(uint64_t results); /* the exit status */
int bench_steps(uint64_t most_pairs);
