#include "agent/probe/http_request.h"

#include "proto/types/fl_limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIN_STATUS 100
#define MAX_STATUS 599
#define HEADER_SIZE 1024
#define JSON_KEY 256

const char *const http_method_names[] = {"GET", "HEAD",   "POST",  "OPTIONS",
                                         "PUT", "DELETE", "PATCH", NULL};
static const char *const version_names[] = {"1.1", "2", NULL};
static const char *const ip_names[] = {"any", "4", "6", NULL};

/* clang-format off */
#define COMMON_OPTIONS                                                                            \
    {.name = "url",                                                                               \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct http_settings, url),                                               \
     .min = 8,                                                                                    \
     .max = 2048,                                                                                 \
     .help = "address of the resource, with its scheme"},                                         \
    {.name = "method",                                                                            \
     .kind = FL_OPTION_CHOICE,                                                                    \
     .offset = offsetof(struct http_settings, method),                                            \
     .standard = "GET",                                                                           \
     .choices = http_method_names,                                                                \
     .help = "method of the request"},                                                            \
    {.name = "status",                                                                            \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct http_settings, status),                                            \
     .min = 3,                                                                                    \
     .max = 64,                                                                                   \
     .standard = "200-399",                                                                       \
     .help = "statuses that are good: numbers and ranges, by commas"},                            \
    {.name = "body",                                                                              \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct http_settings, body),                                              \
     .max = FL_MAX_SETTING_VALUE,                                                                 \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "text that the first 64 KiB of the answer must contain"},                            \
    {.name = "body_match",                                                                        \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct http_settings, match),                                             \
     .max = 1024,                                                                                 \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "extended regular expression that they must match"},                                 \
    {.name = "body_reject",                                                                       \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct http_settings, reject),                                            \
     .max = 1024,                                                                                 \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "extended regular expression that they must not match"},                             \
    {.name = "json",                                                                              \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct http_settings, json),                                              \
     .max = 256,                                                                                  \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "path to a value in an answer of JSON: keys and indices, by dots"},                  \
    {.name = "json_value",                                                                        \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct http_settings, json_value),                                        \
     .max = 1024,                                                                                 \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "what that value must be; that it is there will do when left out"},                  \
    {.name = "header",                                                                            \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct http_settings, header),                                            \
     .max = FL_MAX_SETTING_VALUE,                                                                 \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "headers to send, \"Name: value\", one a line"},                                     \
    {.name = "data",                                                                              \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct http_settings, data),                                              \
     .max = FL_MAX_SETTING_VALUE,                                                                 \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "body of the request"},                                                              \
    {.name = "redirects",                                                                         \
     .kind = FL_OPTION_INT,                                                                       \
     .offset = offsetof(struct http_settings, redirects),                                         \
     .max = 10,                                                                                   \
     .standard = "0",                                                                             \
     .help = "how many redirects to follow"},                                                     \
    {.name = "http",                                                                              \
     .kind = FL_OPTION_CHOICE,                                                                    \
     .offset = offsetof(struct http_settings, version),                                           \
     .standard = "1.1",                                                                           \
     .choices = version_names,                                                                    \
     .help = "version of HTTP to speak"},                                                         \
    {.name = "ip",                                                                                \
     .kind = FL_OPTION_CHOICE,                                                                    \
     .offset = offsetof(struct http_settings, ip),                                                \
     .standard = "any",                                                                           \
     .choices = ip_names,                                                                         \
     .help = "version of IP to connect over"},                                                    \
    {.name = "compressed",                                                                        \
     .kind = FL_OPTION_BOOL,                                                                      \
     .offset = offsetof(struct http_settings, compressed),                                        \
     .standard = "false",                                                                         \
     .help = "let the server compress its answer"},                                               \
    {.name = "user",                                                                              \
     .kind = FL_OPTION_STRING,                                                                    \
     .offset = offsetof(struct http_settings, user),                                              \
     .max = 255,                                                                                  \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "user to log in as (basic), with password_file"},                                    \
    {.name = "password_file",                                                                     \
     .kind = FL_OPTION_NAME,                                                                      \
     .offset = offsetof(struct http_settings, password_file),                                     \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "name of the agent's secret with the password"},                                     \
    {.name = "token_file",                                                                        \
     .kind = FL_OPTION_NAME,                                                                      \
     .offset = offsetof(struct http_settings, token_file),                                        \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "name of the agent's secret with a token to show (bearer)"},                         \
    {.name = "proxy",                                                                             \
     .kind = FL_OPTION_ADDRESS,                                                                   \
     .offset = offsetof(struct http_settings, proxy),                                             \
     .standard = FL_OPTION_UNSET,                                                                 \
     .help = "HOST:PORT of an HTTP proxy to go through"}
/* clang-format on */

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
    {.name = "client_certificate",
     .kind = FL_OPTION_NAME,
     .offset = offsetof(struct http_settings, client_certificate),
     .standard = FL_OPTION_UNSET,
     .help = "name of the agent's secret with a certificate to show and its key, in PEM"},
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
static int read_place(CURLU *url, struct http_place *ret)
{
    char *host = NULL, *port = NULL, *scheme = NULL;
    size_t length;
    int r = -EINVAL;

    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        const char *bare = host[0] == '[' ? host + 1 : host;

        ret->tls = strcmp(scheme, "https") == 0;
        length = strcspn(bare, "]");
        if (length > 0 && length < sizeof(ret->host) && (ret->tls || strcmp(scheme, "http") == 0)) {
            memcpy(ret->host, bare, length);
            ret->host[length] = '\0';
            ret->port = (uint16_t)strtoul(port, NULL, 10);
            r = 0;
        }
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    return r;
}

