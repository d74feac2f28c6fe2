/* A POST of what happened. It may come more than once, under the same Idempotency-Key, and bears
 * the time and a signature of both: HMAC-SHA256 over "TIME.BODY". */
#include "coordinator/notify/message.h"
#include "coordinator/notify/post.h"
#include "proto/runtime/fl_secret.h"

#include <errno.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_SECRET 16
#define SIGNATURE_FIELD_SIZE 160

static int sign(const char *path, long long now, const char *body, char *field, size_t size,
                struct fl_error *err)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    char *secret = NULL, *signed_text = malloc(strlen(body) + 32);
    size_t secret_size = 0;
    unsigned mac_size = 0;
    int n, used,
        r = signed_text ? fl_secret_read(path, MIN_SECRET, &secret, &secret_size, err)
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
    fl_secret_free(secret, secret_size);
    free(signed_text);
    return 0;
}

static int deliver(const struct notify_settings *settings, const struct notify_message *message,
                   struct fl_error *err)
{
    char key[NOTIFY_KEY_SIZE + 32], signature[SIGNATURE_FIELD_SIZE];
    const char *fields[] = {key, NULL, NULL};
    char *text = message_json(settings, message);
    int r = 0;

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

static const char *const needs[] = {"url", NULL};
static const char *const knows[] = {"secret_file", "ca_file", NULL};

const struct notify_type notify_webhook = {
    .name = "webhook",
    .summary = "a signed POST of verdict events as JSON",
    .needs = needs,
    .knows = knows,
    .schemes = notify_post_schemes,
    .deliver = deliver,
};
