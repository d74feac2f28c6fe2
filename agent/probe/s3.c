/* A bucket of an object store that speaks S3: puts one small object, gets it back and compares,
 * asks for its head and deletes it, on one connection. The object's name stays the same from
 * attempt to attempt: what one that timed out has left behind is used again.
 *
 * libcurl signs (AWS signature version 4) all headers that it is given; stores want the hash of
 * the body among them. Between the operations the connection waits in libcurl's pool, so the
 * instance has a pool of its own, and one that may still hold a connection goes with it. */
#include "agent/probe/http_loop.h"
#include "agent/probe/http_request.h"
#include "agent/probe/http_session.h"
#include "agent/probe/http_wire.h"
#include "agent/probe/pattern.h"
#include "agent/probe/probe_types.h"
#include "agent/probe/secret.h"
#include "agent/probe/stream.h"
#include "agent/probe/tcp_info.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_SIZE (64 << 10) /* more is a load test */
#define MAX_BUCKET 63
#define MAX_HEAD (64 * 1024)
#define URL_SIZE 1024
#define HEX_SIZE (2 * SHA256_DIGEST_LENGTH + 1)
#define AUTHORITIES_AGE_S 300L

enum s3_style { S3_PATH, S3_VIRTUAL };
static const char *const style_names[] = {"path", "virtual", NULL};

struct s3_settings {
    char *endpoint;
    char *bucket;
    int64_t style; /* enum s3_style */
    char *region;
    char *key;
    char *secret_file;
    int64_t size;
    char *address;
    char *ca_file;
    bool verify;
};

static const struct fl_option s3_options[] = {
    {.name = "endpoint",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct s3_settings, endpoint),
     .min = 1,
     .max = 300,
     .help = "http://HOST:PORT or https://HOST:PORT of the store"},
    {.name = "bucket",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct s3_settings, bucket),
     .min = 1,
     .max = MAX_BUCKET,
     .help = "bucket to work in, which must be there"},
    {.name = "style",
     .kind = FL_OPTION_CHOICE,
     .offset = offsetof(struct s3_settings, style),
     .standard = "path",
     .choices = style_names,
     .help = "whether the bucket is in the path or, as a virtual host, in the name"},
    {.name = "region",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct s3_settings, region),
     .min = 1,
     .max = 64,
     .standard = "us-east-1",
     .help = "region that requests are signed for"},
    {.name = "key",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct s3_settings, key),
     .min = 1,
     .max = 256,
     .help = "access key, which is no secret"},
    {.name = "secret_file",
     .kind = FL_OPTION_NAME,
     .offset = offsetof(struct s3_settings, secret_file),
     .help = "name of the agent's secret with the secret key"},
    {.name = "size",
     .kind = FL_OPTION_SIZE,
     .offset = offsetof(struct s3_settings, size),
     .min = PATTERN_SECTOR,
     .max = MAX_SIZE,
     .standard = "4KiB",
     .help = "bytes of the object"},
    {.name = "address",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct s3_settings, address),
     .standard = FL_OPTION_UNSET,
     .help = "HOST:PORT to connect to in the place of the endpoint's"},
    {.name = "ca_file",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct s3_settings, ca_file),
     .max = 4095,
     .standard = FL_OPTION_UNSET,
     .help = "file of the certificate authorities to trust; the system's when left out"},
    {.name = "verify",
     .kind = FL_OPTION_BOOL,
     .offset = offsetof(struct s3_settings, verify),
     .standard = "true",
     .help = "whether the certificate must be valid"},
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct s3_settings *settings;
    struct http_place place;
    char host[FL_OPTION_HOST_SIZE]; /* to connect to */
    uint16_t port;
    char url[URL_SIZE]; /* of the object */
    char signing[128];  /* how libcurl is told to sign */
    uint64_t writer, round;
    struct http_session session;
    struct http_loop *loop; /* NULL: to be made */
    int left_fd;            /* what a connection in its pool is on, of a run that failed; or -1 */
};

enum operation { S3_PUT, S3_GET, S3_HEAD, S3_DELETE, S3_OVER };

