/* A network block device: connects, negotiates the export, writes the granted region, flushes it,
 * reads it back and compares. Each attempt is a connection of its own, so that it walks every
 * layer that a volume's user depends on: resolve, connect, login, operate.
 *
 * Without `write` the region is only read: what is there is not the probe's to change. libnbd's
 * state machine does the protocol on a socket that stream.c connected; this file gives it the
 * loop. A second descriptor of the socket is kept, as libnbd closes its own at once when the
 * connection dies and what the kernel knew would go with it. */
#include "agent/probe/pattern.h"
#include "agent/probe/probe_types.h"
#include "agent/probe/stream.h"
#include "agent/probe/tcp_info.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libnbd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_LENGTH (1 << 20) /* more is a load test */

struct nbd_settings {
    char *address;
    char *export;
    int64_t offset;
    int64_t length;
    bool write;
};

static const struct fl_option nbd_options[] = {
    {.name = "address",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct nbd_settings, address),
     .help = "HOST:PORT of the NBD server"},
    {.name = "export",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct nbd_settings, export),
     .max = 255,
     .standard = FL_OPTION_UNSET,
     .help = "name of the export; the server's default export when left out"},
    {.name = "offset",
     .kind = FL_OPTION_SIZE,
     .offset = offsetof(struct nbd_settings, offset),
     .max = INT64_MAX / 2,
     .standard = "0",
     .help = "where the granted region begins"},
    {.name = "length",
     .kind = FL_OPTION_SIZE,
     .offset = offsetof(struct nbd_settings, length),
     .min = 512,
     .max = MAX_LENGTH,
     .standard = "4KiB",
     .help = "size of the granted region"},
    {.name = "write",
     .kind = FL_OPTION_BOOL,
     .offset = offsetof(struct nbd_settings, write),
     .standard = "false",
     .help = "write and flush the region before it is read; its bytes are lost"},
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct nbd_settings *settings;
    char host[256];
    uint16_t port;
    uint64_t writer;     /* this instance among all that write the region */
    uint64_t round;      /* of the last attempt */
    uint64_t safe_round; /* the last that was written and read to its end */
};

enum stage { STAGE_STREAM, STAGE_LOGIN, STAGE_WRITE, STAGE_FLUSH, STAGE_READ };

struct probe_run {
    struct probe_instance *instance;
    probe_done_cb done;
    void *arg;
    struct stream *stream; /* alive in STAGE_STREAM */
    struct nbd_handle *nbd;
    int fd; /* of the same socket as libnbd's */
    struct event *event;
    short watched; /* what `event` waits for */
    enum stage stage;
    int64_t cookie; /* of the command under way */
    int64_t layer_start_us;
    int64_t step_start_us;
    struct tcp_info_mark mark; /* at the start of the operation */
    struct fl_result result;   /* what is known so far */
    uint64_t round;
    uint8_t *written;
    uint8_t *read;
};

static enum fl_step step_of(enum stage stage)
{
    switch (stage) {
    case STAGE_WRITE:
        return FL_STEP_WRITE;
    case STAGE_FLUSH:
        return FL_STEP_FLUSH;
    case STAGE_READ:
        return FL_STEP_READ;
    default:
        return FL_STEP_NONE;
    }
}

/* The word for libnbd's errno: what the server answered, or what became of the connection. */
static enum fl_failure failure_of(enum stage stage, int error)
{
    switch (error) {
    case ENOTCONN:
    case ESHUTDOWN:
        return FL_FAILURE_RESET;
    case EIO:
    case EINVAL: /* beyond the end of the volume */
    case EOVERFLOW:
        return FL_FAILURE_IO_ERROR;
    case ENOSPC:
        return FL_FAILURE_NO_SPACE;
    case EROFS:
        return FL_FAILURE_READ_ONLY;
    case EPERM:
    case EACCES:
        return stage == STAGE_WRITE ? FL_FAILURE_READ_ONLY : FL_FAILURE_DENIED;
    case ENOENT: /* no such export */
        return FL_FAILURE_DENIED;
    case ENOMEM:
        return FL_FAILURE_LOCAL;
    default: {
        enum fl_failure failure = stream_failure(error);

        return failure == FL_FAILURE_LOCAL ? FL_FAILURE_PROTOCOL : failure;
    }
    }
}

/* libnbd has no errno for an answer that makes no sense, and none for an end of file either. */
static int error_of_silence(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0 ? ENOTCONN : EPROTO;
}

static void run_free(struct probe_run *run)
{
    stream_free(run->stream);
    if (run->event)
        event_free(run->event);
    nbd_close(run->nbd);
    if (run->fd >= 0)
        close(run->fd);
    free(run->written);
    free(run->read);
    free(run);
}

