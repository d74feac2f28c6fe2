/* A request over HTTP or HTTPS, each on a connection of its own: resolve, connect, the TLS
 * handshake, the answer's status and, where asked for, a text in its body.
 *
 * stream.c makes the connection, libcurl does the rest on it: so a refusal, a dead name and a
 * full table of descriptors read the same as for every other probe over TCP, and the socket is
 * still there to be asked when libcurl is done with it. No redirect is followed, no proxy is used
 * and no cookie kept; most TLS handshakes go on from the session before (http_session.h). */
#include "agent/probe/http_loop.h"
#include "agent/probe/http_request.h"
#include "agent/probe/http_session.h"
#include "agent/probe/probe_types.h"
#include "agent/probe/stream.h"
#include "agent/probe/tcp_info.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_BODY (64 * 1024) /* bytes of an answer that are read */
#define USER_AGENT "faultline"
#define AUTHORITIES_AGE_S 300L /* after which their file is read anew */

struct probe_instance {
    const struct probe_env *env;
    const struct http_settings *settings;
    bool tls;
    struct http_loop *loop;
    struct http_request request;
    struct http_session session; /* of https */
};

struct probe_run {
    struct probe_instance *instance;
    probe_done_cb done;
    void *arg;
    struct stream *stream; /* alive until the connection is there */
    int fd;                /* the connection; libcurl only borrows it */
    struct http_transfer transfer;
    struct curl_slist *connect_to;
    enum fl_layer layer; /* under way, once connected */
    int64_t layer_start_us;
    struct tcp_info_mark mark; /* at the start of the request */
    struct fl_result result;   /* what is known so far */
    size_t n_body;             /* bytes of the answer that were read */
    char *body;                /* kept only when a text is to be found; NULL otherwise */
};

static void run_free(struct probe_run *run)
{
    stream_free(run->stream);
    if (run->transfer.easy) {
        http_loop_remove(run->instance->loop, &run->transfer);
        curl_easy_cleanup(run->transfer.easy);
    }
    curl_slist_free_all(run->connect_to);
    if (run->fd >= 0)
        close(run->fd);
    free(run->body);
    free(run);
}

static void note_failure(struct probe_run *run, enum fl_failure failure)
{
    http_session_forget(&run->instance->session);
    tcp_info_read(run->fd, &run->mark, &run->result.tcp);
    stream_fail(&run->result, run->layer, failure);
}

/* The run is gone afterwards. */
static void finish(struct probe_run *run)
{
    run->done(&run->result, run->arg);
    run_free(run);
}

static bool has_body(const struct probe_run *run)
{
    const char *wanted = run->instance->settings->body;

    return !run->body || memmem(run->body, run->n_body, wanted, strlen(wanted)) != NULL;
}

/* The answer is there: is it a good one? */
static enum fl_failure judge(struct probe_run *run)
{
    long status = 0;

    (void)curl_easy_getinfo(run->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    if (!http_request_accepts(&run->instance->request, status))
        return FL_FAILURE_STATUS;
    return has_body(run) ? FL_FAILURE_NONE : FL_FAILURE_CONTENT;
}

static enum fl_failure certificate_failure(CURL *easy)
{
    long reason = 0;

    (void)curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &reason);
    return reason == X509_V_ERR_CERT_HAS_EXPIRED ? FL_FAILURE_CERT_EXPIRED
                                                 : FL_FAILURE_CERT_INVALID;
}

/* What became of the connection, where libcurl only says that it broke. */
static enum fl_failure connection_failure(CURL *easy, enum fl_failure otherwise)
{
    long error = 0;
    enum fl_failure failure;

    (void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
    failure = stream_failure((int)error);
    return failure == FL_FAILURE_NONE || failure == FL_FAILURE_LOCAL ? otherwise : failure;
}

static bool peer_closed(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static enum fl_failure failure_of(struct probe_run *run, CURLcode code)
{
    CURL *easy = run->transfer.easy;

    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return certificate_failure(easy);
    case CURLE_SSL_CONNECT_ERROR:
        return connection_failure(easy,
                                  peer_closed(run->fd) ? FL_FAILURE_RESET : FL_FAILURE_PROTOCOL);
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return connection_failure(easy, FL_FAILURE_RESET);
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return FL_FAILURE_LOCAL;
    default: /* what came is no HTTP */
        return FL_FAILURE_PROTOCOL;
    }
}

static void on_transfer(CURLcode code, void *arg)
{
    struct probe_run *run = arg;
    bool enough = code == CURLE_WRITE_ERROR && run->n_body >= MAX_BODY;
    enum fl_failure failure = code == CURLE_OK || enough ? judge(run) : failure_of(run, code);

    if (failure == FL_FAILURE_NONE) {
        run->result.ok = true;
        run->result.phase_us[FL_LAYER_OPERATE] = fl_clock_monotonic() - run->layer_start_us;
        tcp_info_read(run->fd, &run->mark, &run->result.tcp);
    } else {
        note_failure(run, failure);
    }
    finish(run);
}

/* Any other count than `size * n` ends the transfer: enough was read. */
static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct probe_run *run = arg;
    size_t length = size * n;
    size_t room = MAX_BODY - run->n_body;

