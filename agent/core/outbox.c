#include "agent/core/outbox.h"

#include <errno.h>
#include <stdlib.h>

struct outbox {
    uint64_t next_sequence;
    bool away;
    int64_t first_us;   /* when the oldest came; meaningful while anything is there */
    int64_t failure_us; /* when the first failure came, OUTBOX_NEVER for none */
    size_t n_results, n_hosts;
    struct fl_result results[OUTBOX_RESULTS];
    struct fl_host_sample hosts[OUTBOX_HOSTS];
};

static bool empty(const struct outbox *outbox)
{
    return outbox->n_results == 0 && outbox->n_hosts == 0;
}

bool outbox_add_result(struct outbox *outbox, const struct fl_result *result, int64_t now_us)
{
    if (outbox->n_results == OUTBOX_RESULTS)
        return false;
    if (empty(outbox))
        outbox->first_us = now_us;
    if (!result->ok && outbox->failure_us == OUTBOX_NEVER)
        outbox->failure_us = now_us;
    outbox->results[outbox->n_results++] = *result;
    return true;
}

bool outbox_add_host(struct outbox *outbox, const struct fl_host_sample *sample, int64_t now_us)
{
    if (outbox->n_hosts == OUTBOX_HOSTS)
        return false;
    if (empty(outbox))
        outbox->first_us = now_us;
    outbox->hosts[outbox->n_hosts++] = *sample;
    return true;
}

void outbox_set_away(struct outbox *outbox, bool away)
{
    outbox->away = away;
}

int64_t outbox_deadline(const struct outbox *outbox)
{
    int64_t due;

    if (empty(outbox))
        return OUTBOX_NEVER;
    if (outbox->n_results == OUTBOX_RESULTS || outbox->n_hosts == OUTBOX_HOSTS)
        return outbox->first_us;
    if (outbox->away)
        return outbox->first_us + OUTBOX_AWAY_DELAY_US;
    due = outbox->first_us + OUTBOX_DELAY_US;
    if (outbox->failure_us != OUTBOX_NEVER && outbox->failure_us + OUTBOX_FAILURE_DELAY_US < due)
        due = outbox->failure_us + OUTBOX_FAILURE_DELAY_US;
    return due;
}

bool outbox_take(struct outbox *outbox, struct outbox_batch *ret)
{
    if (empty(outbox))
        return false;
    *ret = (struct outbox_batch){
        .sequence = outbox->next_sequence++,
        .n_results = outbox->n_results,
        .results = outbox->results,
        .n_hosts = outbox->n_hosts,
        .hosts = outbox->hosts,
    };
    outbox->n_results = 0;
    outbox->n_hosts = 0;
    outbox->failure_us = OUTBOX_NEVER;
    return true;
}

int outbox_new(struct outbox **ret)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));

    if (!outbox)
        return -ENOMEM;
    outbox->next_sequence = 1;
    outbox->failure_us = OUTBOX_NEVER;
    *ret = outbox;
    return 0;
}

struct outbox *outbox_free(struct outbox *outbox)
{
    free(outbox);
    return NULL;
}
