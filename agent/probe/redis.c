/* Logs in to a Redis server where it has a password, then asks it something: PING, a key that is
 * there, or a key of the probe's own that it writes and reads back, and which goes away by
 * itself. Layers: resolve, connect, tls, login (with a password), operate. */
#include "agent/probe/dialogue.h"
#include "agent/probe/probe_types.h"
#include "agent/probe/resp.h"
#include "agent/probe/secret.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITTEN_S "10" /* how long a key that was written stays */
#define VALUE_SIZE 33

struct redis_settings {
    char *address;
    char *user;
    char *password_file;
    char *key;
    char *expect;
    bool write;
    bool tls_first;
    struct tls_settings tls;
};

static const struct fl_option redis_options[] = {
    {.name = "address",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct redis_settings, address),
     .help = "HOST:PORT of the server, whose usual port is 6379"},
    {.name = "user",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct redis_settings, user),
     .max = 255,
     .standard = FL_OPTION_UNSET,
     .help = "user to log in as; the server's default user when left out"},
    {.name = "password_file",
     .kind = FL_OPTION_NAME,
     .offset = offsetof(struct redis_settings, password_file),
     .standard = FL_OPTION_UNSET,
     .help = "name of the agent's secret with the password; without it the agent logs in nowhere"},
    {.name = "key",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct redis_settings, key),
     .max = 1024,
     .standard = FL_OPTION_UNSET,
     .help = "key to read, which must hold text"},
    {.name = "expect",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct redis_settings, expect),
     .max = 1024,
     .standard = FL_OPTION_UNSET,
     .help = "text that the value of the key must contain"},
    {.name = "write",
     .kind = FL_OPTION_BOOL,
     .offset = offsetof(struct redis_settings, write),
     .standard = "false",
     .help = "write a key faultline:..., which expires in 10 s, and read it back"},
    {.name = "tls",
     .kind = FL_OPTION_BOOL,
     .offset = offsetof(struct redis_settings, tls_first),
     .standard = "false",
     .help = "speak TLS"},
    TLS_OPTIONS(struct redis_settings, tls),
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct redis_settings *settings;
    struct dialogue_peer peer;
};

/* What is asked, one after the other; each where the settings want it. */
enum question { Q_AUTH, Q_PING, Q_SET, Q_GET_BACK, Q_GET, Q_END };

struct redis_state {
    enum question question;
    int64_t asked_us;
    char value[VALUE_SIZE]; /* of the key that is written */
};

static const struct redis_settings *settings_of(const struct probe_run *run)
{
    return ((const struct probe_instance *)dialogue_arg(run))->settings;
}

static bool is_wanted(const struct redis_settings *settings, enum question question)
{
    switch (question) {
    case Q_AUTH:
        return settings->password_file != NULL;
    case Q_PING:
        return !settings->key && !settings->write;
    case Q_SET:
    case Q_GET_BACK:
        return settings->write;
    case Q_GET:
        return settings->key != NULL;
    default:
        return true;
    }
}

static void send_command(struct probe_run *run, size_t n, const char *const *words)
{
    char command[RESP_COMMAND];
    size_t size = resp_write(command, sizeof(command), n, words);

    if (size == 0)
        dialogue_fail(run, FL_FAILURE_LOCAL);
    else
        dialogue_send(run, command, size);
    explicit_bzero(command, sizeof(command));
}

static void send_auth(struct probe_run *run)
{
    const struct probe_instance *instance = dialogue_arg(run);
    const char *user = instance->settings->user;
    char password[SECRET_SIZE];
    const char *words[3] = {"AUTH", user, password};

    if (secret_read(instance->env->secrets_path, instance->settings->password_file, password,
                    sizeof(password), NULL) < 0) {
        dialogue_fail(run, FL_FAILURE_LOCAL);
    } else if (user && *user) {
        send_command(run, 3, words);
    } else {
        words[1] = password;
        send_command(run, 2, words);
    }
    secret_forget(password, sizeof(password));
}

static void ask(struct probe_run *run)
{
    struct redis_state *state = dialogue_state(run);
    const struct redis_settings *settings = settings_of(run);
    char key[sizeof("faultline:") + VALUE_SIZE];

    while (!is_wanted(settings, state->question))
        state->question++;
    state->asked_us = fl_clock_monotonic();
    (void)snprintf(key, sizeof(key), "faultline:%s", state->value);
    if (state->question != Q_AUTH)
        dialogue_enter(run, FL_LAYER_OPERATE);
    switch (state->question) {
    case Q_AUTH:
        send_auth(run);
        break;
    case Q_PING:
        send_command(run, 1, (const char *const[]){"PING"});
        break;
    case Q_SET:
        send_command(run, 5, (const char *const[]){"SET", key, state->value, "EX", WRITTEN_S});
        break;
    case Q_GET_BACK:
        send_command(run, 2, (const char *const[]){"GET", key});
        break;
    case Q_GET:
        send_command(run, 2, (const char *const[]){"GET", settings->key});
        break;
    case Q_END:
        dialogue_pass(run);
        break;
    }
}

static void on_ready(struct probe_run *run)
{
    struct redis_state *state = dialogue_state(run);
    uint8_t random[VALUE_SIZE / 2];

    if (fl_daemon_random(random, sizeof(random), NULL) < 0) {
        dialogue_fail(run, FL_FAILURE_LOCAL);
        return;
    }
    for (size_t i = 0; i < sizeof(random); i++)
        (void)snprintf(state->value + 2 * i, 3, "%02x", random[i]);
    ask(run);
}

