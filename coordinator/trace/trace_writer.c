/* Writes a trace, one JSON object a line. Fields that are absent are left out. Besides the trace
 * format's own fields it keeps the storage steps and the mesh's interval, which readers that do
 * not know them ignore. */
#include "coordinator/trace/trace_writer.h"

#include "coordinator/trace/result_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(12))

struct trace_writer {
    FILE *file;
    const struct fleet *fleet;
};

/* Writes and drops `json`; NULL stands for no memory. */
static int write_line(struct trace_writer *writer, json_t *json, struct fl_error *err)
{
    int r;

    if (!json)
        return fl_error_set(err, -ENOMEM, "no memory");
    r = json_dumpf(json, writer->file, LINE_FLAGS);
    json_decref(json);
    if (r < 0 || fputc('\n', writer->file) == EOF)
        return fl_error_set(err, -EIO, "the recording cannot be written: %s", strerror(errno));
    return 0;
}

static json_t *zones_json(const struct fleet *fleet, size_t begin, size_t end)
{
    json_t *array = json_array();

    for (size_t i = begin; i < end; i++)
        (void)json_array_append_new(array, json_string(fleet->places[i].name));
    return array;
}

static json_t *agents_json(const struct fleet *fleet)
{
    json_t *array = json_array();

    for (size_t i = 0; i < fleet->n_agents; i++) {
        const struct fleet_agent *agent = &fleet->agents[i];

        (void)json_array_append_new(array, json_pack("{s:s, s:s}", "name", agent->name, "zone",
                                                     fleet->places[agent->zone].name));
    }
    return array;
}

static json_t *probe_json(const struct fleet_probe *probe)
{
    return json_pack("{s:s, s:s, s:I, s:I}", "name", probe->name, "type", probe->type,
                     "interval_us", (json_int_t)probe->interval_us, "timeout_us",
                     (json_int_t)probe->timeout_us);
}

static json_t *target_json(const struct fleet *fleet, const struct fleet_target *target)
{
    json_t *json = json_pack("{s:s, s:s, s:s}", "name", target->name, "kind",
                             target->kind == TARGET_STORAGE ? "storage" : "service", "place",
                             fleet->places[target->place].name);

    if (target->backend != FLEET_NONE)
        (void)json_object_set_new(json, "backend",
                                  json_string(fleet->backends[target->backend].name));
    (void)json_object_set_new(json, "probes", json_array());
    return json;
}

/* The mesh needs no entry, but how often it is probed is worth keeping. */
static void put_targets(const struct fleet *fleet, json_t *line)
{
    json_t *targets = json_array();
    json_t **by_index = calloc(fleet->n_targets + 1, sizeof(json_t *));

    for (size_t i = 0; by_index && i < fleet->n_targets; i++) {
        if (fleet->targets[i].kind == TARGET_MESH)
            continue;
        by_index[i] = target_json(fleet, &fleet->targets[i]);
        (void)json_array_append_new(targets, by_index[i]);
    }
    for (size_t i = 0; by_index && i < fleet->n_probes; i++) {
        const struct fleet_probe *probe = &fleet->probes[i];

        if (by_index[probe->target])
            (void)json_array_append_new(json_object_get(by_index[probe->target], "probes"),
                                        probe_json(probe));
        else if (!json_object_get(line, "mesh"))
            (void)json_object_set_new(line, "mesh", probe_json(probe));
    }
    (void)json_object_set_new(line, "targets", targets);
    free(by_index);
}

static int write_fleet(struct trace_writer *writer, struct fl_error *err)
{
    const struct fleet *fleet = writer->fleet;
    json_t *line = json_pack(
        "{s:s, s:o, s:o, s:o}", "type", "fleet", "zones", zones_json(fleet, 0, fleet->n_zones),
        "places", zones_json(fleet, fleet->n_zones, fleet->n_places), "agents", agents_json(fleet));

    if (line)
        put_targets(fleet, line);
    return write_line(writer, line, err);
}

/* A recording from before a restart is worth as much as the new one. */
static int keep_old(const char *path, struct fl_error *err)
{
    char old[4096];
    struct stat status;

    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
        return 0;
    if ((size_t)snprintf(old, sizeof(old), "%s.old", path) >= sizeof(old))
        return fl_error_set(err, -ENAMETOOLONG, "%s: the path is too long", path);
    if (rename(path, old) < 0)
        return fl_error_set(err, -errno, "%s: cannot be kept as %s: %s", path, old,
                            strerror(errno));
    return 0;
}

