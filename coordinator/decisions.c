/* A generation is reserved on the disk before it is used, in blocks, so that none is used twice
 * whenever the process ends. */
#include "coordinator/decisions.h"

#include "coordinator/group_keys.h"
#include "coordinator/trace/decision_json.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESERVE 4096      /* generations taken from the disk at once, */
#define RESERVE_LEFT 1024 /* and when to take more; a step uses fewer */
#define SAVE_AFTER (20 * FL_MS)
#define MAX_FILE (64u << 20)
#define HUNG_S \
    20 /* a loop that does not turn for so long ends the process, by the kernel's timer */

struct decisions_next {
    struct decider *decider;
    struct decision_look *look;
    struct command_runner *hooks, *vetoes;
};

struct decisions {
    const struct coordinator_config *config;
    const struct engine *engine;
    const struct store_type *store_type;
    struct store *store;
    struct event_base *base;
    struct decisions_next now;
    struct event *timer, *save;
    struct agent_check *agent_check; /* NULL: not configured */
    struct notice_stream *stream;    /* likewise */
    char path[4200];
    uint64_t reserved;
    struct {
        bool held;
        fl_time until_us; /* 0: until it is said otherwise */
        uint64_t generation;
    } authority;
    struct group_keys *keys;                 /* NULL: it acts alone */
    struct decision changes[DECISIONS_KEPT]; /* a ring */
    uint64_t newest;
    void (*listener)(void *arg);
    void *listener_arg;
    struct decisions_stats stats;
};

static void step(struct decisions *decisions, struct decision_event event);

static const struct decision_group *group_of(const struct decisions *decisions, uint32_t group)
{
    return &decisions->config->decision_settings.groups[group];
}

static json_t *file_json(const struct decisions *decisions, fl_time now_us)
{
    const struct decision_settings *settings = &decisions->config->decision_settings;
    json_t *array = json_array();

    for (uint32_t i = 0; i < settings->n_groups; i++)
        for (uint32_t k = 0; k < settings->groups[i].n_members; k++) {
            struct decision decision;

            decider_at(decisions->now.decider, i, k, now_us, &decision);
            (void)json_array_append_new(array, decision_json(&decision));
        }
    return json_pack("{s:I, s:o}", "reserved_generation", (json_int_t)decisions->reserved,
                     "decisions", array);
}

static int save(struct decisions *decisions)
{
    json_t *json = file_json(decisions, fl_clock_steady());
    char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    struct fl_error err = {"no memory"};
    int r = text ? fl_daemon_write_file(decisions->path, text, strlen(text), 0644, &err) : -ENOMEM;

    free(text);
    json_decref(json);
    if (r < 0 && decisions->stats.unsaved++ == 0)
        fl_log_error("decide", "%s", err.message);
    return r;
}

/* False: the disk does not take a new block, and the old one is used up. */
static bool reserve(struct decisions *decisions, uint64_t least)
{
    uint64_t used = decider_generation(decisions->now.decider), before = decisions->reserved;

    if (used < least)
        used = least;
    if (used + RESERVE_LEFT <= before)
        return true;
    decisions->reserved = used + RESERVE;
    if (save(decisions) == 0)
        return true;
    decisions->reserved = before;
    return used + RESERVE_LEFT / 2 <= before;
}

static void on_save(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)save(arg);
}

static void save_soon(const struct decisions *decisions)
{
    const struct timeval after = {0, SAVE_AFTER};

    if (!event_pending(decisions->save, EV_TIMEOUT, NULL))
        (void)event_add(decisions->save, &after);
}

static void keep(const struct decisions *decisions, const char *type, fl_time t_us,
                 const char *group, const char *zone, json_t *json)
{
    struct store_decision *row = calloc(1, sizeof(*row));
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    if (row && text) {
        row->t_us = t_us;
        (void)snprintf(row->type, sizeof(row->type), "%s", type);
        (void)snprintf(row->group, sizeof(row->group), "%s", group);
        (void)snprintf(row->zone, sizeof(row->zone), "%s", zone);
        (void)snprintf(row->json, sizeof(row->json), "%s", text);
        (void)decisions->store_type->put_decision(decisions->store, row);
    }
    free(text);
    free(row);
    json_decref(json);
}

