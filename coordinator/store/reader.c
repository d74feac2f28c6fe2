/* Reading on the loop, from a connection of its own. */
#include "coordinator/store/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EVENTS 10000 /* of one incident that are read */

/* The loop's connection, opened again when the data was replaced. */
int reader_of(struct store *store, struct db **ret, struct fl_error *err)
{
    unsigned generation;
    int r = 0;

    (void)pthread_mutex_lock(&store->lock);
    generation = store->generation;
    (void)pthread_mutex_unlock(&store->lock);
    if (generation != store->reader_of)
        store->reader = store->type->close(store->reader);
    if (!store->reader)
        r = store->type->open(store->location, &store->reader, err);
    if (r == 0) {
        store->reader_of = generation;
        *ret = store->reader;
    }
    return r;
}

int store_last_incident_id(struct store *store, uint64_t *ret_id, struct fl_error *err)
{
    struct db *db;
    int r = reader_of(store, &db, err);

    return r < 0 ? r : db->type->last_incident(db, ret_id, err);
}

int store_incidents(struct store *store, uint64_t before_id, size_t limit,
                    struct store_incident **ret, size_t *ret_n, struct fl_error *err)
{
    struct db *db;
    int r = reader_of(store, &db, err);

    return r < 0 ? r : db->type->incidents(db, before_id, limit, ret, ret_n, err);
}

int store_incident(struct store *store, uint64_t id, struct store_incident *ret,
                   struct verdict_event **ret_events, size_t *ret_n, struct fl_error *err)
{
    struct db *db;
    int r = reader_of(store, &db, err);

    if (r == 0)
        r = db->type->incident(db, id, ret, err);
    return r < 0 ? r : db->type->events(db, id, MAX_EVENTS, ret_events, ret_n, err);
}

int store_decisions(struct store *store, const char *group, uint64_t before_id, size_t limit,
                    struct store_decision **ret, size_t *ret_n, struct fl_error *err)
{
    struct db *db;
    int r = reader_of(store, &db, err);

    return r < 0 ? r : db->type->decisions(db, group, before_id, limit, ret, ret_n, err);
}

int store_close_orphans(struct store *store, fl_time t_us, struct fl_error *err)
{
    struct db *db;
    int r = reader_of(store, &db, err);

    return r < 0 ? r : db->type->close_orphans(db, t_us, err);
}

int store_count_results(struct store *store, const char *agent, uint64_t *ret, struct fl_error *err)
{
    struct db *db;
    int r = reader_of(store, &db, err);

    return r < 0 ? r : db->type->count_results(db, agent, ret, err);
}

/* The results of one series that are being gathered. */
struct gathering {
    struct store *store;
    uint32_t series;
    fl_time from_us, to_us;
    struct fl_result *results;
    size_t n, room, limit;
};

static int gather(struct gathering *gathering, const struct fl_result *results, size_t n)
{
    for (size_t i = 0; i < n && gathering->n < gathering->limit; i++) {
        if (results[i].series != gathering->series || results[i].t_us < gathering->from_us ||
            results[i].t_us >= gathering->to_us)
            continue;
        if (gathering->n == gathering->room) {
            size_t room = gathering->room ? 2 * gathering->room : 1024;
            struct fl_result *more = realloc(gathering->results, room * sizeof(*more));

            if (!more)
                return -ENOMEM;
            gathering->results = more;
            gathering->room = room;
        }
        gathering->results[gathering->n++] = results[i];
    }
    return 0;
}

static int gather_chunk(const struct db_chunk *chunk, void *arg)
{
    struct gathering *gathering = arg;
    struct fl_result *results = NULL;
    size_t n = 0;
    int r = chunk_unpack(gathering->store->chunks, chunk->bytes, chunk->size, chunk->series,
                         &results, &n);

    if (r == 0)
        r = gather(gathering, results, n);
    free(results);
    return r;
}

/* Whoever reads the inbox: what cannot be read is the packer's to say. */
static int gather_letter(const struct db_letter *letter, void *arg)
{
    struct fl_message message;
    int r = fl_codec_decode(letter->bytes, letter->size, &message, NULL);

    if (r < 0)
        return r == -ENOMEM ? r : 0;
    if (message.type == FL_MESSAGE_BATCH)
        r = gather(arg, message.batch.results, message.batch.n_results);
    fl_message_done(&message);
    return r;
}

/* Both in one transaction, so that what is packed meanwhile is neither missed nor seen twice. */
static int gather_all(struct gathering *gathering, struct db *db, const char *agent_name,
                      struct fl_error *err)
{
    struct db_agent agent;
    int r = db->type->begin_reading(db, err);

    if (r < 0)
        return r;
    r = db->type->find_agent(db, agent_name, &agent, err);
    if (r == 0)
        r = db->type->read_chunks(db, agent.id, gathering->series, gathering->from_us,
                                  gathering->to_us, gather_chunk, gathering, err);
    if (r == 0)
        r = db->type->inbox_read(db, &agent, INT64_MAX, SIZE_MAX, gather_letter, gathering, err);
    db->type->rollback(db);
    return r;
}

int reader_fresh(struct db *db, const struct db_agent *agent, const struct store_query *query,
                 struct fl_result **ret, size_t *ret_n, struct fl_error *err)
{
    struct gathering gathering = {.series = query->series,
                                  .from_us = query->from_us,
                                  .to_us = query->to_us,
                                  .limit = SIZE_MAX};
    int r = db->type->inbox_read(db, agent, INT64_MAX, SIZE_MAX, gather_letter, &gathering, err);

    if (r < 0) {
        free(gathering.results);
        return r;
    }
    *ret = gathering.results;
    *ret_n = gathering.n;
    return 0;
}

int store_results(struct store *store, const char *agent, uint32_t series, fl_time from_us,
                  fl_time to_us, size_t limit, struct fl_result **ret, size_t *ret_n,
                  struct fl_error *err)
{
    struct gathering gathering = {
        .store = store, .series = series, .from_us = from_us, .to_us = to_us, .limit = limit};
    struct db *db;
    int r = reader_of(store, &db, err);

    if (err)
        err->message[0] = '\0';
    if (r == 0)
        r = gather_all(&gathering, db, agent, err);
    if (r < 0) {
        free(gathering.results);
        return err && err->message[0] ? r
                                      : fl_error_set(err, r, "history holds what cannot be read");
    }
    *ret = gathering.results;
    *ret_n = gathering.n;
    return 0;
}

int store_uptime(struct store *store, fl_time from_us, fl_time to_us, struct store_uptime **ret,
                 size_t *ret_n, struct fl_error *err)
{
    struct db *db;
    int r = reader_of(store, &db, err);

    return r < 0 ? r : db->type->uptime(db, from_us, to_us, ret, ret_n, err);
}