static const struct {
    const char *method;
    enum fl_step step;
} operations[S3_OVER] = {
    [S3_PUT] = {"PUT", FL_STEP_WRITE},
    [S3_GET] = {"GET", FL_STEP_READ},
    [S3_HEAD] = {"HEAD", FL_STEP_READ},
    [S3_DELETE] = {"DELETE", FL_STEP_WRITE},
};

struct probe_run {
    struct probe_instance *instance;
    probe_done_cb done;
    void *arg;
    struct stream *stream; /* alive until the connection is there */
    int fd;                /* the connection; libcurl only borrows it */
    struct http_transfer transfer;
    struct curl_slist *connect_to, *headers;
    enum operation operation;
    enum fl_layer layer;
    int64_t layer_start_us, operation_start_us;
    struct tcp_info_mark mark; /* at the start of the operation */
    struct fl_result result;   /* what is known so far */
    size_t n_head, n_body, room;
    char hash[HEX_SIZE]; /* of the object */
    uint8_t *object;
    char *body; /* of an answer, with room for an end */
};

/* A connection may be left in the pool, which libcurl may still want to say goodbye on: its
 * descriptor is kept until the pool has gone, but nothing leaves it any more. */
static void leave_connection(struct probe_run *run)
{
    struct probe_instance *instance = run->instance;

    if (run->fd < 0)
        return;
    if (run->result.ok) {
        close(run->fd);
    } else {
        (void)shutdown(run->fd, SHUT_RDWR);
        instance->left_fd = run->fd;
    }
    run->fd = -1;
}

static void run_free(struct probe_run *run)
{
    stream_free(run->stream);
    if (run->transfer.easy) {
        http_loop_remove(run->instance->loop, &run->transfer);
        curl_easy_cleanup(run->transfer.easy);
    }
    leave_connection(run);
    curl_slist_free_all(run->connect_to);
    curl_slist_free_all(run->headers);
    free(run->object);
    free(run->body);
    free(run);
}

static void drop_pool(struct probe_instance *instance)
{
    http_loop_put(instance->loop);
    instance->loop = NULL;
    if (instance->left_fd >= 0)
        close(instance->left_fd);
    instance->left_fd = -1;
}

static void note_failure(struct probe_run *run, enum fl_failure failure)
{
    http_session_forget(&run->instance->session);
    tcp_info_read(run->fd, &run->mark, &run->result.tcp);
    if (run->layer == FL_LAYER_OPERATE)
        run->result.step = operations[run->operation].step;
    stream_fail(&run->result, run->layer, failure);
}

/* The run is gone afterwards. */
static void finish(struct probe_run *run)
{
    run->done(&run->result, run->arg);
    run_free(run);
}

static void finish_failed(struct probe_run *run, enum fl_failure failure)
{
    note_failure(run, failure);
    finish(run);
}

/* ---- the answers ---- */

/* Does the store's own word for what is wrong begin with this? */
static bool code_is(const struct probe_run *run, const char *word)
{
    const char *code = strstr(run->body, "<Code>");

    return code && strncmp(code + strlen("<Code>"), word, strlen(word)) == 0;
}

/* A bucket that is not there is a status; an object that was just put and is gone is content. */
static enum fl_failure failure_of_status(const struct probe_run *run, long status)
{
    /* no store finds so small an object too large, but for a quota */
    if (code_is(run, "QuotaExceeded") || status == 413 || code_is(run, "EntityTooLarge"))
        return FL_FAILURE_QUOTA;
    if (status == 507)
        return FL_FAILURE_NO_SPACE;
    if (status == 401 || status == 403)
        return FL_FAILURE_DENIED;
    if (status == 404 && run->operation != S3_PUT)
        return FL_FAILURE_CONTENT;
    return status >= 500 ? FL_FAILURE_IO_ERROR : FL_FAILURE_STATUS;
}

static enum fl_failure judge(struct probe_run *run)
{
    const struct probe_instance *instance = run->instance;
    const size_t size = (size_t)instance->settings->size;
    curl_off_t length = -1;
    long status = 0;

