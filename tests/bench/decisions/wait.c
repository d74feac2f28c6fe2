/* How soon those who wait hear of a decision: a coordinator with its real server in one process,
 * in another CLIENTS connections that each wait at /api/v1/decisions/shop, get the answer, and wait
 * again. From the verdict to the last byte of each answer, by the clock of the machine.
 * Usage: decisions_wait [CLIENTS [CHANGES]] */
#include "coordinator/decisions.h"
#include "coordinator/http/http_server.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_log.h"
#include "proto/runtime/fl_loop.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVERY_US (400 * FL_MS)
#define SETTLE_US (7 * FL_SECOND) /* until decisions are made at all, and the clients wait */
#define MAX_CLIENTS 2000
#define MAX_SAMPLES 1000000

/* Both processes see this. */
struct shared {
    uint16_t port;
    int64_t said_us; /* when the newest verdict came */
    uint64_t index;  /* of the decision after it */
    double cpu_s;    /* of the coordinator, at the end */
    bool over;
};

struct client {
    struct bufferevent *bufferevent;
    uint64_t index;
};

static volatile struct shared *shared;
static struct client clients[MAX_CLIENTS];
static double *samples; /* ms */
static size_t n_samples;
static unsigned n_clients = 1000, n_changes = 50;

static void write_config(const char *directory)
{
    struct fl_keypair keys;
    struct fl_error err;
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/key", directory);
    if (fl_keypair_new(&keys, &err) < 0 || fl_keypair_write(path, &keys, &err) < 0)
        abort();
    (void)snprintf(path, sizeof(path), "%s/c.yaml", directory);
    file = fopen(path, "w");
    if (!file)
        abort();
    (void)fprintf(file,
                  "coordinator: {listen: \"tcp://127.0.0.1:*\", secret_key_file: %s/key, state: "
                  "%s/state}\n"
                  "zones: [a, b, c]\nagents:\n  - {name: a1, zone: a, public_key: \"%s\"}\n"
                  "targets:\n"
                  "  - {name: web-a, kind: service, place: a, probes: [{type: icmp}]}\n"
                  "  - {name: web-b, kind: service, place: b, probes: [{type: icmp}]}\n"
                  "  - {name: web-c, kind: service, place: c, probes: [{type: icmp}]}\n"
                  "http: {rate: 0, max_connections: 4096}\n"
                  "decisions: {takeover_delay: 0s}\n"
                  "groups:\n  - name: shop\n    mode: live\n    zones: [{zone: a, targets: "
                  "[web-a]}, {zone: b, targets: [web-b]}, {zone: c, targets: [web-c]}]\n",
                  directory, directory, keys.public_key);
    (void)fclose(file);
}

struct server {
    struct fl_loop *loop;
    struct coordinator *coordinator;
    unsigned n_said;
};

