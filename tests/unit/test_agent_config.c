// links: agent_daemon
#include "agent/agent_config.h"
#include "proto/types/fl_time.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* the example of ZeroMQ's own documentation of CURVE */
#define KEY "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

#define AGENT "agent:\n  name: a1\n  zone: a\n  secret_key_file: /etc/faultline/agent.key\n"
#define COORDINATORS \
    "coordinators:\n  - address: tcp://10.0.0.1:5570\n    public_key: \"" KEY "\"\n"

static char path[64];
static struct fl_error err;

static int make_file(void **state)
{
    int fd;

    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/faultline-agent-XXXXXX");
    fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static int load(const char *text, struct agent_config *config)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    memset(config, 0, sizeof(*config));
    err.message[0] = '\0';
    return agent_config_load(path, config, &err);
}

/* The text is refused, with the file, that line and each of the words. */
static void refused(const char *text, unsigned line, const char *word, const char *other)
{
    struct agent_config config;
    char place[100];

    assert_true(load(text, &config) < 0);
    (void)snprintf(place, sizeof(place), "%s:%u:", path, line);
    if (!strstr(err.message, place) || !strstr(err.message, word) || !strstr(err.message, other))
        fail_msg("\"%s\" should have %s, \"%s\" and \"%s\"", err.message, place, word, other);
}

