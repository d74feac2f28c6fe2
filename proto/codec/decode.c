/* Bytes to messages. What comes in is hostile until it has been checked: memory is given out
 * against a budget, every text and every number against its rule. */
#include "proto/codec/codec_private.h"
#include "proto/types/fl_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Packed fields grow eightfold when decoded; small submessages more. Honest messages stay far
 * below. */
#define BUDGET_FACTOR 24
#define BUDGET_LEAST 65536

struct budget {
    size_t left;
};

static void *budget_take(void *arg, size_t size)
{
    struct budget *budget = arg;

    if (size > budget->left)
        return NULL;
    budget->left -= size;
    return malloc(size);
}

static void budget_free(void *arg, void *pointer)
{
    (void)arg;
    free(pointer);
}

static int bad(struct fl_error *err, const char *what)
{
    return fl_error_set(err, -EBADMSG, "%s", what);
}

static bool copy_text(char *to, size_t size, const char *from)
{
    size_t length = strlen(from);

    if (length >= size)
        return false;
    memcpy(to, from, length + 1);
    return true;
}

static bool copy_name(char to[FL_NAME_SIZE], const char *from)
{
    return fl_name_valid(from) && copy_text(to, FL_NAME_SIZE, from);
}

/* Longer ones are cut: they are for people. */
static void copy_words(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from);
}

static int take_hello(const Faultline__Hello *in, struct fl_hello *hello, struct fl_error *err)
{
    if (!copy_name(hello->agent, in->agent))
        return bad(err, "hello: the agent's name is no name");
    if (!copy_name(hello->zone, in->zone))
        return bad(err, "hello: the zone's name is no name");
    if (in->n_types > FL_MAX_TYPES)
        return bad(err, "hello: too many probe types");
    for (size_t i = 0; i < in->n_types; i++)
        if (!copy_text(hello->types[i], FL_TYPE_SIZE, in->types[i]))
            return bad(err, "hello: the name of a probe type is too long");
    copy_words(hello->software, sizeof(hello->software), in->software);
    hello->n_types = in->n_types;
    hello->boot = in->boot;
    hello->plan_version = in->plan_version;
    hello->spooled_batches = in->spooled_batches;
    hello->answers = in->answers;
    return 0;
}

static int take_spec(const char *what, const Faultline__ProbeSpec *in, struct fl_plan *plan,
                     struct fl_error *err)
{
    struct fl_probe_spec *spec =
        fl_plan_add(plan, in->target, in->probe, in->type, in->interval_us, in->timeout_us);

    if (!spec)
        return fl_error_set(err, -EBADMSG, "%s: a name is too long, or there are too many probes",
                            what);
    for (size_t i = 0; i < in->n_settings; i++) {
        if (strlen(in->settings[i]->value) > FL_MAX_SETTING_VALUE ||
            strlen(in->settings[i]->key) > FL_NAME_MAX)
            return fl_error_set(err, -EBADMSG, "%s: a setting is too long", what);
        if (fl_probe_spec_set(spec, in->settings[i]->key, in->settings[i]->value) < 0)
            return fl_error_set(err, -EBADMSG, "%s: a probe has too many settings", what);
    }
    return 0;
}

static int take_plan(const Faultline__Plan *in, struct fl_plan *plan, struct fl_error *err)
{
    int r = 0;

    fl_plan_init(plan);
    if (in->mesh_key.len != FL_MESH_KEY_SIZE)
        return bad(err, "plan: the mesh key has the wrong length");
    if (in->n_specs > FL_MAX_PLAN_SPECS)
        return bad(err, "plan: too many probes");
    memcpy(plan->mesh_key, in->mesh_key.data, FL_MESH_KEY_SIZE);
    plan->version = in->version;
    for (size_t i = 0; i < in->n_specs && r == 0; i++)
        r = take_spec("plan", in->specs[i], plan, err);
    if (r == 0 && fl_plan_check(plan, err) < 0)
        r = fl_error_prefix(err, -EBADMSG, "plan");
    if (r < 0)
        fl_plan_done(plan);
    return r;
}

