#include "tests/sim/incident_file.h"

#include "proto/runtime/fl_yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TIME_US FL_HOUR

static const char *const kinds[] = {"service", "storage", NULL};
static const char *const effects[SIM_EFFECTS + 1] = {
    [SIM_CUT] = "cut",
    [SIM_LOSS] = "loss",
    [SIM_DELAY] = "delay",
    [SIM_CONGESTION] = "congestion",
    [SIM_FLOOD] = "flood",
    [SIM_MTU] = "mtu",
    [SIM_DOWN] = "down",
    [SIM_SILENT] = "silent",
    [SIM_PAUSE] = "pause",
    [SIM_STARVED] = "starved",
    [SIM_CLOCK] = "clock",
    [SIM_LOCAL] = "local",
    [SIM_STALL] = "stall",
    [SIM_SLOW] = "slow",
    [SIM_INNER_LOSS] = "inner-loss",
    [SIM_SYN_FLOOD] = "syn-flood",
    [SIM_REFUSED] = "refused",
    [SIM_FAILURE] = "failure",
    [SIM_RESOLVE_FAILS] = "resolve",
};
static const char *const directions[] = {"both", "out", "in", NULL};
static const char *const failures[FL_FAILURES + 1] = {
    "none",     "timeout",      "refused",      "reset",    "unreachable", "nxdomain",
    "servfail", "cert_expired", "cert_invalid", "protocol", "status",      "content",
    "io_error", "read_only",    "no_space",     "denied",   "local",       NULL};
static const char *const steps[] = {"all", "write", "flush", "read", "writes", NULL};
static const unsigned step_masks[] = {0, 1u << FL_STEP_WRITE, 1u << FL_STEP_FLUSH,
                                      1u << FL_STEP_READ,
                                      1u << FL_STEP_WRITE | 1u << FL_STEP_FLUSH};

struct top {
    char *incident, *fleet, *known;
    int64_t end_us;
};

struct fleet_top {
    int64_t interval_us, timeout_us;
};

struct agent_row {
    char *name, *zone;
};

struct target_row {
    char *name, *place, *backend, *type;
    int64_t kind;
    bool named, tls, steps, small;
};

struct fault_row {
    char *at;
    int64_t what, share, extra_us, factor, failure, direction, flows, steps;
    int64_t from_us, until_us, ramp_us, on_us, off_us;
    bool witnessed;
};

#define TEXT(type, field, standard)                                                            \
    {                                                                                          \
#field, FL_OPTION_STRING, offsetof(struct type, field), 1, 400, standard, NULL, #field \
    }
#define TIME(type, name, standard)                                                             \
    {                                                                                          \
#name, FL_OPTION_DURATION, offsetof(struct type, name##_us), 0, MAX_TIME_US, standard, \
            NULL, #name                                                                        \
    }
#define NUMBER(type, field, most)                                                       \
    {                                                                                   \
#field, FL_OPTION_INT, offsetof(struct type, field), 0, most, "0", NULL, #field \
    }
#define CHOICE(type, field, choices, standard)                                                  \
    {                                                                                           \
#field, FL_OPTION_CHOICE, offsetof(struct type, field), 0, 0, standard, choices, #field \
    }
#define FLAG(type, field)                                                                 \
    {                                                                                     \
#field, FL_OPTION_BOOL, offsetof(struct type, field), 0, 0, "false", NULL, #field \
    }

static const struct fl_option top_table[] = {
    TEXT(top, incident, NULL), TEXT(top, fleet, NULL), TEXT(top, known, FL_OPTION_UNSET),
    TIME(top, end, NULL),      {.name = NULL},
};
static const struct fl_option fleet_table[] = {
    TIME(fleet_top, interval, "1s"), TIME(fleet_top, timeout, "2s"), {.name = NULL}};
static const struct fl_option agent_table[] = {
    TEXT(agent_row, name, NULL), TEXT(agent_row, zone, NULL), {.name = NULL}};
