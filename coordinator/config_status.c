#include "coordinator/config_status.h"

#include "proto/runtime/fl_yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(name) offsetof(struct config_status, name)

const struct fl_option config_status_options[] = {
    {"title", FL_OPTION_STRING, FIELD(title), 1, STATUS_NAME_SIZE - 1, "Status", NULL,
     "title of the page"},
    {"snapshot", FL_OPTION_STRING, FIELD(snapshot), 1, 4000, FL_OPTION_UNSET, NULL,
     "folder into which the page, its API and its feed are written at each change and each minute"},
    {0},
};

void config_status_done(struct config_status *status)
{
    for (size_t i = 0; i < status->n_components; i++)
        free(status->components[i].targets);
    free(status->components);
    status->components = NULL;
    status->n_components = 0;
    config_bucket_done(&status->bucket);
    fl_options_done(config_status_options, status);
}

static struct status_component *add_component(struct config_status *status, const char *name,
                                              size_t n_targets)
{
    struct status_component *component;

    if (!status->components)
        status->components = calloc(STATUS_MAX_COMPONENTS, sizeof(*status->components));
    if (!status->components || status->n_components == STATUS_MAX_COMPONENTS)
        return NULL;
    component = &status->components[status->n_components];
    component->targets = calloc(n_targets ? n_targets : 1, sizeof(*component->targets));
    if (!component->targets)
        return NULL;
    status->n_components++;
    component->group = (uint32_t)status->n_groups - 1;
    (void)snprintf(component->name, sizeof(component->name), "%s", name);
    return component;
}

/* What is shown of a fleet that nobody has arranged; the page says when it is too large. */
static int arrange(const struct fleet *fleet, struct config_status *status)
{
    static const char *const names[] = {"Services", "Storage"}; /* as enum target_kind */

    for (int kind = TARGET_SERVICE; kind <= TARGET_STORAGE; kind++) {
        bool begun = false;

        for (uint32_t i = 0; i < fleet->n_targets; i++) {
            struct status_component *component;

            if (fleet->targets[i].kind != (enum target_kind)kind ||
                status->n_components == STATUS_MAX_COMPONENTS)
                continue;
            if (!begun)
                strcpy(status->groups[status->n_groups++].name, names[kind]);
            begun = true;
            component = add_component(status, fleet->targets[i].name, 1);
            if (!component)
                return -ENOMEM;
            component->targets[component->n_targets++] = i;
        }
    }
    return 0;
}

/* The text of a field that must be there and fit. */
static int read_text(const struct fl_yaml_node *map, const char *field, char *ret, size_t size,
                     struct fl_error *err)
{
    const struct fl_yaml_node *node = fl_yaml_get(map, field);
    const char *text = fl_yaml_text(node);

    if (!text || !*text || strlen(text) >= size)
        return fl_yaml_error(node ? node : map, err, -EINVAL,
                             "field \"%s\" must be a text of 1 to %zu bytes", field, size - 1);
    (void)snprintf(ret, size, "%s", text);
    return 0;
}

static int check_keys(const struct fl_yaml_node *map, const char *const *allowed, const char *list,
                      struct fl_error *err)
{
    int r = fl_yaml_expect(map, FL_YAML_MAP, "status_page", err);

    for (size_t i = 0; r == 0 && i < fl_yaml_count(map); i++) {
        size_t k = 0;

        while (allowed[k] && strcmp(allowed[k], fl_yaml_key(map, i)) != 0)
            k++;
        if (!allowed[k])
            return fl_yaml_error(fl_yaml_key_node(map, i), err, -EINVAL,
                                 "field \"%.64s\" is unknown; allowed are: %s", fl_yaml_key(map, i),
                                 list);
    }
    return r;
}

static int read_component(const struct fl_yaml_node *map, const struct fleet *fleet,
                          struct config_status *status, struct fl_error *err)
{
    static const char *const allowed[] = {"name", "targets", NULL};
    const struct fl_yaml_node *list;
    struct status_component *component;
    char name[STATUS_NAME_SIZE];
    int r = check_keys(map, allowed, "name, targets", err);

