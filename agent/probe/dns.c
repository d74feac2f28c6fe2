/* Asks one server for one name over UDP, TCP or TLS and judges the answer (dns_message.h). It goes
 * to that server alone, with no second try and no cache, so that it is the server that is
 * measured. Layers: resolve (when the server is given by name), connect and tls where there are
 * such, operate (query and answer). */
#include "agent/probe/datagram.h"
#include "agent/probe/dialogue.h"
#include "agent/probe/dns_message.h"
#include "agent/probe/probe_types.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct dns_settings {
    char *server;
    char *name;
    int64_t type;
    char *expect;
    int64_t transport; /* enum transport */
    struct tls_settings tls;
};

enum transport { OVER_UDP, OVER_TCP, OVER_TLS };
static const char *const transport_names[] = {"udp", "tcp", "tls", NULL};

static const struct fl_option dns_options[] = {
    {.name = "server",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct dns_settings, server),
     .help = "HOST:PORT of the DNS server to ask"},
    {.name = "query",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct dns_settings, name),
     .min = 1,
     .max = 253,
     .help = "name to ask for"},
    {.name = "record",
     .kind = FL_OPTION_CHOICE,
     .offset = offsetof(struct dns_settings, type),
     .standard = "A",
     .choices = dns_message_types,
     .help = "type of record to ask for"},
    {.name = "expect",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct dns_settings, expect),
     .min = 1,
     .max = 1024,
     .standard = FL_OPTION_UNSET,
     .help = "text that one record of the answer must hold: an address, a part of a name"},
    {.name = "transport",
     .kind = FL_OPTION_CHOICE,
     .offset = offsetof(struct dns_settings, transport),
     .standard = "udp",
     .choices = transport_names,
     .help = "over what to ask; the usual port of tls is 853, else 53"},
    TLS_OPTIONS(struct dns_settings, tls),
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct dns_settings *settings;
    struct dialogue_peer peer;
    struct dns_query query;
};

/* The run of a datagram or of a dialogue, as the transport has it. */
struct probe_run {
    struct probe_run *inner;
    bool streams;
    probe_done_cb done;
    void *arg;
};

/* The id is the first two bytes of the nonce. */
static size_t dns_request(const struct datagram_exchange *exchange, uint8_t *bytes)
{
    const struct probe_instance *instance = exchange->arg;

    memcpy(bytes, instance->query.bytes, instance->query.size);
    memcpy(bytes, exchange->nonce, 2);
    return instance->query.size;
}

static bool dns_answer(const struct datagram_exchange *exchange, const uint8_t *bytes, size_t size,
                       enum fl_failure *ret)
{
    const struct probe_instance *instance = exchange->arg;

    return dns_message_answer(&instance->query, exchange->nonce, instance->settings->expect, bytes,
                              size, ret);
}

static const struct datagram_protocol dns_protocol = {
    .layer = FL_LAYER_OPERATE,
    .refusal = FL_FAILURE_REFUSED,
    .request = dns_request,
    .answer = dns_answer,
};

/* Over a stream each message has its length before it, in two bytes. */
static void on_ready(struct probe_run *run)
{
    const struct probe_instance *instance = dialogue_arg(run);
    const struct dns_query *query = &instance->query;
    uint8_t *id = dialogue_state(run);
    const uint8_t head[] = {(uint8_t)(query->size >> 8), (uint8_t)query->size};

    if (fl_daemon_random(id, 2, NULL) < 0) {
        dialogue_fail(run, FL_FAILURE_LOCAL);
        return;
    }
    dialogue_send(run, head, sizeof(head));
    dialogue_send(run, id, 2);
    dialogue_send(run, query->bytes + 2, query->size - 2);
}

static size_t on_input(struct probe_run *run, const uint8_t *bytes, size_t size)
{
    const struct probe_instance *instance = dialogue_arg(run);
    const size_t length = size >= 2 ? (size_t)(bytes[0] << 8 | bytes[1]) : 0;
    enum fl_failure failure;

    if (size < 2 || size < length + 2)
        return 0;
    if (!dns_message_answer(&instance->query, dialogue_state(run), instance->settings->expect,
                            bytes + 2, length, &failure))
        failure = FL_FAILURE_PROTOCOL; /* nobody else can have sent it */
    if (failure == FL_FAILURE_NONE)
        dialogue_pass(run);
    else
        dialogue_fail(run, failure);
    return length + 2;
}

static const struct dialogue_protocol stream_protocol = {
    .state_size = 2, /* the id */
    .first = FL_LAYER_OPERATE,
    .ready = on_ready,
    .input = on_input,
};

static int dns_check(const void *settings, struct fl_error *err)
{
    const struct dns_settings *dns = settings;
    struct dns_query query;

    return dns_message_query(dns->name, dns->type, &query, err);
}

static void dns_close(struct probe_instance *instance)
{
    dialogue_peer_done(&instance->peer);
    free(instance);
}

static int dns_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                    const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct dns_settings *dns = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    const bool tls = dns->transport == OVER_TLS;
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = dns;
    r = dialogue_peer_init(&instance->peer, env, dns->server, tls ? &dns->tls : NULL, err);
    instance->peer.tls_first = tls;
    if (r == 0)
        r = dns_message_query(dns->name, dns->type, &instance->query, err);
    if (r < 0) {
        dns_close(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static void on_inner(const struct fl_result *result, void *arg)
{
    struct probe_run *run = arg;

    run->done(result, run->arg);
    free(run);
}

static int dns_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                     struct probe_run **ret)
{
    struct probe_run *run = calloc(1, sizeof(*run));
    int r;

    if (!run)
        return -ENOMEM;
    run->streams = instance->settings->transport != OVER_UDP;
    run->done = done;
    run->arg = arg;
    if (run->streams)
        r = dialogue_start(instance->env, &stream_protocol, &instance->peer, instance, on_inner,
                           run, &run->inner);
    else
        r = datagram_start(instance->env, &dns_protocol, instance->peer.host, instance->peer.port,
                           instance, on_inner, run, &run->inner);
    if (r < 0) {
        free(run);
        return r;
    }
    *ret = run;
    return 0;
}

static bool dns_expire(struct probe_run *run, struct fl_result *result)
{
    bool over =
        run->streams ? dialogue_expire(run->inner, result) : datagram_expire(run->inner, result);

    free(run);
    return over;
}

static bool dns_cancel(struct probe_run *run)
{
    bool over = run->streams ? dialogue_cancel(run->inner) : datagram_cancel(run->inner);

    free(run);
    return over;
}

const struct probe_type probe_dns = {
    .name = "dns",
    .summary = "asks a DNS server for a name and judges the answer",
    .options = dns_options,
    .settings_size = sizeof(struct dns_settings),
    .parallel = true,
    .check = dns_check,
    .open = dns_open,
    .close = dns_close,
    .start = dns_start,
    .expire = dns_expire,
    .cancel = dns_cancel,
};
