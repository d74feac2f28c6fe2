#include "coordinator/cli/probe_report.h"

#include "coordinator/cli/field.h"
#include "coordinator/cli/table.h"
#include "proto/types/fl_result.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RESULT_WIDTH 22 /* "unreachable at connect" */
#define TIME_WIDTH 9
#define WIDEST_NAME 32
#define NAME_SIZE 160
#define WIRE "  - "

static int wider(int width, size_t length)
{
    if (length > WIDEST_NAME)
        length = WIDEST_NAME;
    return (int)length > width ? (int)length : width;
}

static void head(const struct probe_report *report)
{
    static const char *const layers[] = {"TOOK", "RESOLVE", "CONNECT", "TLS", "LOGIN", "OPERATE"};

    (void)fprintf(report->screen.out, "%-*s  %-*s  %-*s  %-*s", report->zone_width, "ZONE",
                  report->agent_width, "AGENT", report->probe_width, "PROBE", RESULT_WIDTH,
                  "RESULT");
    for (size_t i = 0; i < FL_COUNT(layers); i++)
        (void)fprintf(report->screen.out, "  %*s", TIME_WIDTH, layers[i]);
    (void)putc('\n', report->screen.out);
}

int probe_report_begin(struct probe_report *report, const json_t *agents, const json_t *orders)
{
    const json_t *one;
    size_t i;

    *report = (struct probe_report){.zone_width = 4, .agent_width = 5, .probe_width = 5};
    screen_init(&report->screen, stdout);
    json_array_foreach(agents, i, one)
    {
        report->zone_width = wider(report->zone_width, strlen(field_text(one, "zone")));
        report->agent_width = wider(report->agent_width, strlen(field_text(one, "agent")));
    }
    json_array_foreach(orders, i, one) report->probe_width =
        wider(report->probe_width,
              strlen(field_text(one, "target")) + strlen(field_text(one, "probe")) + 1);
    report->results = json_array();
    return report->results ? 0 : -ENOMEM;
}

void probe_report_done(struct probe_report *report)
{
    json_decref(report->results);
}

static void name_of(const json_t *result, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, "%s/%s", field_text(result, "target"),
                   field_text(result, "probe"));
}

static void pad(const struct screen *screen, size_t used, int width)
{
    (void)fprintf(screen->out, "%*s", width - (int)used + 2, "");
}

static void cell(const struct screen *screen, enum screen_style style, const char *text, int width)
{
    pad(screen, screen_text(screen, style, text, (size_t)width), width);
}

static void time_cell(const struct screen *screen, const json_t *value)
{
    char text[FL_DURATION_TEXT_SIZE] = "-";

    if (json_is_integer(value))
        (void)fl_duration_format(json_integer_value(value), text);
    (void)fprintf(screen->out, "%*s  ", TIME_WIDTH, text);
}

static void row(const struct probe_report *report, const json_t *result)
{
    const struct screen *screen = &report->screen;
    const json_t *phases = json_object_get(result, "phase_us");
    bool ok = json_is_true(json_object_get(result, "ok"));
    char name[NAME_SIZE], words[80] = "ok";

    name_of(result, name);
    if (!ok)
        (void)snprintf(words, sizeof(words), "%.40s at %.30s", field_text(result, "error"),
                       field_text(result, "layer"));
    cell(screen, STYLE_PLAIN, field_text(result, "zone"), report->zone_width);
    cell(screen, STYLE_PLAIN, field_text(result, "agent"), report->agent_width);
    cell(screen, STYLE_PLAIN, name, report->probe_width);
    cell(screen, ok ? STYLE_GOOD : STYLE_BAD, words, RESULT_WIDTH);
    time_cell(screen, json_object_get(result, "took_us"));
    for (int i = 0; i < FL_LAYERS; i++)
        time_cell(screen, json_object_get(phases, fl_layer_name((enum fl_layer)i)));
    (void)putc('\n', screen->out);
    (void)fflush(screen->out);
}