/* An error begins with a word for programs. */
static enum fl_failure error_of(const struct resp *reply)
{
    static const struct {
        const char *word;
        enum fl_failure failure;
    } rows[] = {
        {"NOAUTH", FL_FAILURE_DENIED},
        {"WRONGPASS", FL_FAILURE_DENIED},
        {"NOPERM", FL_FAILURE_DENIED},
        {"DENIED", FL_FAILURE_DENIED},
        {"READONLY", FL_FAILURE_READ_ONLY},
        {"OOM", FL_FAILURE_NO_SPACE},
        {"MISCONF", FL_FAILURE_IO_ERROR},
        {"ERR invalid password", FL_FAILURE_DENIED},
        {"ERR Client sent AUTH", FL_FAILURE_DENIED},
        {"ERR AUTH", FL_FAILURE_DENIED},
    };

    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        size_t length = strlen(rows[i].word);

        if (reply->size >= length && memcmp(reply->text, rows[i].word, length) == 0)
            return rows[i].failure;
    }
    return FL_FAILURE_STATUS;
}

static bool holds(const struct resp *reply, const char *text)
{
    return reply->kind == RESP_TEXT &&
           (!text || !*text || memmem(reply->text, reply->size, text, strlen(text)));
}

static bool is_status(const struct resp *reply, const char *word)
{
    return reply->kind == RESP_STATUS && reply->size == strlen(word) &&
           memcmp(reply->text, word, reply->size) == 0;
}

static enum fl_failure judge(struct probe_run *run, const struct resp *reply)
{
    const struct redis_state *state = dialogue_state(run);
    bool good = false;

    if (reply->kind == RESP_ERROR)
        return error_of(reply);
    switch (state->question) {
    case Q_AUTH:
    case Q_SET:
        good = is_status(reply, "OK");
        break;
    case Q_PING:
        good = is_status(reply, "PONG");
        break;
    case Q_GET_BACK:
        good = reply->size == strlen(state->value) && holds(reply, state->value);
        break;
    case Q_GET:
        good = holds(reply, settings_of(run)->expect);
        break;
    case Q_END:
        break;
    }
    return good ? FL_FAILURE_NONE : FL_FAILURE_CONTENT;
}

static enum fl_step step_of(enum question question)
{
    return question == Q_SET ? FL_STEP_WRITE : question == Q_GET_BACK ? FL_STEP_READ : FL_STEP_NONE;
}

static void take_reply(struct probe_run *run, const struct resp *reply)
{
    struct redis_state *state = dialogue_state(run);
    const enum fl_failure failure = judge(run, reply);
    const enum fl_step step = step_of(state->question);

    if (failure != FL_FAILURE_NONE) {
        dialogue_fail_step(run, step, failure);
        return;
    }
    if (step != FL_STEP_NONE)
        dialogue_pass_step(run, step, fl_clock_monotonic() - state->asked_us);
    state->question++;
    ask(run);
}

static size_t on_input(struct probe_run *run, const uint8_t *bytes, size_t size)
{
    struct resp reply;
    const ssize_t used = resp_read(bytes, size, &reply);

    if (used < 0)
        dialogue_fail(run, FL_FAILURE_PROTOCOL);
    else if (used > 0)
        take_reply(run, &reply);
    return used > 0 ? (size_t)used : 0;
}

static enum fl_failure on_late(struct probe_run *run)
{
    const struct redis_state *state = dialogue_state(run);

    dialogue_fail_step(run, step_of(state->question), FL_FAILURE_TIMEOUT);
    return FL_FAILURE_TIMEOUT;
}

static const struct dialogue_protocol with_login = {
    .state_size = sizeof(struct redis_state),
    .first = FL_LAYER_LOGIN,
    .ready = on_ready,
    .input = on_input,
    .late = on_late,
};

static const struct dialogue_protocol without_login = {
    .state_size = sizeof(struct redis_state),
    .first = FL_LAYER_OPERATE,
    .ready = on_ready,
    .input = on_input,
    .late = on_late,
};

static int redis_check(const void *settings, struct fl_error *err)
{
    const struct redis_settings *redis = settings;

    if (redis->user && !redis->password_file)
        return fl_error_set(err, -EINVAL,
                            "setting \"user\" needs \"password_file\": a user without a password "
                            "logs in nowhere");
    if (redis->expect && !redis->key)
        return fl_error_set(err, -EINVAL, "setting \"expect\" needs \"key\": the key to read");
    return 0;
}

static void redis_close(struct probe_instance *instance)
{
    dialogue_peer_done(&instance->peer);
    free(instance);
}

static int redis_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                      const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct redis_settings *redis = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = redis;
    r = dialogue_peer_init(&instance->peer, env, redis->address,
                           redis->tls_first ? &redis->tls : NULL, err);
    instance->peer.tls_first = redis->tls_first;
    if (r < 0) {
        redis_close(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static int redis_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                       struct probe_run **ret)
{
    return dialogue_start(instance->env,
                          instance->settings->password_file ? &with_login : &without_login,
                          &instance->peer, instance, done, arg, ret);
}

const struct probe_type probe_redis = {
    .name = "redis",
    .summary = "logs in to a Redis server and asks for a reply or a key",
    .options = redis_options,
    .settings_size = sizeof(struct redis_settings),
    .parallel = true,
    .check = redis_check,
    .open = redis_open,
    .close = redis_close,
    .start = redis_start,
    .expire = dialogue_expire,
    .cancel = dialogue_cancel,
};
