// links: coordinator_daemon
/* What the sections "decisions" and "groups" become, and the exact sentence about each bad one. */
#include "coordinator/coordinator_config.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

#define FLEET                                                                             \
    "coordinator: {secret_key_file: /k}\n"                                                \
    "zones: [a, b]\n"                                                                     \
    "agents:\n"                                                                           \
    "  - {name: a1, zone: a, public_key: \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"}\n" \
    "targets:\n"                                                                          \
    "  - {name: web-a, kind: service, place: a, probes: [{type: icmp}]}\n"                \
    "  - {name: web-b, kind: service, place: b, probes: [{type: icmp}]}\n"
#define BOTH "zones: [{zone: a, targets: [web-a]}, {zone: b, targets: [web-b]}]"

static int read_text(const char *sections, struct coordinator_config **ret, struct fl_error *err)
{
    char text[4096];
    int n = snprintf(text, sizeof(text), "%s%s", FLEET, sections);

    assert_in_range(n, 1, sizeof(text) - 1);
    return coordinator_config_parse("c.yaml", text, (size_t)n, NULL, ret, err);
}

static void bad(const char *sections, const char *sentence)
{
    struct coordinator_config *config = NULL;
    struct fl_error err = {""};

    assert_true(read_text(sections, &config, &err) < 0);
    assert_string_equal(err.message, sentence);
    assert_null(config);
}

static struct coordinator_config *good(const char *sections)
{
    struct coordinator_config *config = NULL;
    struct fl_error err = {""};

    if (read_text(sections, &config, &err) < 0)
        fail_msg("%s", err.message);
    return config;
}

static void nothing_is_decided_without_groups(void **state)
{
    struct coordinator_config *config = good("");

    (void)state;
    assert_int_equal(config->decision_settings.n_groups, 0);
    assert_true(config->decision_settings.enabled);
    assert_null(config->decisions.agent_check);
    assert_null(config->decisions.publish);
    coordinator_config_free(config);
}

static void a_small_group_has_its_defaults(void **state)
{
    struct coordinator_config *config = good("groups:\n  - name: shop\n    " BOTH "\n");
    const struct decision_group *group = config->decision_settings.groups;

    (void)state;
    assert_int_equal(config->decision_settings.n_groups, 1);
    assert_string_equal(group->name, "shop");
    assert_int_equal(group->policy.mode, DECISION_MODE_SHADOW);
    assert_int_equal(group->policy.min_witnesses, 2);
    assert_true(group->policy.hold_down_us == 60 * FL_SECOND);
    assert_int_equal(group->n_members, 2);
    assert_int_equal(group->members[1].zone, 1);
    assert_int_equal(group->members[1].capacity, 100);
    assert_int_equal(group->members[1].targets[0], 1);
    assert_int_equal(group->members[1].n_needs, 0);
    assert_false(group->asks);
    coordinator_config_free(config);
}

