#include "coordinator/notes.h"

#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE (8 << 20)

struct notes {
    char *path;
    fl_time since_us;
    uint64_t next_id, dropped;
    size_t n_windows, n_updates;
    struct maintenance windows[NOTES_MAX_WINDOWS];
    struct note_update updates[NOTES_MAX_UPDATES];
};

static const char *const statuses[] = {"investigating", "identified", "monitoring", "resolved"};

const char *note_status_name(enum note_status status)
{
    return statuses[status];
}

int note_status_parse(const char *name)
{
    for (int i = 0; i < (int)FL_COUNT(statuses); i++)
        if (strcmp(statuses[i], name) == 0)
            return i;
    return -EINVAL;
}

static json_t *names_json(const char *names, uint32_t n, size_t size)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < n; i++)
        (void)json_array_append_new(array, json_string(names + i * size));
    return array;
}

static json_t *window_json(const struct maintenance *window)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:s, s:o, s:o}", "id", (json_int_t)window->id,
                     "created_us", window->created_us, "begin_us", window->begin_us, "end_us",
                     window->end_us, "title", window->title, "targets",
                     names_json(window->targets[0], window->n_targets, FL_TARGET_SIZE), "zones",
                     names_json(window->zones[0], window->n_zones, FL_NAME_SIZE));
}

static json_t *update_json(const struct note_update *update)
{
    return json_pack("{s:I, s:I, s:I, s:s, s:s}", "id", (json_int_t)update->id, "incident",
                     (json_int_t)update->incident, "t_us", update->t_us, "status",
                     note_status_name(update->status), "text", update->text);
}

static int save(const struct notes *notes, struct fl_error *err)
{
    json_t *windows = json_array(), *updates = json_array(), *json;
    char *text;
    int r;

    for (size_t i = 0; i < notes->n_windows; i++)
        (void)json_array_append_new(windows, window_json(&notes->windows[i]));
    for (size_t i = 0; i < notes->n_updates; i++)
        (void)json_array_append_new(updates, update_json(&notes->updates[i]));
    json = json_pack("{s:I, s:I, s:I, s:o, s:o}", "since_us", notes->since_us, "next_id",
                     (json_int_t)notes->next_id, "dropped", (json_int_t)notes->dropped, "windows",
                     windows, "updates", updates);
    text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    json_decref(json);
    if (!text)
        return fl_error_set(err, -ENOMEM, "no memory for the notes");
    r = fl_daemon_write_file(notes->path, text, strlen(text), 0600, err);
    free(text);
    return r;
}

/* Reads up to `max` names of `size` bytes; how many there were. */
static uint32_t read_names(const json_t *array, char *names, uint32_t max, size_t size)
{
    uint32_t n = 0;
    size_t i;
    json_t *name;

    json_array_foreach(array, i, name)
    {
        if (json_is_string(name) && n < max)
            (void)snprintf(names + n++ * size, size, "%s", json_string_value(name));
    }
    return n;
}

static bool read_window(const json_t *json, struct maintenance *ret)
{
    json_int_t id, created, begin, end;
    json_t *targets, *zones;
    const char *title;

    if (json_unpack((json_t *)json, "{s:I, s:I, s:I, s:I, s:s, s:o, s:o}", "id", &id, "created_us",
                    &created, "begin_us", &begin, "end_us", &end, "title", &title, "targets",
                    &targets, "zones", &zones) < 0)
        return false;
    *ret = (struct maintenance){
        .id = (uint64_t)id, .created_us = created, .begin_us = begin, .end_us = end};
    (void)snprintf(ret->title, sizeof(ret->title), "%s", title);
    ret->n_targets =
        read_names(targets, ret->targets[0], MAINTENANCE_MAX_NAMES, sizeof(ret->targets[0]));
    ret->n_zones = read_names(zones, ret->zones[0], MAINTENANCE_MAX_NAMES, sizeof(ret->zones[0]));
    return true;
}

static bool read_update(const json_t *json, struct note_update *ret)
{
    json_int_t id, incident, t;
    const char *status, *text;

    if (json_unpack((json_t *)json, "{s:I, s:I, s:I, s:s, s:s}", "id", &id, "incident", &incident,
                    "t_us", &t, "status", &status, "text", &text) < 0 ||
        note_status_parse(status) < 0)
        return false;
    *ret = (struct note_update){(uint64_t)id, (uint64_t)incident, t,
                                (enum note_status)note_status_parse(status), ""};
    (void)snprintf(ret->text, sizeof(ret->text), "%s", text);
    return true;
}

