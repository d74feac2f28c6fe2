#include "coordinator/etcd.h"

#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ANSWER (32u << 20)
#define MAX_PASSWORD 1024
#define OK 200
#define BAD_REQUEST 400
#define FORBIDDEN 403

struct request {
    struct etcd *etcd; /* NULL: free */
    CURL *easy;
    struct curl_slist *head;
    char *body;
    char *answer;
    size_t size;
    int64_t sent_us;
    bool authenticates;
    size_t endpoint;
    etcd_done_cb done;
    uint64_t tag;
    void *arg;
};

struct etcd {
    const struct config_lease *config;
    struct event_base *base;
    CURLM *multi;
    struct event *timer, *reap;
    size_t endpoint;
    char *token; /* NULL: none yet, or none is needed */
    bool authenticating;
    int64_t authenticated_us; /* when last tried: what it costs etcd is meant to be much */
    struct etcd_stats stats;
    struct request requests[ETCD_REQUESTS];
};

static size_t collect(char *bytes, size_t size, size_t n, void *arg)
{
    struct request *request = arg;
    size_t more = size * n;
    char *room;

    if (request->size + more > MAX_ANSWER)
        return 0;
    room = realloc(request->answer, request->size + more + 1);
    if (!room)
        return 0;
    memcpy(room + request->size, bytes, more);
    request->answer = room;
    request->size += more;
    room[request->size] = '\0';
    return more;
}

static void release(struct request *request)
{
    if (request->easy) {
        (void)curl_multi_remove_handle(request->etcd->multi, request->easy);
        curl_easy_cleanup(request->easy);
    }
    curl_slist_free_all(request->head);
    free(request->body);
    free(request->answer);
    *request = (struct request){.etcd = NULL};
}

/* The next one is asked from now on, unless others have moved on already. */
static void complain(struct etcd *etcd, const struct request *request, const char *why)
{
    etcd->stats.failures++;
    (void)snprintf(etcd->stats.last_error, sizeof(etcd->stats.last_error), "%.100s: %.140s",
                   etcd->config->etcd[request->endpoint], why);
    if (request->endpoint == etcd->endpoint)
        etcd->endpoint = (etcd->endpoint + 1) % etcd->config->n_etcd;
}

static json_t *judge(struct request *request, CURLcode code)
{
    struct etcd *etcd = request->etcd;
    const char *said;
    json_t *json = NULL;
    long status = 0;

    if (!request->easy)
        return NULL; /* it was not even sent */
    if (code != CURLE_OK) {
        complain(etcd, request, curl_easy_strerror(code));
        return NULL;
    }
    (void)curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    json = request->answer ? json_loadb(request->answer, request->size, 0, NULL) : NULL;
    if (status == OK && json_is_object(json)) {
        etcd->stats.answers++;
        return json;
    }
    said = json_string_value(json_object_get(json, "error"));
    complain(etcd, request, said ? said : "an answer that is none");
    if (status >= BAD_REQUEST && status <= FORBIDDEN)
        free(FL_TAKE(etcd->token)); /* it may have come of age */
    json_decref(json);
    return NULL;
}

static void finish(struct request *request, CURLcode code)
{
    json_t *json = judge(request, code);
    const struct request was = *request;
    const char *token;

    if (was.authenticates) {
        was.etcd->authenticating = false;
        token = json_string_value(json_object_get(json, "token"));
        free(was.etcd->token);
        was.etcd->token = token ? strdup(token) : NULL;
    }
    release(request);
    if (was.done)
        was.done(json, was.sent_us, was.tag, was.arg);
    json_decref(json);
}

static void tell_ended(struct etcd *etcd)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(etcd->multi, &left)) != NULL) {
        struct request *request = NULL;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
        finish(request, code);
    }
}

