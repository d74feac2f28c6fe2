// links: agent_probe
/* The table is the test's own: the linker then leaves the real one out. */
#include "agent/probe/probe_runner.h"
#include "tests/support/probe_lab.h"

#include <errno.h>
#include <stdlib.h>

/* What the fake type is told to do, and what was done to it. */
static struct {
    enum { ANSWER, NEVER, HANG, FAIL_TO_START } mode;
    size_t opened, closed, started, expired, cancelled;
} fake;

struct fake_settings {
    char *name;
};

struct probe_instance {
    struct event_base *base;
};

struct probe_run {
    struct event *event;
    probe_done_cb done;
    void *arg;
};

static struct probe_run *hanging; /* the last run in HANG */

static void run_free(struct probe_run *run)
{
    if (run->event)
        event_free(run->event);
    free(run);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    struct probe_run *run = arg;
    struct fl_result result;

    (void)fd;
    (void)what;
    fl_result_init(&result);
    result.ok = true;
    run->done(&result, run->arg);
    run_free(run);
}

static int fake_check(const void *settings, struct fl_error *err)
{
    const struct fake_settings *own = settings;

    return strcmp(own->name, "bad") == 0 ? fl_error_set(err, -EINVAL, "bad is bad") : 0;
}

static int fake_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                     const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct fake_settings *own = settings;

    (void)spec;
    if (strcmp(own->name, "unopenable") == 0)
        return fl_error_set(err, -EIO, "does not open");
    *ret = calloc(1, sizeof(**ret));
    (*ret)->base = env->base;
    fake.opened++;
    return 0;
}

static void fake_close(struct probe_instance *instance)
{
    fake.closed++;
    free(instance);
}

static int fake_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                      struct probe_run **ret)
{
    struct probe_run *run;

    fake.started++;
    if (fake.mode == FAIL_TO_START)
        return -EMFILE;
    run = calloc(1, sizeof(*run));
    run->done = done;
    run->arg = arg;
    if (fake.mode == ANSWER) {
        run->event = evtimer_new(instance->base, on_answer, run);
        event_active(run->event, EV_TIMEOUT, 0);
    } else if (fake.mode == HANG) {
        hanging = run;
    }
    *ret = run;
    return 0;
}

static bool fake_cancel(struct probe_run *run)
{
    fake.cancelled++;
    if (run == hanging)
        return false;
    run_free(run);
    return true;
}

static bool fake_expire(struct probe_run *run, struct fl_result *result)
{
    fake.expired++;
    result->layer = FL_LAYER_OPERATE;
    result->failure = FL_FAILURE_TIMEOUT;
    result->step = FL_STEP_FLUSH;
    if (run == hanging)
        return false;
    run_free(run);
    return true;
}

static const struct fl_option fake_options[] = {
    {.name = "name",
     .kind = FL_OPTION_STRING,
     .offset = offsetof(struct fake_settings, name),
     .min = 1,
     .max = 32,
     .help = "any"},
    {0},
};

#define FAKE_TYPE(type_name, may_overlap)                                                 \
    {                                                                                     \
        .name = type_name, .summary = "fake", .options = fake_options,                    \
        .settings_size = sizeof(struct fake_settings), .parallel = may_overlap,           \
        .check = fake_check, .open = fake_open, .close = fake_close, .start = fake_start, \
        .expire = fake_expire, .cancel = fake_cancel                                      \
    }

static const struct probe_type type_fake = FAKE_TYPE("fake", false);
static const struct probe_type type_parallel = FAKE_TYPE("parallel", true);
const struct probe_row probe_table[] = {
    {"fake", &type_fake, NULL}, {"parallel", &type_parallel, NULL}, {0}};

#define RESULTS 32

static struct lab lab;
static struct probe_runner *runner;
static struct fl_plan plan;
static struct {
    size_t n;
    size_t wanted;
    struct fl_result list[RESULTS];
} results;

static void on_result(const struct fl_result *result, void *arg)
{
    (void)arg;
    assert_true(results.n < RESULTS);
    results.list[results.n++] = *result;
    lab.done = results.n >= results.wanted;
}

static void wait_results(size_t n)
{
    results.wanted = n;
    lab.done = results.n >= n;
    lab_wait(&lab);
}

static int set_up(void **state)
{
    struct fl_error err;

    (void)state;
    memset(&fake, 0, sizeof(fake));
    memset(&results, 0, sizeof(results));
    results.wanted = RESULTS + 1;
    hanging = NULL;
    lab_open(&lab);
    fl_plan_init(&plan);
    return probe_runner_new(&lab.env, on_result, NULL, &runner, &err);
}

static int tear_down(void **state)
{
    (void)state;
    runner = probe_runner_free(runner);
    assert_int_equal(fake.opened, fake.closed);
    fl_plan_done(&plan);
    lab_close(&lab);
    if (hanging)
        run_free(hanging); /* as its type would when the kernel lets it go */
    return 0;
}

