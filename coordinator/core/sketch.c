#include "coordinator/core/sketch.h"

#include <errno.h>
#include <string.h>

#define PER_DOUBLING 16
#define PER_DOUBLING_BITS 4

/* Below sixteen every value has a bucket of its own. */
static unsigned bucket_of(int64_t value)
{
    unsigned power, bucket;

    if (value < PER_DOUBLING)
        return value < 0 ? 0 : (unsigned)value;
    power = 63 - (unsigned)__builtin_clzll((unsigned long long)value);
    bucket = PER_DOUBLING * (power - PER_DOUBLING_BITS + 1) +
             (unsigned)(value >> (power - PER_DOUBLING_BITS) & (PER_DOUBLING - 1));
    return bucket < SKETCH_BUCKETS ? bucket : SKETCH_BUCKETS - 1;
}

/* Its middle. */
static int64_t value_of(unsigned bucket)
{
    unsigned shift;
    int64_t begins;

    if (bucket < 2 * PER_DOUBLING)
        return bucket;
    shift = bucket / PER_DOUBLING - 1;
    begins = (int64_t)(PER_DOUBLING + bucket % PER_DOUBLING) << shift;
    return begins + (((int64_t)1 << shift) - 1) / 2;
}

static void count(struct sketch *sketch, unsigned bucket, uint32_t n)
{
    sketch->used[bucket / 64] |= UINT64_C(1) << bucket % 64;
    sketch->counts[bucket] =
        n > UINT32_MAX - sketch->counts[bucket] ? UINT32_MAX : sketch->counts[bucket] + n;
    sketch->total += n;
}

/* The first bucket in use at or after this one; SKETCH_BUCKETS when there is none. */
static unsigned next_used(const struct sketch *sketch, unsigned bucket)
{
    for (unsigned word = bucket / 64; word < SKETCH_WORDS; word++) {
        uint64_t bits = sketch->used[word];

        if (word == bucket / 64)
            bits &= ~UINT64_C(0) << bucket % 64;
        if (bits)
            return word * 64 + (unsigned)__builtin_ctzll(bits);
    }
    return SKETCH_BUCKETS;
}

void sketch_clear(struct sketch *sketch)
{
    for (unsigned b = next_used(sketch, 0); b < SKETCH_BUCKETS; b = next_used(sketch, b + 1))
        sketch->counts[b] = 0;
    memset(sketch->used, 0, sizeof(sketch->used));
    sketch->total = 0;
}

void sketch_add(struct sketch *sketch, int64_t value)
{
    count(sketch, bucket_of(value), 1);
}

void sketch_merge(struct sketch *sketch, const struct sketch *other)
{
    for (unsigned b = next_used(other, 0); b < SKETCH_BUCKETS; b = next_used(other, b + 1))
        count(sketch, b, other->counts[b]);
}

int64_t sketch_quantile(const struct sketch *sketch, double quantile)
{
    uint64_t below = 0, wanted = (uint64_t)(quantile * (double)sketch->total);
    unsigned last = 0;

    if (sketch->total == 0)
        return -1;
    if ((double)wanted < quantile * (double)sketch->total)
        wanted++;
    for (unsigned b = next_used(sketch, 0); b < SKETCH_BUCKETS; b = next_used(sketch, b + 1)) {
        last = b;
        below += sketch->counts[b];
        if (below >= wanted)
            break;
    }
    return value_of(last);
}

/* The number of buckets; then for each how many empty ones lie before it, doubled, plus one when
 * its count follows, less two; else its count is one. */
uint8_t *sketch_encode(const struct sketch *sketch, uint8_t *to)
{
    unsigned n = 0, before = 0;

    for (unsigned word = 0; word < SKETCH_WORDS; word++)
        n += (unsigned)__builtin_popcountll(sketch->used[word]);
    to = varint_put(to, n);
    for (unsigned b = next_used(sketch, 0); b < SKETCH_BUCKETS; b = next_used(sketch, b + 1)) {
        bool many = sketch->counts[b] > 1;

        to = varint_put(to, 2 * (b - before) + many);
        if (many)
            to = varint_put(to, sketch->counts[b] - 2);
        before = b + 1;
    }
    return to;
}

int sketch_decode(struct sketch *sketch, struct varint_reader *reader)
{
    uint64_t n = varint_get(reader), bucket = 0;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t head = varint_get(reader), more = head & 1 ? varint_get(reader) + 1 : 0;

        if (reader->bad || head / 2 >= SKETCH_BUCKETS - bucket || more >= UINT32_MAX)
            return -EBADMSG;
        bucket += head / 2;
        count(sketch, (unsigned)bucket++, (uint32_t)more + 1);
        if (bucket >= SKETCH_BUCKETS && i + 1 < n)
            return -EBADMSG;
    }
    return reader->bad ? -EBADMSG : 0;
}
