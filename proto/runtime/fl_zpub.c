/* Nothing is ever received here, so the loop need not watch it: libzmq's own threads take in who
 * subscribes, and a send looks at what they left. */
#include "proto/runtime/fl_zpub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define ENDPOINT_SIZE 256
#define QUEUE_LENGTH 4096 /* messages that wait for one slow reader; the newer ones are lost */
#define LINGER_MS 200

struct fl_zpub {
    void *socket;
    char endpoint[ENDPOINT_SIZE];
};

int fl_zpub_new(struct fl_zcontext *context, const char *endpoint, struct fl_zpub **ret,
                struct fl_error *err)
{
    FL_CLEANUP(fl_zpub_freep) struct fl_zpub *pub = calloc(1, sizeof(*pub));
    size_t size = ENDPOINT_SIZE;
    int linger = LINGER_MS, queue = QUEUE_LENGTH, six = 1;

    if (!pub)
        return fl_error_set(err, -ENOMEM, "no memory for the stream");
    pub->socket = zmq_socket(fl_zcontext_raw(context), ZMQ_PUB);
    if (!pub->socket || zmq_setsockopt(pub->socket, ZMQ_LINGER, &linger, sizeof(linger)) < 0 ||
        zmq_setsockopt(pub->socket, ZMQ_SNDHWM, &queue, sizeof(queue)) < 0 ||
        zmq_setsockopt(pub->socket, ZMQ_IPV6, &six, sizeof(six)) < 0)
        return fl_error_set(err, -errno, "cannot make a socket for the stream: %s",
                            zmq_strerror(errno));
    if (zmq_bind(pub->socket, endpoint) < 0 ||
        zmq_getsockopt(pub->socket, ZMQ_LAST_ENDPOINT, pub->endpoint, &size) < 0)
        return fl_error_set(err, -errno, "field \"publish\": cannot listen at \"%s\": %s", endpoint,
                            zmq_strerror(errno));
    *ret = FL_TAKE(pub);
    return 0;
}

struct fl_zpub *fl_zpub_free(struct fl_zpub *pub)
{
    if (!pub)
        return NULL;
    if (pub->socket)
        (void)zmq_close(pub->socket);
    free(pub);
    return NULL;
}

int fl_zpub_send(struct fl_zpub *pub, const char *topic, const uint8_t *bytes, size_t size)
{
    if (zmq_send(pub->socket, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        zmq_send(pub->socket, bytes, size, ZMQ_DONTWAIT) < 0)
        return -errno;
    return 0;
}

const char *fl_zpub_endpoint(const struct fl_zpub *pub)
{
    return pub->endpoint;
}
