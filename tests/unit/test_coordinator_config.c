// links: coordinator_daemon
/* What a good configuration becomes, and the exact sentence about each bad one. */
#include "coordinator/coordinator_config.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

#define KEY_A "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define KEY_B "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"

#define TOP "coordinator: {secret_key_file: /k}\n"
#define ZONES "zones: [a, b]\nplaces: [storage]\n"
#define AGENTS                                                                      \
    "agents:\n"                                                                     \
    "  - {name: a1, zone: a, public_key: \"" KEY_A "\", mesh: \"10.0.1.1:5571\"}\n" \
    "  - {name: b1, zone: b, public_key: \"" KEY_B "\"}\n"
#define NAMED(name) "  - {name: " name ", kind: storage, place: storage"
#define TARGET NAMED("vol")
#define PROBES ", probes: [{type: tcp, address: \"10.0.9.1:1\"}]}\n"

static int read_text(const char *text, struct coordinator_config **ret, struct fl_error *err)
{
    return coordinator_config_parse("c.yaml", text, strlen(text), NULL, ret, err);
}

static struct coordinator_config *good(const char *text)
{
    struct coordinator_config *config = NULL;
    struct fl_error err = {""};

    if (read_text(text, &config, &err) < 0)
        fail_msg("%s", err.message);
    return config;
}

static void bad(const char *text, const char *sentence)
{
    struct coordinator_config *config = NULL;
    struct fl_error err = {""};

    assert_true(read_text(text, &config, &err) < 0);
    assert_string_equal(err.message, sentence);
    assert_null(config);
}

static void a_small_configuration_has_its_defaults(void **state)
{
    struct coordinator_config *config = good(TOP ZONES AGENTS "targets:\n" TARGET PROBES);

    (void)state;
    assert_string_equal(config->listen, "tcp://0.0.0.0:5570");
    assert_string_equal(config->api, "127.0.0.1:8570");
    assert_string_equal(config->state, "/var/lib/faultline");
    assert_string_equal(config->store, "sqlite");
    assert_null(config->record);
    assert_true(config->keep.raw_us == 24 * FL_HOUR);
    assert_true(config->mesh_interval_us == FL_SECOND);
    assert_int_equal(config->fleet->n_agents, 2);
    assert_int_equal(config->n_targets, 1);
    assert_int_equal(config->fleet->n_targets, 3);
    assert_string_equal(config->agents[0].mesh, "10.0.1.1:5571");
    assert_null(config->agents[1].mesh);
    assert_string_equal(config->targets[0].probes.specs[0].probe, "tcp");
    assert_string_equal(config->targets[0].probes.specs[0].settings[0].value, "10.0.9.1:1");
    coordinator_config_free(config);
}

static void a_target_is_probed_by_its_zones_or_its_agents(void **state)
{
    struct coordinator_config *config = good(TOP ZONES AGENTS "targets:\n" NAMED("v1") PROBES NAMED(
        "v2") ", zones: [b]" PROBES NAMED("v3") ", agents: [a1]" PROBES);

    (void)state;
    assert_true(coordinator_config_probes(config, 0, 0));
    assert_true(coordinator_config_probes(config, 1, 0));
    assert_false(coordinator_config_probes(config, 0, 1));
    assert_true(coordinator_config_probes(config, 1, 1));
    assert_true(coordinator_config_probes(config, 0, 2));
    assert_false(coordinator_config_probes(config, 1, 2));
    coordinator_config_free(config);
}

static void the_mesh_is_between_others_and_needs_an_address(void **state)
{
    struct coordinator_config *config = good(TOP ZONES AGENTS);

    (void)state;
    assert_int_equal(config->fleet->n_targets, 2);
    assert_false(coordinator_config_probes(config, 0, 0));
    assert_true(coordinator_config_probes(config, 1, 0));
    assert_false(coordinator_config_probes(config, 0, 1));
    coordinator_config_free(config);
}

static void a_key_belongs_to_one_agent(void **state)
{
    struct coordinator_config *config = good(TOP ZONES AGENTS);

    (void)state;
    assert_int_equal(coordinator_config_agent_of_key(config, KEY_A), 0);
    assert_int_equal(coordinator_config_agent_of_key(config, KEY_B), 1);
    assert_true(coordinator_config_agent_of_key(config, "") == FLEET_NONE);
    coordinator_config_free(config);
}

static bool probes_same(const char *one, const char *other)
{
    struct coordinator_config *a = good(one), *b = good(other);
    bool same = coordinator_config_probes_same(a, b);

    coordinator_config_free(a);
    coordinator_config_free(b);
    return same;
}