static void run_command(struct decisions *decisions, bool veto, const struct decision *decision,
                        uint32_t group, command_done_cb done, uint64_t tag)
{
    const struct config_commands *commands = &decisions->config->group_commands[group];
    char **command = veto ? commands->veto : commands->hook;
    json_t *json = command ? decision_json(decision) : NULL;
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    if (text)
        (void)command_runner_run(veto ? decisions->now.vetoes : decisions->now.hooks, group,
                                 command, text, commands->timeout_us, done, tag, decisions);
    free(text);
    json_decref(json);
}

/* Group and member of a question, in a command's tag. */
static void on_answer(int status, uint64_t tag, void *arg)
{
    struct decisions *decisions = arg;
    uint32_t group = (uint32_t)(tag >> 32), member = (uint32_t)tag;
    struct decision decision;

    decider_at(decisions->now.decider, group, member, fl_clock_steady(), &decision);
    step(decisions, (struct decision_event){.type = DECISION_ANSWER,
                                            .group = group,
                                            .member = member,
                                            .answered = decision.verdict,
                                            .vetoed = status != 0});
}

static void ask(struct decisions *decisions, const struct decision_question *question)
{
    struct decision decision;

    decider_at(decisions->now.decider, question->group, question->member, fl_clock_steady(),
               &decision);
    decision.would = DECISION_AVOID;
    decision.verdict = question->verdict;
    run_command(decisions, true, &decision, question->group, on_answer,
                (uint64_t)question->group << 32 | question->member);
}

static void log_record(const struct decision_record *record)
{
    const struct decision *decision = &record->decision;

    fl_log_info("decide", "%s: group %s, zone %s: %s%s%s%s, %s: %s",
                record->type == DECISION_WITHHELD ? "withheld" : "decided", decision->group,
                decision->zone, decision_state_name(decision->state),
                decision->shadow ? " (shadow, would be " : "",
                decision->shadow ? decision_state_name(decision->would) : "",
                decision->shadow ? ")" : "", decision_reason_name(decision->reason), decision->why);
}

static bool may_act(const struct decisions *decisions)
{
    return decisions->authority.held &&
           (!decisions->authority.until_us || fl_clock_steady() < decisions->authority.until_us);
}

static void carry_out(struct decisions *decisions, const struct decision_record *record)
{
    const struct decision *decision = &record->decision;

    if (!may_act(decisions))
        return;
    if (decisions->keys && record->type != DECISION_WITHHELD)
        group_keys_decision(decisions->keys, decision);
    if (record->type == DECISION_RENEWED)
        return;
    keep(decisions, decision_record_name(record->type), record->t_us, decision->group,
         decision->zone, decision_json(decision));
    log_record(record);
    if (record->type == DECISION_WITHHELD) {
        decisions->stats.withheld++;
        return;
    }
    decisions->stats.made++;
    decisions->changes[decisions->newest++ % DECISIONS_KEPT] = *decision;
    if (decision->shadow)
        return;
    if (decisions->stream)
        notice_stream_decision(decisions->stream, decision);
    run_command(decisions, false, decision, record->group, NULL, 0);
}

static void step(struct decisions *decisions, struct decision_event event)
{
    struct decision_update update;
    uint64_t before = decisions->newest;

    event.t_us = fl_clock_steady();
    if (!reserve(decisions, event.type == DECISION_AUTHORITY ? event.generation : 0)) {
        /* without numbers nothing can be said: what was said expires */
        fl_log_error("decide", "no decision is issued: no generation can be reserved in \"%s\"",
                     decisions->path);
        return;
    }
    decider_step(decisions->now.decider, &event, &update);
    for (size_t i = 0; i < update.n_records; i++)
        carry_out(decisions, &update.records[i]);
    for (size_t i = 0; i < update.n_questions; i++)
        ask(decisions, &update.questions[i]);
    if (update.n_records > 0)
        save_soon(decisions);
    if (decisions->newest != before && decisions->listener)
        decisions->listener(decisions->listener_arg);
}

static void look(struct decisions *decisions)
{
    decider_look(decisions->now.decider, decisions->engine, fl_clock_steady(), decisions->now.look);
    step(decisions, (struct decision_event){.type = DECISION_LOOK, .look = decisions->now.look});
}

