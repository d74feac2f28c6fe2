#include "proto/types/fl_option.h"

#include "proto/types/fl_name.h"
#include "proto/types/fl_time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_SIZE 512
#define SHOWN_SIZE 80 /* bytes of a bad value that a message repeats */

static void *field_of(const struct fl_option *row, void *settings)
{
    return (char *)settings + row->offset;
}

static bool is_text(enum fl_option_kind kind)
{
    return kind == FL_OPTION_STRING || kind == FL_OPTION_NAME || kind == FL_OPTION_ADDRESS;
}

static int refuse(struct fl_error *err, const struct fl_option *row, const char *value,
                  const char *allowed)
{
    return fl_error_set(err, -EINVAL, "\"%s\" is \"%.*s\"; allowed is %s", row->name, SHOWN_SIZE,
                        value, allowed);
}

static int set_bool(const struct fl_option *row, void *field, const char *value,
                    struct fl_error *err)
{
    bool yes = strcmp(value, "true") == 0 || strcmp(value, "yes") == 0;

    if (!yes && strcmp(value, "false") != 0 && strcmp(value, "no") != 0)
        return refuse(err, row, value, "true or false");
    *(bool *)field = yes;
    return 0;
}

static int check_range(const struct fl_option *row, const char *value, int64_t number,
                       struct fl_error *err)
{
    char allowed[LIST_SIZE], low[FL_DURATION_TEXT_SIZE], high[FL_DURATION_TEXT_SIZE];

    if (number >= row->min && number <= row->max)
        return 0;
    if (row->kind == FL_OPTION_DURATION)
        (void)snprintf(allowed, sizeof(allowed), "%s to %s", fl_duration_format(row->min, low),
                       fl_duration_format(row->max, high));
    else
        (void)snprintf(allowed, sizeof(allowed), "%lld to %lld", (long long)row->min,
                       (long long)row->max);
    return refuse(err, row, value, allowed);
}

static int set_int(const struct fl_option *row, void *field, const char *value,
                   struct fl_error *err)
{
    char *end = NULL;
    long long number;

    errno = 0;
    number = strtoll(value, &end, 10);
    if (end == value || *end || errno)
        return refuse(err, row, value, "a whole number");
    if (check_range(row, value, number, err) < 0)
        return -EINVAL;
    *(int64_t *)field = number;
    return 0;
}

static int set_duration(const struct fl_option *row, void *field, const char *value,
                        struct fl_error *err)
{
    int64_t us = 0;

    if (fl_duration_parse(value, &us, NULL) < 0)
        return refuse(err, row, value, "a duration like 250ms, 2s or 5m");
    if (check_range(row, value, us, err) < 0)
        return -EINVAL;
    *(int64_t *)field = us;
    return 0;
}

/* Shift for the unit after a number of bytes, or -1. */
static int size_shift(const char *unit)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};

    for (size_t i = 0; i < FL_COUNT(units); i++)
        if (strcmp(unit, units[i]) == 0 || (i == 0 && strcmp(unit, "B") == 0))
            return (int)(10 * i);
    return -1;
}

static int set_size(const struct fl_option *row, void *field, const char *value,
                    struct fl_error *err)
{
    char *end = NULL;
    long long number;
    int shift;

    errno = 0;
    number = strtoll(value, &end, 10);
    shift = size_shift(end);
    if (end == value || errno || shift < 0 || number < 0 || number > INT64_MAX >> shift)
        return refuse(err, row, value, "a size like 512, 4KiB or 64MiB");
    if (check_range(row, value, number << shift, err) < 0)
        return -EINVAL;
    *(int64_t *)field = number << shift;
    return 0;
}

static int set_choice(const struct fl_option *row, void *field, const char *value,
                      struct fl_error *err)
{
    char allowed[LIST_SIZE] = "";

    for (int64_t i = 0; row->choices[i]; i++) {
        size_t used = strlen(allowed);

        if (strcmp(row->choices[i], value) == 0) {
            *(int64_t *)field = i;
            return 0;
        }
        (void)snprintf(allowed + used, sizeof(allowed) - used, "%s%s", used ? ", " : "",
                       row->choices[i]);
    }
    return refuse(err, row, value, allowed);
}

static int check_text(const struct fl_option *row, const char *value, struct fl_error *err)
{
    char host[FL_OPTION_HOST_SIZE];
    struct fl_error why;
    uint16_t port;

    if (row->kind == FL_OPTION_NAME && !fl_name_valid(value))
        return refuse(err, row, value, "a name of 1 to 64 of A-Z a-z 0-9 . _ -");
    if (row->kind == FL_OPTION_ADDRESS && fl_address_split(value, host, sizeof(host), &port, &why))
        return fl_error_set(err, -EINVAL, "\"%s\": %s", row->name, why.message);
    if (row->max > 0 && ((int64_t)strlen(value) < row->min || (int64_t)strlen(value) > row->max))
        return fl_error_set(err, -EINVAL,
                            "\"%s\" is %zu bytes long; allowed are %lld to %lld bytes", row->name,
                            strlen(value), (long long)row->min, (long long)row->max);
    return 0;
}