static void what_is_probed_is_the_same_or_not(void **state)
{
    static const char as_it_was[] = TOP ZONES AGENTS "targets:\n" TARGET PROBES;

    (void)state;
    assert_true(probes_same(as_it_was, as_it_was));
    assert_true(probes_same(as_it_was, TOP ZONES AGENTS "targets:\n" TARGET PROBES
                                                        "http: {cors_origin: \"https://a.b\"}\n"));
    assert_false(probes_same(as_it_was, TOP ZONES AGENTS
                             "targets:\n" TARGET
                             ", probes: [{type: tcp, address: \"10.0.9.1:2\"}]}\n"));
    assert_false(
        probes_same(as_it_was, TOP ZONES AGENTS "targets:\n" TARGET ", zones: [b]" PROBES));
    assert_false(
        probes_same(as_it_was, TOP ZONES AGENTS "targets:\n" TARGET ", agents: [a1, b1]" PROBES));
    assert_false(
        probes_same(as_it_was, TOP ZONES AGENTS "targets:\n" TARGET PROBES NAMED("v2") PROBES));
}

static void what_is_unknown_is_refused(void **state)
{
    (void)state;
    bad(TOP ZONES AGENTS "tragets: []\n",
        "c.yaml:7: field \"tragets\" is unknown; allowed are: coordinator, zones, places, "
        "agents, targets, http, history, decisions, groups, status_page, templates, "
        "notify, lease");
    bad("zones: [a]\nagents: []\n", "c.yaml:1: field \"coordinator\" is missing");
    bad(TOP "agents: []\n", "c.yaml:1: field \"zones\" is missing; it must be a list");
    bad(TOP "zones: [a]\nagents:\n  - {name: a1, zone: x, public_key: \"" KEY_A "\"}\n",
        "c.yaml:4: agent \"a1\": zone \"x\" is not among the zones");
    bad(TOP ZONES AGENTS "targets:\n  - {name: v, kind: storage, place: x" PROBES,
        "c.yaml:8: target \"v\": place \"x\" is neither a zone nor a place");
    bad(TOP ZONES AGENTS "targets:\n" TARGET ", zones: [storage]" PROBES,
        "c.yaml:8: target \"vol\": zone \"storage\" is not among the zones");
    bad(TOP ZONES AGENTS "targets:\n" TARGET ", agents: [z9]" PROBES,
        "c.yaml:8: target \"vol\": agent \"z9\" is not among the agents");
}

static void what_is_given_twice_is_refused(void **state)
{
    (void)state;
    bad(TOP "zones: [a, a]\nagents: []\n",
        "c.yaml:2: zone \"a\" is named twice; zones and places share names");
    bad(TOP ZONES AGENTS "  - {name: a1, zone: b, public_key: \"" KEY_B "\"}\n",
        "c.yaml:7: agent \"a1\" is named twice");
    bad(TOP ZONES AGENTS "  - {name: c1, zone: b, public_key: \"" KEY_B "\"}\n",
        "c.yaml:7: agent \"c1\" has the public_key of agent \"b1\"; each agent needs a key of its "
        "own");
    bad(TOP ZONES AGENTS "targets:\n" TARGET PROBES TARGET PROBES,
        "c.yaml:9: target \"vol\" is named twice");
    bad(TOP ZONES AGENTS "targets:\n" TARGET ", probes: [{type: tcp}, {type: tcp}]}\n",
        "c.yaml:8: target \"vol\": probe \"tcp\" is named twice; give one another \"name\"");
}

static void an_agent_outside_the_zones_of_its_target_is_refused(void **state)
{
    (void)state;
    bad(TOP ZONES AGENTS "targets:\n" TARGET ", zones: [b], agents: [a1]" PROBES,
        "c.yaml:8: target \"vol\": agent \"a1\" is in zone \"a\", which is not among the target's "
        "zones");
}

static void a_target_that_nobody_probes_is_refused(void **state)
{
    (void)state;
    bad(TOP ZONES AGENTS "targets:\n" TARGET ", zones: []" PROBES,
        "c.yaml:8: target \"vol\": field \"zones\" is empty, so nobody would probe it; name a "
        "zone or leave the field out for all");
    bad(TOP ZONES AGENTS "targets:\n" TARGET ", probes: []}\n",
        "c.yaml:8: target \"vol\" has 0 probes; allowed are 1 to 16");
}

