/* Verdicts and decisions for other programs: proto/stream.proto on a ZeroMQ PUB socket. Topics are
 * "verdict/CLASS" and "decision/GROUP/ZONE", so that a reader subscribes to what it acts on. */
#pragma once

#include "coordinator/core/decision.h"
#include "proto/runtime/fl_zpub.h"

struct notice_stream;

struct notice_stats {
    uint64_t sent, failed; /* since start */
};

int notice_stream_new(struct fl_zcontext *context, const char *endpoint, struct notice_stream **ret,
                      struct fl_error *err);
struct notice_stream *notice_stream_free(struct notice_stream *stream);
FL_DEFINE_FREEP(struct notice_stream, notice_stream)

void notice_stream_verdict(struct notice_stream *stream, const struct verdict_event *event);
void notice_stream_decision(struct notice_stream *stream, const struct decision *decision);
const char *notice_stream_endpoint(const struct notice_stream *stream);
void notice_stream_stats(const struct notice_stream *stream, struct notice_stats *ret);