static bool fits(uint64_t value)
{
    return value <= INT64_MAX;
}

static bool time_fits(fl_time t_us)
{
    return t_us >= 0 && t_us <= FL_MAX_TIME_US;
}

static int take_column(const struct column *column, Faultline__Batch *in, struct fl_batch *batch,
                       struct fl_error *err)
{
    const uint64_t *data = *column_data(column, in);
    size_t n = *column_n(column, in);

    if (n != 0 && n != batch->n_results)
        return bad(err, "batch: a column has the wrong length");
    if (in->skipped > in->sequence || in->lost_results > FL_MAX_COUNTER)
        return bad(err, "batch: it skips more than there is, or lost more than there can be");
    for (size_t i = 0; i < n; i++) {
        int64_t *field = (int64_t *)(void *)((char *)&batch->results[i] + column->field_offset);

        if (!fits(data[i]))
            return bad(err, "batch: a number is out of range");
        *field = data[i] == 0 ? column->absent : (int64_t)(data[i] - column_bias(column));
    }
    return 0;
}

static void take_outcome(uint32_t outcome, struct fl_result *result)
{
    result->ok = outcome == 0;
    result->layer = result->ok ? FL_LAYER_NONE : (enum fl_layer)((outcome - 1) & 7);
    result->failure = result->ok ? FL_FAILURE_NONE : (enum fl_failure)((outcome - 1) >> 3 & 31);
    result->step = result->ok ? FL_STEP_NONE : (enum fl_step)((outcome - 1) >> 8);
}

static int take_results(Faultline__Batch *in, struct fl_batch *batch, struct fl_error *err)
{
    fl_time t_us = in->base_us;

    for (size_t i = 0; i < batch->n_results; i++) {
        struct fl_result *result = &batch->results[i];

        fl_result_init(result);
        if (!fits(in->took_us[i]))
            return bad(err, "batch: a duration is out of range");
        t_us = fl_time_add(t_us, in->t_delta_us[i]);
        result->t_us = t_us;
        result->series = in->series[i];
        result->took_us = (int64_t)in->took_us[i];
        take_outcome(in->outcome[i], result);
    }
    for (size_t i = 0; i < COLUMNS; i++)
        if (take_column(&columns[i], in, batch, err) < 0)
            return -EBADMSG;
    for (size_t i = 0; i < batch->n_results; i++)
        if (fl_result_check(&batch->results[i], err) < 0)
            return fl_error_prefix(err, -EBADMSG, "batch");
    return 0;
}

static int take_disk(const Faultline__DiskSample *in, struct fl_disk_sample *disk,
                     struct fl_error *err)
{
    if (!copy_text(disk->name, sizeof(disk->name), in->name) ||
        !copy_text(disk->target, sizeof(disk->target), in->target))
        return bad(err, "host: the name of a disk or of its target is too long");
    if (!fits(in->iops) || !fits(in->await_us) || !fits(in->util_ppm) || !fits(in->inflight))
        return bad(err, "host: a number of a disk is out of range");
    disk->iops = (int64_t)in->iops;
    disk->await_us = (int64_t)in->await_us;
    disk->util_ppm = (int64_t)in->util_ppm;
    disk->inflight = (int64_t)in->inflight;
    return 0;
}

static int take_host(const Faultline__HostSample *in, struct fl_host_sample *host,
                     struct fl_error *err)
{
    fl_host_sample_init(host);
    if (in->n_metric != in->n_value || in->n_disks > FL_MAX_DISKS)
        return bad(err, "host: columns of different length, or too many disks");
    host->t_us = in->t_us;
    for (size_t i = 0; i < in->n_metric; i++)
        if (in->metric[i] < FL_HOST_METRICS) /* a newer agent may know more */
            host->values[in->metric[i]] = in->value[i];
    for (size_t i = 0; i < in->n_disks; i++)
        if (take_disk(in->disks[i], &host->disks[i], err) < 0)
            return -EBADMSG;
    host->n_disks = (uint32_t)in->n_disks;
    return fl_host_sample_check(host, err) < 0 ? fl_error_prefix(err, -EBADMSG, "batch") : 0;
}

