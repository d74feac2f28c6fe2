#include "coordinator/coordinator.h"

#include "coordinator/asker.h"
#include "coordinator/decisions.h"
#include "coordinator/discovery.h"
#include "coordinator/peers.h"
#include "coordinator/trace/trace_writer.h"
#include "proto/runtime/fl_clock.h"
#include "proto/runtime/fl_daemon.h"
#include "proto/runtime/fl_log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TIMER_US FL_SECOND
#define MIN_TIMER_US FL_MS

struct coordinator {
    char *config_path;
    struct event_base *base;
    struct coordinator_config *config;
    struct fl_zcontext *zmq;
    struct fl_zsock *router;
    const struct store_type *store_type;
    struct store *store;
    struct ingest *ingest;
    struct asker *asker;
    struct engine *engine;
    struct notes *notes;
    struct maintenance_silence *silence;
    struct decisions *decisions;
    struct notifier *notifier;
    struct discovery *discovery;
    struct peers *peers;        /* NULL: it acts alone */
    uint64_t told_works;        /* what the history was last told of announced work, as a sum */
    struct trace_writer *trace; /* NULL: nothing is recorded */
    struct event *timer;
    uint64_t last_incident;
    uint64_t generation;
    uint8_t mesh_key[FL_MESH_KEY_SIZE];
    char public_key[FL_KEY_TEXT_SIZE];

    struct verdict_event *events; /* a ring of COORDINATOR_EVENTS */
    uint64_t newest_event;
    void (*listener)(void *arg);
    void *listener_arg;
};

static void publish(struct coordinator *coordinator, const struct verdict_event *event)
{
    const struct verdict *verdict = &event->verdict;
    const char *cause = verdict_cause_name(verdict->cause);

    if (verdict->id > coordinator->last_incident)
        coordinator->last_incident = verdict->id;
    coordinator->events[coordinator->newest_event++ % COORDINATOR_EVENTS] = *event;
    (void)coordinator->store_type->put_verdict(coordinator->store, event);
    fl_log_info("verdict", "%s %llu: %s, %s%s%s, confidence %.2f", verdict_event_name(event->type),
                (unsigned long long)verdict->id, verdict_class_name(verdict->class),
                verdict->component, cause ? ", " : "", cause ? cause : "", verdict->confidence);
    if (coordinator->listener)
        coordinator->listener(coordinator->listener_arg);
    decisions_verdict(coordinator->decisions, event);
    if (coordinator->peers)
        peers_verdict(coordinator->peers, event);
    else
        notifier_verdict(coordinator->notifier, event);
}

static void emit(struct coordinator *coordinator, const struct verdict_event *event)
{
    const struct maintenance *windows;
    size_t n = notes_windows(coordinator->notes, &windows);

    if (maintenance_pass(coordinator->silence, windows, n, coordinator->config->fleet, event))
        publish(coordinator, event);
}

/* What announced work kept back, and does not any more. */
static void emit_released(struct coordinator *coordinator)
{
    const struct maintenance *windows;
    size_t n = notes_windows(coordinator->notes, &windows);
    struct verdict_event event;

    while (coordinator->silence->n > 0 &&
           maintenance_release(coordinator->silence, windows, n, coordinator->config->fleet,
                               fl_clock_steady(), &event))
        publish(coordinator, &event);
}

static void arm(struct coordinator *coordinator, fl_time deadline_us)
{
    int64_t wait = deadline_us - fl_clock_steady();
    struct timeval at;

    if (wait > MAX_TIMER_US)
        wait = MAX_TIMER_US;
    if (wait < MIN_TIMER_US)
        wait = MIN_TIMER_US;
    at = (struct timeval){wait / FL_SECOND, wait % FL_SECOND};
    (void)event_add(coordinator->timer, &at);
}

static fl_time step(struct coordinator *coordinator, const struct engine_event *event)
{
    const struct question *questions;
    struct engine_update update;
    size_t n;

    engine_step(coordinator->engine, event, &update);
    for (size_t i = 0; i < update.n_events; i++)
        emit(coordinator, &update.events[i]);
    n = engine_questions(coordinator->engine, &questions);
    if (n > 0)
        asker_question(coordinator->asker, questions, n);
    return update.next_deadline_us;
}

