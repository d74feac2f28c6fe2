/* Logs in to a MySQL or MariaDB server, asks it a question, and where it may writes a row of a
 * table of the probe's own and reads it back. Speaks the client's protocol (4.1) itself: packets
 * of a length in three bytes, lowest first, a number in one, and a body. Logs in by
 * mysql_native_password. Layers: resolve, connect, tls, login, operate. */
#include "agent/probe/database_settings.h"
#include "agent/probe/dialogue.h"
#include "agent/probe/probe_types.h"
#include "agent/probe/secret.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 4
#define QUERY 2048
#define SCRAMBLE 20
#define NATIVE "mysql_native_password"
#define PROTOCOL_10 10
#define CHARSET_UTF8 33
#define MAX_PACKET (1 << 20)

/* What a client and a server can do. */
enum {
    CAN_LONG_PASSWORD = 0x1,
    CAN_CONNECT_WITH_DB = 0x8,
    CAN_PROTOCOL_41 = 0x200,
    CAN_TLS = 0x800,
    CAN_TRANSACTIONS = 0x2000,
    CAN_SECURE_CONNECTION = 0x8000,
    CAN_PLUGIN_AUTH = 0x80000
};

enum { PACKET_OK = 0x00, PACKET_NULL = 0xfb, PACKET_END = 0xfe, PACKET_ERROR = 0xff };
enum { COMMAND_QUIT = 1, COMMAND_QUERY = 3 };
enum { NO_SUCH_TABLE = 1146, TABLE_EXISTS = 1050 };

static const struct fl_option mysql_options[] = {
    DATABASE_OPTIONS("HOST:PORT of the server, whose usual port is 3306", 80, "database to use"),
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct database_settings *settings;
    struct dialogue_peer peer;
    char row[2 * FL_TARGET_SIZE]; /* of the table: who writes it */
};

enum stage {
    S_GREETING,
    S_LOGIN,
    S_QUERY,  /* the question */
    S_WRITE,  /* the row */
    S_CREATE, /* its table, which was not there; then again the row */
    S_READ    /* the row */
};

/* Within the answer to a query. */
enum part { P_FIRST, P_COLUMNS, P_ROWS };

struct mysql_state {
    enum stage stage;
    enum part part;
    uint8_t number; /* of the next packet that is sent */
    uint8_t scramble[SCRAMBLE];
    bool created;
    bool row_seen, row_good; /* of the query under way */
    int64_t asked_us;
    char value[2 * sizeof(uint64_t) + 1]; /* that the row is given */
};

static const struct probe_instance *instance_of(const struct probe_run *run)
{
    return dialogue_arg(run);
}

static enum fl_step step_of(enum stage stage)
{
    return stage == S_WRITE || stage == S_CREATE ? FL_STEP_WRITE
           : stage == S_READ                     ? FL_STEP_READ
                                                 : FL_STEP_NONE;
}

static void fail_stage(struct probe_run *run, enum fl_failure failure)
{
    const struct mysql_state *state = dialogue_state(run);

    dialogue_fail_step(run, step_of(state->stage), failure);
}

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void send_packet(struct probe_run *run, const void *body, size_t size)
{
    struct mysql_state *state = dialogue_state(run);
    const uint8_t head[HEAD] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16),
                                state->number++};

    dialogue_send(run, head, HEAD);
    dialogue_send(run, body, size);
}

static bool sha1(const void *bytes, size_t size, const void *more, size_t more_size,
                 uint8_t ret[SCRAMBLE])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const bool ok = context && EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1 &&
                    EVP_DigestUpdate(context, bytes, size) == 1 &&
                    EVP_DigestUpdate(context, more, more_size) == 1 &&
                    EVP_DigestFinal_ex(context, ret, NULL) == 1;

    EVP_MD_CTX_free(context);
    return ok;
}

/* sha1(password) ^ sha1(scramble sha1(sha1(password))). Returns its size, 0 without a password; a
 * failure marks the run. */
static size_t prove(struct probe_run *run, uint8_t ret[SCRAMBLE])
{
    const struct probe_instance *instance = instance_of(run);
    const struct mysql_state *state = dialogue_state(run);
    uint8_t once[SCRAMBLE], twice[SCRAMBLE];
    char password[SECRET_SIZE];
    bool ok;

    if (!instance->settings->password_file)
        return 0;
    ok = secret_read(instance->env->secrets_path, instance->settings->password_file, password,
                     sizeof(password), NULL) == 0 &&
         sha1(password, strlen(password), "", 0, once) && sha1(once, SCRAMBLE, "", 0, twice) &&
         sha1(state->scramble, SCRAMBLE, twice, SCRAMBLE, ret);
    for (int i = 0; ok && i < SCRAMBLE; i++)
        ret[i] ^= once[i];
    secret_forget(password, sizeof(password));
    secret_forget((char *)once, sizeof(once));
    if (!ok)
        dialogue_fail(run, FL_FAILURE_LOCAL);
    return ok ? SCRAMBLE : 0;
}

