/* Messages to bytes. Generated structs borrow from the message; what they need besides comes from
 * one arena that is freed at the end. */
#include "proto/codec/codec_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct block {
    struct block *next;
    max_align_t bytes[];
};

struct arena {
    struct block *blocks;
    bool failed;
};

static void *arena_take(struct arena *arena, size_t n, size_t size)
{
    struct block *block = calloc(1, sizeof(*block) + n * size);

    if (!block) {
        arena->failed = true;
        return NULL;
    }
    block->next = arena->blocks;
    arena->blocks = block;
    return block->bytes;
}

static void arena_done(struct arena *arena)
{
    while (arena->blocks) {
        struct block *next = arena->blocks->next;

        free(arena->blocks);
        arena->blocks = next;
    }
}

/* protobuf-c has no const strings. */
static char *text(const char *borrowed)
{
    return (char *)(uintptr_t)borrowed;
}

static void put_hello(struct arena *arena, const struct fl_hello *hello, Faultline__Envelope *out)
{
    Faultline__Hello *body = arena_take(arena, 1, sizeof(*body));
    char **types = arena_take(arena, hello->n_types + 1, sizeof(char *));

    if (!body || !types)
        return;
    faultline__hello__init(body);
    body->agent = text(hello->agent);
    body->zone = text(hello->zone);
    body->boot = hello->boot;
    body->software = text(hello->software);
    for (size_t i = 0; i < hello->n_types; i++)
        types[i] = text(hello->types[i]);
    body->n_types = hello->n_types;
    body->types = types;
    body->plan_version = hello->plan_version;
    body->spooled_batches = hello->spooled_batches;
    body->answers = hello->answers;
    out->body_case = FAULTLINE__ENVELOPE__BODY_HELLO;
    out->hello = body;
}

static void put_settings(struct arena *arena, const struct fl_probe_spec *spec,
                         Faultline__ProbeSpec *out)
{
    Faultline__Setting *settings = arena_take(arena, spec->n_settings + 1, sizeof(*settings));
    Faultline__Setting **list = arena_take(arena, spec->n_settings + 1, sizeof(*list));

    if (!settings || !list)
        return;
    for (size_t i = 0; i < spec->n_settings; i++) {
        faultline__setting__init(&settings[i]);
        settings[i].key = spec->settings[i].key;
        settings[i].value = spec->settings[i].value;
        list[i] = &settings[i];
    }
    out->n_settings = spec->n_settings;
    out->settings = list;
}

static void put_spec(struct arena *arena, const struct fl_probe_spec *spec,
                     Faultline__ProbeSpec *out)
{
    faultline__probe_spec__init(out);
    out->target = text(spec->target);
    out->probe = text(spec->probe);
    out->type = text(spec->type);
    out->interval_us = spec->interval_us;
    out->timeout_us = spec->timeout_us;
    put_settings(arena, spec, out);
}

static void put_plan(struct arena *arena, const struct fl_plan *plan, Faultline__Envelope *out)
{
    Faultline__Plan *body = arena_take(arena, 1, sizeof(*body));
    Faultline__ProbeSpec *specs = arena_take(arena, plan->n_specs + 1, sizeof(*specs));
    Faultline__ProbeSpec **list = arena_take(arena, plan->n_specs + 1, sizeof(*list));

    if (!body || !specs || !list)
        return;
    faultline__plan__init(body);
    for (size_t i = 0; i < plan->n_specs; i++) {
        put_spec(arena, &plan->specs[i], &specs[i]);
        list[i] = &specs[i];
    }
    body->version = plan->version;
    body->n_specs = plan->n_specs;
    body->specs = list;
    body->mesh_key.len = FL_MESH_KEY_SIZE;
    body->mesh_key.data = (uint8_t *)(uintptr_t)plan->mesh_key;
    out->body_case = FAULTLINE__ENVELOPE__BODY_PLAN;
    out->plan = body;
}

static uint32_t outcome_of(const struct fl_result *result)
{
    if (result->ok)
        return 0;
    return 1 + (uint32_t)result->layer + 8 * (uint32_t)result->failure +
           256 * (uint32_t)result->step;
}

static int64_t field_of(const struct fl_result *result, const struct column *column)
{
    return *(const int64_t *)(const void *)((const char *)result + column->field_offset);
}

