/* Logs in to a PostgreSQL server, asks it a question, and where it may writes a row of a table of
 * the probe's own and reads it back. Speaks the protocol itself (version 3, as the manual's
 * chapter "Frontend/Backend Protocol" has it): a kind in one byte, a length in four, a body.
 * Layers: resolve, connect, tls, login, operate. */
#include "agent/probe/database_settings.h"
#include "agent/probe/dialogue.h"
#include "agent/probe/probe_types.h"
#include "agent/probe/scram.h"
#include "agent/probe/secret.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 5 /* kind and length */
#define PROTOCOL_3 196608
#define REQUEST_TLS 80877103
#define QUERY 2048
#define UNDEFINED_TABLE "42P01"
#define SQLSTATE 5

static const struct fl_option postgres_options[] = {
    DATABASE_OPTIONS("HOST:PORT of the server, whose usual port is 5432", 63,
                     "database to connect to; the one named as the user when left out"),
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct database_settings *settings;
    struct dialogue_peer peer;
    char row[2 * FL_TARGET_SIZE]; /* of the table: who writes it */
};

/* What is under way. */
enum stage {
    S_TLS,    /* may we speak TLS? */
    S_LOGIN,  /* from the first message to "ready for query" */
    S_QUERY,  /* the question */
    S_WRITE,  /* the row */
    S_CREATE, /* its table, which was not there; then again the row */
    S_READ,   /* the row */
};

struct postgres_state {
    enum stage stage;
    bool created;
    bool row_seen;               /* of the query under way */
    bool row_good;               /* it holds what is expected */
    char sqlstate[SQLSTATE + 1]; /* of the error that the query under way had */
    int64_t asked_us;
    char value[2 * sizeof(uint64_t) + 1]; /* that the row is given */
    struct scram scram;
};

