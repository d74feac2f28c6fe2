// links: fl_runtime
#include "proto/runtime/fl_daemon.h"
#include "proto/runtime/fl_yaml.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fl_yaml *parsed(const char *text)
{
    struct fl_yaml *yaml = NULL;
    struct fl_error err = {""};

    if (fl_yaml_parse("test.yaml", text, strlen(text), &yaml, &err) < 0)
        print_message("%s\n", err.message);
    assert_non_null(yaml);
    return yaml;
}

static void expect_error(const char *text, size_t size, const char *sentence)
{
    struct fl_yaml *yaml = NULL;
    struct fl_error err = {""};

    assert_true(fl_yaml_parse("test.yaml", text, size, &yaml, &err) < 0);
    assert_string_equal(err.message, sentence);
    assert_null(yaml);
}

static void expect_refused(const char *text, const char *sentence)
{
    expect_error(text, strlen(text), sentence);
}

static void a_document_is_walked_by_key_and_index(void **state)
{
    FL_CLEANUP(fl_yaml_freep)
    struct fl_yaml *yaml = parsed("# zones\nzones: [a, b]\nagents:\n  - name: a1\n    zone: a\n");
    const struct fl_yaml_node *root = fl_yaml_root(yaml), *zones, *agent;

    (void)state;
    assert_int_equal(fl_yaml_kind(root), FL_YAML_MAP);
    assert_int_equal(fl_yaml_count(root), 2);
    assert_string_equal(fl_yaml_key(root, 1), "agents");
    zones = fl_yaml_get(root, "zones");
    assert_int_equal(fl_yaml_kind(zones), FL_YAML_LIST);
    assert_int_equal(fl_yaml_count(zones), 2);
    assert_string_equal(fl_yaml_text(fl_yaml_item(zones, 1)), "b");
    agent = fl_yaml_item(fl_yaml_item(root, 1), 0);
    assert_string_equal(fl_yaml_text(fl_yaml_get(agent, "zone")), "a");
    assert_int_equal(fl_yaml_line(fl_yaml_get(agent, "zone")), 5);
}

static void what_is_not_there_is_null(void **state)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *yaml = parsed("zones: [a]\nname: x\nempty:\n");
    const struct fl_yaml_node *root = fl_yaml_root(yaml), *zones = fl_yaml_get(root, "zones");

    (void)state;
    assert_null(fl_yaml_get(root, "zone"));
    assert_null(fl_yaml_item(root, 3));
    assert_null(fl_yaml_key(root, 3));
    assert_null(fl_yaml_item(zones, 1));
    assert_null(fl_yaml_key(zones, 0));
    assert_null(fl_yaml_get(zones, "a"));
    assert_null(fl_yaml_text(zones));
    assert_null(fl_yaml_item(fl_yaml_get(root, "name"), 0));
    assert_string_equal(fl_yaml_text(fl_yaml_get(root, "empty")), "");
}

static void text_is_as_it_was_written(void **state)
{
    FL_CLEANUP(fl_yaml_freep)
    struct fl_yaml *yaml = parsed("a: \"# \\u00e9\"\nb: 'it''s'\nc: 010\nd: |\n  two\n  lines\n");
    const struct fl_yaml_node *root = fl_yaml_root(yaml);

    (void)state;
    assert_string_equal(fl_yaml_text(fl_yaml_get(root, "a")), "# \xc3\xa9");
    assert_string_equal(fl_yaml_text(fl_yaml_get(root, "b")), "it's");
    assert_string_equal(fl_yaml_text(fl_yaml_get(root, "c")), "010");
    assert_string_equal(fl_yaml_text(fl_yaml_get(root, "d")), "two\nlines\n");
}

static void a_key_given_twice_is_refused(void **state)
{
    (void)state;
    expect_refused("a: 1\nb: 2\na: 3\n",
                   "test.yaml:3: field \"a\" is given twice; the first time in line 1");
    expect_refused("l:\n- {x: 1, x: 1}\n",
                   "test.yaml:2: field \"x\" is given twice; the first time in line 2");
}

static void an_alias_is_refused_where_it_stands(void **state)
{
    static const char sentence[] = "test.yaml:2: aliases (\"*x\") are not supported; write the "
                                   "value out";

    (void)state;
    expect_refused("a: &x [1]\n<<: *x\n", sentence);
    expect_refused("- &x 1\n- *x\n", sentence);
    expect_refused("&x\na: *x\n", sentence); /* which would be a map within itself */
    expect_refused("\na: *x\n", sentence);
}

static void there_is_one_document(void **state)
{
    (void)state;
    expect_refused("a: 1\n---\nb: 2\n", "test.yaml:2: a second document begins here (\"---\"); "
                                        "there may be one");
    expect_refused("", "\"test.yaml\" is empty");
    expect_refused("# nothing\n", "\"test.yaml\" is empty");
    fl_yaml_free(parsed("---\na: 1\n...\n"));
}

