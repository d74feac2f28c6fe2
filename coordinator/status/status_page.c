#include "coordinator/status/status_page.h"

#include "coordinator/leadership.h"
#include "coordinator/status/snapshot_folder.h"
#include "coordinator/status/status_html.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PAST 1000            /* incidents that the bars are drawn from */
#define READ_AT_ONCE 200         /* of them */
#define FRESH_US (5 * FL_SECOND) /* a model is good for so long when nothing happened */
#define LOOK_S 10

struct status_page {
    struct coordinator *coordinator;
    void (*changed)(const char *news, void *arg);
    void *arg;
    struct event *timer;
    struct status_model *model;
    struct store_incident *past;
    size_t n_past;
    uint64_t past_event; /* the newest event when the past was read */
    fl_time past_us, looked_us, written_us;
    struct snapshot_bucket *bucket; /* NULL: none is configured */
    struct fl_log_limit bucket_limit;
    uint64_t signature;
    char url[320];
};

/* One more page of the past; false: that was all, or it cannot be read now. */
static bool read_more(struct status_page *page, fl_time from_us)
{
    uint64_t before = page->n_past ? page->past[page->n_past - 1].verdict.id : 0;
    struct store_incident *more = NULL, *larger;
    const struct store_type *type;
    struct store *store;
    struct fl_error err;
    size_t n = 0;

    type = coordinator_store(page->coordinator, &store);
    if (type->incidents(store, before, READ_AT_ONCE, &more, &n, &err) < 0) {
        fl_log_warning("status", "%s", err.message);
        return false;
    }
    larger = realloc(page->past, (page->n_past + n + 1) * sizeof(*page->past));
    if (larger) {
        page->past = larger;
        memcpy(page->past + page->n_past, more, n * sizeof(*more));
        page->n_past += n;
    }
    free(more);
    return larger && n == READ_AT_ONCE && page->n_past < MAX_PAST &&
           page->past[page->n_past - 1].opened_us > from_us;
}

/* Events reach the history a moment later, so it is read again for a while after one. */
static void read_past(struct status_page *page, fl_time now_us)
{
    uint64_t newest = coordinator_newest_event(page->coordinator);

    if (page->past && newest == page->past_event && now_us - page->past_us < FL_MINUTE)
        return;
    if (newest != page->past_event || now_us - page->past_us >= FL_MINUTE) {
        page->past_event = newest;
        page->past_us = now_us - FL_MINUTE + 2 * FL_SECOND;
    }
    page->n_past = 0;
    while (read_more(page, now_us - STATUS_DAYS * STATUS_DAY_US))
        continue;
}

static bool is_in(const struct verdict *verdicts, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (verdicts[i].id == id)
            return true;
    return false;
}

static bool is_past(const struct status_page *page, uint64_t id)
{
    for (size_t i = 0; i < page->n_past; i++)
        if (page->past[i].verdict.id == id)
            return true;
    return false;
}

/* The history is behind by what is on its way to the disk. */
static void catch_up(struct status_page *page, const struct status_input *input)
{
    struct store_incident *larger =
        realloc(page->past, (page->n_past + input->n_open + 1) * sizeof(*page->past));

    if (!larger)
        return;
    page->past = larger;
    for (size_t i = 0; i < page->n_past; i++)
        if (larger[i].closed_us == FL_ABSENT &&
            !is_in(input->open, input->n_open, larger[i].verdict.id))
            larger[i].closed_us = input->now_us;
    for (size_t i = 0; i < input->n_open; i++) {
        if (is_past(page, input->open[i].id))
            continue;
        memmove(larger + 1, larger, page->n_past * sizeof(*larger));
        larger[0] = (struct store_incident){.verdict = input->open[i],
                                            .opened_us = input->now_us,
                                            .updated_us = input->now_us,
                                            .closed_us = FL_ABSENT,
                                            .n_events = 1};
        page->n_past++;
    }
}

static void make(struct status_page *page)
{
    const struct coordinator_config *config = coordinator_settings(page->coordinator);
    const struct maintenance_silence *silence = coordinator_silence(page->coordinator);
    struct status_input input = {.config = &config->status,
                                 .fleet = config->fleet,
                                 .now_us = fl_clock_steady(),
                                 .notes = coordinator_notes(page->coordinator)};
    const struct verdict *open;
    size_t n = engine_open(coordinator_engine(page->coordinator), &open);
    struct verdict *published = calloc(n ? n : 1, sizeof(*published));

    read_past(page, input.now_us);
    for (size_t i = 0; published && i < n; i++)
        if (!maintenance_is_silent(silence, open[i].id))
            published[input.n_open++] = open[i];
    input.open = published;
    catch_up(page, &input);
    input.past = page->past;
    input.n_past = page->n_past;
    status_model_make(page->model, &input);
    free(published);
    page->looked_us = input.now_us;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x100000001b3u + (hash >> 29);
}

/* Differs when what readers are told differs. */
static uint64_t sign(const struct status_model *model)
{
    uint64_t hash = mix(0xcbf29ce484222325u, model->level);

    for (size_t i = 0; i < model->n_components; i++)
        hash = mix(hash, model->components[i].level);
    for (size_t i = 0; i < model->n_incidents; i++)
        if (model->incidents[i].closed_us == FL_ABSENT)
            hash = mix(mix(hash, model->incidents[i].id), (uint64_t)model->incidents[i].updated_us);
    for (size_t i = 0; i < model->n_windows; i++) {
        const struct maintenance *window = &model->windows[i];

        hash = mix(mix(hash, window->id), maintenance_runs(window, model->now_us));
        hash = mix(hash, window->end_us > model->now_us);
    }
    return hash;
}

