/* The files are JSON, which is YAML too: one reader serves both, and errors have lines. A copy of
 * the template is made for each address, with its words put in, and read like any other target. */
#include "coordinator/config_templates.h"

#include "coordinator/config_lists.h"
#include "proto/runtime/fl_yaml.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WORD_SIZE 64

struct templates {
    const struct fl_yaml_node *template; /* the map of the template */
    struct coordinator_config *config;
    const char *trial;
    config_template_cb made;
    void *arg;
    struct fl_error *err;
};

/* One address with the labels of its group. */
struct found {
    const char *address;
    const struct fl_yaml_node *labels; /* NULL: none */
};

static const char *label_of(const struct found *found, const char *name)
{
    const struct fl_yaml_node *label = found->labels ? fl_yaml_get(found->labels, name) : NULL;

    return label ? fl_yaml_text(label) : NULL;
}

/* HOST:PORT, [HOST]:PORT or HOST: where the host begins and how long it is, and the port. */
static const char *split(const char *address, size_t *ret_length, const char **ret_port)
{
    const char *colon = strrchr(address, ':'), *bracket = strchr(address, ']');

    *ret_port = NULL;
    *ret_length = strlen(address);
    if (colon && (bracket ? colon > bracket : strchr(address, ':') == colon)) {
        *ret_port = colon + 1;
        *ret_length = (size_t)(colon - address);
    }
    if (address[0] != '[' || !bracket)
        return address;
    *ret_length = (size_t)(bracket - address) - 1;
    return address + 1;
}

/* What stands for {word}; NULL when there is nothing. `ret_length` bytes of it. */
static const char *value_of(const struct found *found, const char *word, size_t *ret_length)
{
    const char *port, *host = split(found->address, ret_length, &port);
    const char *value = label_of(found, word);

    if (strcmp(word, "host") == 0)
        return host;
    if (strcmp(word, "port") == 0)
        value = port;
    else if (strcmp(word, "address") == 0)
        value = found->address;
    *ret_length = value ? strlen(value) : 0;
    return value;
}

/* Length of "{word}" at the start of `text`, 0 when there is none; other braces are plain text. */
static size_t word_at(const char *text, char ret[WORD_SIZE])
{
    size_t n = 0;

    if (text[0] != '{' || !(isalpha((unsigned char)text[1]) || text[1] == '_'))
        return 0;
    for (text++; isalnum((unsigned char)text[n]) || text[n] == '_'; n++)
        if (n == WORD_SIZE - 1)
            return 0;
    if (text[n] != '}')
        return 0;
    memcpy(ret, text, n);
    ret[n] = '\0';
    return n + 2;
}

static int put_words(const char *text, char *ret, size_t size, void *arg, struct fl_error *sentence)
{
    const struct found *found = arg;
    size_t used = 0;

    while (*text) {
        char word[WORD_SIZE];
        size_t skip = word_at(text, word), length = 1;
        const char *value = skip ? value_of(found, word, &length) : text;

        if (!value)
            return fl_error_set(sentence, -EINVAL,
                                "nothing is known for {%s}; known are {address}, {host}, {port} "
                                "where it has one, and the labels",
                                word);
        if (used + length >= size)
            return fl_error_set(sentence, -E2BIG, "a text is longer than %zu bytes with its words",
                                size - 1);
        memcpy(ret + used, value, length);
        used += length;
        text += skip ? skip : 1;
    }
    ret[used] = '\0';
    return 0;
}

static int make_target(const struct templates *templates, const struct fl_yaml_node *at,
                       const struct found *found)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *made = NULL;
    const struct fl_yaml_node *target = fl_yaml_get(templates->template, "target");
    struct fl_error sentence;
    int r = fl_yaml_expand(target, put_words, (void *)found, &made, &sentence);

    if (r == 0)
        r = templates->made(fl_yaml_root(made), templates->arg, &sentence);
    return r < 0 ? fl_yaml_error(at, templates->err, r, "\"%.128s\" makes no target: %s",
                                 found->address, sentence.message)
                 : 0;
}

