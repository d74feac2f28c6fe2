#include "agent/core/outbox.h"

#include <errno.h>
#include <stdlib.h>

struct outbox {
    uint64_t next_sequence;
    bool away;
    int64_t patience_us; /* how long a batch may wait for company while all is well */
    int64_t alert_us;    /* until then there is none */
    int64_t first_us;    /* when the oldest came; meaningful while anything is there */
    int64_t wait_us;     /* how long after that this batch leaves by itself */
    int64_t urgent_us;   /* when the first came that somebody waits for, OUTBOX_NEVER for none */
    size_t n_results, n_hosts;
    struct fl_result results[OUTBOX_RESULTS];
    struct fl_host_sample hosts[OUTBOX_HOSTS];
};

static bool empty(const struct outbox *outbox)
{
    return outbox->n_results == 0 && outbox->n_hosts == 0;
}

static void begin(struct outbox *outbox, int64_t now_us)
{
    bool calm = now_us >= outbox->alert_us && outbox->patience_us > OUTBOX_DELAY_US;

    outbox->first_us = now_us;
    outbox->wait_us = calm ? outbox->patience_us : OUTBOX_DELAY_US;
}

static bool urgent(const struct fl_result *result)
{
    return !result->ok || result->took_us > OUTBOX_SLOW_US || result->tcp.op_retrans > 0;
}

bool outbox_add_result(struct outbox *outbox, const struct fl_result *result, int64_t now_us)
{
    if (outbox->n_results == OUTBOX_RESULTS)
        return false;
    if (empty(outbox))
        begin(outbox, now_us);
    if (urgent(result)) {
        outbox->alert_us = now_us + OUTBOX_ALERT_US;
        if (outbox->urgent_us == OUTBOX_NEVER)
            outbox->urgent_us = now_us;
    }
    outbox->results[outbox->n_results++] = *result;
    return true;
}

bool outbox_add_host(struct outbox *outbox, const struct fl_host_sample *sample, int64_t now_us)
{
    if (outbox->n_hosts == OUTBOX_HOSTS)
        return false;
    if (empty(outbox))
        begin(outbox, now_us);
    outbox->hosts[outbox->n_hosts++] = *sample;
    return true;
}

void outbox_set_shortest_timeout(struct outbox *outbox, int64_t timeout_us)
{
    outbox->patience_us = timeout_us < OUTBOX_CALM_US ? timeout_us : OUTBOX_CALM_US;
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
    due = outbox->first_us + outbox->wait_us;
    if (outbox->urgent_us != OUTBOX_NEVER && outbox->urgent_us + OUTBOX_HURRY_US < due)
        due = outbox->urgent_us + OUTBOX_HURRY_US;
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
    outbox->urgent_us = OUTBOX_NEVER;
    return true;
}

int outbox_new(struct outbox **ret)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));

    if (!outbox)
        return -ENOMEM;
    outbox->next_sequence = 1;
    outbox->alert_us = INT64_MIN;
    outbox->urgent_us = OUTBOX_NEVER;
    *ret = outbox;
    return 0;
}

struct outbox *outbox_free(struct outbox *outbox)
{
    free(outbox);
    return NULL;
}
