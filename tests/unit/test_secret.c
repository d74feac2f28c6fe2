// links: agent_probe
#include "agent/probe/secret.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/faultline-secret-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_directory(void **state)
{
    (void)state;
    unsetenv("CREDENTIALS_DIRECTORY");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    static const char *const names[] = {"db", "empty", "long"};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(names); i++) {
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
    return rmdir(directory);
}

static void the_first_line_is_the_secret(void **state)
{
    char secret[SECRET_SIZE];
    struct fl_error err;

    (void)state;
    put("db", "correct horse\nand what else stands there\n");
    assert_int_equal(secret_read(directory, "db", secret, sizeof(secret), &err), 0);
    assert_string_equal(secret, "correct horse");
    put("db", "no line's end");
    assert_int_equal(secret_read(directory, "db", secret, sizeof(secret), NULL), 0);
    assert_string_equal(secret, "no line's end");
    secret_forget(secret, sizeof(secret));
    assert_string_equal(secret, "");
}

static void credentials_of_the_service_manager_come_first(void **state)
{
    char secret[SECRET_SIZE];

    (void)state;
    put("db", "handed over\n");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
    assert_int_equal(secret_read("/nonexistent", "db", secret, sizeof(secret), NULL), 0);
    assert_string_equal(secret, "handed over");
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void a_path_is_no_name(void **state)
{
    static const char *const names[] = {"../etc/shadow", "/etc/shadow", "a/b", "..", ".", "", NULL};
    char secret[SECRET_SIZE];
    struct fl_error err;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(names); i++)
        assert_int_equal(secret_read(directory, names[i], secret, sizeof(secret), &err), -EINVAL);
}

static void one_that_is_not_there_is_named(void **state)
{
    char secret[SECRET_SIZE];
    struct fl_error err;

    (void)state;
    assert_int_equal(secret_read(directory, "nothing", secret, sizeof(secret), &err), -ENOENT);
    assert_non_null(strstr(err.message, "nothing"));
    assert_non_null(strstr(err.message, directory));
}

static void an_empty_or_endless_line_is_refused(void **state)
{
    char secret[SECRET_SIZE], text[SECRET_SIZE + 2];

    (void)state;
    put("empty", "\nsecond\n");
    assert_int_equal(secret_read(directory, "empty", secret, sizeof(secret), NULL), -EINVAL);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    put("long", text);
    assert_int_equal(secret_read(directory, "long", secret, sizeof(secret), NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_is_the_secret),
        cmocka_unit_test(credentials_of_the_service_manager_come_first),
        cmocka_unit_test(a_path_is_no_name),
        cmocka_unit_test(one_that_is_not_there_is_named),
        cmocka_unit_test(an_empty_or_endless_line_is_refused),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
