/* Answers that may be given again for a moment, as they go over the wire: what many ask for is
 * made once. Bounded in number and bytes. Pure. */
#pragma once

#include "proto/types/fl_cleanup.h"

#include <stddef.h>
#include <stdint.h>

#define REPLY_KEY_SIZE 512

/* A body that is kept, in a form. */
struct reply_body {
    char type[64]; /* media type */
    char etag[32];
    const char *policy; /* Content-Security-Policy of a page, static; NULL: the usual one */
    char *plain, *gzip; /* gzip NULL: not made, or not worth it */
    size_t plain_size, gzip_size;
};

struct reply_cache;

int reply_cache_new(struct reply_cache **ret);
struct reply_cache *reply_cache_free(struct reply_cache *cache);
FL_DEFINE_FREEP(struct reply_cache, reply_cache)

/* NULL: there is none that is still good at now_us. Valid until the next put. */
const struct reply_body *reply_cache_get(struct reply_cache *cache, const char *key,
                                         int64_t now_us);
/* Takes the body over, also when it cannot be kept. */
void reply_cache_put(struct reply_cache *cache, const char *key, int64_t until_us,
                     struct reply_body *body);
/* Something has happened that makes what is kept old. */
void reply_cache_clear(struct reply_cache *cache);
void reply_body_done(struct reply_body *body);
