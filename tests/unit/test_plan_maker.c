// links: coordinator_daemon
/* Each agent gets what its configuration says, and the version says whether it is the same. */
#include "coordinator/plan_maker.h"
#include "tests/support/unit.h"

#include <string.h>

#define KEY_A "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define KEY_B "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"

#define HEAD                                                                        \
    "coordinator: {secret_key_file: /k, mesh_interval: 500ms}\n"                    \
    "zones: [a, b]\nplaces: [storage]\n"                                            \
    "agents:\n"                                                                     \
    "  - {name: a1, zone: a, public_key: \"" KEY_A "\", mesh: \"10.0.1.1:5571\"}\n" \
    "  - {name: b1, zone: b, public_key: \"" KEY_B "\", mesh: \"10.0.2.1:5571\"}\n" \
    "targets:\n"
#define VOLUME(zones, export)                                                   \
    "  - {name: vol, kind: storage, place: storage, zones: " zones ", probes: " \
    "[{type: nbd, timeout: 3s, address: \"10.0.9.1:1\", export: " export "}]}\n"

static const uint8_t mesh_key[FL_MESH_KEY_SIZE] = {1, 2, 3};

static struct fl_plan plan_of(const char *text, uint32_t agent)
{
    struct coordinator_config *config = NULL;
    struct fl_error err = {""};
    struct fl_plan plan;

    if (coordinator_config_parse("c.yaml", text, strlen(text), NULL, &config, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(plan_make(config, agent, mesh_key, &plan), 0);
    assert_int_equal(fl_plan_check(&plan, &err), 0);
    coordinator_config_free(config);
    return plan;
}

static uint64_t version_of(const char *text, uint32_t agent)
{
    struct fl_plan plan = plan_of(text, agent);
    uint64_t version = plan.version;

    fl_plan_done(&plan);
    return version;
}

static void an_agent_gets_its_targets_and_the_mesh(void **state)
{
    struct fl_plan plan = plan_of(HEAD VOLUME("[a]", "x"), 0);

    (void)state;
    assert_int_equal(plan.n_specs, 2);
    assert_string_equal(plan.specs[0].target, "vol");
    assert_string_equal(plan.specs[0].type, "nbd");
    assert_true(plan.specs[0].timeout_us == 3 * FL_SECOND);
    assert_int_equal(plan.specs[0].n_settings, 2);
    assert_string_equal(plan.specs[0].settings[1].key, "export");
    assert_string_equal(plan.specs[1].target, "agent:b1");
    assert_string_equal(plan.specs[1].probe, "mesh");
    assert_string_equal(plan.specs[1].type, "udp");
    assert_true(plan.specs[1].interval_us == 500 * FL_MS);
    assert_string_equal(plan.specs[1].settings[0].key, "address");
    assert_string_equal(plan.specs[1].settings[0].value, "10.0.2.1:5571");
    assert_memory_equal(plan.mesh_key, mesh_key, sizeof(mesh_key));
    fl_plan_done(&plan);
}

static void an_agent_of_another_zone_gets_the_mesh_only(void **state)
{
    struct fl_plan plan = plan_of(HEAD VOLUME("[a]", "x"), 1);

    (void)state;
    assert_int_equal(plan.n_specs, 1);
    assert_string_equal(plan.specs[0].target, "agent:a1");
    fl_plan_done(&plan);
}

static void the_version_is_the_same_for_the_same_content(void **state)
{
    (void)state;
    assert_true(version_of(HEAD VOLUME("[a]", "x"), 0) != 0);
    assert_true(version_of(HEAD VOLUME("[a]", "x"), 0) == version_of(HEAD VOLUME("[a]", "x"), 0));
}

static void the_version_differs_when_anything_of_the_plan_does(void **state)
{
    uint64_t first = version_of(HEAD VOLUME("[a]", "x"), 0);

    (void)state;
    assert_true(first != version_of(HEAD VOLUME("[a]", "y"), 0));
    assert_true(first != version_of(HEAD VOLUME("[b]", "x"), 0));
    assert_true(first != version_of(HEAD VOLUME("[a]", "x"), 1));
}

static void what_concerns_others_leaves_the_version_alone(void **state)
{
    uint64_t first = version_of(HEAD VOLUME("[a]", "x"), 1);

    (void)state;
    assert_true(first == version_of(HEAD VOLUME("[a]", "y"), 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_gets_its_targets_and_the_mesh),
        cmocka_unit_test(an_agent_of_another_zone_gets_the_mesh_only),
        cmocka_unit_test(the_version_is_the_same_for_the_same_content),
        cmocka_unit_test(the_version_differs_when_anything_of_the_plan_does),
        cmocka_unit_test(what_concerns_others_leaves_the_version_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
