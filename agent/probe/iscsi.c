/* A logical unit of an iSCSI target: connects, logs in, asks for its size, writes the granted
 * region, flushes it, reads it back and compares. Each attempt is a session of its own. Without
 * `write` the region is only read. The initiator's session id is the same from attempt to
 * attempt, so that a target drops what is left of one that timed out. */
#include "agent/probe/pattern.h"
#include "agent/probe/probe_types.h"
#include "agent/probe/secret.h"
#include "agent/probe/storage_run.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LENGTH (1 << 20) /* more is a load test */
#define NAME_MAX_BYTES 223   /* of an iSCSI name (RFC 7143) */
#define MAX_ATTENTIONS 16
#define ISID_RANDOM_MASK 0xffffffu
#define SPACE_ALLOCATION_FAILED 0x2707 /* additional sense of a thin volume that is full */

struct iscsi_settings {
    char *address;
    char *target;
    char *initiator;
    int64_t lun;
    char *user;
    char *password_file;
    int64_t offset;
    int64_t length;
    bool write;
};

static const struct fl_option iscsi_options[] = {
    {.name = "address",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct iscsi_settings, address),
     .help = "HOST:PORT of the portal"},
    {.name = "target",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct iscsi_settings, target),
     .min = 1,
     .max = NAME_MAX_BYTES,
     .help = "name of the target, beginning with iqn. or eui."},
    {.name = "lun",
     .kind = FL_OPTION_INT,
     .offset = offsetof(struct iscsi_settings, lun),
     .max = 16383,
     .standard = "0",
     .help = "number of the logical unit"},
    {.name = "initiator",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct iscsi_settings, initiator),
     .min = 1,
     .max = NAME_MAX_BYTES,
     .standard = "iqn.2026-11.invalid.faultline:agent",
     .help = "name under which the agent logs in"},
    {.name = "user",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct iscsi_settings, user),
     .max = 255,
     .standard = FL_OPTION_UNSET,
     .help = "name for CHAP; without it the agent logs in without a password"},
    {.name = "password_file",
     .kind = FL_OPTION_NAME,
     .offset = offsetof(struct iscsi_settings, password_file),
     .standard = FL_OPTION_UNSET,
     .help = "name of the agent's secret with the password for CHAP"},
    {.name = "offset",
     .kind = FL_OPTION_SIZE,
     .offset = offsetof(struct iscsi_settings, offset),
     .max = INT64_MAX / 2,
     .standard = "0",
     .help = "where the granted region begins"},
    {.name = "length",
     .kind = FL_OPTION_SIZE,
     .offset = offsetof(struct iscsi_settings, length),
     .min = 512,
     .max = MAX_LENGTH,
     .standard = "4KiB",
     .help = "size of the granted region"},
    {.name = "write",
     .kind = FL_OPTION_BOOL,
     .offset = offsetof(struct iscsi_settings, write),
     .standard = "false",
     .help = "write and flush the region before it is read; its bytes are lost"},
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct iscsi_settings *settings;
    char host[FL_OPTION_HOST_SIZE];
    uint16_t port;
    uint64_t writer;     /* this instance among all that write the region */
    uint64_t round;      /* of the last attempt */
    uint64_t safe_round; /* the last that was written and read to its end */
};

struct storage_session {
    struct probe_instance *instance;
    struct probe_run *run;
    struct iscsi_context *iscsi;
    uint32_t block_size;
    int attentions; /* that the unit has told */
    uint64_t round;
    uint8_t *written;
};

/* The word for what the unit answered. */
static enum fl_failure failure_of(int status, const struct scsi_task *task)
{
    if (status == SCSI_STATUS_GOOD)
        return FL_FAILURE_NONE;
    if (status == SCSI_STATUS_RESERVATION_CONFLICT)
        return FL_FAILURE_DENIED;
    if (status != SCSI_STATUS_CHECK_CONDITION)
        return status == SCSI_STATUS_CANCELLED ? FL_FAILURE_PROTOCOL : FL_FAILURE_IO_ERROR;
    switch (task->sense.key) {
    case SCSI_SENSE_DATA_PROTECTION:
        return task->sense.ascq == SPACE_ALLOCATION_FAILED ? FL_FAILURE_NO_SPACE
                                                           : FL_FAILURE_READ_ONLY;
    case SCSI_SENSE_ILLEGAL_REQUEST:
        return task->sense.ascq == SCSI_SENSE_ASCQ_LOGICAL_UNIT_NOT_SUPPORTED ? FL_FAILURE_DENIED
                                                                              : FL_FAILURE_IO_ERROR;
    default:
        return FL_FAILURE_IO_ERROR;
    }
}

/* A command that only ends well or badly. */
static void on_command(struct iscsi_context *iscsi, int status, void *data, void *arg)
{
    struct storage_session *session = arg;
    struct scsi_task *task = data;

    (void)iscsi;
    storage_run_answer(session->run, failure_of(status, task));
    scsi_free_scsi_task(task);
}

