/* The map "bucket" of the section "status_page": an object store that speaks S3, into which the
 * snapshot of the page is put. */
#pragma once

#include "proto/types/fl_error.h"
#include "proto/types/fl_option.h"

struct fl_yaml_node;

struct config_bucket {
    char *endpoint; /* http://HOST:PORT or https://HOST:PORT; NULL: there is no bucket */
    char *bucket, *prefix;
    int64_t style; /* enum config_bucket_style */
    char *region, *key;
    char *secret_file, *ca_file; /* paths; ca_file NULL: the system's */
    int64_t timeout_us;
};

enum config_bucket_style { CONFIG_BUCKET_PATH, CONFIG_BUCKET_VIRTUAL };

extern const struct fl_option config_bucket_options[];

int config_bucket_read(const struct fl_yaml_node *map, struct config_bucket *ret,
                       struct fl_error *err);
/* 0 or -ENOMEM, and then `ret` owns nothing. */
int config_bucket_copy(const struct config_bucket *from, struct config_bucket *ret);
void config_bucket_done(struct config_bucket *bucket);

/* "https://store.example/bucket/prefix/" or, as a virtual host, "https://bucket.store.example/
 * prefix/": what names are put behind. Cut when it does not fit. */
void config_bucket_url(const struct config_bucket *bucket, char *url, size_t size);
