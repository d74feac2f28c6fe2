#include "proto/codec/fl_notice.h"
#include "stream.pb-c.h"

#include <errno.h>
#include <stdlib.h>

/* protobuf-c has no const strings. */
static char *text(const char *borrowed)
{
    return (char *)(uintptr_t)(borrowed ? borrowed : "");
}

static char **texts(const char *const *borrowed)
{
    return (char **)(uintptr_t)borrowed;
}

static void put_verdict(const struct fl_notice_verdict *verdict, Faultline__Stream__Verdict *out)
{
    faultline__stream__verdict__init(out);
    out->id = verdict->id;
    out->event = text(verdict->event);
    out->class_ = text(verdict->class);
    out->component = text(verdict->component);
    out->cause = text(verdict->cause);
    out->confidence = verdict->confidence;
    out->since_us = verdict->since_us;
    out->t_us = verdict->t_us;
    out->n_zones = verdict->n_zones;
    out->zones = texts(verdict->zones);
    out->n_targets = verdict->n_targets;
    out->targets = texts(verdict->targets);
    out->n_evidence = verdict->n_evidence;
    out->evidence = texts(verdict->evidence);
}

static void put_decision(const struct fl_notice_decision *decision,
                         Faultline__Stream__Decision *out)
{
    faultline__stream__decision__init(out);
    out->group = text(decision->group);
    out->zone = text(decision->zone);
    out->state = text(decision->state);
    out->standing = text(decision->standing);
    out->weight = decision->weight;
    out->reason = text(decision->reason);
    out->why = text(decision->why);
    out->verdict = decision->verdict;
    out->generation = decision->generation;
    out->issued_us = decision->issued_us;
    out->valid_until_us = decision->valid_until_us;
}

int fl_notice_encode(const struct fl_notice *notice, uint8_t **ret_bytes, size_t *ret_size)
{
    Faultline__Stream__Notice out;
    Faultline__Stream__Verdict verdict;
    Faultline__Stream__Decision decision;
    size_t size;
    uint8_t *bytes;

    faultline__stream__notice__init(&out);
    out.version = FL_NOTICE_VERSION;
    out.sequence = notice->sequence;
    out.boot = notice->boot;
    if (notice->verdict) {
        put_verdict(notice->verdict, &verdict);
        out.body_case = FAULTLINE__STREAM__NOTICE__BODY_VERDICT;
        out.verdict = &verdict;
    } else {
        put_decision(notice->decision, &decision);
        out.body_case = FAULTLINE__STREAM__NOTICE__BODY_DECISION;
        out.decision = &decision;
    }
    size = faultline__stream__notice__get_packed_size(&out);
    bytes = malloc(size ? size : 1);
    if (!bytes)
        return -ENOMEM;
    *ret_size = faultline__stream__notice__pack(&out, bytes);
    *ret_bytes = bytes;
    return 0;
}
