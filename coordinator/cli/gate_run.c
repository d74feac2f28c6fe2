/* Asks are begun one after the other, a few seconds each, so that little is left to run when it
 * ends early, and nothing when this process dies. */
#include "coordinator/cli/gate_run.h"

#include "coordinator/cli/ask_client.h"
#include "coordinator/cli/field.h"
#include "coordinator/cli/gate_before.h"
#include "coordinator/cli/gate_fault.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_US (5 * FL_SECOND)
#define CHUNK_REPEATS (FL_MAX_ASK_PROBES / FL_MAX_ASK_ORDERS)
#define POLL_US (200 * FL_MS)
#define MAX_TIMES 65536 /* kept of a zone */
#define SPREAD UINT64_C(0x9e3779b97f4a7c15)
#define VERDICT_US (6 * FL_SECOND) /* for the judgement to say what is at fault, when it fails */

struct gate_ask {
    int64_t id, next; /* results that were taken */
    bool over;
};

const char *gate_state_name(enum gate_state state)
{
    static const char *const names[] = {"going", "pass", "fail", "unsure"};

    return names[state];
}

/* ---- what comes in ---- */

static struct gate_view *view_of(struct gate_run *run, const char *zone)
{
    for (size_t i = 0; i < run->n_zones; i++)
        if (strcmp(run->zones[i].name, zone) == 0)
            return &run->zones[i];
    return NULL;
}

/* Of a long run, some of all times: which one gives way has nothing to do with how long it was. */
static void keep_time(struct gate_view *view, int64_t took_us)
{
    size_t room = view->room ? 2 * view->room : 256;
    int64_t *larger;

    if (view->n_took == MAX_TIMES) {
        view->took_us[(++view->n_replaced * SPREAD >> 32) % MAX_TIMES] = took_us;
        return;
    }
    if (view->n_took == view->room) {
        larger = realloc(view->took_us, room * sizeof(*larger));
        if (!larger)
            return;
        view->took_us = larger;
        view->room = room;
    }
    view->took_us[view->n_took++] = took_us;
}

/* What a network at fault makes as well as a release. */
static bool is_of_network(const char *error)
{
    return strcmp(error, "timeout") == 0 || strcmp(error, "unreachable") == 0 ||
           strcmp(error, "reset") == 0 || strcmp(error, "servfail") == 0;
}

static void take_result(struct gate_run *run, const json_t *result)
{
    struct gate_view *view = view_of(run, field_text(result, "zone"));
    bool ok = json_is_true(json_object_get(result, "ok"));
    const char *error = field_text(result, "error");
    int64_t took_us = field_number(result, "took_us");

    if (!view || strcmp(error, "local") == 0)
        return;
    gate_add(&view->seen, &view->limits, ok, took_us);
    if (ok) {
        keep_time(view, took_us);
        return;
    }
    view->of_network += is_of_network(error);
    (void)snprintf(view->last_error, sizeof(view->last_error), "%.40s at %.30s", error,
                   field_text(result, "layer"));
}

static void take(struct gate_run *run, struct gate_ask *ask, const json_t *answer)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(answer, "results"), i, one) take_result(run, one);
    json_array_foreach(json_object_get(answer, "agents"), i, one) if (*field_text(one, "reason"))(
        void) snprintf(run->refusal, sizeof(run->refusal), "%.64s: %.256s",
                       field_text(one, "agent"), field_text(one, "reason"));
    ask->next = field_number(answer, "next");
    ask->over = json_is_true(json_object_get(answer, "over"));
}

/* ---- asks ---- */

static json_t *request_of(const struct gate_run *run, uint64_t repeats)
{
    const struct gate_call *call = run->call;
    json_t *request = json_pack("{s:I, s:I}", "repeats", (json_int_t)repeats, "interval_us",
                                (json_int_t)call->interval_us);

    if (call->group)
        (void)json_object_set_new(request, "group", json_string(call->group));
    else
        (void)json_object_set_new(request, "probes", ask_client_list(call->targets));
    if (call->zones)
        (void)json_object_set_new(request, "from", ask_client_list(call->zones));
    if (call->timeout_us)
        (void)json_object_set_new(request, "timeout_us", json_integer(call->timeout_us));
    return request;
}

static uint64_t next_repeats(const struct gate_run *run)
{
    uint64_t left = run->repeats - run->begun;
    uint64_t most = (uint64_t)(CHUNK_US / run->call->interval_us);

    most = most < 1 ? 1 : most > CHUNK_REPEATS ? CHUNK_REPEATS : most;
    return left < most ? left : most;
}

static int begin_ask(struct gate_run *run, json_t **ret_answer, struct fl_error *err)
{
    uint64_t repeats = next_repeats(run);
    struct gate_ask *larger = realloc(run->asks, (run->n_asks + 1) * sizeof(*larger));
    json_t *answer = NULL;
    int r;

    if (!larger)
        return fl_error_set(err, -ENOMEM, "no memory");
    run->asks = larger;
    r = ask_client_begin(run->client, request_of(run, repeats), &answer, err);
    if (r < 0)
        return r;
    run->asks[run->n_asks] = (struct gate_ask){.id = field_number(answer, "id")};
    take(run, &run->asks[run->n_asks++], answer);
    run->begun += repeats;
    *ret_answer = answer;
    return 0;
}