/* Does a group have all the labels that the template asks for? */
static bool matches(const struct templates *templates, const struct found *group)
{
    const struct fl_yaml_node *match = fl_yaml_get(templates->template, "match");

    for (size_t i = 0; match && i < fl_yaml_count(match); i++) {
        const char *label = label_of(group, fl_yaml_key(match, i));

        if (!label || strcmp(label, fl_yaml_text(fl_yaml_item(match, i))) != 0)
            return false;
    }
    return true;
}

/* A map whose values are texts. */
static int check_texts(const struct fl_yaml_node *map, const char *field, struct fl_error *err)
{
    int r = fl_yaml_expect(map, FL_YAML_MAP, field, err);

    for (size_t i = 0; r == 0 && i < fl_yaml_count(map); i++)
        r = fl_yaml_expect(fl_yaml_item(map, i), FL_YAML_SCALAR, fl_yaml_key(map, i), err);
    return r;
}

static int check_keys(const struct fl_yaml_node *map, const char *const known[],
                      const char *allowed, struct fl_error *err)
{
    int r = fl_yaml_expect(map, FL_YAML_MAP, "templates", err);

    for (size_t i = 0; r == 0 && i < fl_yaml_count(map); i++) {
        size_t k = 0;

        while (known[k] && strcmp(known[k], fl_yaml_key(map, i)) != 0)
            k++;
        if (!known[k])
            r = fl_yaml_error(fl_yaml_key_node(map, i), err, -EINVAL,
                              "field \"%.64s\" is unknown; allowed are: %s", fl_yaml_key(map, i),
                              allowed);
    }
    return r;
}

/* {"targets": ["HOST:PORT", …], "labels": {"NAME": "VALUE", …}} */
static int read_group(const struct templates *templates, const struct fl_yaml_node *group)
{
    static const char *const known[] = {"targets", "labels", NULL};
    int r = check_keys(group, known, "targets, labels", templates->err);
    const struct fl_yaml_node *list;
    struct found found = {0};

    if (r < 0)
        return r;
    list = fl_yaml_get(group, "targets");
    found.labels = fl_yaml_get(group, "labels");
    if (!list)
        return fl_yaml_error(group, templates->err, -EINVAL,
                             "field \"targets\" is missing; it must be a list of addresses");
    r = fl_yaml_expect(list, FL_YAML_LIST, "targets", templates->err);
    if (r == 0 && found.labels)
        r = check_texts(found.labels, "labels", templates->err);
    if (r < 0 || !matches(templates, &found))
        return r;
    for (size_t i = 0; r == 0 && i < fl_yaml_count(list); i++) {
        const struct fl_yaml_node *item = fl_yaml_item(list, i);

        r = fl_yaml_expect(item, FL_YAML_SCALAR, "targets", templates->err);
        found.address = fl_yaml_text(item);
        if (r == 0)
            r = make_target(templates, item, &found);
    }
    return r;
}

static int read_groups(const struct templates *templates, const struct fl_yaml_node *list,
                       const char *field)
{
    int r = fl_yaml_expect(list, FL_YAML_LIST, field, templates->err);

    for (size_t i = 0; r == 0 && i < fl_yaml_count(list); i++)
        r = read_group(templates, fl_yaml_item(list, i));
    return r;
}

static int read_file(const struct templates *templates, const struct fl_yaml_node *at,
                     const char *path)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *yaml = NULL;
    struct fl_error sentence;
    int r = fl_yaml_load(path, &yaml, &sentence);

    if (r < 0)
        return fl_yaml_error(at, templates->err, r, "%s", sentence.message);
    return read_groups(templates, fl_yaml_root(yaml), "a file of targets");
}

