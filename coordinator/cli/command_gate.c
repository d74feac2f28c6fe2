/* gate: is a release fit? Probes it from all zones at a raised rate. Exit status: 0 it is, 1 it is
 * not, 2 wrong use, 3 that cannot be judged. */
#include "coordinator/cli/command.h"
#include "coordinator/cli/gate_report.h"
#include "coordinator/trace/verdict_json.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>
#include <unistd.h>

#define USUAL_FOR FL_MINUTE
#define LONGEST_FOR FL_HOUR
#define USUAL_INTERVAL (200 * FL_MS)
#define USUAL_ERRORS 0.001
#define PAINT_US (500 * FL_MS) /* between two looks */

struct live {
    struct screen screen;
    bool on; /* on a terminal */
    size_t lines;
    int64_t painted_us;
};

static void paint(const struct gate_run *run, struct live *live)
{
    if (live->lines > 0)
        (void)fprintf(live->screen.out, "\x1b[%zuA\x1b[J", live->lines);
    live->lines = gate_report_table(run, &live->screen);
    live->painted_us = fl_clock_monotonic();
}

static void look(const struct gate_run *run, void *arg)
{
    struct live *live = arg;

    if (live->on && fl_clock_monotonic() - live->painted_us >= PAINT_US)
        paint(run, live);
}

static int read_call(const struct arguments *arguments, struct gate_call *call,
                     struct fl_error *err)
{
    *call = (struct gate_call){
        .group = arguments->group,
        .targets = arguments->targets,
        .zones = arguments->zones,
        .for_us = arguments->for_us ? arguments->for_us : USUAL_FOR,
        .interval_us = arguments->interval_us ? arguments->interval_us : USUAL_INTERVAL,
        .timeout_us = arguments->timeout_us,
        .against_us = arguments->against_us,
        .limits = {.max_errors = arguments->max_errors < 0 ? USUAL_ERRORS : arguments->max_errors,
                   .max_p99_us = arguments->max_p99_us},
    };
    if (!call->group == !call->targets)
        return fl_error_set(err, -EINVAL, "say what is released: --group NAME or --targets A,B");
    if (call->interval_us < FL_MIN_ASK_INTERVAL_US || call->interval_us > call->for_us)
        return fl_error_set(err, -EINVAL, "--interval must be from 20ms up to --for");
    if (call->for_us > LONGEST_FOR)
        return fl_error_set(err, -EINVAL, "--for must be 1h or less");
    return 0;
}

static int write_files(const struct arguments *arguments, const struct gate_run *run,
                       struct fl_error *err)
{
    int r = 0;

    if (arguments->junit)
        r = gate_report_junit(run, arguments->junit, err);
    if (arguments->summary && r == 0)
        r = gate_report_summary(run, arguments->summary, err);
    return r;
}

static void show(const struct arguments *arguments, const struct gate_run *run, struct live *live)
{
    char sentence[GATE_SENTENCE_SIZE];

    if (arguments->json) {
        json_t *json = gate_report_json(run);

        if (json && json_dumpf(json, stdout, VERDICT_JSON_FLAGS) == 0)
            (void)putchar('\n');
        json_decref(json);
        return;
    }
    paint(run, live);
    gate_run_sentence(run, sentence);
    screen_paragraph(&live->screen, "", "%s", sentence);
}

static enum command_status status_of(enum gate_state state)
{
    if (state == GATE_PASS)
        return COMMAND_FINE;
    return state == GATE_FAIL ? COMMAND_WRONG : COMMAND_UNREACHABLE;
}

static enum command_status gate(const struct arguments *arguments, const struct gate_call *call,
                                struct api_client *client)
{
    struct live live = {.on = !arguments->json && isatty(STDOUT_FILENO)};
    struct fl_error err = {""};
    enum command_status status;
    struct gate_run run;
    int r;

    screen_init(&live.screen, stdout);
    r = gate_run(call, client, &run, look, &live, &err);
    if (r == 0) {
        show(arguments, &run, &live);
        r = write_files(arguments, &run, &err);
        status = r < 0 ? command_fail(COMMAND_UNREACHABLE, err.message) : status_of(run.state);
    } else {
        /* what is not known is no failure of the release */
        status = command_fail(r == -EINVAL ? COMMAND_USAGE : COMMAND_UNREACHABLE, err.message);
    }
    gate_run_done(&run);
    return status;
}

enum command_status command_gate(const struct arguments *arguments)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    struct gate_call call;
    struct fl_error err;
    int r = read_call(arguments, &call, &err);

    if (r == 0)
        r = api_client_new(arguments->api, &client, &err);
    return r < 0 ? command_fail(COMMAND_USAGE, err.message) : gate(arguments, &call, client);
}
