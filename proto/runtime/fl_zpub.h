/* A ZeroMQ PUB socket: says things to whoever listens, and never waits for them. Plain, so for
 * endpoints within the host only. */
#pragma once

#include "proto/runtime/fl_zsock.h"

struct fl_zpub;

/* Bound when it returns; "tcp://127.0.0.1:*" takes any free port, see fl_zpub_endpoint. */
int fl_zpub_new(struct fl_zcontext *context, const char *endpoint, struct fl_zpub **ret,
                struct fl_error *err);
struct fl_zpub *fl_zpub_free(struct fl_zpub *pub);
FL_DEFINE_FREEP(struct fl_zpub, fl_zpub)

/* Two frames, both copied. Never blocks: who reads too slowly loses messages. 0 or a negative
 * errno. */
int fl_zpub_send(struct fl_zpub *pub, const char *topic, const uint8_t *bytes, size_t size);
const char *fl_zpub_endpoint(const struct fl_zpub *pub);
