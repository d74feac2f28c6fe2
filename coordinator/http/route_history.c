/* GET /api/v1/history/points?agent=A&target=T&probe=P&from=&to=&step=: how many results there
 * were, how many went wrong where, and quantiles of what each layer and step took.
 * GET /api/v1/history/results?agent=A&target=T&probe=P&from=&to=&limit=: single results.
 * GET /api/v1/uptime?from=&to=: days of each component, from each zone and from all. */
#include "coordinator/http/route.h"
#include "proto/runtime/fl_clock.h"
#include "proto/types/fl_name.h"

#include <errno.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_POINTS 2000
#define MAX_RESULTS 10000
#define USUAL_RESULTS 1000
#define USUAL_SPAN (6 * FL_HOUR)
#define USUAL_DAYS 90
#define MAX_DAYS 800

/* A date, a time as RFC 3339 has it in UTC, or microseconds since 1970. */
static bool read_time(const char *text, fl_time *ret)
{
    struct tm parts = {0};
    const char *end;
    int64_t part = 0;

    if (strspn(text, "0123456789") == strlen(text) && strlen(text) >= 10 && strlen(text) <= 18) {
        *ret = strtoll(text, NULL, 10);
        return *ret <= FL_MAX_TIME_US;
    }
    end = strptime(text, "%Y-%m-%d", &parts);
    if (end && *end == 'T')
        end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (end && *end == '.')
        for (int64_t unit = FL_SECOND / 10; *++end >= '0' && *end <= '9'; unit /= 10)
            part += unit * (*end - '0');
    if (!end || (*end != '\0' && strcmp(end, "Z") != 0) || timegm(&parts) < 0)
        return false;
    *ret = (fl_time)timegm(&parts) * FL_SECOND + part;
    return *ret <= FL_MAX_TIME_US;
}

static bool query_time(struct exchange *exchange, const char *name, fl_time standard, fl_time *ret)
{
    const char *text = exchange_query(exchange, name);

    *ret = standard;
    if (!text || read_time(text, ret))
        return true;
    reply_error(exchange, HTTP_BADREQUEST,
                "field \"%s\" is \"%.40s\"; it must be a time in UTC such as 2026-11-23 or "
                "2026-11-23T17:00:00Z",
                name, text);
    return false;
}

static void reply_failed(struct exchange *exchange, int code, const struct fl_error *err)
{
    reply_error(exchange, code == -ENOENT ? HTTP_NOTFOUND : HTTP_SERVUNAVAIL, "%s", err->message);
}

/* Of which series, from when to when. False: it could not be read, and that is answered. */
static bool read_query(struct exchange *exchange, struct store_query *query)
{
    static const char *const names[] = {"agent", "target", "probe"};
    const char *values[3];
    fl_time now_us = fl_clock_steady();

    for (size_t i = 0; i < FL_COUNT(names); i++) {
        values[i] = exchange_query(exchange, names[i]);
        if (!values[i] || !values[i][0] || strlen(values[i]) >= FL_TARGET_SIZE) {
            reply_error(exchange, HTTP_BADREQUEST,
                        "field \"%s\" is missing or too long; agent, target and probe name a "
                        "series",
                        names[i]);
            return false;
        }
    }
    *query = (struct store_query){.agent = values[0], .series = fl_series_id(values[1], values[2])};
    if (!query_time(exchange, "to", now_us, &query->to_us) ||
        !query_time(exchange, "from", query->to_us - USUAL_SPAN, &query->from_us))
        return false;
    if (query->from_us < query->to_us)
        return true;
    reply_error(exchange, HTTP_BADREQUEST, "field \"from\" is not before \"to\"");
    return false;
}

static json_t *quantiles_json(const struct rollup *point)
{
    static const struct {
        const char *name;
        double quantile;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}};
    json_t *all = json_object();

    for (unsigned i = 0; i < ROLLUP_MEASURES; i++) {
        json_t *one;

        if (point->sketches[i].total == 0)
            continue;
        one = json_object();
        for (size_t k = 0; k < FL_COUNT(quantiles); k++)
            (void)json_object_set_new(
                one, quantiles[k].name,
                json_integer(sketch_quantile(&point->sketches[i], quantiles[k].quantile)));
        (void)json_object_set_new(all, rollup_measure_name(i), one);
    }
    return all;
}

static int add_point(fl_time start_us, const struct rollup *point, void *arg)
{
    const struct rollup_counts *counts = &point->counts;
    json_t *failed = json_object();

    for (unsigned i = 0; i < FL_LAYERS; i++)
        if (counts->failed[i] > 0)
            (void)json_object_set_new(failed, fl_layer_name((enum fl_layer)i),
                                      json_integer((json_int_t)counts->failed[i]));
    return json_array_append_new(
        arg, json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "t_us", (json_int_t)start_us, "samples",
                       (json_int_t)counts->samples, "ok", (json_int_t)counts->ok, "local",
                       (json_int_t)counts->local, "failed", failed, "took", quantiles_json(point)));
}

