/* A token bucket: so many a second, so many at once. Time comes with the call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct fl_bucket {
    int64_t rate;   /* tokens a second; 0: none ever */
    int64_t burst;  /* tokens that a full one has */
    int64_t credit; /* in millionths of a token */
    int64_t last_us;
};

/* Full. `rate` and `burst` up to a million. */
void fl_bucket_init(struct fl_bucket *bucket, int64_t rate, int64_t burst, int64_t now_us);

/* Take one; false: there is none. A clock that goes back gives none. */
bool fl_bucket_take(struct fl_bucket *bucket, int64_t now_us);

/* Is there one? Nothing is taken. */
bool fl_bucket_has(const struct fl_bucket *bucket, int64_t now_us);