/* One for each target that a window covers. NULL without memory, or when there are none. */
static struct uptime_work *works_of(const struct fleet *fleet, const struct maintenance *windows,
                                    size_t n, size_t *ret_n)
{
    struct uptime_work *works = calloc(n * fleet->n_targets + 1, sizeof(*works));
    size_t made = 0;

    for (size_t i = 0; works && i < n; i++)
        for (size_t k = 0; k < fleet->n_targets; k++)
            if (maintenance_covers_target(&windows[i], 1, fleet, fleet->targets[k].name,
                                          windows[i].begin_us)) {
                memcpy(works[made].target, fleet->targets[k].name, sizeof(works[made].target));
                works[made].begin_us = windows[i].begin_us;
                works[made++].end_us = windows[i].end_us;
            }
    *ret_n = made;
    return works;
}

/* The history keeps announced work apart; it is told when that changes. */
static void tell_works(struct coordinator *coordinator)
{
    const struct maintenance *windows;
    size_t n = notes_windows(coordinator->notes, &windows), n_works = 0;
    uint64_t told = coordinator->generation;
    struct uptime_work *works;

    for (size_t i = 0; i < n; i++)
        told = told * 1000003 + windows[i].id + (uint64_t)windows[i].begin_us * 31 +
               (uint64_t)windows[i].end_us;
    if (told == coordinator->told_works)
        return;
    works = works_of(coordinator->config->fleet, windows, n, &n_works);
    if (works && coordinator->store_type->put_works(coordinator->store, works, n_works) == 0)
        coordinator->told_works = told;
    free(works);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct coordinator *coordinator = arg;
    const struct engine_event event = {.type = ENGINE_DEADLINE, .t_us = fl_clock_steady()};

    (void)fd;
    (void)what;
    tell_works(coordinator);
    arm(coordinator, step(coordinator, &event));
    emit_released(coordinator);
}

/* A recording that cannot be written any more ends; the judgement goes on. */
static void end_recording(struct coordinator *coordinator, const struct fl_error *why)
{
    fl_log_error("record", "recording ends: %s", why->message);
    (void)trace_writer_close(FL_TAKE(coordinator->trace), NULL);
}

static void judge_host(struct coordinator *coordinator, uint32_t agent,
                       const struct fl_host_sample *host)
{
    const struct engine_event event = {
        .type = ENGINE_HOST, .t_us = host->rx_us, .agent = agent, .host = host};
    struct fl_error err;
    int r = 0;

    if (coordinator->trace)
        r = trace_writer_host(coordinator->trace, agent, host, &err);
    if (r < 0 && r != -ENOENT)
        end_recording(coordinator, &err);
    (void)step(coordinator, &event);
}

static void judge_result(struct coordinator *coordinator, uint32_t agent,
                         const struct fl_result *result)
{
    const struct engine_event event = {
        .type = ENGINE_RESULT, .t_us = result->rx_us, .agent = agent, .result = result};
    struct fl_error err;
    int r = 0;

    if (coordinator->trace)
        r = trace_writer_result(coordinator->trace, agent, result, &err);
    if (r < 0 && r != -ENOENT)
        end_recording(coordinator, &err);
    (void)step(coordinator, &event);
}

static void judge(uint32_t agent, const struct fl_batch *batch, fl_time rx_us, void *arg)
{
    (void)rx_us;
    for (size_t i = 0; i < batch->n_hosts; i++)
        judge_host(arg, agent, &batch->hosts[i]);
    for (size_t i = 0; i < batch->n_results; i++)
        judge_result(arg, agent, &batch->results[i]);
}

static void judge_answer(uint32_t agent, const struct fl_result *result, void *arg)
{
    judge_result(arg, agent, result);
}

