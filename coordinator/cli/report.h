/* How a month was, gathered from the coordinator's answers as one JSON object: uptime of each
 * component, incidents, latency of each series. And how that is shown. */
#pragma once

#include "coordinator/cli/api_client.h"
#include "coordinator/cli/screen.h"

/* `month` as "2026-11"; NULL: the one before that of now_us. The caller owns the object. */
int report_gather(struct api_client *client, const char *month, fl_time now_us, json_t **ret,
                  struct fl_error *err);

/* -ENOMEM or -EIO. */
int report_print(const struct screen *screen, const json_t *report);
int report_print_html(FILE *out, const json_t *report);

/* Between the two: rows of text, the first of which are titles, for a table of either kind. */
struct report_table {
    const char *title;
    const char *const *columns;
    size_t n_columns;
};
typedef void (*report_row_cb)(const char *const *cells, void *arg);

/* The tables of a report. */
#define REPORT_TABLES 3
extern const struct report_table report_tables[REPORT_TABLES];
void report_rows(const json_t *report, size_t table, report_row_cb row, void *arg);
