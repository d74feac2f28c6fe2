/* What the HTTP side costs: an update to many open pages, an answer of the API beside what evhttp
 * alone gives, and what many hostile connections do to it. The server has one core, who asks has
 * another.
 *
 * usage: http_bench [READERS [ROUNDS [HOSTILE]]] */
#include "coordinator/http/http_server.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_loop.h"
#include "proto/runtime/fl_zsock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUND_US (500 * FL_MS)
#define API_US (4 * FL_SECOND)
#define API_CONNECTIONS 16
#define MAX_BODY 65536
#define PADDING 2048 /* of an update: about what the page's news take */

struct ports {
    uint16_t ours, plain;
};

struct served {
    struct http_server *server;
    char padding[PADDING + 1];
    char body[MAX_BODY];
    size_t body_size;
};

__attribute__((noreturn)) static void die(const char *what)
{
    (void)fprintf(stderr, "http_bench: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) < 0)
        (void)fputs("http_bench: not on a core of its own\n", stderr);
}

static void write_config(const char *folder)
{
    struct fl_keypair keys;
    struct fl_error err;
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/key", folder);
    if (fl_keypair_new(&keys, &err) < 0 || fl_keypair_write(path, &keys, &err) < 0)
        die(err.message);
    (void)snprintf(path, sizeof(path), "%s/c.yaml", folder);
    file = fopen(path, "w");
    if (!file)
        die(path);
    (void)fprintf(file,
                  "coordinator:\n  listen: tcp://127.0.0.1:*\n  secret_key_file: %s/key\n"
                  "  state: %s/state\nhttp: {rate: 0, max_connections: 20000}\nzones: [a]\n"
                  "agents: [{name: a1, zone: a, public_key: \"%s\"}]\ntargets:\n",
                  folder, folder, keys.public_key);
    for (int i = 0; i < 4; i++)
        (void)fprintf(file,
                      "  - {name: web-%d, kind: service, place: a, probes: [{type: tcp, address: "
                      "\"h:1\"}]}\n",
                      i);
    (void)fclose(file);
}

/* Every update says when it was made. */
static void on_round(evutil_socket_t fd, short what, void *arg)
{
    struct served *served = arg;
    char text[PADDING + 64];

    (void)fd;
    (void)what;
    (void)snprintf(text, sizeof(text), "{\"t\":%" PRId64 ",\"now\":\"%s\"}", fl_clock_monotonic(),
                   served->padding);
    stream_publish(http_server_stream(served->server, HTTP_STREAM_PAGE), "bench", 0, text);
}

static void on_plain(struct evhttp_request *request, void *arg)
{
    const struct served *served = arg;
    struct evbuffer *buffer = evhttp_request_get_output_buffer(request);

    (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                            "application/json");
    (void)evbuffer_add(buffer, served->body, served->body_size);
    evhttp_send_reply(request, HTTP_OK, "OK", NULL);
}

/* First the size of the body that evhttp alone is to give comes through the pipe. */
static void on_pipe(evutil_socket_t fd, short what, void *arg)
{
    struct served *served = arg;
    uint32_t size = 0;

    (void)what;
    if (read(fd, &size, sizeof(size)) == sizeof(size) && size < MAX_BODY)
        served->body_size = size;
    else
        exit(EXIT_SUCCESS); /* who asked is gone */
}

static void serve(const char *folder, int report, int commands)
{
    static struct served served;
    const struct timeval round = {0, ROUND_US};
    struct coordinator *coordinator = NULL;
    struct evhttp_bound_socket *bound;
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    struct fl_loop *loop = NULL;
    struct fl_error err;
    struct ports ports;
    struct evhttp *plain;
    char path[128];

    pin(0);
    (void)snprintf(path, sizeof(path), "%s/c.yaml", folder);
    memset(served.padding, 'x', PADDING);
    memset(served.body, '1', sizeof(served.body));
    if (fl_loop_new(&loop, &err) < 0 ||
        coordinator_new(path, fl_loop_base(loop), &coordinator, &err) < 0 ||
        http_server_new(coordinator, fl_loop_base(loop), "127.0.0.1:0", &served.server, &err) < 0)
        die(err.message);
    plain = evhttp_new(fl_loop_base(loop));
    bound = evhttp_bind_socket_with_handle(plain, "127.0.0.1", 0);
    evhttp_set_gencb(plain, on_plain, &served);
    (void)getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &size);
    ports = (struct ports){http_server_port(served.server), ntohs(address.sin_port)};
    (void)event_add(event_new(fl_loop_base(loop), -1, EV_PERSIST, on_round, &served), &round);
    (void)event_add(event_new(fl_loop_base(loop), commands, EV_READ | EV_PERSIST, on_pipe, &served),
                    NULL);
    if (write(report, &ports, sizeof(ports)) != sizeof(ports))
        die("pipe");
    (void)fl_loop_run(loop);
    exit(EXIT_SUCCESS);
}

