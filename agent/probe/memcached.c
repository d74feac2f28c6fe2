/* Asks a memcached server for its version, for a key that is there, or for a key of the probe's
 * own that it stores and reads back, and which goes away by itself. Layers: resolve, connect,
 * operate. The protocol is memcached's text protocol. */
#include "agent/probe/dialogue.h"
#include "agent/probe/probe_types.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORED_S 10      /* how long a key that was stored stays */
#define VALUE_SIZE 33    /* its value, with an end */
#define LINE 1024        /* bytes in a line of an answer */
#define MAX_VALUE 32768L /* bytes of a value that are read */

struct memcached_settings {
    char *address;
    char *key;
    char *expect;
    bool write;
};

static const struct fl_option memcached_options[] = {
    {.name = "address",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct memcached_settings, address),
     .help = "HOST:PORT of the server, whose usual port is 11211"},
    {.name = "key",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct memcached_settings, key),
     .max = 250,
     .standard = FL_OPTION_UNSET,
     .help = "key to read, which must be there"},
    {.name = "expect",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct memcached_settings, expect),
     .max = 1024,
     .standard = FL_OPTION_UNSET,
     .help = "text that the value of the key must contain"},
    {.name = "write",
     .kind = FL_OPTION_BOOL,
     .offset = offsetof(struct memcached_settings, write),
     .standard = "false",
     .help = "store a key faultline:..., which expires in 10 s, and read it back"},
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct memcached_settings *settings;
    struct dialogue_peer peer;
};

enum question { Q_VERSION, Q_SET, Q_GET_BACK, Q_GET, Q_END };

struct memcached_state {
    enum question question;
    int64_t asked_us;
    char value[VALUE_SIZE];
};

static const struct memcached_settings *settings_of(const struct probe_run *run)
{
    return ((const struct probe_instance *)dialogue_arg(run))->settings;
}

