/* Reads a trace. Fields that are not known are ignored; what is known must be of its type, in its
 * range and of this fleet, else the line is refused with a sentence that says which. */
#include "coordinator/trace/trace_reader.h"

#include "coordinator/trace/trace_json.h"
#include "coordinator/trace/trace_line.h"
#include "proto/types/fl_name.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MESH_US FL_SECOND /* for a fleet without any probe */

struct trace_reader {
    char *name;
    struct trace_line *lines;
    struct trace_json *json;
    struct fleet *fleet;
    int failed; /* what ended the trace for good */
};

static void json_freep(json_t **json)
{
    json_decref(*json);
}

static int get_text(const json_t *object, const char *field, const char **ret, struct fl_error *err)
{
    const json_t *value = json_object_get(object, field);

    *ret = NULL;
    if (!json_is_string(value))
        return fl_error_set(err, -EBADMSG, "\"%s\" %s, it must be a string", field,
                            value ? "is something else" : "is missing");
    *ret = json_string_value(value);
    return 0;
}

/* An optional integer not below `least`; absent leaves `ret` as it was. */
static int get_integer(const json_t *object, const char *field, int64_t least, int64_t *ret,
                       struct fl_error *err)
{
    const json_t *value = json_object_get(object, field);

    if (!value)
        return 0;
    if (!json_is_integer(value))
        return fl_error_set(err, -EBADMSG, "\"%s\" is no integer", field);
    if (json_integer_value(value) < least || json_integer_value(value) > INT64_MAX / 2)
        return fl_error_set(err, -EBADMSG, "\"%s\" is %lld, allowed is %lld to %lld", field,
                            (long long)json_integer_value(value), (long long)least,
                            (long long)(INT64_MAX / 2));
    *ret = json_integer_value(value);
    return 0;
}

static int need_integer(const json_t *object, const char *field, int64_t *ret, struct fl_error *err)
{
    if (!json_object_get(object, field))
        return fl_error_set(err, -EBADMSG, "\"%s\" is missing, it must be an integer", field);
    return get_integer(object, field, 0, ret, err);
}

/* An optional part of its type: NULL in `ret` when it is not there. */
static int get_part(const json_t *object, const char *field, json_type type, const json_t **ret,
                    struct fl_error *err)
{
    const json_t *value = json_object_get(object, field);

    *ret = NULL;
    if (value && json_typeof(value) != type)
        return fl_error_set(err, -EBADMSG, "\"%s\" is no %s", field,
                            type == JSON_ARRAY ? "list" : "object");
    *ret = value;
    return 0;
}

static int add_places(struct fleet *fleet, const json_t *line, const char *field,
                      int (*add)(struct fleet *, const char *, struct fl_error *),
                      struct fl_error *err)
{
    const json_t *list;
    int r = get_part(line, field, JSON_ARRAY, &list, err);

    for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));

        if (!name)
            return fl_error_set(err, -EBADMSG, "\"%s\" holds something that is no name", field);
        r = add(fleet, name, err);
    }
    return r;
}

static int add_agents(struct fleet *fleet, const json_t *line, struct fl_error *err)
{
    const json_t *list;
    int r = get_part(line, "agents", JSON_ARRAY, &list, err);

    for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
        const json_t *agent = json_array_get(list, i);
        const char *name, *zone = NULL;

        r = get_text(agent, "name", &name, err);
        if (r == 0)
            r = get_text(agent, "zone", &zone, err);
        if (r < 0)
            return fl_error_prefix(err, r, "agent %zu", i + 1);
        r = fleet_add_agent(fleet, name, zone, err);
    }
    return r;
}

static int add_target(struct fleet *fleet, const json_t *target, struct fl_error *err)
{
    const char *name, *kind = NULL, *place = NULL, *backend = NULL;
    int r = get_text(target, "name", &name, err);

    if (r == 0)
        r = get_text(target, "kind", &kind, err);
    if (r == 0)
        r = get_text(target, "place", &place, err);
    if (r == 0 && json_object_get(target, "backend") &&
        !json_is_null(json_object_get(target, "backend")))
        r = get_text(target, "backend", &backend, err);
    if (r < 0)
        return r;
    if (strcmp(kind, "storage") != 0 && strcmp(kind, "service") != 0)
        return fl_error_set(err, -EBADMSG,
                            "target \"%s\": kind \"%s\" is neither \"storage\" nor \"service\"",
                            name, kind);
    return fleet_add_target(fleet, name, kind[1] == 't' ? TARGET_STORAGE : TARGET_SERVICE, place,
                            backend, err);
}

