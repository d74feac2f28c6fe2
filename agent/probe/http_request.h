/* The settings of the types http and https, and what is made of them once: where to connect,
 * what to send, which answers are good. */
#pragma once

#include "proto/types/fl_option.h"

#include <curl/curl.h>
#include <regex.h>

#define HTTP_MAX_STATUS_RANGES 8

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_OPTIONS,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_PATCH
};
enum http_version { HTTP_1_1, HTTP_2 };
enum http_ip { HTTP_IP_ANY, HTTP_IP_4, HTTP_IP_6 };

struct http_settings {
    char *url;
    int64_t method; /* enum http_method */
    char *status;
    char *body;
    char *header;
    char *data;
    char *match, *reject;
    char *json, *json_value;
    int64_t redirects;
    int64_t version; /* enum http_version */
    int64_t ip;      /* enum http_ip */
    bool compressed;
    char *user, *password_file, *token_file;
    char *proxy;
    /* https alone */
    char *ca_file;
    bool verify;
    char *server_name;
    char *client_certificate;
};

extern const struct fl_option http_options[];
extern const struct fl_option https_options[];
extern const char *const http_method_names[];

/* Where to connect: taken from a URL, or the proxy. */
struct http_place {
    char host[256];
    uint16_t port;
    bool tls;
};

struct http_request {
    struct http_place place;
    struct http_place proxy;    /* an empty host: none */
    char *url;                  /* its host is the name that the certificate must bear */
    struct curl_slist *headers; /* NULL: none */
    size_t n_statuses;
    struct {
        int64_t first, last;
    } statuses[HTTP_MAX_STATUS_RANGES];
    bool has_match, has_reject;
    regex_t match, reject; /* of the body */
};

/* `scheme` is "http" or "https". 0, -EINVAL with what was read and what is allowed, or -ENOMEM. */
int http_request_init(struct http_request *request, const struct http_settings *settings,
                      const char *scheme, struct fl_error *err);
void http_request_done(struct http_request *request);

bool http_request_accepts(const struct http_request *request, int64_t status);

/* Does the body hold what it must, and nothing that it must not? `body` has a NUL at its end, which
 * is not counted in `size`. */
bool http_request_likes(const struct http_request *request, const struct http_settings *settings,
                        const char *body, size_t size);

/* Is the body looked at? */
bool http_request_wants_body(const struct http_settings *settings);

/* The place of an absolute URL of http or https. 0 or -EINVAL. */
int http_request_place(const char *url, struct http_place *ret);