/* The kernel's own timer: when this loop hangs, nobody in it could end it. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)alarm(HUNG_S);
    look(arg);
}

void decisions_verdict(struct decisions *decisions, const struct verdict_event *event)
{
    if (decisions->stream)
        notice_stream_verdict(decisions->stream, event);
    if (decisions->config->decision_settings.n_groups == 0)
        return;
    step(decisions, (struct decision_event){.type = DECISION_VERDICT, .verdict = event});
    look(decisions);
}

static bool find(const char *group_name, const char *zone_name, struct decision *ret, void *arg)
{
    const struct decisions *decisions = arg;
    int group = decisions_find_group(decisions, group_name);
    int zone = group < 0 ? group : decisions_find_zone(decisions, (uint32_t)group, zone_name);

    if (zone < 0)
        return false;
    decider_at(decisions->now.decider, (uint32_t)group, (uint32_t)zone, fl_clock_steady(), ret);
    return true;
}

int decisions_find_group(const struct decisions *decisions, const char *name)
{
    for (size_t i = 0; i < decisions->config->decision_settings.n_groups; i++)
        if (strcmp(group_of(decisions, (uint32_t)i)->name, name) == 0)
            return (int)i;
    return -ENOENT;
}

int decisions_find_zone(const struct decisions *decisions, uint32_t group, const char *name)
{
    const struct decision_group *of = group_of(decisions, group);

    for (size_t i = 0; i < of->n_members; i++)
        if (strcmp(decisions->config->fleet->places[of->members[i].zone].name, name) == 0)
            return (int)i;
    return -ENOENT;
}

void decisions_act(struct decisions *decisions, uint32_t group, uint32_t zone,
                   enum decision_act act, fl_time until_us)
{
    bool whole = act == DECISION_ACT_ACKNOWLEDGE || act == DECISION_ACT_BLOCK;

    for (uint32_t i = 0; i < group_of(decisions, group)->n_members; i++)
        if (zone == i || (zone == FLEET_NONE && (!whole || i == 0)))
            step(decisions, (struct decision_event){.type = DECISION_OPERATOR,
                                                    .group = group,
                                                    .member = i,
                                                    .act = act,
                                                    .until_us = until_us});
}

int decisions_drill(struct decisions *decisions, uint32_t group, uint32_t zone, struct drill *ret)
{
    const struct decision_group *of = group_of(decisions, group);
    const char *name = decisions->config->fleet->places[of->members[zone].zone].name;
    int r = decider_drill(decisions->now.decider, group, zone, fl_clock_steady(), ret);

    if (r < 0)
        return r;
    fl_log_info("decide", "drill: group %s, zone %s: %s: %s", of->name, name,
                drill_outcome_name(ret->outcome), ret->why);
    keep(decisions, "drill", fl_clock_steady(), of->name, name, drill_json(ret, of->name, name));
    return 0;
}

static void restore_one(struct decisions *decisions, const struct decision *old)
{
    int group = decisions_find_group(decisions, old->group);
    int zone = group < 0 ? group : decisions_find_zone(decisions, (uint32_t)group, old->zone);
    const struct decision_event event = {.type = DECISION_RESTORE,
                                         .t_us = fl_clock_steady(),
                                         .group = (uint32_t)group,
                                         .member = (uint32_t)zone,
                                         .restore = old};
    struct decision_update update;

    if (zone >= 0)
        decider_step(decisions->now.decider, &event, &update);
}

/* A file that cannot be understood must not be taken for none: numbers would begin anew. */
static int load(struct decisions *decisions, struct fl_error *err)
{
    char *text = NULL;
    size_t size = 0, index;
    json_t *json, *one;
    int r = fl_daemon_read_file(decisions->path, MAX_FILE, &text, &size, err);

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    json = json_loadb(text, size, 0, NULL);
    free(text);
    if (!json_is_integer(json_object_get(json, "reserved_generation"))) {
        json_decref(json);
        return fl_error_set(err, -EBADMSG,
                            "\"%s\" cannot be understood; put in its place a file with {"
                            "\"reserved_generation\": N}, N above every generation that was seen",
                            decisions->path);
    }
    decisions->reserved =
        (uint64_t)json_integer_value(json_object_get(json, "reserved_generation"));
    json_array_foreach(json_object_get(json, "decisions"), index, one)
    {
        struct decision decision;

        if (decision_parse(one, &decision) == 0)
            restore_one(decisions, &decision);
    }
    json_decref(json);
    return 0;
}

