#include "agent/probe/http_request.h"

#include "proto/types/fl_limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_STATUS 100
#define MAX_STATUS 599
#define HEADER_SIZE 1024

const char *const http_method_names[] = {"GET", "HEAD", "POST", "OPTIONS", NULL};

#define COMMON_OPTIONS                                                                      \
    {.name = "url",                                                                         \
     .kind = FL_OPTION_STRING,                                                              \
     .offset = offsetof(struct http_settings, url),                                         \
     .min = 8,                                                                              \
     .max = 2048,                                                                           \
     .help = "address of the resource, with its scheme"},                                   \
        {.name = "method",                                                                  \
         .kind = FL_OPTION_CHOICE,                                                          \
         .offset = offsetof(struct http_settings, method),                                  \
         .standard = "GET",                                                                 \
         .choices = http_method_names,                                                      \
         .help = "method of the request"},                                                  \
        {.name = "status",                                                                  \
         .kind = FL_OPTION_STRING,                                                          \
         .offset = offsetof(struct http_settings, status),                                  \
         .min = 3,                                                                          \
         .max = 64,                                                                         \
         .standard = "200-399",                                                             \
         .help = "statuses that are good: numbers and ranges, by commas"},                  \
        {.name = "body",                                                                    \
         .kind = FL_OPTION_STRING,                                                          \
         .offset = offsetof(struct http_settings, body),                                    \
         .max = FL_MAX_SETTING_VALUE,                                                       \
         .standard = FL_OPTION_UNSET,                                                       \
         .help = "text that the first 64 KiB of the answer must contain"},                  \
    {                                                                                       \
        .name = "header", .kind = FL_OPTION_STRING,                                         \
        .offset = offsetof(struct http_settings, header), .max = FL_MAX_SETTING_VALUE,      \
        .standard = FL_OPTION_UNSET, .help = "headers to send, \"Name: value\", one a line" \
    }

const struct fl_option http_options[] = {COMMON_OPTIONS, {0}};

const struct fl_option https_options[] = {
    COMMON_OPTIONS,
    {.name = "ca_file",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct http_settings, ca_file),
     .max = FL_MAX_SETTING_VALUE - 1,
     .standard = FL_OPTION_UNSET,
     .help = "file of the certificate authorities to trust; the system's when left out"},
    {.name = "verify",
     .kind = FL_OPTION_BOOL,
     .offset = offsetof(struct http_settings, verify),
     .standard = "true",
     .help = "whether the certificate must be valid"},
    {.name = "server_name",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct http_settings, server_name),
     .max = 253,
     .standard = FL_OPTION_UNSET,
     .help = "name that the certificate must bear; the address's host when left out"},
    {0},
};

/* Read "200" or "200-399" at `text`; the character after it, or NULL. */
static const char *read_range(const char *text, int64_t *ret_first, int64_t *ret_last)
{
    char *end;

    *ret_first = strtol(text, &end, 10);
    *ret_last = *ret_first;
    if (end == text)
        return NULL;
    if (*end == '-') {
        text = end + 1;
        *ret_last = strtol(text, &end, 10);
        if (end == text)
            return NULL;
    }
    return *ret_first >= MIN_STATUS && *ret_last <= MAX_STATUS && *ret_first <= *ret_last ? end
                                                                                          : NULL;
}

static int read_statuses(struct http_request *request, const char *text, struct fl_error *err)
{
    const char *at = text;

    while (request->n_statuses < HTTP_MAX_STATUS_RANGES) {
        size_t n = request->n_statuses++;

        at = read_range(at, &request->statuses[n].first, &request->statuses[n].last);
        if (!at || *at == '\0')
            break;
        if (*at++ != ',')
            break;
    }
    if (at && *at == '\0')
        return 0;
    return fl_error_set(err, -EINVAL,
                        "setting \"status\": cannot read \"%s\": allowed are up to %d numbers and "
                        "ranges from %d to %d separated by commas, as in \"200-299,304\"",
                        text, HTTP_MAX_STATUS_RANGES, MIN_STATUS, MAX_STATUS);
}

