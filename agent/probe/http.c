/* A request over HTTP or HTTPS, each on a connection of its own: resolve, connect, the TLS
 * handshake, the answer's status and, where asked for, a text in its body.
 *
 * stream.c makes the connection, libcurl does the rest on it: so a refusal, a dead name and a
 * full table of descriptors read the same as for every other probe over TCP, and the socket is
 * still there to be asked when libcurl is done with it. A redirect is followed only where that is
 * wished, as a hop with a connection of its own whose layers are added to those before. No cookie
 * is kept; most TLS handshakes go on from the session before (http_session.h). */
#include "agent/probe/http_loop.h"
#include "agent/probe/http_probe.h"
#include "agent/probe/http_session.h"
#include "agent/probe/http_wire.h"
#include "agent/probe/probe_types.h"
#include "agent/probe/secret.h"
#include "agent/probe/stream.h"
#include "agent/probe/tcp_info.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_BODY (64 * 1024)  /* bytes of an answer that are read */
#define MAX_HEAD (64 * 1024L) /* bytes of its headers, over all that come ahead of it */
#define PEM_SIZE (32 * 1024)
#define USER_AGENT "faultline"
#define AUTHORITIES_AGE_S 300L /* after which their file is read anew */

struct probe_instance {
    const struct probe_env *env;
    const struct http_settings *settings;
    bool tls;
    const struct http_protocol *protocol; /* of another type; NULL: the settings judge */
    void *owned;
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
    struct tcp_info_mark mark;    /* at the start of the request */
    struct fl_result result;      /* what is known so far of this hop */
    int64_t before_us[FL_LAYERS]; /* in the hops before */
    size_t n_body;                /* bytes of the answer that were read */
    long n_head;
    bool headed;                   /* the head has come to its end */
    char header[HTTP_HEADER_SIZE]; /* that the protocol wants to see */
    char *body; /* kept only when it is looked at, with room for an end; NULL otherwise */
    int64_t n_hops;
    char *url; /* that this hop asks for; NULL: the first */
    struct http_place place;
    bool astray; /* on another host than the one that is probed */
    bool get;    /* the redirect made a GET of it */
};

/* Leave the connection, if there is one. */
static void end_hop(struct probe_run *run)
{
    run->stream = stream_free(run->stream);
    if (run->transfer.easy) {
        http_loop_remove(run->instance->loop, &run->transfer);
        curl_easy_cleanup(run->transfer.easy);
        run->transfer.easy = NULL;
    }
    curl_slist_free_all(run->connect_to);
    run->connect_to = NULL;
    if (run->fd >= 0)
        close(run->fd);
    run->fd = -1;
}

static void run_free(struct probe_run *run)
{
    end_hop(run);
    free(run->url);
    free(run->body);
    free(run);
}

/* The layers that this hop went through took as long as those of all hops. */
static void add_hops(struct probe_run *run)
{
    for (int i = 0; i < FL_LAYERS; i++)
        if (run->result.phase_us[i] != FL_ABSENT)
            run->result.phase_us[i] += run->before_us[i];
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
    add_hops(run);
    run->done(&run->result, run->arg);
    run_free(run);
}