    if (r == 0)
        r = read_text(map, "name", name, sizeof(name), err);
    if (r < 0)
        return r;
    list = fl_yaml_get(map, "targets");
    if (!list || fl_yaml_kind(list) != FL_YAML_LIST || fl_yaml_count(list) == 0)
        return fl_yaml_error(list ? list : map, err, -EINVAL,
                             "component \"%s\": field \"targets\" must be a list of targets", name);
    component = add_component(status, name, fl_yaml_count(list));
    if (!component)
        return fl_yaml_error(map, err, -E2BIG, "there are more than %d components",
                             STATUS_MAX_COMPONENTS);
    for (size_t i = 0; i < fl_yaml_count(list); i++) {
        const struct fl_yaml_node *item = fl_yaml_item(list, i);
        const char *target = fl_yaml_text(item);
        uint32_t index = target ? fleet_find_target(fleet, target) : FLEET_NONE;

        if (index == FLEET_NONE || fleet->targets[index].kind == TARGET_MESH)
            return fl_yaml_error(item, err, -EINVAL, "component \"%s\": there is no target \"%s\"",
                                 name, target ? target : "");
        component->targets[component->n_targets++] = index;
    }
    return 0;
}

static int read_group(const struct fl_yaml_node *map, const struct fleet *fleet,
                      struct config_status *status, struct fl_error *err)
{
    static const char *const allowed[] = {"name", "components", NULL};
    const struct fl_yaml_node *list;
    int r = check_keys(map, allowed, "name, components", err);

    if (r == 0 && status->n_groups == STATUS_MAX_GROUPS)
        r = fl_yaml_error(map, err, -E2BIG, "there are more than %d groups", STATUS_MAX_GROUPS);
    if (r == 0)
        r = read_text(map, "name", status->groups[status->n_groups].name, STATUS_NAME_SIZE, err);
    if (r < 0)
        return r;
    status->n_groups++;
    list = fl_yaml_get(map, "components");
    if (!list)
        return fl_yaml_error(map, err, -EINVAL, "field \"components\" is missing");
    r = fl_yaml_expect(list, FL_YAML_LIST, "components", err);
    for (size_t i = 0; r == 0 && i < fl_yaml_count(list); i++)
        r = read_component(fl_yaml_item(list, i), fleet, status, err);
    return r;
}

static int read_texts(const struct fl_yaml_node *map, struct config_status *status,
                      struct fl_error *err)
{
    const char *allowed[VERDICT_CLASSES + 1] = {0};
    int r;

    if (!map)
        return 0;
    for (int i = 0; i < VERDICT_CLASSES; i++)
        allowed[i] = verdict_class_name((enum verdict_class)i);
    r = check_keys(map, allowed, "the classes of verdicts", err);
    for (int i = 0; r == 0 && i < VERDICT_CLASSES; i++)
        if (fl_yaml_get(map, allowed[i]))
            r = read_text(map, allowed[i], status->texts[i], STATUS_TEXT_SIZE, err);
    return r;
}

int config_status_read(const struct fl_yaml_node *root, const struct fleet *fleet,
                       struct config_status *ret, struct fl_error *err)
{
    static const char *const others[] = {"groups", "texts", "bucket", NULL};
    const struct fl_yaml_node *map = fl_yaml_get(root, "status_page");
    const struct fl_yaml_node *groups = map ? fl_yaml_get(map, "groups") : NULL;
    int r = map ? fl_yaml_options(map, config_status_options, others, ret, err)
                : fl_options_init(config_status_options, ret);

    if (r == 0 && map && fl_yaml_get(map, "bucket"))
        r = config_bucket_read(fl_yaml_get(map, "bucket"), &ret->bucket, err);
    if (r == 0 && map)
        r = read_texts(fl_yaml_get(map, "texts"), ret, err);
    if (r == 0 && groups)
        r = fl_yaml_expect(groups, FL_YAML_LIST, "groups", err);
    for (size_t i = 0; r == 0 && groups && i < fl_yaml_count(groups); i++)
        r = read_group(fl_yaml_item(groups, i), fleet, ret, err);
    if (r == 0 && !groups)
        r = arrange(fleet, ret);
    return r == -ENOMEM ? fl_error_set(err, r, "no memory for the configuration") : r;
}