/* A pattern may match nothing yet; a name without one must be there. */
static int read_files(const struct templates *templates, const struct fl_yaml_node *pattern)
{
    int r = fl_yaml_expect(pattern, FL_YAML_SCALAR, "files", templates->err);
    glob_t found = {0};

    if (r < 0)
        return r;
    r = glob(fl_yaml_text(pattern), GLOB_NOMAGIC, NULL, &found);
    if (r != 0 && r != GLOB_NOMATCH)
        r = fl_yaml_error(pattern, templates->err, -EIO, "\"%s\" cannot be looked through",
                          fl_yaml_text(pattern));
    else
        r = 0;
    for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
        r = read_file(templates, pattern, found.gl_pathv[i]);
    globfree(&found);
    return r;
}

/* What was not fetched yet has no addresses. */
static int read_url(const struct templates *templates, const struct fl_yaml_node *node)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *kept = NULL;
    struct fl_error sentence;
    int r = fl_yaml_expect(node, FL_YAML_MAP, "urls", templates->err);

    if (r == 0)
        r = config_list_read(node, templates->trial, templates->config, &kept, templates->err);
    if (r < 0 || !kept)
        return r;
    r = read_groups(templates, fl_yaml_root(kept), "a list of targets");
    if (r == 0)
        return 0;
    sentence = *templates->err;
    return fl_yaml_error(node, templates->err, r, "%s", sentence.message);
}

static int read_each(const struct templates *templates, const char *field,
                     int (*read)(const struct templates *templates,
                                 const struct fl_yaml_node *item))
{
    const struct fl_yaml_node *list = fl_yaml_get(templates->template, field);
    int r = list ? fl_yaml_expect(list, FL_YAML_LIST, field, templates->err) : 0;

    for (size_t i = 0; r == 0 && list && i < fl_yaml_count(list); i++)
        r = read(templates, fl_yaml_item(list, i));
    return r;
}

static int check_template(const struct fl_yaml_node *template, struct fl_error *err)
{
    static const char *const known[] = {"files", "urls", "groups", "match", "target", NULL};
    const struct fl_yaml_node *match, *target;
    int r = check_keys(template, known, "files, urls, groups, match, target", err);

    if (r < 0)
        return r;
    match = fl_yaml_get(template, "match");
    target = fl_yaml_get(template, "target");
    if (!target)
        return fl_yaml_error(template, err, -EINVAL,
                             "field \"target\" is missing; it is what each address becomes");
    if (!fl_yaml_get(template, "files") && !fl_yaml_get(template, "urls") &&
        !fl_yaml_get(template, "groups"))
        return fl_yaml_error(template, err, -EINVAL,
                             "one of the fields \"files\", \"urls\" and \"groups\" must be there; "
                             "they name the addresses");
    r = match ? check_texts(match, "match", err) : 0;
    return r < 0 ? r : fl_yaml_expect(target, FL_YAML_MAP, "target", err);
}

static int read_template(struct templates *templates, const struct fl_yaml_node *template)
{
    const struct fl_yaml_node *groups;
    int r = check_template(template, templates->err);

    if (r < 0)
        return r;
    templates->template = template;
    groups = fl_yaml_get(template, "groups");
    if (groups)
        r = read_groups(templates, groups, "groups");
    if (r == 0)
        r = read_each(templates, "files", read_files);
    return r < 0 ? r : read_each(templates, "urls", read_url);
}

int config_templates_read(const struct fl_yaml_node *root, struct coordinator_config *config,
                          const char *trial, config_template_cb made, void *arg,
                          struct fl_error *err)
{
    struct templates templates = {
        .config = config, .trial = trial, .made = made, .arg = arg, .err = err};
    const struct fl_yaml_node *list = fl_yaml_get(root, "templates");
    int r = list ? fl_yaml_expect(list, FL_YAML_LIST, "templates", err) : 0;

    for (size_t i = 0; r == 0 && list && i < fl_yaml_count(list); i++)
        r = read_template(&templates, fl_yaml_item(list, i));
    return r;
}