static void send_bytes(const uint8_t *peer, size_t peer_size, const uint8_t *bytes, size_t size,
                       void *arg)
{
    const struct coordinator *coordinator = arg;

    /* a peer that is gone says hello when it is back, and sends again what was not acknowledged */
    if (coordinator->router)
        (void)fl_zsock_send(coordinator->router, peer, peer_size, bytes, size);
}

static int send_ask(uint32_t agent, const struct fl_ask *ask, void *arg, struct fl_error *err)
{
    const struct coordinator *coordinator = arg;

    return ingest_ask(coordinator->ingest, agent, ask, fl_clock_steady(), err);
}

static void on_answer(uint32_t agent, const struct fl_answer *answer, fl_time rx_us, void *arg)
{
    const struct coordinator *coordinator = arg;

    asker_answer(coordinator->asker, agent, answer, rx_us);
}

static int put_batch(const struct fl_batch *batch, const uint8_t *bytes, size_t size, fl_time rx_us,
                     void *arg)
{
    const struct coordinator *coordinator = arg;

    return coordinator->store_type->put_batch(coordinator->store, batch, bytes, size, rx_us);
}

static void get_account(const char *agent, struct store_account *ret, void *arg)
{
    const struct coordinator *coordinator = arg;

    coordinator->store_type->account(coordinator->store, agent, ret);
}

static int put_account(const struct store_account *account, void *arg)
{
    const struct coordinator *coordinator = arg;

    return coordinator->store_type->put_account(coordinator->store, account);
}

static void get_queue(size_t *ret_room, size_t *ret_capacity, void *arg)
{
    const struct coordinator *coordinator = arg;
    struct store_stats stats;

    coordinator->store_type->stats(coordinator->store, &stats);
    *ret_capacity = stats.capacity;
    *ret_room = stats.queued < stats.capacity ? stats.capacity - stats.queued : 0;
}

static void on_stored(const char *agent, uint64_t boot, uint64_t sequence,
                      enum store_outcome outcome, void *arg)
{
    const struct coordinator *coordinator = arg;

    ingest_stored(coordinator->ingest, agent, boot, sequence, outcome);
}

static bool admit(const char *public_key, char user[FL_NAME_SIZE], void *arg)
{
    const struct coordinator *coordinator = arg;
    uint32_t agent = coordinator_config_agent_of_key(coordinator->config, public_key);

    if (agent == FLEET_NONE) {
        ingest_unknown_key(coordinator->ingest, public_key);
        return false;
    }
    memcpy(user, coordinator->config->fleet->agents[agent].name, FL_NAME_SIZE);
    return true;
}

static void on_message(const uint8_t *peer, size_t peer_size, const char *user,
                       const uint8_t *bytes, size_t size, void *arg)
{
    const struct coordinator *coordinator = arg;

    ingest_message(coordinator->ingest, peer, peer_size, user, bytes, size, fl_clock_steady());
}

static int in_state(const struct coordinator *coordinator, const char *name, char *path,
                    size_t size, struct fl_error *err)
{
    int n = snprintf(path, size, "%s/%s", coordinator->config->state, name);

    if (n < 0 || (size_t)n >= size)
        return fl_error_set(err, -ENAMETOOLONG, "field \"state\": the path is too long");
    return 0;
}

/* The key that the fleet's echo responders share: made once, kept. */
static int load_mesh_key(struct coordinator *coordinator, struct fl_error *err)
{
    char path[4200], *bytes = NULL;
    size_t size = 0;
    int r = in_state(coordinator, "mesh.key", path, sizeof(path), err);

    if (r == 0)
        r = fl_daemon_read_file(path, FL_MESH_KEY_SIZE, &bytes, &size, err);
    if (r == -ENOENT) {
        r = fl_daemon_random(coordinator->mesh_key, FL_MESH_KEY_SIZE, err);
        return r < 0
                   ? r
                   : fl_daemon_write_file(path, coordinator->mesh_key, FL_MESH_KEY_SIZE, 0600, err);
    }
    if (r == 0 && size != FL_MESH_KEY_SIZE)
        r = fl_error_set(err, -EINVAL,
                         "\"%s\" has %zu bytes; it must have %d, or be removed to be made anew",
                         path, size, FL_MESH_KEY_SIZE);
    if (r == 0)
        memcpy(coordinator->mesh_key, bytes, FL_MESH_KEY_SIZE);
    free(bytes);
    return r;
}

