/* Several coordinators with the real lease and the real book of what was told, over a model of
 * etcd that loses requests and answers, is away, and comes back; coordinators are killed, paused
 * and cut off. Invariants: one actor a revision; who acts has a live lease; revisions only grow;
 * every incident is told once, open and closed.
 *   sim_lease [SEED [COUNT]] */
#include "coordinator/core/lease.h"
#include "tests/sim/draw.h"
#include "tests/sim/etcd_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES 3
#define STEP_US (10 * FL_MS)
#define TTL_US (3 * FL_SECOND)
#define TIMEOUT_US FL_SECOND
#define TROUBLE_US (90 * FL_SECOND)               /* so long things go wrong, */
#define END_US (TROUBLE_US + 60 * FL_SECOND)      /* and then all is told */
#define QUIET_US (60 * FL_SECOND)                 /* a part of it, at the end, without incidents */
#define WALL_US (INT64_C(1600000000) * FL_SECOND) /* at the beginning */
#define INCIDENTS 12
#define MESSAGES 256
#define TROUBLES 0.002            /* the chance of one in a step: one in 5 s */
#define APART_US (25 * FL_SECOND) /* between a restart and the next kill */
#define MOST_SAID 5               /* of a seed */
#define MOST_EXCUSED 15           /* per cent */
#define SEED 1
#define SEEDS 1000

enum kind { GRANT, RENEW, CAMPAIGN, REVOKE, LOAD, WRITE, REMOVE, DELIVER };

struct message {
    bool used, answered, lost;
    enum kind kind;
    int64_t at_us, timeout_us, sent_us; /* the last by the node's clock */
    size_t node;
    uint64_t boot, lease, revision;
    struct told_entry entry;
    enum verdict_event_type event;
    /* the answer */
    uint64_t got, got_revision;
    int64_t ttl_us;
};

struct node {
    uint64_t boot;
    int64_t down_until_us, paused_until_us, cut_until_us, started_us, gained_us;
    double rate;
    struct lease lease;
    struct told told;
    int64_t next_us; /* by its clock */
    bool loaded, writing;
    uint64_t last_change;
    bool saw_open[INCIDENTS], saw_close[INCIDENTS];
    int64_t delay_us[INCIDENTS];
};

struct incident {
    char component[FL_COMPONENT_SIZE];
    int64_t begin_us, end_us;
    uint64_t opened, closed; /* the change that told it; 0: not told */
    bool excused;            /* somebody led who had not seen it from its beginning */
};

struct world {
    struct draw draw;
    uint64_t seed;
    int64_t now_us, away_until_us, killed_us;
    bool was_away;
    struct etcd_model etcd;
    struct node nodes[NODES];
    struct message messages[MESSAGES];
    struct incident incidents[INCIDENTS];
    uint64_t newest, actor_of_newest; /* revision that was acted under, and by which boot */
    uint64_t last_boot;
    unsigned long acts, leaderships, told, again, excused, bad;
};

__attribute__((format(printf, 2, 3))) static void blame(struct world *world, const char *format,
                                                        ...)
{
    va_list arguments;

    if (world->bad++ >= MOST_SAID)
        return;
    (void)printf("seed %llu at %.2f s: ", (unsigned long long)world->seed,
                 (double)world->now_us / 1e6);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)printf("\n");
}

static int64_t clock_of(const struct world *world, const struct node *node)
{
    return (int64_t)((double)world->now_us * node->rate) + 5 * FL_SECOND;
}

static bool runs(const struct world *world, const struct node *node)
{
    return world->now_us >= node->down_until_us && world->now_us >= node->paused_until_us;
}

static void boot(struct world *world, struct node *node)
{
    const struct lease_settings settings = {TTL_US};

    node->boot = ++world->last_boot;
    lease_init(&node->lease, &settings);
    memset(&node->told, 0, sizeof(node->told));
    node->loaded = node->writing = false;
    node->next_us = 0;
    node->started_us = world->now_us;
    memset(node->saw_open, 0, sizeof(node->saw_open));
    memset(node->saw_close, 0, sizeof(node->saw_close));
    for (size_t i = 0; i < INCIDENTS; i++)
        node->delay_us[i] = (int64_t)draw_between(&world->draw, 0, 300e3);
}