static void note_answer(struct probe_run *run)
{
    struct fl_facts *facts = &run->result.facts;
    long status = 0, version = 0;

    (void)curl_easy_getinfo(run->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(run->transfer.easy, CURLINFO_HTTP_VERSION, &version);
    facts->http_status = status;
    facts->http_version = version == CURL_HTTP_VERSION_2_0   ? 20
                          : version == CURL_HTTP_VERSION_1_0 ? 10
                                                             : 11;
    facts->http_redirects = run->n_hops;
}

/* The answer is there: is it a good one? */
static enum fl_failure judge(struct probe_run *run)
{
    const struct probe_instance *instance = run->instance;
    long status;

    if (!run->headed) /* libcurl takes a head that is cut off for a whole one */
        return FL_FAILURE_RESET;

    note_answer(run);
    status = (long)run->result.facts.http_status;
    if (instance->settings->version == HTTP_2 && run->result.facts.http_version != 20)
        return FL_FAILURE_PROTOCOL;
    if (instance->protocol)
        return instance->protocol->judge(
            &(const struct http_answer){status, run->body, run->n_body, run->header});
    if (!http_request_accepts(&instance->request, status))
        return FL_FAILURE_STATUS;
    if (!run->body)
        return FL_FAILURE_NONE;
    run->body[run->n_body] = '\0';
    return http_request_likes(&instance->request, instance->settings, run->body, run->n_body)
               ? FL_FAILURE_NONE
               : FL_FAILURE_CONTENT;
}

static enum fl_failure failure_of(const struct probe_run *run, CURLcode code)
{
    return http_wire_failure(run->transfer.easy, code, run->fd,
                             run->instance->settings->version == HTTP_2);
}

/* The redirect to follow, or NULL. */
static const char *next_hop(struct probe_run *run)
{
    char *url = NULL;

    if (run->n_hops >= run->instance->settings->redirects)
        return NULL;
    (void)curl_easy_getinfo(run->transfer.easy, CURLINFO_REDIRECT_URL, &url);
    return url;
}

static int begin_hop(struct probe_run *run);

/* Go where `url`, which libcurl holds, leads. The run goes on or is marked as failed. */
static bool follow(struct probe_run *run, const char *url)
{
    const struct probe_instance *instance = run->instance;
    const bool was_tls = run->place.tls;
    long status = 0;
    char *copy = strdup(url);

    (void)curl_easy_getinfo(run->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    if (!copy || http_request_place(copy, &run->place) < 0 || (was_tls && !run->place.tls)) {
        free(copy); /* TLS is not given up at a server's word */
        note_failure(run, FL_FAILURE_PROTOCOL);
        return false;
    }
    run->result.phase_us[FL_LAYER_OPERATE] = fl_clock_monotonic() - run->layer_start_us;
    for (int i = 0; i < FL_LAYERS; i++)
        if (run->result.phase_us[i] != FL_ABSENT)
            run->before_us[i] += run->result.phase_us[i];
    end_hop(run);
    free(run->url);
    run->url = copy;
    run->n_hops++;
    run->n_body = 0;
    run->n_head = 0;
    run->headed = false;
    run->get = run->get || (status != 307 && status != 308);
    run->astray = run->astray || strcasecmp(run->place.host, instance->request.place.host) != 0 ||
                  run->place.port != instance->request.place.port;
    if (begin_hop(run) == 0)
        return true;
    run->layer = FL_LAYER_CONNECT;
    note_failure(run, FL_FAILURE_LOCAL);
    return false;
}

static void on_transfer(CURLcode code, void *arg)
{
    struct probe_run *run = arg;
    const bool enough = code == CURLE_WRITE_ERROR && run->n_body >= MAX_BODY;
    const char *next = code == CURLE_OK || enough ? next_hop(run) : NULL;
    enum fl_failure failure;

    if (next) {
        if (!follow(run, next))
            finish(run);
        return;
    }
    failure = code == CURLE_OK || enough ? judge(run) : failure_of(run, code);
    if (failure == FL_FAILURE_NONE) {
        run->result.ok = true;
        run->result.phase_us[FL_LAYER_OPERATE] = fl_clock_monotonic() - run->layer_start_us;
        tcp_info_read(run->fd, &run->mark, &run->result.tcp);
    } else {
        note_failure(run, failure);
    }
    finish(run);
}

/* A line "name: value" with its end, which may be the header that the protocol wants. */
static void note_header(struct probe_run *run, const char *line, size_t size)
{
    const char *name = run->instance->protocol->header;
    const size_t length = strlen(name);
    size_t value = length + 1, end = size;

    if (size <= value || strncasecmp(line, name, length) != 0 || line[length] != ':')
        return;
    while (value < end && line[value] == ' ')
        value++;
    while (end > value && strchr("\r\n ", line[end - 1]))
        end--;
    (void)snprintf(run->header, sizeof(run->header), "%.*s", (int)(end - value), line + value);
}

static size_t on_head(char *bytes, size_t size, size_t n, void *arg)
{
    struct probe_run *run = arg;

    if (size * n >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        run->headed = false;
    else if (bytes[0] == '\r' || bytes[0] == '\n')
        run->headed = true;
    if (run->instance->protocol)
        note_header(run, bytes, size * n);
    run->n_head += (long)(size * n);
    return run->n_head > MAX_HEAD ? 0 : size * n;
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
        run->result.tls_resumed =
            run->n_hops == 0 && http_session_note(&run->instance->session, run->transfer.easy);
        if (run->n_hops == 0) {
            run->result.facts.cert_end_s = run->instance->session.cert_end_s;
            run->result.facts.tls_version = run->instance->session.tls_version;
        }
    }
    run->layer = FL_LAYER_OPERATE;
    run->layer_start_us = now_us;
    run->mark = tcp_info_mark(run->fd);
    return CURL_PREREQFUNC_OK;
}

#define SET(option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

/* libcurl is given a number to connect to, so that it asks no resolver; it never connects. */
static bool set_connection(struct probe_run *run, CURL *easy)
{
    static const char nowhere[] = "::127.0.0.1:";
    const bool proxied = *run->instance->request.proxy.host;

    if (!proxied)
        run->connect_to = curl_slist_append(NULL, nowhere);
    return (proxied || (run->connect_to && SET(CURLOPT_CONNECT_TO, run->connect_to))) &&
           http_wire_lend(easy, &run->fd) &&
           SET(CURLOPT_PROXY, proxied ? "http://127.0.0.1:1" : "") &&
           SET(CURLOPT_FRESH_CONNECT, 1L) && SET(CURLOPT_FORBID_REUSE, 1L) &&
           SET(CURLOPT_NOSIGNAL, 1L);
}

static bool set_method(struct probe_run *run, CURL *easy)
{
    const struct http_settings *settings = run->instance->settings;
    const struct http_protocol *protocol = run->instance->protocol;
    const char *data = settings->data ? settings->data : "";
    const bool get = run->get && settings->method != HTTP_HEAD;

    if (protocol)
        return SET(CURLOPT_POSTFIELDSIZE, (long)protocol->size) &&
               SET(CURLOPT_POSTFIELDS, protocol->data);
    if (settings->method == HTTP_HEAD)
        return SET(CURLOPT_NOBODY, 1L);
    if (get || settings->method == HTTP_GET)
        return true;
    if (settings->method != HTTP_POST &&
        !SET(CURLOPT_CUSTOMREQUEST, http_method_names[settings->method]))
        return false;
    if (settings->method != HTTP_POST && !settings->data)
        return true;
    return SET(CURLOPT_POSTFIELDSIZE, (long)strlen(data)) && SET(CURLOPT_POSTFIELDS, data);
}

/* Who we are is for the host that is probed alone. */
static bool set_login(struct probe_run *run, CURL *easy)
{
    const struct http_settings *settings = run->instance->settings;
    const char *name = settings->token_file ? settings->token_file : settings->password_file;
    char secret[SECRET_SIZE];
    bool ok;

    if (!name || run->astray)
        return true;
    ok = secret_read(run->instance->env->secrets_path, name, secret, sizeof(secret), NULL) == 0;
    if (ok && settings->token_file)
        ok = SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER) && SET(CURLOPT_XOAUTH2_BEARER, secret);
    else if (ok)
        ok = SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) && SET(CURLOPT_USERNAME, settings->user) &&
             SET(CURLOPT_PASSWORD, secret);
    secret_forget(secret, sizeof(secret));
    return ok;
}

