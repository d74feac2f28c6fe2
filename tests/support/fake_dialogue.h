/* A dialogue without a connection, for the fuzzers of the protocols that are spoken over one:
 * what the server sends is the fuzzer's, in pieces, each with nothing behind it. Included after
 * the type's own .c, whose hooks call these. */
#pragma once

#include "agent/probe/dialogue.h"

#include <stdlib.h>
#include <string.h>

struct probe_run {
    const void *arg;
    void *state;
    bool passed, over, securing;
    struct fl_result result;
};

const void *dialogue_arg(const struct probe_run *run)
{
    return run->arg;
}

void *dialogue_state(struct probe_run *run)
{
    return run->state;
}

const struct fl_result *dialogue_result(const struct probe_run *run)
{
    return &run->result;
}

SSL *dialogue_tls(const struct probe_run *run)
{
    (void)run;
    return NULL;
}

/* Reads all that is sent, so that a sanitizer sees what was never written. */
void dialogue_send(struct probe_run *run, const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size + 1);

    (void)run;
    if (!copy)
        abort();
    memcpy(copy, bytes, size);
    free(copy);
}

void dialogue_enter(struct probe_run *run, enum fl_layer layer)
{
    run->result.layer = layer;
}

void dialogue_secure(struct probe_run *run)
{
    run->securing = true;
}

void dialogue_pass(struct probe_run *run)
{
    run->passed = true;
}

void dialogue_fail(struct probe_run *run, enum fl_failure failure)
{
    if (failure == FL_FAILURE_NONE)
        abort();
    run->over = true;
}

void dialogue_fail_step(struct probe_run *run, enum fl_step step, enum fl_failure failure)
{
    run->result.step = step;
    dialogue_fail(run, failure);
}

void dialogue_pass_step(struct probe_run *run, enum fl_step step, int64_t took_us)
{
    if (took_us < 0)
        abort();
    run->result.step_us[step] = took_us;
}

int dialogue_peer_init(struct dialogue_peer *peer, const struct probe_env *env, const char *address,
                       const struct tls_settings *tls, struct fl_error *err)
{
    (void)peer, (void)env, (void)address, (void)tls, (void)err;
    return 0;
}

void dialogue_peer_done(struct dialogue_peer *peer)
{
    (void)peer;
}

int dialogue_start(const struct probe_env *env, const struct dialogue_protocol *protocol,
                   const struct dialogue_peer *peer, const void *arg, probe_done_cb done,
                   void *done_arg, struct probe_run **ret)
{
    (void)env, (void)protocol, (void)peer, (void)arg, (void)done, (void)done_arg, (void)ret;
    return -1;
}

bool dialogue_expire(struct probe_run *run, struct fl_result *result)
{
    (void)run, (void)result;
    return true;
}

bool dialogue_cancel(struct probe_run *run)
{
    (void)run;
    return true;
}

/* Give the protocol `size` bytes as they came. Returns how many it used up. */
static size_t fake_input(const struct dialogue_protocol *protocol, struct probe_run *run,
                         const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size);
    size_t used;

    if (!exact)
        abort();
    memcpy(exact, bytes, size);
    used = protocol->input(run, exact, size);
    free(exact);
    if (used > size)
        abort();
    return used;
}

/* A whole conversation: the first byte says how long the pieces are. */
static void fake_dialogue(const struct dialogue_protocol *protocol, const void *instance,
                          const uint8_t *bytes, size_t size)
{
    const size_t piece = size > 0 ? (size_t)bytes[0] + 1 : 1;
    size_t at = 1, end = 1;
    struct probe_run run = {.arg = instance, .state = calloc(1, protocol->state_size + 1)};

    if (!run.state)
        abort();
    protocol->ready(&run);
    while (end < size && !run.over && !run.passed && !run.securing) {
        size_t used = 1;

        end = size - end > piece ? end + piece : size;
        while (used > 0 && at < end && !run.over && !run.passed && !run.securing) {
            used = fake_input(protocol, &run, bytes + at, end - at);
            at += used;
        }
    }
    if (protocol->late)
        (void)protocol->late(&run);
    free(run.state);
}