/* At `t_us`: a process that has just begun waits from then on before it acts. */
static void begin(struct decisions *decisions, fl_time t_us)
{
    uint64_t least = decisions->authority.generation;
    struct decision_event event = {.type = DECISION_AUTHORITY,
                                   .t_us = t_us,
                                   .held = decisions->authority.held,
                                   .until_us = decisions->authority.until_us,
                                   .generation =
                                       least > decisions->reserved ? least : decisions->reserved};
    const struct timeval every = {DECISION_LOOK_US / FL_SECOND, DECISION_LOOK_US % FL_SECOND};
    struct decision_update update;

    decider_step(decisions->now.decider, &event, &update);
    if (decisions->config->decision_settings.n_groups > 0)
        (void)event_add(decisions->timer, &every);
    else
        (void)event_del(decisions->timer);
    (void)alarm(decisions->config->decision_settings.n_groups > 0 ? HUNG_S : 0);
}

void decisions_authority(struct decisions *decisions, bool held, fl_time until_us,
                         uint64_t generation)
{
    decisions->authority.held = held;
    decisions->authority.until_us = until_us;
    decisions->authority.generation = generation;
    step(decisions, (struct decision_event){.type = DECISION_AUTHORITY,
                                            .held = held,
                                            .until_us = until_us,
                                            .generation = generation});
}

void decisions_follow(struct decisions *decisions, const struct decision *decision)
{
    int group = decisions_find_group(decisions, decision->group);
    int zone = group < 0 ? group : decisions_find_zone(decisions, (uint32_t)group, decision->zone);
    struct decision known;

    if (zone < 0)
        return;
    decider_at(decisions->now.decider, (uint32_t)group, (uint32_t)zone, fl_clock_steady(), &known);
    if (decision->generation < known.generation ||
        (decision->generation == known.generation && decision->issued_us < known.issued_us))
        return; /* clocks may differ, generations do not */
    restore_one(decisions, decision);
    if (decision->generation == known.generation)
        return;
    decisions->changes[decisions->newest++ % DECISIONS_KEPT] = *decision;
    if (decisions->listener)
        decisions->listener(decisions->listener_arg);
    save_soon(decisions);
}

void decisions_write_to(struct decisions *decisions, struct group_keys *keys)
{
    decisions->keys = keys;
}

static void next_done(struct decisions_next *next)
{
    decider_free(next->decider);
    decision_look_free(next->look);
    command_runner_free(next->hooks);
    command_runner_free(next->vetoes);
}

struct decisions_next *decisions_next_free(struct decisions_next *next)
{
    if (!next)
        return NULL;
    next_done(next);
    free(next);
    return NULL;
}

static int make_next(struct event_base *base, const struct coordinator_config *config,
                     struct decisions_next *next, struct fl_error *err)
{
    const struct decision_settings *settings = &config->decision_settings;

    if (decider_new(settings, config->fleet, &next->decider) < 0 ||
        decision_look_new(settings, config->fleet->n_zones, &next->look) < 0 ||
        command_runner_new(base, settings->n_groups, &next->hooks) < 0 ||
        command_runner_new(base, settings->n_groups, &next->vetoes) < 0)
        return fl_error_set(err, -ENOMEM, "no memory for the decisions");
    return 0;
}

int decisions_prepare(struct decisions *decisions, const struct coordinator_config *config,
                      struct decisions_next **ret, struct fl_error *err)
{
    FL_CLEANUP(decisions_next_freep) struct decisions_next *next = calloc(1, sizeof(*next));
    int r = next ? make_next(decisions->base, config, next, err)
                 : fl_error_set(err, -ENOMEM, "no memory for the decisions");

    if (r == 0)
        *ret = FL_TAKE(next);
    return r;
}

void decisions_switch(struct decisions *decisions, struct decisions_next *next,
                      const struct coordinator_config *config, const struct engine *engine)
{
    const struct decision_settings *old = &decisions->config->decision_settings;
    struct decisions_next before = decisions->now;
    const struct coordinator_config *old_config = decisions->config;
    const struct verdict *open;
    size_t n = engine_open(engine, &open);
    fl_time now_us = fl_clock_steady();

    decisions->now = *next;
    free(next);
    decisions->config = config;
    decisions->engine = engine;
    begin(decisions, 0); /* the holder stays the same: nobody's words are on their way */
    for (uint32_t i = 0; i < old->n_groups; i++)
        for (uint32_t k = 0; k < old_config->decision_settings.groups[i].n_members; k++) {
            struct decision decision;

            decider_at(before.decider, i, k, now_us, &decision);
            restore_one(decisions, &decision);
        }
    next_done(&before);
    for (size_t i = 0; i < n; i++) {
        const struct verdict_event event = {now_us, VERDICT_OPEN, open[i]};

        step(decisions, (struct decision_event){.type = DECISION_VERDICT, .verdict = &event});
    }
    (void)save(decisions);
}

