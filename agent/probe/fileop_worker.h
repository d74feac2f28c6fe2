/* A worker process (agent/fileop), as the agent sees it: asked for a round, it reports each step.
 * One that hangs in the kernel cannot be ended; it is then left to itself, counted until the
 * kernel lets it go, and reaped. */
#pragma once

#include "agent/fileop/fileop.h"

#include <stdbool.h>
#include <stddef.h>

#define FILEOP_MAX_WORKERS 64 /* alive at once, those that cannot be ended included */

struct event_base;
struct fileop_worker;

/* A step is over; `report` NULL: the worker died. Never from inside a call to the worker, which
 * may be let go from inside this one. */
typedef void (*fileop_report_cb)(const struct fileop_report *report, void *arg);

struct fileop_job {
    const char *kind; /* "file" or "block" */
    const char *path; /* directory or device */
    const char *name; /* of the file to use in it; for a device the offset in bytes */
    size_t size;
    bool flag; /* file: the directory must be a mount point; block: may be written */
};

/* The program of the worker: beside this one when it is run from where it was built, else where it
 * is installed. */
void fileop_worker_find(char *ret, size_t size);

/* Start `program`. 0 or a negative errno, -EAGAIN when there are too many already. `job` is
 * borrowed until the call returns. */
int fileop_worker_new(struct event_base *base, const char *program, const struct fileop_job *job,
                      fileop_report_cb report, void *arg, struct fileop_worker **ret);

/* Let go: no report comes any more. It tidies up and ends by itself after the round that is under
 * way; one that hangs is killed, as far as the kernel lets it. Accepts NULL. */
void fileop_worker_release(struct fileop_worker *worker, bool hangs);

/* Ask for a round. 0 or a negative errno: then it is of no more use. */
int fileop_worker_ask(struct fileop_worker *worker, uint64_t seed);

/* Where in the kernel it waits (its wait channel): the name of a function, "0" when it waits
 * nowhere or the kernel does not tell, "" when it is gone. */
void fileop_worker_where(const struct fileop_worker *worker, char *ret, size_t size);

size_t fileop_worker_count(void); /* alive now */