static int take(struct notes *notes, const json_t *json)
{
    json_int_t since, next, dropped;
    json_t *windows, *updates, *one;
    size_t i;

    if (json_unpack((json_t *)json, "{s:I, s:I, s:I, s:o, s:o}", "since_us", &since, "next_id",
                    &next, "dropped", &dropped, "windows", &windows, "updates", &updates) < 0)
        return -EBADMSG;
    notes->since_us = since;
    notes->next_id = (uint64_t)next;
    notes->dropped = (uint64_t)dropped;
    json_array_foreach(windows, i, one)
    {
        if (notes->n_windows == NOTES_MAX_WINDOWS ||
            !read_window(one, &notes->windows[notes->n_windows++]))
            return -EBADMSG;
    }
    json_array_foreach(updates, i, one)
    {
        if (notes->n_updates == NOTES_MAX_UPDATES ||
            !read_update(one, &notes->updates[notes->n_updates++]))
            return -EBADMSG;
    }
    return 0;
}

static int load(struct notes *notes, struct fl_error *err)
{
    char *text = NULL;
    json_t *json;
    size_t size;
    int r = fl_daemon_read_file(notes->path, MAX_FILE, &text, &size, err);

    if (r < 0)
        return r;
    json = json_loadb(text, size, 0, NULL);
    free(text);
    r = json ? take(notes, json) : -EBADMSG;
    json_decref(json);
    return r < 0 ? fl_error_set(err, r, "\"%s\" is damaged; mend it, or remove it to begin anew",
                                notes->path)
                 : 0;
}

int notes_new(const char *path, fl_time now_us, struct notes **ret, struct fl_error *err)
{
    FL_CLEANUP(notes_freep) struct notes *notes = calloc(1, sizeof(*notes));
    int r;

    if (!notes || !(notes->path = strdup(path)))
        return fl_error_set(err, -ENOMEM, "no memory for the notes");
    r = load(notes, err);
    if (r == -ENOENT) {
        notes->since_us = now_us;
        notes->next_id = 1;
        r = save(notes, err);
    }
    if (r == 0)
        *ret = FL_TAKE(notes);
    return r;
}

struct notes *notes_free(struct notes *notes)
{
    if (!notes)
        return NULL;
    free(notes->path);
    free(notes);
    return NULL;
}

fl_time notes_since(const struct notes *notes)
{
    return notes->since_us;
}

size_t notes_windows(const struct notes *notes, const struct maintenance **ret)
{
    *ret = notes->windows;
    return notes->n_windows;
}

size_t notes_updates(const struct notes *notes, const struct note_update **ret)
{
    *ret = notes->updates;
    return notes->n_updates;
}

uint64_t notes_dropped(const struct notes *notes)
{
    return notes->dropped;
}

static void remove_window(struct notes *notes, size_t i)
{
    notes->n_windows--;
    memmove(&notes->windows[i], &notes->windows[i + 1],
            (notes->n_windows - i) * sizeof(notes->windows[0]));
}

static bool make_room(struct notes *notes, fl_time now_us)
{
    for (size_t i = 0; i < notes->n_windows && notes->n_windows == NOTES_MAX_WINDOWS; i++)
        if (notes->windows[i].end_us <= now_us) {
            remove_window(notes, i);
            notes->dropped++;
        }
    return notes->n_windows < NOTES_MAX_WINDOWS;
}

int notes_add_window(struct notes *notes, struct maintenance *window, struct fl_error *err)
{
    int r;

    if (!make_room(notes, window->created_us))
        return fl_error_set(err, -E2BIG, "%d windows are planned already, which is the most",
                            NOTES_MAX_WINDOWS);
    window->id = notes->next_id++;
    notes->windows[notes->n_windows++] = *window;
    r = save(notes, err);
    if (r < 0)
        notes->n_windows--;
    return r;
}

int notes_end_window(struct notes *notes, uint64_t id, fl_time now_us, struct fl_error *err)
{
    for (size_t i = 0; i < notes->n_windows; i++) {
        struct maintenance *window = &notes->windows[i];

        if (window->id != id || window->end_us <= now_us)
            continue;
        if (window->begin_us >= now_us)
            remove_window(notes, i);
        else
            window->end_us = now_us;
        return save(notes, err);
    }
    return fl_error_set(err, -ENOENT, "no work of number %llu is planned or runs",
                        (unsigned long long)id);
}

int notes_add_update(struct notes *notes, struct note_update *update, struct fl_error *err)
{
    int r;

    if (notes->n_updates == NOTES_MAX_UPDATES) {
        memmove(notes->updates, notes->updates + 1,
                (NOTES_MAX_UPDATES - 1) * sizeof(notes->updates[0]));
        notes->n_updates--;
        notes->dropped++;
    }
    update->id = notes->next_id++;
    notes->updates[notes->n_updates++] = *update;
    r = save(notes, err);
    if (r < 0)
        notes->n_updates--;
    return r;
}