static int add_header(struct http_request *request, const char *line, struct fl_error *err)
{
    struct curl_slist *longer;

    if (!strchr(line, ':') || *line == ':' || strpbrk(line, "\r\n"))
        return fl_error_set(err, -EINVAL,
                            "setting \"header\": cannot read \"%s\": write \"Name: value\", one "
                            "a line",
                            line);
    longer = curl_slist_append(request->headers, line);
    if (!longer)
        return fl_error_set(err, -ENOMEM, "out of memory");
    request->headers = longer;
    return 0;
}

static int read_headers(struct http_request *request, const char *text, struct fl_error *err)
{
    while (text && *text) {
        char line[HEADER_SIZE];
        size_t length = strcspn(text, "\n");
        int r;

        if (length >= sizeof(line))
            return fl_error_set(err, -EINVAL,
                                "setting \"header\": a line of %zu bytes is longer than the %zu "
                                "that are allowed",
                                length, sizeof(line) - 1);
        memcpy(line, text, length);
        line[length] = '\0';
        text += length + (text[length] == '\n');
        r = length > 0 ? add_header(request, line, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

/* Where to connect; brackets of a numeric address are taken off. */
static int read_host(struct http_request *request, CURLU *url)
{
    char *host = NULL, *port = NULL;
    size_t length;
    int r = -EINVAL;

    if (curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        const char *bare = host[0] == '[' ? host + 1 : host;

        length = strcspn(bare, "]");
        if (length > 0 && length < sizeof(request->host)) {
            memcpy(request->host, bare, length);
            request->host[length] = '\0';
            request->port = (uint16_t)strtoul(port, NULL, 10);
            r = 0;
        }
    }
    curl_free(host);
    curl_free(port);
    return r;
}

/* The certificate is asked for under another name: the URL bears it, and the header keeps the
 * host that was meant. */
static int rename_server(struct http_request *request, CURLU *url, const char *server_name,
                         struct fl_error *err)
{
    char header[sizeof("Host: []:65535") + sizeof(request->host)];
    bool v6 = strchr(request->host, ':') != NULL;

    (void)snprintf(header, sizeof(header), "Host: %s%s%s:%u", v6 ? "[" : "", request->host,
                   v6 ? "]" : "", (unsigned)request->port);
    if (curl_url_set(url, CURLUPART_HOST, server_name, 0) != CURLUE_OK)
        return fl_error_set(err, -EINVAL, "setting \"server_name\": \"%s\" is no host name",
                            server_name);
    return add_header(request, header, err);
}

static int read_url(struct http_request *request, const struct http_settings *settings,
                    const char *scheme, CURLU *url, struct fl_error *err)
{
    char *text = NULL;
    int r = 0;

    if (strncmp(settings->url, scheme, strlen(scheme)) != 0 ||
        strncmp(settings->url + strlen(scheme), "://", 3) != 0 ||
        curl_url_set(url, CURLUPART_URL, settings->url, 0) != CURLUE_OK ||
        read_host(request, url) < 0)
        return fl_error_set(err, -EINVAL,
                            "setting \"url\": cannot read \"%s\": write %s://HOST/PATH or "
                            "%s://HOST:PORT/PATH",
                            settings->url, scheme, scheme);
    if (settings->server_name && *settings->server_name)
        r = rename_server(request, url, settings->server_name, err);
    if (r < 0)
        return r;
    if (curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK)
        request->url = strdup(text);
    curl_free(text);
    return request->url ? 0 : fl_error_set(err, -ENOMEM, "out of memory");
}

int http_request_init(struct http_request *request, const struct http_settings *settings,
                      const char *scheme, struct fl_error *err)
{
    CURLU *url = curl_url();
    int r;

    memset(request, 0, sizeof(*request));
    if (!url)
        return fl_error_set(err, -ENOMEM, "out of memory");
    r = read_url(request, settings, scheme, url, err);
    if (r == 0)
        r = read_statuses(request, settings->status, err);
    if (r == 0)
        r = read_headers(request, settings->header, err);
    curl_url_cleanup(url);
    if (r < 0)
        http_request_done(request);
    return r;
}

void http_request_done(struct http_request *request)
{
    free(request->url);
    curl_slist_free_all(request->headers);
    memset(request, 0, sizeof(*request));
}

bool http_request_accepts(const struct http_request *request, int64_t status)
{
    for (size_t i = 0; i < request->n_statuses; i++)
        if (status >= request->statuses[i].first && status <= request->statuses[i].last)
            return true;
    return false;
}