int trace_writer_open(const char *path, const struct fleet *fleet, struct trace_writer **ret,
                      struct fl_error *err)
{
    size_t length = strlen(path);
    struct trace_writer *writer;
    int r;

    if (length >= 4 && strcmp(path + length - 4, ".zst") == 0)
        return fl_error_set(err, -EINVAL,
                            "%s: a recording is written uncompressed, name it without .zst", path);
    r = keep_old(path, err);
    if (r < 0)
        return r;
    writer = calloc(1, sizeof(*writer));
    if (!writer)
        return fl_error_set(err, -ENOMEM, "no memory");
    writer->fleet = fleet;
    writer->file = fopen(path, "we");
    if (!writer->file) {
        r = fl_error_set(err, -errno, "%s: cannot be written: %s", path, strerror(errno));
        free(writer);
        return r;
    }
    r = write_fleet(writer, err);
    if (r < 0) {
        (void)fclose(writer->file);
        free(writer);
        return r;
    }
    *ret = writer;
    return 0;
}

int trace_writer_result(struct trace_writer *writer, uint32_t agent, const struct fl_result *result,
                        struct fl_error *err)
{
    const struct fleet *fleet = writer->fleet;
    uint32_t index = fleet_find_probe(fleet, result->series);
    const struct fleet_probe *probe;
    json_t *line;

    if (agent >= fleet->n_agents || index == FLEET_NONE)
        return fl_error_set(err, -ENOENT, "the result is of no agent or probe of this fleet");
    probe = &fleet->probes[index];
    line = json_pack("{s:s, s:I, s:I}", "type", "result", "t_us", (json_int_t)result->t_us,
                     "took_us", (json_int_t)result->took_us);
    if (!line)
        return fl_error_set(err, -ENOMEM, "no memory");
    result_json_integer(line, "rx_us", result->rx_us);
    (void)json_object_set_new(line, "agent", json_string(fleet->agents[agent].name));
    (void)json_object_set_new(line, "target", json_string(fleet->targets[probe->target].name));
    (void)json_object_set_new(line, "probe", json_string(probe->name));
    result_json_put(line, result);
    return write_line(writer, line, err);
}

static void put_metric(json_t *line, const struct fl_host_metric_row *row, int64_t value)
{
    json_t *section = line;

    if (value == FL_ABSENT)
        return;
    if (row->section[0]) {
        section = json_object_get(line, row->section);
        if (!section) {
            section = json_object();
            (void)json_object_set_new(line, row->section, section);
        }
    }
    if (row->scale == 1.0)
        result_json_integer(section, row->name, value);
    else
        (void)json_object_set_new(section, row->name, json_real((double)value * row->scale));
}

static json_t *disk_json(const struct fl_disk_sample *disk)
{
    json_t *json = json_pack("{s:s}", "name", disk->name);

    if (disk->target[0])
        (void)json_object_set_new(json, "target", json_string(disk->target));
    result_json_integer(json, "iops", disk->iops);
    result_json_integer(json, "await_us", disk->await_us);
    if (disk->util_ppm != FL_ABSENT)
        (void)json_object_set_new(json, "util", json_real((double)disk->util_ppm * 1e-6));
    result_json_integer(json, "inflight", disk->inflight);
    return json;
}

int trace_writer_host(struct trace_writer *writer, uint32_t agent,
                      const struct fl_host_sample *sample, struct fl_error *err)
{
    json_t *line, *disks;

    if (agent >= writer->fleet->n_agents)
        return fl_error_set(err, -ENOENT, "the host sample is of no agent of this fleet");
    line = json_pack("{s:s, s:I, s:s}", "type", "host", "t_us", (json_int_t)sample->t_us, "agent",
                     writer->fleet->agents[agent].name);
    if (!line)
        return fl_error_set(err, -ENOMEM, "no memory");
    result_json_integer(line, "rx_us", sample->rx_us);
    for (int i = 0; i < FL_HOST_METRICS; i++)
        put_metric(line, &fl_host_metric_table[i], sample->values[i]);
    if (sample->n_disks > 0) {
        disks = json_array();
        for (uint32_t i = 0; i < sample->n_disks; i++)
            (void)json_array_append_new(disks, disk_json(&sample->disks[i]));
        (void)json_object_set_new(line, "disks", disks);
    }
    return write_line(writer, line, err);
}

int trace_writer_close(struct trace_writer *writer, struct fl_error *err)
{
    int r = 0;

    if (fclose(writer->file) != 0)
        r = fl_error_set(err, -errno, "the recording cannot be written: %s", strerror(errno));
    free(writer);
    return r;
}
