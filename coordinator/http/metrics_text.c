#include "coordinator/http/metrics_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_SIZE 4096 /* labels of one sample, escaped */
#define RESERVE 1024     /* beyond the limit, for what the end says */
#define FIRST_ROOM (64 * 1024)

struct metrics_text {
    enum metrics_format format;
    size_t limit;
    char *bytes;
    size_t size, room;
    uint64_t dropped;
    bool failed; /* no memory */
    const char *name, *help;
    enum metrics_kind kind;
    bool said; /* the head of the family is written */
    char labels[SAMPLE_SIZE];
    size_t labels_size;
    bool labels_cut;
};

#define OPENMETRICS "application/openmetrics-text"

/* Weight in thousandths of the media type in a field Accept; 0: not there. */
static unsigned long weight_of(const char *accept, const char *type)
{
    const char *at = accept ? strstr(accept, type) : NULL;
    size_t length = at ? strcspn(at, ",") : 0;
    const char *q = at ? strstr(at, "q=") : NULL;

    if (!at)
        return 0;
    if (!q || q > at + length)
        return 1000;
    return (unsigned long)(strtod(q + 2, NULL) * 1000);
}

enum metrics_format metrics_format_of(const char *accept)
{
    unsigned long open = weight_of(accept, OPENMETRICS);

    return open > 0 && open > weight_of(accept, "text/plain") ? METRICS_OPENMETRICS
                                                              : METRICS_PROMETHEUS;
}

const char *metrics_media_type(enum metrics_format format)
{
    return format == METRICS_OPENMETRICS ? OPENMETRICS "; version=1.0.0; charset=utf-8"
                                         : "text/plain; version=0.0.4; charset=utf-8";
}

int metrics_text_new(enum metrics_format format, size_t limit, struct metrics_text **ret)
{
    struct metrics_text *text = calloc(1, sizeof(*text));

    if (!text)
        return -ENOMEM;
    text->format = format;
    text->limit = limit;
    *ret = text;
    return 0;
}

struct metrics_text *metrics_text_free(struct metrics_text *text)
{
    if (text)
        free(text->bytes);
    free(text);
    return NULL;
}

void metrics_text_family(struct metrics_text *text, enum metrics_kind kind, const char *name,
                         const char *help)
{
    text->kind = kind;
    text->name = name;
    text->help = help;
    text->said = false;
}

static void put(struct metrics_text *text, const char *bytes, size_t size)
{
    size_t room = text->room ? text->room : FIRST_ROOM;
    char *more;

    while (room < text->size + size)
        room *= 2;
    if (room != text->room) {
        more = text->failed ? NULL : realloc(text->bytes, room);
        text->failed = !more;
        if (text->failed)
            return;
        text->bytes = more;
        text->room = room;
    }
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static void put_text(struct metrics_text *text, const char *string)
{
    put(text, string, strlen(string));
}

static void add_label_bytes(struct metrics_text *text, const char *bytes, size_t size)
{
    text->labels_cut = text->labels_cut || text->labels_size + size > sizeof(text->labels);
    if (text->labels_cut)
        return;
    memcpy(text->labels + text->labels_size, bytes, size);
    text->labels_size += size;
}

void metrics_text_label(struct metrics_text *text, const char *name, const char *value)
{
    add_label_bytes(text, ",", text->labels_size > 0);
    add_label_bytes(text, name, strlen(name));
    add_label_bytes(text, "=\"", 2);
    while (*value) {
        size_t plain = strcspn(value, "\\\"\n");

        add_label_bytes(text, value, plain);
        value += plain;
        if (*value == '\n')
            add_label_bytes(text, "\\n", 2);
        else if (*value)
            add_label_bytes(text, (const char[]){'\\', *value}, 2);
        value += *value != '\0';
    }
    add_label_bytes(text, "\"", 1);
}

static const char *ending(const struct metrics_text *text)
{
    return text->kind == METRICS_COUNTER ? "_total" : "";
}

/* OpenMetrics names the family, Prometheus text the samples. */
static void put_family_name(struct metrics_text *text)
{
    put_text(text, text->name);
    if (text->format == METRICS_PROMETHEUS)
        put_text(text, ending(text));
    put_text(text, " ");
}

static void put_head(struct metrics_text *text)
{
    put_text(text, "# HELP ");
    put_family_name(text);
    put_text(text, text->help);
    put_text(text, "\n# TYPE ");
    put_family_name(text);
    put_text(text, text->kind == METRICS_COUNTER ? "counter\n" : "gauge\n");
    text->said = true;
}

static void put_sample(struct metrics_text *text, const char *value)
{
    size_t size = strlen(text->name) + text->labels_size + strlen(value) + 16;

    if (!text->said)
        size += 2 * strlen(text->name) + strlen(text->help) + 64;
    if (text->labels_cut || text->size + size > text->limit) {
        text->dropped++;
    } else {
        if (!text->said)
            put_head(text);
        put_text(text, text->name);
        put_text(text, ending(text));
        if (text->labels_size > 0) {
            put_text(text, "{");
            put(text, text->labels, text->labels_size);
            put_text(text, "}");
        }
        put_text(text, " ");
        put_text(text, value);
        put_text(text, "\n");
    }
    text->labels_size = 0;
    text->labels_cut = false;
}

void metrics_text_count(struct metrics_text *text, uint64_t value)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%" PRIu64, value);
    put_sample(text, digits);
}

void metrics_text_millionths(struct metrics_text *text, int64_t value)
{
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[32];

    (void)snprintf(digits, sizeof(digits), "%s%" PRIu64 ".%06u", value < 0 ? "-" : "",
                   size / 1000000, (unsigned)(size % 1000000));
    put_sample(text, digits);
}

const char *metrics_text_end(struct metrics_text *text, size_t *ret_size)
{
    uint64_t dropped = text->dropped;

    text->limit += RESERVE;
    metrics_text_family(text, METRICS_GAUGE, "faultline_metrics_dropped_samples",
                        "Samples that this answer had no room for");
    metrics_text_count(text, dropped);
    if (text->format == METRICS_OPENMETRICS)
        put_text(text, "# EOF\n");
    *ret_size = text->size;
    return text->failed ? NULL : text->bytes;
}

uint64_t metrics_text_dropped(const struct metrics_text *text)
{
    return text->dropped;
}
