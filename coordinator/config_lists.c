/* A list is kept under a hash of its URL (FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/). */
#include "coordinator/config_lists.h"

#include "coordinator/coordinator_config.h"
#include "proto/runtime/fl_daemon.h"
#include "proto/runtime/fl_yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TEXT 4000
#define PATH_SIZE 4200
#define FIELD(name) offsetof(struct config_list, name)

const struct fl_option config_list_options[] = {
    {"url", FL_OPTION_STRING, FIELD(url), 1, MAX_TEXT, NULL, NULL,
     "where the list is, http:// or https://"},
    {"interval", FL_OPTION_DURATION, FIELD(interval_us), FL_SECOND, 24 * FL_HOUR, "1m", NULL,
     "between two times that it is fetched"},
    {"timeout", FL_OPTION_DURATION, FIELD(timeout_us), FL_SECOND / 10, FL_MINUTE, "10s", NULL,
     "how long fetching it may take"},
    {"bearer_file", FL_OPTION_STRING, FIELD(bearer_file), 1, MAX_TEXT, FL_OPTION_UNSET, NULL,
     "file with the token that the server asks for"},
    {"user", FL_OPTION_STRING, FIELD(user), 1, 256, FL_OPTION_UNSET, NULL,
     "user for basic authentication"},
    {"password_file", FL_OPTION_STRING, FIELD(password_file), 1, MAX_TEXT, FL_OPTION_UNSET, NULL,
     "file with the password of that user"},
    {"ca_file", FL_OPTION_STRING, FIELD(ca_file), 1, MAX_TEXT, FL_OPTION_UNSET, NULL,
     "certificates to trust in the place of the system's"},
    {0},
};

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

bool config_list_equal(const struct config_list *a, const struct config_list *b)
{
    return strcmp(a->url, b->url) == 0 && a->interval_us == b->interval_us &&
           a->timeout_us == b->timeout_us && same_text(a->bearer_file, b->bearer_file) &&
           same_text(a->user, b->user) && same_text(a->password_file, b->password_file) &&
           same_text(a->ca_file, b->ca_file);
}

void config_list_done(struct config_list *list)
{
    fl_options_done(config_list_options, list);
}

void config_lists_done(struct config_lists *lists)
{
    for (size_t i = 0; i < lists->n; i++)
        config_list_done(&lists->lists[i]);
    lists->n = 0;
}

static bool copy_text(const char *from, char **ret)
{
    *ret = from ? strdup(from) : NULL;
    return *ret || !from;
}

int config_list_copy(const struct config_list *from, struct config_list *ret)
{
    *ret = (struct config_list){.interval_us = from->interval_us, .timeout_us = from->timeout_us};
    if (copy_text(from->url, &ret->url) && copy_text(from->bearer_file, &ret->bearer_file) &&
        copy_text(from->user, &ret->user) && copy_text(from->password_file, &ret->password_file) &&
        copy_text(from->ca_file, &ret->ca_file))
        return 0;
    config_list_done(ret);
    return -ENOMEM;
}

int config_list_path(const char *state, const char *url, bool trial, char *path, size_t size,
                     struct fl_error *err)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    int n;

    for (const char *c = url; *c; c++)
        hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    n = snprintf(path, size, "%s/targets-%016" PRIx64 ".json%s", state, hash, trial ? ".new" : "");
    return n > 0 && (size_t)n < size
               ? 0
               : fl_error_set(err, -ENAMETOOLONG, "field \"state\": the path is too long");
}

static int check_url(const struct fl_yaml_node *node, const char *url, struct fl_error *err)
{
    const char *rest = strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;

    if (strncmp(url, "https://", 8) == 0)
        rest = url + 8;
    if (!rest || *rest == '\0' || *rest == '/')
        return fl_yaml_error(node, err, -EINVAL,
                             "field \"url\" is \"%.128s\"; it must be http://HOST/… or "
                             "https://HOST/…",
                             url);
    if (memchr(rest, '@', strcspn(rest, "/?#")))
        return fl_yaml_error(node, err, -EINVAL,
                             "field \"url\" has a user in it; say it with \"user\" and "
                             "\"password_file\"");
    return 0;
}

static int check_list(const struct fl_yaml_node *node, const struct config_list *list,
                      struct fl_error *err)
{
    int r = check_url(fl_yaml_get(node, "url"), list->url, err);

    if (r < 0)
        return r;
    if (!list->user != !list->password_file)
        return fl_yaml_error(node, err, -EINVAL,
                             "fields \"user\" and \"password_file\" go together");
    if (list->user && list->bearer_file)
        return fl_yaml_error(node, err, -EINVAL,
                             "only one of the fields \"user\" and \"bearer_file\" may be there");
    return 0;
}

/* Several templates may be made of one list. Takes what `list` owns, also when it fails. */
static int add_list(const struct fl_yaml_node *node, struct config_list *list,
                    struct config_lists *lists, struct fl_error *err)
{
    for (size_t i = 0; i < lists->n; i++) {
        bool equal = config_list_equal(&lists->lists[i], list);

        if (strcmp(lists->lists[i].url, list->url) != 0)
            continue;
        config_list_done(list);
        return equal ? 0
                     : fl_yaml_error(node, err, -EINVAL,
                                     "the list \"%.128s\" is named twice with other settings",
                                     lists->lists[i].url);
    }
    if (lists->n == CONFIG_MAX_LISTS) {
        config_list_done(list);
        return fl_yaml_error(node, err, -E2BIG, "more than %d lists are to be fetched",
                             CONFIG_MAX_LISTS);
    }
    lists->lists[lists->n++] = *list;
    return 0;
}

static int read_kept(const char *state, const char *url, bool trial, struct fl_yaml **ret,
                     struct fl_error *err)
{
    char path[PATH_SIZE], *bytes = NULL;
    size_t size = 0;
    int r = config_list_path(state, url, trial, path, sizeof(path), err);

    if (r == 0)
        r = fl_daemon_read_file(path, CONFIG_MAX_LIST_BYTES, &bytes, &size, err);
    if (r == 0)
        r = fl_yaml_parse(url, bytes, size, ret, err);
    else if (r == -ENOENT)
        r = 0;
    free(bytes);
    return r;
}

int config_list_read(const struct fl_yaml_node *node, const char *trial,
                     struct coordinator_config *config, struct fl_yaml **ret, struct fl_error *err)
{
    struct config_list list = {0};
    struct fl_error sentence;
    char url[MAX_TEXT + 1];
    int r = fl_yaml_options(node, config_list_options, NULL, &list, err);

    *ret = NULL;
    if (r < 0)
        return r;
    (void)snprintf(url, sizeof(url), "%s", list.url);
    r = check_list(node, &list, err);
    if (r < 0) {
        config_list_done(&list);
        return r;
    }
    r = add_list(node, &list, &config->lists, err);
    if (r < 0)
        return r;
    r = read_kept(config->state, url, trial && strcmp(trial, url) == 0, ret, &sentence);
    return r < 0 ? fl_yaml_error(node, err, r, "%s", sentence.message) : 0;
}