/* A unit without a cache may not know the command at all. */
static void on_flushed(struct iscsi_context *iscsi, int status, void *data, void *arg)
{
    const struct scsi_task *task = data;

    if (status == SCSI_STATUS_CHECK_CONDITION && task->sense.key == SCSI_SENSE_ILLEGAL_REQUEST &&
        task->sense.ascq == SCSI_SENSE_ASCQ_INVALID_OPERATION_CODE)
        status = SCSI_STATUS_GOOD;
    on_command(iscsi, status, data, arg);
}

/* Nothing older came back than the last round that was written to its end: the write of one that
 * timed out may still arrive at any moment. */
static enum fl_failure judge_read(struct storage_session *session, const struct scsi_task *task)
{
    struct probe_instance *instance = session->instance;
    const size_t length = (size_t)instance->settings->length;

    if (task->datain.size < 0 || (size_t)task->datain.size != length)
        return FL_FAILURE_PROTOCOL;
    if (!instance->settings->write)
        return FL_FAILURE_NONE;
    if (!pattern_check(task->datain.data, length, instance->writer, instance->safe_round + 1))
        return FL_FAILURE_CONTENT;
    instance->safe_round = session->round;
    return FL_FAILURE_NONE;
}

static void on_read(struct iscsi_context *iscsi, int status, void *data, void *arg)
{
    struct storage_session *session = arg;
    struct scsi_task *task = data;
    enum fl_failure failure = failure_of(status, task);

    (void)iscsi;
    if (failure == FL_FAILURE_NONE)
        failure = judge_read(session, task);
    storage_run_answer(session->run, failure);
    scsi_free_scsi_task(task);
}

/* The region must lie on the unit's own blocks. */
static enum fl_failure judge_capacity(struct storage_session *session, struct scsi_task *task)
{
    const struct iscsi_settings *settings = session->instance->settings;
    const struct scsi_readcapacity10 *capacity = scsi_datain_unmarshall(task);

    if (!capacity || capacity->block_size == 0)
        return FL_FAILURE_PROTOCOL;
    session->block_size = capacity->block_size;
    return settings->offset % capacity->block_size == 0 &&
                   settings->length % capacity->block_size == 0
               ? FL_FAILURE_NONE
               : FL_FAILURE_LOCAL;
}

static bool ask_capacity(struct storage_session *session);

/* A unit tells its attentions (that it was reset, that somebody else logged in) before it does
 * anything. */
static void on_capacity(struct iscsi_context *iscsi, int status, void *data, void *arg)
{
    struct storage_session *session = arg;
    struct scsi_task *task = data;
    enum fl_failure failure = failure_of(status, task);

    (void)iscsi;
    if (status == SCSI_STATUS_CHECK_CONDITION && task->sense.key == SCSI_SENSE_UNIT_ATTENTION &&
        ++session->attentions < MAX_ATTENTIONS) {
        scsi_free_scsi_task(task);
        if (!ask_capacity(session))
            storage_run_answer(session->run, FL_FAILURE_LOCAL);
        return;
    }
    if (failure == FL_FAILURE_NONE)
        failure = judge_capacity(session, task);
    storage_run_answer(session->run, failure);
    scsi_free_scsi_task(task);
}

static bool ask_capacity(struct storage_session *session)
{
    return iscsi_readcapacity10_task(session->iscsi, (int)session->instance->settings->lun, 0, 0,
                                     on_capacity, session) != NULL;
}

static void on_login(struct iscsi_context *iscsi, int status, void *data, void *arg)
{
    struct storage_session *session = arg;

    (void)iscsi;
    (void)data;
    if (status != SCSI_STATUS_GOOD)
        storage_run_answer(session->run, FL_FAILURE_DENIED);
    else if (!ask_capacity(session))
        storage_run_answer(session->run, FL_FAILURE_LOCAL);
}

static void on_connected(struct iscsi_context *iscsi, int status, void *data, void *arg)
{
    struct storage_session *session = arg;

    (void)data;
    if (status != SCSI_STATUS_GOOD || iscsi_login_async(iscsi, on_login, session) < 0)
        storage_run_answer(session->run, FL_FAILURE_LOCAL);
}

static void session_close(struct storage_session *session)
{
    if (!session)
        return;
    if (session->iscsi)
        (void)iscsi_destroy_context(session->iscsi);
    free(session->written);
    free(session);
}

static int set_up(struct storage_session *session)
{
    const struct probe_instance *instance = session->instance;
    const struct iscsi_settings *settings = instance->settings;
    struct iscsi_context *iscsi = iscsi_create_context(settings->initiator);
    char password[SECRET_SIZE];
    int r = 0;

    session->iscsi = iscsi;
    if (!iscsi)
        return -ENOMEM;
    iscsi_set_noautoreconnect(iscsi, 1);
    if (iscsi_set_isid_random(iscsi, (uint32_t)instance->writer & ISID_RANDOM_MASK, 0) < 0 ||
        iscsi_set_targetname(iscsi, settings->target) < 0 ||
        iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL) < 0 ||
        iscsi_set_header_digest(iscsi, ISCSI_HEADER_DIGEST_NONE_CRC32C) < 0)
        return -ENOMEM;
    if (!settings->user)
        return 0;
    r = secret_read(instance->env->secrets_path, settings->password_file, password,
                    sizeof(password), NULL);
    if (r == 0 && iscsi_set_initiator_username_pwd(iscsi, settings->user, password) < 0)
        r = -ENOMEM;
    secret_forget(password, sizeof(password));
    return r;
}