static void act(struct etcd *etcd, curl_socket_t fd, int what)
{
    int running;

    (void)curl_multi_socket_action(etcd->multi, fd, what, &running);
    tell_ended(etcd);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    act(arg, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* Requests that could not even be sent. */
static void on_reap(evutil_socket_t fd, short what, void *arg)
{
    struct etcd *etcd = arg;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < ETCD_REQUESTS; i++)
        if (etcd->requests[i].etcd && !etcd->requests[i].easy)
            finish(&etcd->requests[i], CURLE_FAILED_INIT);
}

static int on_wanted_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct etcd *etcd = arg;
    const struct timeval wait = {timeout_ms / 1000, timeout_ms % 1000 * 1000};

    (void)multi;
    return timeout_ms < 0 ? event_del(etcd->timer) : event_add(etcd->timer, &wait);
}

static int on_wanted_socket(CURL *easy, curl_socket_t fd, int wanted, void *arg, void *socket_arg)
{
    struct etcd *etcd = arg;
    struct event *event = socket_arg;
    short what = EV_PERSIST;

    (void)easy;
    if (event)
        event_free(event);
    (void)curl_multi_assign(etcd->multi, fd, NULL);
    if (wanted == CURL_POLL_REMOVE)
        return 0;
    what |= wanted & CURL_POLL_IN ? EV_READ : 0;
    what |= wanted & CURL_POLL_OUT ? EV_WRITE : 0;
    event = event_new(etcd->base, fd, what, on_socket, etcd);
    if (!event || event_add(event, NULL) < 0) { /* the request then ends by its deadline */
        if (event)
            event_free(event);
        return 0;
    }
    (void)curl_multi_assign(etcd->multi, fd, event);
    return 0;
}

static struct request *room(struct etcd *etcd)
{
    for (size_t i = 0; i < ETCD_REQUESTS; i++)
        if (!etcd->requests[i].etcd)
            return &etcd->requests[i];
    return NULL;
}

static bool set_head(struct request *request)
{
    const char *token = request->authenticates ? NULL : request->etcd->token;
    char line[1024];

    request->head = curl_slist_append(NULL, "Content-Type: application/json");
    if (request->head && token) {
        struct curl_slist *more;

        (void)snprintf(line, sizeof(line), "Authorization: %s", token);
        more = curl_slist_append(request->head, line);
        if (!more)
            return false;
        request->head = more;
    }
    return request->head != NULL;
}

/* A member that has lost the others does not answer; another one has to be asked while the lease
 * still lives. */
static void set_up(struct request *request, const char *url)
{
    const struct config_lease *config = request->etcd->config;
    long timeout_ms = (long)(config->ttl_us / 4 / FL_MS);
    CURL *easy = request->easy;

    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->head);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "faultline");
    if (config->ca_file)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
    if (config->certificate_file) {
        (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, config->certificate_file);
        (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, config->key_file);
    }
}

static void start(struct request *request, const char *path)
{
    struct etcd *etcd = request->etcd;
    char url[1400];

    (void)snprintf(url, sizeof(url), "%s%s", etcd->config->etcd[request->endpoint], path);
    request->easy = request->body && set_head(request) ? curl_easy_init() : NULL;
    if (request->easy) {
        set_up(request, url);
        if (curl_multi_add_handle(etcd->multi, request->easy) == CURLM_OK)
            return;
        curl_easy_cleanup(FL_TAKE(request->easy));
    }
    event_active(etcd->reap, EV_TIMEOUT, 0);
}

static struct request *prepare(struct etcd *etcd, json_t *body)
{
    struct request *request = room(etcd);

    if (request)
        *request = (struct request){.etcd = etcd,
                                    .endpoint = etcd->endpoint,
                                    .sent_us = fl_clock_monotonic(),
                                    .body = body ? json_dumps(body, JSON_COMPACT) : NULL};
    json_decref(body);
    return request;
}