/* Say where it stopped; what the kernel knew is read while the socket is there. */
static void note_failure(struct probe_run *run, enum fl_failure failure)
{
    bool login = run->stage == STAGE_LOGIN;

    run->result.step = step_of(run->stage);
    tcp_info_read(run->fd, &run->mark, &run->result.tcp);
    stream_fail(&run->result, login ? FL_LAYER_LOGIN : FL_LAYER_OPERATE, failure);
}

/* The run is gone afterwards. */
static void finish(struct probe_run *run)
{
    run->done(&run->result, run->arg);
    run_free(run);
}

static void finish_failed(struct probe_run *run, enum fl_failure failure)
{
    note_failure(run, failure);
    finish(run);
}

static void finish_ok(struct probe_run *run)
{
    run->result.ok = true;
    run->result.phase_us[FL_LAYER_OPERATE] = fl_clock_monotonic() - run->layer_start_us;
    tcp_info_read(run->fd, &run->mark, &run->result.tcp);
    run->instance->safe_round = run->round;
    (void)nbd_aio_disconnect(run->nbd, 0); /* a goodbye, as far as it leaves at once */
    finish(run);
}

/* Issue the command of `stage`. 0, or the errno of libnbd's refusal. */
static int issue(struct probe_run *run, enum stage stage)
{
    const struct nbd_settings *settings = run->instance->settings;
    const size_t length = (size_t)settings->length;
    const uint64_t offset = (uint64_t)settings->offset;

    run->stage = stage;
    run->step_start_us = fl_clock_monotonic();
    run->mark = tcp_info_mark(run->fd);
    if (stage == STAGE_WRITE)
        run->cookie =
            nbd_aio_pwrite(run->nbd, run->written, length, offset, NBD_NULL_COMPLETION, 0);
    else if (stage == STAGE_FLUSH)
        run->cookie = nbd_aio_flush(run->nbd, NBD_NULL_COMPLETION, 0);
    else
        run->cookie = nbd_aio_pread(run->nbd, run->read, length, offset, NBD_NULL_COMPLETION, 0);
    return run->cookie < 0 ? nbd_get_errno() : 0;
}

/* The stage that follows; STAGE_STREAM when there is none. */
static enum stage next_stage(const struct probe_run *run)
{
    switch (run->stage) {
    case STAGE_LOGIN:
        return run->instance->settings->write ? STAGE_WRITE : STAGE_READ;
    case STAGE_WRITE:
        return nbd_can_flush(run->nbd) > 0 ? STAGE_FLUSH : STAGE_READ;
    case STAGE_FLUSH:
        return STAGE_READ;
    default:
        return STAGE_STREAM;
    }
}

static void note_time(struct probe_run *run)
{
    int64_t now_us = fl_clock_monotonic();

    if (run->stage == STAGE_LOGIN) {
        run->result.phase_us[FL_LAYER_LOGIN] = now_us - run->layer_start_us;
        run->layer_start_us = now_us;
    } else {
        run->result.step_us[step_of(run->stage)] = now_us - run->step_start_us;
    }
}

/* Is the stage over? 1 yes, 0 not yet, or a negative errno (-EPIPE for a closed connection). */
static int stage_over(struct probe_run *run)
{
    int r;

    if (run->stage == STAGE_LOGIN)
        return nbd_aio_is_ready(run->nbd) > 0;
    r = nbd_aio_command_completed(run->nbd, (uint64_t)run->cookie);
    if (r >= 0)
        return r;
    r = nbd_get_errno();
    return r > 0 ? -r : -EPIPE;
}

/* Nothing older came back than the last round that was written to its end: the write of one that
 * timed out may still arrive at any moment. */
static bool is_good(struct probe_run *run)
{
    struct probe_instance *instance = run->instance;

    return !instance->settings->write ||
           pattern_check(run->read, (size_t)instance->settings->length, instance->writer,
                         instance->safe_round + 1);
}

/* Go through the stages as far as what has arrived carries. True when the run is gone. */
static bool advance(struct probe_run *run)
{
    for (;;) {
        int r = stage_over(run);

        if (r == 0)
            return false;
        if (r < 0) {
            finish_failed(run, failure_of(run->stage, -r));
            return true;
        }
        note_time(run);
        if (run->stage == STAGE_READ) {
            if (is_good(run))
                finish_ok(run);
            else
                finish_failed(run, FL_FAILURE_CONTENT);
            return true;
        }
        r = issue(run, next_stage(run));
        if (r != 0) {
            finish_failed(run, failure_of(run->stage, r));
            return true;
        }
    }
}

static void on_socket(evutil_socket_t fd, short what, void *arg);

/* Wait for what libnbd's state machine wants next. */
static int watch(struct probe_run *run)
{
    unsigned int direction = nbd_aio_get_direction(run->nbd);
    short wanted = EV_PERSIST;

    if (direction & LIBNBD_AIO_DIRECTION_READ)
        wanted |= EV_READ;
    if (direction & LIBNBD_AIO_DIRECTION_WRITE)
        wanted |= EV_WRITE;
    if (wanted == run->watched)
        return 0;
    run->watched = wanted;
    (void)event_del(run->event);
    if (event_assign(run->event, run->instance->env->base, run->fd, wanted, on_socket, run) < 0 ||
        event_add(run->event, NULL) < 0)
        return -ENOMEM;
    return 0;
}

