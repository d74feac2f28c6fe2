/* Asks one server for one name over UDP and judges the answer (dns_message.h). It goes to that
 * server alone, with no second try and no cache, so that it is the server that is measured.
 * Layers: resolve (when the server is given by name), operate (query and answer). */
#include "agent/probe/datagram.h"
#include "agent/probe/dns_message.h"
#include "agent/probe/probe_types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct dns_settings {
    char *server;
    char *name;
    int64_t type;
    char *expect;
};

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
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct dns_settings *settings;
    char host[256];
    uint16_t port;
    struct dns_query query;
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

static int dns_check(const void *settings, struct fl_error *err)
{
    const struct dns_settings *dns = settings;
    struct dns_query query;

    return dns_message_query(dns->name, dns->type, &query, err);
}

static int dns_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                    const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct dns_settings *dns = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = dns;
    r = fl_address_split(dns->server, instance->host, sizeof(instance->host), &instance->port, err);
    if (r == 0)
        r = dns_message_query(dns->name, dns->type, &instance->query, err);
    if (r < 0) {
        free(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static void dns_close(struct probe_instance *instance)
{
    free(instance);
}

static int dns_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                     struct probe_run **ret)
{
    return datagram_start(instance->env, &dns_protocol, instance->host, instance->port, instance,
                          done, arg, ret);
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
    .expire = datagram_expire,
    .cancel = datagram_cancel,
};
