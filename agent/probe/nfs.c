/* An export of an NFS version 4 server: connects, establishes a client, then creates a file,
 * writes it, commits it, reads it back, compares and removes it. Each attempt is a connection of
 * its own, and no kernel mount is needed, so none can hang. The file's name and the client's are
 * the same from attempt to attempt: what one that timed out has left behind is used again.
 *
 * libnfs carries the calls; its file system on top of them is left out, since what it holds of an
 * open file or a mount that was broken off cannot be given back. */
#include "agent/probe/pattern.h"
#include "agent/probe/probe_types.h"
#include "agent/probe/storage_run.h"
#include "proto/runtime/fl_daemon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* the first defines what the others need */
/* clang-format off */
#include <nfsc/libnfs.h>
#include <nfsc/libnfs-raw.h>
#include <nfsc/libnfs-raw-nfs4.h>
/* clang-format on */

#define MAX_SIZE (64 << 10) /* more is a load test */
#define PIECE 3072u         /* of a write: libnfs encodes a call within 4 KiB */
#define NAME_SIZE 64
#define OWN_ID (-1)
#define MAX_ID UINT32_MAX
#define FILE_MODE 0600
#define MODE_BIT (1u << 1) /* of the second word: attribute 33 (RFC 7530) */
#define MAX_DEPTH 24       /* directories in the path of an export */
#define MAX_OPERATIONS (MAX_DEPTH + 4)

static char no_netid[] = "tcp", no_address[] = "0.0.0.0.0.0";

struct nfs_settings {
    char *address;
    char *export;
    int64_t size;
    int64_t uid;
    int64_t gid;
};

static const struct fl_option nfs_options[] = {
    {.name = "address",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct nfs_settings, address),
     .help = "HOST:PORT of the server, whose usual port is 2049"},
    {.name = "export",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct nfs_settings, export),
     .min = 1,
     .max = 1024,
     .help = "directory to work in, as the server's clients write it"},
    {.name = "size",
     .kind = FL_OPTION_SIZE,
     .offset = offsetof(struct nfs_settings, size),
     .min = PATTERN_SECTOR,
     .max = MAX_SIZE,
     .standard = "4KiB",
     .help = "bytes to write and read back"},
    {.name = "uid",
     .kind = FL_OPTION_INT,
     .offset = offsetof(struct nfs_settings, uid),
     .min = OWN_ID,
     .max = MAX_ID,
     .standard = "-1",
     .help = "user to appear as; -1 is the agent's own"},
    {.name = "gid",
     .kind = FL_OPTION_INT,
     .offset = offsetof(struct nfs_settings, gid),
     .min = OWN_ID,
     .max = MAX_ID,
     .standard = "-1",
     .help = "group to appear as; -1 is the agent's own"},
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct nfs_settings *settings;
    char host[FL_OPTION_HOST_SIZE];
    uint16_t port;
    uint64_t writer;
    uint64_t round;
    char file[NAME_SIZE];   /* in the export */
    char client[NAME_SIZE]; /* name of the client, as the server knows it */
};

struct handle {
    uint32_t size;
    char bytes[NFS4_FHSIZE];
};

struct storage_session;
typedef void (*reply_cb)(struct storage_session *session, const COMPOUND4res *reply);

struct storage_session {
    struct probe_instance *instance;
    struct probe_run *run;
    struct rpc_context *rpc;
    uint64_t client;
    struct handle directory, file;
    stateid4 state;   /* of the open file */
    uint32_t seqid;   /* the next of the open file's owner */
    uint32_t moved;   /* bytes that are written, or read */
    uint32_t waiting; /* pieces of a write that are under way */
    uint8_t *written;
    reply_cb reply; /* of the requests under way */
};

/* One request of several operations, in the making. */
struct compound {
    uint32_t n;
    nfs_argop4 ops[MAX_OPERATIONS];
};

static uint32_t size_of(const struct storage_session *session)
{
    return (uint32_t)session->instance->settings->size;
}