/* A column that says nothing about any result is left out. */
static void put_column(struct arena *arena, const struct fl_batch *batch,
                       const struct column *column, Faultline__Batch *body)
{
    uint64_t *data;
    bool any = false;

    for (size_t i = 0; i < batch->n_results && !any; i++)
        any = field_of(&batch->results[i], column) != column->absent;
    data = any ? arena_take(arena, batch->n_results, sizeof(*data)) : NULL;
    if (!data)
        return;
    for (size_t i = 0; i < batch->n_results; i++) {
        int64_t value = field_of(&batch->results[i], column);

        data[i] = value == column->absent ? 0 : (uint64_t)value + column_bias(column);
    }
    *column_n(column, body) = batch->n_results;
    *column_data(column, body) = data;
}

static void put_results(struct arena *arena, const struct fl_batch *batch, Faultline__Batch *body)
{
    size_t n = batch->n_results;
    uint32_t *series = arena_take(arena, n + 1, sizeof(*series));
    int64_t *delta = arena_take(arena, n + 1, sizeof(*delta));
    uint64_t *took = arena_take(arena, n + 1, sizeof(*took));
    uint32_t *outcome = arena_take(arena, n + 1, sizeof(*outcome));

    if (!series || !delta || !took || !outcome)
        return;
    for (size_t i = 0; i < n; i++) {
        series[i] = batch->results[i].series;
        delta[i] = i == 0 ? 0 : batch->results[i].t_us - batch->results[i - 1].t_us;
        took[i] = (uint64_t)batch->results[i].took_us;
        outcome[i] = outcome_of(&batch->results[i]);
    }
    body->base_us = n > 0 ? batch->results[0].t_us : 0;
    body->n_series = body->n_t_delta_us = body->n_took_us = body->n_outcome = n;
    body->series = series;
    body->t_delta_us = delta;
    body->took_us = took;
    body->outcome = outcome;
    for (size_t i = 0; i < COLUMNS; i++)
        put_column(arena, batch, &columns[i], body);
}

static void put_disks(struct arena *arena, const struct fl_host_sample *host,
                      Faultline__HostSample *out)
{
    Faultline__DiskSample *disks = arena_take(arena, host->n_disks + 1, sizeof(*disks));
    Faultline__DiskSample **list = arena_take(arena, host->n_disks + 1, sizeof(*list));

    if (!disks || !list)
        return;
    for (uint32_t i = 0; i < host->n_disks; i++) {
        const struct fl_disk_sample *disk = &host->disks[i];

        faultline__disk_sample__init(&disks[i]);
        disks[i].name = text(disk->name);
        disks[i].target = text(disk->target);
        disks[i].iops = (uint64_t)disk->iops;
        disks[i].await_us = (uint64_t)disk->await_us;
        disks[i].util_ppm = (uint64_t)disk->util_ppm;
        disks[i].inflight = (uint64_t)disk->inflight;
        list[i] = &disks[i];
    }
    out->n_disks = host->n_disks;
    out->disks = list;
}

static void put_host(struct arena *arena, const struct fl_host_sample *host,
                     Faultline__HostSample *out)
{
    uint32_t *metric = arena_take(arena, FL_HOST_METRICS, sizeof(*metric));
    int64_t *value = arena_take(arena, FL_HOST_METRICS, sizeof(*value));
    size_t n = 0;

    if (!metric || !value)
        return;
    for (uint32_t i = 0; i < FL_HOST_METRICS; i++)
        if (host->values[i] != FL_ABSENT) {
            metric[n] = i;
            value[n++] = host->values[i];
        }
    faultline__host_sample__init(out);
    out->t_us = host->t_us;
    out->n_metric = out->n_value = n;
    out->metric = metric;
    out->value = value;
    put_disks(arena, host, out);
}

