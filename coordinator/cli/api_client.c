#include "coordinator/cli/api_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ANSWER (64 << 20) /* bytes: the matrix of the largest fleet */
#define URL_SIZE 2048

struct api_client {
    char *address; /* without "/" at its end */
    CURL *curl;
    char *answer;
    size_t size, room;
    bool too_large;
};

int api_client_new(const char *address, struct api_client **ret, struct fl_error *err)
{
    struct api_client *client = calloc(1, sizeof(*client));
    size_t size = strlen(address);

    if (!client)
        return fl_error_set(err, -ENOMEM, "no memory");
    while (size > 0 && address[size - 1] == '/')
        size--;
    client->address = strndup(address, size);
    client->curl = curl_easy_init();
    if (!client->address || !client->curl) {
        api_client_free(client);
        return fl_error_set(err, -ENOMEM, "no memory");
    }
    *ret = client;
    return 0;
}

struct api_client *api_client_free(struct api_client *client)
{
    if (!client)
        return NULL;
    curl_easy_cleanup(client->curl);
    curl_global_cleanup();
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

static int set_up(struct api_client *client, const char *path, int64_t timeout_us,
                  struct fl_error *err)
{
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

/* What else the answer says than what was asked for. */
static int refused(const struct api_client *client, long status, const json_t *json,
                   struct fl_error *err)
{
    const char *error = json_string_value(json_object_get(json, "error"));

    if (!error)
        return fl_error_set(err, -EPROTO, "what answers at %s is no coordinator (HTTP status %ld)",
                            client->address, status);
    return fl_error_set(err, status == 404 ? -ENOENT : -EAGAIN, "the coordinator says: %s", error);
}

int api_client_get(struct api_client *client, const char *path, int64_t timeout_us, json_t **ret,
                   struct fl_error *err)
{
    long status = 0;
    json_t *json;
    CURLcode code;
    int r = set_up(client, path, timeout_us, err);

    if (r < 0)
        return r;
    code = curl_easy_perform(client->curl);
    if (code != CURLE_OK)
        return transfer_failed(client, code, err);
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    json = json_loadb(client->answer ? client->answer : "", client->size, 0, NULL);
    if (status != 200 || !json_is_object(json)) {
        r = refused(client, status, json, err);
        json_decref(json);
        return r;
    }
    *ret = json;
    return 0;
}
