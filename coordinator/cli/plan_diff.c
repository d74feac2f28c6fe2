#include "coordinator/cli/plan_diff.h"

#include "coordinator/cli/field.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE 256

/* The fields of a probe by name, those of its settings after a dot. The caller owns it. */
static json_t *flat(const json_t *probe)
{
    json_t *fields = json_object();
    const char *name, *key;
    json_t *value, *setting;

    json_object_foreach((json_t *)probe, name, value)
    {
        if (!json_is_object(value)) {
            (void)json_object_set(fields, name, value);
            continue;
        }
        json_object_foreach(value, key, setting)
        {
            char path[NAME_SIZE];

            (void)snprintf(path, sizeof(path), "%s.%s", name, key);
            (void)json_object_set(fields, path, setting);
        }
    }
    return fields;
}

/* Probes by "TARGET/PROBE", flat. The caller owns it. */
static json_t *by_name(const json_t *plan)
{
    json_t *probes = json_object(), *probe;
    size_t i;

    json_array_foreach(json_object_get(plan, "probes"), i, probe)
    {
        char name[NAME_SIZE];

        (void)snprintf(name, sizeof(name), "%s/%s", field_text(probe, "target"),
                       field_text(probe, "probe"));
        (void)json_object_set_new(probes, name, flat(probe));
    }
    return probes;
}

static void note(json_t *changes, const char *change, const char *probe, json_t *fields)
{
    (void)json_array_append_new(
        changes, json_pack("{s:s, s:s, s:o}", "change", change, "probe", probe, "fields", fields));
}

static void add_field(json_t *fields, const char *name, json_t *from, json_t *to)
{
    (void)json_array_append_new(
        fields, json_pack("{s:s, s:O?, s:O?}", "field", name, "from", from, "to", to));
}

static json_t *fields_changed(json_t *from, json_t *to)
{
    json_t *fields = json_array(), *value;
    const char *name;

    json_object_foreach(from, name, value) if (!json_equal(value, json_object_get(to, name)))
        add_field(fields, name, value, json_object_get(to, name));
    json_object_foreach(to, name, value) if (!json_object_get(from, name))
        add_field(fields, name, NULL, value);
    return fields;
}

static void compare(json_t *changes, const char *name, json_t *from, json_t *to)
{
    json_t *fields = fields_changed(from, to);

    if (json_array_size(fields) > 0)
        note(changes, "changed", name, fields);
    else
        json_decref(fields);
}

json_t *plan_diff(const json_t *from, const json_t *to)
{
    json_t *before = by_name(from), *after = by_name(to), *changes = json_array(), *probe;
    const char *name;

    json_object_foreach(before, name, probe)
    {
        if (json_object_get(after, name))
            compare(changes, name, probe, json_object_get(after, name));
        else
            note(changes, "removed", name, json_array());
    }
    json_object_foreach(after, name, probe) if (!json_object_get(before, name))
        note(changes, "added", name, fields_changed(NULL, probe));
    json_decref(before);
    json_decref(after);
    return changes;
}
