#include "coordinator/http/http_access.h"

#include "proto/runtime/fl_daemon.h"
#include "proto/types/fl_name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/http.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MAX_FILE (HTTP_MAX_TOKENS * 256)
#define MAX_CREDENTIALS 512

struct token {
    enum api_scope scope;
    uint8_t hash[API_TOKEN_HASH_BYTES];
};

struct http_access {
    char *file, *cors_origin, *public_url; /* NULL: none */
    bool public;
    struct token tokens[HTTP_MAX_TOKENS];
    size_t n_tokens;
};

static int read_hash(const char *text, uint8_t ret[API_TOKEN_HASH_BYTES])
{
    if (strncmp(text, "sha256:", 7) != 0 ||
        strspn(text + 7, "0123456789abcdef") != 2 * API_TOKEN_HASH_BYTES ||
        text[7 + 2 * API_TOKEN_HASH_BYTES] != '\0')
        return -EINVAL;
    for (size_t i = 0; i < API_TOKEN_HASH_BYTES; i++) {
        const char digits[3] = {text[7 + 2 * i], text[8 + 2 * i], '\0'};

        ret[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return 0;
}

static int read_line(struct http_access *access, char *line, unsigned number, struct fl_error *err)
{
    const char *file = access->file, *name, *scope, *hash;
    struct token *token = &access->tokens[access->n_tokens];
    char *rest = NULL;
    int r;

    name = strtok_r(line, " \t", &rest);
    if (!name || name[0] == '#')
        return 0;
    scope = strtok_r(NULL, " \t", &rest);
    hash = strtok_r(NULL, " \t", &rest);
    if (!fl_name_valid(name) || !scope || !hash || strtok_r(NULL, " \t", &rest))
        return fl_error_set(err, -EINVAL,
                            "%s:%u: a line must be NAME SCOPE sha256:HEX, as faultline token "
                            "writes it",
                            file, number);
    r = api_scope_parse(scope);
    if (r < 0)
        return fl_error_set(
            err, r, "%s:%u: scope \"%.32s\" is unknown; allowed are: status, read, probe, admin",
            file, number, scope);
    token->scope = (enum api_scope)r;
    if (read_hash(hash, token->hash) < 0)
        return fl_error_set(err, -EINVAL,
                            "%s:%u: the hash of \"%s\" must be sha256: and 64 hexadecimal digits",
                            file, number, name);
    if (++access->n_tokens < HTTP_MAX_TOKENS)
        return 0;
    return fl_error_set(err, -E2BIG, "%s:%u: more than %d tokens", file, number,
                        HTTP_MAX_TOKENS - 1);
}

static int check_mode(const char *file, struct fl_error *err)
{
    struct stat status;

    if (stat(file, &status) < 0)
        return fl_error_set(err, -errno, "field \"tokens\": cannot read \"%s\": %s", file,
                            strerror(errno));
    if (status.st_mode & (S_IWGRP | S_IRWXO))
        return fl_error_set(err, -EPERM,
                            "field \"tokens\": \"%s\" has mode %04o; others must be able neither "
                            "to read nor to write it (0600)",
                            file, status.st_mode & 07777);
    return 0;
}

static int read_tokens(struct http_access *access, struct fl_error *err)
{
    char *text = NULL, *line, *rest = NULL;
    unsigned number = 0;
    size_t size;
    int r = check_mode(access->file, err);

    if (r == 0)
        r = fl_daemon_read_file(access->file, MAX_FILE, &text, &size, err);
    if (r < 0)
        return r;
    rest = text;
    while (r == 0 && (line = strsep(&rest, "\n")))
        r = read_line(access, line, ++number, err);
    free(text);
    return r;
}

static int copy(const char *text, char **ret)
{
    *ret = text ? strdup(text) : NULL;
    return text && !*ret ? -ENOMEM : 0;
}

int http_access_new(const struct config_http *config, struct http_access **ret,
                    struct fl_error *err)
{
    FL_CLEANUP(http_access_freep) struct http_access *access = calloc(1, sizeof(*access));
    int r = 0;

    if (!access || copy(config->tokens, &access->file) < 0 ||
        copy(config->cors_origin, &access->cors_origin) < 0 ||
        copy(config->public_url, &access->public_url) < 0)
        return fl_error_set(err, -ENOMEM, "no memory for the tokens");
    access->public = config->public == CONFIG_PUBLIC_STATUS;
    if (access->file)
        r = read_tokens(access, err);
    if (r == 0)
        *ret = FL_TAKE(access);
    return r;
}

struct http_access *http_access_free(struct http_access *access)
{
    if (!access)
        return NULL;
    free(access->file);
    free(access->cors_origin);
    free(access->public_url);
    free(access);
    return NULL;
}

bool http_access_asks(const struct http_access *access)
{
    return access->file;
}

/* Takes the same time whichever token it is, and whether it is one. */
static int find_token(const struct http_access *access, const char *text, enum api_scope *ret)
{
    uint8_t hash[API_TOKEN_HASH_BYTES];
    int found = 0;

    api_token_hash(text, hash);
    for (size_t i = 0; i < access->n_tokens; i++) {
        int same = CRYPTO_memcmp(hash, access->tokens[i].hash, sizeof(hash)) == 0;

        *ret = same ? access->tokens[i].scope : *ret;
        found |= same;
    }
    return found ? 0 : -EACCES;
}

/* The token that the request bears: "Bearer TOKEN", or as the password of "Basic", which is all
 * that a browser can be asked for. */
static int read_credentials(const char *header, char ret[MAX_CREDENTIALS])
{
    char *colon;
    int size;

    if (strlen(header) >= MAX_CREDENTIALS)
        return -EACCES;
    if (strncasecmp(header, "Bearer ", 7) == 0) {
        (void)snprintf(ret, MAX_CREDENTIALS, "%s", header + 7);
        return 0;
    }
    if (strncasecmp(header, "Basic ", 6) != 0 || strlen(header + 6) % 4 != 0)
        return -EACCES;
    size = EVP_DecodeBlock((uint8_t *)ret, (const uint8_t *)header + 6, (int)strlen(header + 6));
    if (size < 0)
        return -EACCES;
    ret[size] = '\0'; /* filled up with NUL before that */
    colon = strchr(ret, ':');
    if (!colon)
        return -EACCES;
    memmove(ret, colon + 1, strlen(colon + 1) + 1);
    return 0;
}

/* The name in a Host field, without its port. */
static void host_name(const char *host, char *ret, size_t size)
{
    size_t length = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":");

    if (host[0] == '[') {
        host++;
        length = length ? length - 1 : 0;
    }
    (void)snprintf(ret, size, "%.*s", (int)length, host);
}

/* A name that a page of another site can have made to point here is not one of ours; an address
 * or "localhost" always is. */
static bool is_own_host(const struct http_access *access, const char *host)
{
    const char *public_host = access->public_url;
    char name[FL_OPTION_HOST_SIZE], own[FL_OPTION_HOST_SIZE] = "";
    uint8_t address[16];

    if (!host)
        return true;
    host_name(host, name, sizeof(name));
    if (public_host) {
        public_host = strstr(public_host, "://") + 3;
        host_name(public_host, own, sizeof(own));
        own[strcspn(own, "/")] = '\0';
    }
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1 ||
           inet_pton(AF_INET6, name, address) == 1 || (*own && strcasecmp(name, own) == 0);
}

int http_access_scope(const struct http_access *access, struct evhttp_request *request,
                      enum api_scope *ret)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *authorization = evhttp_find_header(headers, "Authorization");
    char token[MAX_CREDENTIALS];
    int r;

    *ret = access->public ? API_SCOPE_STATUS : API_SCOPE_NONE;
    if (!access->file) {
        if (is_own_host(access, evhttp_find_header(headers, "Host")))
            *ret = API_SCOPE_ADMIN;
        return 0;
    }
    if (!authorization)
        return 0;
    r = read_credentials(authorization, token);
    if (r == 0)
        r = find_token(access, token, ret);
    OPENSSL_cleanse(token, sizeof(token));
    return r;
}

bool http_access_cors(const struct http_access *access, const char *origin)
{
    return access->cors_origin && strcmp(access->cors_origin, origin) == 0;
}

bool http_access_own_site(const struct http_access *access, struct evhttp_request *request,
                          const char **ret_why)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *site = evhttp_find_header(headers, "Sec-Fetch-Site");
    const char *origin = evhttp_find_header(headers, "Origin");
    const char *host = evhttp_find_header(headers, "Host");
    const char *from = origin ? strstr(origin, "://") : NULL;

    *ret_why = "pages of other sites may not change anything here";
    if (origin && http_access_cors(access, origin))
        return true;
    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return false;
    if (!origin)
        return true;
    return from && host && strcasecmp(from + 3, host) == 0 && is_own_host(access, host);
}