int http_request_place(const char *url, struct http_place *ret)
{
    CURLU *read = curl_url();
    int r = -EINVAL;

    if (read && curl_url_set(read, CURLUPART_URL, url, 0) == CURLUE_OK)
        r = read_place(read, ret);
    curl_url_cleanup(read);
    return r;
}

/* The certificate is asked for under another name: the URL bears it, and the header keeps the
 * host that was meant. */
static int rename_server(struct http_request *request, CURLU *url, const char *server_name,
                         struct fl_error *err)
{
    char header[sizeof("Host: []:65535") + sizeof(request->place.host)];
    bool v6 = strchr(request->place.host, ':') != NULL;

    (void)snprintf(header, sizeof(header), "Host: %s%s%s:%u", v6 ? "[" : "", request->place.host,
                   v6 ? "]" : "", (unsigned)request->place.port);
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
        read_place(url, &request->place) < 0)
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

static int read_pattern(const char *name, const char *text, regex_t *ret, bool *ret_has,
                        struct fl_error *err)
{
    char why[128];
    int r;

    if (!text || !*text)
        return 0;
    r = regcomp(ret, text, REG_EXTENDED | REG_NOSUB);
    *ret_has = r == 0;
    if (r == 0)
        return 0;
    (void)regerror(r, ret, why, sizeof(why));
    return fl_error_set(err, -EINVAL,
                        "setting \"%s\": \"%s\" is no extended regular expression: %s", name, text,
                        why);
}

/* What one setting wants of another. */
static int check_together(const struct http_request *request, const struct http_settings *settings,
                          struct fl_error *err)
{
    uint8_t address[sizeof(struct in6_addr)];
    const bool v4 = inet_pton(AF_INET, request->place.host, address) == 1;
    const bool v6 = inet_pton(AF_INET6, request->place.host, address) == 1;

    if ((settings->ip == HTTP_IP_4 && v6) || (settings->ip == HTTP_IP_6 && v4))
        return fl_error_set(err, -EINVAL,
                            "setting \"ip\": \"%s\" is an address of the other version",
                            request->place.host);
    if (!settings->user != !settings->password_file)
        return fl_error_set(err, -EINVAL,
                            "settings \"user\" and \"password_file\" are given both or neither");
    if (settings->user && settings->token_file)
        return fl_error_set(err, -EINVAL,
                            "settings \"user\" and \"token_file\" are two ways of logging in: one "
                            "is allowed");
    if (settings->json_value && !settings->json)
        return fl_error_set(err, -EINVAL, "setting \"json_value\" needs \"json\": where it stands");
    if (settings->data && (settings->method == HTTP_GET || settings->method == HTTP_HEAD))
        return fl_error_set(err, -EINVAL, "setting \"data\": method %s sends no body",
                            http_method_names[settings->method]);
    return 0;
}

static int read_rest(struct http_request *request, const struct http_settings *settings,
                     struct fl_error *err)
{
    int r = read_pattern("body_match", settings->match, &request->match, &request->has_match, err);

    if (r == 0)
        r = read_pattern("body_reject", settings->reject, &request->reject, &request->has_reject,
                         err);
    if (r == 0 && settings->proxy)
        r = fl_address_split(settings->proxy, request->proxy.host, sizeof(request->proxy.host),
                             &request->proxy.port, err);
    return r == 0 ? check_together(request, settings, err) : r;
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
    if (r == 0)
        r = read_rest(request, settings, err);
    curl_url_cleanup(url);
    if (r < 0)
        http_request_done(request);
    return r;
}

void http_request_done(struct http_request *request)
{
    if (request->has_match)
        regfree(&request->match);
    if (request->has_reject)
        regfree(&request->reject);
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

bool http_request_wants_body(const struct http_settings *settings)
{
    return (settings->body && *settings->body) || settings->match || settings->reject ||
           settings->json;
}

/* Follow "checks.0.state" from `root`; NULL when it leads nowhere. */
static const json_t *follow(const json_t *root, const char *path)
{
    while (root && *path) {
        const size_t length = strcspn(path, ".");
        char key[JSON_KEY], *end;

        if (length >= sizeof(key))
            return NULL;
        memcpy(key, path, length);
        key[length] = '\0';
        path += length + (path[length] == '.');
        if (json_is_array(root)) {
            const unsigned long index = strtoul(key, &end, 10);

            root = length > 0 && *end == '\0' ? json_array_get(root, index) : NULL;
        } else {
            root = json_object_get(root, key);
        }
    }
    return root;
}

/* A text is compared without its quotes, anything else as JSON writes it. */
static bool is_value(const json_t *value, const char *wanted)
{
    char *text;
    bool same;

    if (json_is_string(value))
        return strcmp(json_string_value(value), wanted) == 0;
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    same = text && strcmp(text, wanted) == 0;
    free(text);
    return same;
}

static bool has_json(const struct http_settings *settings, const char *body, size_t size)
{
    json_t *root = json_loadb(body, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    const json_t *value = follow(root, settings->json);
    const bool good = value && (!settings->json_value || is_value(value, settings->json_value));

    json_decref(root);
    return good;
}

bool http_request_likes(const struct http_request *request, const struct http_settings *settings,
                        const char *body, size_t size)
{
    const char *text = settings->body;

    if (text && *text && !memmem(body, size, text, strlen(text)))
        return false;
    if (request->has_match && regexec(&request->match, body, 0, NULL, 0) != 0)
        return false;
    if (request->has_reject && regexec(&request->reject, body, 0, NULL, 0) == 0)
        return false;
    return !settings->json || has_json(settings, body, size);
}