static void what_is_no_yaml_is_told_with_its_line(void **state)
{
    (void)state;
    expect_refused("a: [1, 2\nb: 3\n",
                   "test.yaml:2: this is no YAML: did not find expected ',' or ']' while parsing a "
                   "flow sequence from line 1 on");
    expect_refused("a:\n\tb: 2\n",
                   "test.yaml:2: this is no YAML: found character that cannot start any token "
                   "while scanning for the next token from line 2 on");
    expect_refused("a: \xff\n",
                   "test.yaml: this is no YAML: invalid leading UTF-8 octet at byte 3");
}

static void a_key_is_a_word(void **state)
{
    (void)state;
    expect_refused("? [a]\n: 1\n", "test.yaml:1: a key must be a word");
    expect_refused("'': 1\n", "test.yaml:1: a key must be a word");
}

static void a_nul_does_not_cut_a_value(void **state)
{
    (void)state;
    expect_refused("a: \"x\\0y\"\n", "test.yaml:1: a value holds a NUL character");
}

static void a_map_has_a_limit(void **state)
{
    char text[257 * 8];
    int used = 0;

    (void)state;
    for (int i = 0; i < 257; i++)
        used += snprintf(text + used, sizeof(text) - (size_t)used, "k%d: 1\n", i);
    expect_refused(text, "test.yaml:1: a map has 257 keys; 256 is the most");
}

static void a_text_has_a_limit(void **state)
{
    size_t size = (16 << 20) + 1;
    char *text = malloc(size);

    (void)state;
    assert_non_null(text);
    memset(text, '\n', size);
    expect_error(text, size, "\"test.yaml\" is larger than 16777216 bytes, the most it may have");
    free(text);
}

static void nesting_has_a_limit(void **state)
{
    static char text[200000];

    (void)state;
    memset(text, '[', sizeof(text));
    expect_error(text, sizeof(text), "test.yaml:1: lists and maps are nested deeper than 64");
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 ? ' ' : '-';
    expect_error(text, sizeof(text), "test.yaml:1: lists and maps are nested deeper than 64");
}

static void a_node_of_another_kind_is_told_with_its_field(void **state)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *yaml = parsed("zones: a\n");
    const struct fl_yaml_node *root = fl_yaml_root(yaml);
    struct fl_error err;

    (void)state;
    assert_int_equal(fl_yaml_expect(root, FL_YAML_MAP, "all", &err), 0);
    assert_int_equal(fl_yaml_expect(fl_yaml_get(root, "zones"), FL_YAML_LIST, "zones", &err),
                     -EINVAL);
    assert_string_equal(err.message, "test.yaml:1: field \"zones\" must be a list, one \"- \" "
                                     "before each element");
    assert_int_equal(fl_yaml_expect(fl_yaml_get(root, "agents"), FL_YAML_LIST, "agents", &err),
                     -ENOENT);
    assert_string_equal(err.message, "field \"agents\" is missing; it must be a list, one \"- \" "
                                     "before each element");
}

static void an_error_has_file_and_line(void **state)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *yaml = parsed("a: 1\nb: 2\n");
    struct fl_error err;

    (void)state;
    assert_int_equal(fl_yaml_error(fl_yaml_get(fl_yaml_root(yaml), "b"), &err, -ERANGE,
                                   "field \"%s\" is too small", "b"),
                     -ERANGE);
    assert_string_equal(err.message, "test.yaml:2: field \"b\" is too small");
}

static void a_file_is_loaded_and_named(void **state)
{
    char path[] = "/tmp/faultline-yaml-XXXXXX";
    struct fl_yaml *yaml = NULL;
    struct fl_error err;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(fl_daemon_write_file(path, "a: 1\n", 5, 0600, NULL), 0);
    assert_int_equal(fl_yaml_load(path, &yaml, &err), 0);
    (void)fl_yaml_error(fl_yaml_root(yaml), &err, -EINVAL, "x");
    assert_memory_equal(err.message, path, strlen(path));
    fl_yaml_free(yaml);
    (void)unlink(path);
    assert_int_equal(fl_yaml_load(path, &yaml, &err), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_walked_by_key_and_index),
        cmocka_unit_test(what_is_not_there_is_null),
        cmocka_unit_test(text_is_as_it_was_written),
        cmocka_unit_test(a_key_given_twice_is_refused),
        cmocka_unit_test(an_alias_is_refused_where_it_stands),
        cmocka_unit_test(there_is_one_document),
        cmocka_unit_test(what_is_no_yaml_is_told_with_its_line),
        cmocka_unit_test(a_key_is_a_word),
        cmocka_unit_test(a_nul_does_not_cut_a_value),
        cmocka_unit_test(a_map_has_a_limit),
        cmocka_unit_test(a_text_has_a_limit),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(a_node_of_another_kind_is_told_with_its_field),
        cmocka_unit_test(an_error_has_file_and_line),
        cmocka_unit_test(a_file_is_loaded_and_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
