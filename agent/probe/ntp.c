/* Asks an NTP server for the time (RFC 5905, client mode) and judges whether it has one: leap
 * state, stratum, and how far it is from the agent's own clock. Layers: resolve, operate. */
#include "agent/probe/datagram.h"
#include "agent/probe/probe_types.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PACKET 48
#define LEAP_VERSION_MODE 0x23 /* no leap known, version 4, client */
#define MODE_MASK 7
#define MODE_SERVER 4
#define LEAP_UNKNOWN 3
#define STRATUM_AT 1
#define ORIGIN_AT 24
#define TRANSMIT_AT 40
#define STAMP 8
#define EPOCH_S 2208988800LL /* from 1900 to 1970 */

struct ntp_settings {
    char *server;
    int64_t max_stratum;
    int64_t max_offset_us;
};

static const struct fl_option ntp_options[] = {
    {.name = "server",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct ntp_settings, server),
     .help = "HOST:PORT of the server, whose usual port is 123"},
    {.name = "max_stratum",
     .kind = FL_OPTION_INT,
     .offset = offsetof(struct ntp_settings, max_stratum),
     .min = 1,
     .max = 15,
     .standard = "15",
     .help = "how far from a clock of reference the server may be"},
    {.name = "max_offset",
     .kind = FL_OPTION_DURATION,
     .offset = offsetof(struct ntp_settings, max_offset_us),
     .min = 1,
     .max = 86400 * FL_SECOND,
     .standard = FL_OPTION_UNSET,
     .help = "how far its time may be from the agent's; not judged when left out"},
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct ntp_settings *settings;
    char host[FL_OPTION_HOST_SIZE];
    uint16_t port;
};

/* The nonce stands for the time of sending: the server hands it back, and learns nothing. */
static size_t ntp_request(const struct datagram_exchange *exchange, uint8_t *bytes)
{
    memset(bytes, 0, PACKET);
    bytes[0] = LEAP_VERSION_MODE;
    memcpy(bytes + TRANSMIT_AT, exchange->nonce, STAMP);
    return PACKET;
}

/* Seconds and fractions since 1900, as microseconds since 1970. Era 1 begins in 2036. */
static int64_t read_stamp(const uint8_t *at)
{
    uint64_t stamp = 0;
    int64_t seconds;

    for (int i = 0; i < STAMP; i++)
        stamp = stamp << 8 | at[i];
    seconds = (int64_t)(stamp >> 32) - EPOCH_S;
    if (!(stamp >> 63))
        seconds += 1LL << 32;
    return seconds * FL_SECOND + (int64_t)(((stamp & 0xffffffff) * (uint64_t)FL_SECOND) >> 32);
}

static enum fl_failure judge(const struct ntp_settings *settings, const uint8_t *bytes)
{
    const int64_t offset_us = read_stamp(bytes + TRANSMIT_AT) - fl_clock_wall();

    if (bytes[STRATUM_AT] == 0) /* a kiss of death: do not ask me */
        return FL_FAILURE_DENIED;
    if (bytes[0] >> 6 == LEAP_UNKNOWN || bytes[STRATUM_AT] > settings->max_stratum)
        return FL_FAILURE_STATUS;
    if (settings->max_offset_us > 0 && llabs(offset_us) > settings->max_offset_us)
        return FL_FAILURE_CONTENT;
    return FL_FAILURE_NONE;
}

static bool ntp_answer(const struct datagram_exchange *exchange, const uint8_t *bytes, size_t size,
                       enum fl_failure *ret)
{
    const struct probe_instance *instance = exchange->arg;

    if (size < PACKET || (bytes[0] & MODE_MASK) != MODE_SERVER ||
        memcmp(bytes + ORIGIN_AT, exchange->nonce, STAMP) != 0)
        return false;
    *ret = judge(instance->settings, bytes);
    return true;
}

static const struct datagram_protocol ntp_protocol = {
    .layer = FL_LAYER_OPERATE,
    .refusal = FL_FAILURE_REFUSED,
    .request = ntp_request,
    .answer = ntp_answer,
};

static void ntp_close(struct probe_instance *instance)
{
    free(instance);
}

static int ntp_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                    const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct ntp_settings *ntp = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = ntp;
    r = fl_address_split(ntp->server, instance->host, sizeof(instance->host), &instance->port, err);
    if (r < 0) {
        ntp_close(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static int ntp_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                     struct probe_run **ret)
{
    return datagram_start(instance->env, &ntp_protocol, instance->host, instance->port, instance,
                          done, arg, ret);
}

const struct probe_type probe_ntp = {
    .name = "ntp",
    .summary = "asks an NTP server for the time and judges whether it has it",
    .options = ntp_options,
    .settings_size = sizeof(struct ntp_settings),
    .parallel = true,
    .open = ntp_open,
    .close = ntp_close,
    .start = ntp_start,
    .expire = datagram_expire,
    .cancel = datagram_cancel,
};