    if (length > room)
        length = room;
    if (run->body)
        memcpy(run->body + run->n_body, bytes, length);
    run->n_body += length;
    return run->n_body >= MAX_BODY ? 0 : length;
}

/* The connection is ready for the request: the handshake, if there was one, is over. */
static int on_request(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct probe_run *run = arg;
    int64_t now_us = fl_clock_monotonic();

    (void)peer;
    (void)local;
    (void)peer_port;
    (void)local_port;
    if (run->layer == FL_LAYER_TLS) {
        run->result.phase_us[FL_LAYER_TLS] = now_us - run->layer_start_us;
        run->result.tls_resumed = http_session_note(&run->instance->session, run->transfer.easy);
    }
    run->layer = FL_LAYER_OPERATE;
    run->layer_start_us = now_us;
    run->mark = tcp_info_mark(run->fd);
    return CURL_PREREQFUNC_OK;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct probe_run *run = arg;

    (void)purpose;
    (void)address;
    return run->fd;
}

static int on_socket_opened(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    (void)arg;
    (void)fd;
    (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

/* The run closes it, once the kernel was asked. */
static int on_close_socket(void *arg, curl_socket_t fd)
{
    (void)arg;
    (void)fd;
    return 0;
}

#define SET(option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool set_connection(struct probe_run *run, CURL *easy)
{
    /* a number, so that libcurl asks no resolver; it never connects */
    run->connect_to = curl_slist_append(NULL, "::127.0.0.1:");
    return run->connect_to && SET(CURLOPT_CONNECT_TO, run->connect_to) &&
           SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket) && SET(CURLOPT_OPENSOCKETDATA, run) &&
           SET(CURLOPT_SOCKOPTFUNCTION, on_socket_opened) &&
           SET(CURLOPT_CLOSESOCKETFUNCTION, on_close_socket) && SET(CURLOPT_PROXY, "") &&
           SET(CURLOPT_FRESH_CONNECT, 1L) && SET(CURLOPT_FORBID_REUSE, 1L) &&
           SET(CURLOPT_NOSIGNAL, 1L);
}

static bool set_request(struct probe_run *run, CURL *easy)
{
    const struct probe_instance *instance = run->instance;
    const int64_t method = instance->settings->method;

    if (method == HTTP_HEAD && !SET(CURLOPT_NOBODY, 1L))
        return false;
    if (method == HTTP_POST && !(SET(CURLOPT_POSTFIELDS, "") && SET(CURLOPT_POSTFIELDSIZE, 0L)))
        return false;
    if (method == HTTP_OPTIONS && !SET(CURLOPT_CUSTOMREQUEST, http_method_names[method]))
        return false;
    return SET(CURLOPT_URL, instance->request.url) &&
           SET(CURLOPT_PROTOCOLS_STR, instance->tls ? "https" : "http") &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(CURLOPT_HTTPHEADER, instance->request.headers) &&
           SET(CURLOPT_USERAGENT, USER_AGENT) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
           SET(CURLOPT_WRITEDATA, run) && SET(CURLOPT_PREREQFUNCTION, on_request) &&
           SET(CURLOPT_PREREQDATA, run);
}

/* Without a folder of authorities libcurl keeps the parsed file in the multi handle, for a while:
 * the file may be exchanged. */
static bool set_tls(struct probe_run *run, CURL *easy)
{
    const struct http_settings *settings = run->instance->settings;

    if (!run->instance->tls)
        return true;
    if (settings->ca_file && *settings->ca_file && !SET(CURLOPT_CAINFO, settings->ca_file))
        return false;
    return SET(CURLOPT_CAPATH, NULL) && SET(CURLOPT_CA_CACHE_TIMEOUT, AUTHORITIES_AGE_S) &&
           SET(CURLOPT_SSL_VERIFYPEER, settings->verify ? 1L : 0L) &&
           SET(CURLOPT_SSL_VERIFYHOST, settings->verify ? 2L : 0L) &&
           http_session_use(&run->instance->session, easy, fl_clock_wall() / FL_SECOND);
}

static int start_transfer(struct probe_run *run)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return -ENOMEM;
    run->transfer = (struct http_transfer){.easy = easy, .done = on_transfer, .arg = run};
    if (!set_connection(run, easy) || !set_request(run, easy) || !set_tls(run, easy))
        return -ENOMEM;
    return http_loop_add(run->instance->loop, &run->transfer);
}

