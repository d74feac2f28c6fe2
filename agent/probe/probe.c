/* Finds a type, and reads a spec's settings through the type's own table. */
#include "agent/probe/probe_module.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int probe_type_find(const char *name, const struct probe_type **ret, struct fl_error *err)
{
    const struct probe_row *row = probe_table;

    while (row->name && strcmp(row->name, name) != 0)
        row++;
    if (!row->name)
        return -ENOENT;
    if (!row->type)
        return probe_module_load(row->module, row->name, ret, err);
    *ret = row->type;
    return 0;
}

/* Set every setting of the spec, each at most once, and demand those that must be there. */
static int read_settings(const struct probe_type *type, const struct fl_probe_spec *spec,
                         void *settings, struct fl_error *err)
{
    bool given[FL_MAX_SETTINGS] = {false};

    for (size_t i = 0; i < spec->n_settings; i++) {
        const struct fl_setting *setting = &spec->settings[i];
        const struct fl_option *row = fl_options_find(type->options, setting->key);
        int r = fl_options_set(type->options, settings, setting->key, setting->value, err);

        if (r < 0)
            return r;
        if (given[row - type->options])
            return fl_error_set(err, -EINVAL, "setting \"%s\" is given twice: give it once",
                                setting->key);
        given[row - type->options] = true;
    }
    return fl_options_require(type->options, given, err);
}

void probe_settings_free(const struct probe_type *type, void *settings)
{
    if (!settings)
        return;
    fl_options_done(type->options, settings);
    free(settings);
}

int probe_settings_parse(const struct probe_type *type, const struct fl_probe_spec *spec,
                         void **ret_settings, struct fl_error *err)
{
    void *settings = calloc(1, type->settings_size);
    int r;

    if (!settings || fl_options_init(type->options, settings) < 0) {
        free(settings);
        return fl_error_set(err, -ENOMEM, "probe \"%s/%s\": out of memory", spec->target,
                            spec->probe);
    }
    r = read_settings(type, spec, settings, err);
    if (r == 0 && type->check)
        r = type->check(settings, err);
    if (r < 0) {
        probe_settings_free(type, settings);
        return fl_error_prefix(err, r, "probe \"%s/%s\" of type \"%s\"", spec->target, spec->probe,
                               type->name);
    }
    *ret_settings = settings;
    return 0;
}