/* The coarsest points that the step is made of, from what is kept that long. */
static bool choose_level(struct exchange *exchange, struct store_query *query)
{
    const struct store_keep *keep = &coordinator_settings(exchange->coordinator)->keep;
    bool minutes_gone = query->from_us < fl_clock_steady() - keep->minutes_us;
    int64_t span = query->to_us - query->from_us;

    if (!exchange_query_duration(exchange, "step", span > 36 * FL_HOUR ? FL_HOUR : FL_MINUTE,
                                 UPTIME_DAY * MAX_DAYS, &query->step_us))
        return false;
    if (query->step_us <= 0 || query->step_us % FL_MINUTE != 0 ||
        span / query->step_us > MAX_POINTS) {
        reply_error(exchange, HTTP_BADREQUEST,
                    "field \"step\" must be whole minutes, and make at most %d points of the "
                    "time asked for",
                    MAX_POINTS);
        return false;
    }
    query->level = query->step_us % FL_HOUR == 0 ? ROLLUP_HOURS : ROLLUP_MINUTES;
    query->from_us -= query->from_us % rollup_levels[query->level].point_us;
    if (query->level == ROLLUP_MINUTES && minutes_gone) {
        reply_error(exchange, HTTP_BADREQUEST,
                    "minutes are kept for a shorter time than that; ask with step=1h");
        return false;
    }
    return true;
}

void route_history_points(struct exchange *exchange)
{
    struct store_query query;
    const struct store_type *type;
    struct store *store;
    struct fl_error err;
    json_t *points;
    int r;

    if (!read_query(exchange, &query) || !choose_level(exchange, &query))
        return;
    type = coordinator_store(exchange->coordinator, &store);
    points = json_array();
    err.message[0] = '\0';
    r = type->points(store, &query, add_point, points, &err);
    if (r < 0) {
        json_decref(points);
        if (!err.message[0])
            (void)fl_error_set(&err, r, "history holds points that cannot be read");
        reply_failed(exchange, r, &err);
        return;
    }
    reply_json(exchange, HTTP_OK,
               json_pack("{s:I, s:I, s:I, s:o}", "from_us", (json_int_t)query.from_us, "to_us",
                         (json_int_t)query.to_us, "step", (json_int_t)query.step_us, "points",
                         points));
}

static void set_present(json_t *object, const char *key, int64_t value)
{
    if (value != FL_ABSENT)
        (void)json_object_set_new(object, key, json_integer(value));
}

static json_t *result_json(const struct fl_result *result)
{
    json_t *json = json_pack("{s:I, s:I, s:b}", "t_us", (json_int_t)result->t_us, "took_us",
                             (json_int_t)result->took_us, "ok", result->ok);
    json_t *phases = json_object(), *steps = json_object(), *tcp = json_object();

    if (!result->ok) {
        (void)json_object_set_new(json, "layer", json_string(fl_layer_name(result->layer)));
        (void)json_object_set_new(json, "error", json_string(fl_failure_name(result->failure)));
        if (result->step != FL_STEP_NONE)
            (void)json_object_set_new(json, "step", json_string(fl_step_name(result->step)));
    }
    for (int i = 0; i < FL_LAYERS; i++)
        set_present(phases, fl_layer_name((enum fl_layer)i), result->phase_us[i]);
    for (int i = 0; i < FL_STEPS; i++)
        set_present(steps, fl_step_name((enum fl_step)i), result->step_us[i]);
    for (int i = 0; i < FL_TCP_FIELDS; i++)
        set_present(tcp, fl_tcp_name(i), fl_tcp_get(&result->tcp, i));
    if (result->stalled_us > 0)
        (void)json_object_set_new(json, "stalled_us", json_integer(result->stalled_us));
    (void)json_object_set_new(json, "phase_us", phases);
    if (json_object_size(steps) > 0)
        (void)json_object_set(json, "step_us", steps);
    if (json_object_size(tcp) > 0)
        (void)json_object_set(json, "tcp", tcp);
    json_decref(steps);
    json_decref(tcp);
    return json;
}

static int compare(const void *a, const void *b)
{
    const struct fl_result *x = a, *y = b;

    return (x->t_us > y->t_us) - (x->t_us < y->t_us);
}

/* The first `limit` of them; what lies at the same time as the last of these comes too, so that
 * the next page can begin after it. */
static void reply_results(struct exchange *exchange, struct fl_result *results, size_t n,
                          uint64_t limit)
{
    json_t *array = json_array();
    size_t i = 0;

    if (n > 0)
        qsort(results, n, sizeof(*results), compare);
    for (; i < n && (i < limit || results[i].t_us == results[i - 1].t_us); i++)
        (void)json_array_append_new(array, result_json(&results[i]));
    reply_json(exchange, HTTP_OK,
               json_pack("{s:o, s:o}", "results", array, "next",
                         i < n ? json_integer(results[i].t_us) : json_null()));
}