static int open_store(struct coordinator *coordinator, struct fl_error *err)
{
    const struct coordinator_config *config = coordinator->config;
    char path[4200];
    int r = in_state(coordinator, "history.db", path, sizeof(path), err);

    coordinator->store_type = store_type_find(config->store);
    if (r == 0)
        r = coordinator->store_type->open(path, &config->keep, coordinator->base, on_stored,
                                          coordinator, &coordinator->store, err);
    if (r == 0)
        (void)coordinator->store_type->put_fleet(coordinator->store, config->fleet);
    if (r == 0)
        r = coordinator->store_type->last_incident_id(coordinator->store,
                                                      &coordinator->last_incident, err);
    return r < 0
               ? r
               : coordinator->store_type->close_orphans(coordinator->store, fl_clock_steady(), err);
}

static int open_notes(struct coordinator *coordinator, struct fl_error *err)
{
    char path[4200];
    int r = in_state(coordinator, "notes.json", path, sizeof(path), err);

    coordinator->silence = calloc(1, sizeof(*coordinator->silence));
    if (r == 0 && !coordinator->silence)
        r = fl_error_set(err, -ENOMEM, "no memory");
    return r < 0 ? r : notes_new(path, fl_clock_steady(), &coordinator->notes, err);
}

static int start_notifier(struct coordinator *coordinator, struct fl_error *err)
{
    char path[4200];
    int r = in_state(coordinator, "outbox.db", path, sizeof(path), err);

    return r < 0 ? r
                 : notifier_new(&coordinator->config->notify, path,
                                coordinator->config->lease.n_etcd > 0, &coordinator->notifier, err);
}

static int start_judgement(struct coordinator *coordinator, struct fl_error *err)
{
    const struct coordinator_config *config = coordinator->config;
    int r = engine_new(config->fleet, coordinator->last_incident + 1, &coordinator->engine, err);

    if (r == 0 && config->record)
        r = trace_writer_open(config->record, config->fleet, &coordinator->trace, err);
    if (r < 0)
        return r;
    coordinator->events = calloc(COORDINATOR_EVENTS, sizeof(*coordinator->events));
    coordinator->timer = event_new(coordinator->base, -1, 0, on_timer, coordinator);
    if (!coordinator->events || !coordinator->timer)
        return fl_error_set(err, -ENOMEM, "no memory for the verdicts");
    arm(coordinator, 0);
    return 0;
}

static int listen_to_agents(struct coordinator *coordinator, struct fl_error *err)
{
    const struct ingest_host host = {send_bytes, put_batch, get_account, put_account,
                                     get_queue,  judge,     on_answer,   coordinator};
    const struct asker_host asker_host = {send_ask, judge_answer, coordinator};
    struct fl_keypair keys;
    int r = fl_keypair_read(coordinator->config->secret_key_file, &keys, err);

    if (r == 0)
        r = asker_new(coordinator->base, coordinator->config->fleet, &asker_host,
                      &coordinator->asker, err);
    if (r == 0)
        r = ingest_new(coordinator->config, coordinator->mesh_key, &host, &coordinator->ingest,
                       err);
    if (r == 0)
        r = fl_zcontext_new(FL_MAX_MESSAGE, &coordinator->zmq, err);
    if (r == 0)
        r = fl_zsock_router_new(coordinator->zmq, coordinator->base, coordinator->config->listen,
                                &keys, admit, on_message, coordinator, &coordinator->router, err);
    if (r == 0)
        memcpy(coordinator->public_key, keys.public_key, sizeof(coordinator->public_key));
    explicit_bzero(&keys, sizeof(keys));
    return r;
}

static int reload(struct coordinator *coordinator, const char *trial, struct fl_error *err);

