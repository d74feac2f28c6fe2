/* Asks the echo responder of another agent (echo.h has the packet): the probe of the mesh.
 * Layers: resolve (for a name), connect (the echo). */
#include "agent/probe/datagram.h"
#include "agent/probe/echo.h"
#include "agent/probe/probe_types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(DATAGRAM_NONCE == ECHO_NONCE, "the run's nonce is the packet's");

struct udp_settings {
    char *address;
};

static const struct fl_option udp_options[] = {
    {.name = "address",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct udp_settings, address),
     .help = "HOST:PORT of an agent's echo responder"},
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    char host[256];
    uint16_t port;
};

static size_t udp_request(const struct datagram_exchange *exchange, uint8_t *bytes)
{
    const struct probe_instance *instance = exchange->arg;

    echo_write(ECHO_REQUEST, instance->env->mesh_key, exchange->nonce, bytes);
    return ECHO_SIZE;
}

static bool udp_answer(const struct datagram_exchange *exchange, const uint8_t *bytes, size_t size,
                       enum fl_failure *ret)
{
    const struct probe_instance *instance = exchange->arg;
    uint8_t nonce[ECHO_NONCE];

    if (!echo_read(bytes, size, ECHO_REPLY, instance->env->mesh_key, nonce) ||
        memcmp(nonce, exchange->nonce, sizeof(nonce)) != 0)
        return false;
    *ret = FL_FAILURE_NONE;
    return true;
}

static const struct datagram_protocol udp_protocol = {
    .layer = FL_LAYER_CONNECT,
    .refusal = FL_FAILURE_REFUSED,
    .request = udp_request,
    .answer = udp_answer,
};

static int udp_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                    const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct udp_settings *udp = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    r = fl_address_split(udp->address, instance->host, sizeof(instance->host), &instance->port,
                         err);
    if (r < 0) {
        free(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static void udp_close(struct probe_instance *instance)
{
    free(instance);
}

static int udp_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                     struct probe_run **ret)
{
    return datagram_start(instance->env, &udp_protocol, instance->host, instance->port, instance,
                          done, arg, ret);
}

const struct probe_type probe_udp = {
    .name = "udp",
    .summary = "asks an agent's echo responder for a datagram and waits for it",
    .options = udp_options,
    .settings_size = sizeof(struct udp_settings),
    .parallel = true,
    .open = udp_open,
    .close = udp_close,
    .start = udp_start,
    .expire = datagram_expire,
    .cancel = datagram_cancel,
};