static struct message *post(struct world *world, size_t node, enum kind kind)
{
    for (size_t i = 0; i < MESSAGES; i++) {
        struct message *message = &world->messages[i];

        if (message->used)
            continue;
        *message = (struct message){
            .used = true,
            .kind = kind,
            .node = node,
            .boot = world->nodes[node].boot,
            .sent_us = clock_of(world, &world->nodes[node]),
            .at_us = world->now_us + (int64_t)draw_between(&world->draw, 1e3, 60e3),
            .timeout_us = world->now_us + TIMEOUT_US,
            .lost = draw_chance(&world->draw, 0.02),
        };
        return message;
    }
    abort();
}

/* Each act asks whether it may, and etcd must be of the same opinion. */
static bool act(struct world *world, struct node *node)
{
    if (!lease_holds(&node->lease, clock_of(world, node)) || !node->loaded)
        return false;
    world->acts++;
    if (world->etcd.leader_lease != node->lease.id ||
        !etcd_model_lives(&world->etcd, node->lease.id))
        blame(world, "boot %llu acts without a live lease", (unsigned long long)node->boot);
    if (node->lease.revision < world->newest)
        blame(world, "revision %llu acts after %llu", (unsigned long long)node->lease.revision,
              (unsigned long long)world->newest);
    if (node->lease.revision == world->newest && node->boot != world->actor_of_newest)
        blame(world, "two act under revision %llu", (unsigned long long)world->newest);
    world->newest = node->lease.revision;
    world->actor_of_newest = node->boot;
    return true;
}

/* Who begins in the middle cannot know what there was before: it tells two of one component as
 * one, or one too few. */
static void excuse(struct world *world, const struct node *node)
{
    for (size_t i = 0; i < INCIDENTS; i++) {
        struct incident *incident = &world->incidents[i];

        if (incident->closed || node->started_us <= incident->begin_us ||
            incident->begin_us > world->now_us)
            continue;
        for (size_t k = i % 4; k < INCIDENTS; k += 4)
            world->incidents[k].excused = true;
    }
}

static void lease_event(struct world *world, size_t index, struct lease_event event)
{
    struct node *node = &world->nodes[index];
    struct lease_update update;

    event.now_us = clock_of(world, node);
    lease_step(&node->lease, &event, &update);
    node->next_us = update.next_us;
    if (update.commands & LEASE_GRANT)
        (void)post(world, index, GRANT);
    if (update.commands & LEASE_RENEW)
        post(world, index, RENEW)->lease = update.lease;
    if (update.commands & LEASE_CAMPAIGN)
        post(world, index, CAMPAIGN)->lease = update.lease;
    if (update.commands & LEASE_REVOKE)
        post(world, index, REVOKE)->lease = update.revoked;
    if (update.gained || update.lost)
        node->loaded = node->writing = false;
    if (update.gained) {
        excuse(world, node);
        world->leaderships++;
        node->gained_us = world->now_us;
        node->last_change = node->lease.revision << 20;
    }
}

static void deliver(struct world *world, size_t node, const struct told_entry *entry,
                    enum verdict_event_type type)
{
    struct message *message = post(world, node, DELIVER);

    message->lost = false;
    message->entry = *entry;
    message->event = type;
}

/* A receiver tells what is the same by the number of the change. */
static void arrive(struct world *world, const struct message *message)
{
    const struct told_entry *entry = &message->entry;

    for (size_t i = 0; i < INCIDENTS; i++) {
        struct incident *incident = &world->incidents[i];
        int64_t t_us = entry->t_us - WALL_US;
        int64_t from_us = entry->open ? incident->begin_us : incident->end_us;
        uint64_t *slot = entry->open ? &incident->opened : &incident->closed;

        if (strcmp(incident->component, entry->component) == 0 && incident->excused)
            return;
        if (strcmp(incident->component, entry->component) != 0 || t_us < from_us ||
            t_us > from_us + 4 * FL_SECOND)
            continue;
        world->told += *slot == 0;
        world->again += *slot == entry->change;
        if (*slot && *slot != entry->change)
            blame(world, "%s was told twice %s", entry->component, entry->open ? "open" : "closed");
        *slot = entry->change;
        return;
    }
    blame(world, "%s was told %s at a time at which it was not", entry->component,
          entry->open ? "open" : "closed");
}