static int session_open(struct probe_instance *instance, struct probe_run *run,
                        struct storage_session **ret)
{
    struct storage_session *session = calloc(1, sizeof(*session));
    const size_t length = (size_t)instance->settings->length;
    int r;

    if (!session)
        return -ENOMEM;
    session->instance = instance;
    session->run = run;
    session->round = ++instance->round;
    session->written = malloc(length);
    r = session->written ? set_up(session) : -ENOMEM;
    if (r < 0) {
        session_close(session);
        return r;
    }
    pattern_fill(session->written, length, instance->writer, session->round);
    *ret = session;
    return 0;
}

static int session_connect(struct storage_session *session, const char *address, uint16_t port)
{
    const bool v6 = strchr(address, ':') != NULL;
    char portal[128];

    (void)snprintf(portal, sizeof(portal), v6 ? "[%s]:%u" : "%s:%u", address, port);
    return iscsi_connect_async(session->iscsi, portal, on_connected, session) < 0 ? -EIO : 0;
}

static int session_begin(struct storage_session *session, enum storage_stage stage)
{
    const struct iscsi_settings *settings = session->instance->settings;
    const int lun = (int)settings->lun, block_size = (int)session->block_size;
    const uint64_t block = (uint64_t)(settings->offset / block_size);
    const uint32_t length = (uint32_t)settings->length;
    const struct scsi_task *task;

    if (stage == STORAGE_TIDY || (stage != STORAGE_READ && !settings->write))
        return 1;
    if (stage == STORAGE_WRITE)
        task = iscsi_write16_task(session->iscsi, lun, block, session->written, length, block_size,
                                  0, 0, 0, 0, 0, on_command, session);
    else if (stage == STORAGE_FLUSH)
        task = iscsi_synchronizecache16_task(
            session->iscsi, lun, block, length / session->block_size, 0, 0, on_flushed, session);
    else
        task = iscsi_read16_task(session->iscsi, lun, block, length, block_size, 0, 0, 0, 0, 0,
                                 on_read, session);
    return task ? 0 : -ENOMEM;
}

static int session_fd(struct storage_session *session)
{
    return iscsi_get_fd(session->iscsi);
}

static int session_wanted(struct storage_session *session)
{
    return iscsi_which_events(session->iscsi);
}

static int session_service(struct storage_session *session, int events)
{
    return iscsi_service(session->iscsi, events);
}

static const struct storage_ops iscsi_ops = {
    .open = session_open,
    .close = session_close,
    .connect = session_connect,
    .begin = session_begin,
    .fd = session_fd,
    .wanted = session_wanted,
    .service = session_service,
};

static int iscsi_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                       struct probe_run **ret)
{
    const struct storage_peer peer = {
        .env = instance->env, .host = instance->host, .port = instance->port, .ops = &iscsi_ops};

    return storage_run_start(&peer, instance, done, arg, ret);
}

static int iscsi_check(const void *settings, struct fl_error *err)
{
    const struct iscsi_settings *iscsi = settings;

    if (iscsi->offset % PATTERN_SECTOR != 0 || iscsi->length % PATTERN_SECTOR != 0)
        return fl_error_set(err, -EINVAL,
                            "settings \"offset\" and \"length\": %" PRId64 " and %" PRId64
                            " are allowed only as multiples of %d: give whole sectors",
                            iscsi->offset, iscsi->length, PATTERN_SECTOR);
    if (!iscsi->user != !iscsi->password_file)
        return fl_error_set(err, -EINVAL,
                            "settings \"user\" and \"password_file\": give both or neither");
    return 0;
}

static int iscsi_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                      const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct iscsi_settings *iscsi = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = iscsi;
    r = fl_daemon_random(&instance->writer, sizeof(instance->writer), err);
    if (r == 0)
        r = fl_address_split(iscsi->address, instance->host, sizeof(instance->host),
                             &instance->port, err);
    if (r < 0) {
        free(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static void iscsi_close(struct probe_instance *instance)
{
    free(instance);
}

const struct probe_type probe_iscsi = {
    .name = "iscsi",
    .summary = "logs in to an iSCSI target, writes, flushes and reads a region of a unit",
    .options = iscsi_options,
    .settings_size = sizeof(struct iscsi_settings),
    .check = iscsi_check,
    .open = iscsi_open,
    .close = iscsi_close,
    .start = iscsi_start,
    .expire = storage_run_expire,
    .cancel = storage_run_cancel,
};