static uint32_t abilities(const struct database_settings *settings)
{
    return CAN_LONG_PASSWORD | CAN_PROTOCOL_41 | CAN_TRANSACTIONS | CAN_SECURE_CONNECTION |
           CAN_PLUGIN_AUTH | (settings->database && *settings->database ? CAN_CONNECT_WITH_DB : 0) |
           (settings->use_tls ? CAN_TLS : 0);
}

/* The part of a login that is also the wish for TLS: what we can do. Returns its size. */
static size_t write_abilities(const struct database_settings *settings, uint8_t *ret)
{
    memset(ret, 0, 32);
    put32(ret, abilities(settings));
    put32(ret + 4, MAX_PACKET);
    ret[8] = CHARSET_UTF8;
    return 32;
}

static void send_login(struct probe_run *run)
{
    const struct database_settings *settings = instance_of(run)->settings;
    struct mysql_state *state = dialogue_state(run);
    uint8_t body[512], proof[SCRAMBLE];
    size_t at = write_abilities(settings, body);
    const size_t proof_size = prove(run, proof);

    at += (size_t)snprintf((char *)body + at, sizeof(body) - at, "%s", settings->user) + 1;
    body[at++] = (uint8_t)proof_size;
    memcpy(body + at, proof, proof_size);
    at += proof_size;
    if (settings->database && *settings->database)
        at += (size_t)snprintf((char *)body + at, sizeof(body) - at, "%s", settings->database) + 1;
    memcpy(body + at, NATIVE, sizeof(NATIVE));
    state->stage = S_LOGIN;
    send_packet(run, body, at + sizeof(NATIVE));
}

/* Version of the protocol, version of the server, thread, scramble (8), 0, abilities (2), charset,
 * status (2), abilities (2), length of the scramble, 10 zeroes, scramble (12 and an end). */
static void on_greeting(struct probe_run *run, const uint8_t *body, size_t size)
{
    const struct database_settings *settings = instance_of(run)->settings;
    struct mysql_state *state = dialogue_state(run);
    const size_t version = size > 0 ? strnlen((const char *)body + 1, size - 1) : 0;
    const uint8_t *at = body + 1 + version + 1 + 4;
    uint8_t wish[32];
    uint32_t can;

    if (size < 1 + version + 1 + 4 + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10 + 12 ||
        body[0] != PROTOCOL_10) {
        dialogue_fail(run, FL_FAILURE_PROTOCOL);
        return;
    }
    memcpy(state->scramble, at, 8);
    memcpy(state->scramble + 8, at + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10, SCRAMBLE - 8);
    can = (uint32_t)at[9] | (uint32_t)at[10] << 8 | (uint32_t)at[14] << 16 | (uint32_t)at[15] << 24;
    if (!(can & CAN_PROTOCOL_41)) {
        dialogue_fail(run, FL_FAILURE_PROTOCOL);
    } else if (!settings->use_tls) {
        send_login(run);
    } else if (can & CAN_TLS) {
        send_packet(run, wish, write_abilities(settings, wish));
        dialogue_secure(run);
    } else {
        dialogue_fail(run, FL_FAILURE_REFUSED);
    }
}

/* In clear the server speaks first. */
static void on_ready(struct probe_run *run)
{
    struct mysql_state *state = dialogue_state(run);
    uint64_t random;

    if (dialogue_tls(run)) {
        send_login(run);
        return;
    }
    if (fl_daemon_random(&random, sizeof(random), NULL) < 0) {
        dialogue_fail(run, FL_FAILURE_LOCAL);
        return;
    }
    (void)snprintf(state->value, sizeof(state->value), "%016llx", (unsigned long long)random);
    state->number = 1;
}