static void authenticate(struct etcd *etcd)
{
    struct request *request;
    char *password = NULL;
    size_t size = 0;
    struct fl_error err;

    if (etcd->authenticating || fl_clock_monotonic() - etcd->authenticated_us < FL_SECOND ||
        fl_daemon_read_file(etcd->config->password_file, MAX_PASSWORD, &password, &size, &err) < 0)
        return;
    while (size > 0 && (password[size - 1] == '\n' || password[size - 1] == '\r'))
        password[--size] = '\0';
    request =
        prepare(etcd, json_pack("{s:s, s:s}", "name", etcd->config->user, "password", password));
    explicit_bzero(password, size);
    free(password);
    if (!request)
        return;
    request->authenticates = etcd->authenticating = true;
    etcd->authenticated_us = request->sent_us;
    start(request, "/v3/auth/authenticate");
}

void etcd_post(struct etcd *etcd, const char *path, json_t *body, etcd_done_cb done, uint64_t tag,
               void *arg)
{
    struct request *request;

    if (etcd->config->user && !etcd->token)
        authenticate(etcd);
    request = prepare(etcd, body);
    if (!request)
        return;
    request->done = done;
    request->tag = tag;
    request->arg = arg;
    if (etcd->config->user && !etcd->token)
        event_active(etcd->reap, EV_TIMEOUT, 0); /* asked again when there is one */
    else
        start(request, path);
}

void etcd_post_last(struct etcd *etcd, const char *path, json_t *body, int64_t timeout_us)
{
    int64_t end_us = fl_clock_monotonic() + timeout_us;
    int running = 1;

    for (size_t i = 0; i < ETCD_REQUESTS; i++)
        if (etcd->requests[i].etcd)
            release(&etcd->requests[i]);
    etcd_post(etcd, path, body, NULL, 0, NULL);
    while (running > 0 && fl_clock_monotonic() < end_us) {
        (void)curl_multi_perform(etcd->multi, &running);
        if (running > 0)
            (void)curl_multi_poll(etcd->multi, NULL, 0, 20, NULL);
    }
}

int etcd_new(struct event_base *base, const struct config_lease *config, struct etcd **ret,
             struct fl_error *err)
{
    FL_CLEANUP(etcd_freep) struct etcd *etcd = calloc(1, sizeof(*etcd));

    if (!etcd || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return fl_error_set(err, -ENOMEM, "no memory for etcd");
    etcd->config = config;
    etcd->base = base;
    etcd->multi = curl_multi_init();
    etcd->timer = evtimer_new(base, on_timer, etcd);
    etcd->reap = evtimer_new(base, on_reap, etcd);
    if (!etcd->multi || !etcd->timer || !etcd->reap ||
        curl_multi_setopt(etcd->multi, CURLMOPT_SOCKETFUNCTION, on_wanted_socket) != CURLM_OK ||
        curl_multi_setopt(etcd->multi, CURLMOPT_SOCKETDATA, etcd) != CURLM_OK ||
        curl_multi_setopt(etcd->multi, CURLMOPT_TIMERFUNCTION, on_wanted_timer) != CURLM_OK ||
        curl_multi_setopt(etcd->multi, CURLMOPT_TIMERDATA, etcd) != CURLM_OK)
        return fl_error_set(err, -ENOMEM, "no memory for etcd");
    *ret = FL_TAKE(etcd);
    return 0;
}

struct etcd *etcd_free(struct etcd *etcd)
{
    if (!etcd)
        return NULL;
    for (size_t i = 0; i < ETCD_REQUESTS; i++)
        if (etcd->requests[i].etcd)
            release(&etcd->requests[i]);
    if (etcd->multi)
        (void)curl_multi_cleanup(etcd->multi);
    if (etcd->timer)
        event_free(etcd->timer);
    if (etcd->reap)
        event_free(etcd->reap);
    free(etcd->token);
    free(etcd);
    return NULL;
}

void etcd_stats(const struct etcd *etcd, struct etcd_stats *ret)
{
    *ret = etcd->stats;
    ret->endpoint = etcd->config->etcd[etcd->endpoint];
}
