#include "proto/types/fl_plan.h"

#include "proto/types/fl_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 1 /* most plans are copies of one probe with one or two settings */

void fl_plan_init(struct fl_plan *plan)
{
    *plan = (struct fl_plan){0};
}

static void spec_done(struct fl_probe_spec *spec)
{
    for (size_t i = 0; i < spec->n_settings; i++) {
        free(spec->settings[i].key);
        free(spec->settings[i].value);
    }
    free(spec->settings);
}

void fl_plan_done(struct fl_plan *plan)
{
    for (size_t i = 0; i < plan->n_specs; i++)
        spec_done(&plan->specs[i]);
    free(plan->specs);
    fl_plan_init(plan);
}

/* Room is doubled whenever the number of members is a power of two from FIRST_ROOM on. */
static void *with_room(void *members, size_t n, size_t size)
{
    if (n == 0)
        return calloc(FIRST_ROOM, size);
    if (n >= FIRST_ROOM && (n & (n - 1)) == 0)
        return realloc(members, 2 * n * size);
    return members;
}

static bool copy_name(char *to, size_t size, const char *from)
{
    size_t length = strlen(from);

    if (length >= size)
        return false;
    memcpy(to, from, length + 1);
    return true;
}

struct fl_probe_spec *fl_plan_add(struct fl_plan *plan, const char *target, const char *probe,
                                  const char *type, int64_t interval_us, int64_t timeout_us)
{
    struct fl_probe_spec spec = {.series = fl_series_id(target, probe),
                                 .interval_us = interval_us,
                                 .timeout_us = timeout_us};
    struct fl_probe_spec *specs;

    if (plan->n_specs == FL_MAX_PLAN_SPECS ||
        !copy_name(spec.target, sizeof(spec.target), target) ||
        !copy_name(spec.probe, sizeof(spec.probe), probe) ||
        !copy_name(spec.type, sizeof(spec.type), type))
        return NULL;
    specs = with_room(plan->specs, plan->n_specs, sizeof(*specs));
    if (!specs)
        return NULL;
    plan->specs = specs;
    specs[plan->n_specs] = spec;
    return &specs[plan->n_specs++];
}

int fl_probe_spec_set(struct fl_probe_spec *spec, const char *key, const char *value)
{
    struct fl_setting *settings;
    struct fl_setting setting;

    if (spec->n_settings == FL_MAX_SETTINGS)
        return -E2BIG;
    settings = with_room(spec->settings, spec->n_settings, sizeof(*settings));
    if (!settings)
        return -ENOMEM;
    spec->settings = settings;
    setting = (struct fl_setting){strdup(key), strdup(value)};
    if (!setting.key || !setting.value) {
        free(setting.key);
        free(setting.value);
        return -ENOMEM;
    }
    settings[spec->n_settings++] = setting;
    return 0;
}

static int check_spec(const struct fl_probe_spec *spec, struct fl_error *err)
{
    if (!fl_target_name_valid(spec->target) || !fl_name_valid(spec->probe))
        return fl_error_set(err, -EINVAL, "\"%s\" or \"%s\" is no name", spec->target, spec->probe);
    if (spec->type[0] == '\0')
        return fl_error_set(err, -EINVAL, "%s/%s has no type", spec->target, spec->probe);
    if (spec->series != fl_series_id(spec->target, spec->probe))
        return fl_error_set(err, -EINVAL, "%s/%s has the series of another probe", spec->target,
                            spec->probe);
    if (spec->interval_us < FL_MIN_INTERVAL_US || spec->interval_us > FL_MAX_INTERVAL_US)
        return fl_error_set(err, -EINVAL,
                            "the interval of %s/%s is %lld us; allowed is 100 ms to 24 h",
                            spec->target, spec->probe, (long long)spec->interval_us);
    if (spec->timeout_us < FL_MIN_TIMEOUT_US || spec->timeout_us > FL_MAX_TIMEOUT_US)
        return fl_error_set(err, -EINVAL,
                            "the timeout of %s/%s is %lld us; allowed is 10 ms to 60 s",
                            spec->target, spec->probe, (long long)spec->timeout_us);
    return 0;
}

static int compare_series(const void *x, const void *y)
{
    uint32_t a = (*(const struct fl_probe_spec *const *)x)->series;
    uint32_t b = (*(const struct fl_probe_spec *const *)y)->series;

    return (a > b) - (a < b);
}

static int check_unique(const struct fl_plan *plan, struct fl_error *err)
{
    const struct fl_probe_spec **sorted = calloc(plan->n_specs + 1, sizeof(*sorted));
    int r = 0;

    if (!sorted)
        return fl_error_set(err, -ENOMEM, "no memory");
    for (size_t i = 0; i < plan->n_specs; i++)
        sorted[i] = &plan->specs[i];
    qsort(sorted, plan->n_specs, sizeof(*sorted), compare_series);
    for (size_t i = 1; i < plan->n_specs && r == 0; i++)
        if (sorted[i]->series == sorted[i - 1]->series)
            r = fl_error_set(err, -EINVAL, "%s/%s and %s/%s have the same series",
                             sorted[i - 1]->target, sorted[i - 1]->probe, sorted[i]->target,
                             sorted[i]->probe);
    free(sorted);
    return r;
}

int fl_plan_check(const struct fl_plan *plan, struct fl_error *err)
{
    for (size_t i = 0; i < plan->n_specs; i++)
        if (check_spec(&plan->specs[i], err) < 0)
            return -EINVAL;
    return check_unique(plan, err);
}

static bool spec_equal(const struct fl_probe_spec *a, const struct fl_probe_spec *b)
{
    if (strcmp(a->target, b->target) != 0 || strcmp(a->probe, b->probe) != 0 ||
        strcmp(a->type, b->type) != 0 || a->interval_us != b->interval_us ||
        a->timeout_us != b->timeout_us || a->n_settings != b->n_settings)
        return false;
    for (size_t i = 0; i < a->n_settings; i++)
        if (strcmp(a->settings[i].key, b->settings[i].key) != 0 ||
            strcmp(a->settings[i].value, b->settings[i].value) != 0)
            return false;
    return true;
}

bool fl_plan_equal(const struct fl_plan *a, const struct fl_plan *b)
{
    if (a->version != b->version || a->n_specs != b->n_specs ||
        memcmp(a->mesh_key, b->mesh_key, sizeof(a->mesh_key)) != 0)
        return false;
    for (size_t i = 0; i < a->n_specs; i++)
        if (!spec_equal(&a->specs[i], &b->specs[i]))
            return false;
    return true;
}
