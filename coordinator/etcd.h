/* etcd, version 3.4 and later, through its JSON gateway: requests on the loop, one answer each.
 * Who does not answer in time is left for the next endpoint. */
#pragma once

#include "coordinator/config_lease.h"
#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define ETCD_REQUESTS 32 /* under way at once: several times what one of each kind makes */

struct etcd;
struct event_base;

struct etcd_stats {
    uint64_t answers, failures;
    const char *endpoint; /* that is asked now */
    char last_error[256]; /* "": none yet */
};

/* One key, as it was read; valid during the call. */
struct etcd_key {
    const char *name, *value; /* each NUL-terminated */
    uint64_t create_revision, mod_revision, lease;
};

/* `answer` NULL: there is none. `sent_us`: of the monotonic clock. */
typedef void (*etcd_done_cb)(const json_t *answer, int64_t sent_us, uint64_t tag, void *arg);

/* The configuration is borrowed. */
int etcd_new(struct event_base *base, const struct config_lease *config, struct etcd **ret,
             struct fl_error *err);
/* What is under way is given up; nobody is called any more. */
struct etcd *etcd_free(struct etcd *etcd);
FL_DEFINE_FREEP(struct etcd, etcd)

/* POST `body`, which is taken over and may be NULL for want of memory. `done` is called once, and
 * never from in here. */
void etcd_post(struct etcd *etcd, const char *path, json_t *body, etcd_done_cb done, uint64_t tag,
               void *arg);
/* Posts and waits for the answer, at most so long; for the end of a process. */
void etcd_post_last(struct etcd *etcd, const char *path, json_t *body, int64_t timeout_us);
void etcd_stats(const struct etcd *etcd, struct etcd_stats *ret);

/* Parts of a transaction; each a new reference, or NULL. */
json_t *etcd_txn(json_t *compare, json_t *success, json_t *failure); /* arrays, taken over */
/* `target`: "CREATE" or "MOD"; revision 0: the key is not there. */
json_t *etcd_compare(const char *key, const char *target, uint64_t revision);
json_t *etcd_put(const char *key, const char *value, uint64_t lease); /* 0: without one */
json_t *etcd_delete(const char *key);
json_t *etcd_range(const char *key);
/* All whose names begin so, and that changed at this revision or later. */
json_t *etcd_range_prefix(const char *prefix, uint64_t min_mod_revision);

/* A number of an answer, which are written as text; 0: it is not there. */
uint64_t etcd_number(const json_t *object, const char *name);
uint64_t etcd_revision(const json_t *answer);
bool etcd_succeeded(const json_t *answer); /* a transaction's comparison */
/* Each key of the range that was the transaction's operation `index`. */
void etcd_each(const json_t *answer, size_t index,
               void (*visit)(const struct etcd_key *key, void *arg), void *arg);