static void put_batch(struct arena *arena, const struct fl_batch *batch, Faultline__Envelope *out)
{
    Faultline__Batch *body = arena_take(arena, 1, sizeof(*body));
    Faultline__HostSample *hosts = arena_take(arena, batch->n_hosts + 1, sizeof(*hosts));
    Faultline__HostSample **list = arena_take(arena, batch->n_hosts + 1, sizeof(*list));

    if (!body || !hosts || !list)
        return;
    faultline__batch__init(body);
    body->agent = text(batch->agent);
    body->boot = batch->boot;
    body->sequence = batch->sequence;
    body->plan_version = batch->plan_version;
    body->dropped_results = batch->dropped_results;
    body->dropped_batches = batch->dropped_batches;
    body->skipped = batch->skipped;
    body->lost_results = batch->lost_results;
    put_results(arena, batch, body);
    for (size_t i = 0; i < batch->n_hosts; i++) {
        put_host(arena, &batch->hosts[i], &hosts[i]);
        list[i] = &hosts[i];
    }
    body->n_hosts = batch->n_hosts;
    body->hosts = list;
    out->body_case = FAULTLINE__ENVELOPE__BODY_BATCH;
    out->batch = body;
}

static void put_ack(struct arena *arena, const struct fl_ack *ack, Faultline__Envelope *out)
{
    Faultline__Ack *body = arena_take(arena, 1, sizeof(*body));

    if (!body)
        return;
    faultline__ack__init(body);
    body->boot = ack->boot;
    body->n_sequence = ack->n_sequences;
    body->sequence = ack->sequences;
    out->body_case = FAULTLINE__ENVELOPE__BODY_ACK;
    out->ack = body;
}

static void put_plan_ack(struct arena *arena, const struct fl_plan_ack *ack,
                         Faultline__Envelope *out)
{
    Faultline__PlanAck *body = arena_take(arena, 1, sizeof(*body));

    if (!body)
        return;
    faultline__plan_ack__init(body);
    body->version = ack->version;
    body->error = text(ack->error);
    out->body_case = FAULTLINE__ENVELOPE__BODY_PLAN_ACK;
    out->plan_ack = body;
}

static void put_heartbeat(struct arena *arena, const struct fl_heartbeat *heartbeat,
                          Faultline__Envelope *out)
{
    Faultline__Heartbeat *body = arena_take(arena, 1, sizeof(*body));

    if (!body)
        return;
    faultline__heartbeat__init(body);
    body->sent_us = heartbeat->sent_us;
    body->spooled_batches = heartbeat->spooled_batches;
    body->plan_version = heartbeat->plan_version;
    body->stalled_probes = heartbeat->stalled_probes;
    body->dropped_results = heartbeat->dropped_results;
    body->account = heartbeat->account;
    body->produced = heartbeat->produced;
    body->undelivered = heartbeat->undelivered;
    out->body_case = FAULTLINE__ENVELOPE__BODY_HEARTBEAT;
    out->heartbeat = body;
}

static void put_reply(struct arena *arena, const struct fl_heartbeat_reply *reply,
                      Faultline__Envelope *out)
{
    Faultline__HeartbeatReply *body = arena_take(arena, 1, sizeof(*body));

    if (!body)
        return;
    faultline__heartbeat_reply__init(body);
    body->sent_us = reply->sent_us;
    body->received_us = reply->received_us;
    body->replied_us = reply->replied_us;
    body->credit = reply->credit == FL_ABSENT ? 0 : (uint32_t)reply->credit + 1;
    out->body_case = FAULTLINE__ENVELOPE__BODY_HEARTBEAT_REPLY;
    out->heartbeat_reply = body;
}

static void put_refusal(struct arena *arena, const struct fl_refusal *refusal,
                        Faultline__Envelope *out)
{
    Faultline__Refusal *body = arena_take(arena, 1, sizeof(*body));

    if (!body)
        return;
    faultline__refusal__init(body);
    body->reason = text(refusal->reason);
    out->body_case = FAULTLINE__ENVELOPE__BODY_REFUSAL;
    out->refusal = body;
}

static void put_ask(struct arena *arena, const struct fl_ask *ask, Faultline__Envelope *out)
{
    size_t n = ask->orders.n_specs;
    Faultline__Ask *body = arena_take(arena, 1, sizeof(*body));
    Faultline__AskOrder *orders = arena_take(arena, n + 1, sizeof(*orders));
    Faultline__AskOrder **list = arena_take(arena, n + 1, sizeof(*list));
    Faultline__ProbeSpec *specs = arena_take(arena, n + 1, sizeof(*specs));

    if (!body || !orders || !list || !specs)
        return;
    faultline__ask__init(body);
    for (size_t i = 0; i < n; i++) {
        put_spec(arena, &ask->orders.specs[i], &specs[i]);
        faultline__ask_order__init(&orders[i]);
        orders[i].spec = &specs[i];
        orders[i].repeats = ask->repeats[i];
        list[i] = &orders[i];
    }
    body->id = ask->id;
    body->deadline_us = ask->deadline_us;
    body->n_orders = n;
    body->orders = list;
    out->body_case = FAULTLINE__ENVELOPE__BODY_ASK;
    out->ask = body;
}