    (void)curl_easy_getinfo(run->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    run->body[run->n_body] = '\0';
    if (status < 200 || status >= 300)
        return failure_of_status(run, status);
    if (run->operation == S3_GET &&
        (run->n_body != size ||
         !pattern_check((const uint8_t *)run->body, size, instance->writer, instance->round)))
        return FL_FAILURE_CONTENT;
    (void)curl_easy_getinfo(run->transfer.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (run->operation == S3_HEAD && length != (curl_off_t)size)
        return FL_FAILURE_CONTENT;
    return FL_FAILURE_NONE;
}

static size_t on_head(char *bytes, size_t size, size_t n, void *arg)
{
    struct probe_run *run = arg;

    (void)bytes;
    run->n_head += size * n;
    return run->n_head > MAX_HEAD ? 0 : size * n;
}

/* Any other count than `size * n` ends the transfer: it is more than can be right. */
static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct probe_run *run = arg;
    size_t length = size * n, room = run->room - run->n_body;

    if (length > room)
        length = room;
    memcpy(run->body + run->n_body, bytes, length);
    run->n_body += length;
    return length;
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
        run->result.facts.cert_end_s = run->instance->session.cert_end_s;
        run->result.facts.tls_version = run->instance->session.tls_version;
    }
    if (run->operation == S3_PUT) {
        run->layer = FL_LAYER_OPERATE;
        run->layer_start_us = now_us;
        run->operation_start_us = now_us;
    }
    run->mark = tcp_info_mark(run->fd);
    return CURL_PREREQFUNC_OK;
}

/* ---- the requests ---- */

#define SET(option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool add_header(struct probe_run *run, const char *line)
{
    struct curl_slist *more = curl_slist_append(run->headers, line);

    if (more)
        run->headers = more;
    return more != NULL;
}

static bool set_headers(struct probe_run *run, CURL *easy)
{
    /* SHA-256 of nothing */
    static const char empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const bool put = run->operation == S3_PUT;
    char line[128];

    curl_slist_free_all(run->headers);
    run->headers = NULL;
    (void)snprintf(line, sizeof(line), "x-amz-content-sha256: %s", put ? run->hash : empty);
    return add_header(run, line) &&
           (!put || add_header(run, "Content-Type: application/octet-stream")) &&
           SET(CURLOPT_HTTPHEADER, run->headers);
}

static bool set_login(struct probe_run *run, CURL *easy)
{
    const struct s3_settings *settings = run->instance->settings;
    char secret[SECRET_SIZE];
    bool ok = secret_read(run->instance->env->secrets_path, settings->secret_file, secret,
                          sizeof(secret), NULL) == 0;

    ok = ok && SET(CURLOPT_AWS_SIGV4, run->instance->signing) &&
         SET(CURLOPT_USERNAME, settings->key) && SET(CURLOPT_PASSWORD, secret);
    secret_forget(secret, sizeof(secret));
    return ok;
}

static bool set_method(struct probe_run *run, CURL *easy)
{
    switch (run->operation) {
    case S3_PUT:
        return SET(CURLOPT_POSTFIELDSIZE, (long)run->instance->settings->size) &&
               SET(CURLOPT_POSTFIELDS, run->object) && SET(CURLOPT_CUSTOMREQUEST, "PUT");
    case S3_GET:
        return SET(CURLOPT_HTTPGET, 1L);
    case S3_HEAD:
        return SET(CURLOPT_NOBODY, 1L);
    default:
        return SET(CURLOPT_HTTPGET, 1L) && SET(CURLOPT_CUSTOMREQUEST, "DELETE");
    }
}

/* libcurl is given a number to connect to, so that it asks no resolver; it never connects. */
static bool set_connection(struct probe_run *run, CURL *easy)
{
    return SET(CURLOPT_CONNECT_TO, run->connect_to) && http_wire_lend(easy, &run->fd) &&
           SET(CURLOPT_PROXY, "") && SET(CURLOPT_NOSIGNAL, 1L) &&
           SET(CURLOPT_FRESH_CONNECT, run->operation == S3_PUT ? 1L : 0L) &&
           SET(CURLOPT_FORBID_REUSE, run->operation == S3_DELETE ? 1L : 0L);
}