static long version_of(const struct probe_run *run)
{
    if (run->instance->settings->version != HTTP_2)
        return CURL_HTTP_VERSION_1_1;
    return run->place.tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
}

static bool set_request(struct probe_run *run, CURL *easy)
{
    const struct probe_instance *instance = run->instance;

    if (!run->astray && !SET(CURLOPT_HTTPHEADER, instance->request.headers))
        return false;
    if (instance->settings->compressed && !SET(CURLOPT_ACCEPT_ENCODING, ""))
        return false;
    return set_method(run, easy) && set_login(run, easy) &&
           SET(CURLOPT_URL, run->url ? run->url : instance->request.url) &&
           SET(CURLOPT_PROTOCOLS_STR, run->place.tls ? "https" : "http") &&
           SET(CURLOPT_HTTP_VERSION, version_of(run)) && SET(CURLOPT_USERAGENT, USER_AGENT) &&
           SET(CURLOPT_HEADERFUNCTION, on_head) && SET(CURLOPT_HEADERDATA, run) &&
           SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, run) &&
           SET(CURLOPT_PREREQFUNCTION, on_request) && SET(CURLOPT_PREREQDATA, run);
}

static bool set_certificate(struct probe_run *run, CURL *easy)
{
    const char *name = run->instance->settings->client_certificate;
    char *pem;
    struct curl_blob blob = {.flags = CURL_BLOB_COPY};
    bool ok;

    if (!name || run->astray)
        return true;
    pem = malloc(PEM_SIZE);
    ok = pem &&
         secret_read_all(run->instance->env->secrets_path, name, pem, PEM_SIZE, &blob.len) == 0;
    blob.data = pem;
    ok = ok && SET(CURLOPT_SSLCERTTYPE, "PEM") && SET(CURLOPT_SSLCERT_BLOB, &blob) &&
         SET(CURLOPT_SSLKEYTYPE, "PEM") && SET(CURLOPT_SSLKEY_BLOB, &blob);
    if (pem)
        secret_forget(pem, PEM_SIZE);
    free(pem);
    return ok;
}

