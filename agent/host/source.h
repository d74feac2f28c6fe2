/* The contract of a source of host counters: one file, one row in host.c. A source keeps its
 * files open, reads them again from their start for each sample and fills its own rows. A file
 * that is not there leaves its rows absent: kernels and containers differ. */
#pragma once

#include "proto/types/fl_host.h"

#include <stdbool.h>
#include <sys/types.h>

#define SOURCE_TEXT_SIZE 32768 /* of one file; what is longer is cut at a line's end */
#define SOURCE_PATH_SIZE 512

struct source_state; /* defined by each source for itself */

struct source_place {
    const char *proc;
    const char *sys;
};

struct source {
    /* 0 or -ENOMEM. `place` lives as long as the state. */
    int (*open)(const struct source_place *place, struct source_state **ret);
    /* `elapsed_us` is the time since the last sample, 0 when there was none. */
    void (*sample)(struct source_state *state, int64_t elapsed_us, struct fl_host_sample *ret);
    void (*close)(struct source_state *state); /* accepts NULL */
};

extern const struct source source_netdev;
extern const struct source source_snmp;
extern const struct source source_softnet;
extern const struct source source_disk;
extern const struct source source_cpu;
extern const struct source source_mem;
extern const struct source source_pressure;
extern const struct source source_system;

/* Name the targets that a disk's row is to carry (source_disk alone). */
void source_disk_clear_targets(struct source_state *state);
void source_disk_add_target(struct source_state *state, const char *target, const char *directory);

/* Open FOLDER/NAME for reading; -1 when that cannot be done. */
int source_open(const char *folder, const char *name);
void source_close(int *fd);

/* Read the whole file again; `text` is a string afterwards. Its length, or a negative errno. */
ssize_t source_read(int fd, char *text, size_t size);

/* Up to `n` numbers, by blanks; how many there were. For lines of the kernel, which are many. */
unsigned source_numbers(const char *text, uint64_t *values, unsigned n);

/* A counter that only grows, until the module or device behind it is loaded anew. */
struct source_counter {
    uint64_t last;
    bool known;
};

/* False when there is no difference to tell: the first reading, or it went back. */
bool source_counter_step(struct source_counter *counter, uint64_t now, uint64_t *ret_delta);

/* How many a second, FL_ABSENT when no time has passed. */
int64_t source_rate(uint64_t delta, int64_t elapsed_us);

/* `part` of `whole` in parts per million, at most 1000000; FL_ABSENT of nothing. */
int64_t source_ppm(uint64_t part, uint64_t whole);