static bool set_tls(struct probe_run *run, CURL *easy)
{
    const struct s3_settings *settings = run->instance->settings;

    if (!run->instance->place.tls)
        return true;
    if (settings->ca_file && *settings->ca_file && !SET(CURLOPT_CAINFO, settings->ca_file))
        return false;
    return http_session_use(&run->instance->session, easy, fl_clock_wall() / FL_SECOND) &&
           SET(CURLOPT_CAPATH, NULL) && SET(CURLOPT_CA_CACHE_TIMEOUT, AUTHORITIES_AGE_S) &&
           SET(CURLOPT_SSL_VERIFYPEER, settings->verify ? 1L : 0L) &&
           SET(CURLOPT_SSL_VERIFYHOST, settings->verify ? 2L : 0L);
}

static bool set_request(struct probe_run *run, CURL *easy)
{
    return SET(CURLOPT_URL, run->instance->url) &&
           SET(CURLOPT_PROTOCOLS_STR, run->instance->place.tls ? "https" : "http") &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(CURLOPT_USERAGENT, "faultline") && SET(CURLOPT_HEADERFUNCTION, on_head) &&
           SET(CURLOPT_HEADERDATA, run) && SET(CURLOPT_WRITEFUNCTION, on_body) &&
           SET(CURLOPT_WRITEDATA, run) && SET(CURLOPT_PREREQFUNCTION, on_request) &&
           SET(CURLOPT_PREREQDATA, run) && set_method(run, easy) && set_headers(run, easy) &&
           set_login(run, easy);
}

/* Begin the operation that the run is at. */
static int begin(struct probe_run *run)
{
    CURL *easy = run->transfer.easy;

    curl_easy_reset(easy);
    run->n_head = 0;
    run->n_body = 0;
    run->operation_start_us = fl_clock_monotonic();
    if (!set_connection(run, easy) || !set_request(run, easy) || !set_tls(run, easy))
        return -ENOMEM;
    return http_loop_add(run->instance->loop, &run->transfer);
}

/* The operation went well. */
static void pass(struct probe_run *run)
{
    const int64_t now_us = fl_clock_monotonic();
    const enum fl_step step = operations[run->operation].step;

    if (run->operation == S3_PUT || run->operation == S3_GET)
        run->result.step_us[step] = now_us - run->operation_start_us;
    if (run->operation == S3_DELETE) {
        run->result.ok = true;
        run->result.phase_us[FL_LAYER_OPERATE] = now_us - run->layer_start_us;
        tcp_info_read(run->fd, &run->mark, &run->result.tcp);
        finish(run);
        return;
    }
    run->operation++;
    http_loop_remove(run->instance->loop, &run->transfer);
    if (begin(run) < 0)
        finish_failed(run, FL_FAILURE_LOCAL);
}

static void on_transfer(CURLcode code, void *arg)
{
    struct probe_run *run = arg;
    const bool too_much = code == CURLE_WRITE_ERROR && run->n_body == run->room;
    enum fl_failure failure;

    if (too_much)
        failure = FL_FAILURE_CONTENT;
    else if (code != CURLE_OK)
        failure = http_wire_failure(run->transfer.easy, code, run->fd, false);
    else
        failure = judge(run);
    if (failure == FL_FAILURE_NONE)
        pass(run);
    else
        finish_failed(run, failure);
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
    run->layer = run->instance->place.tls ? FL_LAYER_TLS : FL_LAYER_OPERATE;
    run->layer_start_us = fl_clock_monotonic();
    run->transfer = (struct http_transfer){curl_easy_init(), on_transfer, run};
    if (!run->transfer.easy || begin(run) < 0)
        finish_failed(run, FL_FAILURE_LOCAL);
}

static bool make_object(struct probe_run *run)
{
    struct probe_instance *instance = run->instance;
    const size_t size = (size_t)instance->settings->size;
    uint8_t digest[SHA256_DIGEST_LENGTH];

    run->room = MAX_SIZE;
    run->object = malloc(size);
    run->body = malloc(run->room + 1);
    run->connect_to = curl_slist_append(NULL, "::127.0.0.1:");
    if (!run->object || !run->body || !run->connect_to)
        return false;
    pattern_fill(run->object, size, instance->writer, ++instance->round);
    (void)SHA256(run->object, size, digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        (void)snprintf(run->hash + 2 * i, 3, "%02x", digest[i]);
    return true;
}

static int s3_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                    struct probe_run **ret)
{
    struct probe_run *run = calloc(1, sizeof(*run));
    int r;

    if (!run)
        return -ENOMEM;
    run->instance = instance;
    run->done = done;
    run->arg = arg;
    run->fd = -1;
    if (instance->left_fd >= 0)
        drop_pool(instance);
    r = instance->loop ? 0 : http_loop_new(instance->env->base, &instance->loop);
    if (r == 0 && !make_object(run))
        r = -ENOMEM;
    if (r == 0)
        r = stream_start(instance->env, instance->host, instance->port, on_stream, run,
                         &run->stream);
    if (r < 0) {
        run_free(run);
        return r;
    }
    *ret = run;
    return 0;
}