struct span {
    int64_t interval_us, timeout_us;
};

static int add_probe(struct fleet *fleet, const char *target, const json_t *probe,
                     struct span *longest, struct fl_error *err)
{
    const char *name, *type = NULL;
    struct span span = {0};
    int r = get_text(probe, "name", &name, err);

    if (r == 0)
        r = get_text(probe, "type", &type, err);
    if (r == 0)
        r = need_integer(probe, "interval_us", &span.interval_us, err);
    if (r == 0)
        r = need_integer(probe, "timeout_us", &span.timeout_us, err);
    if (r < 0)
        return fl_error_prefix(err, r, "target \"%s\"", target);
    if (span.interval_us > longest->interval_us)
        *longest = span;
    return fleet_add_probe(fleet, target, name, type, span.interval_us, span.timeout_us, err);
}

/* All targets before all probes, as the fleet wants them. */
static int add_targets(struct fleet *fleet, const json_t *line, struct span *longest,
                       struct fl_error *err)
{
    const json_t *list, *probes;
    int r = get_part(line, "targets", JSON_ARRAY, &list, err);

    for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
        r = add_target(fleet, json_array_get(list, i), err);
        if (r < 0)
            return fl_error_prefix(err, r, "target %zu", i + 1);
    }
    for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
        const json_t *target = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(target, "name"));

        r = get_part(target, "probes", JSON_ARRAY, &probes, err);
        for (size_t p = 0; r == 0 && p < json_array_size(probes); p++)
            r = add_probe(fleet, name, json_array_get(probes, p), longest, err);
    }
    return r;
}

/* How often the mesh is probed stands in what trace_writer wrote; elsewhere the slowest probe is
 * taken, so that no pair of the mesh seems late. */
static int seal(struct fleet *fleet, const json_t *line, struct span mesh, struct fl_error *err)
{
    const json_t *given;
    int r = get_part(line, "mesh", JSON_OBJECT, &given, err);

    if (mesh.interval_us == 0)
        mesh = (struct span){DEFAULT_MESH_US, DEFAULT_MESH_US};
    if (r == 0 && given)
        r = get_integer(given, "interval_us", FL_MIN_INTERVAL_US, &mesh.interval_us, err);
    if (r == 0 && given)
        r = get_integer(given, "timeout_us", FL_MIN_TIMEOUT_US, &mesh.timeout_us, err);
    return r < 0 ? r : fleet_seal(fleet, mesh.interval_us, mesh.timeout_us, err);
}

static int build_fleet(struct trace_reader *reader, const json_t *line, struct fl_error *err)
{
    struct span longest = {0};
    int r = fleet_new(&reader->fleet);

    if (r < 0)
        return fl_error_set(err, r, "no memory");
    r = add_places(reader->fleet, line, "zones", fleet_add_zone, err);
    if (r == 0)
        r = add_places(reader->fleet, line, "places", fleet_add_place, err);
    if (r == 0)
        r = add_agents(reader->fleet, line, err);
    if (r == 0)
        r = add_targets(reader->fleet, line, &longest, err);
    if (r == 0)
        r = seal(reader->fleet, line, longest, err);
    return r;
}

/* The same for the lines of records, of which there are many. */
static int value_text(struct trace_value object, const char *field, const char **ret,
                      struct fl_error *err)
{
    struct trace_value value = trace_json_get(object, field);

    *ret = trace_json_text(value);
    if (!*ret)
        return fl_error_set(err, -EBADMSG, "\"%s\" %s, it must be a string", field,
                            value.token ? "is something else" : "is missing");
    return 0;
}

static int value_integer(struct trace_value object, const char *field, int64_t least, int64_t *ret,
                         struct fl_error *err)
{
    struct trace_value value = trace_json_get(object, field);
    int64_t number;

    if (value.token == 0)
        return 0;
    if (!trace_json_integer(value, &number))
        return fl_error_set(err, -EBADMSG, "\"%s\" is no integer", field);
    if (number < least || number > INT64_MAX / 2)
        return fl_error_set(err, -EBADMSG, "\"%s\" is %lld, allowed is %lld to %lld", field,
                            (long long)number, (long long)least, (long long)(INT64_MAX / 2));
    *ret = number;
    return 0;
}

static int value_needed(struct trace_value object, const char *field, int64_t *ret,
                        struct fl_error *err)
{
    if (trace_json_get(object, field).token == 0)
        return fl_error_set(err, -EBADMSG, "\"%s\" is missing, it must be an integer", field);
    return value_integer(object, field, 0, ret, err);
}