static void on_change_due(evutil_socket_t fd, short what, void *arg)
{
    struct server *server = arg;
    struct decisions *decisions = coordinator_decisions(server->coordinator);
    struct verdict_event event = {.t_us = fl_clock_steady()};
    struct rusage usage;

    (void)fd;
    (void)what;
    if (server->n_said++ == n_changes) {
        (void)getrusage(RUSAGE_SELF, &usage);
        shared->cpu_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
                        (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
        shared->over = true;
        return;
    }
    event.type = server->n_said % 2 ? VERDICT_OPEN : VERDICT_CLOSE;
    event.verdict.id = 1;
    event.verdict.class = VERDICT_SERVICE;
    event.verdict.confidence = 1;
    (void)strcpy(event.verdict.component, "target:web-a");
    shared->index = decider_group_generation(decisions_decider(decisions), 0) + 1;
    shared->said_us = fl_clock_monotonic();
    decisions_verdict(decisions, &event);
}

static void serve(const char *directory)
{
    const struct timeval every = {0, EVERY_US}, settle = {SETTLE_US / FL_SECOND, 0};
    struct http_server *http = NULL;
    struct server server = {0};
    struct event *timer;
    struct fl_error err;
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/c.yaml", directory);
    fl_log_set_level(FL_LOG_ERROR);
    if (fl_loop_new(&server.loop, &err) < 0 ||
        coordinator_new(path, fl_loop_base(server.loop), &server.coordinator, &err) < 0 ||
        http_server_new(server.coordinator, fl_loop_base(server.loop), "127.0.0.1:0", &http, &err) <
            0) {
        (void)fprintf(stderr, "%s\n", err.message);
        abort();
    }
    timer = event_new(fl_loop_base(server.loop), -1, EV_PERSIST, on_change_due, &server);
    shared->port = http_server_port(http);
    (void)event_base_loopexit(fl_loop_base(server.loop), &settle);
    (void)event_base_dispatch(fl_loop_base(server.loop));
    (void)event_add(timer, &every);
    (void)event_base_dispatch(fl_loop_base(server.loop));
}

static void wait_again(struct client *client)
{
    (void)evbuffer_add_printf(bufferevent_get_output(client->bufferevent),
                              "GET /api/v1/decisions/shop?wait=60s&index=%llu HTTP/1.1\r\n"
                              "Host: 127.0.0.1\r\n\r\n",
                              (unsigned long long)client->index);
}

/* One whole answer at a time: its index, its length, and that all of it is there. */
static bool take_answer(struct client *client, struct evbuffer *input)
{
    size_t size = evbuffer_get_length(input);
    char *text = calloc(1, size + 1);
    const char *length, *index, *end;
    bool whole;

    (void)evbuffer_copyout(input, text, size);
    end = strstr(text, "\r\n\r\n");
    length = strstr(text, "Content-Length: ");
    index = strstr(text, "X-Faultline-Index: ");
    whole =
        end && length && index && size >= (size_t)(end + 4 - text) + strtoul(length + 16, NULL, 10);
    if (whole) {
        client->index = strtoull(index + 19, NULL, 10);
        (void)evbuffer_drain(input, size);
    }
    free(text);
    return whole;
}

static void on_read(struct bufferevent *bufferevent, void *arg)
{
    struct client *client = arg;

    if (!take_answer(client, bufferevent_get_input(bufferevent)))
        return;
    if (client->index == shared->index && shared->said_us && n_samples < MAX_SAMPLES)
        samples[n_samples++] = (double)(fl_clock_monotonic() - shared->said_us) / 1e3;
    wait_again(client);
}

static void on_event(struct bufferevent *bufferevent, short what, void *arg)
{
    (void)bufferevent;
    (void)arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        (void)fprintf(stderr, "a connection was closed\n");
        exit(EXIT_FAILURE);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    if (shared->over)
        (void)event_base_loopbreak(arg);
}

static void visit(void)
{
    const struct timeval tick = {0, 50000};
    struct event_base *base = event_base_new();
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(shared->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct event *timer = event_new(base, -1, EV_PERSIST, on_tick, base);

    for (unsigned i = 0; i < n_clients; i++) {
        clients[i].bufferevent = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
        bufferevent_setcb(clients[i].bufferevent, on_read, NULL, on_event, &clients[i]);
        (void)bufferevent_enable(clients[i].bufferevent, EV_READ | EV_WRITE);
        if (bufferevent_socket_connect(clients[i].bufferevent, (const struct sockaddr *)&at,
                                       (int)sizeof(at)) < 0)
            abort();
        wait_again(&clients[i]);
    }
    (void)event_add(timer, &tick);
    (void)event_base_dispatch(base);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    char directory[] = "/tmp/faultline-wait-XXXXXX";
    pid_t server;

    n_clients = argc > 1 ? (unsigned)atoi(argv[1]) : n_clients;
    n_changes = argc > 2 ? (unsigned)atoi(argv[2]) : n_changes;
    samples = calloc(MAX_SAMPLES, sizeof(*samples));
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!samples || shared == MAP_FAILED || !mkdtemp(directory) || n_clients > MAX_CLIENTS)
        return EXIT_FAILURE;
    (void)signal(SIGPIPE, SIG_IGN);
    raise_limit();
    write_config(directory);
    server = fork();
    if (server == 0)
        serve(directory);
    while (!shared->port)
        (void)usleep(10000);
    visit();
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    if (n_samples == 0)
        return EXIT_FAILURE;
    qsort(samples, n_samples, sizeof(*samples), compare);
    printf("%u clients wait, %u changes, %zu answers; from the verdict to the answer: p50 %.1f ms, "
           "p99 %.1f ms, most %.1f ms; the coordinator used %.2f s of CPU\n",
           n_clients, n_changes, n_samples, samples[n_samples / 2], samples[n_samples * 99 / 100],
           samples[n_samples - 1], shared->cpu_s);
    return samples[n_samples * 99 / 100] <= 100 ? EXIT_SUCCESS : EXIT_FAILURE;
}
