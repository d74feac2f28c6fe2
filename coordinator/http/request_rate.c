#include "coordinator/http/request_rate.h"

#include "proto/types/fl_time.h"

#include <errno.h>
#include <stdlib.h>

#define SETS 1024 /* a power of two */
#define WAYS 8

struct bucket {
    uint64_t client;
    int64_t last_us; /* 0: free */
    int64_t credit;  /* in microseconds' worth of the rate */
};

struct request_rate {
    uint32_t rate;
    struct bucket buckets[SETS][WAYS];
};

int request_rate_new(uint32_t rate, struct request_rate **ret)
{
    struct request_rate *all = calloc(1, sizeof(*all));

    if (!all)
        return -ENOMEM;
    all->rate = rate;
    *ret = all;
    return 0;
}

struct request_rate *request_rate_free(struct request_rate *rate)
{
    free(rate);
    return NULL;
}

/* The client's bucket, or the one of its set that was used longest ago, made its own. */
static struct bucket *bucket_of(struct request_rate *rate, uint64_t client, int64_t full)
{
    struct bucket *set = rate->buckets[(client * 0x9e3779b97f4a7c15u) >> 54], *oldest = set;

    for (struct bucket *bucket = set; bucket < set + WAYS; bucket++) {
        if (bucket->client == client && bucket->last_us)
            return bucket;
        if (bucket->last_us < oldest->last_us)
            oldest = bucket;
    }
    *oldest = (struct bucket){.client = client, .credit = full};
    return oldest;
}

bool request_rate_take(struct request_rate *rate, uint64_t client, int64_t now_us)
{
    int64_t full = 2 * FL_SECOND, price = FL_SECOND / rate->rate;
    struct bucket *bucket = bucket_of(rate, client, full);

    if (bucket->last_us && now_us > bucket->last_us)
        bucket->credit += now_us - bucket->last_us < full ? now_us - bucket->last_us : full;
    if (bucket->credit > full)
        bucket->credit = full;
    bucket->last_us = now_us;
    if (bucket->credit < price)
        return false;
    bucket->credit -= price;
    return true;
}
