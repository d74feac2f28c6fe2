#include "coordinator/core/rollup.h"

#include <errno.h>
#include <string.h>

const struct rollup_level rollup_levels[ROLLUP_LEVELS] = {
    [ROLLUP_MINUTES] = {"minutes", FL_MINUTE, 10 * FL_MINUTE},
    [ROLLUP_HOURS] = {"hours", FL_HOUR, FL_HOUR},
};

const char *rollup_measure_name(unsigned measure)
{
    if (measure == ROLLUP_WHOLE)
        return "whole";
    if (measure < ROLLUP_STEP(0))
        return fl_layer_name((enum fl_layer)(measure - 1));
    return fl_step_name((enum fl_step)(measure - ROLLUP_STEP(0)));
}

void rollup_clear(struct rollup *rollup)
{
    rollup->counts = (struct rollup_counts){0};
    for (unsigned i = 0; i < ROLLUP_MEASURES; i++)
        if (rollup->sketches[i].total > 0)
            sketch_clear(&rollup->sketches[i]);
}

void rollup_add(struct rollup *rollup, const struct fl_result *result)
{
    if (!result->ok && result->failure == FL_FAILURE_LOCAL) {
        rollup->counts.local++;
        return;
    }
    rollup->counts.samples++;
    if (result->ok) {
        rollup->counts.ok++;
        sketch_add(&rollup->sketches[ROLLUP_WHOLE], result->took_us);
    } else {
        rollup->counts.failed[result->layer]++;
    }
    for (unsigned i = 0; i < FL_LAYERS; i++)
        if (result->phase_us[i] != FL_ABSENT)
            sketch_add(&rollup->sketches[ROLLUP_LAYER(i)], result->phase_us[i]);
    for (unsigned i = 0; i < FL_STEPS; i++)
        if (result->step_us[i] != FL_ABSENT)
            sketch_add(&rollup->sketches[ROLLUP_STEP(i)], result->step_us[i]);
}

static void add_counts(struct rollup_counts *to, const struct rollup_counts *from)
{
    to->samples += from->samples;
    to->ok += from->ok;
    to->local += from->local;
    for (unsigned i = 0; i < FL_LAYERS; i++)
        to->failed[i] += from->failed[i];
}

void rollup_merge(struct rollup *rollup, const struct rollup *other)
{
    add_counts(&rollup->counts, &other->counts);
    for (unsigned i = 0; i < ROLLUP_MEASURES; i++)
        sketch_merge(&rollup->sketches[i], &other->sketches[i]);
}

/* Samples, those not fine, local ones; when some were not fine, by layer; then which sketches
 * follow, as bits, and these. */
static uint8_t *put_point(uint8_t *to, const struct rollup *point)
{
    const struct rollup_counts *counts = &point->counts;
    unsigned present = 0;

    to = varint_put(to, counts->samples);
    to = varint_put(to, counts->samples - counts->ok);
    to = varint_put(to, counts->local);
    for (unsigned i = 0; counts->ok < counts->samples && i < FL_LAYERS; i++)
        to = varint_put(to, counts->failed[i]);
    for (unsigned i = 0; i < ROLLUP_MEASURES; i++)
        present |= (point->sketches[i].total > 0) << i;
    to = varint_put(to, present);
    for (unsigned i = 0; i < ROLLUP_MEASURES; i++)
        if (present >> i & 1)
            to = sketch_encode(&point->sketches[i], to);
    return to;
}

static int get_counts(struct varint_reader *point, struct rollup_counts *ret)
{
    uint64_t samples = varint_get(point), wrong = varint_get(point);

    *ret = (struct rollup_counts){.samples = samples, .local = varint_get(point)};
    if (wrong > samples)
        return -EBADMSG;
    ret->ok = samples - wrong;
    for (unsigned i = 0; wrong > 0 && i < FL_LAYERS; i++)
        ret->failed[i] = varint_get(point);
    return point->bad ? -EBADMSG : 0;
}

int rollup_point_counts(struct varint_reader point, struct rollup_counts *ret)
{
    return get_counts(&point, ret);
}

int rollup_point_add(struct rollup *rollup, struct varint_reader point)
{
    struct rollup_counts counts;
    uint64_t present;
    int r = get_counts(&point, &counts);

    if (r < 0)
        return r;
    add_counts(&rollup->counts, &counts);
    present = varint_get(&point);
    for (unsigned i = 0; r == 0 && i < ROLLUP_MEASURES; i++)
        if (present >> i & 1)
            r = sketch_decode(&rollup->sketches[i], &point);
    return point.bad ? -EBADMSG : r;
}

/* A point is its index, its length and its bytes. */
static int put_bytes(struct rollup_row *row, unsigned index, const uint8_t *bytes, size_t size)
{
    uint8_t *to = row->bytes + row->size;

    if (row->size + size + 2 * VARINT_SIZE > ROLLUP_ROW_BYTES)
        return -E2BIG;
    to = varint_put(to, index);
    to = varint_put(to, size);
    memcpy(to, bytes, size);
    row->size = (size_t)(to - row->bytes) + size;
    return 0;
}

int rollup_row_put(struct rollup_row *row, unsigned index, const struct rollup *point)
{
    uint8_t bytes[ROLLUP_POINT_BYTES];

    return put_bytes(row, index, bytes, (size_t)(put_point(bytes, point) - bytes));
}

bool rollup_row_next(struct varint_reader *reader, unsigned *ret_index,
                     struct varint_reader *ret_point)
{
    uint64_t index, size;

    if (reader->at == reader->end)
        return false;
    index = varint_get(reader);
    size = varint_get(reader);
    reader->bad |= index >= ROLLUP_POINTS || size > (size_t)(reader->end - reader->at);
    if (reader->bad)
        return false;
    *ret_index = (unsigned)index;
    *ret_point = (struct varint_reader){reader->at, reader->at + size, false};
    reader->at += size;
    return true;
}

static int merge_points(struct rollup *scratch, unsigned index, struct varint_reader a,
                        struct varint_reader b, struct rollup_row *ret)
{
    int r;

    rollup_clear(scratch);
    r = rollup_point_add(scratch, a);
    if (r == 0)
        r = rollup_point_add(scratch, b);
    return r < 0 ? r : rollup_row_put(ret, index, scratch);
}

/* One row while two are merged. */
struct side {
    struct varint_reader reader, point;
    unsigned index; /* ROLLUP_POINTS: at its end */
};

static void advance(struct side *side)
{
    if (!rollup_row_next(&side->reader, &side->index, &side->point))
        side->index = ROLLUP_POINTS;
}

static int copy_point(struct side *side, struct rollup_row *ret)
{
    int r = put_bytes(ret, side->index, side->point.at, (size_t)(side->point.end - side->point.at));

    advance(side);
    return r;
}

int rollup_rows_merge(const struct rollup_row *a, const struct rollup_row *b,
                      struct rollup *scratch, struct rollup_row *ret)
{
    struct side x = {.reader = {a->bytes, a->bytes + a->size, false}};
    struct side y = {.reader = {b->bytes, b->bytes + b->size, false}};
    int r = 0;

    ret->size = 0;
    advance(&x);
    advance(&y);
    while (r == 0 && (x.index < ROLLUP_POINTS || y.index < ROLLUP_POINTS)) {
        if (x.index < y.index) {
            r = copy_point(&x, ret);
        } else if (y.index < x.index) {
            r = copy_point(&y, ret);
        } else {
            r = merge_points(scratch, x.index, x.point, y.point, ret);
            advance(&x);
            advance(&y);
        }
    }
    return x.reader.bad || y.reader.bad ? -EBADMSG : r;
}