static int dial(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("connect");
    return fd;
}

static void say(int fd, const char *path)
{
    char text[256];
    int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);

    if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
        die("send");
}

static int compare(const void *a, const void *b)
{
    const int64_t *one = a, *other = b;

    return *one < *other ? -1 : *one > *other;
}

static int64_t cpu_us(pid_t pid)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, system = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (file) {
        (void)fread(text, 1, sizeof(text) - 1, file);
        (void)fclose(file);
        (void)sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                     &user, &system);
    }
    return (int64_t)(user + system) * FL_SECOND / sysconf(_SC_CLK_TCK);
}

/* The time since the update that `bytes` hold was made; -1: it is none. */
static int64_t age(const char *bytes)
{
    const char *at = strstr(bytes, "data: {\"t\":");

    return at ? fl_clock_monotonic() - strtoll(at + strlen("data: {\"t\":"), NULL, 10) : -1;
}

static void bench_stream(uint16_t port, size_t readers, size_t rounds, pid_t server)
{
    size_t wanted = readers * rounds, n = 0, skipped = 0;
    int64_t *ages = calloc(wanted, sizeof(*ages)), busy;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[256];
    char bytes[8192];

    if (!ages || epoll < 0)
        die("memory");
    for (size_t i = 0; i < readers; i++) {
        struct epoll_event event = {.events = EPOLLIN};

        event.data.fd = dial(port);
        say(event.data.fd, "/api/v1/stream/page");
        (void)fcntl(event.data.fd, F_SETFL, O_NONBLOCK);
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event) < 0)
            die("epoll");
    }
    busy = cpu_us(server);
    while (n < wanted) {
        int ready = epoll_wait(epoll, events, 256, 10000);

        if (ready <= 0)
            die("no update came");
        for (int i = 0; i < ready; i++) {
            ssize_t size = recv(events[i].data.fd, bytes, sizeof(bytes) - 1, 0);
            int64_t us;

            if (size == 0)
                die("a reader was let go");
            if (size < 0)
                continue;
            bytes[size] = '\0';
            us = age(bytes);
            if (us >= 0 && skipped < readers)
                skipped++; /* while all are joining */
            else if (us >= 0 && n < wanted)
                ages[n++] = us;
        }
    }
    busy = cpu_us(server) - busy;
    qsort(ages, n, sizeof(*ages), compare);
    (void)printf("stream: %zu readers, %zu updates of %d bytes: p50 %.1f ms, p99 %.1f ms, most "
                 "%.1f ms; server %.1f us a reader and update\n",
                 readers, rounds, PADDING, (double)ages[n / 2] / 1e3,
                 (double)ages[n * 99 / 100] / 1e3, (double)ages[n - 1] / 1e3,
                 (double)busy / (double)(n + skipped));
    (void)close(epoll);
    free(ages);
}

/* How large the body is that a path gives. */
static uint32_t body_size(uint16_t port, const char *path)
{
    int fd = dial(port);
    char bytes[MAX_BODY];
    const char *at;
    ssize_t size;

    say(fd, path);
    size = recv(fd, bytes, sizeof(bytes) - 1, 0);
    if (size <= 0)
        die("no answer");
    bytes[size] = '\0';
    at = strstr(bytes, "Content-Length: ");
    (void)close(fd);
    return at ? (uint32_t)strtoul(at + 16, NULL, 10) : 0;
}

static double bench_path(uint16_t port, const char *path, size_t body)
{
    struct epoll_event events[API_CONNECTIONS];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    size_t left[20000 > API_CONNECTIONS ? 20000 : API_CONNECTIONS] = {0}, n = 0;
    int64_t begin = fl_clock_monotonic();
    char bytes[MAX_BODY];

    for (int i = 0; i < API_CONNECTIONS; i++) {
        struct epoll_event event = {.events = EPOLLIN};

        event.data.fd = dial(port);
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
        say(event.data.fd, path);
    }
    while (fl_clock_monotonic() - begin < API_US) {
        int ready = epoll_wait(epoll, events, API_CONNECTIONS, 5000);

        if (ready <= 0)
            die("no answer");
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            ssize_t size = recv(fd, bytes, sizeof(bytes), 0);
            const char *end;

            if (size <= 0)
                die("the connection was closed");
            if (left[fd] == 0) { /* the head, and what came with it */
                end = memmem(bytes, (size_t)size, "\r\n\r\n", 4);
                left[fd] = end ? body + (size_t)(end + 4 - bytes) : 0;
            }
            left[fd] -= (size_t)size < left[fd] ? (size_t)size : left[fd];
            if (left[fd] == 0) {
                n++;
                say(fd, path);
            }
        }
    }
    (void)close(epoll);
    return (double)n * 1e6 / (double)(fl_clock_monotonic() - begin);
}