static const struct fl_option target_table[] = {
    TEXT(target_row, name, NULL),
    TEXT(target_row, place, NULL),
    TEXT(target_row, backend, FL_OPTION_UNSET),
    TEXT(target_row, type, NULL),
    CHOICE(target_row, kind, kinds, "service"),
    FLAG(target_row, named),
    FLAG(target_row, tls),
    FLAG(target_row, steps),
    FLAG(target_row, small),
    {.name = NULL},
};
static const struct fl_option fault_table[] = {
    TEXT(fault_row, at, NULL),
    CHOICE(fault_row, what, effects, NULL),
    NUMBER(fault_row, share, 100),
    {"extra", FL_OPTION_DURATION, offsetof(struct fault_row, extra_us), 0, MAX_TIME_US, "0s", NULL,
     "extra"},
    NUMBER(fault_row, factor, 1000),
    CHOICE(fault_row, failure, failures, "none"),
    CHOICE(fault_row, direction, directions, "both"),
    NUMBER(fault_row, flows, 100),
    CHOICE(fault_row, steps, steps, "all"),
    TIME(fault_row, from, NULL),
    TIME(fault_row, until, NULL),
    TIME(fault_row, ramp, "0s"),
    TIME(fault_row, on, "0s"),
    TIME(fault_row, off, "0s"),
    FLAG(fault_row, witnessed),
    {.name = NULL},
};
static const struct fl_option expected_table[] = {
    TEXT(expected, class, NULL),
    TEXT(expected, component, NULL),
    TEXT(expected, cause, "any"),
    TIME(expected, after, NULL),
    TIME(expected, by, NULL),
    FLAG(expected, optional),
    {.name = NULL},
};

/* Hands each element of the list `name` to `take`, filled by the table. */
static int each(const struct fl_yaml_node *map, const char *name, const struct fl_option *table,
                void *row, int (*take)(void *to, const void *row, struct fl_error *err), void *to,
                struct fl_error *err)
{
    const struct fl_yaml_node *list = fl_yaml_get(map, name);
    int r = fl_yaml_expect(list, FL_YAML_LIST, name, err);

    for (size_t i = 0; r == 0 && i < fl_yaml_count(list); i++) {
        const struct fl_yaml_node *item = fl_yaml_item(list, i);
        struct fl_error why = {""};

        r = fl_yaml_options(item, table, NULL, row, err);
        if (r < 0)
            break;
        r = take(to, row, &why);
        if (r < 0)
            (void)fl_yaml_error(item, err, r, "%s", why.message);
        fl_options_done(table, row);
    }
    return r;
}

static int add_places(struct fleet *fleet, const struct fl_yaml_node *map, const char *name,
                      int (*add)(struct fleet *, const char *, struct fl_error *),
                      struct fl_error *err)
{
    const struct fl_yaml_node *list = fl_yaml_get(map, name);
    int r = fl_yaml_expect(list, FL_YAML_LIST, name, err);

    for (size_t i = 0; r == 0 && i < fl_yaml_count(list); i++) {
        const char *text = fl_yaml_text(fl_yaml_item(list, i));

        r = add(fleet, text ? text : "", err);
    }
    return r;
}

struct builder {
    struct fleet *fleet;
    struct fleet_top top;
    size_t n_like;
    struct sim_target like[64];
};

static int take_agent(void *to, const void *row, struct fl_error *err)
{
    const struct agent_row *agent = row;

    return fleet_add_agent(((struct builder *)to)->fleet, agent->name, agent->zone, err);
}

static int take_target(void *to, const void *row, struct fl_error *err)
{
    const struct target_row *target = row;
    struct builder *builder = to;
    int r = fleet_add_target(builder->fleet, target->name, (enum target_kind)target->kind,
                             target->place, target->backend, err);

    if (r < 0)
        return r;
    if (builder->n_like == FL_COUNT(builder->like))
        return fl_error_set(err, -E2BIG, "at most %zu targets", FL_COUNT(builder->like));
    builder->like[builder->n_like++] =
        (struct sim_target){.named = target->named,
                            .has_tls = target->tls,
                            .by_steps = target->steps,
                            .think_us = target->kind == TARGET_STORAGE ? 2500 : 4000,
                            .reply_bytes = target->small ? 300 : 5000};
    return fleet_add_probe(builder->fleet, target->name, "main", target->type,
                           builder->top.interval_us, builder->top.timeout_us, err);
}

static int build(struct builder *builder, const struct fl_yaml_node *map, struct fl_error *err)
{
    static const char *const others[] = {"zones", "places", "agents", "targets", NULL};
    struct agent_row agent;
    struct target_row target;
    int r = fl_yaml_options(map, fleet_table, others, &builder->top, err);

    if (r == 0)
        r = add_places(builder->fleet, map, "zones", fleet_add_zone, err);
    if (r == 0)
        r = add_places(builder->fleet, map, "places", fleet_add_place, err);
    if (r == 0)
        r = each(map, "agents", agent_table, &agent, take_agent, builder, err);
    if (r == 0)
        r = each(map, "targets", target_table, &target, take_target, builder, err);
    if (r == 0)
        r = fleet_seal(builder->fleet, builder->top.interval_us, builder->top.timeout_us, err);
    return r;
}

