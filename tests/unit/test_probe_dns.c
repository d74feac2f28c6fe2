// links: agent_probe
#include "agent/probe/dns_message.h"
#include "tests/support/name_server.h"

static struct lab lab;
static struct name_server server;

static int open_lab(void **state)
{
    (void)state;
    lab_open(&lab);
    name_server_open(&server, lab.base);
    return 0;
}

static int close_lab(void **state)
{
    (void)state;
    name_server_close(&server);
    lab_close(&lab);
    return 0;
}

static void an_answer_is_well(void **state)
{
    const struct fl_result *result =
        LAB_PROBE(&lab, "dns", FL_SECOND, "server", server.address, "query", "web.test");

    (void)state;
    lab_assert_ok(result);
    assert_true(result->phase_us[FL_LAYER_OPERATE] >= 0);
    lab_assert_ok(LAB_PROBE(&lab, "dns", FL_SECOND, "server", server.address, "query", "web.test",
                            "record", "A", "expect", "127.0.0.1"));
}

static const struct fl_result *ask(const char *name, const char *type, const char *expect)
{
    if (!expect)
        return LAB_PROBE(&lab, "dns", 100 * FL_MS, "server", server.address, "query", name,
                         "record", type);
    return LAB_PROBE(&lab, "dns", 100 * FL_MS, "server", server.address, "query", name, "record",
                     type, "expect", expect);
}