static void the_least_file_gives_the_defaults(void **state)
{
    FL_CLEANUP(agent_config_done) struct agent_config config = {0};

    (void)state;
    if (load(AGENT COORDINATORS, &config) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(config.name, "a1");
    assert_string_equal(config.zone, "a");
    assert_string_equal(config.state, "/var/lib/faultline-agent");
    assert_null(config.mesh_listen);
    assert_int_equal(config.spool_size, 64 << 20);
    assert_int_equal(config.spool_age_us, 24 * FL_HOUR);
    assert_int_equal(config.spool_sync, AGENT_SPOOL_NORMAL);
    assert_int_equal(config.host_interval_us, FL_SECOND);
    assert_int_equal(config.n_coordinators, 1);
    assert_string_equal(config.coordinators[0].address, "tcp://10.0.0.1:5570");
    assert_string_equal(config.coordinators[0].public_key, KEY);
}

static void everything_can_be_set(void **state)
{
    FL_CLEANUP(agent_config_done) struct agent_config config = {0};

    (void)state;
    if (load(AGENT "  state: /tmp/x\n  mesh_listen: 0.0.0.0:5571\n  spool_size: 8MiB\n"
                   "  spool_age: 2h\n  spool_sync: full\n  host_interval: 500ms\n"
                   "coordinators:\n"
                   "  - {address: \"tcp://one:1\", public_key: \"" KEY "\"}\n"
                   "  - {address: \"tcp://[::1]:2\", public_key: \"" KEY "\"}\n",
             &config) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(config.mesh_listen, "0.0.0.0:5571");
    assert_int_equal(config.spool_size, 8 << 20);
    assert_int_equal(config.spool_age_us, 2 * FL_HOUR);
    assert_int_equal(config.spool_sync, AGENT_SPOOL_FULL);
    assert_int_equal(config.host_interval_us, 500 * FL_MS);
    assert_int_equal(config.n_coordinators, 2);
}

static void a_missing_section_is_named(void **state)
{
    (void)state;
    refused(COORDINATORS, 1, "agent", "missing");
    refused(AGENT, 1, "coordinators", "missing");
    refused("agent:\n  zone: a\n  secret_key_file: x\n" COORDINATORS, 2, "name", "");
}

static void an_unknown_setting_is_named_with_its_line(void **state)
{
    (void)state;
    refused(AGENT "  colour: red\n" COORDINATORS, 5, "colour", "");
    refused(AGENT COORDINATORS "zones: [a]\n", 8, "zones", "");
    refused(AGENT COORDINATORS "    port: 7\n", 8, "port", "");
}

static void a_bad_value_is_named_with_what_is_allowed(void **state)
{
    (void)state;
    refused(AGENT "  spool_size: 12\n" COORDINATORS, 5, "spool_size", "12");
    refused(AGENT "  spool_age: 24\n" COORDINATORS, 5, "spool_age", "24");
    refused(AGENT "  spool_sync: maybe\n" COORDINATORS, 5, "maybe", "normal");
    refused(AGENT "  host_interval: 1ms\n" COORDINATORS, 5, "host_interval", "1ms");
    refused(AGENT "  mesh_listen: nowhere\n" COORDINATORS, 5, "mesh_listen", "nowhere");
    refused("agent:\n  name: \"a b\"\n  zone: a\n  secret_key_file: x\n" COORDINATORS, 2, "name",
            "a b");
}

static void a_bad_coordinator_is_named(void **state)
{
    (void)state;
    refused(AGENT "coordinators: []\n", 5, "0", "1 to 7");
    refused(AGENT "coordinators: here\n", 5, "coordinators", "");
    refused(AGENT "coordinators:\n  - address: 10.0.0.1:5570\n    public_key: \"" KEY "\"\n", 6,
            "10.0.0.1:5570", "tcp://HOST:PORT");
    refused(AGENT "coordinators:\n  - address: tcp://10.0.0.1\n    public_key: \"" KEY "\"\n", 6,
            "tcp://10.0.0.1", "");
    refused(AGENT "coordinators:\n  - address: tcp://h:1\n    public_key: short\n", 7, "public_key",
            "40");
    refused(AGENT "coordinators:\n  - address: tcp://h:1\n    public_key: "
                  "\"                                        \"\n",
            7, "public_key", "faultline keygen");
    refused(AGENT COORDINATORS "  - address: tcp://10.0.0.1:5570\n    public_key: \"" KEY "\"\n", 8,
            "twice", "tcp://10.0.0.1:5570");
}

static void patterns_for_orders_are_read_and_checked(void **state)
{
    FL_CLEANUP(agent_config_done) struct agent_config config = {0};

    (void)state;
    assert_int_equal(load(AGENT "  asked_rate: 0\nallow_adhoc: [\"tcp 192.0.2.*:443\", "
                                "\"icmp *\"]\n" COORDINATORS,
                          &config),
                     0);
    assert_int_equal(config.asked_rate, 0);
    assert_int_equal(config.n_adhoc, 2);
    assert_string_equal(config.adhoc[1], "icmp *");
    refused(AGENT "allow_adhoc: tcp\n" COORDINATORS, 5, "allow_adhoc", "");
    refused(AGENT "allow_adhoc:\n  - \"icmp *\"\n  - tcp\n" COORDINATORS, 7, "allow_adhoc",
            "one space");
    refused(AGENT "  asked_rate: 1001\n" COORDINATORS, 5, "asked_rate", "1000");
}

static void what_is_no_yaml_is_refused(void **state)
{
    struct agent_config config;

    (void)state;
    assert_true(load("agent: [\n", &config) < 0);
    assert_non_null(strstr(err.message, path));
    assert_true(load("", &config) < 0);
    assert_true(load("just words\n", &config) < 0);
    assert_true(agent_config_load("/nonexistent/agent.yaml", &config, &err) < 0);
    assert_non_null(strstr(err.message, "/nonexistent/agent.yaml"));
}

static void only_some_settings_can_change_while_it_runs(void **state)
{
    FL_CLEANUP(agent_config_done) struct agent_config old = {0};
    FL_CLEANUP(agent_config_done) struct agent_config same = {0};
    FL_CLEANUP(agent_config_done) struct agent_config moved = {0};

    (void)state;
    assert_int_equal(load(AGENT COORDINATORS, &old), 0);
    assert_int_equal(load(AGENT "  host_interval: 5s\ncoordinators:\n"
                                "  - {address: \"tcp://one:1\", public_key: \"" KEY "\"}\n",
                          &same),
                     0);
    assert_int_equal(load(AGENT "  mesh_listen: 0.0.0.0:1\n" COORDINATORS, &moved), 0);
    assert_int_equal(agent_config_check_reload(&old, &same, &err), 0);
    assert_int_equal(agent_config_check_reload(&old, &moved, &err), -EINVAL);
    assert_non_null(strstr(err.message, "mesh_listen"));
}

int main(void)
{
#define CONFIG_TEST(function) cmocka_unit_test_setup_teardown(function, make_file, remove_file)
    const struct CMUnitTest tests[] = {
        CONFIG_TEST(the_least_file_gives_the_defaults),
        CONFIG_TEST(everything_can_be_set),
        CONFIG_TEST(a_missing_section_is_named),
        CONFIG_TEST(an_unknown_setting_is_named_with_its_line),
        CONFIG_TEST(a_bad_value_is_named_with_what_is_allowed),
        CONFIG_TEST(a_bad_coordinator_is_named),
        CONFIG_TEST(patterns_for_orders_are_read_and_checked),
        CONFIG_TEST(what_is_no_yaml_is_refused),
        CONFIG_TEST(only_some_settings_can_change_while_it_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
