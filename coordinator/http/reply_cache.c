#include "coordinator/http/reply_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 32
#define MAX_BYTES (16 << 20) /* in one place */

struct place {
    char key[REPLY_KEY_SIZE];
    int64_t until_us; /* 0: free */
    struct reply_body body;
};

struct reply_cache {
    struct place places[PLACES];
};

int reply_cache_new(struct reply_cache **ret)
{
    *ret = calloc(1, sizeof(**ret));
    return *ret ? 0 : -ENOMEM;
}

void reply_body_done(struct reply_body *body)
{
    free(body->plain);
    free(body->gzip);
    *body = (struct reply_body){0};
}

struct reply_cache *reply_cache_free(struct reply_cache *cache)
{
    for (size_t i = 0; cache && i < PLACES; i++)
        reply_body_done(&cache->places[i].body);
    free(cache);
    return NULL;
}

void reply_cache_clear(struct reply_cache *cache)
{
    for (struct place *place = cache->places; place < cache->places + PLACES; place++)
        place->until_us = 0;
}

const struct reply_body *reply_cache_get(struct reply_cache *cache, const char *key, int64_t now_us)
{
    for (struct place *place = cache->places; place < cache->places + PLACES; place++)
        if (place->until_us && place->until_us >= now_us && strcmp(place->key, key) == 0)
            return &place->body;
    return NULL;
}

void reply_cache_put(struct reply_cache *cache, const char *key, int64_t until_us,
                     struct reply_body *body)
{
    struct place *place = cache->places;

    if (strlen(key) >= REPLY_KEY_SIZE || body->plain_size + body->gzip_size > MAX_BYTES) {
        reply_body_done(body);
        return;
    }
    for (struct place *other = cache->places; other < cache->places + PLACES; other++) {
        if (strcmp(other->key, key) == 0) {
            place = other;
            break;
        }
        if (other->until_us < place->until_us)
            place = other;
    }
    reply_body_done(&place->body);
    strcpy(place->key, key);
    place->until_us = until_us;
    place->body = *body;
    *body = (struct reply_body){0};
}
