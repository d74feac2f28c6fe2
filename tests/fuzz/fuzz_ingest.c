// links: coordinator_daemon
/* All that somebody with a valid key can say, one message after the other: two bytes of size, then
 * the message. Nothing gets through that is not the agent's own, and its account never counts what
 * the store did not take. */
#include "coordinator/ingest.h"
#include "proto/runtime/fl_log.h"

#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1700000000000000)
#define KEY_A "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define KEY_B "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char text[] = "coordinator: {secret_key_file: /k}\n"
                           "zones: [a, b]\n"
                           "agents:\n"
                           "  - {name: a1, zone: a, public_key: \"" KEY_A "\"}\n"
                           "  - {name: b1, zone: b, public_key: \"" KEY_B "\"}\n"
                           "targets:\n"
                           "  - {name: web, kind: service, place: b, probes: [{type: tcp}]}\n";

static struct {
    struct store_account account;
} world;

static void on_send(const uint8_t *peer, size_t peer_size, const uint8_t *bytes, size_t size,
                    void *arg)
{
    struct fl_message said;

    (void)arg;
    if (peer_size != 1 || peer[0] != 1 || fl_codec_decode(bytes, size, &said, NULL) < 0)
        abort(); /* what we say can be read, and is said to who spoke */
    fl_message_done(&said);
}

static int on_put(const struct fl_batch *batch, const uint8_t *bytes, size_t size, fl_time rx_us,
                  void *arg)
{
    (void)arg;
    if (strcmp(batch->agent, "a1") != 0 || !bytes || size == 0 || rx_us != NOW)
        abort();
    world.account.stored += batch->n_results;
    world.account.lost += batch->lost_results;
    return 0;
}

static void on_account(const char *agent, struct store_account *ret, void *arg)
{
    (void)arg;
    if (strcmp(agent, "a1") != 0)
        abort();
    *ret = world.account;
}

static int on_put_account(const struct store_account *account, void *arg)
{
    (void)arg;
    world.account.number = account->number;
    world.account.base = account->base;
    return 0;
}

static void on_queue(size_t *ret_room, size_t *ret_capacity, void *arg)
{
    (void)arg;
    *ret_room = *ret_capacity = 1000;
}

static void on_judge(uint32_t agent, const struct fl_batch *batch, fl_time rx_us, void *arg)
{
    (void)arg;
    if (agent != 0 || rx_us != NOW)
        abort();
    for (size_t i = 0; i < batch->n_results; i++)
        if (batch->results[i].rx_us != NOW || fl_result_check(&batch->results[i], NULL) < 0)
            abort();
}

/* Nobody was asked: what answers all the same is no concern of the store's. */
static void on_answer(uint32_t agent, const struct fl_answer *answer, fl_time rx_us, void *arg)
{
    (void)answer;
    (void)arg;
    if (agent != 0 || rx_us != NOW)
        abort();
}

static void say_all(struct ingest *ingest, const uint8_t *bytes, size_t size)
{
    const uint8_t peer = 1;

    while (size >= 2) {
        size_t length = (size_t)bytes[0] << 8 | bytes[1];

        bytes += 2;
        size -= 2;
        length = length < size ? length : size;
        ingest_message(ingest, &peer, 1, "a1", bytes, length, NOW);
        bytes += length;
        size -= length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t mesh_key[FL_MESH_KEY_SIZE] = {1};
    static const struct ingest_host host = {on_send,  on_put,   on_account, on_put_account,
                                            on_queue, on_judge, on_answer,  NULL};
    static struct coordinator_config *config;
    struct ingest *ingest = NULL;
    struct fl_error err = {""};

    fl_log_set_level(FL_LOG_ERROR);
    if (!config && coordinator_config_parse("c", text, strlen(text), NULL, &config, &err) < 0)
        abort();
    memset(&world, 0, sizeof(world));
    if (ingest_new(config, mesh_key, &host, &ingest, &err) < 0)
        abort();
    say_all(ingest, bytes, size);
    if (ingest_agent(ingest, 0)->has_account &&
        ingest_agent(ingest, 0)->account.stored > (int64_t)world.account.stored)
        abort();
    if (ingest_agent(ingest, 1)->last_us != 0)
        abort(); /* nobody spoke as b1 */
    ingest_free(ingest);
    return 0;
}
