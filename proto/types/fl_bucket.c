#include "proto/types/fl_bucket.h"

#define TOKEN INT64_C(1000000)    /* so a rate of 1 gives one millionth a microsecond */
#define LONGEST_US (1000 * TOKEN) /* fills any bucket of a rate of its burst / 1000 or more */

void fl_bucket_init(struct fl_bucket *bucket, int64_t rate, int64_t burst, int64_t now_us)
{
    *bucket = (struct fl_bucket){rate, burst, rate > 0 ? burst * TOKEN : 0, now_us};
}

static int64_t credit_at(const struct fl_bucket *bucket, int64_t now_us)
{
    int64_t passed = now_us - bucket->last_us, credit;

    if (passed <= 0)
        return bucket->credit;
    if (passed > LONGEST_US)
        passed = LONGEST_US;
    credit = bucket->credit + passed * bucket->rate;
    return credit < bucket->burst * TOKEN ? credit : bucket->burst * TOKEN;
}

bool fl_bucket_has(const struct fl_bucket *bucket, int64_t now_us)
{
    return credit_at(bucket, now_us) >= TOKEN;
}

bool fl_bucket_take(struct fl_bucket *bucket, int64_t now_us)
{
    bucket->credit = credit_at(bucket, now_us);
    if (now_us > bucket->last_us)
        bucket->last_us = now_us;
    if (bucket->credit < TOKEN)
        return false;
    bucket->credit -= TOKEN;
    return true;
}