static int set_text(const struct fl_option *row, void *field, const char *value,
                    struct fl_error *err)
{
    char *copy;

    if (check_text(row, value, err) < 0)
        return -EINVAL;
    copy = strdup(value);
    if (!copy)
        return fl_error_set(err, -ENOMEM, "no memory");
    free(*(char **)field);
    *(char **)field = copy;
    return 0;
}

static int set_value(const struct fl_option *row, void *settings, const char *value,
                     struct fl_error *err)
{
    void *field = field_of(row, settings);

    switch (row->kind) {
    case FL_OPTION_BOOL:
        return set_bool(row, field, value, err);
    case FL_OPTION_INT:
        return set_int(row, field, value, err);
    case FL_OPTION_DURATION:
        return set_duration(row, field, value, err);
    case FL_OPTION_SIZE:
        return set_size(row, field, value, err);
    case FL_OPTION_CHOICE:
        return set_choice(row, field, value, err);
    default:
        return set_text(row, field, value, err);
    }
}

static void clear(const struct fl_option *row, void *settings)
{
    if (is_text(row->kind))
        *(char **)field_of(row, settings) = NULL;
    else if (row->kind == FL_OPTION_BOOL)
        *(bool *)field_of(row, settings) = false;
    else
        *(int64_t *)field_of(row, settings) = 0;
}

int fl_options_init(const struct fl_option *table, void *settings)
{
    for (const struct fl_option *row = table; row->name; row++)
        clear(row, settings);
    for (const struct fl_option *row = table; row->name; row++)
        if (row->standard && row->standard[0] &&
            set_value(row, settings, row->standard, NULL) < 0) {
            fl_options_done(table, settings);
            return -ENOMEM;
        }
    return 0;
}

static int no_such(const struct fl_option *table, const char *name, struct fl_error *err)
{
    char known[LIST_SIZE] = "";

    for (const struct fl_option *row = table; row->name; row++) {
        size_t used = strlen(known);

        (void)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", row->name);
    }
    return fl_error_set(err, -ENOENT, "there is no setting \"%.*s\"; there are %s", SHOWN_SIZE,
                        name, known[0] ? known : "none");
}

int fl_options_set(const struct fl_option *table, void *settings, const char *name,
                   const char *value, struct fl_error *err)
{
    const struct fl_option *row = fl_options_find(table, name);

    return row ? set_value(row, settings, value, err) : no_such(table, name, err);
}

const struct fl_option *fl_options_find(const struct fl_option *table, const char *name)
{
    for (const struct fl_option *row = table; row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

int fl_options_require(const struct fl_option *table, const bool *given, struct fl_error *err)
{
    for (size_t i = 0; table[i].name; i++)
        if (!table[i].standard && !given[i])
            return fl_error_set(err, -EINVAL, "\"%s\" is missing; it is %s", table[i].name,
                                table[i].help);
    return 0;
}

void fl_options_done(const struct fl_option *table, void *settings)
{
    for (const struct fl_option *row = table; row->name; row++)
        if (is_text(row->kind)) {
            char **text = field_of(row, settings);

            free(*text);
            *text = NULL;
        }
}

/* Where the port begins: after the last colon outside of brackets, or NULL. */
static const char *port_of(const char *address)
{
    const char *colon = strrchr(address, ':'), *bracket = strrchr(address, ']');

    if (!colon || colon[1] == '\0' || (bracket && colon != bracket + 1))
        return NULL;
    return colon + 1;
}

int fl_address_split(const char *address, char *host, size_t host_size, uint16_t *ret_port,
                     struct fl_error *err)
{
    const char *port = port_of(address), *first = address, *last = port ? port - 1 : NULL;
    char *end = NULL;
    long number = port ? strtol(port, &end, 10) : 0;

    if (last && address[0] == '[' && last[-1] == ']') {
        first++;
        last--;
    } else if (last && memchr(address, ':', (size_t)(last - address))) {
        last = NULL; /* a bare IPv6 address: nobody can tell where its port begins */
    }
    if (!last || last == first || (size_t)(last - first) >= host_size || *end || port[0] < '0' ||
        port[0] > '9' || number < 0 || number > UINT16_MAX)
        return fl_error_set(err, -EINVAL, "\"%.*s\" is no address; write HOST:PORT or [IPV6]:PORT",
                            SHOWN_SIZE, address);
    memcpy(host, first, (size_t)(last - first));
    host[last - first] = '\0';
    *ret_port = (uint16_t)number;
    return 0;
}