static void each_way_to_fail_has_its_word(void **state)
{
    (void)state;
    lab_assert_failed(ask("nx.test", "A", NULL), FL_LAYER_OPERATE, FL_FAILURE_NXDOMAIN);
    lab_assert_failed(ask("fail.test", "A", NULL), FL_LAYER_OPERATE, FL_FAILURE_SERVFAIL);
    lab_assert_failed(ask("refused.test", "A", NULL), FL_LAYER_OPERATE, FL_FAILURE_DENIED);
    lab_assert_failed(ask("silent.test", "A", NULL), FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
}

static void an_answer_without_what_was_asked_for_is_wrong_content(void **state)
{
    (void)state;
    lab_assert_failed(ask("empty.test", "A", NULL), FL_LAYER_OPERATE, FL_FAILURE_CONTENT);
    lab_assert_failed(ask("alias.test", "A", NULL), FL_LAYER_OPERATE, FL_FAILURE_CONTENT);
    lab_assert_failed(ask("web.test", "A", "192.0.2.1"), FL_LAYER_OPERATE, FL_FAILURE_CONTENT);
    lab_assert_ok(ask("alias.test", "CNAME", NULL));
    lab_assert_ok(ask("alias.test", "CNAME", "nx"));
}

static void a_server_that_is_not_there_refuses(void **state)
{
    char nobody[32];

    (void)state;
    close(lab_bind(SOCK_DGRAM, nobody));
    lab_assert_failed(LAB_PROBE(&lab, "dns", FL_SECOND, "server", nobody, "query", "web.test"),
                      FL_LAYER_OPERATE, FL_FAILURE_REFUSED);
}

static void a_server_given_by_name_is_looked_up_first(void **state)
{
    char named[40];

    (void)state;
    assert_int_equal(resolver_set_servers(lab.resolver, server.address, NULL), 0);
    (void)snprintf(named, sizeof(named), "ns.test.:%s", strchr(server.address, ':') + 1);
    assert_true(LAB_PROBE(&lab, "dns", FL_SECOND, "server", named, "query", "web.test")
                    ->phase_us[FL_LAYER_RESOLVE] > 0);
    (void)snprintf(named, sizeof(named), "nx.test.:%s", strchr(server.address, ':') + 1);
    lab_assert_failed(LAB_PROBE(&lab, "dns", FL_SECOND, "server", named, "query", "web.test"),
                      FL_LAYER_RESOLVE, FL_FAILURE_NXDOMAIN);
    (void)snprintf(named, sizeof(named), "silent.test.:%s", strchr(server.address, ':') + 1);
    lab_assert_failed(LAB_PROBE(&lab, "dns", 50 * FL_MS, "server", named, "query", "web.test"),
                      FL_LAYER_RESOLVE, FL_FAILURE_TIMEOUT);
}

/* A query for "web.test", and its answer with one record of any type. */
static struct dns_query query;
static uint8_t message[1024];

static size_t answer_with(uint16_t type, const void *data, uint8_t size)
{
    size_t at = 12 + 10 + 4;

    memset(message, 0, sizeof(message));
    memcpy(message, query.bytes, at);
    message[2] = 0x80;
    message[7] = 1;
    message[11] = 0;
    return at + name_server_record(message + at, type, data, size);
}

static const char *judge(const char *expect, size_t size)
{
    const uint8_t id[2] = {0, 0};
    enum fl_failure failure;

    return dns_message_answer(&query, id, expect, message, size, &failure)
               ? fl_failure_name(failure)
               : "no answer";
}

static int make_query(void **state)
{
    (void)state;
    return dns_message_query("web.test", 0, &query, NULL);
}

static void records_are_read_as_a_person_writes_them(void **state)
{
    static const struct {
        uint16_t type;
        uint8_t size;
        const char *data;
        const char *text;
    } rows[] = {
        {1, 4, "\xc0\x00\x02\x07", "192.0.2.7"},
        {28, 16, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", "2001:db8::7"},
        {2, 6, "\2ns\xc0\x10", "ns.test"},
        {15, 8, "\0\x0a\2mx\xc0\x10", "10 mx.test"},
        {33, 12, "\0\1\0\2\x1f\x90\2db\xc0\x10", "1 2 8080 db.test"},
        {16, 8, "\3v=1\3abc", "v=1abc"},
        {6, 6, "\2ns\xc0\x10", "ns.test"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        size_t size = answer_with(rows[i].type, rows[i].data, rows[i].size);

        if (strcmp(judge(rows[i].text, size), "none") != 0)
            fail_msg("type %u is not read as \"%s\"", rows[i].type, rows[i].text);
    }
}

static void a_cut_answer_is_malformed_and_not_read_beyond(void **state)
{
    size_t size = answer_with(1, "\xc0\x00\x02\x07", 4);

    (void)state;
    assert_string_equal(judge(NULL, size), "none");
    for (size_t cut = 12; cut < size; cut++)
        assert_string_equal(judge(NULL, cut), "protocol");
    for (size_t cut = 0; cut < 12; cut++)
        assert_string_equal(judge(NULL, cut), "no answer");
    size = answer_with(16, "\x09short", 6); /* a string longer than its record */
    assert_string_equal(judge("short", size), "content");
    size = answer_with(2, "\xc0\x26", 2); /* a name that points at itself */
    assert_string_equal(judge("x", size), "content");
}

static void another_querys_answer_is_none(void **state)
{
    size_t size = answer_with(1, "\xc0\x00\x02\x07", 4);

    (void)state;
    message[1] = 1;
    assert_string_equal(judge(NULL, size), "no answer");
    message[1] = 0;
    message[13] = 'x';
    assert_string_equal(judge(NULL, size), "no answer");
    message[13] = 'W'; /* letters may change their case */
    assert_string_equal(judge(NULL, size), "none");
    message[2] = 0;
    assert_string_equal(judge(NULL, size), "no answer"); /* a query */
}

static void what_is_no_name_is_refused_with_a_sentence(void **state)
{
    struct fl_error err = {""};
    struct dns_query other;

    (void)state;
    assert_true(dns_message_query("web..test", 0, &other, &err) < 0);
    assert_non_null(strstr(err.message, "\"web..test\" is no DNS name"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_well),
        cmocka_unit_test(each_way_to_fail_has_its_word),
        cmocka_unit_test(an_answer_without_what_was_asked_for_is_wrong_content),
        cmocka_unit_test(a_server_that_is_not_there_refuses),
        cmocka_unit_test(a_server_given_by_name_is_looked_up_first),
        cmocka_unit_test_setup(records_are_read_as_a_person_writes_them, make_query),
        cmocka_unit_test_setup(a_cut_answer_is_malformed_and_not_read_beyond, make_query),
        cmocka_unit_test_setup(another_querys_answer_is_none, make_query),
        cmocka_unit_test(what_is_no_name_is_refused_with_a_sentence),
    };

    return cmocka_run_group_tests(tests, open_lab, close_lab);
}
