#include "coordinator/config_bucket.h"

#include "proto/runtime/fl_yaml.h"
#include "proto/types/fl_time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TEXT 4000
#define FIELD(name) offsetof(struct config_bucket, name)

static const char *const styles[] = {"path", "virtual", NULL};

const struct fl_option config_bucket_options[] = {
    {"endpoint", FL_OPTION_STRING, FIELD(endpoint), 1, 300, NULL, NULL,
     "http://HOST:PORT or https://HOST:PORT of the store"},
    {"bucket", FL_OPTION_STRING, FIELD(bucket), 1, 63, NULL, NULL,
     "bucket that the snapshot is put into, which must be there"},
    {"prefix", FL_OPTION_STRING, FIELD(prefix), 1, 200, FL_OPTION_UNSET, NULL,
     "what the names of the objects begin with, up to a /"},
    {"style", FL_OPTION_CHOICE, FIELD(style), 0, 0, "path", styles,
     "whether the bucket is in the path or, as a virtual host, in the name"},
    {"region", FL_OPTION_STRING, FIELD(region), 1, 64, "us-east-1", NULL,
     "region that requests are signed for"},
    {"key", FL_OPTION_STRING, FIELD(key), 1, 256, NULL, NULL, "access key, which is no secret"},
    {"secret_file", FL_OPTION_STRING, FIELD(secret_file), 1, MAX_TEXT, NULL, NULL,
     "file with the secret key"},
    {"ca_file", FL_OPTION_STRING, FIELD(ca_file), 1, MAX_TEXT, FL_OPTION_UNSET, NULL,
     "certificates to trust in the place of the system's"},
    {"timeout", FL_OPTION_DURATION, FIELD(timeout_us), FL_SECOND, FL_MINUTE, "10s", NULL,
     "how long putting one object may take"},
    {0},
};

/* What needs no escaping in a path, so that what is signed is what is sent. */
static bool is_plain(const char *text, const char *more)
{
    return text[strspn(text, more)] == '\0';
}

#define NAME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"

static int check(const struct fl_yaml_node *map, const struct config_bucket *bucket,
                 struct fl_error *err)
{
    const char *host = strstr(bucket->endpoint, "://");
    size_t scheme = host ? (size_t)(host - bucket->endpoint) : 0;

    if (!host ||
        (strncmp(bucket->endpoint, "http", scheme) != 0 &&
         strncmp(bucket->endpoint, "https", scheme) != 0) ||
        !host[3] || !is_plain(host + 3, NAME ":[]"))
        return fl_yaml_error(fl_yaml_get(map, "endpoint"), err, -EINVAL,
                             "field \"endpoint\" is \"%.64s\"; it must be http://HOST:PORT or "
                             "https://HOST:PORT",
                             bucket->endpoint);
    if (!is_plain(bucket->bucket, NAME))
        return fl_yaml_error(fl_yaml_get(map, "bucket"), err, -EINVAL,
                             "field \"bucket\" is \"%.64s\"; allowed are letters, digits, \"-\", "
                             "\".\" and \"_\"",
                             bucket->bucket);
    if (bucket->prefix && (!is_plain(bucket->prefix, NAME "/") || bucket->prefix[0] == '/' ||
                           strstr(bucket->prefix, "..")))
        return fl_yaml_error(fl_yaml_get(map, "prefix"), err, -EINVAL,
                             "field \"prefix\" is \"%.64s\"; allowed are letters, digits, \"-\", "
                             "\".\", \"_\" and \"/\", but not at the beginning and no \"..\"",
                             bucket->prefix);
    return 0;
}

int config_bucket_read(const struct fl_yaml_node *map, struct config_bucket *ret,
                       struct fl_error *err)
{
    int r = fl_yaml_options(map, config_bucket_options, NULL, ret, err);

    return r == 0 ? check(map, ret, err) : r;
}

void config_bucket_done(struct config_bucket *bucket)
{
    fl_options_done(config_bucket_options, bucket);
}

static bool copy_text(const char *from, char **ret)
{
    *ret = from ? strdup(from) : NULL;
    return *ret || !from;
}

int config_bucket_copy(const struct config_bucket *from, struct config_bucket *ret)
{
    *ret = (struct config_bucket){.style = from->style, .timeout_us = from->timeout_us};
    if (copy_text(from->endpoint, &ret->endpoint) && copy_text(from->bucket, &ret->bucket) &&
        copy_text(from->prefix, &ret->prefix) && copy_text(from->region, &ret->region) &&
        copy_text(from->key, &ret->key) && copy_text(from->secret_file, &ret->secret_file) &&
        copy_text(from->ca_file, &ret->ca_file))
        return 0;
    config_bucket_done(ret);
    return -ENOMEM;
}

void config_bucket_url(const struct config_bucket *bucket, char *url, size_t size)
{
    const char *host = strstr(bucket->endpoint, "://") + 3;
    const char *prefix = bucket->prefix ? bucket->prefix : "";
    const char *slash = *prefix && prefix[strlen(prefix) - 1] != '/' ? "/" : "";

    if (bucket->style == CONFIG_BUCKET_VIRTUAL)
        (void)snprintf(url, size, "%.*s%s.%s/%s%s", (int)(host - bucket->endpoint),
                       bucket->endpoint, bucket->bucket, host, prefix, slash);
    else
        (void)snprintf(url, size, "%s/%s/%s%s", bucket->endpoint, bucket->bucket, prefix, slash);
}
