/* The table of sources and the time between two samples. A rate needs two readings; after a
 * clock that went back there is none until the next sample. */
#include "agent/host/host.h"

#include "agent/host/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NETDEV, SNMP, SOFTNET, DISK, CPU, MEM, PRESSURE, SYSTEM, SOURCES };

static const struct source *const source_table[SOURCES] = {
    [NETDEV] = &source_netdev,     [SNMP] = &source_snmp,     [SOFTNET] = &source_softnet,
    [DISK] = &source_disk,         [CPU] = &source_cpu,       [MEM] = &source_mem,
    [PRESSURE] = &source_pressure, [SYSTEM] = &source_system,
};

struct host {
    char *proc;
    char *sys;
    struct source_place place;
    struct source_state *states[SOURCES];
    fl_time last_us; /* FL_ABSENT before the first sample */
};

void host_clear_targets(struct host *host)
{
    source_disk_clear_targets(host->states[DISK]);
}

void host_add_target(struct host *host, const char *target, const char *directory)
{
    source_disk_add_target(host->states[DISK], target, directory);
}

void host_sample(struct host *host, fl_time now_us, struct fl_host_sample *ret)
{
    int64_t elapsed_us = 0;

    fl_host_sample_init(ret);
    ret->t_us = now_us;
    if (host->last_us != FL_ABSENT && now_us > host->last_us)
        elapsed_us = now_us - host->last_us;
    host->last_us = now_us;
    for (int i = 0; i < SOURCES; i++)
        source_table[i]->sample(host->states[i], elapsed_us, ret);
}

static int open_sources(struct host *host)
{
    host->place = (struct source_place){.proc = host->proc, .sys = host->sys};
    for (int i = 0; i < SOURCES; i++) {
        int r = source_table[i]->open(&host->place, &host->states[i]);

        if (r < 0)
            return r;
    }
    return 0;
}

int host_new(const char *root, const char *sys, struct host **ret, struct fl_error *err)
{
    FL_CLEANUP(host_freep) struct host *host = NULL;
    struct stat st;

    if (stat(root, &st) < 0 || !S_ISDIR(st.st_mode))
        return fl_error_set(err, -ENOENT,
                            "cannot read the host's counters: \"%s\" is no directory; mount "
                            "proc there",
                            root);
    host = calloc(1, sizeof(*host));
    if (!host)
        return fl_error_set(err, -ENOMEM, "no memory for the host's counters");
    host->last_us = FL_ABSENT;
    host->proc = strdup(root);
    host->sys = strdup(sys);
    if (!host->proc || !host->sys || open_sources(host) < 0)
        return fl_error_set(err, -ENOMEM, "no memory for the host's counters");
    *ret = FL_TAKE(host);
    return 0;
}

struct host *host_free(struct host *host)
{
    if (!host)
        return NULL;
    for (int i = 0; i < SOURCES; i++)
        source_table[i]->close(host->states[i]);
    free(host->proc);
    free(host->sys);
    free(host);
    return NULL;
}