static int fill_batch(Faultline__Batch *in, struct fl_batch *batch, struct fl_error *err)
{
    int r = take_results(in, batch, err);

    for (size_t i = 0; i < batch->n_hosts && r == 0; i++)
        r = take_host(in->hosts[i], &batch->hosts[i], err);
    return r;
}

static int take_batch(Faultline__Batch *in, struct fl_batch *batch, struct fl_error *err)
{
    int r;

    if (!copy_name(batch->agent, in->agent))
        return bad(err, "batch: the agent's name is no name");
    if (in->n_series > FL_MAX_BATCH_RESULTS || in->n_hosts > FL_MAX_BATCH_HOSTS)
        return bad(err, "batch: too many results or host samples");
    if (in->n_t_delta_us != in->n_series || in->n_took_us != in->n_series ||
        in->n_outcome != in->n_series)
        return bad(err, "batch: a column has the wrong length");
    batch->boot = in->boot;
    batch->sequence = in->sequence;
    batch->plan_version = in->plan_version;
    batch->dropped_results = in->dropped_results;
    batch->dropped_batches = in->dropped_batches;
    batch->skipped = in->skipped;
    batch->lost_results = in->lost_results;
    batch->n_results = in->n_series;
    batch->n_hosts = in->n_hosts;
    batch->results = calloc(in->n_series + 1, sizeof(*batch->results));
    batch->hosts = calloc(in->n_hosts + 1, sizeof(*batch->hosts));
    r = batch->results && batch->hosts ? fill_batch(in, batch, err)
                                       : fl_error_set(err, -ENOMEM, "no memory");
    if (r < 0) {
        free(batch->results);
        free(batch->hosts);
    }
    return r;
}

static int take_ack(const Faultline__Ack *in, struct fl_ack *ack, struct fl_error *err)
{
    ack->boot = in->boot;
    ack->n_sequences = in->n_sequence;
    ack->sequences = calloc(in->n_sequence + 1, sizeof(*ack->sequences));
    if (!ack->sequences)
        return fl_error_set(err, -ENOMEM, "no memory");
    if (in->n_sequence > 0)
        memcpy(ack->sequences, in->sequence, in->n_sequence * sizeof(*ack->sequences));
    return 0;
}

static int take_heartbeat(const Faultline__Heartbeat *in, struct fl_heartbeat *heartbeat,
                          struct fl_error *err)
{
    if (!time_fits(in->sent_us))
        return bad(err, "heartbeat: a time before 1970 or after 9999");
    if (in->produced > FL_MAX_COUNTER || in->undelivered > in->produced)
        return bad(err, "heartbeat: more is undelivered than was produced, or too much was");
    *heartbeat = (struct fl_heartbeat){in->sent_us,        in->spooled_batches, in->plan_version,
                                       in->stalled_probes, in->dropped_results, in->account,
                                       in->produced,       in->undelivered};
    return 0;
}

static int take_reply(const Faultline__HeartbeatReply *in, struct fl_heartbeat_reply *reply,
                      struct fl_error *err)
{
    if (!time_fits(in->sent_us) || !time_fits(in->received_us) || !time_fits(in->replied_us))
        return bad(err, "heartbeat reply: a time before 1970 or after 9999");
    *reply = (struct fl_heartbeat_reply){in->sent_us, in->received_us, in->replied_us,
                                         in->credit ? (int64_t)in->credit - 1 : FL_ABSENT};
    return 0;
}