static enum fl_failure failure_of(nfsstat4 status)
{
    switch (status) {
    case NFS4_OK:
        return FL_FAILURE_NONE;
    case NFS4ERR_ROFS:
        return FL_FAILURE_READ_ONLY;
    case NFS4ERR_NOSPC:
        return FL_FAILURE_NO_SPACE;
    case NFS4ERR_DQUOT:
        return FL_FAILURE_QUOTA;
    case NFS4ERR_STALE:
    case NFS4ERR_BADHANDLE:
    case NFS4ERR_FHEXPIRED:
    case NFS4ERR_EXPIRED:
    case NFS4ERR_STALE_CLIENTID:
    case NFS4ERR_STALE_STATEID:
    case NFS4ERR_BAD_STATEID:
        return FL_FAILURE_STALE;
    case NFS4ERR_PERM:
    case NFS4ERR_ACCESS:
    case NFS4ERR_NOENT: /* no such export */
    case NFS4ERR_WRONGSEC:
    case NFS4ERR_CLID_INUSE:
        return FL_FAILURE_DENIED;
    case NFS4ERR_MINOR_VERS_MISMATCH:
    case NFS4ERR_OP_ILLEGAL:
    case NFS4ERR_BADZDR:
        return FL_FAILURE_PROTOCOL;
    default:
        return FL_FAILURE_IO_ERROR;
    }
}

static nfs_argop4 *add(struct compound *compound, nfs_opnum4 number)
{
    nfs_argop4 *op = &compound->ops[compound->n++];

    *op = (nfs_argop4){.argop = number};
    return op;
}

static void add_handle(struct compound *compound, struct handle *handle)
{
    nfs_fh4 *object = &add(compound, OP_PUTFH)->nfs_argop4_u.opputfh.object;

    object->nfs_fh4_len = handle->size;
    object->nfs_fh4_val = handle->bytes;
}

static void set_text(utf8string *text, char *bytes, size_t size)
{
    text->utf8string_len = (u_int)size;
    text->utf8string_val = bytes;
}

static void on_reply(struct rpc_context *rpc, int status, void *data, void *arg)
{
    struct storage_session *session = arg;
    const COMPOUND4res *reply = data;

    (void)rpc;
    if (status != RPC_STATUS_SUCCESS) /* refused by the RPC layer, or nothing that makes sense */
        storage_run_answer(session->run, FL_FAILURE_PROTOCOL);
    else if (reply->status != NFS4_OK)
        storage_run_answer(session->run, failure_of(reply->status));
    else
        session->reply(session, reply);
}

static void ask(struct storage_session *session, struct compound *compound, reply_cb reply)
{
    COMPOUND4args arguments = {
        .argarray = {.argarray_len = compound->n, .argarray_val = compound->ops}};

    session->reply = reply;
    if (rpc_nfs4_compound_async(session->rpc, on_reply, &arguments, session) != 0)
        storage_run_answer(session->run, FL_FAILURE_LOCAL);
}

/* The result of operation `i`; false when the server left it out: then that is the answer. A copy,
 * since libnfs lays its structs out without regard to their alignment. */
static bool result_of(struct storage_session *session, const COMPOUND4res *reply, uint32_t i,
                      nfs_opnum4 number, nfs_resop4 *ret)
{
    const char *results = (const char *)reply->resarray.resarray_val;

    if (i < reply->resarray.resarray_len) {
        memcpy(ret, results + i * sizeof(*ret), sizeof(*ret));
        if (ret->resop == number)
            return true;
    }
    storage_run_answer(session->run, FL_FAILURE_PROTOCOL);
    return false;
}

static bool take_handle(struct storage_session *session, const COMPOUND4res *reply, uint32_t i,
                        struct handle *ret)
{
    nfs_resop4 result;
    const nfs_fh4 *object;

    if (!result_of(session, reply, i, OP_GETFH, &result))
        return false;
    object = &result.nfs_resop4_u.opgetfh.GETFH4res_u.resok4.object;
    if (object->nfs_fh4_len > sizeof(ret->bytes)) {
        storage_run_answer(session->run, FL_FAILURE_PROTOCOL);
        return false;
    }
    ret->size = object->nfs_fh4_len;
    memcpy(ret->bytes, object->nfs_fh4_val, ret->size);
    return true;
}

static void on_done(struct storage_session *session, const COMPOUND4res *reply)
{
    (void)reply;
    storage_run_answer(session->run, FL_FAILURE_NONE);
}

/* ---- login: a client is established, the export is looked up ---- */

static void on_looked_up(struct storage_session *session, const COMPOUND4res *reply)
{
    if (take_handle(session, reply, reply->resarray.resarray_len - 1, &session->directory))
        storage_run_answer(session->run, FL_FAILURE_NONE);
}

static void add_path(struct compound *compound, char *path)
{
    add(compound, OP_PUTROOTFH);
    for (char *at = path + strspn(path, "/"); *at; at += strspn(at, "/")) {
        const size_t length = strcspn(at, "/");

        set_text(&add(compound, OP_LOOKUP)->nfs_argop4_u.oplookup.objname, at, length);
        at += length;
    }
    add(compound, OP_GETFH);
}