static int load_fleet(const char *path, struct sim **ret, struct fl_error *err)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *yaml = NULL;
    struct builder builder = {0};
    int r = fl_yaml_load(path, &yaml, err);

    if (r < 0)
        return r;
    r = fleet_new(&builder.fleet);
    if (r == 0)
        r = build(&builder, fl_yaml_root(yaml), err);
    if (r < 0) {
        fleet_free(builder.fleet);
        return r;
    }
    r = sim_new(builder.fleet, 1, ret);
    for (uint32_t i = 0; r == 0 && i < builder.n_like; i++)
        sim_set_target(*ret, i, &builder.like[i]);
    return r;
}

/* A component by its name. -ENOENT if the fleet has none. */
static int find_component(const struct fleet *fleet, const char *name, struct component *ret,
                          struct fl_error *err)
{
    char own[FL_COMPONENT_SIZE];

    for (uint32_t id = 0; id < component_count(fleet); id++) {
        *ret = component_of_id(fleet, id);
        component_name(fleet, ret, own);
        if (strcmp(own, name) == 0)
            return 0;
    }
    return fl_error_set(err, -ENOENT, "at \"%s\": the fleet has no such component", name);
}

static int take_fault(void *to, const void *row, struct fl_error *err)
{
    const struct fault_row *own = row;
    struct sim *sim = to;
    struct sim_fault fault = {.effect = (enum sim_effect)own->what,
                              .share = (double)own->share / 100,
                              .extra_us = own->extra_us,
                              .factor = (double)own->factor,
                              .failure = (enum fl_failure)own->failure,
                              .from_us = own->from_us,
                              .until_us = own->until_us,
                              .direction = (enum sim_direction)own->direction,
                              .flows = (double)own->flows / 100,
                              .steps = step_masks[own->steps],
                              .ramp_us = own->ramp_us,
                              .on_us = own->on_us,
                              .off_us = own->off_us,
                              .witnessed = own->witnessed};
    int r = find_component(sim_fleet(sim), own->at, &fault.component, err);

    if (r == 0)
        r = sim_add_fault(sim, &fault);
    return r;
}

static int take_expected(void *to, const void *row, struct fl_error *err)
{
    const struct expected *own = row;
    struct incident_file *file = to;
    struct expected *kept = &file->expected[file->n_expected];

    if (file->n_expected == INCIDENT_MAX_EXPECTED)
        return fl_error_set(err, -E2BIG, "at most %d expectations", INCIDENT_MAX_EXPECTED);
    *kept = *own;
    kept->class = strdup(own->class);
    kept->component = strdup(own->component);
    kept->cause = strdup(own->cause);
    file->n_expected++;
    return kept->class && kept->component && kept->cause ? 0
                                                         : fl_error_set(err, -ENOMEM, "no memory");
}

static int load(const char *path, struct incident_file *file, struct fl_error *err)
{
    static const char *const others[] = {"faults", "expect", NULL};
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *yaml = NULL;
    const char *slash = strrchr(path, '/');
    struct fault_row fault;
    struct expected expected;
    struct top top;
    char fleet[4096];
    int r = fl_yaml_load(path, &yaml, err);

    if (r == 0)
        r = fl_yaml_options(fl_yaml_root(yaml), top_table, others, &top, err);
    if (r < 0)
        return r;
    file->incident = top.incident;
    file->fleet = top.fleet;
    file->known = top.known;
    file->end_us = top.end_us;
    (void)snprintf(fleet, sizeof(fleet), "%.*s%s", slash ? (int)(slash - path + 1) : 0, path,
                   top.fleet);
    r = load_fleet(fleet, &file->sim, err);
    if (r == 0)
        r = each(fl_yaml_root(yaml), "faults", fault_table, &fault, take_fault, file->sim, err);
    if (r == 0)
        r = each(fl_yaml_root(yaml), "expect", expected_table, &expected, take_expected, file, err);
    return r;
}

int incident_file_load(const char *path, struct incident_file *ret, struct fl_error *err)
{
    int r;

    *ret = (struct incident_file){0};
    r = load(path, ret, err);
    if (r < 0)
        incident_file_done(ret);
    return r;
}

void incident_file_done(struct incident_file *file)
{
    free(file->incident);
    free(file->fleet);
    free(file->known);
    for (size_t i = 0; i < file->n_expected; i++) {
        free(file->expected[i].class);
        free(file->expected[i].component);
        free(file->expected[i].cause);
    }
    sim_free(file->sim);
    *file = (struct incident_file){0};
}