/* The zones, and how many probes each will see, from the first ask. */
static int know_zones(struct gate_run *run, const json_t *answer, struct fl_error *err)
{
    const json_t *agents = json_object_get(answer, "agents"), *one;
    size_t i;

    run->zones = calloc(json_array_size(agents) + 1, sizeof(*run->zones));
    if (!run->zones)
        return fl_error_set(err, -ENOMEM, "no memory");
    json_array_foreach(agents, i, one)
    {
        struct gate_view *view = view_of(run, field_text(one, "zone"));

        if (!view) {
            view = &run->zones[run->n_zones++];
            (void)snprintf(view->name, sizeof(view->name), "%s", field_text(one, "zone"));
            view->limits = run->call->limits;
        }
        view->expected += (uint64_t)field_number(one, "expected");
    }
    for (i = 0; i < run->n_zones; i++) {
        run->zones[i].limits.planned = run->zones[i].expected / run->begun * run->repeats;
        gate_plan(&run->zones[i].limits);
    }
    return 0;
}

static int64_t due_us(const struct gate_run *run)
{
    return run->began_us + (int64_t)run->begun * run->call->interval_us;
}

static int begin_what_is_due(struct gate_run *run, struct fl_error *err)
{
    json_t *answer = NULL;
    int r = 0;

    while (r == 0 && run->begun < run->repeats && fl_clock_monotonic() >= due_us(run)) {
        r = begin_ask(run, &answer, err);
        if (r == 0)
            json_decref(answer);
    }
    return r;
}

/* Take what has come of every ask; wait a moment for the oldest. */
static int poll_asks(struct gate_run *run, struct fl_error *err)
{
    int64_t wait_us = POLL_US;
    int r = 0;

    for (size_t i = 0; i < run->n_asks && r == 0; i++) {
        json_t *answer = NULL;

        if (run->asks[i].over)
            continue;
        r = ask_client_more(run->client, run->asks[i].id, run->asks[i].next, wait_us, &answer, err);
        if (r == 0)
            take(run, &run->asks[i], answer);
        json_decref(answer);
        wait_us = 0;
    }
    return r;
}

static bool all_over(const struct gate_run *run)
{
    for (size_t i = 0; i < run->n_asks; i++)
        if (!run->asks[i].over)
            return false;
    return run->begun >= run->repeats;
}

/* ---- the judgement ---- */

/* One that fails outweighs one of which nothing can be said. */
static enum gate_state judge(struct gate_run *run, bool over)
{
    enum gate_state all = over ? GATE_PASS : GATE_GOING;

    for (size_t i = 0; i < run->n_zones; i++) {
        struct gate_view *view = &run->zones[i];

        view->state = gate_judge(&view->seen, &view->limits, over, &view->reason);
        if (view->state == GATE_FAIL || (view->state == GATE_UNSURE && all != GATE_FAIL))
            all = view->state;
    }
    return run->n_zones > 0 ? all : GATE_UNSURE;
}

static bool may_be_network(const struct gate_run *run)
{
    for (size_t i = 0; i < run->n_zones; i++)
        if (run->zones[i].state == GATE_FAIL && run->zones[i].of_network > 0)
            return true;
    return false;
}

/* It fails: is that the release, or a fault elsewhere? What may be a network's doing is worth
 * waiting for the judgement. */
static int attribute(struct gate_run *run, struct fl_error *err)
{
    int64_t end = fl_clock_monotonic() + (may_be_network(run) ? VERDICT_US : 0);
    int r = gate_fault_find(run, err);

    while (r == 0 && !run->fault[0] && fl_clock_monotonic() < end) {
        struct fl_error ignored; /* the asks may be over */

        (void)poll_asks(run, &ignored);
        if (all_over(run))
            gate_fault_wait(POLL_US);
        r = gate_fault_find(run, err);
    }
    if (run->fault_elsewhere)
        run->state = GATE_UNSURE;
    return r;
}

static int go(struct gate_run *run, void (*look)(const struct gate_run *run, void *arg), void *arg,
              struct fl_error *err)
{
    int r = 0;

    while (r == 0 && run->state == GATE_GOING) {
        r = begin_what_is_due(run, err);
        if (r == 0)
            r = poll_asks(run, err);
        run->state = judge(run, all_over(run));
        run->lasted_us = fl_clock_monotonic() - run->began_us;
        look(run, arg);
    }
    if (r == 0 && run->state == GATE_FAIL)
        r = attribute(run, err);
    run->lasted_us = fl_clock_monotonic() - run->began_us;
    return r;
}

int gate_run(const struct gate_call *call, struct api_client *client, struct gate_run *run,
             void (*look)(const struct gate_run *run, void *arg), void *arg, struct fl_error *err)
{
    json_t *answer = NULL;
    int r;

    *run = (struct gate_run){.call = call, .client = client};
    run->repeats = (uint64_t)(call->for_us / call->interval_us);
    run->began_us = fl_clock_monotonic();
    r = begin_ask(run, &answer, err);
    if (r == 0)
        r = know_zones(run, answer, err);
    if (r == 0 && call->against_us > 0)
        r = gate_before_read(run, answer, err);
    json_decref(answer);
    return r < 0 ? r : go(run, look, arg, err);
}