static void on_client(struct storage_session *session, const COMPOUND4res *reply)
{
    nfs_resop4 result;
    const SETCLIENTID4resok *client;
    struct compound compound = {0};
    SETCLIENTID_CONFIRM4args *confirm;

    if (!result_of(session, reply, 0, OP_SETCLIENTID, &result))
        return;
    client = &result.nfs_resop4_u.opsetclientid.SETCLIENTID4res_u.resok4;
    session->client = client->clientid;
    confirm = &add(&compound, OP_SETCLIENTID_CONFIRM)->nfs_argop4_u.opsetclientid_confirm;
    confirm->clientid = client->clientid;
    memcpy(confirm->setclientid_confirm, client->setclientid_confirm, sizeof(verifier4));
    add_path(&compound, session->instance->settings->export);
    ask(session, &compound, on_looked_up);
}

/* Another verifier each time: the server then forgets what the last attempt held open. */
static void on_connected(struct rpc_context *rpc, int status, void *data, void *arg)
{
    struct storage_session *session = arg;
    struct probe_instance *instance = session->instance;
    struct compound compound = {0};
    SETCLIENTID4args *client;

    (void)rpc;
    (void)data;
    if (status != RPC_STATUS_SUCCESS) {
        storage_run_answer(session->run, FL_FAILURE_LOCAL);
        return;
    }
    client = &add(&compound, OP_SETCLIENTID)->nfs_argop4_u.opsetclientid;
    memcpy(client->client.verifier, &instance->round, sizeof(verifier4));
    client->client.id.id_val = instance->client;
    client->client.id.id_len = (u_int)strlen(instance->client);
    client->callback.cb_location.r_netid = no_netid; /* nobody is to call back: no delegations */
    client->callback.cb_location.r_addr = no_address;
    ask(session, &compound, on_client);
}

/* ---- write ---- */

static void on_written(struct storage_session *session, const COMPOUND4res *reply)
{
    nfs_resop4 result;
    uint32_t count;

    if (!result_of(session, reply, 1, OP_WRITE, &result))
        return;
    count = result.nfs_resop4_u.opwrite.WRITE4res_u.resok4.count;
    if (count == 0 || count > size_of(session) - session->moved) {
        storage_run_answer(session->run, FL_FAILURE_PROTOCOL);
        return;
    }
    session->moved += count;
    if (--session->waiting > 0)
        return;
    /* every piece was taken, so what is missing was refused in silence */
    storage_run_answer(session->run,
                       session->moved == size_of(session) ? FL_FAILURE_NONE : FL_FAILURE_IO_ERROR);
}

static void write_piece(struct storage_session *session, uint32_t offset)
{
    const uint32_t left = size_of(session) - offset;
    struct compound compound = {0};
    WRITE4args *arguments;

    add_handle(&compound, &session->file);
    arguments = &add(&compound, OP_WRITE)->nfs_argop4_u.opwrite;
    arguments->stateid = session->state;
    arguments->offset = offset;
    arguments->stable = UNSTABLE4;
    arguments->data.data_len = left < PIECE ? left : PIECE;
    arguments->data.data_val = (char *)session->written + offset;
    session->waiting++;
    ask(session, &compound, on_written);
}

/* All pieces are on their way at once, so that it takes one round trip. */
static void write_all(struct storage_session *session)
{
    for (uint32_t offset = 0; offset < size_of(session); offset += PIECE)
        write_piece(session, offset);
}

static void on_confirmed(struct storage_session *session, const COMPOUND4res *reply)
{
    nfs_resop4 result;

    if (!result_of(session, reply, 1, OP_OPEN_CONFIRM, &result))
        return;
    session->state = result.nfs_resop4_u.opopen_confirm.OPEN_CONFIRM4res_u.resok4.open_stateid;
    write_all(session);
}

static void confirm_open(struct storage_session *session)
{
    struct compound compound = {0};
    OPEN_CONFIRM4args *arguments;

    add_handle(&compound, &session->file);
    arguments = &add(&compound, OP_OPEN_CONFIRM)->nfs_argop4_u.opopen_confirm;
    arguments->open_stateid = session->state;
    arguments->seqid = session->seqid++;
    ask(session, &compound, on_confirmed);
}