static int on_list(const char *url, void *arg, struct fl_error *err)
{
    return reload(arg, url, err);
}

static int start_discovery(struct coordinator *coordinator, struct fl_error *err)
{
    const struct discovery_host host = {on_list, coordinator};

    return discovery_new(coordinator->base, coordinator->config->state, &coordinator->config->lists,
                         &host, &coordinator->discovery, err);
}

int coordinator_new(const char *config_path, struct event_base *base, struct coordinator **ret,
                    struct fl_error *err)
{
    FL_CLEANUP(coordinator_freep) struct coordinator *coordinator = calloc(1, sizeof(*coordinator));
    int r;

    if (!coordinator || !(coordinator->config_path = strdup(config_path)))
        return fl_error_set(err, -ENOMEM, "no memory");
    coordinator->base = base;
    coordinator->generation = 1;
    r = coordinator_config_load(config_path, NULL, &coordinator->config, err);
    if (r == 0)
        r = fl_daemon_make_directory(coordinator->config->state, err);
    if (r == 0)
        r = load_mesh_key(coordinator, err);
    if (r == 0)
        r = open_store(coordinator, err);
    if (r == 0)
        r = open_notes(coordinator, err);
    if (r == 0)
        r = start_notifier(coordinator, err);
    if (r == 0)
        r = start_judgement(coordinator, err);
    if (r == 0)
        r = listen_to_agents(coordinator, err);
    if (r == 0)
        r = decisions_new(coordinator->config, coordinator->engine, coordinator->store_type,
                          coordinator->store, base, coordinator->zmq, &coordinator->decisions, err);
    if (r == 0 && coordinator->config->lease.n_etcd > 0)
        r = peers_new(coordinator, base, &coordinator->peers, err);
    if (r == 0)
        r = start_discovery(coordinator, err);
    if (r == 0)
        *ret = FL_TAKE(coordinator);
    return r;
}

struct coordinator *coordinator_free(struct coordinator *coordinator)
{
    struct fl_error err;

    if (!coordinator)
        return NULL;
    discovery_free(coordinator->discovery);
    peers_free(coordinator->peers);
    decisions_free(coordinator->decisions);
    notifier_free(coordinator->notifier);
    /* the store first: what it still acknowledges goes out through the socket */
    if (coordinator->store)
        coordinator->store_type->close(coordinator->store);
    fl_zsock_free(coordinator->router);
    fl_zcontext_free(coordinator->zmq);
    if (coordinator->trace && trace_writer_close(coordinator->trace, &err) < 0)
        fl_log_error("record", "%s", err.message);
    if (coordinator->timer)
        event_free(coordinator->timer);
    ingest_free(coordinator->ingest);
    asker_free(coordinator->asker);
    engine_free(coordinator->engine);
    notes_free(coordinator->notes);
    free(coordinator->silence);
    coordinator_config_free(coordinator->config);
    free(coordinator->events);
    free(coordinator->config_path);
    free(coordinator);
    return NULL;
}

static const char *text_of(const char *text)
{
    return text ? text : "";
}

/* What a running daemon is bound to cannot change under it. */
static int check_unchanged(const struct coordinator_config *old,
                           const struct coordinator_config *new, struct fl_error *err)
{
    const struct {
        const char *name, *was, *is;
    } fixed[] = {
        {"listen", old->listen, new->listen},
        {"api", old->api, new->api},
        {"secret_key_file", old->secret_key_file, new->secret_key_file},
        {"state", old->state, new->state},
        {"store", old->store, new->store},
        {"agent_check", text_of(old->decisions.agent_check), text_of(new->decisions.agent_check)},
        {"publish", text_of(old->decisions.publish), text_of(new->decisions.publish)},
    };

    for (size_t i = 0; i < FL_COUNT(fixed); i++)
        if (strcmp(fixed[i].was, fixed[i].is) != 0)
            return fl_error_set(err, -EINVAL,
                                "field \"%s\" cannot change from \"%s\" to \"%s\" while running; "
                                "restart the coordinator",
                                fixed[i].name, fixed[i].was, fixed[i].is);
    if (!config_lease_equal(&old->lease, &new->lease))
        return fl_error_set(err, -EINVAL,
                            "section \"lease\" cannot change while running; restart the "
                            "coordinator");
    if (memcmp(&old->keep, &new->keep, sizeof(old->keep)) != 0)
        return fl_error_set(err, -EINVAL,
                            "section \"history\" cannot change while running; restart the "
                            "coordinator");
    return 0;
}