/* Put a probe called `probe` into the plan. */
static void add(const char *probe, const char *type, const char *name)
{
    struct fl_probe_spec *spec = fl_plan_add(&plan, "web", probe, type, FL_SECOND, 20 * FL_MS);

    assert_non_null(spec);
    assert_int_equal(fl_probe_spec_set(spec, "name", name), 0);
}

static void take_plan(void)
{
    struct fl_error err = {""};

    if (probe_runner_set_plan(runner, &plan, &err) < 0)
        fail_msg("%s", err.message);
}

static void refuse_plan(const char *part)
{
    struct fl_error err = {""};

    assert_true(probe_runner_set_plan(runner, &plan, &err) < 0);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" is not in \"%s\"", part, err.message);
}

static void forget_plan(void)
{
    fl_plan_done(&plan);
    fl_plan_init(&plan);
}

static void an_answer_is_handed_up_with_series_and_times(void **state)
{
    (void)state;
    add("one", "fake", "x");
    take_plan();
    probe_runner_start(runner, 0);
    assert_int_equal(results.n, 0);
    wait_results(1);
    assert_true(results.list[0].ok);
    assert_int_equal(results.list[0].series, plan.specs[0].series);
    assert_true(results.list[0].t_us > 0);
    assert_true(results.list[0].took_us >= 0);
    assert_int_equal(results.list[0].stalled_us, 0);
}

