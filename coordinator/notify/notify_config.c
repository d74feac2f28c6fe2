#include "coordinator/notify/notifier.h"
#include "proto/runtime/fl_yaml.h"

#include <errno.h>
#include <string.h>

void notify_config_done(struct notify_config *config)
{
    for (size_t i = 0; i < config->n; i++)
        fl_options_done(notify_options, &config->receivers[i]);
    config->n = 0;
}

static bool is_http(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

static int read_receiver(const struct fl_yaml_node *map, struct notify_config *config,
                         struct fl_error *err)
{
    struct notify_settings *receiver = &config->receivers[config->n];
    int r;

    if (config->n == NOTIFY_MAX_RECEIVERS)
        return fl_yaml_error(map, err, -E2BIG, "there are more than %d receivers",
                             NOTIFY_MAX_RECEIVERS);
    r = fl_yaml_options(map, notify_options, NULL, receiver, err);
    if (r < 0)
        return r;
    config->n++;
    if (!is_http(receiver->url))
        return fl_yaml_error(fl_yaml_get(map, "url"), err, -EINVAL,
                             "field \"url\" is \"%.100s\"; it must begin with http:// or https://",
                             receiver->url);
    for (size_t i = 0; i + 1 < config->n; i++)
        if (strcmp(config->receivers[i].name, receiver->name) == 0)
            return fl_yaml_error(fl_yaml_get(map, "name"), err, -EINVAL,
                                 "there are two receivers \"%s\"", receiver->name);
    if (receiver->repeat_us == 0)
        receiver->repeat_us = notify_table[receiver->type]->repeat_us;
    return 0;
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

bool notify_settings_equal(const struct notify_settings *a, const struct notify_settings *b)
{
    bool same = true;

    for (const struct fl_option *option = notify_options; option->name; option++)
        same = same && is_same(option, a, b);
    return same;
}

int notify_settings_copy(const struct notify_settings *from, struct notify_settings *ret)
{
    bool copied = true;

    *ret = *from;
    for (const struct fl_option *option = notify_options; option->name; option++) {
        const char *text = is_text(option) ? *text_at(from, option) : NULL;

        if (!text)
            continue;
        *text_at(ret, option) = strdup(text);
        copied = copied && *text_at(ret, option);
    }
    if (!copied)
        fl_options_done(notify_options, ret);
    return copied ? 0 : -ENOMEM;
}