static bool s3_cancel(struct probe_run *run)
{
    run->result.ok = false;
    run_free(run);
    return true;
}

static bool s3_expire(struct probe_run *run, struct fl_result *result)
{
    if (run->stream) {
        http_session_forget(&run->instance->session);
        stream_expire(run->stream, &run->result);
    } else {
        note_failure(run, FL_FAILURE_TIMEOUT);
    }
    *result = run->result;
    return s3_cancel(run);
}

/* ---- the settings ---- */

/* Where the bucket is: its place and URL, with a slash at the end. */
static int find_bucket(const struct s3_settings *settings, struct http_place *place,
                       char url[URL_SIZE], struct fl_error *err)
{
    const char *rest = strstr(settings->endpoint, "://");
    size_t scheme = rest ? (size_t)(rest + 3 - settings->endpoint) : 0;
    size_t length = rest ? strcspn(rest + 3, "/?#@") : 0;
    bool virtual = settings->style == S3_VIRTUAL;

    if (length == 0 || (rest[3 + length] && strcmp(rest + 3 + length, "/") != 0))
        return fl_error_set(err, -EINVAL,
                            "\"endpoint\" is \"%.128s\"; it must be http://HOST:PORT or "
                            "https://HOST:PORT",
                            settings->endpoint);
    for (const char *c = settings->bucket; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
            return fl_error_set(err, -EINVAL,
                                "\"bucket\" is \"%s\"; allowed are letters, digits, \"-\", \".\" "
                                "and \"_\"",
                                settings->bucket);
    if (virtual)
        (void)snprintf(url, URL_SIZE, "%.*s%s.%.*s/", (int)scheme, settings->endpoint,
                       settings->bucket, (int)length, rest + 3);
    else
        (void)snprintf(url, URL_SIZE, "%.*s/%s/", (int)(scheme + length), settings->endpoint,
                       settings->bucket);
    if (http_request_place(url, place) < 0)
        return fl_error_set(err, -EINVAL,
                            "\"endpoint\" is \"%.128s\"; with a bucket it makes no URL of http or "
                            "https",
                            settings->endpoint);
    return 0;
}

static int s3_check(const void *settings, struct fl_error *err)
{
    struct http_place place;
    char url[URL_SIZE];

    return find_bucket(settings, &place, url, err);
}

static int s3_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                   const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    size_t used;
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = settings;
    instance->left_fd = -1;
    r = find_bucket(settings, &instance->place, instance->url, err);
    if (r == 0)
        r = fl_daemon_random(&instance->writer, sizeof(instance->writer), err);
    if (r < 0) {
        free(instance);
        return r;
    }
    (void)snprintf(instance->host, sizeof(instance->host), "%s", instance->place.host);
    instance->port = instance->place.port;
    if (instance->settings->address)
        (void)fl_address_split(instance->settings->address, instance->host, sizeof(instance->host),
                               &instance->port, NULL);
    used = strlen(instance->url);
    (void)snprintf(instance->url + used, sizeof(instance->url) - used,
                   "faultline-probe-%016" PRIx64, instance->writer);
    (void)snprintf(instance->signing, sizeof(instance->signing), "aws:amz:%s:s3",
                   instance->settings->region);
    *ret = instance;
    return 0;
}

static void s3_close(struct probe_instance *instance)
{
    drop_pool(instance);
    http_session_done(&instance->session);
    free(instance);
}

const struct probe_type probe_s3 = {
    .name = "s3",
    .summary = "puts a small object into a bucket, reads it back and deletes it",
    .options = s3_options,
    .settings_size = sizeof(struct s3_settings),
    .check = s3_check,
    .open = s3_open,
    .close = s3_close,
    .start = s3_start,
    .expire = s3_expire,
    .cancel = s3_cancel,
};
