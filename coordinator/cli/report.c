#include "coordinator/cli/report.h"

#include "coordinator/cli/field.h"
#include "proto/types/fl_limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_SERIES 2000 /* whose latency is asked for */
#define PAGE 200        /* incidents asked for at once */
#define CELL 64
#define MAX_CELLS 8

struct month {
    char name[16];
    fl_time from_us, to_us;
};

static fl_time first_of(int year, int month)
{
    struct tm parts = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = 1};

    return (fl_time)timegm(&parts) * FL_SECOND;
}

static int read_month(const char *text, fl_time now_us, struct month *ret, struct fl_error *err)
{
    time_t now = (time_t)(now_us / FL_SECOND);
    struct tm parts = {0};
    const char *end;

    (void)gmtime_r(&now, &parts);
    if (!text) {
        parts.tm_mon -= 1;
    } else {
        end = strptime(text, "%Y-%m", &parts);
        if (!end || *end != '\0' || strlen(text) != 7 || parts.tm_year < 70)
            return fl_error_set(err, -EINVAL, "--month is \"%.20s\"; give a month such as 2026-11",
                                text);
    }
    ret->from_us = first_of(parts.tm_year + 1900, parts.tm_mon);
    ret->to_us = first_of(parts.tm_year + 1900, parts.tm_mon + 1);
    now = (time_t)(ret->from_us / FL_SECOND);
    (void)gmtime_r(&now, &parts);
    (void)strftime(ret->name, sizeof(ret->name), "%Y-%m", &parts);
    if (ret->from_us > now_us)
        return fl_error_set(err, -EINVAL, "--month is %s, which has not begun", ret->name);
    return 0;
}

static int gather_uptime(struct api_client *client, const struct month *month, json_t *report,
                         struct fl_error *err)
{
    json_t *uptime = NULL;
    char path[128];
    int r;

    (void)snprintf(path, sizeof(path), "/api/v1/uptime?from=%" PRId64 "&to=%" PRId64,
                   month->from_us, month->to_us);
    r = api_client_get(client, path, API_USUAL_TIME, &uptime, err);
    if (r == 0)
        (void)json_object_set(report, "components", json_object_get(uptime, "components"));
    json_decref(uptime);
    return r;
}

/* Latest first, until they closed before the month. Incidents are numbered as they opened, so one
 * that stayed open long may still come after those; a thousand more are looked through. */
static int gather_incidents(struct api_client *client, const struct month *month, json_t *report,
                            struct fl_error *err)
{
    json_t *incidents = json_array(), *answer = NULL, *incident;
    int64_t before = 0;
    size_t i, older = 0, n = PAGE;
    int r = 0;

    while (r == 0 && n == PAGE && older < 1000) {
        char path[96];

        (void)snprintf(path, sizeof(path), "/api/v1/verdicts?limit=%d&before=%" PRId64, PAGE,
                       before);
        r = api_client_get(client, path, API_USUAL_TIME, &answer, err);
        n = json_array_size(json_object_get(answer, "incidents"));
        json_array_foreach(json_object_get(answer, "incidents"), i, incident)
        {
            int64_t closed = field_number(incident, "closed_us");

            before = field_number(incident, "id");
            if (closed > 0 && closed < month->from_us)
                older++;
            else if (field_number(incident, "opened_us") < month->to_us)
                (void)json_array_insert(incidents, 0, incident);
        }
        json_decref(answer);
        answer = NULL;
    }
    (void)json_object_set_new(report, "incidents", incidents);
    return r;
}

/* The whole month of one series as one point; nothing where there is none. */
static int gather_series(struct api_client *client, const struct month *month, const json_t *row,
                         const json_t *cell, json_t *latency, struct fl_error *err)
{
    json_t *answer = NULL, *point;
    char path[512];
    int r;

    (void)snprintf(path, sizeof(path),
                   "/api/v1/history/points?agent=%s&target=%s&probe=%s&from=%" PRId64 "&to=%" PRId64
                   "&step=%" PRId64 "h",
                   field_text(cell, "agent"), field_text(row, "target"), field_text(row, "probe"),
                   month->from_us, month->to_us, (month->to_us - month->from_us) / FL_HOUR);
    r = api_client_get(client, path, API_USUAL_TIME, &answer, err);
    if (r == -ENOENT)
        return 0;
    point = json_array_get(json_object_get(answer, "points"), 0);
    if (r == 0 && point) {
        (void)json_object_set(point, "agent", json_object_get(cell, "agent"));
        (void)json_object_set(point, "zone", json_object_get(cell, "zone"));
        (void)json_object_set(point, "target", json_object_get(row, "target"));
        (void)json_object_set(point, "probe", json_object_get(row, "probe"));
        (void)json_array_append(latency, point);
    }
    json_decref(answer);
    return r;
}

static int gather_latency(struct api_client *client, const struct month *month, json_t *report,
                          struct fl_error *err)
{
    json_t *status = NULL, *latency = json_array(), *row, *cell;
    size_t i, k, n = 0;
    int r = api_client_get(client, "/api/v1/status", API_USUAL_TIME, &status, err);

    json_array_foreach(json_object_get(status, "matrix"), i, row)
    {
        if (strcmp(field_text(row, "kind"), "mesh") == 0)
            continue;
        json_array_foreach(json_object_get(row, "cells"), k, cell)
        {
            if (r == 0 && n++ < MAX_SERIES)
                r = gather_series(client, month, row, cell, latency, err);
        }
    }
    json_decref(status);
    (void)json_object_set_new(report, "latency", latency);
    (void)json_object_set_new(report, "latency_left_out",
                              json_integer(n > MAX_SERIES ? (json_int_t)(n - MAX_SERIES) : 0));
    return r;
}