static void bad_values_are_refused(void **state)
{
    (void)state;
    bad("coordinator: {secret_key_file: /k, api: \"0.0.0.0:8570\"}\n",
        "c.yaml:1: field \"api\" is \"0.0.0.0:8570\"; it must be a loopback address such as "
        "127.0.0.1:8570, unless \"http\" has tls_certificate, tls_key and tokens");
    bad(TOP "http: {tls_certificate: /c}\n",
        "c.yaml:2: field \"tls_key\" is missing: tls_certificate and tls_key go together");
    bad(TOP "http: {cors_origin: \"https://a/b\"}\n",
        "c.yaml:2: field \"cors_origin\" is \"https://a/b\"; it must be an origin without a path, "
        "such as https://www.example.org");
    bad(TOP "http: {public_url: here}\n",
        "c.yaml:2: field \"public_url\" is \"here\"; it must be an address such as "
        "https://status.example.org");
    bad("coordinator: {secret_key_file: /k, store: mongo}\n",
        "c.yaml:1: field \"store\" is \"mongo\"; allowed are: sqlite");
    bad("coordinator: {secret_key_file: /k, listen: \"ipc:///x\"}\n",
        "c.yaml:1: field \"listen\" is \"ipc:///x\"; it must be tcp://ADDRESS:PORT");
    bad(TOP "zones: [a]\nagents:\n  - {name: a1, zone: a, public_key: short}\n",
        "c.yaml:4: agent \"a1\": public_key \"short\" is no public key; it has 40 characters, as "
        "faultline keygen prints it");
    bad(TOP ZONES AGENTS "targets:\n" TARGET ", probes: [{type: tcp, address: [x]}]}\n",
        "c.yaml:8: field \"address\" must be a single value");
}

static int refuse(const struct fl_probe_spec *spec, void *arg, struct fl_error *err)
{
    *(int *)arg += 1;
    return fl_error_set(err, -EINVAL, "%s/%s: no", spec->target, spec->probe);
}

static void the_checker_judges_each_probe_and_its_sentence_gets_the_line(void **state)
{
    static const char text[] = TOP ZONES AGENTS "targets:\n" TARGET PROBES;
    struct coordinator_config *config = NULL;
    int calls = 0;
    const struct config_checker checker = {refuse, &calls, NULL};
    struct fl_error err = {""};

    (void)state;
    assert_int_equal(
        coordinator_config_parse("c.yaml", text, strlen(text), &checker, &config, &err), -EINVAL);
    assert_string_equal(err.message, "c.yaml:8: vol/tcp: no");
    assert_int_equal(calls, 1);
}

static void an_unknown_field_of_each_section_is_refused(void **state)
{
    static const char *const texts[] = {
        "coordinator: {secret_key_file: /k, lisen: x}\n" ZONES AGENTS,
        TOP ZONES "agents:\n  - {name: a1, zone: a, public_key: \"" KEY_A "\", zoen: a}\n",
        TOP ZONES AGENTS "targets:\n" TARGET ", backnd: x" PROBES,
    };
    static const char *const words[] = {"lisen", "zoen", "backnd"};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(texts); i++) {
        struct coordinator_config *config = NULL;
        struct fl_error err = {""};

        assert_true(read_text(texts[i], &config, &err) < 0);
        assert_int_equal(strncmp(err.message, "c.yaml:", 7), 0);
        assert_non_null(strstr(err.message, words[i]));
    }
}

static void what_is_coarser_is_kept_at_least_as_long(void **state)
{
    (void)state;
    bad(TOP ZONES AGENTS "history: {raw: 2d, minutes: 1d}\n",
        "c.yaml:7: field \"minutes\" is shorter than \"raw\"; what is coarser must be kept at "
        "least as long");
    bad(TOP ZONES AGENTS "history: {raw: 2d, hours: 20d}\n",
        "c.yaml:7: field \"hours\" is shorter than \"minutes\"; what is coarser must be kept at "
        "least as long");
}

#define LEASE TOP ZONES AGENTS "lease: {name: c1, etcd: [\"http://h:2379\", \"https://i:2379\"]"

static void several_coordinators_share_a_lease(void **state)
{
    struct coordinator_config *config = good(LEASE ", ttl: 5s, prefix: /x/y}\n");
    struct config_lease copy;

    (void)state;
    assert_int_equal(config->lease.n_etcd, 2);
    assert_string_equal(config->lease.etcd[1], "https://i:2379");
    assert_int_equal(config->lease.ttl_us, 5 * FL_SECOND);
    assert_int_equal(config_lease_copy(&config->lease, &copy), 0);
    assert_true(config_lease_equal(&copy, &config->lease));
    copy.ttl_us++;
    assert_false(config_lease_equal(&copy, &config->lease));
    config_lease_done(&copy);
    coordinator_config_free(config);
    config = good(TOP ZONES AGENTS);
    assert_int_equal(config->lease.n_etcd, 0);
    coordinator_config_free(config);
}