static int fill_ask(const Faultline__Ask *in, struct fl_ask *ask, struct fl_error *err)
{
    int r = 0;

    for (size_t i = 0; i < in->n_orders && r == 0; i++) {
        if (!in->orders[i]->spec)
            return bad(err, "ask: an order for no probe");
        r = take_spec("ask", in->orders[i]->spec, &ask->orders, err);
        ask->repeats[i] = in->orders[i]->repeats;
    }
    if (r == 0 && fl_ask_check(ask, err) < 0)
        r = fl_error_prefix(err, -EBADMSG, "ask");
    return r;
}

static int take_ask(const Faultline__Ask *in, struct fl_ask *ask, struct fl_error *err)
{
    int r;

    fl_ask_init(ask);
    if (in->n_orders > FL_MAX_ASK_ORDERS)
        return bad(err, "ask: too many orders");
    ask->id = in->id;
    ask->deadline_us = in->deadline_us;
    r = fill_ask(in, ask, err);
    if (r < 0)
        fl_ask_done(ask);
    return r;
}

static int take_answer_refusals(const Faultline__Answer *in, struct fl_answer *answer,
                                struct fl_error *err)
{
    if (in->n_refusals > FL_MAX_ASK_ORDERS)
        return bad(err, "answer: too many refusals");
    for (size_t i = 0; i < in->n_refusals; i++) {
        answer->refusals[i].order = in->refusals[i]->order;
        copy_words(answer->refusals[i].reason, FL_ANSWER_REASON_SIZE, in->refusals[i]->reason);
        if (in->refusals[i]->order >= FL_MAX_ASK_ORDERS)
            return bad(err, "answer: it refuses an order that no ask can have");
    }
    answer->n_refusals = in->n_refusals;
    return 0;
}

static int take_answer_results(const Faultline__Answer *in, struct fl_answer *answer,
                               struct fl_error *err)
{
    struct fl_batch batch = {.n_results = in->n_order, .results = answer->results};
    int r = 0;

    for (size_t i = 0; i < in->n_order; i++) {
        if (in->order[i] >= FL_MAX_ASK_ORDERS)
            return bad(err, "answer: a result of an order that no ask can have");
        answer->orders[i] = in->order[i];
    }
    if (in->results)
        r = take_results(in->results, &batch, err);
    return r < 0 ? fl_error_prefix(err, r, "answer") : 0;
}

static int take_answer(const Faultline__Answer *in, struct fl_answer *answer, struct fl_error *err)
{
    const Faultline__Batch *results = in->results;
    size_t n = in->n_order;
    int r;

    if (n > FL_MAX_ASK_PROBES || (!results && n > 0) ||
        (results && (results->n_series != n || results->n_t_delta_us != n ||
                     results->n_took_us != n || results->n_outcome != n)))
        return bad(err, "answer: a column has the wrong length");
    answer->id = in->id;
    answer->done = in->done;
    answer->missed = in->missed;
    r = take_answer_refusals(in, answer, err);
    if (r < 0)
        return r;
    answer->n_results = n;
    answer->orders = calloc(n + 1, sizeof(*answer->orders));
    answer->results = calloc(n + 1, sizeof(*answer->results));
    r = answer->orders && answer->results ? take_answer_results(in, answer, err)
                                          : fl_error_set(err, -ENOMEM, "no memory");
    if (r < 0)
        fl_answer_done(answer);
    return r;
}