int report_gather(struct api_client *client, const char *text, fl_time now_us, json_t **ret,
                  struct fl_error *err)
{
    struct month month;
    json_t *report;
    int r = read_month(text, now_us, &month, err);

    if (r < 0)
        return r;
    report = json_pack("{s:s, s:I, s:I}", "month", month.name, "from_us", (json_int_t)month.from_us,
                       "to_us", (json_int_t)month.to_us);
    r = gather_uptime(client, &month, report, err);
    if (r == 0)
        r = gather_incidents(client, &month, report, err);
    if (r == 0)
        r = gather_latency(client, &month, report, err);
    if (r < 0) {
        json_decref(report);
        return r;
    }
    *ret = report;
    return 0;
}

static const char *const uptime_columns[] = {"COMPONENT", "FROM",        "UPTIME", "DOWN",
                                             "DISPUTED",  "MAINTENANCE", "BLIND"};
static const char *const incident_columns[] = {"ID",    "OPENED",    "LASTED",
                                               "CLASS", "COMPONENT", "CAUSE"};
static const char *const latency_columns[] = {"TARGET", "PROBE", "FROM", "RESULTS",
                                              "FAILED", "HALF",  "99 %", "MOST OF IT"};

const struct report_table report_tables[REPORT_TABLES] = {
    {"Uptime", uptime_columns, FL_COUNT(uptime_columns)},
    {"Incidents", incident_columns, FL_COUNT(incident_columns)},
    {"Latency", latency_columns, FL_COUNT(latency_columns)},
};

/* Cells while a row is made. */
struct cells {
    char text[MAX_CELLS][CELL + FL_COMPONENT_SIZE];
    const char *cells[MAX_CELLS];
};

static void cells_init(struct cells *cells)
{
    for (size_t i = 0; i < MAX_CELLS; i++)
        cells->cells[i] = cells->text[i];
}

static void put_text(struct cells *cells, size_t i, const char *text)
{
    (void)snprintf(cells->text[i], sizeof(cells->text[i]), "%s", text);
}

static void put_duration(struct cells *cells, size_t i, int64_t us)
{
    char text[FL_DURATION_TEXT_SIZE];

    put_text(cells, i, us > 0 ? fl_duration_format(us, text) : "-");
}

static void uptime_row(const json_t *component, struct cells *cells)
{
    const json_t *total = json_object_get(component, "total");
    const json_t *share = json_object_get(total, "uptime");
    const char *zone = field_text(component, "zone");

    put_text(cells, 0, field_text(component, "target"));
    put_text(cells, 1, *zone ? zone : "all");
    if (json_is_number(share)) /* cut, not rounded: 100 % is said of nothing that was down */
        (void)snprintf(cells->text[2], CELL, "%.3f %%",
                       (double)(int64_t)(json_number_value(share) * 1e5) / 1e3);
    else
        put_text(cells, 2, "unknown");
    put_duration(cells, 3, field_number(total, "down_us"));
    put_duration(cells, 4, field_number(total, "disputed_us"));
    put_duration(cells, 5, field_number(total, "maintenance_us"));
    put_duration(cells, 6, field_number(total, "blind_us"));
}

static void incident_row(const json_t *incident, struct cells *cells)
{
    int64_t closed = field_number(incident, "closed_us");
    char text[FL_TIME_TEXT_SIZE];

    (void)snprintf(cells->text[0], CELL, "%" PRId64, field_number(incident, "id"));
    (void)snprintf(cells->text[1], CELL, "%.16s",
                   fl_time_format(field_number(incident, "opened_us"), text));
    if (closed > 0)
        put_duration(cells, 2, closed - field_number(incident, "opened_us"));
    else
        put_text(cells, 2, "still open");
    put_text(cells, 3, field_text(incident, "class"));
    put_text(cells, 4, field_text(incident, "component"));
    put_text(cells, 5, field_text(incident, "cause"));
}

/* The layer whose half is the largest. */
static const char *largest_layer(const json_t *took)
{
    const char *layer, *largest = "";
    int64_t most = -1;
    json_t *one;

    json_object_foreach((json_t *)(uintptr_t)took, layer, one)
    {
        if (strcmp(layer, "whole") != 0 && field_number(one, "p50") > most) {
            most = field_number(one, "p50");
            largest = layer;
        }
    }
    return largest;
}

static void latency_row(const json_t *point, struct cells *cells)
{
    const json_t *took = json_object_get(point, "took"), *whole = json_object_get(took, "whole");
    int64_t samples = field_number(point, "samples");

    put_text(cells, 0, field_text(point, "target"));
    put_text(cells, 1, field_text(point, "probe"));
    put_text(cells, 2, field_text(point, "agent"));
    (void)snprintf(cells->text[3], CELL, "%" PRId64, samples);
    (void)snprintf(cells->text[4], CELL, "%" PRId64, samples - field_number(point, "ok"));
    put_duration(cells, 5, field_number(whole, "p50"));
    put_duration(cells, 6, field_number(whole, "p99"));
    put_text(cells, 7, largest_layer(took));
}

void report_rows(const json_t *report, size_t table, report_row_cb row, void *arg)
{
    static void (*const fill[REPORT_TABLES])(const json_t *, struct cells *) = {
        uptime_row, incident_row, latency_row};
    static const char *const keys[REPORT_TABLES] = {"components", "incidents", "latency"};
    struct cells cells;
    json_t *item;
    size_t i;

    cells_init(&cells);
    json_array_foreach(json_object_get(report, keys[table]), i, item)
    {
        fill[table](item, &cells);
        row(cells.cells, arg);
    }
}
