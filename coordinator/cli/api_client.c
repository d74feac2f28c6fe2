#include "coordinator/cli/api_client.h"

#include "proto/runtime/fl_daemon.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ANSWER (64 << 20) /* bytes: the matrix of the largest fleet */
#define URL_SIZE 2048
#define MAX_TOKEN 1024

struct api_client {
    char *address; /* without "/" at its end */
    CURL *curl;
    struct curl_slist *headers;
    char *token; /* the whole field; NULL: none */
    char *answer;
    size_t size, room;
    bool too_large;
};

/* From a file, since arguments and environment are everybody's to read. */
static int read_token(struct api_client *client, struct fl_error *err)
{
    const char *file = getenv("FAULTLINE_TOKEN_FILE");
    char *text = NULL;
    size_t size;
    int r;

    if (!file || !*file)
        return 0;
    r = fl_daemon_read_file(file, MAX_TOKEN, &text, &size, err);
    if (r < 0)
        return fl_error_prefix(err, -EINVAL, "FAULTLINE_TOKEN_FILE");
    text[strcspn(text, " \t\r\n")] = '\0';
    r = asprintf(&client->token, "Authorization: Bearer %s", text);
    explicit_bzero(text, size);
    free(text);
    return r < 0 ? fl_error_set(err, -ENOMEM, "no memory") : 0;
}

int api_client_new(const char *address, struct api_client **ret, struct fl_error *err)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = calloc(1, sizeof(*client));
    size_t size = strlen(address);
    int r;

    if (!client)
        return fl_error_set(err, -ENOMEM, "no memory");
    while (size > 0 && address[size - 1] == '/')
        size--;
    client->address = strndup(address, size);
    client->curl = curl_easy_init();
    if (!client->address || !client->curl)
        return fl_error_set(err, -ENOMEM, "no memory");
    r = read_token(client, err);
    if (r == 0)
        *ret = FL_TAKE(client);
    return r;
}

struct api_client *api_client_free(struct api_client *client)
{
    if (!client)
        return NULL;
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    curl_global_cleanup();
    if (client->token)
        explicit_bzero(client->token, strlen(client->token));
    free(client->token);
    free(client->address);
    free(client->answer);
    free(client);
    return NULL;
}

static size_t take(char *bytes, size_t one, size_t n, void *arg)
{
    struct api_client *client = arg;
    size_t room = client->room ? client->room : 64 << 10;
    char *larger;

    (void)one; /* is 1, says the manual */
    if (n > MAX_ANSWER - client->size) {
        client->too_large = true;
        return 0;
    }
    while (room < client->size + n)
        room *= 2;
    if (room != client->room) {
        larger = realloc(client->answer, room);
        if (!larger)
            return 0;
        client->answer = larger;
        client->room = room;
    }
    memcpy(client->answer + client->size, bytes, n);
    client->size += n;
    return n;
}

/* The fields of the request's head. */
static CURLcode set_headers(struct api_client *client, bool has_body)
{
    const char *const wanted[] = {client->token,
                                  has_body ? "Content-Type: application/json" : NULL};

    curl_slist_free_all(client->headers);
    client->headers = NULL;
    for (size_t i = 0; i < FL_COUNT(wanted); i++) {
        struct curl_slist *longer =
            wanted[i] ? curl_slist_append(client->headers, wanted[i]) : client->headers;

        if (wanted[i] && !longer)
            return CURLE_OUT_OF_MEMORY;
        client->headers = longer;
    }
    return curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers);
}

static int set_up(struct api_client *client, const char *path, int64_t timeout_us,
                  struct fl_error *err)
{
    const char *authority = getenv("FAULTLINE_CA_FILE");
    CURL *curl = client->curl;
    char url[URL_SIZE];
    CURLcode c = CURLE_OK;