static void what_does_not_answer_expires_at_its_deadline(void **state)
{
    (void)state;
    fake.mode = NEVER;
    add("one", "fake", "x");
    take_plan();
    probe_runner_start(runner, 0);
    wait_results(1);
    lab_assert_failed(&results.list[0], FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
    assert_true(results.list[0].took_us >= 20 * FL_MS);
    assert_int_equal(results.list[0].stalled_us, 0);
    assert_int_equal(probe_runner_stalled(runner), 0);
}

static void a_hanging_attempt_is_a_stalled_result_at_each_start(void **state)
{
    struct fl_result late;

    (void)state;
    fake.mode = HANG;
    add("one", "fake", "x");
    take_plan();
    probe_runner_start(runner, 0);
    wait_results(1);
    assert_int_equal(probe_runner_stalled(runner), 1);
    assert_true(results.list[0].stalled_us >= 20 * FL_MS);
    for (size_t i = 1; i <= 3; i++) {
        probe_runner_start(runner, 0);
        assert_int_equal(results.n, i + 1);
        lab_assert_failed(&results.list[i], FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
        assert_int_equal(results.list[i].step, FL_STEP_FLUSH);
        assert_true(results.list[i].stalled_us >= results.list[i - 1].stalled_us);
    }
    assert_int_equal(fake.started, 1);

    fl_result_init(&late);
    late.ok = true;
    hanging->done(&late, hanging->arg);
    run_free(hanging);
    hanging = NULL;
    assert_int_equal(results.n, 4); /* its deadline was its result */
    assert_int_equal(probe_runner_stalled(runner), 0);
    fake.mode = ANSWER;
    probe_runner_start(runner, 0);
    wait_results(5);
    assert_true(results.list[4].ok);
}

static void a_start_during_an_attempt_waits_unless_they_may_overlap(void **state)
{
    (void)state;
    fake.mode = NEVER;
    add("one", "fake", "x");
    add("two", "parallel", "x");
    take_plan();
    for (int i = 0; i < 3; i++)
        probe_runner_start(runner, 0);
    assert_int_equal(fake.started, 1);
    probe_runner_start(runner, 1);
    probe_runner_start(runner, 1);
    assert_int_equal(fake.started, 3);
    wait_results(3);
    assert_int_equal(fake.started, 4); /* the one that waited, once */
}

static void overlapping_attempts_have_a_limit(void **state)
{
    (void)state;
    fake.mode = NEVER;
    add("one", "parallel", "x");
    take_plan();
    for (int i = 0; i < 20; i++)
        probe_runner_start(runner, 0);
    assert_int_equal(fake.started, 8);
}

static void on_asked(const struct fl_result *result, void *arg)
{
    (void)result;
    ++*(size_t *)arg;
    lab.done = true;
}

static void what_is_asked_for_comes_to_who_asked(void **state)
{
    size_t asked = 0;

    (void)state;
    add("one", "fake", "x");
    take_plan();
    assert_int_equal(probe_runner_ask(runner, 0, on_asked, &asked), 0);
    assert_int_equal(probe_runner_ask(runner, 1, on_asked, &asked), -ENOENT);
    lab_wait(&lab);
    assert_int_equal(asked, 1);
    assert_int_equal(results.n, 0);
}

static void an_ask_yields_to_the_schedule(void **state)
{
    size_t asked = 0;
    int taken = 0;

    (void)state;
    fake.mode = NEVER;
    add("one", "fake", "x");
    add("two", "parallel", "x");
    take_plan();
    probe_runner_start(runner, 0);
    assert_int_equal(probe_runner_ask(runner, 0, on_asked, &asked), -EBUSY);
    while (probe_runner_ask(runner, 1, on_asked, &asked) == 0)
        taken++;
    assert_int_equal(taken, 4);
    probe_runner_start(runner, 1); /* there is room for the schedule still */
    assert_int_equal(fake.started, 6);
}

static void a_start_during_an_ask_waits_for_it(void **state)
{
    size_t asked = 0;

    (void)state;
    fake.mode = NEVER;
    add("one", "fake", "x");
    take_plan();
    assert_int_equal(probe_runner_ask(runner, 0, on_asked, &asked), 0);
    probe_runner_start(runner, 0);
    assert_int_equal(fake.started, 1);
    wait_results(1);
    assert_int_equal(fake.started, 2);
    assert_int_equal(asked, 1);
}

static void who_is_forgotten_hears_nothing(void **state)
{
    size_t asked = 0;

    (void)state;
    add("one", "fake", "x");
    take_plan();
    assert_int_equal(probe_runner_ask(runner, 0, on_asked, &asked), 0);
    probe_runner_forget(runner, &asked);
    probe_runner_start(runner, 0);
    wait_results(1);
    assert_int_equal(asked, 0);
}

static void what_cannot_start_is_a_local_failure(void **state)
{
    (void)state;
    fake.mode = FAIL_TO_START;
    add("one", "fake", "x");
    take_plan();
    probe_runner_start(runner, 0);
    assert_int_equal(results.n, 1);
    assert_int_equal(results.list[0].failure, FL_FAILURE_LOCAL);
    assert_int_equal(fl_result_check(&results.list[0], NULL), 0);
}

static void unchanged_probes_keep_their_instances(void **state)
{
    (void)state;
    fake.mode = NEVER;
    add("one", "fake", "x");
    add("two", "fake", "x");
    take_plan();
    assert_int_equal(fake.opened, 2);
    probe_runner_start(runner, 0);

    forget_plan(); /* the runner must not look at the old one again */
    add("three", "fake", "x");
    add("one", "fake", "x");
    add("two", "fake", "changed");
    take_plan();
    assert_int_equal(fake.opened, 4);
    assert_int_equal(fake.closed, 1);
    assert_int_equal(fake.cancelled, 0);
    wait_results(1); /* begun under the old plan */
    assert_int_equal(results.list[0].series, plan.specs[1].series);
}

static void a_removed_probe_is_cancelled_and_closed(void **state)
{
    (void)state;
    fake.mode = NEVER;
    add("one", "fake", "x");
    take_plan();
    probe_runner_start(runner, 0);
    forget_plan();
    take_plan();
    assert_int_equal(fake.cancelled, 1);
    assert_int_equal(fake.closed, 1);
    probe_runner_start(runner, 0); /* beyond the plan: nothing */
    assert_int_equal(fake.started, 1);
}

static void a_hanging_probe_can_be_removed(void **state)
{
    (void)state;
    fake.mode = HANG;
    add("one", "fake", "x");
    take_plan();
    probe_runner_start(runner, 0);
    wait_results(1);
    forget_plan();
    take_plan();
    assert_int_equal(probe_runner_stalled(runner), 0);
    assert_int_equal(fake.closed, 1);
}

static void a_bad_plan_changes_nothing(void **state)
{
    (void)state;
    fake.mode = NEVER;
    add("one", "fake", "x");
    take_plan();
    probe_runner_start(runner, 0);
    forget_plan();
    add("one", "fake", "x");
    add("two", "fake", "bad");
    refuse_plan("probe \"web/two\" of type \"fake\": bad is bad");
    forget_plan();
    add("three", "nosuch", "x");
    refuse_plan("knows no type \"nosuch\"");
    forget_plan();
    add("one", "fake", "x");
    add("four", "fake", "x");
    add("five", "fake", "unopenable");
    refuse_plan("\"web/five\" of type \"fake\": does not open");
    assert_int_equal(fake.opened, 2);
    assert_int_equal(fake.closed, 1); /* the fourth, opened in vain */
    assert_int_equal(fake.cancelled, 0);
    wait_results(1);
}

static void a_setting_is_given_once_and_not_left_out(void **state)
{
    (void)state;
    add("one", "fake", "x");
    assert_int_equal(fl_probe_spec_set(&plan.specs[0], "name", "y"), 0);
    refuse_plan("\"name\" is given twice");
    forget_plan();
    assert_non_null(fl_plan_add(&plan, "web", "one", "fake", FL_SECOND, FL_SECOND));
    refuse_plan("name");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_handed_up_with_series_and_times),
        TEST(what_does_not_answer_expires_at_its_deadline),
        TEST(a_hanging_attempt_is_a_stalled_result_at_each_start),
        TEST(a_start_during_an_attempt_waits_unless_they_may_overlap),
        TEST(overlapping_attempts_have_a_limit),
        TEST(what_is_asked_for_comes_to_who_asked),
        TEST(an_ask_yields_to_the_schedule),
        TEST(a_start_during_an_ask_waits_for_it),
        TEST(who_is_forgotten_hears_nothing),
        TEST(what_cannot_start_is_a_local_failure),
        TEST(unchanged_probes_keep_their_instances),
        TEST(a_removed_probe_is_cancelled_and_closed),
        TEST(a_hanging_probe_can_be_removed),
        TEST(a_bad_plan_changes_nothing),
        TEST(a_setting_is_given_once_and_not_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