/* Go on after a call into libnbd that returned `r`: it may have carried any number of stages. */
static void go_on(struct probe_run *run, int r)
{
    int error = r < 0 ? nbd_get_errno() : 0;

    if (r < 0 || nbd_aio_is_dead(run->nbd) > 0 || nbd_aio_is_closed(run->nbd) > 0) {
        error = error ? error : error_of_silence(run->fd);
        finish_failed(run, failure_of(run->stage, error));
        return;
    }
    if (!advance(run) && watch(run) < 0)
        finish_failed(run, FL_FAILURE_LOCAL);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct probe_run *run = arg;
    unsigned int direction = nbd_aio_get_direction(run->nbd);
    int r = 0;

    (void)fd;
    if ((what & EV_READ) && (direction & LIBNBD_AIO_DIRECTION_READ))
        r = nbd_aio_notify_read(run->nbd);
    else if ((what & EV_WRITE) && (direction & LIBNBD_AIO_DIRECTION_WRITE))
        r = nbd_aio_notify_write(run->nbd);
    go_on(run, r);
}

/* Everything that is needed before libnbd is given the socket. */
static int prepare_login(struct probe_run *run, int fd)
{
    const char *export = run->instance->settings->export;

    run->stage = STAGE_LOGIN;
    run->layer_start_us = fl_clock_monotonic();
    run->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    run->nbd = nbd_create();
    if (run->fd < 0 || !run->nbd)
        return -EMFILE;
    run->event = event_new(run->instance->env->base, run->fd, EV_READ, on_socket, run);
    if (!run->event || nbd_set_export_name(run->nbd, export ? export : "") < 0 ||
        nbd_set_request_structured_replies(run->nbd, false) < 0)
        return -ENOMEM;
    return 0;
}

static void on_stream(int fd, const struct fl_result *connected, void *arg)
{
    struct probe_run *run = arg;

    run->stream = NULL;
    run->result = *connected;
    if (fd < 0) {
        finish(run);
        return;
    }
    if (prepare_login(run, fd) < 0) {
        close(fd);
        finish_failed(run, FL_FAILURE_LOCAL);
        return;
    }
    go_on(run, nbd_aio_connect_socket(run->nbd, fd));
}

static int nbd_type_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                          struct probe_run **ret)
{
    struct probe_run *run = calloc(1, sizeof(*run));
    const size_t length = (size_t)instance->settings->length;
    int r;

    if (!run)
        return -ENOMEM;
    run->instance = instance;
    run->done = done;
    run->arg = arg;
    run->fd = -1;
    run->written = malloc(length);
    run->read = malloc(length);
    if (!run->written || !run->read) {
        run_free(run);
        return -ENOMEM;
    }
    run->round = ++instance->round;
    pattern_fill(run->written, length, instance->writer, run->round);
    r = stream_start(instance->env, instance->host, instance->port, on_stream, run, &run->stream);
    if (r < 0) {
        run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

static bool nbd_type_cancel(struct probe_run *run)
{
    run_free(run);
    return true;
}

static bool nbd_type_expire(struct probe_run *run, struct fl_result *result)
{
    if (run->stage == STAGE_STREAM) {
        stream_expire(run->stream, result);
    } else {
        note_failure(run, FL_FAILURE_TIMEOUT);
        *result = run->result;
    }
    return nbd_type_cancel(run);
}

static int nbd_type_check(const void *settings, struct fl_error *err)
{
    const struct nbd_settings *nbd = settings;

    if (nbd->offset % PATTERN_SECTOR == 0 && nbd->length % PATTERN_SECTOR == 0)
        return 0;
    return fl_error_set(err, -EINVAL,
                        "settings \"offset\" and \"length\": %" PRId64 " and %" PRId64
                        " are allowed only as multiples of %d: give whole sectors",
                        nbd->offset, nbd->length, PATTERN_SECTOR);
}

static int nbd_type_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                         const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = settings;
    r = fl_daemon_random(&instance->writer, sizeof(instance->writer), err);
    if (r == 0)
        r = fl_address_split(instance->settings->address, instance->host, sizeof(instance->host),
                             &instance->port, err);
    if (r < 0) {
        free(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static void nbd_type_close(struct probe_instance *instance)
{
    free(instance);
}

const struct probe_type probe_nbd = {
    .name = "nbd",
    .summary = "writes, flushes and reads a region of a network block device",
    .options = nbd_options,
    .settings_size = sizeof(struct nbd_settings),
    .check = nbd_type_check,
    .open = nbd_type_open,
    .close = nbd_type_close,
    .start = nbd_type_start,
    .expire = nbd_type_expire,
    .cancel = nbd_type_cancel,
};
