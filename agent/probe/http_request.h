/* The settings of the types http and https, and what is made of them once: where to connect,
 * what to send, which answers are good. */
#pragma once

#include "proto/types/fl_option.h"

#include <curl/curl.h>

#define HTTP_MAX_STATUS_RANGES 8

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS };

struct http_settings {
    char *url;
    int64_t method; /* enum http_method */
    char *status;
    char *body;
    char *header;
    /* https alone */
    char *ca_file;
    bool verify;
    char *server_name;
};

extern const struct fl_option http_options[];
extern const struct fl_option https_options[];
extern const char *const http_method_names[];

struct http_request {
    char host[256]; /* to connect to */
    uint16_t port;
    char *url;                  /* its host is the name that the certificate must bear */
    struct curl_slist *headers; /* NULL: none */
    size_t n_statuses;
    struct {
        int64_t first, last;
    } statuses[HTTP_MAX_STATUS_RANGES];
};

/* `scheme` is "http" or "https". 0, -EINVAL with what was read and what is allowed, or -ENOMEM. */
int http_request_init(struct http_request *request, const struct http_settings *settings,
                      const char *scheme, struct fl_error *err);
void http_request_done(struct http_request *request);

bool http_request_accepts(const struct http_request *request, int64_t status);
