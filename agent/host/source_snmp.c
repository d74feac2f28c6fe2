/* What the kernel's UDP and TCP count in the agent's own network namespace:
 * /proc/self/net/snmp and netstat (a line of names, then a line of values, for each protocol)
 * and snmp6 (a name and a value a line). Several counters may feed one row.
 *
 * snmp6 is long and, on many hosts, hardly anything moves in it: while few packets come in at all
 * it is read each eighth time. */
#include "agent/host/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum file { SNMP, NETSTAT, SNMP6, FILES };

static const char *const file_names[FILES] = {"self/net/snmp", "self/net/netstat",
                                              "self/net/snmp6"};

/* `name` is a counter of the protocol whose lines begin with `prefix`. */
static const struct counter_row {
    enum file file;
    const char *prefix;
    const char *name;
    enum fl_host_metric metric;
} counter_rows[] = {
    {SNMP, "Tcp:", "InSegs", FL_HOST_TCP_IN_SEGS_PS},
    {SNMP, "Tcp:", "RetransSegs", FL_HOST_RETRANS_PS},
    {SNMP, "Udp:", "InDatagrams", FL_HOST_UDP_RX_PPS},
    {SNMP, "Udp:", "InErrors", FL_HOST_UDP_RX_PPS},
    {SNMP, "Udp:", "NoPorts", FL_HOST_UDP_NOPORT_PPS},
    {SNMP, "Udp:", "RcvbufErrors", FL_HOST_UDP_RCVBUF_ERRORS_PS},
    {NETSTAT, "TcpExt:", "SyncookiesSent", FL_HOST_SYNCOOKIES_PS},
    {NETSTAT, "TcpExt:", "ListenDrops", FL_HOST_LISTEN_DROPS_PS}, /* overflows are in it */
    {SNMP6, "", "Udp6InDatagrams", FL_HOST_UDP_RX_PPS},
    {SNMP6, "", "Udp6InErrors", FL_HOST_UDP_RX_PPS},
    {SNMP6, "", "Udp6NoPorts", FL_HOST_UDP_NOPORT_PPS},
    {SNMP6, "", "Udp6RcvbufErrors", FL_HOST_UDP_RCVBUF_ERRORS_PS},
};

#define QUIET_AGE 8    /* samples */
#define QUIET_PPS 1000 /* packets a second that come in; a flood brings more */

struct source_state {
    int fds[FILES];
    unsigned age;        /* samples since snmp6 was read */
    int64_t elapsed6_us; /* and the time */
    struct source_counter counters[FL_COUNT(counter_rows)];
};

static int snmp_open(const struct source_place *place, struct source_state **ret)
{
    struct source_state *state = calloc(1, sizeof(*state));

    if (!state)
        return -ENOMEM;
    for (int i = 0; i < FILES; i++)
        state->fds[i] = source_open(place->proc, file_names[i]);
    *ret = state;
    return 0;
}

/* Add what counter `i` grew by to its row; a row exists once one of its counters does. */
static void feed(struct source_state *state, size_t i, uint64_t value, int64_t elapsed_us,
                 struct fl_host_sample *ret)
{
    int64_t *row = &ret->values[counter_rows[i].metric];
    uint64_t delta;
    int64_t rate;

    if (!source_counter_step(&state->counters[i], value, &delta))
        return;
    rate = source_rate(delta, elapsed_us);
    if (rate != FL_ABSENT)
        *row = *row == FL_ABSENT ? rate : fl_time_add(*row, rate);
}

/* How many rows it is for. */
static size_t feed_name(struct source_state *state, enum file file, const char *prefix,
                        const char *name, size_t length, uint64_t value, int64_t elapsed_us,
                        struct fl_host_sample *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < FL_COUNT(counter_rows); i++) {
        const struct counter_row *row = &counter_rows[i];

        if (row->file != file || strncmp(row->name, name, length) != 0 ||
            row->name[length] != '\0' || strcmp(row->prefix, prefix) != 0)
            continue;
        feed(state, i, value, elapsed_us, ret);
        n++;
    }
    return n;
}

static size_t count_rows(enum file file, const char *prefix)
{
    size_t n = 0;

    for (size_t i = 0; i < FL_COUNT(counter_rows); i++)
        n += counter_rows[i].file == file && strcmp(counter_rows[i].prefix, prefix) == 0;
    return n;
}

/* Walk a line of names and its line of values side by side, as far as something is wanted. */
static void read_pair(struct source_state *state, enum file file, char *names, char *values,
                      int64_t elapsed_us, struct fl_host_sample *ret)
{
    char *names_rest, *values_rest;
    char *prefix = strtok_r(names, " ", &names_rest);
    char *again = strtok_r(values, " ", &values_rest);

    if (!prefix || !again || strcmp(prefix, again) != 0)
        return;
    for (size_t left = count_rows(file, prefix); left > 0;) {
        char *name = strtok_r(NULL, " ", &names_rest);
        char *value = strtok_r(NULL, " ", &values_rest);

        if (!name || !value)
            return;
        left -= feed_name(state, file, prefix, name, strlen(name), strtoull(value, NULL, 10),
                          elapsed_us, ret);
    }
}

static void read_pairs(struct source_state *state, enum file file, char *text, int64_t elapsed_us,
                       struct fl_host_sample *ret)
{
    char *rest;
    char *names = strtok_r(text, "\n", &rest);

    while (names) {
        char *values = strtok_r(NULL, "\n", &rest);

        if (!values)
            return;
        if (!strncmp(names, "Tcp:", 4) || !strncmp(names, "Udp:", 4) ||
            !strncmp(names, "TcpExt:", 7))
            read_pair(state, file, names, values, elapsed_us, ret);
        names = strtok_r(NULL, "\n", &rest);
    }
}

static void read_lines(struct source_state *state, char *text, int64_t elapsed_us,
                       struct fl_host_sample *ret)
{
    char *rest;

    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        size_t length = strcspn(line, " \t");

        if (!strncmp(line, "Udp6", 4))
            (void)feed_name(state, SNMP6, "", line, length, strtoull(line + length, NULL, 10),
                            elapsed_us, ret);
    }
}

/* Is it worth to read snmp6? The row of packets is filled before. */
static bool is_due(struct source_state *state, int64_t elapsed_us, const struct fl_host_sample *ret)
{
    int64_t pps = ret->values[FL_HOST_RX_PPS];

    state->age++;
    state->elapsed6_us += elapsed_us;
    return pps == FL_ABSENT || pps >= QUIET_PPS || state->age >= QUIET_AGE;
}

static void sample6(struct source_state *state, char *text, size_t size, int64_t elapsed_us,
                    struct fl_host_sample *ret)
{
    if (!is_due(state, elapsed_us, ret) || source_read(state->fds[SNMP6], text, size) <= 0)
        return;
    read_lines(state, text, state->elapsed6_us, ret);
    state->age = 0;
    state->elapsed6_us = 0;
}

static void snmp_sample(struct source_state *state, int64_t elapsed_us, struct fl_host_sample *ret)
{
    char text[SOURCE_TEXT_SIZE];

    for (int i = 0; i < SNMP6; i++)
        if (source_read(state->fds[i], text, sizeof(text)) > 0)
            read_pairs(state, (enum file)i, text, elapsed_us, ret);
    sample6(state, text, sizeof(text), elapsed_us, ret);
}

static void snmp_close(struct source_state *state)
{
    if (!state)
        return;
    for (int i = 0; i < FILES; i++)
        source_close(&state->fds[i]);
    free(state);
}

const struct source source_snmp = {snmp_open, snmp_sample, snmp_close};