static void on_stream(int fd, const struct fl_result *connected, void *arg)
{
    struct probe_run *run = arg;

    run->stream = NULL;
    run->result = *connected;
    run->fd = fd;
    if (fd < 0) {
        http_session_forget(&run->instance->session);
        finish(run);
        return;
    }
    run->layer = run->instance->tls ? FL_LAYER_TLS : FL_LAYER_OPERATE;
    run->layer_start_us = fl_clock_monotonic();
    if (start_transfer(run) < 0) {
        note_failure(run, FL_FAILURE_LOCAL);
        finish(run);
    }
}

static int http_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                      struct probe_run **ret)
{
    struct probe_run *run = calloc(1, sizeof(*run));
    const char *body = instance->settings->body;
    int r;

    if (!run)
        return -ENOMEM;
    run->instance = instance;
    run->done = done;
    run->arg = arg;
    run->fd = -1;
    if (body && *body)
        run->body = malloc(MAX_BODY);
    if (body && *body && !run->body)
        r = -ENOMEM;
    else
        r = stream_start(instance->env, instance->request.host, instance->request.port, on_stream,
                         run, &run->stream);
    if (r < 0) {
        run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

static bool http_cancel(struct probe_run *run)
{
    run_free(run);
    return true;
}

static bool http_expire(struct probe_run *run, struct fl_result *result)
{
    if (run->stream) {
        http_session_forget(&run->instance->session);
        stream_expire(run->stream, result);
    } else {
        note_failure(run, FL_FAILURE_TIMEOUT);
        *result = run->result;
    }
    return http_cancel(run);
}

static int open_scheme(const struct probe_env *env, const struct http_settings *settings, bool tls,
                       struct probe_instance **ret, struct fl_error *err)
{
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = settings;
    instance->tls = tls;
    r = http_request_init(&instance->request, settings, tls ? "https" : "http", err);
    if (r == 0 && http_loop_get(env->base, &instance->loop) < 0)
        r = fl_error_set(err, -ENOMEM, "cannot start libcurl: out of memory");
    if (r < 0) {
        http_request_done(&instance->request);
        free(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static int http_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                     const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    (void)spec;
    return open_scheme(env, settings, false, ret, err);
}

static int https_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                      const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    (void)spec;
    return open_scheme(env, settings, true, ret, err);
}

static void http_close(struct probe_instance *instance)
{
    http_session_done(&instance->session);
    http_loop_put(instance->loop);
    http_request_done(&instance->request);
    free(instance);
}

static int http_check(const void *settings, struct fl_error *err)
{
    struct http_request request;
    int r = http_request_init(&request, settings, "http", err);

    if (r == 0)
        http_request_done(&request);
    return r;
}

static int https_check(const void *settings, struct fl_error *err)
{
    struct http_request request;
    int r = http_request_init(&request, settings, "https", err);

    if (r == 0)
        http_request_done(&request);
    return r;
}

const struct probe_type probe_http = {
    .name = "http",
    .summary = "sends an HTTP request and judges status and body",
    .options = http_options,
    .settings_size = sizeof(struct http_settings),
    .parallel = true,
    .check = http_check,
    .open = http_open,
    .close = http_close,
    .start = http_start,
    .expire = http_expire,
    .cancel = http_cancel,
};

const struct probe_type probe_https = {
    .name = "https",
    .summary = "sends an HTTP request over TLS and judges certificate, status and body",
    .options = https_options,
    .settings_size = sizeof(struct http_settings),
    .parallel = true,
    .check = https_check,
    .open = https_open,
    .close = http_close,
    .start = http_start,
    .expire = http_expire,
    .cancel = http_cancel,
};
