/* Inside the zstd frame, all numbers as varints: version, number of results, start of the first,
 * pace; then columns, each as its number, its form, its base and, unless it is constant, one number
 * a result. Columns that are not there are absent (or fine) throughout, and columns that a reader
 * does not know are passed over.
 *
 * Form PLAIN is fold(value - base), form OPTIONAL is that plus one, with 0 for absent. */
#include "coordinator/store/chunk.h"

#include "coordinator/core/varint.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define VERSION 1
#define LEVEL 3
#define SAMPLES 15 /* values that a base is chosen from */

enum form { FORM_CONSTANT, FORM_PLAIN, FORM_OPTIONAL };

/* The first ones are made from several fields; those of the table follow. Numbers are for ever. */
enum { COLUMN_GAP, COLUMN_JITTER, COLUMN_OUTCOME, COLUMN_TOOK, COLUMN_FIELDS };

static const struct {
    size_t offset;  /* of an int64_t in struct fl_result */
    int64_t absent; /* what it is when the column is not there */
} fields[] = {
    {offsetof(struct fl_result, phase_us[FL_LAYER_RESOLVE]), FL_ABSENT},
    {offsetof(struct fl_result, phase_us[FL_LAYER_CONNECT]), FL_ABSENT},
    {offsetof(struct fl_result, phase_us[FL_LAYER_TLS]), FL_ABSENT},
    {offsetof(struct fl_result, phase_us[FL_LAYER_LOGIN]), FL_ABSENT},
    {offsetof(struct fl_result, phase_us[FL_LAYER_OPERATE]), FL_ABSENT},
    {offsetof(struct fl_result, step_us[FL_STEP_WRITE]), FL_ABSENT},
    {offsetof(struct fl_result, step_us[FL_STEP_FLUSH]), FL_ABSENT},
    {offsetof(struct fl_result, step_us[FL_STEP_READ]), FL_ABSENT},
    {offsetof(struct fl_result, stalled_us), 0},
    {offsetof(struct fl_result, tcp.rtt_us), FL_ABSENT},
    {offsetof(struct fl_result, tcp.min_rtt_us), FL_ABSENT},
    {offsetof(struct fl_result, tcp.retrans), FL_ABSENT},
    {offsetof(struct fl_result, tcp.op_retrans), FL_ABSENT},
    {offsetof(struct fl_result, tcp.unacked), FL_ABSENT},
    {offsetof(struct fl_result, tcp.notsent), FL_ABSENT},
    {offsetof(struct fl_result, tcp.rx_bytes), FL_ABSENT},
    {offsetof(struct fl_result, tcp.rx_ooo), FL_ABSENT},
    {offsetof(struct fl_result, tls_resumed), FL_ABSENT},
    {offsetof(struct fl_result, facts.cert_end_s), FL_ABSENT},
    {offsetof(struct fl_result, tcp.tx_bytes), FL_ABSENT},
    {offsetof(struct fl_result, tcp.tx_acked), FL_ABSENT},
    {offsetof(struct fl_result, facts.tls_version), FL_ABSENT},
    {offsetof(struct fl_result, facts.http_status), FL_ABSENT},
    {offsetof(struct fl_result, facts.http_version), FL_ABSENT},
    {offsetof(struct fl_result, facts.http_redirects), FL_ABSENT},
};

#define COLUMNS (COLUMN_FIELDS + FL_COUNT(fields))
#define RAW_SIZE (VARINT_SIZE * (4 + COLUMNS * (3 + CHUNK_MAX_RESULTS)))

struct chunk_packer {
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
    int64_t *values; /* one column */
    uint8_t *raw, *packed;
    size_t packed_size;
};

int chunk_packer_new(struct chunk_packer **ret)
{
    FL_CLEANUP(chunk_packer_freep) struct chunk_packer *packer = calloc(1, sizeof(*packer));

    if (!packer)
        return -ENOMEM;
    packer->packed_size = ZSTD_compressBound(RAW_SIZE);
    packer->compressor = ZSTD_createCCtx();
    packer->decompressor = ZSTD_createDCtx();
    packer->values = malloc(CHUNK_MAX_RESULTS * sizeof(*packer->values));
    packer->raw = malloc(RAW_SIZE);
    packer->packed = malloc(packer->packed_size);
    if (!packer->compressor || !packer->decompressor || !packer->values || !packer->raw ||
        !packer->packed)
        return -ENOMEM;
    *ret = FL_TAKE(packer);
    return 0;
}

struct chunk_packer *chunk_packer_free(struct chunk_packer *packer)
{
    if (!packer)
        return NULL;
    ZSTD_freeCCtx(packer->compressor);
    ZSTD_freeDCtx(packer->decompressor);
    free(packer->values);
    free(packer->raw);
    free(packer->packed);
    free(packer);
    return NULL;
}

static int64_t field_of(const struct fl_result *result, size_t field)
{
    return *(const int64_t *)(const void *)((const char *)result + fields[field].offset);
}

static int64_t *field_at(struct fl_result *result, size_t field)
{
    return (int64_t *)(void *)((char *)result + fields[field].offset);
}

