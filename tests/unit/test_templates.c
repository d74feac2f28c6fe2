// links: coordinator_daemon
/* Targets made from templates: what a list of addresses becomes, and the sentence about each that
 * makes no target. */
#include "coordinator/coordinator_config.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOP                                \
    "coordinator: {secret_key_file: /k}\n" \
    "zones: [a, b]\n"                      \
    "agents:\n"                            \
    "  - {name: a1, zone: a, public_key: \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"}\n"
#define TARGET                                                                                \
    "    target: {name: \"web-{job}-{port}\", kind: service, place: a, zones: [\"{zone}\"], " \
    "probes: [{type: http, url: \"http://{address}/{path}\"}]}\n"
#define GROUPS(groups) TOP "templates:\n  - groups: " groups "\n" TARGET

static int parse(const char *text, struct coordinator_config **ret, struct fl_error *err)
{
    return coordinator_config_parse("c.yaml", text, strlen(text), NULL, ret, err);
}

static struct coordinator_config *good(const char *text)
{
    struct coordinator_config *config = NULL;
    struct fl_error err = {""};

    if (parse(text, &config, &err) < 0)
        fail_msg("%s", err.message);
    return config;
}

static void bad(const char *text, const char *sentence)
{
    struct coordinator_config *config = NULL;
    struct fl_error err = {""};

    assert_true(parse(text, &config, &err) < 0);
    assert_string_equal(err.message, sentence);
}

static const struct config_target *target_named(const struct coordinator_config *config,
                                                const char *name)
{
    for (size_t i = 0; i < config->n_targets; i++)
        if (strcmp(config->fleet->targets[i].name, name) == 0)
            return &config->targets[i];
    fail_msg("there is no target %s", name);
    return NULL;
}

static void each_address_becomes_a_target_with_its_words(void **state)
{
    FL_CLEANUP(coordinator_config_freep)
    struct coordinator_config *config =
        good(GROUPS("[{targets: [\"h1:80\", \"[2001:db8::1]:81\"], "
                    "labels: {job: x, zone: a, path: p}}, "
                    "{targets: [\"h3:82\"], labels: {job: y, zone: b, path: \"{2}{port\"}}]"));
    const struct config_target *third = target_named(config, "web-y-82");

    (void)state;
    assert_int_equal(config->n_targets, 3);
    assert_string_equal(target_named(config, "web-x-80")->probes.specs[0].settings[0].value,
                        "http://h1:80/p");
    assert_string_equal(target_named(config, "web-x-81")->probes.specs[0].settings[0].value,
                        "http://[2001:db8::1]:81/p");
    assert_string_equal(third->probes.specs[0].settings[0].value, "http://h3:82/{2}{port");
    assert_false(third->zones[0]);
    assert_true(third->zones[1]);
}

static void targets_of_both_kinds_stand_beside_each_other(void **state)
{
    static char text[65536];
    size_t used = (size_t)snprintf(text, sizeof(text),
                                   "%stargets:\n  - {name: own, kind: service, place: a, "
                                   "probes: [{type: tcp, address: \"h:1\"}]}\n"
                                   "templates:\n  - groups:\n"
                                   "    - {labels: {job: j, zone: a, path: x}, targets: [",
                                   TOP);

    (void)state;
    for (int port = 1; port <= 100; port++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\"h:%d\"",
                                 port > 1 ? ", " : "", port);
    (void)snprintf(text + used, sizeof(text) - used, "]}\n%s", TARGET);
    FL_CLEANUP(coordinator_config_freep) struct coordinator_config *config = good(text);
    assert_int_equal(config->n_targets, 101);
    assert_string_equal(config->fleet->targets[0].name, "own");
    assert_string_equal(config->fleet->targets[100].name, "web-j-100");
    assert_string_equal(config->targets[100].probes.specs[0].settings[0].value, "http://h:100/x");
}

static void only_groups_with_the_labels_are_taken(void **state)
{
    FL_CLEANUP(coordinator_config_freep)
    struct coordinator_config *config =
        good(GROUPS("[{targets: [\"h:1\"], labels: {job: x, zone: a, path: p, env: prod}}, "
                    "{targets: [\"h:2\"], labels: {job: x, zone: a, path: p, env: test}}, "
                    "{targets: [\"h:3\"]}]\n    match: {env: prod}"));

    (void)state;
    assert_int_equal(config->n_targets, 1);
    (void)target_named(config, "web-x-1");
}

static void files_are_read_as_prometheus_writes_them(void **state)
{
    char root[] = "/tmp/faultline-templates-XXXXXX", path[128], text[1024];
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(root));
    (void)snprintf(path, sizeof(path), "%s/web.json", root);
    file = fopen(path, "we");
    assert_non_null(file);
    (void)fputs("[\n\t{\n\t\t\"targets\": [\"h:1\", \"h:2\"],\n"
                "\t\t\"labels\": {\"job\": \"x\", \"zone\": \"a\", \"path\": \"p\"}\n\t}\n]\n",
                file);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(text, sizeof(text), "%stemplates:\n  - files: [%s/*.json, %s/none-*]\n%s", TOP,
                   root, root, TARGET);
    {
        FL_CLEANUP(coordinator_config_freep) struct coordinator_config *config = good(text);

        assert_int_equal(config->n_targets, 2);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(root), 0);
}

