#include "coordinator/list_fetch.h"

#include "proto/runtime/fl_secret.h"
#include "proto/types/fl_time.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TYPE "application/json"

struct transfer {
    bool (*is_ending)(void *arg);
    void *arg;
    char *bytes;
    size_t size, room;
    bool too_large;
};

static bool make_room(struct transfer *transfer, size_t size)
{
    size_t room = transfer->room ? transfer->room : 4096;
    char *bytes;

    if (size <= transfer->room)
        return true;
    while (room < size)
        room *= 2;
    bytes = realloc(transfer->bytes, room);
    if (!bytes)
        return false;
    transfer->bytes = bytes;
    transfer->room = room;
    return true;
}

static size_t on_bytes(char *bytes, size_t one, size_t n, void *arg)
{
    struct transfer *transfer = arg;
    size_t size = one * n;

    transfer->too_large = size > CONFIG_MAX_LIST_BYTES - transfer->size;
    if (transfer->too_large || !make_room(transfer, transfer->size + size))
        return 0;
    memcpy(transfer->bytes + transfer->size, bytes, size);
    transfer->size += size;
    return size;
}

/* curl asks this about once a second. */
static int is_over(void *arg, curl_off_t down, curl_off_t downloaded, curl_off_t up,
                   curl_off_t uploaded)
{
    const struct transfer *transfer = arg;

    (void)down;
    (void)downloaded;
    (void)up;
    (void)uploaded;
    return transfer->is_ending(transfer->arg);
}

/* curl copies what it is told. */
static int set_secret(CURL *easy, const struct config_list *list, struct fl_error *err)
{
    const char *path = list->bearer_file ? list->bearer_file : list->password_file;
    char *secret = NULL;
    size_t size = 0;
    int r;

    if (!path)
        return 0;
    r = fl_secret_read(path, 1, &secret, &size, err);
    if (r < 0)
        return r;
    if (list->bearer_file) {
        (void)curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        (void)curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, secret);
    } else {
        (void)curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        (void)curl_easy_setopt(easy, CURLOPT_USERNAME, list->user);
        (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, secret);
    }
    fl_secret_free(secret, size);
    return 0;
}

static void set(CURL *easy, const struct config_list *list, const struct curl_slist *fields,
                struct transfer *transfer)
{
    (void)curl_easy_setopt(easy, CURLOPT_URL, list->url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, is_over);
    (void)curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(list->timeout_us / FL_MS));
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "faultline");
    if (list->ca_file)
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, list->ca_file);
}

static int judge(CURL *easy, CURLcode code, const struct transfer *transfer, struct fl_error *err)
{
    const char *type = NULL;
    long status = 0;

    if (transfer->too_large)
        return fl_error_set(err, -E2BIG, "it is larger than %d MiB",
                            CONFIG_MAX_LIST_BYTES / 1024 / 1024);
    if (code != CURLE_OK)
        return fl_error_set(err, -EAGAIN, "%s", curl_easy_strerror(code));
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return fl_error_set(err, -EAGAIN, "it answered with status %ld", status);
    (void)curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    if (!type || strncasecmp(type, TYPE, strlen(TYPE)) != 0)
        return fl_error_set(err, -EINVAL, "it is of the type \"%.64s\"; allowed is " TYPE,
                            type ? type : "");
    return 0;
}

int list_fetch(const struct config_list *list, bool (*is_ending)(void *arg), void *arg, char **ret,
               size_t *ret_size, struct fl_error *err)
{
    struct transfer transfer = {.is_ending = is_ending, .arg = arg};
    struct curl_slist *fields = curl_slist_append(NULL, "Accept: " TYPE);
    CURL *easy = curl_easy_init();
    int r = -EAGAIN;

    if (easy && fields && make_room(&transfer, 1)) {
        set(easy, list, fields, &transfer);
        r = set_secret(easy, list, err);
        if (r == 0)
            r = judge(easy, curl_easy_perform(easy), &transfer, err);
    } else {
        (void)fl_error_set(err, r, "no memory");
    }
    curl_easy_cleanup(easy);
    curl_slist_free_all(fields);
    if (r < 0) {
        free(transfer.bytes);
        return r;
    }
    *ret = transfer.bytes;
    *ret_size = transfer.size;
    return 0;
}