/* Of some of the values that are there, the one with a quarter of them below: latencies crowd at
 * their lower end. */
static int64_t lower_quarter(const int64_t *values, size_t n)
{
    size_t stride = n / SAMPLES + 1, kept = 0;
    int64_t sorted[SAMPLES + 1];

    for (size_t i = 0; i < n && kept < SAMPLES; i += stride) {
        size_t at = kept;

        if (values[i] == FL_ABSENT)
            continue;
        for (; at > 0 && sorted[at - 1] > values[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = values[i];
        kept++;
    }
    return kept ? sorted[kept / 4] : 0;
}

/* Differences wrap where they must, and wrap back. */
static int64_t minus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static enum form form_of(const int64_t *values, size_t n)
{
    enum form form = FORM_CONSTANT;

    for (size_t i = 0; i < n; i++) {
        if (values[i] == FL_ABSENT && values[0] != FL_ABSENT)
            return FORM_OPTIONAL;
        if (values[i] != values[0])
            form = values[0] == FL_ABSENT ? FORM_OPTIONAL : FORM_PLAIN;
    }
    return form;
}

/* One column; nothing when it is `usual` throughout. */
static uint8_t *put_column(uint8_t *to, unsigned number, const int64_t *values, size_t n,
                           int64_t usual)
{
    enum form form = form_of(values, n);
    int64_t base = form == FORM_CONSTANT ? values[0] : lower_quarter(values, n);

    if (form == FORM_CONSTANT && values[0] == usual)
        return to;
    to = varint_put(to, number);
    to = varint_put(to, form);
    to = varint_put(to, varint_fold(base));
    if (form == FORM_PLAIN)
        for (size_t i = 0; i < n; i++)
            to = varint_put(to, varint_fold(minus(values[i], base)));
    else if (form == FORM_OPTIONAL)
        for (size_t i = 0; i < n; i++)
            to = varint_put(to,
                            values[i] == FL_ABSENT ? 0 : varint_fold(minus(values[i], base)) + 1);
    return to;
}

static int64_t rounded(int64_t value, int64_t pace)
{
    return (value + pace / 2) / pace;
}

/* The interval at which the results follow each other, over all of them. */
static int64_t pace_of(const struct fl_result *const *results, size_t n, int64_t *scratch)
{
    int64_t usual, steps = 0, span = results[n - 1]->t_us - results[0]->t_us;

    for (size_t i = 1; i < n; i++)
        scratch[i - 1] = results[i]->t_us - results[i - 1]->t_us;
    usual = lower_quarter(scratch, n - 1);
    if (usual <= 0)
        return 1;
    for (size_t i = 1; i < n; i++)
        steps += rounded(scratch[i - 1], usual);
    return steps > 0 && span / steps > 0 ? rounded(span, steps) : 1;
}

static uint8_t *put_times(struct chunk_packer *packer, uint8_t *to,
                          const struct fl_result *const *results, size_t n, int64_t pace)
{
    fl_time first = results[0]->t_us;
    int64_t before = -1;

    for (size_t i = 0; i < n; i++) {
        int64_t step = rounded(results[i]->t_us - first, pace);

        packer->values[i] = step - before - 1;
        before = step;
    }
    to = put_column(to, COLUMN_GAP, packer->values, n, 0);
    for (size_t i = 0; i < n; i++) {
        int64_t since = results[i]->t_us - first;

        packer->values[i] = since - rounded(since, pace) * pace;
    }
    return put_column(to, COLUMN_JITTER, packer->values, n, 0);
}

static int64_t outcome_of(const struct fl_result *result)
{
    return result->ok ? 0
                      : 1 + (int64_t)result->layer + 8 * (int64_t)result->failure +
                            256 * (int64_t)result->step;
}

static int64_t sum_of(const int64_t *parts, size_t n)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        if (parts[i] != FL_ABSENT)
            sum = plus(sum, parts[i]);
    return sum;
}

/* What a field keeps besides its parts. */
static int64_t kept_of(const struct fl_result *result, size_t field)
{
    int64_t value = field_of(result, field);

    if (field != FL_LAYER_OPERATE || value == FL_ABSENT)
        return value;
    return minus(value, sum_of(result->step_us, FL_STEPS));
}

static uint8_t *put_fields(struct chunk_packer *packer, uint8_t *to,
                           const struct fl_result *const *results, size_t n)
{
    int64_t *values = packer->values;

    for (size_t i = 0; i < n; i++)
        values[i] = outcome_of(results[i]);
    to = put_column(to, COLUMN_OUTCOME, values, n, 0);
    for (size_t i = 0; i < n; i++)
        values[i] = minus(results[i]->took_us, sum_of(results[i]->phase_us, FL_LAYERS));
    to = put_column(to, COLUMN_TOOK, values, n, 0);
    for (size_t field = 0; field < FL_COUNT(fields); field++) {
        for (size_t i = 0; i < n; i++)
            values[i] = kept_of(results[i], field);
        to = put_column(to, COLUMN_FIELDS + (unsigned)field, values, n, fields[field].absent);
    }
    return to;
}

int chunk_pack(struct chunk_packer *packer, const struct fl_result *const *results, size_t n,
               const uint8_t **ret_bytes, size_t *ret_size)
{
    uint8_t *to = packer->raw;
    int64_t pace;
    size_t size;

    if (n == 0 || n > CHUNK_MAX_RESULTS)
        return -EINVAL;
    for (size_t i = 1; i < n; i++)
        if (results[i]->t_us < results[i - 1]->t_us)
            return -EINVAL;
    pace = n > 1 ? pace_of(results, n, packer->values) : 1;
    to = varint_put(to, VERSION);
    to = varint_put(to, n);
    to = varint_put(to, varint_fold(results[0]->t_us));
    to = varint_put(to, (uint64_t)pace);
    to = put_times(packer, to, results, n, pace);
    to = put_fields(packer, to, results, n);
    size = ZSTD_compressCCtx(packer->compressor, packer->packed, packer->packed_size, packer->raw,
                             (size_t)(to - packer->raw), LEVEL);
    if (ZSTD_isError(size))
        return -ENOMEM;
    *ret_bytes = packer->packed;
    *ret_size = size;
    return 0;
}

static bool get_column(struct varint_reader *reader, int64_t *values, size_t n)
{
    uint64_t form = varint_get(reader);
    int64_t base = varint_unfold(varint_get(reader));

    if (form > FORM_OPTIONAL)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint64_t number = form == FORM_CONSTANT ? 0 : varint_get(reader);

        if (form == FORM_OPTIONAL && number-- == 0)
            values[i] = FL_ABSENT;
        else
            values[i] = plus(base, varint_unfold(number));
    }
    return !reader->bad;
}