static void serve(struct world *world, struct message *message)
{
    struct etcd_model *etcd = &world->etcd;

    switch (message->kind) {
    case GRANT:
        message->got = etcd_model_grant(etcd, world->now_us, TTL_US);
        message->ttl_us = TTL_US;
        break;
    case RENEW:
        message->ttl_us = etcd_model_renew(etcd, world->now_us, message->lease);
        break;
    case CAMPAIGN:
        etcd_model_campaign(etcd, message->lease);
        message->got = etcd->leader_lease;
        message->got_revision = etcd->leader_revision;
        break;
    case REVOKE:
        etcd_model_revoke(etcd, message->lease);
        break;
    case LOAD:
        break;
    case WRITE:
    case REMOVE:
        message->got =
            etcd_model_write(etcd, message->revision, &message->entry, message->kind == REMOVE);
        break;
    case DELIVER:
        break;
    }
}

static void take_load(struct world *world, size_t index, const struct message *message)
{
    struct node *node = &world->nodes[index];

    node->writing = false;
    if (message->revision != node->lease.revision)
        return;
    told_reread(&node->told);
    for (size_t i = 0; i < world->etcd.n_entries; i++) {
        const struct told_entry *entry = &world->etcd.entries[i];

        told_see(&node->told, entry);
        if (!entry->done)
            deliver(world, index, entry, entry->open ? VERDICT_OPEN : VERDICT_CLOSE);
    }
    node->loaded = true;
}

static void take_write(struct world *world, size_t index, const struct message *message)
{
    struct node *node = &world->nodes[index];
    struct told_entry entry;

    if (message->revision != node->lease.revision)
        return;
    node->writing = false;
    if (!message->got) {
        node->loaded = false;
        return;
    }
    if (message->kind == REMOVE) {
        told_forget(&node->told, message->entry.handle);
        return;
    }
    entry = message->entry;
    entry.revision = message->got;
    told_see(&node->told, &entry);
    if (!entry.done)
        deliver(world, index, &entry, message->event);
}

static void answer(struct world *world, const struct message *message)
{
    struct lease_event event = {.sent_us = message->sent_us,
                                .lease = message->lease,
                                .ttl_us = message->ttl_us,
                                .revision = message->got_revision};

    switch (message->kind) {
    case GRANT:
        event.type = LEASE_GRANTED;
        event.lease = message->got;
        lease_event(world, message->node, event);
        break;
    case RENEW:
        event.type = LEASE_RENEWED;
        lease_event(world, message->node, event);
        break;
    case CAMPAIGN:
        event.type = LEASE_SEEN;
        event.holder = message->got;
        lease_event(world, message->node, event);
        break;
    case LOAD:
        take_load(world, message->node, message);
        break;
    case WRITE:
    case REMOVE:
        take_write(world, message->node, message);
        break;
    case REVOKE:
    case DELIVER:
        break;
    }
}

static void no_answer(struct world *world, const struct message *message)
{
    static const enum lease_command commands[] = {LEASE_GRANT, LEASE_RENEW, LEASE_CAMPAIGN};
    struct node *node = &world->nodes[message->node];

    if (message->kind <= CAMPAIGN)
        lease_event(world, message->node,
                    (struct lease_event){.type = LEASE_NO_ANSWER,
                                         .lease = message->lease,
                                         .command = commands[message->kind]});
    else if (message->kind != REVOKE && message->revision == node->lease.revision)
        node->loaded = node->writing = false; /* done or not: the book is read again */
}

/* The receiver has it; that it has is written down when nothing else is being written. */
static void bring(struct world *world, struct message *message)
{
    struct node *node = &world->nodes[message->node];
    struct message *write;
    uint64_t change;

    if (!act(world, node)) {
        message->used = false; /* the next one finds it in the book */
        return;
    }
    if (!message->answered) {
        arrive(world, message);
        message->answered = true;
    }
    if (node->writing)
        return;
    message->used = false;
    change = message->entry.change;
    for (size_t i = 0; i < node->told.n_entries; i++)
        if (node->told.entries[i].change == change) {
            write = post(world, message->node, WRITE);
            write->entry = node->told.entries[i];
            write->entry.done = true;
            write->revision = node->lease.revision;
            node->writing = true;
        }
}

