#include "agent/core/ask_rules.h"

#include "proto/types/fl_cleanup.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define SUBJECT_SIZE (FL_TYPE_SIZE + FL_MAX_SETTING_VALUE + 2)

/* The settings that say whom a probe reaches. */
static const char *const reaching[] = {"address", "server", "url"};
/* What an order of an operator may say besides: nothing that names a file or a credential. */
static const char *const harmless[] = {"size", "query", "record", "status"};

static bool listed(const char *const *list, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], key) == 0)
            return true;
    return false;
}

#define LISTED(list, key) listed(list, FL_COUNT(list), key)

static const char *setting_of(const struct fl_probe_spec *spec, const char *key)
{
    for (size_t i = 0; i < spec->n_settings; i++)
        if (strcmp(spec->settings[i].key, key) == 0)
            return spec->settings[i].value;
    return NULL;
}

static bool plan_reaches(const struct fl_plan *plan, const char *address)
{
    for (size_t i = 0; i < plan->n_specs; i++) {
        const char *own = setting_of(&plan->specs[i], "address");

        if (own && strcmp(own, address) == 0)
            return true;
    }
    return false;
}

static int check_variation(const struct fl_plan *plan, const struct fl_setting *change,
                           struct fl_error *err)
{
    if (strcmp(change->key, "size") == 0)
        return 0;
    if (strcmp(change->key, "address") != 0)
        return fl_error_set(err, -EACCES,
                            "\"%.64s\" of a probe of the plan may not differ in an order; \"size\" "
                            "and \"address\" may",
                            change->key);
    if (!plan_reaches(plan, change->value))
        return fl_error_set(err, -EACCES,
                            "no probe of this agent's plan has the address \"%.128s\"",
                            change->value);
    return 0;
}

/* `from` with the settings of `changes` in the place of its own. */
static int merge(const struct fl_probe_spec *from, const struct fl_probe_spec *changes,
                 struct fl_probe_spec *ret)
{
    int r = 0;

    for (size_t i = 0; i < from->n_settings && r == 0; i++) {
        const struct fl_setting *setting = &from->settings[i];
        const char *changed = setting_of(changes, setting->key);

        r = fl_probe_spec_set(ret, setting->key, changed ? changed : setting->value);
    }
    for (size_t i = 0; i < changes->n_settings && r == 0; i++)
        if (!setting_of(from, changes->settings[i].key))
            r = fl_probe_spec_set(ret, changes->settings[i].key, changes->settings[i].value);
    return r;
}

/* One spec of its own. The interval is the runner's affair no more: any that is allowed. */
static int make_own(const struct fl_probe_spec *from, const struct fl_probe_spec *order,
                    struct ask_choice *ret, struct fl_error *err)
{
    int64_t timeout_us = order->timeout_us > 0 ? order->timeout_us : from->timeout_us;
    struct fl_probe_spec *spec;
    struct fl_plan own;

    fl_plan_init(&own);
    spec =
        fl_plan_add(&own, order->target, order->probe, from->type, FL_MIN_INTERVAL_US, timeout_us);
    if (!spec || merge(from, order == from ? &(struct fl_probe_spec){0} : order, spec) < 0) {
        fl_plan_done(&own);
        return fl_error_set(err, -ENOMEM, "no memory, or too many settings");
    }
    *ret = (struct ask_choice){.varied = true, .own = own};
    return 0;
}

static int choose_of_plan(const struct fl_plan *plan, const struct fl_probe_spec *order,
                          struct ask_choice *ret, struct fl_error *err)
{
    size_t index = 0;
    int r = 0;

    while (index < plan->n_specs && plan->specs[index].series != order->series)
        index++;
    if (index == plan->n_specs)
        return fl_error_set(err, -ENOENT, "this agent's plan has no probe %s/%s", order->target,
                            order->probe);
    for (size_t i = 0; i < order->n_settings && r == 0; i++)
        r = check_variation(plan, &order->settings[i], err);
    if (r < 0)
        return r;
    if (order->n_settings > 0 ||
        (order->timeout_us > 0 && order->timeout_us != plan->specs[index].timeout_us))
        return make_own(&plan->specs[index], order, ret, err);
    *ret = (struct ask_choice){.index = index};
    return 0;
}

static int choose_ad_hoc(const struct ask_rules *rules, const struct fl_probe_spec *order,
                         struct ask_choice *ret, struct fl_error *err)
{
    char subject[SUBJECT_SIZE];
    const char *whom = NULL;

    for (size_t i = 0; i < order->n_settings; i++) {
        const char *key = order->settings[i].key;

        if (LISTED(reaching, key) && !whom)
            whom = order->settings[i].value;
        else if (!LISTED(harmless, key))
            return fl_error_set(err, -EACCES, "an order of this kind may not set \"%.64s\"", key);
    }
    if (!whom)
        return fl_error_set(err, -EACCES, "the order does not say whom it reaches: give address");
    (void)snprintf(subject, sizeof(subject), "%s %s", order->type, whom);
    for (size_t i = 0; i < rules->n_patterns; i++)
        if (fnmatch(rules->patterns[i], subject, FNM_NOESCAPE) == 0)
            return make_own(order, order, ret, err);
    return fl_error_set(err, -EACCES,
                        "\"allow_adhoc\" of this agent's configuration has no "
                        "pattern for \"%.160s\"",
                        subject);
}

int ask_rules_choose(const struct ask_rules *rules, const struct fl_plan *plan,
                     const struct fl_probe_spec *order, struct ask_choice *ret,
                     struct fl_error *err)
{
    return fl_ask_of_plan(order) ? choose_of_plan(plan, order, ret, err)
                                 : choose_ad_hoc(rules, order, ret, err);
}

int ask_rules_check_pattern(const char *pattern, struct fl_error *err)
{
    size_t type = strcspn(pattern, " ");

    if (type == 0 || pattern[type] == '\0' || pattern[type + 1] == '\0' ||
        strchr(pattern + type + 1, ' ') || strchr(pattern, '\\'))
        return fl_error_set(err, -EINVAL,
                            "\"%s\" is no pattern; write a probe type and an address with one "
                            "space between, such as \"tcp 192.0.2.*:443\"",
                            pattern);
    return 0;
}