static int open_doors(struct decisions *decisions, struct fl_zcontext *zmq, struct fl_error *err)
{
    const struct config_decisions *config = &decisions->config->decisions;
    int r = 0;

    if (config->agent_check)
        r = agent_check_new(decisions->base, config->agent_check, find, decisions,
                            &decisions->agent_check, err);
    if (r == 0 && config->publish)
        r = notice_stream_new(zmq, config->publish, &decisions->stream, err);
    return r;
}

int decisions_new(const struct coordinator_config *config, const struct engine *engine,
                  const struct store_type *store_type, struct store *store, struct event_base *base,
                  struct fl_zcontext *zmq, struct decisions **ret, struct fl_error *err)
{
    FL_CLEANUP(decisions_freep) struct decisions *decisions = calloc(1, sizeof(*decisions));
    int r;

    if (!decisions)
        return fl_error_set(err, -ENOMEM, "no memory for the decisions");
    decisions->config = config;
    decisions->engine = engine;
    decisions->store_type = store_type;
    decisions->store = store;
    decisions->base = base;
    (void)snprintf(decisions->path, sizeof(decisions->path), "%.4096s/decisions.json",
                   config->state);
    decisions->timer = event_new(base, -1, EV_PERSIST, on_timer, decisions);
    decisions->save = event_new(base, -1, 0, on_save, decisions);
    if (!decisions->timer || !decisions->save)
        return fl_error_set(err, -ENOMEM, "no memory for the decisions");
    r = make_next(base, config, &decisions->now, err);
    if (r == 0)
        r = load(decisions, err);
    if (r == 0)
        r = open_doors(decisions, zmq, err);
    if (r < 0)
        return r;
    decisions->authority.held = config->lease.n_etcd == 0;
    begin(decisions, fl_clock_steady());
    *ret = FL_TAKE(decisions);
    return 0;
}

struct decisions *decisions_free(struct decisions *decisions)
{
    if (!decisions)
        return NULL;
    (void)alarm(0);
    if (decisions->save && event_pending(decisions->save, EV_TIMEOUT, NULL))
        (void)save(decisions);
    agent_check_free(decisions->agent_check);
    notice_stream_free(decisions->stream);
    if (decisions->timer)
        event_free(decisions->timer);
    if (decisions->save)
        event_free(decisions->save);
    next_done(&decisions->now);
    free(decisions);
    return NULL;
}

const struct decider *decisions_decider(const struct decisions *decisions)
{
    return decisions->now.decider;
}

uint64_t decisions_newest(const struct decisions *decisions)
{
    return decisions->newest;
}

const struct decision *decisions_change(const struct decisions *decisions, uint64_t number)
{
    if (number == 0 || number > decisions->newest || decisions->newest - number >= DECISIONS_KEPT)
        return NULL;
    return &decisions->changes[(number - 1) % DECISIONS_KEPT];
}

void decisions_on_change(struct decisions *decisions, void (*listener)(void *arg), void *arg)
{
    decisions->listener = listener;
    decisions->listener_arg = arg;
}

uint16_t decisions_agent_check_port(const struct decisions *decisions)
{
    return decisions->agent_check ? agent_check_port(decisions->agent_check) : 0;
}

const char *decisions_endpoint(const struct decisions *decisions)
{
    return decisions->stream ? notice_stream_endpoint(decisions->stream) : NULL;
}

void decisions_stats(const struct decisions *decisions, struct decisions_stats *ret)
{
    struct command_stats vetoes;

    *ret = decisions->stats;
    command_runner_stats(decisions->now.hooks, &ret->commands);
    command_runner_stats(decisions->now.vetoes, &vetoes);
    ret->commands.started += vetoes.started;
    ret->commands.failed += vetoes.failed;
    ret->commands.killed += vetoes.killed;
    ret->commands.dropped += vetoes.dropped;
    if (decisions->agent_check)
        agent_check_stats(decisions->agent_check, &ret->agent_check);
    if (decisions->stream)
        notice_stream_stats(decisions->stream, &ret->notices);
}
