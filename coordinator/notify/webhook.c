/* A POST of what happened. It may come more than once, under the same Idempotency-Key, and bears
 * the time and a signature of both: HMAC-SHA256 over "TIME.BODY". */
#include "coordinator/notify/post.h"
#include "coordinator/trace/verdict_json.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_SECRET 16
#define MAX_SECRET 1024
#define SIGNATURE_FIELD_SIZE 160

static int read_secret(const char *path, char **ret, size_t *ret_size, struct fl_error *err)
{
    int r = fl_daemon_read_file(path, MAX_SECRET + 1, ret, ret_size, err);

    if (r < 0)
        return fl_error_set(err, -EAGAIN, "its secret \"%s\" cannot be read", path);
    while (*ret_size > 0 && ((*ret)[*ret_size - 1] == '\n' || (*ret)[*ret_size - 1] == '\r'))
        --*ret_size;
    if (*ret_size >= MIN_SECRET && *ret_size <= MAX_SECRET)
        return 0;
    OPENSSL_cleanse(*ret, *ret_size);
    free(*ret);
    return fl_error_set(err, -EAGAIN, "its secret \"%s\" has %zu bytes; allowed are %d to %d", path,
                        *ret_size, MIN_SECRET, MAX_SECRET);
}

static int sign(const char *path, long long now, const char *body, char *field, size_t size,
                struct fl_error *err)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    char *secret = NULL, *signed_text = malloc(strlen(body) + 32);
    size_t secret_size = 0;
    unsigned mac_size = 0;
    int n, used,
        r = signed_text ? read_secret(path, &secret, &secret_size, err)
                        : fl_error_set(err, -EAGAIN, "no memory");

    if (r < 0) {
        free(signed_text);
        return r;
    }
    n = sprintf(signed_text, "%lld.%s", now, body);
    (void)HMAC(EVP_sha256(), secret, (int)secret_size, (const unsigned char *)signed_text,
               (size_t)n, mac, &mac_size);
    used = snprintf(field, size, "X-Faultline-Signature: t=%lld,v1=", now);
    for (unsigned i = 0; i < mac_size; i++)
        used += snprintf(field + used, size - (size_t)used, "%02x", mac[i]);
    OPENSSL_cleanse(secret, secret_size);
    free(secret);
    free(signed_text);
    return 0;
}

static int deliver(const struct notify_settings *settings, const struct notify_message *message,
                   struct fl_error *err)
{
    json_t *body =
        json_pack("{s:i, s:s, s:s, s:I, s:I, s:O}", "version", 1, "receiver", settings->name, "key",
                  message->key, "superseded", (json_int_t)message->superseded, "dropped",
                  (json_int_t)message->dropped, "events", message->events);
    char key[NOTIFY_KEY_SIZE + 32], signature[SIGNATURE_FIELD_SIZE];
    const char *fields[] = {key, NULL, NULL};
    char *text = body ? json_dumps(body, VERDICT_JSON_FLAGS) : NULL;
    int r = 0;

    json_decref(body);
    if (!text)
        return fl_error_set(err, -EAGAIN, "no memory");
    (void)snprintf(key, sizeof(key), "Idempotency-Key: %s", message->key);
    if (settings->secret_file) {
        r = sign(settings->secret_file, (long long)(message->now_us / FL_SECOND), text, signature,
                 sizeof(signature), err);
        fields[1] = signature;
    }
    if (r == 0)
        r = notify_post(settings, message, settings->url, fields, text, err);
    free(text);
    return r;
}

const struct notify_type notify_webhook = {
    .name = "webhook",
    .summary = "a signed POST of verdict events as JSON",
    .deliver = deliver,
};
