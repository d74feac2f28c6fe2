#include "coordinator/notify/notifier.h"
#include "proto/runtime/fl_yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_SIZE 128

static void words_free(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}

void notify_settings_done(struct notify_settings *settings)
{
    fl_options_done(notify_options, settings);
    words_free(FL_TAKE(settings->command));
    words_free(FL_TAKE(settings->to));
}

void notify_config_done(struct notify_config *config)
{
    for (size_t i = 0; i < config->n; i++)
        notify_settings_done(&config->receivers[i]);
    config->n = 0;
}

static bool is_among(const char *word, const char *const *list)
{
    for (; list && *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

static bool begins_with_one(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (strncmp(text, *list, strlen(*list)) == 0)
            return true;
    return false;
}

static const char *join(const char *const *list, const char *glue, char text[LIST_SIZE])
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; list[i] && used < LIST_SIZE; i++)
        used += (size_t)snprintf(text + used, LIST_SIZE - used, "%s%s", i ? glue : "", list[i]);
    return text;
}

/* A receiver has what its type needs, and nothing that only others know. */
static int check_fields(const struct fl_yaml_node *map, const struct notify_type *type,
                        struct fl_error *err)
{
    static const char *const usual[] = {"name",     "type",   "timeout", "wait",
                                        "interval", "repeat", NULL};

    for (const char *const *need = type->needs; *need; need++)
        if (!fl_yaml_get(map, *need))
            return fl_yaml_error(map, err, -EINVAL, "a receiver of type %s needs the field \"%s\"",
                                 type->name, *need);
    for (size_t i = 0; i < fl_yaml_count(map); i++) {
        const char *key = fl_yaml_key(map, i);

        if (!is_among(key, usual) && !is_among(key, type->needs) && !is_among(key, type->knows))
            return fl_yaml_error(fl_yaml_key_node(map, i), err, -EINVAL,
                                 "field \"%s\" is not for a receiver of type %s", key, type->name);
    }
    return 0;
}

static int check_receiver(const struct fl_yaml_node *map, const struct notify_settings *receiver,
                          struct fl_error *err)
{
    const struct notify_type *type = notify_table[receiver->type];
    struct fl_error sentence;
    char schemes[LIST_SIZE];
    int r = check_fields(map, type, err);

    if (r < 0)
        return r;
    if (type->schemes && !begins_with_one(receiver->url, type->schemes))
        return fl_yaml_error(fl_yaml_get(map, "url"), err, -EINVAL,
                             "field \"url\" is \"%.100s\"; it must begin with %s", receiver->url,
                             join(type->schemes, " or ", schemes));
    r = type->check ? type->check(receiver, &sentence) : 0;
    return r < 0
               ? fl_yaml_error(map, err, r, "receiver \"%s\": %s", receiver->name, sentence.message)
               : 0;
}

static int read_words(const struct fl_yaml_node *map, const char *field, char ***ret,
                      struct fl_error *err)
{
    const struct fl_yaml_node *list = fl_yaml_get(map, field);
    size_t n = list ? fl_yaml_count(list) : 0;
    int r = list ? fl_yaml_expect(list, FL_YAML_LIST, field, err) : 0;

    if (r < 0 || !list)
        return r;
    if (n == 0 || n > NOTIFY_MAX_WORDS)
        return fl_yaml_error(list, err, -EINVAL, "field \"%s\" has %zu words; allowed are 1 to %d",
                             field, n, NOTIFY_MAX_WORDS);
    *ret = calloc(n + 1, sizeof(**ret));
    for (size_t i = 0; *ret && i < n; i++) {
        r = fl_yaml_expect(fl_yaml_item(list, i), FL_YAML_SCALAR, field, err);
        if (r < 0)
            return r;
        (*ret)[i] = strdup(fl_yaml_text(fl_yaml_item(list, i)));
        if (!(*ret)[i])
            return fl_error_set(err, -ENOMEM, "no memory for the receivers");
    }
    return *ret ? 0 : fl_error_set(err, -ENOMEM, "no memory for the receivers");
}