static void a_lease_that_cannot_be_is_refused(void **state)
{
    (void)state;
    bad(TOP ZONES AGENTS "lease: {name: c1}\n", "c.yaml:7: field \"etcd\" is missing");
    bad(TOP ZONES AGENTS "lease: {name: c1, etcd: []}\n",
        "c.yaml:7: field \"etcd\" has 0 entries; allowed are 1 to 9");
    bad(TOP ZONES AGENTS "lease: {name: c1, etcd: [\"h:2379\"]}\n",
        "c.yaml:7: field \"etcd\" has \"h:2379\"; each entry is http:// or https://, a host and a "
        "port, without \"/\" at its end");
    bad(LEASE ", ttl: 2500ms}\n", "c.yaml:7: field \"ttl\" must be whole seconds");
    bad(LEASE ", prefix: x/y}\n",
        "c.yaml:7: field \"prefix\" is \"x/y\"; it must begin with \"/\", and not end with it");
    bad(LEASE ", user: u}\n",
        "c.yaml:7: fields \"user\" and \"password_file\" must be given together");
    bad(LEASE ", key_file: k}\n",
        "c.yaml:7: fields \"certificate_file\" and \"key_file\" must be given together");
}

#define MAIL "  - {name: m, type: email, url: \"smtp://h\", from: a@b"

static void a_receiver_has_what_its_type_needs(void **state)
{
    struct coordinator_config *config =
        good(TOP ZONES AGENTS "notify:\n" MAIL ", to: [c@d, e@f]}\n"
                              "  - {name: p, type: command, command: [/bin/page, now]}\n");
    const struct notify_settings *mail = &config->notify.receivers[0];
    struct notify_settings copy;

    (void)state;
    assert_int_equal(config->notify.n, 2);
    assert_string_equal(mail->to[1], "e@f");
    assert_null(mail->to[2]);
    assert_int_equal(mail->starttls, NOTIFY_STARTTLS_REQUIRED);
    assert_string_equal(config->notify.receivers[1].command[1], "now");
    assert_false(notify_settings_equal(mail, &config->notify.receivers[1]));
    assert_int_equal(notify_settings_copy(mail, &copy), 0);
    assert_true(notify_settings_equal(mail, &copy));
    copy.to[1][0] = 'x';
    assert_false(notify_settings_equal(mail, &copy));
    notify_settings_done(&copy);
    coordinator_config_free(config);
}

static void a_receiver_that_cannot_be_told_is_refused(void **state)
{
    (void)state;
    bad(TOP ZONES AGENTS "notify:\n  - {name: w, type: webhook}\n",
        "c.yaml:8: a receiver of type webhook needs the field \"url\"");
    bad(TOP ZONES AGENTS "notify:\n  - {name: w, type: webhook, url: \"smtp://h\"}\n",
        "c.yaml:8: field \"url\" is \"smtp://h\"; it must begin with http:// or https://");
    bad(TOP ZONES AGENTS "notify:\n  - {name: w, type: webhook, url: \"http://h\", from: a@b}\n",
        "c.yaml:8: field \"from\" is not for a receiver of type webhook");
    bad(TOP ZONES AGENTS "notify:\n" MAIL ", to: [\"c@d>, <e@f\"]}\n",
        "c.yaml:8: receiver \"m\": \"c@d>, <e@f\" is no mail address; it must be NAME@HOST");
    bad(TOP ZONES AGENTS "notify:\n" MAIL ", to: [c@d], user: u}\n",
        "c.yaml:8: receiver \"m\": \"user\" and \"password_file\" go together");
    bad(TOP ZONES AGENTS "notify:\n" MAIL
                         ", to: [c@d], user: u, password_file: /p, starttls: never}\n",
        "c.yaml:8: receiver \"m\": a password needs TLS: smtps://, or \"starttls\" required");
    bad(TOP ZONES AGENTS "notify:\n" MAIL ", to: []}\n",
        "c.yaml:8: field \"to\" has 0 words; allowed are 1 to 16");
    bad(TOP ZONES AGENTS "notify:\n  - {name: p, type: command, command: [page]}\n",
        "c.yaml:8: receiver \"p\": field \"command\": \"page\" is no absolute path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_coarser_is_kept_at_least_as_long),
        cmocka_unit_test(a_small_configuration_has_its_defaults),
        cmocka_unit_test(a_target_is_probed_by_its_zones_or_its_agents),
        cmocka_unit_test(the_mesh_is_between_others_and_needs_an_address),
        cmocka_unit_test(a_key_belongs_to_one_agent),
        cmocka_unit_test(what_is_probed_is_the_same_or_not),
        cmocka_unit_test(what_is_unknown_is_refused),
        cmocka_unit_test(what_is_given_twice_is_refused),
        cmocka_unit_test(an_agent_outside_the_zones_of_its_target_is_refused),
        cmocka_unit_test(a_target_that_nobody_probes_is_refused),
        cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(the_checker_judges_each_probe_and_its_sentence_gets_the_line),
        cmocka_unit_test(an_unknown_field_of_each_section_is_refused),
        cmocka_unit_test(several_coordinators_share_a_lease),
        cmocka_unit_test(a_lease_that_cannot_be_is_refused),
        cmocka_unit_test(a_receiver_has_what_its_type_needs),
        cmocka_unit_test(a_receiver_that_cannot_be_told_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
