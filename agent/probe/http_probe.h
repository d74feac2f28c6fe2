/* For types that are a request over HTTP with an answer of their own: the runs of http.c. */
#pragma once

#include "agent/probe/http_request.h"
#include "agent/probe/probe.h"

#define HTTP_HEADER_SIZE 64

struct http_answer {
    long status;
    const char *body; /* up to 64 KiB */
    size_t n_body;
    const char *header; /* the value of the protocol's header or trailer; "" when there is none */
};

struct http_protocol {
    const void *data; /* body of the request, instead of the settings' */
    size_t size;
    const char *header; /* name, in small letters, of what `judge` is shown */
    enum fl_failure (*judge)(const struct http_answer *answer);
};

/* An instance of those settings. `owned` holds settings and protocol, and is freed with the
 * instance, or at once when this fails. The rest as in struct probe_type. */
int http_probe_open(const struct probe_env *env, const struct http_settings *settings, bool tls,
                    const struct http_protocol *protocol, void *owned, struct probe_instance **ret,
                    struct fl_error *err);
void http_probe_close(struct probe_instance *instance);
int http_probe_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                     struct probe_run **ret);
bool http_probe_expire(struct probe_run *run, struct fl_result *result);
bool http_probe_cancel(struct probe_run *run);
