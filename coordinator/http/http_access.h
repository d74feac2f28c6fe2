/* Who may do what: tokens, kept hashed, each with a scope; and what a browser is kept from doing
 * in a visitor's name. */
#pragma once

#include "coordinator/api_token.h"
#include "coordinator/config_http.h"

#include <stdbool.h>

struct evhttp_request;

#define HTTP_MAX_TOKENS 256

struct http_access;

/* Reads the file of tokens, when the configuration names one: lines NAME SCOPE sha256:HEX. The
 * error says file and line. */
int http_access_new(const struct config_http *config, struct http_access **ret,
                    struct fl_error *err);
struct http_access *http_access_free(struct http_access *access);
FL_DEFINE_FREEP(struct http_access, http_access)

/* Are tokens asked for at all? */
bool http_access_asks(const struct http_access *access);
/* What the request may do. -EACCES: it bears a token that is none. */
int http_access_scope(const struct http_access *access, struct evhttp_request *request,
                      enum api_scope *ret);
/* May the request change something? False, with why, when a page of another site may have sent
 * it. */
bool http_access_own_site(const struct http_access *access, struct evhttp_request *request,
                          const char **ret_why);
/* May pages of that origin read answers? */
bool http_access_cors(const struct http_access *access, const char *origin);