/* Out of its place first: what it brings about may take that. */
static void finish(struct world *world, struct message *message,
                   void (*how)(struct world *world, const struct message *message))
{
    const struct message copy = *message;

    message->used = false;
    how(world, &copy);
}

static void move_message(struct world *world, struct message *message)
{
    struct node *node = &world->nodes[message->node];
    bool away = world->now_us < world->away_until_us || world->now_us < node->cut_until_us;

    if (message->boot != node->boot) {
        /* the request of one that was killed still arrives */
        if (!message->answered && !message->lost && !away && message->kind != DELIVER)
            serve(world, message);
        message->used = false;
        return;
    }
    if (message->kind == DELIVER) {
        if (runs(world, node))
            bring(world, message);
        return;
    }
    if (message->answered) {
        if (runs(world, node))
            finish(world, message, answer);
        return;
    }
    if (world->now_us >= message->timeout_us) {
        if (runs(world, node))
            finish(world, message, no_answer);
        return;
    }
    if (message->lost || away) {
        message->lost = true;
        message->at_us = message->timeout_us;
        return;
    }
    serve(world, message);
    message->answered = true;
    message->at_us = world->now_us + (int64_t)draw_between(&world->draw, 1e3, 60e3);
    if (draw_chance(&world->draw, 0.02)) { /* the answer is lost */
        message->answered = false;
        message->lost = true;
        message->at_us = message->timeout_us;
    }
}

static void see(struct world *world, struct node *node, size_t i, bool open)
{
    struct incident *incident = &world->incidents[i];
    struct verdict_event event = {.type = open ? VERDICT_OPEN : VERDICT_CLOSE};
    int64_t at_us = (open ? incident->begin_us : incident->end_us) + node->delay_us[i];

    event.t_us = WALL_US + at_us;
    event.verdict.id = node->boot * 1000 + i;
    event.verdict.since_us = WALL_US + incident->begin_us + node->delay_us[i] / 2;
    memcpy(event.verdict.component, incident->component, sizeof(event.verdict.component));
    told_verdict(&node->told, &event);
}

/* One that began lately finds what is open, two seconds after. */
static void judge(struct world *world, struct node *node)
{
    for (size_t i = 0; i < INCIDENTS; i++) {
        struct incident *incident = &world->incidents[i];
        bool old = incident->end_us < node->started_us + 2 * FL_SECOND;

        if (!node->saw_open[i] && !old && world->now_us >= incident->begin_us + node->delay_us[i] &&
            (node->started_us == 0 || world->now_us >= node->started_us + 2 * FL_SECOND)) {
            node->saw_open[i] = true;
            see(world, node, i, true);
        }
        if (node->saw_open[i] && !node->saw_close[i] &&
            world->now_us >= incident->end_us + node->delay_us[i]) {
            node->saw_close[i] = true;
            see(world, node, i, false);
        }
    }
}

static void pump(struct world *world, size_t index)
{
    struct node *node = &world->nodes[index];
    int64_t led_us = node->gained_us > node->started_us ? node->gained_us : node->started_us;
    struct message *message;
    struct told_next next;

    if (node->writing || !lease_holds(&node->lease, clock_of(world, node)))
        return;
    if (!node->loaded) {
        message = post(world, index, LOAD);
        message->revision = node->lease.revision;
        node->writing = true;
        return;
    }
    told_next(&node->told, ++node->last_change, WALL_US + led_us, WALL_US + world->now_us, &next);
    if (next.step == TOLD_NOTHING)
        return;
    message = post(world, index, next.step == TOLD_FORGET ? REMOVE : WRITE);
    message->revision = node->lease.revision;
    message->entry = next.entry;
    message->event = next.event.type;
    node->writing = true;
}

static void kill_node(struct world *world, struct node *node, int64_t long_us)
{
    boot(world, node);
    node->down_until_us = node->started_us = world->now_us + long_us;
    world->killed_us = node->down_until_us;
}