static void what_makes_no_target_is_told_with_both_places(void **state)
{
    (void)state;
    bad(GROUPS("[{targets: [\"h:1\"], labels: {job: x, zone: a}}]"),
        "c.yaml:6: \"h:1\" makes no target: c.yaml:7: nothing is known for {path}; known are "
        "{address}, {host}, {port} where it has one, and the labels");
    bad(GROUPS("[{targets: [\"h:1\"], labels: {job: x, zone: c, path: p}}]"),
        "c.yaml:6: \"h:1\" makes no target: c.yaml:7: target \"web-x-1\": zone \"c\" is not among "
        "the zones");
    bad(GROUPS("[{targets: [\"h:1\", \"g:1\"], labels: {job: x, zone: a, path: p}}]"),
        "c.yaml:6: \"g:1\" makes no target: c.yaml:7: target \"web-x-1\" is named twice");
    bad(GROUPS("[{targets: [\"h\"], labels: {job: x, zone: a, path: p}}]"),
        "c.yaml:6: \"h\" makes no target: c.yaml:7: nothing is known for {port}; known are "
        "{address}, {host}, {port} where it has one, and the labels");
}

static void bad_templates_are_refused(void **state)
{
    (void)state;
    bad(TOP "templates:\n  - target: {name: x}\n",
        "c.yaml:6: one of the fields \"files\", \"urls\" and \"groups\" must be there; they "
        "name the addresses");
    bad(TOP "templates:\n  - groups: []\n",
        "c.yaml:6: field \"target\" is missing; it is what each address becomes");
    bad(GROUPS("[{target: []}]"),
        "c.yaml:6: field \"target\" is unknown; allowed are: targets, labels");
    bad(GROUPS("[{labels: {}}]"),
        "c.yaml:6: field \"targets\" is missing; it must be a list of addresses");
    bad(TOP "templates:\n  - files: [/nowhere/web.json]\n" TARGET,
        "c.yaml:6: cannot open \"/nowhere/web.json\": No such file or directory");
}

#define URLS(urls) TOP "templates:\n  - urls: [" urls "]\n" TARGET

static void lists_that_cannot_be_fetched_are_refused(void **state)
{
    (void)state;
    bad(URLS("http://h/l"), "c.yaml:6: field \"urls\" must be a map of \"key: value\" lines");
    bad(URLS("{url: \"ftp://h/l\"}"), "c.yaml:6: field \"url\" is \"ftp://h/l\"; it must be "
                                      "http://HOST/… or https://HOST/…");
    bad(URLS("{url: \"https://me:word@h/l\"}"),
        "c.yaml:6: field \"url\" has a user in it; say it with \"user\" and \"password_file\"");
    bad(URLS("{url: \"http://h/l\", user: me}"),
        "c.yaml:6: fields \"user\" and \"password_file\" go together");
    bad(URLS("{url: \"http://h/l\", user: me, password_file: /p, bearer_file: /t}"),
        "c.yaml:6: only one of the fields \"user\" and \"bearer_file\" may be there");
    bad(URLS("{url: \"http://h/l\"}, {url: \"http://h/l\", interval: 2m}"),
        "c.yaml:6: the list \"http://h/l\" is named twice with other settings");
}

static void a_list_that_was_not_fetched_yet_has_no_addresses(void **state)
{
    FL_CLEANUP(coordinator_config_freep)
    struct coordinator_config *config =
        good(URLS("{url: \"http://h/l\"}, {url: \"http://h/@l\", interval: 2m}"));

    (void)state;
    assert_int_equal(config->n_targets, 0);
    assert_int_equal(config->lists.n, 2);
    assert_string_equal(config->lists.lists[1].url, "http://h/@l");
    assert_int_equal(config->lists.lists[0].interval_us, FL_MINUTE);
    assert_int_equal(config->lists.lists[1].interval_us, 2 * FL_MINUTE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_address_becomes_a_target_with_its_words),
        cmocka_unit_test(targets_of_both_kinds_stand_beside_each_other),
        cmocka_unit_test(only_groups_with_the_labels_are_taken),
        cmocka_unit_test(files_are_read_as_prometheus_writes_them),
        cmocka_unit_test(what_makes_no_target_is_told_with_both_places),
        cmocka_unit_test(bad_templates_are_refused),
        cmocka_unit_test(lists_that_cannot_be_fetched_are_refused),
        cmocka_unit_test(a_list_that_was_not_fetched_yet_has_no_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
