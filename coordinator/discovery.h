/* Fetches the lists of targets that the configuration names, each on its interval by a thread of
 * its own, and has the loop try what is new: a list is taken whole or not at all, and what was
 * good before stays, on disk as well. */
#pragma once

#include "coordinator/config_lists.h"
#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_time.h"

struct discovery;
struct event_base;

struct discovery_host {
    /* Read the configuration with what is tried for this list, and take it: 0, or all stays. */
    int (*take)(const char *url, void *arg, struct fl_error *err);
    void *arg;
};

struct discovery_stats {
    const char *url;
    uint64_t fetched, failed;
    fl_time good_us;        /* when it was last fetched and good; 0: not since the start */
    const char *last_error; /* "" once it is good again */
};

/* `state`: the folder, which must be there. The lists are copied. */
int discovery_new(struct event_base *base, const char *state, const struct config_lists *lists,
                  const struct discovery_host *host, struct discovery **ret, struct fl_error *err);
/* Waits for no server longer than a second. */
struct discovery *discovery_free(struct discovery *discovery);
FL_DEFINE_FREEP(struct discovery, discovery)

/* Lists whose settings are the same go on undisturbed. May be called by `take`. */
void discovery_reload(struct discovery *discovery, const struct config_lists *lists);

size_t discovery_count(const struct discovery *discovery);
void discovery_at(const struct discovery *discovery, size_t i, struct discovery_stats *ret);
