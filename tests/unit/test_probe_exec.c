// links: agent_probe
/* The exec probe with Debian's monitoring plugins, and with programs that misbehave. */
#include "tests/support/probe_lab.h"
#include "tests/support/server.h"

static struct lab lab;
static char root[64] = "/tmp/faultline-exec-XXXXXX";
static char list[96];

/* The sleepers can be told from all others of the machine by their time: 99.PID and a digit. */
static const char commands[] = "dummy /usr/lib/nagios/plugins/check_dummy ...\n"
                               "port /usr/lib/nagios/plugins/check_tcp -H 127.0.0.1 -p ...\n"
                               "sleep /bin/sleep 99.%d1\n"
                               "yes /usr/bin/yes\n"
                               "leaves /bin/sh %s/leaves\n"
                               "deaf /bin/sh %s/deaf\n"
                               "crash /bin/sh -c kill${IFS}-SEGV${IFS}$$\n"
                               "missing /nowhere/check_nothing\n"
                               "env /bin/sh -c test${IFS}-z${IFS}\"$HOME$FAULTLINE\"\n";

static int start_site(void **state)
{
    char command[256];
    FILE *file;

    (void)state;
    lab_open(&lab);
    assert_non_null(mkdtemp(root));
    (void)snprintf(list, sizeof(list), "%s/commands", root);
    file = fopen(list, "we");
    assert_non_null(file);
    assert_true(fprintf(file, commands, getpid(), root, root) > 0);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(command, sizeof(command),
                   "cd %s && echo 'trap \"\" TERM; while :; do sleep 99.%d2; done' >deaf &&"
                   " echo 'sleep 99.%d3 & echo fine' >leaves",
                   root, getpid(), getpid());
    assert_int_equal(system(command), 0);
    lab.env.commands_path = list;
    (void)setenv("FAULTLINE", "1", 1);
    return 0;
}

static int stop_site(void **state)
{
    char command[128];

    (void)state;
    lab_close(&lab);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

#define RUN(...) LAB_PROBE(&lab, "exec", 5 * FL_SECOND, "command", __VA_ARGS__)
#define BRIEF(...) LAB_PROBE(&lab, "exec", 200 * FL_MS, "command", __VA_ARGS__)

static void the_exit_status_is_the_verdict(void **state)
{
    (void)state;
    lab_assert_ok(RUN("dummy", "arguments", "0"));
    assert_true(lab.result.phase_us[FL_LAYER_OPERATE] > 0);
    lab_assert_ok(RUN("dummy", "arguments", "1"));
    lab_assert_failed(RUN("dummy", "arguments", "1", "fail_on", "warning"), FL_LAYER_OPERATE,
                      FL_FAILURE_STATUS);
    lab_assert_failed(RUN("dummy", "arguments", "2"), FL_LAYER_OPERATE, FL_FAILURE_STATUS);
    lab_assert_failed(RUN("dummy", "arguments", "3"), FL_LAYER_OPERATE, FL_FAILURE_LOCAL);
}

static void performance_data_is_judged(void **state)
{
    char address[32];
    const int listener = lab_bind(SOCK_STREAM, address);
    const char *port = strchr(address, ':') + 1;

    (void)state;
    assert_int_equal(listen(listener, 16), 0);
    lab_assert_ok(RUN("port", "arguments", port, "metric", "time", "at_most", "4.5"));
    lab_assert_failed(RUN("port", "arguments", port, "metric", "time", "at_least", "4.5"),
                      FL_LAYER_OPERATE, FL_FAILURE_CONTENT);
    lab_assert_failed(RUN("port", "arguments", port, "metric", "space"), FL_LAYER_OPERATE,
                      FL_FAILURE_CONTENT);
    close(listener);
    lab_assert_failed(RUN("port", "arguments", port), FL_LAYER_OPERATE, FL_FAILURE_STATUS);
}

static void what_cannot_be_run_is_local(void **state)
{
    (void)state;
    lab_assert_failed(RUN("missing"), FL_LAYER_OPERATE, FL_FAILURE_LOCAL);
    lab_assert_failed(RUN("crash"), FL_LAYER_OPERATE, FL_FAILURE_LOCAL);
    lab_assert_failed(RUN("not-listed"), FL_LAYER_OPERATE, FL_FAILURE_LOCAL);
    lab_assert_failed(RUN("sleep", "arguments", "1"), FL_LAYER_OPERATE, FL_FAILURE_LOCAL);
    lab.env.commands_path = NULL;
    lab_assert_failed(RUN("dummy", "arguments", "0"), FL_LAYER_OPERATE, FL_FAILURE_LOCAL);
    lab.env.commands_path = list;
}

/* Does the sleeper of that digit run? */
static bool runs(int digit)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "pgrep -f 'sleep[ ]99[.]%d%d$' >%s/pids", getpid(),
                   digit, root);
    return system(command) == 0;
}

static void expect_gone(int digit)
{
    for (int i = 0; i < 400 && runs(digit); i++)
        server_pause();
    assert_false(runs(digit));
}

static void one_that_takes_too_long_is_killed_with_its_children(void **state)
{
    (void)state;
    lab_assert_failed(BRIEF("sleep"), FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
    expect_gone(1);
    lab_assert_failed(BRIEF("deaf"), FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
    expect_gone(2);
    lab_assert_failed(BRIEF("yes"), FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
}

static void what_one_leaves_behind_is_killed(void **state)
{
    (void)state;
    lab_assert_ok(RUN("leaves"));
    expect_gone(3);
}

static void it_is_told_nothing_of_the_agents_environment(void **state)
{
    (void)state;
    lab_assert_ok(RUN("env"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exit_status_is_the_verdict),
        cmocka_unit_test(performance_data_is_judged),
        cmocka_unit_test(what_cannot_be_run_is_local),
        cmocka_unit_test(one_that_takes_too_long_is_killed_with_its_children),
        cmocka_unit_test(what_one_leaves_behind_is_killed),
        cmocka_unit_test(it_is_told_nothing_of_the_agents_environment),
    };

    return cmocka_run_group_tests(tests, start_site, stop_site);
}
