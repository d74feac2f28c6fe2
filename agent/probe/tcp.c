/* Connects and closes. A listener that completes the handshake is well; what its program does
 * with the connection is for other types to ask. Layers: resolve (for a name), connect. */
#include "agent/probe/probe_types.h"
#include "agent/probe/stream.h"
#include "agent/probe/tcp_info.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct tcp_settings {
    char *address;
};

static const struct fl_option tcp_options[] = {
    {.name = "address",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct tcp_settings, address),
     .help = "HOST:PORT to connect to"},
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    char host[256];
    uint16_t port;
};

struct probe_run {
    struct stream *stream;
    probe_done_cb done;
    void *arg;
};

static int tcp_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                    const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct tcp_settings *tcp = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    r = fl_address_split(tcp->address, instance->host, sizeof(instance->host), &instance->port,
                         err);
    if (r < 0) {
        free(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static void tcp_close(struct probe_instance *instance)
{
    free(instance);
}

static void on_stream(int fd, const struct fl_result *connected, void *arg)
{
    struct probe_run *run = arg;
    struct fl_result result = *connected;

    if (fd >= 0) {
        result.ok = true;
        tcp_info_read(fd, NULL, &result.tcp);
        close(fd);
    }
    run->done(&result, run->arg);
    free(run);
}

static int tcp_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                     struct probe_run **ret)
{
    struct probe_run *run = calloc(1, sizeof(*run));
    int r;

    if (!run)
        return -ENOMEM;
    run->done = done;
    run->arg = arg;
    r = stream_start(instance->env, instance->host, instance->port, on_stream, run, &run->stream);
    if (r < 0) {
        free(run);
        return r;
    }
    *ret = run;
    return 0;
}

static bool tcp_cancel(struct probe_run *run)
{
    stream_free(run->stream);
    free(run);
    return true;
}

static bool tcp_expire(struct probe_run *run, struct fl_result *result)
{
    stream_expire(run->stream, result);
    return tcp_cancel(run);
}

const struct probe_type probe_tcp = {
    .name = "tcp",
    .summary = "connects to a TCP listener and closes again",
    .options = tcp_options,
    .settings_size = sizeof(struct tcp_settings),
    .parallel = true,
    .open = tcp_open,
    .close = tcp_close,
    .start = tcp_start,
    .expire = tcp_expire,
    .cancel = tcp_cancel,
};
