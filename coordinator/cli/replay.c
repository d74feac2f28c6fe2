#include "coordinator/cli/replay.h"

#include "coordinator/core/engine.h"
#include "coordinator/trace/verdict_json.h"

#include <errno.h>
#include <inttypes.h>

static int print_event(const struct verdict_event *event, FILE *out, struct fl_error *err)
{
    json_t *json = verdict_event_json(event);
    int r = json ? json_dumpf(json, out, VERDICT_JSON_FLAGS) : -1;

    json_decref(json);
    if (r < 0 || putc('\n', out) == EOF)
        return fl_error_set(err, -EIO, "a verdict cannot be written");
    return 0;
}

static int take(struct engine *engine, const struct trace_record *record, FILE *out,
                struct replay_outcome *outcome, struct fl_error *err)
{
    struct engine_event event = {
        .type = record->type == TRACE_RESULT ? ENGINE_RESULT : ENGINE_HOST,
        .t_us = record->rx_us,
        .agent = record->agent,
        .result = &record->result,
        .host = &record->host,
    };
    struct engine_update update;
    int r = 0;

    outcome->results += record->type == TRACE_RESULT;
    if (record->rx_us > outcome->t_us)
        outcome->t_us = record->rx_us;
    engine_step(engine, &event, &update);
    for (size_t i = 0; i < update.n_events && r == 0; i++) {
        outcome->opened += update.events[i].type == VERDICT_OPEN;
        r = print_event(&update.events[i], out, err);
    }
    if (update.n_events > 0)
        (void)fflush(out); /* who replays a pipe wants it now; main says whether it failed */
    return r;
}

static void print_end(const struct replay_outcome *outcome, bool lenient, FILE *out)
{
    (void)fprintf(
        out, "{\"event\":\"end\",\"t_us\":%" PRId64 ",\"results\":%" PRIu64 ",\"opened\":%" PRIu64,
        outcome->t_us, outcome->results, outcome->opened);
    if (lenient)
        (void)fprintf(out, ",\"skipped\":%" PRIu64, outcome->skipped);
    (void)fputs("}\n", out);
}

int replay_run(struct trace_reader *reader, bool lenient, FILE *out, struct replay_outcome *ret,
               struct fl_error *err)
{
    FL_CLEANUP(engine_freep) struct engine *engine = NULL;
    struct trace_record record;
    int r = engine_new(trace_reader_fleet(reader), 1, &engine, err);

    *ret = (struct replay_outcome){0};
    if (r < 0)
        return r;
    while ((r = trace_reader_next(reader, &record, err)) != 0) {
        if (r > 0)
            r = take(engine, &record, out, ret, err);
        else if (r == -EBADMSG && lenient) {
            ret->skipped++;
            r = 0;
        }
        if (r < 0)
            return r;
    }
    print_end(ret, lenient, out);
    return 0;
}
