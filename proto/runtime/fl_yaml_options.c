#include "proto/runtime/fl_yaml.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAX_ROWS 128 /* in a table; tables are written by us */

static void check_rows(const struct fl_option *table)
{
    size_t n = 0;

    while (table[n].name)
        n++;
    assert(n <= MAX_ROWS);
}

static bool is_one_of(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* fl_options_set lists its rows; the caller's own keys are allowed beside them. */
static int refuse_key(const struct fl_yaml_node *key, const struct fl_option *table,
                      const char *const *others, void *settings, struct fl_error *err)
{
    struct fl_error sentence;
    char more[256] = "";
    int r = fl_options_set(table, settings, fl_yaml_text(key), "", &sentence);

    for (; others && *others; others++) {
        size_t used = strlen(more);

        (void)snprintf(more + used, sizeof(more) - used, "%s%s", used ? ", " : ", and beside them ",
                       *others);
    }
    return fl_yaml_error(key, err, r, "%s%s", sentence.message, more);
}

static int set_one(const struct fl_yaml_node *value, const struct fl_option *table,
                   const struct fl_option *row, void *settings, struct fl_error *err)
{
    struct fl_error sentence;
    int r = fl_yaml_expect(value, FL_YAML_SCALAR, row->name, err);

    if (r < 0)
        return r;
    r = fl_options_set(table, settings, row->name, fl_yaml_text(value), &sentence);
    return r < 0 ? fl_yaml_error(value, err, r, "%s", sentence.message) : 0;
}

static int set_all(const struct fl_yaml_node *map, const struct fl_option *table,
                   const char *const *others, void *settings, struct fl_error *err)
{
    bool given[MAX_ROWS] = {false};
    struct fl_error sentence;
    int r;

    for (size_t i = 0; i < fl_yaml_count(map); i++) {
        const struct fl_option *row = fl_options_find(table, fl_yaml_key(map, i));

        if (is_one_of(others, fl_yaml_key(map, i)))
            continue;
        if (!row)
            return refuse_key(fl_yaml_key_node(map, i), table, others, settings, err);
        r = set_one(fl_yaml_item(map, i), table, row, settings, err);
        if (r < 0)
            return r;
        given[row - table] = true;
    }
    r = fl_options_require(table, given, &sentence);
    return r < 0 ? fl_yaml_error(map, err, r, "%s", sentence.message) : 0;
}

int fl_yaml_options(const struct fl_yaml_node *map, const struct fl_option *table,
                    const char *const *others, void *settings, struct fl_error *err)
{
    int r;

    check_rows(table);
    if (fl_yaml_kind(map) != FL_YAML_MAP)
        return fl_yaml_error(map, err, -EINVAL, "here must be a map of \"key: value\" lines");
    if (fl_options_init(table, settings) < 0)
        return fl_yaml_error(map, err, -ENOMEM, "out of memory for the settings");
    r = set_all(map, table, others, settings, err);
    if (r < 0)
        fl_options_done(table, settings);
    return r;
}