char *status_page_news(const struct status_page *page)
{
    const struct status_model *model = page->model;
    char *now = status_html_now(model), *text;
    json_t *levels = json_array(), *json;

    for (size_t i = 0; i < model->n_components; i++)
        (void)json_array_append_new(levels,
                                    json_string(status_level_name(model->components[i].level)));
    json = json_pack("{s:s, s:s?, s:o}", "level", status_level_name(model->level), "now", now,
                     "components", levels);
    free(now);
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

/* Of several coordinators the one that acts publishes; a folder is each one's own. */
static bool publishes(const struct status_page *page)
{
    const struct leadership *leadership = coordinator_leadership(page->coordinator);

    return !leadership || leadership_acts(leadership);
}

/* With what the configuration says now. */
static void look_at_bucket(struct status_page *page, const struct config_bucket *config)
{
    struct snapshot_bucket_stats stats;
    uint64_t held;

    if (!config->endpoint) {
        page->bucket = snapshot_bucket_free(page->bucket);
        return;
    }
    if (!page->bucket && snapshot_bucket_new(&page->bucket) < 0)
        page->bucket = NULL;
    status_page_bucket(page, &stats);
    if (*stats.last_error.message && fl_log_allowed(&page->bucket_limit, FL_MINUTE, &held))
        fl_log_warning("status", "the snapshot is not in the bucket \"%s\": %s", config->bucket,
                       stats.last_error.message);
}

static int put_snapshot(struct status_page *page, const struct config_status *config,
                        struct fl_error *err)
{
    struct snapshot snapshot;
    int r = snapshot_make(page->model, page->url, &snapshot);

    if (r < 0)
        return fl_error_set(err, r, "no memory for the snapshot");
    if (config->snapshot)
        r = snapshot_folder_write(config->snapshot, &snapshot, err);
    if (page->bucket && publishes(page) &&
        snapshot_bucket_put(page->bucket, &config->bucket, &snapshot) < 0)
        r = fl_error_set(err, -ENOMEM, "no memory for the snapshot");
    snapshot_done(&snapshot);
    return r;
}

static void write_snapshot(struct status_page *page, bool news)
{
    const struct config_status *config = &coordinator_settings(page->coordinator)->status;
    struct fl_error err;

    look_at_bucket(page, &config->bucket);
    if ((!config->snapshot && !page->bucket) ||
        (!news && page->looked_us - page->written_us < FL_MINUTE))
        return;
    page->written_us = page->looked_us;
    if (put_snapshot(page, config, &err) < 0)
        fl_log_error("status", "%s", err.message);
}

void status_page_look(struct status_page *page)
{
    uint64_t before = page->signature;
    char *news;

    make(page);
    page->signature = sign(page->model);
    write_snapshot(page, page->signature != before);
    if (page->signature == before)
        return;
    news = status_page_news(page);
    if (news)
        page->changed(news, page->arg);
    free(news);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    status_page_look(arg);
}

int status_page_new(struct coordinator *coordinator, struct event_base *base,
                    void (*changed)(const char *news, void *arg), void *arg,
                    struct status_page **ret)
{
    FL_CLEANUP(status_page_freep) struct status_page *page = calloc(1, sizeof(*page));
    const struct coordinator_config *config = coordinator_settings(coordinator);
    const struct timeval every = {LOOK_S, 0};

    if (!page || !(page->model = calloc(1, sizeof(*page->model))))
        return -ENOMEM;
    page->coordinator = coordinator;
    page->changed = changed;
    page->arg = arg;
    if (config->http.public_url)
        (void)snprintf(page->url, sizeof(page->url), "%.300s", config->http.public_url);
    else
        (void)snprintf(page->url, sizeof(page->url), "http%s://%.300s",
                       config->http.tls_certificate ? "s" : "", config->api);
    page->timer = event_new(base, -1, EV_PERSIST, on_timer, page);
    if (!page->timer || event_add(page->timer, &every) < 0)
        return -ENOMEM;
    make(page);
    page->signature = sign(page->model);
    write_snapshot(page, true);
    *ret = FL_TAKE(page);
    return 0;
}

struct status_page *status_page_free(struct status_page *page)
{
    if (!page)
        return NULL;
    if (page->timer)
        event_free(page->timer);
    snapshot_bucket_free(page->bucket);
    free(page->model);
    free(page->past);
    free(page);
    return NULL;
}

const struct status_model *status_page_model(struct status_page *page)
{
    const struct coordinator_config *config = coordinator_settings(page->coordinator);

    /* a new configuration has freed what the model of before points to */
    if (page->model->config != &config->status || fl_clock_steady() - page->looked_us > FRESH_US)
        make(page);
    return page->model;
}

const char *status_page_url(const struct status_page *page)
{
    return page->url;
}

void status_page_bucket(const struct status_page *page, struct snapshot_bucket_stats *ret)
{
    *ret = (struct snapshot_bucket_stats){0};
    if (page->bucket)
        snapshot_bucket_stats(page->bucket, ret);
}