void route_history_results(struct exchange *exchange)
{
    struct fl_result *results = NULL;
    const struct store_type *type;
    struct store_query query;
    struct store *store;
    struct fl_error err;
    uint64_t limit;
    size_t n = 0;
    int r;

    if (!read_query(exchange, &query) ||
        !exchange_query_number(exchange, "limit", USUAL_RESULTS, MAX_RESULTS, &limit))
        return;
    if (query.to_us - query.from_us > UPTIME_DAY) {
        reply_error(exchange, HTTP_BADREQUEST, "at most a day of results can be asked for at once");
        return;
    }
    type = coordinator_store(exchange->coordinator, &store);
    r = type->results(store, query.agent, query.series, query.from_us, query.to_us, SIZE_MAX,
                      &results, &n, &err);
    if (r < 0) {
        reply_failed(exchange, r, &err);
        return;
    }
    reply_results(exchange, results, n, limit ? limit : 1);
    free(results);
}

static json_t *times_json(const struct uptime_times *times, int64_t blind_us)
{
    double share = uptime_share(times);

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "up_us", (json_int_t)times->up_us, "down_us",
                     (json_int_t)times->down_us, "disputed_us", (json_int_t)times->disputed_us,
                     "maintenance_us", (json_int_t)times->maintenance_us, "blind_us",
                     (json_int_t)blind_us, "uptime", share < 0 ? json_null() : json_real(share));
}

/* How far history goes: what is not packed yet is not blind. */
static fl_time horizon_of(const struct store_uptime *rows, size_t n, fl_time to_us)
{
    fl_time last_us = 0;

    for (size_t i = 0; i < n; i++)
        if (rows[i].last_us > last_us)
            last_us = rows[i].last_us;
    return last_us < to_us ? last_us : to_us;
}

/* Days of one component and zone that follow each other, those between that nobody saw included. */
static json_t *component_json(const struct store_uptime *rows, size_t n, fl_time horizon_us)
{
    struct uptime_times sum = {0};
    json_t *days = json_array();
    fl_time begins_us = rows[0].first_us;
    size_t i = 0;

    for (fl_time day = rows[0].day_us; day < horizon_us; day += UPTIME_DAY) {
        bool seen = i < n && rows[i].day_us == day;
        struct uptime_times none = {0};
        const struct uptime_times *times = seen ? &rows[i].times : &none;
        fl_time first = day > begins_us ? day : begins_us;
        fl_time last = day + UPTIME_DAY < horizon_us ? day + UPTIME_DAY : horizon_us;
        json_t *json = times_json(times, uptime_blind(times, first, last));
        char text[FL_TIME_TEXT_SIZE];

        (void)json_object_set_new(json, "day", json_stringn(fl_time_format(day, text), 10));
        (void)json_array_append_new(days, json);
        uptime_add(&sum, times);
        i += seen;
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "target", rows[0].target, "zone",
                     rows[0].zone[0] ? json_string(rows[0].zone) : json_null(), "total",
                     times_json(&sum, uptime_blind(&sum, begins_us, horizon_us)), "days", days);
}

void route_uptime(struct exchange *exchange)
{
    fl_time now_us = fl_clock_steady(), to_us, from_us, horizon_us;
    fl_time midnight = now_us - now_us % UPTIME_DAY + UPTIME_DAY;
    struct store_uptime *rows = NULL;
    const struct store_type *type;
    struct store *store;
    struct fl_error err;
    json_t *array;
    size_t n = 0;
    int r;

    if (!query_time(exchange, "to", midnight, &to_us) ||
        !query_time(exchange, "from", to_us - USUAL_DAYS * UPTIME_DAY, &from_us))
        return;
    if (from_us >= to_us || to_us - from_us > MAX_DAYS * UPTIME_DAY) {
        reply_error(exchange, HTTP_BADREQUEST, "from \"from\" to \"to\" must be 1 to %d days",
                    MAX_DAYS);
        return;
    }
    type = coordinator_store(exchange->coordinator, &store);
    r = type->uptime(store, from_us, to_us, &rows, &n, &err);
    if (r < 0) {
        reply_failed(exchange, r, &err);
        return;
    }
    array = json_array();
    horizon_us = horizon_of(rows, n, to_us);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n; end++)
            if (strcmp(rows[end].target, rows[i].target) != 0 ||
                strcmp(rows[end].zone, rows[i].zone) != 0)
                break;
        (void)json_array_append_new(array, component_json(rows + i, end - i, horizon_us));
    }
    free(rows);
    reply_json(exchange, HTTP_OK,
               json_pack("{s:I, s:I, s:o}", "from_us", (json_int_t)from_us, "to_us",
                         (json_int_t)to_us, "components", array));
}