static void put_answer_refusals(struct arena *arena, const struct fl_answer *answer,
                                Faultline__Answer *body)
{
    size_t n = answer->n_refusals;
    Faultline__AnswerRefusal *refusals = arena_take(arena, n + 1, sizeof(*refusals));
    Faultline__AnswerRefusal **list = arena_take(arena, n + 1, sizeof(*list));

    if (!refusals || !list)
        return;
    for (size_t i = 0; i < n; i++) {
        faultline__answer_refusal__init(&refusals[i]);
        refusals[i].order = answer->refusals[i].order;
        refusals[i].reason = text(answer->refusals[i].reason);
        list[i] = &refusals[i];
    }
    body->n_refusals = n;
    body->refusals = list;
}

static void put_answer(struct arena *arena, const struct fl_answer *answer,
                       Faultline__Envelope *out)
{
    const struct fl_batch batch = {.n_results = answer->n_results, .results = answer->results};
    Faultline__Answer *body = arena_take(arena, 1, sizeof(*body));
    Faultline__Batch *results = arena_take(arena, 1, sizeof(*results));

    if (!body || !results)
        return;
    faultline__answer__init(body);
    faultline__batch__init(results);
    put_results(arena, &batch, results);
    put_answer_refusals(arena, answer, body);
    body->id = answer->id;
    body->done = answer->done;
    body->missed = answer->missed;
    body->n_order = answer->n_results;
    body->order = answer->orders;
    body->results = results;
    out->body_case = FAULTLINE__ENVELOPE__BODY_ANSWER;
    out->answer = body;
}

static void put_message(struct arena *arena, const struct fl_message *message,
                        Faultline__Envelope *out)
{
    switch (message->type) {
    case FL_MESSAGE_HELLO:
        put_hello(arena, &message->hello, out);
        break;
    case FL_MESSAGE_PLAN:
        put_plan(arena, &message->plan, out);
        break;
    case FL_MESSAGE_PLAN_ACK:
        put_plan_ack(arena, &message->plan_ack, out);
        break;
    case FL_MESSAGE_BATCH:
        put_batch(arena, &message->batch, out);
        break;
    case FL_MESSAGE_ACK:
        put_ack(arena, &message->ack, out);
        break;
    case FL_MESSAGE_HEARTBEAT:
        put_heartbeat(arena, &message->heartbeat, out);
        break;
    case FL_MESSAGE_HEARTBEAT_REPLY:
        put_reply(arena, &message->heartbeat_reply, out);
        break;
    case FL_MESSAGE_REFUSAL:
        put_refusal(arena, &message->refusal, out);
        break;
    case FL_MESSAGE_ASK:
        put_ask(arena, &message->ask, out);
        break;
    case FL_MESSAGE_ANSWER:
        put_answer(arena, &message->answer, out);
        break;
    }
}

int fl_codec_encode(const struct fl_message *message, uint8_t **ret_bytes, size_t *ret_size,
                    struct fl_error *err)
{
    size_t limit = message->type == FL_MESSAGE_PLAN ? FL_MAX_PLAN_MESSAGE : FL_MAX_MESSAGE, size;
    Faultline__Envelope envelope = FAULTLINE__ENVELOPE__INIT;
    struct arena arena = {0};
    uint8_t *bytes = NULL;

    envelope.version = FL_WIRE_VERSION;
    put_message(&arena, message, &envelope);
    size = arena.failed ? 0 : faultline__envelope__get_packed_size(&envelope);
    if (size > 0 && size <= limit)
        bytes = malloc(size);
    if (bytes)
        (void)faultline__envelope__pack(&envelope, bytes);
    arena_done(&arena);
    if (size > limit)
        return fl_error_set(err, -E2BIG, "the message has %zu bytes; at most %zu may be sent", size,
                            limit);
    if (!bytes)
        return fl_error_set(err, -ENOMEM, "no memory");
    *ret_bytes = bytes;
    *ret_size = size;
    return 0;
}