static bool is_open(const struct engine *engine, uint64_t id)
{
    const struct verdict *open;
    size_t n = engine_open(engine, &open), i = 0;

    while (i < n && open[i].id != id)
        i++;
    return i < n;
}

/* What the new fleet has not is no incident any more. */
static void close_lost_verdicts(struct coordinator *coordinator, const struct engine *next)
{
    const struct verdict *open;
    size_t n = engine_open(coordinator->engine, &open);

    for (size_t i = 0; i < n; i++) {
        struct verdict_event event = {fl_clock_steady(), VERDICT_CLOSE, open[i]};

        if (!is_open(next, open[i].id))
            emit(coordinator, &event);
    }
}

/* Two equal fleets change places, so that what refers to the old one goes on. */
static void exchange_fleets(struct coordinator_config *a, struct coordinator_config *b)
{
    struct fleet *fleet = a->fleet;

    a->fleet = b->fleet;
    b->fleet = fleet;
}

/* Everything new is there: from here on nothing can fail. `engine` NULL: it stays as it is. */
static void swap(struct coordinator *coordinator, struct coordinator_config *config,
                 struct engine *engine, struct trace_writer *trace, struct decisions_next *next,
                 struct notifier_next *receivers)
{
    struct fl_error err;

    notifier_switch(coordinator->notifier, receivers);
    if (engine) {
        engine_inherit(engine, coordinator->engine);
        close_lost_verdicts(coordinator, engine);
        engine_free(coordinator->engine);
        coordinator->engine = engine;
    }
    decisions_switch(coordinator->decisions, next, config, coordinator->engine);
    asker_reload(coordinator->asker, config->fleet);
    if (coordinator->trace && trace_writer_close(coordinator->trace, &err) < 0)
        fl_log_error("record", "%s", err.message);
    coordinator_config_free(coordinator->config);
    coordinator->config = config;
    coordinator->trace = trace;
    coordinator->generation++;
    discovery_reload(coordinator->discovery, &config->lists);
    (void)coordinator->store_type->put_fleet(coordinator->store, config->fleet);
}

/* The own key may have been exchanged for another in its file. */
static void use_keys(struct coordinator *coordinator, const struct fl_keypair *keys)
{
    struct fl_error err;

    if (strcmp(keys->public_key, coordinator->public_key) == 0)
        return;
    if (fl_zsock_router_rekey(coordinator->router, keys, &err) < 0) {
        fl_log_error("coordinator", "%s", err.message);
        return;
    }
    memcpy(coordinator->public_key, keys->public_key, sizeof(coordinator->public_key));
    fl_log_info("coordinator",
                "listens with the key of which \"%s\" is public now; agents that have another in "
                "their configuration wait",
                coordinator->public_key);
}

