// links: faultline_cli
#include "coordinator/cli/plan_diff.h"
#include "coordinator/coordinator_config.h"
#include "coordinator/plan_json.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOP                                                                               \
    "coordinator: {secret_key_file: /k}\nzones: [a, b]\nagents:\n"                        \
    "  - {name: a1, zone: a, public_key: \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"}\n" \
    "  - {name: b1, zone: b, public_key: "                                                \
    "\"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6\"}\ntargets:\n"
#define VOLUME(more, probe) \
    "  - {name: vol, kind: storage, place: a, " more "probes: [{type: nbd, " probe "}]}\n"
#define WEB \
    "  - {name: web, kind: service, place: b, zones: [b], probes: [{type: tcp, address: h}]}\n"

/* What a plan of `from` has to become for one of `to`, as JSON; the caller frees it. */
static char *difference(const char *from, const char *to)
{
    const char *const texts[] = {from, to};
    json_t *plans[2], *changes;
    char *text;

    for (int i = 0; i < 2; i++) {
        FL_CLEANUP(coordinator_config_freep) struct coordinator_config *config = NULL;
        struct fl_error err;

        if (coordinator_config_parse("c.yaml", texts[i], strlen(texts[i]), NULL, &config, &err) < 0)
            fail_msg("%s", err.message);
        plans[i] = plan_json(config);
    }
    changes = plan_diff(plans[0], plans[1]);
    text = json_dumps(changes, JSON_COMPACT);
    json_decref(changes);
    json_decref(plans[0]);
    json_decref(plans[1]);
    return text;
}

static void expect(const char *from, const char *to, const char *wanted)
{
    char *text = difference(from, to);

    assert_string_equal(text, wanted);
    free(text);
}

static void two_that_are_alike_differ_in_nothing(void **state)
{
    (void)state;
    expect(TOP VOLUME("", "address: \"v:1\"") WEB, TOP WEB VOLUME("", "address: \"v:1\""), "[]");
}

static void what_comes_is_told_whole_and_what_goes_by_name(void **state)
{
    (void)state;
    expect(TOP VOLUME("", "address: \"v:1\""), TOP WEB,
           "[{\"change\":\"removed\",\"probe\":\"vol/nbd\",\"fields\":[]},"
           "{\"change\":\"added\",\"probe\":\"web/tcp\",\"fields\":["
           "{\"field\":\"target\",\"from\":null,\"to\":\"web\"},"
           "{\"field\":\"probe\",\"from\":null,\"to\":\"tcp\"},"
           "{\"field\":\"kind\",\"from\":null,\"to\":\"service\"},"
           "{\"field\":\"place\",\"from\":null,\"to\":\"b\"},"
           "{\"field\":\"backend\",\"from\":null,\"to\":null},"
           "{\"field\":\"type\",\"from\":null,\"to\":\"tcp\"},"
           "{\"field\":\"interval_us\",\"from\":null,\"to\":1000000},"
           "{\"field\":\"timeout_us\",\"from\":null,\"to\":2000000},"
           "{\"field\":\"settings.address\",\"from\":null,\"to\":\"h\"},"
           "{\"field\":\"agents\",\"from\":null,\"to\":[\"b1\"]}]}]");
}

static void what_changes_is_told_field_by_field(void **state)
{
    (void)state;
    expect(TOP VOLUME("", "interval: 1s, address: \"v:1\", export: x"),
           TOP VOLUME("backend: array, agents: [a1], ", "interval: 2s, address: \"v:2\""),
           "[{\"change\":\"changed\",\"probe\":\"vol/nbd\",\"fields\":["
           "{\"field\":\"backend\",\"from\":null,\"to\":\"array\"},"
           "{\"field\":\"interval_us\",\"from\":1000000,\"to\":2000000},"
           "{\"field\":\"settings.address\",\"from\":\"v:1\",\"to\":\"v:2\"},"
           "{\"field\":\"settings.export\",\"from\":\"x\",\"to\":null},"
           "{\"field\":\"agents\",\"from\":[\"a1\",\"b1\"],\"to\":[\"a1\"]}]}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_that_are_alike_differ_in_nothing),
        cmocka_unit_test(what_comes_is_told_whole_and_what_goes_by_name),
        cmocka_unit_test(what_changes_is_told_field_by_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