static void ask(struct probe_run *run, enum stage stage)
{
    const struct probe_instance *instance = instance_of(run);
    const struct database_settings *settings = instance->settings;
    struct mysql_state *state = dialogue_state(run);
    char query[QUERY] = {COMMAND_QUERY};
    char *text = query + 1;

    state->stage = stage;
    state->part = P_FIRST;
    state->number = 0;
    state->row_seen = state->row_good = false;
    if (stage == S_QUERY)
        (void)snprintf(text, QUERY - 1, "%s", settings->query);
    else if (stage == S_WRITE)
        (void)snprintf(text, QUERY - 1,
                       "INSERT INTO `%s` (probe, value, at) VALUES ('%s', '%s', now()) "
                       "ON DUPLICATE KEY UPDATE value = VALUES(value), at = VALUES(at)",
                       settings->table, instance->row, state->value);
    else if (stage == S_CREATE)
        (void)snprintf(text, QUERY - 1,
                       "CREATE TABLE IF NOT EXISTS `%s` (probe varchar(160) PRIMARY KEY, "
                       "value varchar(32) NOT NULL, at datetime NOT NULL)",
                       settings->table);
    else
        (void)snprintf(text, QUERY - 1, "SELECT value FROM `%s` WHERE probe = '%s'",
                       settings->table, instance->row);
    if (stage != S_CREATE)
        state->asked_us = fl_clock_monotonic();
    send_packet(run, query, 1 + strlen(text));
}

static enum fl_failure failure_of(unsigned code)
{
    static const struct {
        unsigned code;
        enum fl_failure failure;
    } rows[] = {
        {1044, FL_FAILURE_DENIED},    {1045, FL_FAILURE_DENIED},    {1130, FL_FAILURE_DENIED},
        {1142, FL_FAILURE_DENIED},    {1227, FL_FAILURE_DENIED},    {1698, FL_FAILURE_DENIED},
        {1290, FL_FAILURE_READ_ONLY}, {1792, FL_FAILURE_READ_ONLY}, {1836, FL_FAILURE_READ_ONLY},
        {1021, FL_FAILURE_NO_SPACE},  {1114, FL_FAILURE_NO_SPACE},  {1026, FL_FAILURE_IO_ERROR},
        {1030, FL_FAILURE_IO_ERROR},
    };

    for (size_t i = 0; i < FL_COUNT(rows); i++)
        if (rows[i].code == code)
            return rows[i].failure;
    return FL_FAILURE_STATUS;
}

static void on_error(struct probe_run *run, const uint8_t *body, size_t size)
{
    struct mysql_state *state = dialogue_state(run);
    const unsigned code = size >= 3 ? body[1] | (unsigned)body[2] << 8 : 0;

    if (code == NO_SUCH_TABLE && state->stage == S_WRITE && !state->created) {
        state->created = true;
        ask(run, S_CREATE);
    } else if (code == TABLE_EXISTS && state->stage == S_CREATE) {
        ask(run, S_WRITE); /* another agent made it at the same moment */
    } else {
        fail_stage(run, failure_of(code));
    }
}

/* Another way of logging in: its name, and a scramble of its own. */
static void on_switch(struct probe_run *run, const uint8_t *body, size_t size)
{
    struct mysql_state *state = dialogue_state(run);
    uint8_t proof[SCRAMBLE];

    if (size < 1 + sizeof(NATIVE) + SCRAMBLE || memcmp(body + 1, NATIVE, sizeof(NATIVE)) != 0) {
        dialogue_fail(run, FL_FAILURE_PROTOCOL); /* one that is not spoken here */
        return;
    }
    memcpy(state->scramble, body + 1 + sizeof(NATIVE), SCRAMBLE);
    send_packet(run, proof, prove(run, proof));
}

/* The query is over and had no error: what next? */
static void on_answered(struct probe_run *run)
{
    static const uint8_t quit[] = {COMMAND_QUIT};
    const struct database_settings *settings = instance_of(run)->settings;
    struct mysql_state *state = dialogue_state(run);
    const enum stage stage = state->stage;

    if ((stage == S_QUERY && settings->expect && !state->row_good) ||
        (stage == S_READ && !state->row_seen)) {
        fail_stage(run, FL_FAILURE_CONTENT);
        return;
    }
    if (stage == S_WRITE || stage == S_READ)
        dialogue_pass_step(run, step_of(stage), fl_clock_monotonic() - state->asked_us);
    if (stage == S_READ || (stage == S_QUERY && !settings->write)) {
        state->number = 0;
        send_packet(run, quit, sizeof(quit)); /* so that the server counts no broken one */
        dialogue_pass(run);
    } else {
        ask(run, stage == S_WRITE ? S_READ : S_WRITE);
    }
}

/* The first column: its length, which is short enough to look at in one or three bytes, and its
 * bytes. */