/* `trial`: URL of the list of targets that is tried; NULL: none is. */
static int reload(struct coordinator *coordinator, const char *trial, struct fl_error *err)
{
    const struct config_checker checker = {.trial = trial};
    FL_CLEANUP(coordinator_config_freep) struct coordinator_config *config = NULL;
    FL_CLEANUP(engine_freep) struct engine *engine = NULL;
    FL_CLEANUP(decisions_next_freep) struct decisions_next *next = NULL;
    FL_CLEANUP(notifier_next_freep) struct notifier_next *receivers = NULL;
    struct trace_writer *trace = NULL;
    struct fl_keypair keys;
    bool same;
    int r = coordinator_config_load(coordinator->config_path, &checker, &config, err);

    if (r == 0)
        r = check_unchanged(coordinator->config, config, err);
    if (r == 0)
        r = fl_keypair_read(config->secret_key_file, &keys, err);
    if (r < 0)
        return r;
    same = coordinator_config_probes_same(coordinator->config, config);
    if (same)
        exchange_fleets(coordinator->config, config);
    else
        r = engine_new(config->fleet, coordinator->last_incident + 1, &engine, err);
    if (r == 0)
        r = decisions_prepare(coordinator->decisions, config, &next, err);
    if (r == 0)
        r = notifier_prepare(coordinator->notifier, &config->notify, &receivers, err);
    if (r == 0 && config->record)
        r = trace_writer_open(config->record, config->fleet, &trace, err);
    if (r == 0)
        r = ingest_reload(coordinator->ingest, config, err);
    if (r < 0) {
        if (trace)
            (void)trace_writer_close(trace, NULL);
        if (same)
            exchange_fleets(coordinator->config, config);
        explicit_bzero(&keys, sizeof(keys));
        return r;
    }
    swap(coordinator, FL_TAKE(config), FL_TAKE(engine), trace, FL_TAKE(next), FL_TAKE(receivers));
    use_keys(coordinator, &keys);
    explicit_bzero(&keys, sizeof(keys));
    return 0;
}

int coordinator_reload(struct coordinator *coordinator, struct fl_error *err)
{
    return reload(coordinator, NULL, err);
}

uint64_t coordinator_generation(const struct coordinator *coordinator)
{
    return coordinator->generation;
}

const struct coordinator_config *coordinator_settings(const struct coordinator *coordinator)
{
    return coordinator->config;
}

const struct engine *coordinator_engine(const struct coordinator *coordinator)
{
    return coordinator->engine;
}

struct notes *coordinator_notes(struct coordinator *coordinator)
{
    return coordinator->notes;
}

const struct maintenance_silence *coordinator_silence(const struct coordinator *coordinator)
{
    return coordinator->silence;
}

struct notifier *coordinator_notifier(const struct coordinator *coordinator)
{
    return coordinator->notifier;
}

struct discovery *coordinator_discovery(const struct coordinator *coordinator)
{
    return coordinator->discovery;
}

struct decisions *coordinator_decisions(const struct coordinator *coordinator)
{
    return coordinator->decisions;
}

struct leadership *coordinator_leadership(const struct coordinator *coordinator)
{
    return coordinator->peers ? peers_leadership(coordinator->peers) : NULL;
}

struct group_keys *coordinator_group_keys(const struct coordinator *coordinator)
{
    return coordinator->peers ? peers_keys(coordinator->peers) : NULL;
}

struct asker *coordinator_asker(const struct coordinator *coordinator)
{
    return coordinator->asker;
}

const struct ingest *coordinator_ingest(const struct coordinator *coordinator)
{
    return coordinator->ingest;
}

const char *coordinator_endpoint(const struct coordinator *coordinator)
{
    return fl_zsock_endpoint(coordinator->router);
}

void coordinator_socket_refusals(const struct coordinator *coordinator,
                                 struct fl_zsock_refusals *ret)
{
    fl_zsock_refusals(coordinator->router, ret);
}

const struct store_type *coordinator_store(const struct coordinator *coordinator,
                                           struct store **ret)
{
    *ret = coordinator->store;
    return coordinator->store_type;
}

uint64_t coordinator_newest_event(const struct coordinator *coordinator)
{
    return coordinator->newest_event;
}

const struct verdict_event *coordinator_event(const struct coordinator *coordinator,
                                              uint64_t number)
{
    if (number == 0 || number > coordinator->newest_event ||
        coordinator->newest_event - number >= COORDINATOR_EVENTS)
        return NULL;
    return &coordinator->events[(number - 1) % COORDINATOR_EVENTS];
}

void coordinator_on_event(struct coordinator *coordinator, void (*listener)(void *arg), void *arg)
{
    coordinator->listener = listener;
    coordinator->listener_arg = arg;
}