static void on_opened(struct storage_session *session, const COMPOUND4res *reply)
{
    nfs_resop4 result;
    const OPEN4resok *opened;

    if (!result_of(session, reply, 1, OP_OPEN, &result) ||
        !take_handle(session, reply, 2, &session->file))
        return;
    opened = &result.nfs_resop4_u.opopen.OPEN4res_u.resok4;
    session->state = opened->stateid;
    if (opened->rflags & OPEN4_RESULT_CONFIRM)
        confirm_open(session);
    else
        write_all(session);
}

static void begin_write(struct storage_session *session)
{
    uint32_t mask[2] = {0, MODE_BIT};
    uint32_t mode = htonl(FILE_MODE);
    struct probe_instance *instance = session->instance;
    struct compound compound = {0};
    OPEN4args *arguments;
    fattr4 *attributes;

    add_handle(&compound, &session->directory);
    arguments = &add(&compound, OP_OPEN)->nfs_argop4_u.opopen;
    arguments->seqid = session->seqid++;
    arguments->share_access = OPEN4_SHARE_ACCESS_BOTH;
    arguments->share_deny = OPEN4_SHARE_DENY_NONE;
    arguments->owner.clientid = session->client;
    arguments->owner.owner.owner_val = instance->client;
    arguments->owner.owner.owner_len = (u_int)strlen(instance->client);
    arguments->openhow.opentype = OPEN4_CREATE;
    arguments->openhow.openflag4_u.how.mode = UNCHECKED4;
    attributes = &arguments->openhow.openflag4_u.how.createhow4_u.createattrs;
    attributes->attrmask.bitmap4_len = FL_COUNT(mask);
    attributes->attrmask.bitmap4_val = mask;
    attributes->attr_vals.attrlist4_len = sizeof(mode);
    attributes->attr_vals.attrlist4_val = (char *)&mode;
    arguments->claim.claim = CLAIM_NULL;
    set_text(&arguments->claim.open_claim4_u.file, instance->file, strlen(instance->file));
    add(&compound, OP_GETFH);
    ask(session, &compound, on_opened);
}

/* ---- flush, read, tidy up ---- */

static void begin_flush(struct storage_session *session)
{
    struct compound compound = {0};

    add_handle(&compound, &session->file);
    add(&compound, OP_COMMIT); /* offset 0 and count 0: all of the file */
    session->moved = 0;
    ask(session, &compound, on_done);
}

static void begin_read(struct storage_session *session);

static void on_read(struct storage_session *session, const COMPOUND4res *reply)
{
    nfs_resop4 result;
    const READ4resok *part;
    uint32_t n;

    if (!result_of(session, reply, 1, OP_READ, &result))
        return;
    part = &result.nfs_resop4_u.opread.READ4res_u.resok4;
    n = part->data.data_len;
    if (n == 0 || n > size_of(session) - session->moved ||
        memcmp(part->data.data_val, session->written + session->moved, n) != 0) {
        storage_run_answer(session->run, FL_FAILURE_CONTENT);
        return;
    }
    session->moved += n;
    if (session->moved == size_of(session))
        storage_run_answer(session->run, FL_FAILURE_NONE);
    else
        begin_read(session);
}

static void begin_read(struct storage_session *session)
{
    struct compound compound = {0};
    READ4args *arguments;

    add_handle(&compound, &session->file);
    arguments = &add(&compound, OP_READ)->nfs_argop4_u.opread;
    arguments->stateid = session->state;
    arguments->offset = session->moved;
    arguments->count = size_of(session) - session->moved;
    ask(session, &compound, on_read);
}

static void begin_tidy(struct storage_session *session)
{
    struct compound compound = {0};
    char *name = session->instance->file;
    CLOSE4args *arguments;

    add_handle(&compound, &session->file);
    arguments = &add(&compound, OP_CLOSE)->nfs_argop4_u.opclose;
    arguments->seqid = session->seqid++;
    arguments->open_stateid = session->state;
    add_handle(&compound, &session->directory);
    set_text(&add(&compound, OP_REMOVE)->nfs_argop4_u.opremove.target, name, strlen(name));
    ask(session, &compound, on_done);
}

/* ---- the session ---- */

static void session_close(struct storage_session *session)
{
    if (!session)
        return;
    if (session->rpc)
        rpc_destroy_context(session->rpc);
    free(session->written);
    free(session);
}

static int set_up(struct storage_session *session)
{
    const struct nfs_settings *settings = session->instance->settings;

    session->rpc = rpc_init_context();
    if (!session->rpc)
        return -ENOMEM;
    if (settings->uid != OWN_ID)
        rpc_set_uid(session->rpc, (int)settings->uid);
    if (settings->gid != OWN_ID)
        rpc_set_gid(session->rpc, (int)settings->gid);
    return 0;
}