static void take_outcome(struct fl_result *result, int64_t outcome)
{
    result->ok = outcome == 0;
    if (result->ok)
        return;
    result->layer = (enum fl_layer)((outcome - 1) & 7);
    result->failure = (enum fl_failure)((outcome - 1) >> 3 & 31);
    result->step = (enum fl_step)((outcome - 1) >> 8);
}

/* Times are summed up in rx_us until both columns of them are there. */
static void take_column(struct fl_result *results, size_t n, uint64_t number, int64_t pace,
                        const int64_t *values)
{
    int64_t step = 0;

    for (size_t i = 0; i < n; i++) {
        if (number == COLUMN_GAP) {
            step = plus(step, values[i]);
            results[i].rx_us = plus(results[i].rx_us, (int64_t)((uint64_t)step * (uint64_t)pace));
        } else if (number == COLUMN_JITTER) {
            results[i].rx_us = plus(results[i].rx_us, values[i]);
        } else if (number == COLUMN_OUTCOME) {
            take_outcome(&results[i], values[i]);
        } else if (number == COLUMN_TOOK) {
            results[i].took_us = values[i];
        } else if (number < COLUMNS) {
            *field_at(&results[i], number - COLUMN_FIELDS) = values[i];
        }
    }
}

/* Put together what was kept in parts, and see whether it can have been a result. */
static bool complete(struct fl_result *result, uint32_t series)
{
    int64_t *operate = &result->phase_us[FL_LAYER_OPERATE];

    result->series = series;
    result->t_us = result->rx_us;
    result->rx_us = FL_ABSENT;
    if (*operate != FL_ABSENT)
        *operate = plus(*operate, sum_of(result->step_us, FL_STEPS));
    result->took_us = plus(result->took_us, sum_of(result->phase_us, FL_LAYERS));
    return fl_result_check(result, NULL) == 0;
}

static int read_raw(struct chunk_packer *packer, size_t size, uint32_t series,
                    struct fl_result **ret, size_t *ret_n)
{
    struct varint_reader reader = {packer->raw, packer->raw + size, false};
    uint64_t version = varint_get(&reader), n = varint_get(&reader);
    fl_time first = varint_unfold(varint_get(&reader));
    int64_t pace = (int64_t)varint_get(&reader);
    struct fl_result *results;
    bool good = true;

    if (version != VERSION || n == 0 || n > CHUNK_MAX_RESULTS || reader.bad)
        return -EBADMSG;
    results = malloc((size_t)n * sizeof(*results));
    if (!results)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        fl_result_init(&results[i]);
        results[i].ok = true;
        results[i].rx_us = plus(first, (int64_t)((uint64_t)i * (uint64_t)pace));
    }
    while (good && reader.at < reader.end) {
        uint64_t number = varint_get(&reader);

        good = get_column(&reader, packer->values, (size_t)n);
        if (good)
            take_column(results, (size_t)n, number, pace, packer->values);
    }
    for (size_t i = 0; good && i < n; i++)
        good = complete(&results[i], series);
    if (!good) {
        free(results);
        return -EBADMSG;
    }
    *ret = results;
    *ret_n = (size_t)n;
    return 0;
}

int chunk_unpack(struct chunk_packer *packer, const uint8_t *bytes, size_t size, uint32_t series,
                 struct fl_result **ret, size_t *ret_n)
{
    size_t raw = ZSTD_decompressDCtx(packer->decompressor, packer->raw, RAW_SIZE, bytes, size);

    return ZSTD_isError(raw) ? -EBADMSG : read_raw(packer, raw, series, ret, ret_n);
}
