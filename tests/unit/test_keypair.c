// links: fl_runtime
#include "proto/runtime/fl_daemon.h"
#include "proto/runtime/fl_zsock.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/faultline-key-XXXXXX";

static int make_path(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd >= 0 ? close(fd) : -1;
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static struct fl_keypair written(void)
{
    struct fl_keypair keys;

    assert_int_equal(fl_keypair_new(&keys, NULL), 0);
    (void)unlink(path);
    assert_int_equal(fl_keypair_write(path, &keys, NULL), 0);
    return keys;
}

static void write_text(const char *text)
{
    assert_int_equal(fl_daemon_write_file(path, text, strlen(text), 0600, NULL), 0);
}

/* Whatever goes wrong with a key file, the sentence names the file and never the key. */
static void expect_refused(const struct fl_keypair *keys, int code, const char *part)
{
    struct fl_keypair got = {.public_key = "untouched"};
    struct fl_error err;

    assert_int_equal(fl_keypair_read(path, &got, &err), code);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, part));
    assert_null(strstr(err.message, keys->secret_key));
    assert_null(strstr(err.message, keys->public_key));
    assert_string_equal(got.public_key, "untouched");
}

static void a_written_pair_is_read_again(void **state)
{
    struct fl_keypair keys = written(), got;
    struct stat found;

    (void)state;
    assert_int_equal(fl_keypair_read(path, &got, NULL), 0);
    assert_string_equal(got.public_key, keys.public_key);
    assert_string_equal(got.secret_key, keys.secret_key);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
}

static void two_pairs_differ(void **state)
{
    struct fl_keypair a, b;

    (void)state;
    assert_int_equal(fl_keypair_new(&a, NULL), 0);
    assert_int_equal(fl_keypair_new(&b, NULL), 0);
    assert_string_not_equal(a.secret_key, b.secret_key);
    assert_string_not_equal(a.secret_key, a.public_key);
    assert_true(fl_public_key_valid(a.public_key));
}

static void a_key_is_not_written_over_another(void **state)
{
    struct fl_keypair keys = written(), other, got;

    (void)state;
    assert_int_equal(fl_keypair_new(&other, NULL), 0);
    assert_int_equal(fl_keypair_write(path, &other, NULL), -EEXIST);
    assert_int_equal(fl_keypair_read(path, &got, NULL), 0);
    assert_string_equal(got.public_key, keys.public_key);
}

static void a_file_that_others_may_use_is_refused(void **state)
{
    static const unsigned modes[] = {0640, 0604, 0620, 0610, 0601, 0666};
    struct fl_keypair keys = written();

    (void)state;
    for (size_t i = 0; i < FL_COUNT(modes); i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        expect_refused(&keys, -EPERM, "chmod 0600");
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(fl_keypair_read(path, &keys, NULL), 0);
}

static void a_secret_alone_gives_its_public_key(void **state)
{
    struct fl_keypair keys = written(), got;
    char text[128];

    (void)state;
    (void)snprintf(text, sizeof(text), "\n# mine\r\nsecret:\t%s \r\n", keys.secret_key);
    write_text(text);
    assert_int_equal(fl_keypair_read(path, &got, NULL), 0);
    assert_string_equal(got.public_key, keys.public_key);
    (void)snprintf(text, sizeof(text), "secret: %s", keys.secret_key);
    write_text(text);
    assert_int_equal(fl_keypair_read(path, &got, NULL), 0);
    assert_string_equal(got.public_key, keys.public_key);
}

static void a_public_key_of_another_pair_is_refused(void **state)
{
    struct fl_keypair keys = written(), other;
    char text[256];

    (void)state;
    assert_int_equal(fl_keypair_new(&other, NULL), 0);
    (void)snprintf(text, sizeof(text), "public: %s\nsecret: %s\n", other.public_key,
                   keys.secret_key);
    write_text(text);
    expect_refused(&keys, -EINVAL, "does not belong to its secret key");
}

static void a_damaged_file_is_refused(void **state)
{
    struct fl_keypair keys = written();
    char text[256];

    (void)state;
    write_text("");
    expect_refused(&keys, -EINVAL, "is no key file");
    (void)snprintf(text, sizeof(text), "public: %s\n", keys.public_key);
    write_text(text);
    expect_refused(&keys, -EINVAL, "is no key file");
    (void)snprintf(text, sizeof(text), "secret: %.39s\n", keys.secret_key);
    write_text(text);
    expect_refused(&keys, -EINVAL, "is no key file");
    (void)snprintf(text, sizeof(text), "secret: %sx\n", keys.secret_key);
    write_text(text);
    expect_refused(&keys, -EINVAL, "is no key file");
    (void)snprintf(text, sizeof(text), "secret: %s\nsomething else\n", keys.secret_key);
    write_text(text);
    expect_refused(&keys, -EINVAL, "is no key file");
}

static void a_large_file_is_no_key_file(void **state)
{
    struct fl_keypair keys = written();
    static char text[20000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    write_text(text);
    expect_refused(&keys, -EINVAL, "is no key file");
}

static void a_missing_file_is_named(void **state)
{
    struct fl_keypair keys;
    struct fl_error err;

    (void)state;
    assert_int_equal(fl_keypair_read("/nonexistent/agent.key", &keys, &err), -ENOENT);
    assert_string_equal(err.message, "cannot open the key file \"/nonexistent/agent.key\": No such "
                                     "file or directory");
}

static void only_a_key_is_a_key(void **state)
{
    struct fl_keypair keys = written();

    (void)state;
    assert_true(fl_public_key_valid(keys.public_key));
    assert_false(fl_public_key_valid(""));
    assert_false(fl_public_key_valid("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf"));
    assert_true(fl_public_key_valid("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"));
    assert_false(fl_public_key_valid("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf\""));
    assert_false(fl_public_key_valid("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf "));
    assert_false(fl_public_key_valid("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf\xc3"));
    assert_false(fl_public_key_valid("########################################"));
    keys.public_key[0] = '\0';
    assert_false(fl_public_key_valid(keys.public_key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_pair_is_read_again),
        cmocka_unit_test(two_pairs_differ),
        cmocka_unit_test(a_key_is_not_written_over_another),
        cmocka_unit_test(a_file_that_others_may_use_is_refused),
        cmocka_unit_test(a_secret_alone_gives_its_public_key),
        cmocka_unit_test(a_public_key_of_another_pair_is_refused),
        cmocka_unit_test(a_damaged_file_is_refused),
        cmocka_unit_test(a_large_file_is_no_key_file),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(only_a_key_is_a_key),
    };

    return cmocka_run_group_tests(tests, make_path, remove_path);
}
