#include "proto/runtime/fl_zap.h"

#include "proto/runtime/fl_zwatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define KEY_BYTES 32

enum request_frame { VERSION, ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, N_FRAMES };

struct frame {
    char bytes[256]; /* no field of a request needs more; what is longer matches nothing */
    size_t size;
};

struct fl_zap {
    void *socket;
    struct fl_zwatch watch;
    struct fl_zap_domain *domains;
};

/* Take one whole message apart. Returns the number of frames, 0 when there is no message. */
static size_t receive_request(void *socket, struct frame frames[N_FRAMES])
{
    size_t n = 0;
    int more = 1;

    while (more) {
        struct frame spare, *frame = n < N_FRAMES ? &frames[n] : &spare;
        size_t size = sizeof(more);
        int got = zmq_recv(socket, frame->bytes, sizeof(frame->bytes) - 1, ZMQ_DONTWAIT);

        if (got < 0)
            return 0;
        frame->size = (size_t)got < sizeof(frame->bytes) ? (size_t)got : 0;
        frame->bytes[frame->size] = '\0';
        n++;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) < 0)
            return n;
    }
    return n;
}

static bool frame_is(const struct frame *frame, const char *text)
{
    return frame->size == strlen(text) && memcmp(frame->bytes, text, frame->size) == 0;
}

static struct fl_zap_domain *find_domain(struct fl_zap *zap, const struct frame *frame)
{
    for (struct fl_zap_domain *domain = zap->domains; domain; domain = domain->next)
        if (frame_is(frame, domain->name))
            return domain;
    return NULL;
}

static void note_unknown(struct fl_zsock_refusals *refusals, const char *key, const char *address)
{
    if (strncmp(address, FL_ZAP_MAPPED, strlen(FL_ZAP_MAPPED)) == 0 && strchr(address, '.'))
        address += strlen(FL_ZAP_MAPPED);
    refusals->unknown_key++;
    (void)snprintf(refusals->last_key, sizeof(refusals->last_key), "%s", key);
    (void)snprintf(refusals->last_address, sizeof(refusals->last_address), "%.*s",
                   (int)sizeof(refusals->last_address) - 1, address);
}

static bool judge(struct fl_zap *zap, const struct frame frames[N_FRAMES], size_t n_frames,
                  char user[FL_NAME_SIZE])
{
    struct fl_zap_domain *domain;
    char key[FL_KEY_TEXT_SIZE];

    if (n_frames != N_FRAMES || !frame_is(&frames[VERSION], "1.0") ||
        !frame_is(&frames[MECHANISM], "CURVE") || frames[CREDENTIALS].size != KEY_BYTES)
        return false;
    domain = find_domain(zap, &frames[DOMAIN]);
    if (!domain || !zmq_z85_encode(key, (const uint8_t *)frames[CREDENTIALS].bytes, KEY_BYTES))
        return false;
    if (domain->admit(key, user, domain->arg))
        return true;
    note_unknown(domain->refusals, key, frames[ADDRESS].bytes);
    return false;
}

static void reply(void *socket, const struct frame *id, bool admitted, const char *user)
{
    const struct {
        const char *bytes;
        size_t size;
    } parts[] = {
        {"1.0", 3},
        {id->bytes, id->size},
        {admitted ? "200" : "400", 3},
        {admitted ? "welcome" : "unknown key", admitted ? 7 : 11},
        {user, admitted ? strlen(user) : 0},
        {"", 0},
    };

    for (size_t i = 0; i < FL_COUNT(parts); i++)
        if (zmq_send(socket, parts[i].bytes, parts[i].size,
                     ZMQ_DONTWAIT | (i + 1 < FL_COUNT(parts) ? ZMQ_SNDMORE : 0)) < 0)
            return; /* the asker has gone in the meantime */
}

static bool receive(void *arg)
{
    struct fl_zap *zap = arg;
    struct frame frames[N_FRAMES] = {{.size = 0}};
    char user[FL_NAME_SIZE] = "";
    size_t n = receive_request(zap->socket, frames);
    bool admitted;

    if (n == 0)
        return false;
    admitted = judge(zap, frames, n, user);
    reply(zap->socket, &frames[ID], admitted, user);
    return true;
}

void fl_zap_add(struct fl_zap *zap, struct fl_zap_domain *domain)
{
    domain->next = zap->domains;
    zap->domains = domain;
}

bool fl_zap_remove(struct fl_zap *zap, struct fl_zap_domain *domain)
{
    struct fl_zap_domain **link = &zap->domains;

    while (*link && *link != domain)
        link = &(*link)->next;
    if (*link)
        *link = domain->next;
    return zap->domains != NULL;
}

int fl_zap_new(void *zmq, struct event_base *base, struct fl_zap **ret, struct fl_error *err)
{
    FL_CLEANUP(fl_zap_freep) struct fl_zap *zap = calloc(1, sizeof(*zap));
    const int linger = 0;

    if (!zap || !(zap->socket = zmq_socket(zmq, ZMQ_REP)))
        return fl_error_set(err, -ENOMEM, "cannot make the authenticator's socket");
    if (zmq_setsockopt(zap->socket, ZMQ_LINGER, &linger, sizeof(linger)) < 0 ||
        zmq_bind(zap->socket, ZAP_ENDPOINT) < 0)
        return fl_error_set(err, -errno, "cannot bind the authenticator: %s", zmq_strerror(errno));
    if (fl_zwatch_start(&zap->watch, base, zap->socket, receive, zap) < 0)
        return fl_error_set(err, -ENOMEM, "cannot put the authenticator on the loop");
    *ret = FL_TAKE(zap);
    return 0;
}

struct fl_zap *fl_zap_free(struct fl_zap *zap)
{
    if (!zap)
        return NULL;
    fl_zwatch_stop(&zap->watch);
    if (zap->socket)
        (void)zmq_close(zap->socket);
    free(zap);
    return NULL;
}