/* An optional part of its type, absent when it is not there. */
static int value_part(struct trace_value object, const char *field, enum trace_json_type type,
                      struct trace_value *ret, struct fl_error *err)
{
    *ret = trace_json_get(object, field);
    if (ret->token != 0 && trace_json_type(*ret) != type)
        return fl_error_set(err, -EBADMSG, "\"%s\" is no %s", field,
                            type == TRACE_JSON_ARRAY ? "list" : "object");
    return 0;
}

/* A word through its parser; absent is `none`. */
static int get_word(struct trace_value line, const char *field, int (*parse)(const char *),
                    int none, int *ret, struct fl_error *err)
{
    const char *word;
    int r;

    *ret = none;
    switch (trace_json_type(trace_json_get(line, field))) {
    case TRACE_JSON_ABSENT:
    case TRACE_JSON_NULL:
        return 0;
    default:
        break;
    }
    r = value_text(line, field, &word, err);
    if (r < 0)
        return r;
    *ret = parse(word);
    return *ret >= 0 ? 0
                     : fl_error_set(err, -EBADMSG, "\"%s\" is \"%s\", no word of the trace format",
                                    field, word);
}

static int read_times(struct trace_value line, struct fl_result *result, struct fl_error *err)
{
    struct trace_value phases = {0}, steps = {0}, tcp = {0};
    int r = value_part(line, "phase_us", TRACE_JSON_OBJECT, &phases, err);

    if (r == 0)
        r = value_part(line, "step_us", TRACE_JSON_OBJECT, &steps, err);
    if (r == 0)
        r = value_part(line, "tcp", TRACE_JSON_OBJECT, &tcp, err);
    for (int i = 0; r == 0 && i < FL_LAYERS; i++)
        r = value_integer(phases, fl_layer_name((enum fl_layer)i), 0, &result->phase_us[i], err);
    for (int i = 0; r == 0 && i < FL_STEPS; i++)
        r = value_integer(steps, fl_step_name((enum fl_step)i), 0, &result->step_us[i], err);
    for (int i = 0; r == 0 && i < FL_TCP_FIELDS; i++)
        r = value_integer(tcp, fl_tcp_name(i), 0, fl_tcp_field(&result->tcp, i), err);
    return r;
}

static int read_outcome(struct trace_value line, struct fl_result *result, struct fl_error *err)
{
    struct trace_value ok = trace_json_get(line, "ok");
    int layer, failure, step;
    int r = get_word(line, "layer", fl_layer_parse, FL_LAYER_NONE, &layer, err);

    if (r == 0)
        r = get_word(line, "error", fl_failure_parse, FL_FAILURE_NONE, &failure, err);
    if (r == 0)
        r = get_word(line, "step", fl_step_parse, FL_STEP_NONE, &step, err);
    if (r < 0)
        return r;
    if (trace_json_type(ok) != TRACE_JSON_BOOLEAN)
        return fl_error_set(err, -EBADMSG, "\"ok\" must be true or false");
    result->ok = trace_json_is_true(ok);
    result->layer = (enum fl_layer)layer;
    result->failure = (enum fl_failure)failure;
    result->step = (enum fl_step)step;
    return 0;
}

static int find_series(const struct fleet *fleet, struct trace_value line, uint32_t *ret,
                       struct fl_error *err)
{
    const char *target, *probe = NULL;
    uint32_t index;
    int r = value_text(line, "target", &target, err);

    if (r == 0)
        r = value_text(line, "probe", &probe, err);
    if (r < 0)
        return r;
    *ret = fl_series_id(target, probe);
    index = fleet_find_probe(fleet, *ret);
    if (index == FLEET_NONE || strcmp(fleet->probes[index].name, probe) != 0 ||
        strcmp(fleet->targets[fleet->probes[index].target].name, target) != 0)
        return fl_error_set(err, -EBADMSG, "probe \"%s\" of target \"%s\" is not of this fleet",
                            probe, target);
    return 0;
}

static int read_result(const struct fleet *fleet, struct trace_value line, struct trace_record *ret,
                       struct fl_error *err)
{
    struct fl_result *result = &ret->result;
    int r;