static const struct probe_instance *instance_of(const struct probe_run *run)
{
    return dialogue_arg(run);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void send_message(struct probe_run *run, char kind, const void *body, size_t size)
{
    uint8_t head[HEAD] = {(uint8_t)kind};

    put32(head + 1, (uint32_t)size + 4);
    dialogue_send(run, head, HEAD);
    dialogue_send(run, body, size);
}

static void send_startup(struct probe_run *run)
{
    const struct database_settings *settings = instance_of(run)->settings;
    const char *database =
        settings->database && *settings->database ? settings->database : settings->user;
    const char *const words[] = {"user",   settings->user,     "database",
                                 database, "application_name", "faultline"};
    uint8_t body[512];
    size_t at = 8;

    for (size_t i = 0; i < FL_COUNT(words); i++)
        at += (size_t)snprintf((char *)body + at, sizeof(body) - at, "%s", words[i]) + 1;
    body[at++] = '\0';
    put32(body, (uint32_t)at);
    put32(body + 4, PROTOCOL_3);
    dialogue_send(run, body, at);
}

static void ask(struct probe_run *run, enum stage stage)
{
    const struct probe_instance *instance = instance_of(run);
    const struct database_settings *settings = instance->settings;
    struct postgres_state *state = dialogue_state(run);
    char query[QUERY];

    state->stage = stage;
    state->row_seen = state->row_good = false;
    state->sqlstate[0] = '\0';
    if (stage == S_QUERY)
        (void)snprintf(query, sizeof(query), "%s", settings->query);
    else if (stage == S_WRITE)
        (void)snprintf(query, sizeof(query),
                       "INSERT INTO \"%s\" (probe, value, at) VALUES ('%s', '%s', now()) "
                       "ON CONFLICT (probe) DO UPDATE SET value = excluded.value, at = excluded.at",
                       settings->table, instance->row, state->value);
    else if (stage == S_CREATE)
        (void)snprintf(query, sizeof(query),
                       "CREATE TABLE IF NOT EXISTS \"%s\" (probe text PRIMARY KEY, "
                       "value text NOT NULL, at timestamptz NOT NULL)",
                       settings->table);
    else
        (void)snprintf(query, sizeof(query), "SELECT value FROM \"%s\" WHERE probe = '%s'",
                       settings->table, instance->row);
    if (stage != S_CREATE)
        state->asked_us = fl_clock_monotonic();
    send_message(run, 'Q', query, strlen(query) + 1);
}

static void on_ready(struct probe_run *run)
{
    struct postgres_state *state = dialogue_state(run);
    uint64_t random[2];
    uint8_t request[8];

    if (instance_of(run)->settings->use_tls && !dialogue_tls(run)) {
        put32(request, sizeof(request));
        put32(request + 4, REQUEST_TLS);
        dialogue_send(run, request, sizeof(request));
        return;
    }
    if (fl_daemon_random(random, sizeof(random), NULL) < 0) {
        dialogue_fail(run, FL_FAILURE_LOCAL);
        return;
    }
    (void)snprintf(state->value, sizeof(state->value), "%016llx", (unsigned long long)random[0]);
    (void)snprintf(state->scram.nonce, sizeof(state->scram.nonce), "faultln_%016llx",
                   (unsigned long long)random[1]);
    state->stage = S_LOGIN;
    send_startup(run);
}

/* PostgreSQL's own digest: md5(md5(password user) salt), in digits, after "md5". */
static bool digest(const char *password, const char *user, const uint8_t salt[4], char ret[36])
{
    char text[SECRET_SIZE + 64];
    uint8_t hash[EVP_MAX_MD_SIZE];
    bool ok = true;

    (void)snprintf(text, sizeof(text), "%s%s", password, user);
    for (int round = 0; ok && round < 2; round++) {
        const size_t size = round == 0 ? strlen(text) : 36;

        ok = EVP_Digest(text, size, hash, NULL, EVP_md5(), NULL) == 1;
        for (int i = 0; i < 16; i++)
            (void)snprintf(text + 2 * i, 3, "%02x", hash[i]);
        memcpy(text + 32, salt, 4);
    }
    (void)snprintf(ret, 36, "md5%.32s", text);
    secret_forget(text, sizeof(text));
    return ok;
}

static void start_scram(struct probe_run *run)
{
    static const char name[] = "SCRAM-SHA-256";
    struct postgres_state *state = dialogue_state(run);
    char body[sizeof(name) + 4 + SCRAM_MESSAGE];
    const size_t size = scram_first(&state->scram, body + sizeof(name) + 4);

    memcpy(body, name, sizeof(name));
    put32((uint8_t *)body + sizeof(name), (uint32_t)size);
    send_message(run, 'p', body, sizeof(name) + 4 + size);
}

/* The ways of logging in that use the password: 3 in clear, 5 its digest, 11 a proof of it. */
static void use_password(struct probe_run *run, uint32_t way, const uint8_t *body, size_t size)
{
    const struct probe_instance *instance = instance_of(run);
    struct postgres_state *state = dialogue_state(run);
    char password[SECRET_SIZE], answer[SCRAM_MESSAGE];
    size_t length = 0;

    if (!instance->settings->password_file) {
        dialogue_fail(run, FL_FAILURE_DENIED); /* it wants one, and there is none */
        return;
    }
    if (secret_read(instance->env->secrets_path, instance->settings->password_file, password,
                    sizeof(password), NULL) < 0) {
        dialogue_fail(run, FL_FAILURE_LOCAL);
        return;
    }
    if (way == 3)
        send_message(run, 'p', password, strlen(password) + 1);
    else if (way == 5 && size == 4 && digest(password, instance->settings->user, body, answer))
        send_message(run, 'p', answer, strlen(answer) + 1);
    else if (way == 11)
        length = scram_final(&state->scram, password, (const char *)body, size, answer);
    if (length > 0)
        send_message(run, 'p', answer, length);
    if ((way == 11 && length == 0) || (way == 5 && size != 4))
        dialogue_fail(run, FL_FAILURE_PROTOCOL);
    secret_forget(password, sizeof(password));
    secret_forget(answer, sizeof(answer));
}

static void on_authentication(struct probe_run *run, const uint8_t *body, size_t size)
{
    static const char name[] = "SCRAM-SHA-256";
    const uint32_t way = size >= 4 ? get32(body) : UINT32_MAX;
    const struct postgres_state *state = dialogue_state(run);

    switch (way) {
    case 0: /* in; "ready for query" follows */
        break;
    case 3:
    case 5:
    case 11:
        use_password(run, way, body + 4, size - 4);
        break;
    case 10:
        if (!instance_of(run)->settings->password_file)
            dialogue_fail(run, FL_FAILURE_DENIED);
        else if (memmem(body + 4, size - 4, name, sizeof(name)))
            start_scram(run);
        else
            dialogue_fail(run, FL_FAILURE_PROTOCOL);
        break;
    case 12:
        if (!scram_proven(&state->scram, (const char *)body + 4, size - 4))
            dialogue_fail(run, FL_FAILURE_DENIED);
        break;
    default:
        dialogue_fail(run, FL_FAILURE_PROTOCOL);
    }
}

/* SQLSTATE by its class, or whole where the class holds several. */
static enum fl_failure failure_of(const char *sqlstate)
{
    static const struct {
        const char *begin;
        enum fl_failure failure;
    } rows[] = {
        {"28", FL_FAILURE_DENIED},       {"42501", FL_FAILURE_DENIED},
        {"25006", FL_FAILURE_READ_ONLY}, {"53100", FL_FAILURE_NO_SPACE},
        {"58", FL_FAILURE_IO_ERROR},     {"XX001", FL_FAILURE_IO_ERROR},
        {"XX002", FL_FAILURE_IO_ERROR},  {"08P01", FL_FAILURE_PROTOCOL},
    };

    for (size_t i = 0; i < FL_COUNT(rows); i++)
        if (strncmp(sqlstate, rows[i].begin, strlen(rows[i].begin)) == 0)
            return rows[i].failure;
    return FL_FAILURE_STATUS;
}

static enum fl_step step_of(enum stage stage)
{
    return stage == S_WRITE || stage == S_CREATE ? FL_STEP_WRITE
           : stage == S_READ                     ? FL_STEP_READ
                                                 : FL_STEP_NONE;
}

static void fail_stage(struct probe_run *run, enum fl_failure failure)
{
    const struct postgres_state *state = dialogue_state(run);

    dialogue_fail_step(run, step_of(state->stage), failure);
}

/* Fields of a letter and a text each; 'C' is the SQLSTATE. */
static void on_error(struct probe_run *run, const uint8_t *body, size_t size)
{
    struct postgres_state *state = dialogue_state(run);
    size_t at = 0;

    memcpy(state->sqlstate, "XX000", SQLSTATE + 1);
    while (at < size && body[at] != '\0') {
        const char *text = (const char *)body + at + 1;
        const size_t length = strnlen(text, size - at - 1);

        if (body[at] == 'C' && length == SQLSTATE)
            memcpy(state->sqlstate, text, SQLSTATE);
        at += 1 + length + 1;
    }
    if (state->stage == S_LOGIN)
        dialogue_fail(run, failure_of(state->sqlstate));
    /* after one in a query the server says when it is ready again */
}

/* A row: the number of columns, and of each its length and its bytes. */
static void on_row(struct probe_run *run, const uint8_t *body, size_t size)
{
    const struct database_settings *settings = instance_of(run)->settings;
    struct postgres_state *state = dialogue_state(run);
    const char *wanted = state->stage == S_READ ? NULL : settings->expect;
    uint32_t length;

    if (state->row_seen)
        return;
    state->row_seen = true;
    if (size < 6) {
        state->row_good = !wanted;
        return;
    }
    length = get32(body + 2);
    if (length > size - 6)
        length = 0; /* NULL, or a lie */
    state->row_good = !wanted || memmem(body + 6, length, wanted, strlen(wanted));
}

/* The query is over: what next? */
static void on_idle(struct probe_run *run)
{
    const struct database_settings *settings = instance_of(run)->settings;
    struct postgres_state *state = dialogue_state(run);
    const enum stage stage = state->stage;

    if (stage == S_WRITE && !state->created && strcmp(state->sqlstate, UNDEFINED_TABLE) == 0) {
        state->created = true;
        ask(run, S_CREATE);
        return;
    }
    /* another agent may have made it at the same moment: then the row can be written */
    if (state->sqlstate[0] && !(stage == S_CREATE && strncmp(state->sqlstate, "23", 2) == 0)) {
        fail_stage(run, failure_of(state->sqlstate));
        return;
    }
    if ((stage == S_QUERY && settings->expect && !state->row_good) ||
        (stage == S_READ && !state->row_seen)) {
        fail_stage(run, FL_FAILURE_CONTENT);
        return;
    }
    if (stage == S_WRITE || stage == S_READ)
        dialogue_pass_step(run, step_of(stage), fl_clock_monotonic() - state->asked_us);
    if (stage == S_LOGIN) {
        dialogue_enter(run, FL_LAYER_OPERATE);
        ask(run, S_QUERY);
    } else if (stage == S_READ || (stage == S_QUERY && !settings->write)) {
        send_message(run, 'X', "", 0); /* good-bye, so that the server logs no broken one */
        dialogue_pass(run);
    } else {
        ask(run, stage == S_WRITE ? S_READ : S_WRITE);
    }
}

static void take_message(struct probe_run *run, uint8_t kind, const uint8_t *body, size_t size)
{
    const struct postgres_state *state = dialogue_state(run);

    switch (kind) {
    case 'R':
        if (state->stage == S_LOGIN)
            on_authentication(run, body, size);
        else
            fail_stage(run, FL_FAILURE_PROTOCOL);
        break;
    case 'E':
        on_error(run, body, size);
        break;
    case 'D':
        on_row(run, body, size);
        break;
    case 'Z':
        on_idle(run);
        break;
    case 'S': /* a setting */
    case 'K': /* a key to cancel with */
    case 'N': /* a notice */
    case 'T': /* what the columns are */
    case 'C': /* a command is complete */
    case 'I': /* an empty query */
    case 'v': /* an older version of the protocol will do */
        break;
    default:
        fail_stage(run, FL_FAILURE_PROTOCOL);
    }
}

/* One byte: S for yes, N for no; an old server sends an error. */
static size_t take_tls(struct probe_run *run, uint8_t answer)
{
    if (answer == 'S')
        dialogue_secure(run);
    else
        dialogue_fail(run, answer == 'N' ? FL_FAILURE_REFUSED : FL_FAILURE_PROTOCOL);
    return 1;
}

static size_t on_input(struct probe_run *run, const uint8_t *bytes, size_t size)
{
    const struct postgres_state *state = dialogue_state(run);
    uint32_t length;

    if (state->stage == S_TLS)
        return take_tls(run, bytes[0]);
    if (size < HEAD)
        return 0;
    length = get32(bytes + 1);
    if (length < 4 || length > DIALOGUE_KEPT - HEAD) {
        fail_stage(run, FL_FAILURE_PROTOCOL);
        return 0;
    }
    if (size < length + 1)
        return 0;
    take_message(run, bytes[0], bytes + HEAD, length - 4);
    return length + 1;
}

static enum fl_failure on_late(struct probe_run *run)
{
    fail_stage(run, FL_FAILURE_TIMEOUT);
    return FL_FAILURE_TIMEOUT;
}

static const struct dialogue_protocol postgres_protocol = {
    .state_size = sizeof(struct postgres_state),
    .first = FL_LAYER_LOGIN,
    .ready = on_ready,
    .input = on_input,
    .late = on_late,
};

static void postgres_close(struct probe_instance *instance)
{
    dialogue_peer_done(&instance->peer);
    free(instance);
}

static int postgres_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                         const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct database_settings *postgres = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = postgres;
    (void)snprintf(instance->row, sizeof(instance->row), "%s/%s", spec->target, spec->probe);
    r = dialogue_peer_init(&instance->peer, env, postgres->address,
                           postgres->use_tls ? &postgres->tls : NULL, err);
    if (r < 0) {
        postgres_close(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static int postgres_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                          struct probe_run **ret)
{
    return dialogue_start(instance->env, &postgres_protocol, &instance->peer, instance, done, arg,
                          ret);
}

const struct probe_type probe_postgres = {
    .name = "postgres",
    .summary = "logs in to a PostgreSQL server, asks a question, writes and reads a row",
    .options = postgres_options,
    .settings_size = sizeof(struct database_settings),
    .parallel = true,
    .open = postgres_open,
    .close = postgres_close,
    .start = postgres_start,
    .expire = dialogue_expire,
    .cancel = dialogue_cancel,
};