static int take_message(Faultline__Envelope *in, struct fl_message *out, struct fl_error *err)
{
    switch (in->body_case) {
    case FAULTLINE__ENVELOPE__BODY_HELLO:
        out->type = FL_MESSAGE_HELLO;
        return take_hello(in->hello, &out->hello, err);
    case FAULTLINE__ENVELOPE__BODY_PLAN:
        out->type = FL_MESSAGE_PLAN;
        return take_plan(in->plan, &out->plan, err);
    case FAULTLINE__ENVELOPE__BODY_PLAN_ACK:
        out->type = FL_MESSAGE_PLAN_ACK;
        out->plan_ack.version = in->plan_ack->version;
        copy_words(out->plan_ack.error, FL_REASON_SIZE, in->plan_ack->error);
        return 0;
    case FAULTLINE__ENVELOPE__BODY_BATCH:
        out->type = FL_MESSAGE_BATCH;
        return take_batch(in->batch, &out->batch, err);
    case FAULTLINE__ENVELOPE__BODY_ACK:
        out->type = FL_MESSAGE_ACK;
        return take_ack(in->ack, &out->ack, err);
    case FAULTLINE__ENVELOPE__BODY_HEARTBEAT:
        out->type = FL_MESSAGE_HEARTBEAT;
        return take_heartbeat(in->heartbeat, &out->heartbeat, err);
    case FAULTLINE__ENVELOPE__BODY_HEARTBEAT_REPLY:
        out->type = FL_MESSAGE_HEARTBEAT_REPLY;
        return take_reply(in->heartbeat_reply, &out->heartbeat_reply, err);
    case FAULTLINE__ENVELOPE__BODY_REFUSAL:
        out->type = FL_MESSAGE_REFUSAL;
        copy_words(out->refusal.reason, FL_REASON_SIZE, in->refusal->reason);
        return 0;
    case FAULTLINE__ENVELOPE__BODY_ASK:
        out->type = FL_MESSAGE_ASK;
        return take_ask(in->ask, &out->ask, err);
    case FAULTLINE__ENVELOPE__BODY_ANSWER:
        out->type = FL_MESSAGE_ANSWER;
        return take_answer(in->answer, &out->answer, err);
    default:
        return bad(err, "a message without a body");
    }
}

int fl_codec_decode(const uint8_t *bytes, size_t size, struct fl_message *ret, struct fl_error *err)
{
    struct budget budget = {BUDGET_FACTOR * size + BUDGET_LEAST};
    ProtobufCAllocator allocator = {budget_take, budget_free, &budget};
    Faultline__Envelope *envelope;
    struct fl_message *message;
    int r;

    if (size > FL_MAX_PLAN_MESSAGE)
        return fl_error_set(err, -E2BIG, "a message of %zu bytes; at most %d are taken", size,
                            FL_MAX_PLAN_MESSAGE);
    envelope = faultline__envelope__unpack(&allocator, size, bytes);
    if (!envelope)
        return bad(err, "not a message of Faultline, or cut short");
    message = calloc(1, sizeof(*message));
    if (!message)
        r = fl_error_set(err, -ENOMEM, "no memory");
    else if (envelope->version != FL_WIRE_VERSION)
        r = fl_error_set(err, -EPROTONOSUPPORT, "a message of version %u; this is version %d",
                         envelope->version, FL_WIRE_VERSION);
    else if (size > FL_MAX_MESSAGE && envelope->body_case != FAULTLINE__ENVELOPE__BODY_PLAN)
        r = fl_error_set(err, -E2BIG, "a message of %zu bytes; at most %d are taken", size,
                         FL_MAX_MESSAGE);
    else
        r = take_message(envelope, message, err);
    if (r == 0)
        *ret = *message;
    free(message);
    faultline__envelope__free_unpacked(envelope, &allocator);
    return r;
}

void fl_message_done(struct fl_message *message)
{
    switch (message->type) {
    case FL_MESSAGE_PLAN:
        fl_plan_done(&message->plan);
        break;
    case FL_MESSAGE_BATCH:
        free(message->batch.results);
        free(message->batch.hosts);
        break;
    case FL_MESSAGE_ACK:
        free(message->ack.sequences);
        break;
    case FL_MESSAGE_ASK:
        fl_ask_done(&message->ask);
        break;
    case FL_MESSAGE_ANSWER:
        fl_answer_done(&message->answer);
        break;
    default:
        break;
    }
    *message = (struct fl_message){0};
}
