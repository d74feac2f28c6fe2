/* Connects, over TLS where asked for, says what a script says and reads what it expects
 * (tcp_script.h). Without a script a listener that completes the handshake is well. Layers:
 * resolve (for a name), connect, tls, operate (the script). */
#include "agent/probe/dialogue.h"
#include "agent/probe/probe_types.h"
#include "agent/probe/tcp_script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tcp_settings {
    char *address;
    char *script;
    bool tls_first;
    struct tls_settings tls;
};

static const struct fl_option tcp_options[] = {
    {.name = "address",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct tcp_settings, address),
     .help = "HOST:PORT to connect to"},
    {.name = "script",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct tcp_settings, script),
     .max = 4096,
     .standard = FL_OPTION_UNSET,
     .help = "what is said and expected, a step a line; connecting alone when left out"},
    {.name = "tls",
     .kind = FL_OPTION_BOOL,
     .offset = offsetof(struct tcp_settings, tls_first),
     .standard = "false",
     .help = "speak TLS from the first byte on; a script can begin it later"},
    TLS_OPTIONS(struct tcp_settings, tls),
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct tcp_settings *settings;
    struct tcp_script *script; /* NULL: none */
    struct dialogue_peer peer;
};

struct tcp_state {
    size_t step;
    bool aside; /* a line was left aside while another is awaited */
};

/* Do all steps that wait for nothing. */
static void take_steps(struct probe_run *run)
{
    const struct tcp_script *script = ((const struct probe_instance *)dialogue_arg(run))->script;
    struct tcp_state *state = dialogue_state(run);

    for (; state->step < tcp_script_length(script); state->step++) {
        const enum tcp_step_kind kind = tcp_script_kind(script, state->step);
        const char *bytes;
        size_t size;

        if (kind == TCP_EXPECT || kind == TCP_AWAIT)
            return;
        if (kind == TCP_STARTTLS) {
            state->step++;
            dialogue_secure(run); /* on_ready goes on */
            return;
        }
        bytes = tcp_script_bytes(script, state->step, &size);
        dialogue_send(run, bytes, size);
    }
    dialogue_pass(run);
}

static void on_ready(struct probe_run *run)
{
    if (((const struct probe_instance *)dialogue_arg(run))->script)
        take_steps(run);
    else
        dialogue_pass(run);
}

static void judge_line(struct probe_run *run, const char *line)
{
    const struct tcp_script *script = ((const struct probe_instance *)dialogue_arg(run))->script;
    struct tcp_state *state = dialogue_state(run);

    if (tcp_script_matches(script, state->step, line)) {
        state->step++;
        state->aside = false;
        take_steps(run);
    } else if (tcp_script_kind(script, state->step) == TCP_AWAIT) {
        state->aside = true;
    } else {
        dialogue_fail(run, FL_FAILURE_CONTENT);
    }
}

/* One line at a time: the next may come over TLS. */
static size_t on_input(struct probe_run *run, const uint8_t *bytes, size_t size)
{
    const uint8_t *end = memchr(bytes, '\n', size);
    char line[TCP_SCRIPT_LINE];
    size_t length = end ? (size_t)(end - bytes) : size;

    if (length >= sizeof(line)) {
        dialogue_fail(run, FL_FAILURE_PROTOCOL);
        return 0;
    }
    if (!end)
        return 0;
    for (size_t i = 0; i < length; i++)
        line[i] = bytes[i] ? (char)bytes[i] : ' '; /* a pattern sees no further than a NUL */
    line[length] = '\0';
    if (length > 0 && line[length - 1] == '\r')
        line[length - 1] = '\0';
    judge_line(run, line);
    return (size_t)(end - bytes) + 1;
}

/* Lines came, but not the one: a wrong answer and no missing one. */
static enum fl_failure on_late(struct probe_run *run)
{
    return ((struct tcp_state *)dialogue_state(run))->aside ? FL_FAILURE_CONTENT
                                                            : FL_FAILURE_TIMEOUT;
}

static void on_ended(struct probe_run *run)
{
    if (((struct tcp_state *)dialogue_state(run))->aside)
        dialogue_fail(run, FL_FAILURE_CONTENT);
}

static const struct dialogue_protocol plain_protocol = {
    .state_size = sizeof(struct tcp_state),
    .first = FL_LAYER_CONNECT,
    .ready = on_ready,
};

static const struct dialogue_protocol tls_protocol = {
    .state_size = sizeof(struct tcp_state),
    .first = FL_LAYER_TLS,
    .ready = on_ready,
};

static const struct dialogue_protocol script_protocol = {
    .state_size = sizeof(struct tcp_state),
    .first = FL_LAYER_OPERATE,
    .ready = on_ready,
    .input = on_input,
    .ended = on_ended,
    .late = on_late,
};

static int read_script(const struct tcp_settings *tcp, struct tcp_script **ret,
                       struct fl_error *err)
{
    int r;

    *ret = NULL;
    if (!tcp->script || !*tcp->script)
        return 0;
    r = tcp_script_parse(tcp->script, ret, err);
    if (r == 0 && tcp->tls_first && tcp_script_secures(*ret)) {
        *ret = tcp_script_free(*ret);
        r = fl_error_set(err, -EINVAL,
                         "setting \"tls\": TLS begins with the first byte or where the script "
                         "says starttls, not both");
    }
    return r;
}

static int tcp_check(const void *settings, struct fl_error *err)
{
    struct tcp_script *script;
    int r = read_script(settings, &script, err);

    if (r == 0)
        tcp_script_free(script);
    return r;
}

static void tcp_close(struct probe_instance *instance)
{
    dialogue_peer_done(&instance->peer);
    tcp_script_free(instance->script);
    free(instance);
}

static int tcp_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                    const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct tcp_settings *tcp = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    bool secure;
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = tcp;
    r = read_script(tcp, &instance->script, err);
    secure = tcp->tls_first || (instance->script && tcp_script_secures(instance->script));
    if (r == 0)
        r = dialogue_peer_init(&instance->peer, env, tcp->address, secure ? &tcp->tls : NULL, err);
    instance->peer.tls_first = tcp->tls_first;
    if (r < 0) {
        tcp_close(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static int tcp_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                     struct probe_run **ret)
{
    const struct dialogue_protocol *protocol = instance->script                ? &script_protocol
                                               : instance->settings->tls_first ? &tls_protocol
                                                                               : &plain_protocol;

    return dialogue_start(instance->env, protocol, &instance->peer, instance, done, arg, ret);
}

const struct probe_type probe_tcp = {
    .name = "tcp",
    .summary = "connects to a TCP listener, and holds a conversation where it has a script",
    .options = tcp_options,
    .settings_size = sizeof(struct tcp_settings),
    .parallel = true,
    .check = tcp_check,
    .open = tcp_open,
    .close = tcp_close,
    .start = tcp_start,
    .expire = dialogue_expire,
    .cancel = dialogue_cancel,
};