static bool is_wanted(const struct memcached_settings *settings, enum question question)
{
    switch (question) {
    case Q_VERSION:
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

static void ask(struct probe_run *run)
{
    struct memcached_state *state = dialogue_state(run);
    const struct memcached_settings *settings = settings_of(run);
    char text[512];
    int size = 0;

    while (!is_wanted(settings, state->question))
        state->question++;
    state->asked_us = fl_clock_monotonic();
    switch (state->question) {
    case Q_VERSION:
        size = snprintf(text, sizeof(text), "version\r\n");
        break;
    case Q_SET:
        size = snprintf(text, sizeof(text), "set faultline:%s 0 %d %zu\r\n%s\r\n", state->value,
                        STORED_S, strlen(state->value), state->value);
        break;
    case Q_GET_BACK:
        size = snprintf(text, sizeof(text), "get faultline:%s\r\n", state->value);
        break;
    case Q_GET:
        size = snprintf(text, sizeof(text), "get %s\r\n", settings->key);
        break;
    case Q_END:
        dialogue_pass(run);
        return;
    }
    dialogue_send(run, text, (size_t)size);
}

static void on_ready(struct probe_run *run)
{
    struct memcached_state *state = dialogue_state(run);
    uint8_t random[VALUE_SIZE / 2];

    if (fl_daemon_random(random, sizeof(random), NULL) < 0) {
        dialogue_fail(run, FL_FAILURE_LOCAL);
        return;
    }
    for (size_t i = 0; i < sizeof(random); i++)
        (void)snprintf(state->value + 2 * i, 3, "%02x", random[i]);
    ask(run);
}

static bool begins(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

/* The word for an answer that is none of those hoped for. */
static enum fl_failure error_of(const char *line)
{
    if (begins(line, "SERVER_ERROR out of memory"))
        return FL_FAILURE_NO_SPACE;
    if (begins(line, "SERVER_ERROR"))
        return FL_FAILURE_IO_ERROR;
    if (begins(line, "CLIENT_ERROR unauthenticated"))
        return FL_FAILURE_DENIED;
    if (begins(line, "CLIENT_ERROR") || begins(line, "NOT_STORED"))
        return FL_FAILURE_STATUS;
    if (begins(line, "END")) /* the key is not there */
        return FL_FAILURE_CONTENT;
    return FL_FAILURE_PROTOCOL;
}

static enum fl_step step_of(enum question question)
{
    return question == Q_SET ? FL_STEP_WRITE : question == Q_GET_BACK ? FL_STEP_READ : FL_STEP_NONE;
}

static void settle(struct probe_run *run, enum fl_failure failure)
{
    struct memcached_state *state = dialogue_state(run);
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

/* "VALUE key flags size", the bytes, an end of line, "END": `line` is the first, of `head` bytes
 * with its end. Returns what is used up. */
static size_t take_value(struct probe_run *run, const char *line, size_t head, const uint8_t *bytes,
                         size_t size)
{
    static const char tail[] = "\r\nEND\r\n";
    const struct memcached_state *state = dialogue_state(run);
    const char *wanted = state->question == Q_GET_BACK ? state->value : settings_of(run)->expect;
    const char *at = strrchr(line, ' ');
    char *end;
    const long length = at ? strtol(at + 1, &end, 10) : -1;
    bool good;

    if (length < 0 || length > MAX_VALUE || *end) {
        settle(run, FL_FAILURE_PROTOCOL);
        return 0;
    }
    if (size - head < (size_t)length + strlen(tail))
        return 0;
    if (memcmp(bytes + head + length, tail, strlen(tail)) != 0) {
        settle(run, FL_FAILURE_PROTOCOL);
        return 0;
    }
    good = !wanted || memmem(bytes + head, (size_t)length, wanted, strlen(wanted)) != NULL;
    settle(run, good ? FL_FAILURE_NONE : FL_FAILURE_CONTENT);
    return head + (size_t)length + strlen(tail);
}

static size_t on_input(struct probe_run *run, const uint8_t *bytes, size_t size)
{
    const enum question question = ((struct memcached_state *)dialogue_state(run))->question;
    const uint8_t *end = memchr(bytes, '\n', size < LINE ? size : LINE);
    const size_t head = end ? (size_t)(end - bytes) + 1 : 0;
    char line[LINE];

    if (!end && size >= LINE)
        settle(run, FL_FAILURE_PROTOCOL);
    if (!end)
        return 0;
    memcpy(line, bytes, head);
    line[head - 1] = '\0';
    line[strcspn(line, "\r")] = '\0';
    if ((question == Q_GET || question == Q_GET_BACK) && begins(line, "VALUE "))
        return take_value(run, line, head, bytes, size);
    if ((question == Q_VERSION && begins(line, "VERSION ")) ||
        (question == Q_SET && strcmp(line, "STORED") == 0))
        settle(run, FL_FAILURE_NONE);
    else
        settle(run, error_of(line));
    return head;
}

static enum fl_failure on_late(struct probe_run *run)
{
    const struct memcached_state *state = dialogue_state(run);

    dialogue_fail_step(run, step_of(state->question), FL_FAILURE_TIMEOUT);
    return FL_FAILURE_TIMEOUT;
}

static const struct dialogue_protocol memcached_protocol = {
    .state_size = sizeof(struct memcached_state),
    .first = FL_LAYER_OPERATE,
    .ready = on_ready,
    .input = on_input,
    .late = on_late,
};

static int memcached_check(const void *settings, struct fl_error *err)
{
    const struct memcached_settings *memcached = settings;

    if (memcached->expect && !memcached->key)
        return fl_error_set(err, -EINVAL, "setting \"expect\" needs \"key\": the key to read");
    for (const char *c = memcached->key; c && *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return fl_error_set(err, -EINVAL,
                                "setting \"key\": \"%s\" is no key: no spaces and no control "
                                "characters are allowed",
                                memcached->key);
    return 0;
}

static void memcached_close(struct probe_instance *instance)
{
    free(instance);
}

static int memcached_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                          const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct memcached_settings *memcached = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = memcached;
    r = dialogue_peer_init(&instance->peer, env, memcached->address, NULL, err);
    if (r < 0) {
        memcached_close(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static int memcached_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                           struct probe_run **ret)
{
    return dialogue_start(instance->env, &memcached_protocol, &instance->peer, instance, done, arg,
                          ret);
}

const struct probe_type probe_memcached = {
    .name = "memcached",
    .summary = "asks a memcached server for its version or a key",
    .options = memcached_options,
    .settings_size = sizeof(struct memcached_settings),
    .parallel = true,
    .check = memcached_check,
    .open = memcached_open,
    .close = memcached_close,
    .start = memcached_start,
    .expire = dialogue_expire,
    .cancel = dialogue_cancel,
};