    ret->type = TRACE_RESULT;
    fl_result_init(result);
    r = find_series(fleet, line, &result->series, err);
    if (r == 0)
        r = value_needed(line, "t_us", &result->t_us, err);
    if (r == 0)
        r = value_needed(line, "took_us", &result->took_us, err);
    if (r < 0)
        return r;
    result->rx_us = fl_time_add(result->t_us, result->took_us);
    r = value_integer(line, "rx_us", 0, &result->rx_us, err);
    if (r == 0)
        r = value_integer(line, "stalled_us", 0, &result->stalled_us, err);
    if (r == 0)
        r = value_integer(line, "tls_resumed", 0, &result->tls_resumed, err);
    if (r == 0)
        r = read_outcome(line, result, err);
    if (r == 0)
        r = read_times(line, result, err);
    if (r == 0 && fl_result_check(result, err) < 0)
        r = -EBADMSG;
    ret->rx_us = result->rx_us;
    return r;
}

/* A number in the trace is `scale` times the integer that is kept. */
static int get_scaled(struct trace_value object, const char *field, double scale, int64_t *ret,
                      struct fl_error *err)
{
    struct trace_value value = trace_json_get(object, field);
    double number;

    if (value.token == 0 || trace_json_type(value) == TRACE_JSON_NULL)
        return 0;
    if (scale == 1.0 && trace_json_integer(value, ret))
        return 0;
    if (!trace_json_number(value, &number))
        return fl_error_set(err, -EBADMSG, "\"%s\" is no number", field);
    if (!(fabs(number / scale) < 4e18))
        return fl_error_set(err, -EBADMSG, "\"%s\" is %g, which nothing measures", field, number);
    *ret = llround(number / scale);
    return 0;
}

static int read_disk(struct trace_value json, struct fl_disk_sample *disk, struct fl_error *err)
{
    const char *name = "", *target = "";
    int r = value_text(json, "name", &name, err);

    memset(disk, 0, sizeof(*disk));
    disk->iops = disk->await_us = disk->util_ppm = disk->inflight = FL_ABSENT;
    if (r == 0 && trace_json_get(json, "target").token)
        r = value_text(json, "target", &target, err);
    if (r < 0)
        return r;
    if (strlen(name) >= sizeof(disk->name) || strlen(target) >= sizeof(disk->target))
        return fl_error_set(err, -EBADMSG, "disk \"%.40s\": its name or target is too long", name);
    strcpy(disk->name, name);
    strcpy(disk->target, target);
    r = get_scaled(json, "iops", 1.0, &disk->iops, err);
    if (r == 0)
        r = get_scaled(json, "await_us", 1.0, &disk->await_us, err);
    if (r == 0)
        r = get_scaled(json, "util", 1e-6, &disk->util_ppm, err);
    if (r == 0)
        r = get_scaled(json, "inflight", 1.0, &disk->inflight, err);
    return r;
}

static int read_disks(struct trace_value line, struct fl_host_sample *sample, struct fl_error *err)
{
    struct trace_value disks;
    int r = value_part(line, "disks", TRACE_JSON_ARRAY, &disks, err);

    if (r == 0 && trace_json_size(disks) > FL_MAX_DISKS)
        return fl_error_set(err, -EBADMSG, "\"disks\" lists %zu, at most %d are allowed",
                            trace_json_size(disks), FL_MAX_DISKS);
    for (struct trace_value disk = {0}; r == 0 && (disk = trace_json_next(disks, disk)).token != 0;)
        r = read_disk(disk, &sample->disks[sample->n_disks++], err);
    return r;
}

static int read_host(struct trace_value line, struct trace_record *ret, struct fl_error *err)
{
    struct fl_host_sample *sample = &ret->host;
    int r;

    ret->type = TRACE_HOST;
    fl_host_sample_init(sample);
    r = value_needed(line, "t_us", &sample->t_us, err);
    if (r < 0)
        return r;
    sample->rx_us = sample->t_us;
    r = value_integer(line, "rx_us", 0, &sample->rx_us, err);
    for (int i = 0; r == 0 && i < FL_HOST_METRICS; i++) {
        const struct fl_host_metric_row *row = &fl_host_metric_table[i];
        struct trace_value section = line;

        if (row->section[0])
            r = value_part(line, row->section, TRACE_JSON_OBJECT, &section, err);
        if (r == 0)
            r = get_scaled(section, row->name, row->scale, &sample->values[i], err);
    }
    if (r == 0)
        r = read_disks(line, sample, err);
    if (r == 0 && fl_host_sample_check(sample, err) < 0)
        r = -EBADMSG;
    ret->rx_us = sample->rx_us;
    return r;
}

static int read_record(const struct fleet *fleet, struct trace_value line, struct trace_record *ret,
                       struct fl_error *err)
{
    const char *type, *agent = NULL;
    int r = value_text(line, "type", &type, err);

