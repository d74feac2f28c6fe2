#include "coordinator/notice_stream.h"

#include "proto/codec/fl_notice.h"
#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TOPIC_SIZE (16 + 2 * FL_NAME_SIZE)

struct notice_stream {
    struct fl_zpub *pub;
    uint64_t boot;
    struct notice_stats stats;
};

int notice_stream_new(struct fl_zcontext *context, const char *endpoint, struct notice_stream **ret,
                      struct fl_error *err)
{
    FL_CLEANUP(notice_stream_freep) struct notice_stream *stream = calloc(1, sizeof(*stream));
    int r;

    if (!stream)
        return fl_error_set(err, -ENOMEM, "no memory for the stream");
    r = fl_daemon_random(&stream->boot, sizeof(stream->boot), err);
    if (r == 0)
        r = fl_zpub_new(context, endpoint, &stream->pub, err);
    if (r == 0)
        *ret = FL_TAKE(stream);
    return r;
}

struct notice_stream *notice_stream_free(struct notice_stream *stream)
{
    if (!stream)
        return NULL;
    fl_zpub_free(stream->pub);
    free(stream);
    return NULL;
}

static void send(struct notice_stream *stream, const char *topic, struct fl_notice *notice)
{
    uint8_t *bytes = NULL;
    size_t size = 0;

    notice->boot = stream->boot;
    notice->sequence = stream->stats.sent + stream->stats.failed + 1;
    if (fl_notice_encode(notice, &bytes, &size) == 0 &&
        fl_zpub_send(stream->pub, topic, bytes, size) == 0)
        stream->stats.sent++;
    else
        stream->stats.failed++;
    free(bytes);
}

/* `texts` is `n` strings of `size` bytes each. */
static size_t list(const char *texts, size_t n, size_t size, const char **ret)
{
    if (n > FL_NOTICE_MAX_TEXTS)
        n = FL_NOTICE_MAX_TEXTS;
    for (size_t i = 0; i < n; i++)
        ret[i] = texts + i * size;
    return n;
}

void notice_stream_verdict(struct notice_stream *stream, const struct verdict_event *event)
{
    const struct verdict *verdict = &event->verdict;
    struct fl_notice_verdict out = {.id = verdict->id,
                                    .event = verdict_event_name(event->type),
                                    .class = verdict_class_name(verdict->class),
                                    .component = verdict->component,
                                    .cause = verdict_cause_name(verdict->cause),
                                    .confidence = verdict->confidence,
                                    .since_us = verdict->since_us,
                                    .t_us = event->t_us};
    char topic[TOPIC_SIZE];

    out.n_zones = list(verdict->zones[0], verdict->n_zones, sizeof(verdict->zones[0]), out.zones);
    out.n_targets =
        list(verdict->targets[0], verdict->n_targets, sizeof(verdict->targets[0]), out.targets);
    out.n_evidence =
        list(verdict->evidence[0], verdict->n_evidence, sizeof(verdict->evidence[0]), out.evidence);
    (void)snprintf(topic, sizeof(topic), "verdict/%s", out.class);
    send(stream, topic, &(struct fl_notice){.verdict = &out});
}

void notice_stream_decision(struct notice_stream *stream, const struct decision *decision)
{
    const struct fl_notice_decision out = {.group = decision->group,
                                           .zone = decision->zone,
                                           .state = decision_state_name(decision->state),
                                           .standing = decision_state_name(decision->standing),
                                           .reason = decision_reason_name(decision->reason),
                                           .why = decision->why,
                                           .weight = (uint32_t)decision->weight,
                                           .verdict = decision->verdict,
                                           .generation = decision->generation,
                                           .issued_us = decision->issued_us,
                                           .valid_until_us = decision->valid_until_us};
    char topic[TOPIC_SIZE];

    (void)snprintf(topic, sizeof(topic), "decision/%s/%s", decision->group, decision->zone);
    send(stream, topic, &(struct fl_notice){.decision = &out});
}

const char *notice_stream_endpoint(const struct notice_stream *stream)
{
    return fl_zpub_endpoint(stream->pub);
}

void notice_stream_stats(const struct notice_stream *stream, struct notice_stats *ret)
{
    *ret = stream->stats;
}