void gate_run_done(struct gate_run *run)
{
    for (size_t i = 0; i < run->n_zones; i++)
        free(run->zones[i].took_us);
    free(run->zones);
    free(run->asks);
}

static int by_number(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

int64_t gate_view_quantile(const struct gate_view *view, double quantile)
{
    if (view->n_took == 0)
        return 0;
    qsort(view->took_us, view->n_took, sizeof(*view->took_us), by_number);
    return view->took_us[(size_t)(quantile * (double)(view->n_took - 1) + 0.999)];
}

/* ---- the sentence ---- */

void gate_view_sentence(const struct gate_view *view, char *text, size_t size)
{
    const struct gate_zone *seen = &view->seen;
    char limit[FL_DURATION_TEXT_SIZE];

    switch (view->reason) {
    case GATE_ERRORS:
        (void)snprintf(text, size,
                       "zone %s: %llu of %llu probes failed (%s); of %llu at most %llu may",
                       view->name, (unsigned long long)seen->errors, (unsigned long long)seen->n,
                       view->last_error, (unsigned long long)view->limits.planned,
                       (unsigned long long)view->limits.errors);
        return;
    case GATE_LATE:
        (void)snprintf(text, size,
                       "zone %s: %llu of %llu probes took longer than %s; of %llu at most %llu may",
                       view->name, (unsigned long long)seen->late, (unsigned long long)seen->n,
                       fl_duration_format(view->limits.max_p99_us, limit),
                       (unsigned long long)view->limits.planned,
                       (unsigned long long)view->limits.late);
        return;
    case GATE_WORSE:
        (void)snprintf(text, size, "zone %s: %llu of %llu probes failed, and %llu of %llu before",
                       view->name, (unsigned long long)seen->errors, (unsigned long long)seen->n,
                       (unsigned long long)seen->before.errors, (unsigned long long)seen->before.n);
        return;
    case GATE_LATER_BEFORE:
        (void)snprintf(
            text, size,
            "zone %s: %llu of %llu probes took over 1.5 times the p99 of before, %s, and over "
            "10 ms more",
            view->name, (unsigned long long)seen->later, (unsigned long long)seen->n,
            fl_duration_format(seen->before.p99_us, limit));
        return;
    case GATE_BAD_BEFORE:
        (void)snprintf(text, size,
                       "zone %s: it broke the limits already before: %llu of %llu probes failed, "
                       "p99 %s",
                       view->name, (unsigned long long)seen->before.errors,
                       (unsigned long long)seen->before.n,
                       fl_duration_format(seen->before.p99_us, limit));
        return;
    case GATE_TOO_FEW:
        (void)snprintf(text, size,
                       "zone %s: %llu of %llu probes came; a release that errs on %.1f %% might "
                       "not have shown",
                       view->name, (unsigned long long)seen->n,
                       (unsigned long long)view->limits.planned,
                       100 * gate_detects(&view->limits, seen->n));
        return;
    case GATE_NO_REASON:
        break;
    }
    (void)snprintf(text, size, "zone %s is fine", view->name);
}

static void pass_sentence(const struct gate_run *run, char *text, size_t size)
{
    double worst = 0;

    for (size_t i = 0; i < run->n_zones; i++) {
        double detects = gate_detects(&run->zones[i].limits, run->zones[i].seen.n);

        worst = detects > worst ? detects : worst;
    }
    (void)snprintf(text, size,
                   "pass: the limits hold in %zu zones; a release that errs on %.1f %% in one of "
                   "them would have been caught",
                   run->n_zones, 100 * worst);
}

void gate_run_sentence(const struct gate_run *run, char sentence[GATE_SENTENCE_SIZE])
{
    char detail[GATE_FAULT_SIZE] = "no agent has what is probed in its plan";

    if (run->state == GATE_PASS) {
        pass_sentence(run, sentence, GATE_SENTENCE_SIZE);
        return;
    }
    for (size_t i = run->n_zones; i-- > 0;)
        if (run->zones[i].state == GATE_FAIL ||
            (run->state == GATE_UNSURE && !run->fault_elsewhere &&
             run->zones[i].state == GATE_UNSURE))
            gate_view_sentence(&run->zones[i], detail, sizeof(detail));
    if (run->fault_elsewhere)
        (void)snprintf(sentence, GATE_SENTENCE_SIZE, "cannot judge: %.300s; %.400s", run->fault,
                       detail);
    else
        (void)snprintf(sentence, GATE_SENTENCE_SIZE, "%s: %.400s%s%.300s",
                       run->state == GATE_FAIL ? "fail" : "cannot judge", detail,
                       run->fault[0]     ? "; "
                       : run->refusal[0] ? "; "
                                         : "",
                       run->fault[0] ? run->fault : run->refusal);
}