/* What the kernel knew of a request that was not answered in time. */
static void print_wire(const struct screen *screen, const json_t *result)
{
    const json_t *json = json_object_get(result, "tcp");
    struct fl_tcp tcp;

    if (strcmp(field_text(result, "error"), fl_failure_name(FL_FAILURE_TIMEOUT)) != 0)
        return;
    for (int i = 0; i < FL_TCP_FIELDS; i++) {
        const json_t *value = json_object_get(json, fl_tcp_name(i));

        *fl_tcp_field(&tcp, i) = json_is_integer(value) ? json_integer_value(value) : FL_ABSENT;
    }
    if (fl_tcp_delivered(&tcp))
        screen_paragraph(screen, WIRE,
                         "the request was delivered (%" PRId64
                         " bytes acknowledged) and nothing came back",
                         tcp.tx_acked);
    else if (tcp.tx_acked != FL_ABSENT && (tcp.tx_acked < tcp.tx_bytes || tcp.notsent > 0))
        screen_paragraph(screen, WIRE,
                         "the request was not delivered: %" PRId64 " bytes sent, %" PRId64
                         " acknowledged, %" PRId64 " waiting",
                         tcp.tx_bytes, tcp.tx_acked, tcp.notsent > 0 ? tcp.notsent : 0);
}

void probe_report_add(struct probe_report *report, json_t *result, bool quiet)
{
    if (!quiet && json_array_size(report->results) == 0)
        head(report);
    if (!quiet)
        row(report, result);
    if (!quiet)
        print_wire(&report->screen, result);
    report->n_failed += !json_is_true(json_object_get(result, "ok"));
    (void)json_array_append(report->results, result);
}

/* ---- the sum ---- */

struct sum {
    const char *zone, *target, *probe;
    size_t n, n_ok;
    int64_t *took_us; /* of those that were fine */
};

static int by_number(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static struct sum *sum_of(struct sum *sums, size_t *n, const json_t *result)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(sums[i].zone, field_text(result, "zone")) == 0 &&
            strcmp(sums[i].target, field_text(result, "target")) == 0 &&
            strcmp(sums[i].probe, field_text(result, "probe")) == 0)
            return &sums[i];
    sums[*n] = (struct sum){.zone = field_text(result, "zone"),
                            .target = field_text(result, "target"),
                            .probe = field_text(result, "probe")};
    return &sums[(*n)++];
}

static int add_up(struct sum *sums, size_t *n, const json_t *results)
{
    const json_t *result;
    size_t i;

    json_array_foreach(results, i, result)
    {
        struct sum *sum = sum_of(sums, n, result);

        if (!sum->took_us &&
            !(sum->took_us = calloc(json_array_size(results), sizeof(*sum->took_us))))
            return -ENOMEM;
        sum->n++;
        if (json_is_true(json_object_get(result, "ok")))
            sum->took_us[sum->n_ok++] = field_number(result, "took_us");
    }
    return 0;
}

static void sum_row(struct table *table, const struct sum *sum)
{
    const double quantiles[] = {0, 0.5, 0.99, 1};
    char text[FL_DURATION_TEXT_SIZE];

    if (sum->n_ok > 0)
        qsort(sum->took_us, sum->n_ok, sizeof(*sum->took_us), by_number);
    table_cell(table, STYLE_PLAIN, "%s", sum->zone);
    table_cell(table, STYLE_PLAIN, "%s/%s", sum->target, sum->probe);
    table_cell(table, STYLE_PLAIN, "%zu", sum->n);
    table_cell(table, sum->n_ok == sum->n ? STYLE_GOOD : STYLE_BAD, "%zu", sum->n - sum->n_ok);
    for (size_t i = 0; i < FL_COUNT(quantiles); i++) {
        size_t rank = (size_t)(quantiles[i] * (double)(sum->n_ok > 0 ? sum->n_ok - 1 : 0) + 0.999);

        table_cell(table, STYLE_PLAIN, "%s",
                   sum->n_ok > 0 ? fl_duration_format(sum->took_us[rank], text) : "-");
    }
}

int probe_report_sum(const struct probe_report *report)
{
    static const char *const titles[] = {"ZONE",  "PROBE",  "PROBES", "FAILED",
                                         "LEAST", "MEDIAN", "P99",    "MOST"};
    FL_CLEANUP(table_freep) struct table *table = table_new(titles, FL_COUNT(titles));
    struct sum *sums = calloc(json_array_size(report->results) + 1, sizeof(*sums));
    size_t n = 0;
    int r = table && sums ? add_up(sums, &n, report->results) : -ENOMEM;

    for (size_t i = 0; i < n && r == 0; i++)
        sum_row(table, &sums[i]);
    if (r == 0) {
        (void)putc('\n', report->screen.out);
        r = table_print(table, &report->screen);
    }
    for (size_t i = 0; i < n; i++)
        free(sums[i].took_us);
    free(sums);
    return r;
}