    if (r < 0)
        return r;
    if (strcmp(type, "result") != 0 && strcmp(type, "host") != 0)
        return fl_error_set(err, -EBADMSG,
                            "\"type\" is \"%s\", after the first line it is \"result\" or \"host\"",
                            type);
    r = value_text(line, "agent", &agent, err);
    if (r < 0)
        return r;
    ret->agent = fleet_find_agent(fleet, agent);
    if (ret->agent == FLEET_NONE)
        return fl_error_set(err, -EBADMSG, "agent \"%s\" is not of this fleet", agent);
    return type[0] == 'r' ? read_result(fleet, line, ret, err) : read_host(line, ret, err);
}

static int at_line(const struct trace_reader *reader, int r, struct fl_error *err)
{
    return fl_error_prefix(err, r, "%s:%llu", reader->name,
                           (unsigned long long)trace_line_number(reader->lines));
}

int trace_reader_next(struct trace_reader *reader, struct trace_record *ret, struct fl_error *err)
{
    struct trace_value line;
    char *text;
    size_t size;
    int r;

    if (reader->failed < 0)
        return fl_error_set(err, reader->failed, "%s: reading has failed before", reader->name);
    r = trace_line_next(reader->lines, TRACE_MAX_LINE, &text, &size, err);
    if (r == 1) {
        r = trace_json_parse(reader->json, text, size, &line, err);
        if (r == 0)
            r = read_record(reader->fleet, line, ret, err);
        if (r == 0)
            return 1;
    }
    if (r < 0 && r != -EBADMSG)
        reader->failed = r;
    return r < 0 ? at_line(reader, r, err) : 0;
}

/* 1 and an object, 0 at the end, negative on failure. */
static int read_fleet_line(struct trace_reader *reader, json_t **ret, struct fl_error *err)
{
    json_error_t why;
    char *text;
    size_t size;
    int r = trace_line_next(reader->lines, TRACE_MAX_FLEET_LINE, &text, &size, err);

    if (r <= 0)
        return r;
    *ret = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (!*ret)
        return fl_error_set(err, -EBADMSG, "no JSON: %s at byte %d", why.text, why.position);
    if (!json_is_object(*ret))
        return fl_error_set(err, -EBADMSG, "no JSON object");
    return 1;
}

static int read_fleet(struct trace_reader *reader, struct fl_error *err)
{
    FL_CLEANUP(json_freep) json_t *line = NULL;
    const char *type;
    int r = read_fleet_line(reader, &line, err);

    if (r == 0)
        return fl_error_set(err, -EBADMSG, "%s: is empty, a trace begins with its fleet",
                            reader->name);
    if (r > 0) {
        type = json_string_value(json_object_get(line, "type"));
        if (!type || strcmp(type, "fleet") != 0)
            r = fl_error_set(err, -EBADMSG, "the first line must be of type \"fleet\"");
        else
            r = build_fleet(reader, line, err);
    }
    return r < 0 ? at_line(reader, r, err) : 0;
}

int trace_reader_open_stream(FILE *stream, const char *name, struct trace_reader **ret,
                             struct fl_error *err)
{
    FL_CLEANUP(trace_reader_freep) struct trace_reader *reader = calloc(1, sizeof(*reader));
    size_t length = strlen(name);
    bool compressed = length >= 4 && strcmp(name + length - 4, ".zst") == 0;
    int r;

    if (reader)
        reader->name = strdup(name);
    if (!reader || !reader->name || trace_json_new(&reader->json) < 0) {
        (void)fclose(stream);
        return fl_error_set(err, -ENOMEM, "no memory");
    }
    r = trace_line_new(stream, compressed, &reader->lines, err);
    if (r == 0)
        r = read_fleet(reader, err);
    if (r < 0)
        return r;
    *ret = FL_TAKE(reader);
    return 0;
}

int trace_reader_open(const char *path, struct trace_reader **ret, struct fl_error *err)
{
    FILE *stream;

    if (strcmp(path, "-") == 0)
        return trace_reader_open_stream(stdin, "standard input", ret, err);
    stream = fopen(path, "re");
    if (!stream)
        return fl_error_set(err, -errno, "%s: cannot be opened: %s", path, strerror(errno));
    return trace_reader_open_stream(stream, path, ret, err);
}

struct trace_reader *trace_reader_free(struct trace_reader *reader)
{
    if (!reader)
        return NULL;
    trace_line_free(reader->lines);
    trace_json_free(reader->json);
    fleet_free(reader->fleet);
    free(reader->name);
    free(reader);
    return NULL;
}

const struct fleet *trace_reader_fleet(const struct trace_reader *reader)
{
    return reader->fleet;
}