static void everything_can_be_set(void **state)
{
    struct coordinator_config *config =
        good("decisions: {enabled: false, agent_check: \"127.0.0.1:9\", publish: "
             "\"ipc:///run/f\"}\n"
             "groups:\n"
             "  - name: shop\n"
             "    mode: live\n"
             "    stale: unhealthy\n"
             "    not_between: 22:00-01:30, 4:00-5:00\n"
             "    hook: [/bin/hook, --fast]\n"
             "    veto: [/bin/veto]\n"
             "    zones:\n"
             "      - {zone: a, targets: [web-a], needs: [web-b], capacity: 7}\n"
             "      - {zone: b, targets: [web-b]}\n");
    const struct decision_group *group = config->decision_settings.groups;

    (void)state;
    assert_false(config->decision_settings.enabled);
    assert_string_equal(config->decisions.publish, "ipc:///run/f");
    assert_int_equal(group->policy.mode, DECISION_MODE_LIVE);
    assert_int_equal(group->policy.stale, DECISION_STALE_UNHEALTHY);
    assert_int_equal(group->n_windows, 2);
    assert_true(group->windows[0].from_us == 22 * FL_HOUR);
    assert_true(group->windows[0].until_us == 90 * FL_MINUTE);
    assert_true(group->asks);
    assert_int_equal(group->members[0].needs[0], 1);
    assert_int_equal(group->members[0].capacity, 7);
    assert_string_equal(config->group_commands[0].hook[1], "--fast");
    assert_null(config->group_commands[0].hook[2]);
    coordinator_config_free(config);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    bad("decisions: {publish: \"tcp://0.0.0.0:1\"}\n",
        "c.yaml:8: field \"publish\" is \"tcp://0.0.0.0:1\"; it must be tcp:// on a loopback "
        "address, such as tcp://127.0.0.1:5572, or ipc:///PATH");
    bad("groups:\n  - name: shop\n", "c.yaml:9: group \"shop\": field \"zones\" is missing; it "
                                     "must be a list");
    bad("groups:\n  - name: shop\n    zones: [{zone: a, targets: [web-a]}]\n",
        "c.yaml:10: group \"shop\" has 1 zones; allowed are 2 to 16");
    bad("groups:\n  - name: shop\n    zones:\n      - {zone: a, targets: [web-a]}\n"
        "      - {zone: a, targets: [web-b]}\n",
        "c.yaml:12: group \"shop\": zone \"a\" is there twice");
    bad("groups:\n  - name: shop\n    zones:\n      - {zone: a, targets: [web-a]}\n"
        "      - {zone: c, targets: [web-b]}\n",
        "c.yaml:12: group \"shop\": zone \"c\" is not among the zones");
    bad("groups:\n  - name: shop\n    zones:\n      - {zone: a, targets: [web-a]}\n"
        "      - {zone: b, targets: [web-c]}\n",
        "c.yaml:12: field \"targets\": \"web-c\" is not among the targets");
    bad("groups:\n  - name: shop\n    zones:\n      - {zone: a, targets: [web-a]}\n"
        "      - {zone: b}\n",
        "c.yaml:12: group \"shop\": a zone needs \"targets\", a list of what serves there");
    bad("groups:\n  - {name: shop, " BOTH "}\n  - {name: shop, " BOTH "}\n",
        "c.yaml:10: group \"shop\" is there twice");
    bad("groups:\n  - name: shop\n    not_between: 25:00-26:00\n    " BOTH "\n",
        "c.yaml:10: field \"not_between\": \"25:00-26:00\" is no list of windows; write them as "
        "22:00-23:30, 02:00-04:00 (UTC)");
    bad("groups:\n  - name: shop\n    hook: [hook]\n    " BOTH "\n",
        "c.yaml:10: field \"hook\": \"hook\" is no absolute path");
    bad("groups:\n  - name: shop\n    veto: []\n    " BOTH "\n",
        "c.yaml:10: field \"veto\" has 0 words; it is a program with its arguments, at most 16");
}

static void numbers_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    bad("groups:\n  - name: shop\n    min_serving: 2\n    " BOTH "\n",
        "c.yaml:9: group \"shop\": min_serving 2 and max_avoid 1 are more than the 2 zones");
    bad("groups:\n  - name: shop\n    capacity: 201\n    " BOTH "\n",
        "c.yaml:9: group \"shop\": capacity 201 is needed, and all zones together have 200");
    bad("groups:\n  - name: shop\n    hold_down: 1h\n    " BOTH "\n",
        "c.yaml:9: group \"shop\": max_hold_down is less than hold_down");
    bad("groups:\n  - name: shop\n    valid_for: 20s\n    " BOTH "\n",
        "c.yaml:9: group \"shop\": valid_for is 20 s; it must be at least takeover_delay + 2 * 5 s "
        "= 25 s, or decisions expire before a restarted coordinator may renew them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_decided_without_groups),
        cmocka_unit_test(a_small_group_has_its_defaults),
        cmocka_unit_test(everything_can_be_set),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(numbers_that_contradict_each_other_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