static int session_open(struct probe_instance *instance, struct probe_run *run,
                        struct storage_session **ret)
{
    struct storage_session *session = calloc(1, sizeof(*session));
    const size_t size = (size_t)instance->settings->size;
    int r;

    if (!session)
        return -ENOMEM;
    session->instance = instance;
    session->run = run;
    instance->round++;
    session->written = malloc(size);
    r = session->written ? set_up(session) : -ENOMEM;
    if (r < 0) {
        session_close(session);
        return r;
    }
    pattern_fill(session->written, size, instance->writer, instance->round);
    *ret = session;
    return 0;
}

static int session_connect(struct storage_session *session, const char *address, uint16_t port)
{
    return rpc_connect_async(session->rpc, address, port, on_connected, session) != 0 ? -EIO : 0;
}

static int session_begin(struct storage_session *session, enum storage_stage stage)
{
    switch (stage) {
    case STORAGE_WRITE:
        begin_write(session);
        break;
    case STORAGE_FLUSH:
        begin_flush(session);
        break;
    case STORAGE_READ:
        begin_read(session);
        break;
    default:
        begin_tidy(session);
        break;
    }
    return 0;
}

static int session_fd(struct storage_session *session)
{
    return rpc_get_fd(session->rpc);
}

static int session_wanted(struct storage_session *session)
{
    return rpc_which_events(session->rpc);
}

static int session_service(struct storage_session *session, int events)
{
    return rpc_service(session->rpc, events);
}

static const struct storage_ops nfs_ops = {
    .open = session_open,
    .close = session_close,
    .connect = session_connect,
    .begin = session_begin,
    .fd = session_fd,
    .wanted = session_wanted,
    .service = session_service,
};

static int nfs_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                     struct probe_run **ret)
{
    const struct storage_peer peer = {
        .env = instance->env, .host = instance->host, .port = instance->port, .ops = &nfs_ops};

    return storage_run_start(&peer, instance, done, arg, ret);
}

static size_t depth_of(const char *path)
{
    size_t n = 0;

    for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
        path += strcspn(path, "/");
        n++;
    }
    return n;
}

static int nfs_check(const void *settings, struct fl_error *err)
{
    const struct nfs_settings *nfs = settings;

    if (nfs->size % PATTERN_SECTOR != 0)
        return fl_error_set(err, -EINVAL,
                            "setting \"size\": %" PRId64 " is allowed only as a multiple of %d",
                            nfs->size, PATTERN_SECTOR);
    if (nfs->export[0] != '/')
        return fl_error_set(err, -EINVAL,
                            "setting \"export\": \"%s\" is read, allowed is a path from the "
                            "server's root, like /volumes/data",
                            nfs->export);
    if (depth_of(nfs->export) > MAX_DEPTH)
        return fl_error_set(err, -EINVAL,
                            "setting \"export\": %zu directories are read, allowed are %d",
                            depth_of(nfs->export), MAX_DEPTH);
    return 0;
}

static int nfs_open_instance(const struct probe_env *env, const struct fl_probe_spec *spec,
                             const void *settings, struct probe_instance **ret,
                             struct fl_error *err)
{
    const struct nfs_settings *nfs = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = nfs;
    r = fl_daemon_random(&instance->writer, sizeof(instance->writer), err);
    if (r == 0)
        r = fl_address_split(nfs->address, instance->host, sizeof(instance->host), &instance->port,
                             err);
    if (r < 0) {
        free(instance);
        return r;
    }
    (void)snprintf(instance->file, sizeof(instance->file), ".faultline-%016" PRIx64,
                   instance->writer);
    (void)snprintf(instance->client, sizeof(instance->client), "faultline-%016" PRIx64,
                   instance->writer);
    *ret = instance;
    return 0;
}

static void nfs_close_instance(struct probe_instance *instance)
{
    free(instance);
}

const struct probe_type probe_nfs = {
    .name = "nfs",
    .summary = "creates, writes, commits, reads and removes a file on an NFS version 4 server",
    .options = nfs_options,
    .settings_size = sizeof(struct nfs_settings),
    .check = nfs_check,
    .open = nfs_open_instance,
    .close = nfs_close_instance,
    .start = nfs_start,
    .expire = storage_run_expire,
    .cancel = storage_run_cancel,
};