static void on_row(struct probe_run *run, const uint8_t *body, size_t size)
{
    struct mysql_state *state = dialogue_state(run);
    const char *wanted = state->stage == S_READ ? NULL : instance_of(run)->settings->expect;
    size_t head = 1, length = body[0];

    if (state->row_seen)
        return;
    if (length == PACKET_NULL)
        length = 0;
    if (length == 0xfc && size >= 3) {
        length = body[1] | (size_t)body[2] << 8;
        head = 3;
    }
    state->row_seen = true;
    if (head + length <= size)
        state->row_good = !wanted || memmem(body + head, length, wanted, strlen(wanted));
}

static void on_answer(struct probe_run *run, const uint8_t *body, size_t size)
{
    struct mysql_state *state = dialogue_state(run);
    const bool end = body[0] == PACKET_END && size < 9;

    if (body[0] == PACKET_ERROR)
        on_error(run, body, size);
    else if (state->part == P_FIRST && body[0] == PACKET_OK)
        on_answered(run);
    else if (state->part == P_FIRST)
        state->part = P_COLUMNS;
    else if (state->part == P_COLUMNS && end)
        state->part = P_ROWS;
    else if (state->part == P_ROWS && end)
        on_answered(run);
    else if (state->part == P_ROWS)
        on_row(run, body, size);
}

static void on_login(struct probe_run *run, const uint8_t *body, size_t size)
{
    if (body[0] == PACKET_OK) {
        dialogue_enter(run, FL_LAYER_OPERATE);
        ask(run, S_QUERY);
    } else if (body[0] == PACKET_ERROR) {
        on_error(run, body, size);
    } else if (body[0] == PACKET_END) {
        on_switch(run, body, size);
    } else {
        dialogue_fail(run, FL_FAILURE_PROTOCOL);
    }
}

static size_t on_input(struct probe_run *run, const uint8_t *bytes, size_t size)
{
    struct mysql_state *state = dialogue_state(run);
    size_t length;

    if (size < HEAD)
        return 0;
    length = bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16;
    if (length == 0 || length > DIALOGUE_KEPT - HEAD) {
        fail_stage(run, FL_FAILURE_PROTOCOL);
        return 0;
    }
    if (size < HEAD + length)
        return 0;
    state->number = (uint8_t)(bytes[3] + 1);
    if (state->stage == S_GREETING && bytes[HEAD] == PACKET_ERROR)
        on_error(run, bytes + HEAD, length); /* too many connections, or it does not like ours */
    else if (state->stage == S_GREETING)
        on_greeting(run, bytes + HEAD, length);
    else if (state->stage == S_LOGIN)
        on_login(run, bytes + HEAD, length);
    else
        on_answer(run, bytes + HEAD, length);
    return HEAD + length;
}

static enum fl_failure on_late(struct probe_run *run)
{
    fail_stage(run, FL_FAILURE_TIMEOUT);
    return FL_FAILURE_TIMEOUT;
}

static const struct dialogue_protocol mysql_protocol = {
    .state_size = sizeof(struct mysql_state),
    .first = FL_LAYER_LOGIN,
    .ready = on_ready,
    .input = on_input,
    .late = on_late,
};

static int mysql_check(const void *settings, struct fl_error *err)
{
    const struct database_settings *mysql = settings;

    if (mysql->write && !(mysql->database && *mysql->database))
        return fl_error_set(err, -EINVAL,
                            "setting \"write\" needs \"database\": where the table is");
    return 0;
}

static void mysql_close(struct probe_instance *instance)
{
    dialogue_peer_done(&instance->peer);
    free(instance);
}

static int mysql_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                      const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct database_settings *mysql = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = mysql;
    (void)snprintf(instance->row, sizeof(instance->row), "%s/%s", spec->target, spec->probe);
    r = dialogue_peer_init(&instance->peer, env, mysql->address,
                           mysql->use_tls ? &mysql->tls : NULL, err);
    if (r < 0) {
        mysql_close(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static int mysql_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                       struct probe_run **ret)
{
    return dialogue_start(instance->env, &mysql_protocol, &instance->peer, instance, done, arg,
                          ret);
}

const struct probe_type probe_mysql = {
    .name = "mysql",
    .summary = "logs in to a MySQL or MariaDB server, asks a question, writes and reads a row",
    .options = mysql_options,
    .settings_size = sizeof(struct database_settings),
    .parallel = true,
    .check = mysql_check,
    .open = mysql_open,
    .close = mysql_close,
    .start = mysql_start,
    .expire = dialogue_expire,
    .cancel = dialogue_cancel,
};
