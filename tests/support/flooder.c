/* An agent with a valid key that says as much as it can for some seconds: batches of results that
 * failed, each new, and what is no message at all, in turn. Prints how many messages went out.
 * usage: flooder ADDRESS SERVER-KEY KEY-FILE AGENT ZONE SECONDS */
#include "proto/codec/fl_codec.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_zsock.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY_US 1000
#define AT_ONCE 100 /* 100,000 messages a second at most */
#define RESULTS 10

struct flooder {
    struct event_base *base;
    struct fl_zsock *socket;
    const char *agent, *zone;
    uint64_t sent;
    int64_t end_us;
    bool connected;
};

static int say(struct flooder *flooder, const struct fl_message *message)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    int r = fl_codec_encode(message, &bytes, &size, NULL);

    if (r == 0)
        r = fl_zsock_send(flooder->socket, NULL, 0, bytes, size);
    free(bytes);
    return r;
}

static int say_batch(struct flooder *flooder)
{
    struct fl_message message = {.type = FL_MESSAGE_BATCH};
    struct fl_result results[RESULTS];

    for (uint32_t i = 0; i < RESULTS; i++) {
        fl_result_init(&results[i]);
        results[i].t_us = fl_clock_wall();
        results[i].took_us = 1000;
        results[i].series = i + 1;
        results[i].layer = FL_LAYER_CONNECT;
        results[i].failure = FL_FAILURE_REFUSED;
    }
    (void)snprintf(message.batch.agent, sizeof(message.batch.agent), "%s", flooder->agent);
    message.batch.boot = 1;
    message.batch.sequence = flooder->sent + 1;
    message.batch.n_results = RESULTS;
    message.batch.results = results;
    return say(flooder, &message);
}

static void on_connected(void *arg)
{
    struct flooder *flooder = arg;
    struct fl_message message = {.type = FL_MESSAGE_HELLO};

    (void)snprintf(message.hello.agent, sizeof(message.hello.agent), "%s", flooder->agent);
    (void)snprintf(message.hello.zone, sizeof(message.hello.zone), "%s", flooder->zone);
    message.hello.boot = 1;
    flooder->connected = say(flooder, &message) == 0;
}

static void on_lost(const char *why, void *arg)
{
    struct flooder *flooder = arg;

    (void)why;
    flooder->connected = false;
}

static void on_message(const uint8_t *peer, size_t peer_size, const char *user,
                       const uint8_t *bytes, size_t size, void *arg)
{
    (void)peer, (void)peer_size, (void)user, (void)bytes, (void)size, (void)arg;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    static const uint8_t garbage[] = "\xff\xff no message of Faultline";
    struct flooder *flooder = arg;
    int r = flooder->connected ? 0 : -1;

    (void)fd;
    (void)what;
    for (int i = 0; i < AT_ONCE && r == 0; i++) {
        r = i % 2 == 0 ? say_batch(flooder)
                       : fl_zsock_send(flooder->socket, NULL, 0, garbage, sizeof(garbage));
        flooder->sent += r == 0;
    }
    if (fl_clock_monotonic() >= flooder->end_us)
        (void)event_base_loopbreak(flooder->base);
}

static int flood(struct flooder *flooder, char **argv, struct fl_error *err)
{
    static const struct fl_zsock_dealer_callbacks callbacks = {on_message, on_connected, on_lost};
    const struct timeval every = {0, EVERY_US};
    struct fl_zcontext *context = NULL;
    struct event *timer = event_new(flooder->base, -1, EV_PERSIST, on_timer, flooder);
    struct fl_keypair keys;
    int r = fl_keypair_read(argv[3], &keys, err);

    if (r == 0)
        r = fl_zcontext_new(FL_MAX_PLAN_MESSAGE, &context, err);
    if (r == 0)
        r = fl_zsock_dealer_new(context, flooder->base, argv[1], &keys, argv[2], &callbacks,
                                flooder, &flooder->socket, err);
    if (r == 0 && timer && event_add(timer, &every) == 0)
        (void)event_base_dispatch(flooder->base);
    fl_zsock_free(flooder->socket);
    fl_zcontext_free(context);
    if (timer)
        event_free(timer);
    return r;
}

int main(int argc, char **argv)
{
    struct flooder flooder = {0};
    struct fl_error err = {""};
    int r;

    if (argc != 7) {
        (void)fprintf(stderr, "usage: %s ADDRESS SERVER-KEY KEY-FILE AGENT ZONE SECONDS\n", *argv);
        return 2;
    }
    flooder.agent = argv[4];
    flooder.zone = argv[5];
    flooder.end_us = fl_clock_monotonic() + strtol(argv[6], NULL, 10) * FL_SECOND;
    flooder.base = event_base_new();
    if (!flooder.base)
        return 1;
    r = flood(&flooder, argv, &err);
    event_base_free(flooder.base);
    if (r < 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    (void)printf("%llu messages\n", (unsigned long long)flooder.sent);
    return 0;
}
