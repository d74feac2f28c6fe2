// links: fl_types
#include "proto/types/fl_option.h"
#include "proto/types/fl_time.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

struct settings {
    bool verify;
    int64_t tries, timeout_us, size, sync;
    int64_t unset;
    char *url, *name, *address;
};

static const char *const syncs[] = {"normal", "full", NULL};
static const struct fl_option table[] = {
    {"verify", FL_OPTION_BOOL, offsetof(struct settings, verify), 0, 0, "true", NULL, "verify"},
    {"tries", FL_OPTION_INT, offsetof(struct settings, tries), 1, 5, "3", NULL, "tries"},
    {"timeout", FL_OPTION_DURATION, offsetof(struct settings, timeout_us), FL_MS, FL_MINUTE, "2s",
     NULL, "timeout"},
    {"size", FL_OPTION_SIZE, offsetof(struct settings, size), 512, 1 << 20, "4KiB", NULL, "size"},
    {"sync", FL_OPTION_CHOICE, offsetof(struct settings, sync), 0, 0, "normal", syncs, "sync"},
    {"url", FL_OPTION_STRING, offsetof(struct settings, url), 1, 16, NULL, NULL, "what to fetch"},
    {"name", FL_OPTION_NAME, offsetof(struct settings, name), 0, 0, FL_OPTION_UNSET, NULL, "name"},
    {"address", FL_OPTION_ADDRESS, offsetof(struct settings, address), 0, 0, FL_OPTION_UNSET, NULL,
     "address"},
    {"unset", FL_OPTION_INT, offsetof(struct settings, unset), 0, 9, FL_OPTION_UNSET, NULL,
     "unset"},
    {0},
};

static void defaults_are_read_like_values(void **state)
{
    struct settings settings;

    (void)state;
    memset(&settings, 0x5a, sizeof(settings));
    assert_int_equal(fl_options_init(table, &settings), 0);
    assert_true(settings.verify);
    assert_int_equal(settings.tries, 3);
    assert_int_equal(settings.timeout_us, 2 * FL_SECOND);
    assert_int_equal(settings.size, 4096);
    assert_int_equal(settings.sync, 0);
    assert_null(settings.name);
    assert_int_equal(settings.unset, 0);
    fl_options_done(table, &settings);
}

static void each_kind_takes_what_it_should(void **state)
{
    struct settings settings = {0};

    (void)state;
    assert_int_equal(fl_options_init(table, &settings), 0);
    assert_int_equal(fl_options_set(table, &settings, "verify", "no", NULL), 0);
    assert_int_equal(fl_options_set(table, &settings, "tries", "5", NULL), 0);
    assert_int_equal(fl_options_set(table, &settings, "timeout", "250ms", NULL), 0);
    assert_int_equal(fl_options_set(table, &settings, "size", "64KiB", NULL), 0);
    assert_int_equal(fl_options_set(table, &settings, "sync", "full", NULL), 0);
    assert_int_equal(fl_options_set(table, &settings, "url", "http://a", NULL), 0);
    assert_int_equal(fl_options_set(table, &settings, "url", "http://b", NULL), 0);
    assert_int_equal(fl_options_set(table, &settings, "name", "a.b-c_1", NULL), 0);
    assert_int_equal(fl_options_set(table, &settings, "address", "[::1]:80", NULL), 0);
    assert_false(settings.verify);
    assert_int_equal(settings.tries, 5);
    assert_int_equal(settings.timeout_us, 250 * FL_MS);
    assert_int_equal(settings.size, 65536);
    assert_int_equal(settings.sync, 1);
    assert_string_equal(settings.url, "http://b");
    fl_options_done(table, &settings);
    assert_null(settings.url);
}

static void assert_refused(const char *name, const char *value, const char *allowed)
{
    struct settings settings = {0};
    struct fl_error err = {{0}};

    assert_int_equal(fl_options_init(table, &settings), 0);
    assert_int_equal(fl_options_set(table, &settings, name, value, &err), -EINVAL);
    assert_non_null(strstr(err.message, name));
    assert_non_null(strstr(err.message, allowed));
    fl_options_done(table, &settings);
}

static void a_bad_value_is_refused_with_what_is_allowed(void **state)
{
    (void)state;
    assert_refused("verify", "maybe", "true or false");
    assert_refused("tries", "6", "1 to 5");
    assert_refused("tries", "3x", "whole number");
    assert_refused("tries", "99999999999999999999", "whole number");
    assert_refused("timeout", "2", "250ms");
    assert_refused("timeout", "2h", "1.0 ms to");
    assert_refused("size", "1GiB", "512 to 1048576");
    assert_refused("size", "9999999999TiB", "64MiB");
    assert_refused("sync", "never", "normal, full");
    assert_refused("url", "", "1 to 16");
    assert_refused("url", "12345678901234567", "1 to 16");
    assert_refused("name", "a b", "A-Z a-z 0-9");
    assert_refused("address", "host", "HOST:PORT");
}

static void an_unknown_setting_names_those_there_are(void **state)
{
    struct settings settings = {0};
    struct fl_error err = {{0}};

    (void)state;
    assert_int_equal(fl_options_set(table, &settings, "colour", "red", &err), -ENOENT);
    assert_non_null(strstr(err.message, "colour"));
    assert_non_null(strstr(err.message, "verify, tries, timeout"));
}

static void what_must_be_given_is_asked_for(void **state)
{
    bool given[9] = {false};
    struct fl_error err = {{0}};

    (void)state;
    assert_int_equal(fl_options_require(table, given, &err), -EINVAL);
    assert_non_null(strstr(err.message, "\"url\" is missing"));
    given[5] = true;
    assert_int_equal(fl_options_require(table, given, &err), 0);
}

static void assert_split(const char *address, const char *host, uint16_t port)
{
    char got[64];
    uint16_t got_port = 0;

    assert_int_equal(fl_address_split(address, got, sizeof(got), &got_port, NULL), 0);
    assert_string_equal(got, host);
    assert_int_equal(got_port, port);
}

static void addresses_are_split_at_the_port(void **state)
{
    static const char *const bad[] = {"",        "host",    ":80",      "host:",   "::1:80",
                                      "[::1]",   "[::1]80", "host:-1",  "host:+1", "host:65536",
                                      "host:8x", "[]:80",   "host: 80", "[::1:80"};
    char host[64];
    uint16_t port;

    (void)state;
    assert_split("host:80", "host", 80);
    assert_split("10.0.0.1:0", "10.0.0.1", 0);
    assert_split("[fe80::1]:65535", "fe80::1", 65535);
    for (size_t i = 0; i < FL_COUNT(bad); i++)
        assert_int_equal(fl_address_split(bad[i], host, sizeof(host), &port, NULL), -EINVAL);
    assert_int_equal(fl_address_split("toolong:80", host, 7, &port, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_read_like_values),
        cmocka_unit_test(each_kind_takes_what_it_should),
        cmocka_unit_test(a_bad_value_is_refused_with_what_is_allowed),
        cmocka_unit_test(an_unknown_setting_names_those_there_are),
        cmocka_unit_test(what_must_be_given_is_asked_for),
        cmocka_unit_test(addresses_are_split_at_the_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