/* Without a folder of authorities libcurl keeps the parsed file in the multi handle, for a while:
 * the file may be exchanged. */
static bool set_tls(struct probe_run *run, CURL *easy)
{
    const struct probe_instance *instance = run->instance;
    const struct http_settings *settings = instance->settings;
    const bool verify = settings->verify || !instance->tls; /* http has no such setting */

    if (!run->place.tls)
        return true;
    if (settings->ca_file && *settings->ca_file && !SET(CURLOPT_CAINFO, settings->ca_file))
        return false;
    if (run->n_hops == 0 &&
        !http_session_use(&run->instance->session, easy, fl_clock_wall() / FL_SECOND))
        return false;
    return SET(CURLOPT_CAPATH, NULL) && SET(CURLOPT_CA_CACHE_TIMEOUT, AUTHORITIES_AGE_S) &&
           SET(CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L) &&
           SET(CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L) && set_certificate(run, easy);
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
    run->layer = run->place.tls ? FL_LAYER_TLS : FL_LAYER_OPERATE;
    run->layer_start_us = fl_clock_monotonic();
    if (start_transfer(run) < 0) {
        note_failure(run, FL_FAILURE_LOCAL);
        finish(run);
    }
}

static int begin_hop(struct probe_run *run)
{
    static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};
    const struct probe_instance *instance = run->instance;
    const struct http_place *to =
        *instance->request.proxy.host ? &instance->request.proxy : &run->place;

    return stream_start_family(instance->env, to->host, to->port, families[instance->settings->ip],
                               on_stream, run, &run->stream);
}

int http_probe_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                     struct probe_run **ret)
{
    struct probe_run *run = calloc(1, sizeof(*run));
    const bool wants_body = instance->protocol || http_request_wants_body(instance->settings);
    int r;

    if (!run)
        return -ENOMEM;
    run->instance = instance;
    run->done = done;
    run->arg = arg;
    run->fd = -1;
    run->place = instance->request.place;
    if (wants_body)
        run->body = malloc(MAX_BODY + 1);
    r = wants_body && !run->body ? -ENOMEM : begin_hop(run);
    if (r < 0) {
        run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

bool http_probe_cancel(struct probe_run *run)
{
    run_free(run);
    return true;
}

bool http_probe_expire(struct probe_run *run, struct fl_result *result)
{
    if (run->stream) {
        http_session_forget(&run->instance->session);
        stream_expire(run->stream, &run->result);
    } else {
        note_failure(run, FL_FAILURE_TIMEOUT);
    }
    add_hops(run);
    *result = run->result;
    return http_probe_cancel(run);
}

int http_probe_open(const struct probe_env *env, const struct http_settings *settings, bool tls,
                    const struct http_protocol *protocol, void *owned, struct probe_instance **ret,
                    struct fl_error *err)
{
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    if (!instance) {
        free(owned);
        return fl_error_set(err, -ENOMEM, "out of memory");
    }
    instance->env = env;
    instance->settings = settings;
    instance->tls = tls;
    instance->protocol = protocol;
    r = http_request_init(&instance->request, settings, tls ? "https" : "http", err);
    if (r == 0 && http_loop_get(env->base, &instance->loop) < 0)
        r = fl_error_set(err, -ENOMEM, "cannot start libcurl: out of memory");
    instance->owned = owned;
    if (r < 0) {
        http_request_done(&instance->request);
        free(owned);
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
    return http_probe_open(env, settings, false, NULL, NULL, ret, err);
}

static int https_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                      const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    (void)spec;
    return http_probe_open(env, settings, true, NULL, NULL, ret, err);
}

void http_probe_close(struct probe_instance *instance)
{
    http_session_done(&instance->session);
    http_loop_put(instance->loop);
    http_request_done(&instance->request);
    free(instance->owned);
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
    .close = http_probe_close,
    .start = http_probe_start,
    .expire = http_probe_expire,
    .cancel = http_probe_cancel,
};

const struct probe_type probe_https = {
    .name = "https",
    .summary = "sends an HTTP request over TLS and judges certificate, status and body",
    .options = https_options,
    .settings_size = sizeof(struct http_settings),
    .parallel = true,
    .check = https_check,
    .open = https_open,
    .close = http_probe_close,
    .start = http_probe_start,
    .expire = http_probe_expire,
    .cancel = http_probe_cancel,
};
