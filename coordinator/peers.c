#include "coordinator/peers.h"

#include "coordinator/coordinator.h"
#include "coordinator/decisions.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <stdlib.h>

#define CONNECTED_US (5 * FL_SECOND) /* an agent says something every second */
#define GENERATION_BITS 20           /* below the revision: decisions of one leadership */

struct peers {
    const struct coordinator *coordinator;
    struct config_lease config; /* a copy: a reload brings another */
    struct group_keys *keys;
    struct leadership *leadership;
};

static struct decisions *decisions_of(const struct peers *peers)
{
    return coordinator_decisions(peers->coordinator);
}

static void may_act(bool may, fl_time until_us, uint64_t revision, void *arg)
{
    const struct peers *peers = arg;
    int64_t left_us = may ? until_us - fl_clock_steady() : 0;

    /* what reads the book of the others first, then what acts */
    group_keys_lead(peers->keys, may);
    notifier_allow(coordinator_notifier(peers->coordinator),
                   may ? fl_clock_monotonic() + left_us : 0);
    decisions_authority(decisions_of(peers), may, until_us, may ? revision << GENERATION_BITS : 0);
}

static void decided(const struct decision *decision, void *arg)
{
    decisions_follow(decisions_of(arg), decision);
}

static void progress(struct leadership_member *ret, void *arg)
{
    const struct coordinator *coordinator = ((const struct peers *)arg)->coordinator;
    const struct ingest *ingest = coordinator_ingest(coordinator);
    size_t n = coordinator_settings(coordinator)->fleet->n_agents;
    const struct store_type *type;
    const struct verdict *open;
    struct store_stats stats;
    struct store *store;

    type = coordinator_store(coordinator, &store);
    type->stats(store, &stats);
    ret->results = stats.results;
    ret->open = engine_open(coordinator_engine(coordinator), &open);
    for (uint32_t i = 0; i < n; i++) {
        fl_time last_us = ingest_agent(ingest, i)->last_us;

        ret->agents += last_us > 0 && ret->t_us - last_us < CONNECTED_US;
        if (last_us > ret->heard_us)
            ret->heard_us = last_us;
    }
}

static void turn(void *arg)
{
    group_keys_turn(((const struct peers *)arg)->keys);
}

/* Advice outlives the last coordinator for as long as any of it may be good. */
static int64_t keep_us(const struct decision_settings *settings)
{
    int64_t longest = FL_MINUTE;

    for (size_t i = 0; i < settings->n_groups; i++)
        if (settings->groups[i].policy.valid_for_us > longest)
            longest = settings->groups[i].policy.valid_for_us;
    return longest;
}

int peers_new(const struct coordinator *coordinator, struct event_base *base, struct peers **ret,
              struct fl_error *err)
{
    const struct coordinator_config *config = coordinator_settings(coordinator);
    struct peers *peers = calloc(1, sizeof(*peers));
    const struct leadership_host host = {may_act, decided, progress, turn, peers};
    int r;

    if (!peers)
        return fl_error_set(err, -ENOMEM, "no memory for the lease");
    peers->coordinator = coordinator;
    r = config_lease_copy(&config->lease, &peers->config) < 0
            ? fl_error_set(err, -ENOMEM, "no memory for the lease")
            : 0;
    if (r == 0)
        r = group_keys_new(&peers->config, keep_us(&config->decision_settings),
                           coordinator_notifier(coordinator), &peers->keys, err);
    if (r == 0)
        r = leadership_new(base, &peers->config, &host, &peers->leadership, err);
    if (r < 0) {
        (void)peers_free(peers);
        return r;
    }
    group_keys_use(peers->keys, peers->leadership);
    decisions_write_to(decisions_of(peers), peers->keys);
    *ret = peers;
    return 0;
}

struct peers *peers_free(struct peers *peers)
{
    if (!peers)
        return NULL;
    if (peers->leadership) {
        may_act(false, 0, 0, peers);
        decisions_write_to(decisions_of(peers), NULL);
    }
    leadership_free(peers->leadership);
    group_keys_free(peers->keys);
    config_lease_done(&peers->config);
    free(peers);
    return NULL;
}

void peers_verdict(struct peers *peers, const struct verdict_event *event)
{
    group_keys_verdict(peers->keys, event);
}

struct leadership *peers_leadership(const struct peers *peers)
{
    return peers->leadership;
}

struct group_keys *peers_keys(const struct peers *peers)
{
    return peers->keys;
}
