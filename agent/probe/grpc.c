/* Asks a gRPC server how it is, by the protocol grpc.health.v1: a call over HTTP/2 whose message
 * is one name, answered by a status, with the call's own status in the trailers. Layers: resolve,
 * connect, tls, operate. */
#include "agent/probe/http_probe.h"
#include "agent/probe/probe_types.h"
#include "agent/probe/tls_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL "/grpc.health.v1.Health/Check"
#define SERVICE_MAX 120
#define FRAME 5 /* compressed or not, length in four bytes */
#define FIELD_1_TEXT 0x0a
#define FIELD_1_NUMBER 0x08
#define SERVING 1

struct grpc_settings {
    char *address;
    char *service;
    bool use_tls;
    struct tls_settings tls;
};

static const struct fl_option grpc_options[] = {
    {.name = "address",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct grpc_settings, address),
     .help = "HOST:PORT of the server"},
    {.name = "service",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct grpc_settings, service),
     .max = SERVICE_MAX,
     .standard = FL_OPTION_UNSET,
     .help = "service to ask about; the server as a whole when left out"},
    {.name = "tls",
     .kind = FL_OPTION_BOOL,
     .offset = offsetof(struct grpc_settings, use_tls),
     .standard = "false",
     .help = "speak TLS"},
    TLS_OPTIONS(struct grpc_settings, tls),
    {0},
};

/* What the instance of http.c refers to. */
struct grpc_request {
    struct http_settings http;
    struct http_protocol protocol;
    char url[sizeof("https://") + FL_OPTION_HOST_SIZE + sizeof(":65535" CALL)];
    char headers[64];
    char statuses[8];
    uint8_t message[FRAME + 2 + SERVICE_MAX];
};

/* The call's own status. */
static enum fl_failure call_failure(const char *status)
{
    char *end;
    const long code = strtol(status, &end, 10);

    if (end == status || *end)
        return FL_FAILURE_PROTOCOL;
    switch (code) {
    case 0:
        return FL_FAILURE_NONE;
    case 7:  /* permission denied */
    case 16: /* unauthenticated */
        return FL_FAILURE_DENIED;
    default: /* not found: it does not know the service; unimplemented: no health protocol */
        return FL_FAILURE_STATUS;
    }
}

static enum fl_failure grpc_judge(const struct http_answer *answer)
{
    const uint8_t *body = (const uint8_t *)answer->body;
    enum fl_failure failure;

    if (answer->status != 200)
        return FL_FAILURE_STATUS;
    failure = call_failure(answer->header);
    if (failure != FL_FAILURE_NONE)
        return failure;
    if (answer->n_body == FRAME && memcmp(body, "\0\0\0\0\0", FRAME) == 0)
        return FL_FAILURE_CONTENT; /* a status of 0 is left out: unknown */
    if (answer->n_body != FRAME + 2 || memcmp(body, "\0\0\0\0\2", FRAME) != 0 ||
        body[FRAME] != FIELD_1_NUMBER)
        return FL_FAILURE_PROTOCOL;
    return body[FRAME + 1] == SERVING ? FL_FAILURE_NONE : FL_FAILURE_CONTENT;
}

/* A frame, and in it the name as field 1; no field without a name. Returns the size. */
static size_t write_message(const char *service, uint8_t *ret)
{
    const size_t length = service ? strlen(service) : 0;
    const size_t size = length > 0 ? 2 + length : 0;

    memset(ret, 0, FRAME);
    ret[4] = (uint8_t)size;
    if (length > 0) {
        ret[FRAME] = FIELD_1_TEXT;
        ret[FRAME + 1] = (uint8_t)length;
        memcpy(ret + FRAME + 2, service, length);
    }
    return FRAME + size;
}

static int grpc_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                     const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct grpc_settings *grpc = settings;
    struct grpc_request *request = calloc(1, sizeof(*request));

    (void)spec;
    if (!request)
        return fl_error_set(err, -ENOMEM, "out of memory");
    (void)snprintf(request->url, sizeof(request->url), "http%s://%s" CALL, grpc->use_tls ? "s" : "",
                   grpc->address);
    (void)snprintf(request->headers, sizeof(request->headers),
                   "content-type: application/grpc\nte: trailers");
    (void)snprintf(request->statuses, sizeof(request->statuses), "100-599");
    request->protocol =
        (struct http_protocol){.data = request->message,
                               .size = write_message(grpc->service, request->message),
                               .header = "grpc-status",
                               .judge = grpc_judge};
    request->http = (struct http_settings){.url = request->url,
                                           .method = HTTP_POST,
                                           .status = request->statuses,
                                           .header = request->headers,
                                           .version = HTTP_2,
                                           .ca_file = grpc->tls.ca_file,
                                           .verify = grpc->tls.verify,
                                           .server_name = grpc->tls.server_name,
                                           .client_certificate = grpc->tls.client_certificate};
    return http_probe_open(env, &request->http, grpc->use_tls, &request->protocol, request, ret,
                           err);
}

const struct probe_type probe_grpc = {
    .name = "grpc",
    .summary = "asks a gRPC server how it or one of its services is",
    .options = grpc_options,
    .settings_size = sizeof(struct grpc_settings),
    .parallel = true,
    .open = grpc_open,
    .close = http_probe_close,
    .start = http_probe_start,
    .expire = http_probe_expire,
    .cancel = http_probe_cancel,
};