static void trouble(struct world *world)
{
    size_t index = draw_int(&world->draw, 0, NODES - 1);
    struct node *node = &world->nodes[index];
    int64_t long_us = (int64_t)draw_between(&world->draw, 0.2e6, 9e6), up = 0;

    for (size_t i = 0; i < NODES; i++)
        up += runs(world, &world->nodes[i]);
    bool may_kill = up == NODES && world->now_us - world->killed_us > APART_US;

    switch (draw_int(&world->draw, 0, 4)) {
    case 0: /* killed; not one after the other, so that somebody has seen what was wrong */
        if (may_kill)
            kill_node(world, node, long_us);
        break;
    case 1:
        if (up == NODES)
            node->paused_until_us = world->now_us + long_us;
        break;
    case 2:
        node->cut_until_us = world->now_us + long_us;
        break;
    case 3:
        world->away_until_us = world->now_us + long_us;
        break;
    case 4: /* it ends in order, and begins anew */
        if (!may_kill)
            break;
        lease_event(world, index, (struct lease_event){.type = LEASE_RESIGNED});
        kill_node(world, node, long_us);
        break;
    }
}

static void turn_etcd(struct world *world)
{
    bool away = world->now_us < world->away_until_us;

    if (world->was_away && !away)
        etcd_model_extend(&world->etcd, world->now_us);
    world->was_away = away;
    if (!away)
        etcd_model_expire(&world->etcd, world->now_us);
}

static void turn(struct world *world)
{
    turn_etcd(world);
    if (world->now_us < TROUBLE_US && draw_chance(&world->draw, TROUBLES))
        trouble(world);
    for (size_t i = 0; i < NODES; i++) /* before it hears anything: it may just have woken */
        if (runs(world, &world->nodes[i]))
            (void)act(world, &world->nodes[i]);
    for (size_t i = 0; i < MESSAGES; i++)
        if (world->messages[i].used && world->messages[i].at_us <= world->now_us)
            move_message(world, &world->messages[i]);
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = &world->nodes[i];

        if (!runs(world, node))
            continue;
        judge(world, node);
        if (clock_of(world, node) >= node->next_us)
            lease_event(world, i, (struct lease_event){.type = LEASE_TIME});
        pump(world, i);
    }
}

/* Each component fails up to three times, seconds apart. */
static void draw_incidents(struct world *world)
{
    for (size_t i = 0; i < INCIDENTS; i++) {
        struct incident *incident = &world->incidents[i];
        int64_t after_us = i < 4 ? 0 : world->incidents[i - 4].end_us;

        incident->begin_us = after_us + (int64_t)draw_between(&world->draw, 5e6, 15e6);
        incident->end_us = incident->begin_us + (int64_t)draw_between(&world->draw, 1e6, 15e6);
        (void)snprintf(incident->component, sizeof(incident->component), "target:t%zu", i % 4);
    }
}

static void run(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof(*world));
    world->seed = seed;
    world->draw = draw_seed(seed);
    draw_incidents(world);
    for (size_t i = 0; i < NODES; i++) {
        world->nodes[i].rate = draw_between(&world->draw, 0.998, 1.002);
        boot(world, &world->nodes[i]);
    }
    for (; world->now_us < END_US; world->now_us += STEP_US)
        turn(world);
    for (size_t i = 0; i < INCIDENTS; i++) {
        const struct incident *incident = &world->incidents[i];

        world->excused += incident->excused;
        if (!incident->excused && (!incident->opened || !incident->closed))
            blame(world, "%s of %.2f to %.2f s was never told %s", incident->component,
                  (double)incident->begin_us / 1e6, (double)incident->end_us / 1e6,
                  incident->opened ? "closed" : "open");
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : SEED;
    uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : SEEDS;
    unsigned long acts = 0, leaderships = 0, told = 0, again = 0, excused = 0, bad = 0;
    struct world *world = calloc(1, sizeof(*world));

    if (!world)
        return EXIT_FAILURE;
    for (uint64_t i = 0; i < n; i++) {
        run(world, seed + i);
        acts += world->acts;
        leaderships += world->leaderships;
        told += world->told;
        again += world->again;
        excused += world->excused;
        bad += world->bad;
    }
    (void)printf("seeds %llu to %llu: %lu leaderships, %lu acts, %lu changes told, %lu of them "
                 "brought again under their number, %lu of %llu incidents known only in part, "
                 "%lu violations\n",
                 (unsigned long long)seed, (unsigned long long)(seed + n - 1), leaderships, acts,
                 told, again, excused, (unsigned long long)n * INCIDENTS, bad);
    free(world);
    return bad == 0 && acts > 0 && excused * 100 < n * INCIDENTS * MOST_EXCUSED ? EXIT_SUCCESS
                                                                                : EXIT_FAILURE;
}
