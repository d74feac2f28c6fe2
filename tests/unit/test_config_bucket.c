// links: coordinator_daemon
/* The bucket of the status page: what is taken, what is refused with which words, and the URLs. */
#include "coordinator/config_bucket.h"
#include "proto/runtime/fl_yaml.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

#define REST ", key: k, secret_file: /s}"

static int read_text(const char *text, struct config_bucket *ret, struct fl_error *err)
{
    struct fl_yaml *yaml = NULL;
    int r = fl_yaml_parse("c.yaml", text, strlen(text), &yaml, err);

    *ret = (struct config_bucket){0};
    assert_int_equal(r, 0);
    r = config_bucket_read(fl_yaml_root(yaml), ret, err);
    fl_yaml_free(yaml);
    return r;
}

static void assert_url(const char *text, const char *wanted)
{
    struct config_bucket bucket, copy;
    struct fl_error err = {""};
    char url[512];

    if (read_text(text, &bucket, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(config_bucket_copy(&bucket, &copy), 0);
    config_bucket_done(&bucket);
    config_bucket_url(&copy, url, sizeof(url));
    assert_string_equal(url, wanted);
    config_bucket_done(&copy);
}

static void the_bucket_is_in_the_path_or_in_the_name(void **state)
{
    (void)state;
    assert_url("{endpoint: \"http://s:1\", bucket: b" REST, "http://s:1/b/");
    assert_url("{endpoint: \"http://s:1\", bucket: b, prefix: a/c" REST, "http://s:1/b/a/c/");
    assert_url("{endpoint: \"https://s\", bucket: b, prefix: a/, style: virtual" REST,
               "https://b.s/a/");
    assert_url("{endpoint: \"http://[::1]:9\", bucket: b" REST, "http://[::1]:9/b/");
}

static void what_is_no_place_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *sentence;
    } refused[] = {
        {"{endpoint: \"ftp://s\", bucket: b" REST,
         "c.yaml:1: field \"endpoint\" is \"ftp://s\"; it"},
        {"{endpoint: \"http://\", bucket: b" REST, "it must be http://HOST:PORT"},
        {"{endpoint: \"http://me@s\", bucket: b" REST, "it must be http://HOST:PORT"},
        {"{endpoint: \"http://s/path\", bucket: b" REST, "it must be http://HOST:PORT"},
        {"{endpoint: \"http://s\", bucket: a/b" REST, "field \"bucket\" is \"a/b\"; allowed are"},
        {"{endpoint: \"http://s\", bucket: b, prefix: /a" REST, "field \"prefix\" is \"/a\""},
        {"{endpoint: \"http://s\", bucket: b, prefix: a/../b" REST, "no \"..\""},
        {"{endpoint: \"http://s\", bucket: b, style: other" REST, "path, virtual"},
        {"{endpoint: \"http://s\", bucket: b, key: k}", "secret_file"},
        {"{endpoint: \"http://s\", bucket: b, secret: x" REST, "secret"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(refused); i++) {
        struct config_bucket bucket;
        struct fl_error err = {""};

        assert_true(read_text(refused[i].text, &bucket, &err) < 0);
        if (!strstr(err.message, refused[i].sentence))
            fail_msg("\"%s\" is not in: %s", refused[i].sentence, err.message);
        config_bucket_done(&bucket);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bucket_is_in_the_path_or_in_the_name),
        cmocka_unit_test(what_is_no_place_is_refused_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
