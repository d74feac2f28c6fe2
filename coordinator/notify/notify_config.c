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

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool notify_config_equal(const struct notify_config *a, const struct notify_config *b)
{
    bool same = a->n == b->n;

    for (size_t i = 0; same && i < a->n; i++) {
        const struct notify_settings *one = &a->receivers[i], *other = &b->receivers[i];

        same = one->type == other->type && one->timeout_us == other->timeout_us &&
               one->wait_us == other->wait_us && one->interval_us == other->interval_us &&
               one->repeat_us == other->repeat_us && is_same_text(one->name, other->name) &&
               is_same_text(one->url, other->url) &&
               is_same_text(one->secret_file, other->secret_file) &&
               is_same_text(one->ca_file, other->ca_file);
    }
    return same;
}

static bool copy_text(char **text)
{
    char *copy = *text ? strdup(*text) : NULL;
    bool copied = copy || !*text;

    *text = copy;
    return copied;
}

int notify_config_copy(const struct notify_config *from, struct notify_config *ret)
{
    bool copied = true;

    *ret = *from;
    for (size_t i = 0; i < ret->n; i++) {
        struct notify_settings *one = &ret->receivers[i];

        copied = copy_text(&one->name) && copied;
        copied = copy_text(&one->url) && copied;
        copied = copy_text(&one->secret_file) && copied;
        copied = copy_text(&one->ca_file) && copied;
    }
    return copied ? 0 : -ENOMEM;
}