static void bench_api(const struct ports *ports, int commands)
{
    static const char path[] = "/api/v1/status";
    uint32_t size = body_size(ports->ours, path);
    double ours, plain;

    if (write(commands, &size, sizeof(size)) != sizeof(size))
        die("pipe");
    usleep(100000); /* until it has the size */
    plain = bench_path(ports->plain, "/", size);
    ours = bench_path(ports->ours, path, size);
    (void)printf("api: %s, %u bytes of JSON: %.0f answers/s; evhttp alone with as many bytes: "
                 "%.0f/s; share %.2f\n",
                 path, size, ours, plain, ours / plain);
}

static long rss_kib(pid_t pid)
{
    char path[64];
    long size, resident = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%ld %ld", &size, &resident) != 2)
            resident = 0;
        (void)fclose(file);
    }
    return resident * sysconf(_SC_PAGESIZE) / 1024;
}

/* A connection that means no good: says nothing, half of something, or nonsense. */
static int attack(uint16_t port, size_t kind)
{
    static const char *const texts[] = {
        "",
        "GET / HT",
        "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "\r\n\r\n\xff\xfe GET \r\n\r\n",
        "POST /api/v1/maintenance HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nx",
        "GET /%00%ff/../../etc/passwd?%zz HTTP/1.1\r\n\r\n",
        "POST /api/v1/maintenance HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n{{{",
        "PROPFIND * HTTP/9.9\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /api/v1/events?wait=5m HTTP/1.1\r\nHost: localhost\r\n\r\n",
    };
    const char *text = texts[kind % FL_COUNT(texts)];
    int fd = dial(port);

    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
    return fd;
}

/* One healthy request; how long its answer took. */
static int64_t heal(uint16_t port)
{
    int64_t begin = fl_clock_monotonic();
    char bytes[1024];
    int fd = dial(port);
    ssize_t size;

    say(fd, "/healthz");
    size = recv(fd, bytes, sizeof(bytes), 0);
    (void)close(fd);
    if (size < 12 || strncmp(bytes, "HTTP/1.1 200", 12) != 0)
        die("a healthy request was not served");
    return fl_clock_monotonic() - begin;
}

static void bench_hostile(uint16_t port, size_t connections, pid_t server)
{
    static int open_ones[4096];
    size_t n_healthy = 0;
    int64_t worst = 0;
    long before = 0;

    for (size_t i = 0; i < connections; i++) {
        int *place = &open_ones[i % FL_COUNT(open_ones)];

        if (*place)
            (void)close(*place);
        *place = attack(port, i);
        if (i == connections / 4) /* when all places have been taken once */
            before = rss_kib(server);
        if (i % 500 == 0) {
            int64_t took = heal(port);

            n_healthy++;
            worst = took > worst ? took : worst;
        }
    }
    (void)printf("hostile: %zu connections, %zu healthy requests all served, the slowest in %.1f "
                 "ms; memory %ld KiB after a quarter, %ld KiB at the end\n",
                 connections, n_healthy, (double)worst / 1e3, before, rss_kib(server));
    for (size_t i = 0; i < FL_COUNT(open_ones); i++)
        if (open_ones[i])
            (void)close(open_ones[i]);
}

int main(int argc, char **argv)
{
    size_t readers = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000;
    size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 20;
    size_t hostile = argc > 3 ? strtoul(argv[3], NULL, 10) : 100000;
    char folder[] = "/tmp/faultline-bench-XXXXXX", command[64];
    struct rlimit limit;
    int report[2], commands[2];
    struct ports ports;
    pid_t server;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (readers == 0 || rounds == 0 || !mkdtemp(folder) || pipe(report) < 0 || pipe(commands) < 0)
        die("usage: http_bench [READERS [ROUNDS [HOSTILE]]]");
    write_config(folder);
    server = fork();
    if (server == 0) {
        (void)close(commands[1]);
        serve(folder, report[1], commands[0]);
    }
    (void)close(report[1]);
    pin(1);
    if (server < 0 || read(report[0], &ports, sizeof(ports)) != sizeof(ports))
        die("the server does not start");
    bench_api(&ports, commands[1]);
    bench_stream(ports.ours, readers, rounds, server);
    bench_hostile(ports.ours, hostile, server);
    (void)kill(server, SIGTERM);
    (void)waitpid(server, NULL, 0);
    (void)snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