static int read_receiver(const struct fl_yaml_node *map, struct notify_config *config,
                         struct fl_error *err)
{
    static const char *const lists[] = {"command", "to", NULL};
    struct notify_settings *receiver = &config->receivers[config->n];
    int r;

    if (config->n == NOTIFY_MAX_RECEIVERS)
        return fl_yaml_error(map, err, -E2BIG, "there are more than %d receivers",
                             NOTIFY_MAX_RECEIVERS);
    r = fl_yaml_options(map, notify_options, lists, receiver, err);
    if (r < 0)
        return r;
    config->n++;
    r = read_words(map, "command", &receiver->command, err);
    if (r == 0)
        r = read_words(map, "to", &receiver->to, err);
    if (r == 0)
        r = check_receiver(map, receiver, err);
    for (size_t i = 0; r == 0 && i + 1 < config->n; i++)
        if (strcmp(config->receivers[i].name, receiver->name) == 0)
            r = fl_yaml_error(fl_yaml_get(map, "name"), err, -EINVAL,
                              "there are two receivers \"%s\"", receiver->name);
    if (r == 0 && receiver->repeat_us == 0)
        receiver->repeat_us = notify_table[receiver->type]->repeat_us;
    return r;
}

int notify_config_read(const struct fl_yaml_node *root, struct notify_config *ret,
                       struct fl_error *err)
{
    const struct fl_yaml_node *list = fl_yaml_get(root, "notify");
    int r = list ? fl_yaml_expect(list, FL_YAML_LIST, "notify", err) : 0;

    for (size_t i = 0; r == 0 && list && i < fl_yaml_count(list); i++)
        r = read_receiver(fl_yaml_item(list, i), ret, err);
    return r;
}

static char **text_at(const struct notify_settings *settings, const struct fl_option *option)
{
    return (char **)((char *)(uintptr_t)settings + option->offset);
}

static bool is_text(const struct fl_option *option)
{
    return option->kind == FL_OPTION_STRING || option->kind == FL_OPTION_NAME ||
           option->kind == FL_OPTION_ADDRESS;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_same(const struct fl_option *option, const struct notify_settings *a,
                    const struct notify_settings *b)
{
    if (is_text(option))
        return is_same_text(*text_at(a, option), *text_at(b, option));
    return memcmp((const char *)a + option->offset, (const char *)b + option->offset,
                  sizeof(int64_t)) == 0;
}

static bool is_same_words(char *const *a, char *const *b)
{
    size_t i = 0;

    if (!a || !b)
        return !a && !b;
    while (a[i] && b[i] && strcmp(a[i], b[i]) == 0)
        i++;
    return !a[i] && !b[i];
}

bool notify_settings_equal(const struct notify_settings *a, const struct notify_settings *b)
{
    bool same = true;

    for (const struct fl_option *option = notify_options; option->name; option++)
        same = same && is_same(option, a, b);
    return same && is_same_words(a->command, b->command) && is_same_words(a->to, b->to);
}

/* False: without memory, and then what is there is to be freed. */
static bool copy_words(char *const *from, char ***ret)
{
    size_t n = 0;

    while (from && from[n])
        n++;
    *ret = from ? calloc(n + 1, sizeof(**ret)) : NULL;
    for (size_t i = 0; *ret && i < n; i++)
        if (!((*ret)[i] = strdup(from[i])))
            return false;
    return *ret || !from;
}

int notify_settings_copy(const struct notify_settings *from, struct notify_settings *ret)
{
    bool copied;

    *ret = *from;
    copied = copy_words(from->command, &ret->command);
    copied = copy_words(from->to, &ret->to) && copied;
    for (const struct fl_option *option = notify_options; option->name; option++) {
        const char *text = is_text(option) ? *text_at(from, option) : NULL;

        if (!text)
            continue;
        *text_at(ret, option) = strdup(text);
        copied = copied && *text_at(ret, option);
    }
    if (!copied)
        notify_settings_done(ret);
    return copied ? 0 : -ENOMEM;
}