    if (snprintf(url, sizeof(url), "%s%s", client->address, path) >= (int)sizeof(url))
        return fl_error_set(err, -EINVAL, "the address of the coordinator is too long");
    client->size = 0;
    client->too_large = false;
    curl_easy_reset(curl);
    c = c ? c : curl_easy_setopt(curl, CURLOPT_URL, url);
    c = c ? c : curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    c = c ? c : curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); /* it is on loopback */
    c = c ? c : curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    c = c ? c : curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(timeout_us / FL_MS));
    c = c ? c : curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    c = c ? c : curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
    if (authority && *authority)
        c = c ? c : curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    if (c != CURLE_OK)
        return fl_error_set(err, -ENOMEM, "cannot ask the coordinator: %s", curl_easy_strerror(c));
    return 0;
}

static int transfer_failed(const struct api_client *client, CURLcode code, struct fl_error *err)
{
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return fl_error_set(err, -EINVAL, "\"%s\" is no address of a coordinator; it looks like %s",
                            client->address, "http://127.0.0.1:8570");
    case CURLE_OPERATION_TIMEDOUT:
        return fl_error_set(err, -ETIMEDOUT, "the coordinator at %s does not answer in time",
                            client->address);
    case CURLE_WRITE_ERROR:
        return fl_error_set(err, -E2BIG, "what answers at %s says %s", client->address,
                            client->too_large ? "more than 64 MiB" : "more than there is memory");
    default:
        return fl_error_set(err, -EHOSTUNREACH,
                            "cannot reach the coordinator at %s: %s; is it running, and does "
                            "--api or FAULTLINE_API name its \"api\" address?",
                            client->address, curl_easy_strerror(code));
    }
}

static int code_of(long status)
{
    switch (status) {
    case 404:
        return -ENOENT;
    case 400:
    case 409:
    case 422:
        return -EINVAL;
    default:
        return -EAGAIN;
    }
}

/* What else the answer says than what was asked for. */
static int refused(const struct api_client *client, long status, const json_t *json,
                   struct fl_error *err)
{
    const char *detail = json_string_value(json_object_get(json, "detail"));

    if (!detail)
        return fl_error_set(err, -EPROTO, "what answers at %s is no coordinator (HTTP status %ld)",
                            client->address, status);
    return fl_error_set(err, code_of(status), "the coordinator says: %s", detail);
}

/* Ask, when all is set up but the head. */
static int perform(struct api_client *client, bool has_body, json_t **ret, struct fl_error *err)
{
    CURLcode code = set_headers(client, has_body);
    long status = 0;
    json_t *json;
    int r;

    if (code == CURLE_OK)
        code = curl_easy_perform(client->curl);
    if (code != CURLE_OK)
        return transfer_failed(client, code, err);
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    json = json_loadb(client->answer ? client->answer : "", client->size, 0, NULL);
    if ((status / 100 != 2 || !json_is_object(json)) && status != 204) {
        r = refused(client, status, json, err);
        json_decref(json);
        return r;
    }
    *ret = json;
    return 0;
}

int api_client_get(struct api_client *client, const char *path, int64_t timeout_us, json_t **ret,
                   struct fl_error *err)
{
    int r = set_up(client, path, timeout_us, err);

    return r < 0 ? r : perform(client, false, ret, err);
}

int api_client_send(struct api_client *client, const char *method, const char *path,
                    const json_t *body, int64_t timeout_us, json_t **ret, struct fl_error *err)
{
    int r = set_up(client, path, timeout_us, err);
    char *text = body ? json_dumps(body, JSON_COMPACT) : strdup("");

    if (!text)
        return fl_error_set(err, -ENOMEM, "no memory");
    if (r == 0 && (curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method) != CURLE_OK ||
                   curl_easy_setopt(client->curl, CURLOPT_COPYPOSTFIELDS, text) != CURLE_OK))
        r = fl_error_set(err, -ENOMEM, "no memory");
    free(text);
    return r < 0 ? r : perform(client, body != NULL, ret, err);
}
