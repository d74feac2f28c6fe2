// links: coordinator_daemon
/* Who is heard, what is answered, and what reaches the store and the judgement. */
#include "coordinator/ingest.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_A "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define KEY_B "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"
#define NOW INT64_C(1700000000000000)

static const char both[] = "coordinator: {secret_key_file: /k}\n"
                           "zones: [a, b]\n"
                           "agents:\n"
                           "  - {name: a1, zone: a, public_key: \"" KEY_A "\"}\n"
                           "  - {name: b1, zone: b, public_key: \"" KEY_B "\"}\n"
                           "targets:\n"
                           "  - {name: web, kind: service, place: b, probes: [{type: tcp}]}\n";
static const char moved[] = "coordinator: {secret_key_file: /k}\n"
                            "zones: [a, b]\n"
                            "agents:\n"
                            "  - {name: b1, zone: b, public_key: \"" KEY_B "\"}\n"
                            "  - {name: a1, zone: b, public_key: \"" KEY_A "\"}\n";

static const char rekeyed[] = "coordinator: {secret_key_file: /k}\n"
                              "zones: [a, b]\n"
                              "agents:\n"
                              "  - {name: a1, zone: a, public_key: \"" KEY_B "\"}\n";

struct bench {
    struct coordinator_config *config, *next;
    struct ingest *ingest;
    size_t n_sent, n_put, n_judged;
    struct fl_message sent; /* the last one */
    uint8_t sent_to;
    int put_answer;
    size_t room; /* of 1000 in the store's queue */
    uint64_t put_lost;
    struct store_account account;
    fl_time dated_us; /* of the results in say_batch */
    fl_time judged_rx_us;
    uint64_t answered_id;
};

static struct coordinator_config *config_of(const char *text)
{
    struct coordinator_config *config = NULL;
    struct fl_error err = {""};

    if (coordinator_config_parse("c.yaml", text, strlen(text), NULL, &config, &err) < 0)
        fail_msg("%s", err.message);
    return config;
}

static void on_send(const uint8_t *peer, size_t peer_size, const uint8_t *bytes, size_t size,
                    void *arg)
{
    struct bench *bench = arg;
    struct fl_error err = {""};

    assert_int_equal(peer_size, 1);
    fl_message_done(&bench->sent);
    memset(&bench->sent, 0, sizeof(bench->sent));
    if (fl_codec_decode(bytes, size, &bench->sent, &err) < 0)
        fail_msg("%s", err.message);
    bench->sent_to = peer[0];
    bench->n_sent++;
}

static int on_put(const struct fl_batch *batch, const uint8_t *bytes, size_t size, fl_time rx_us,
                  void *arg)
{
    struct bench *bench = arg;

    assert_true(batch->n_results + batch->lost_results > 0 && rx_us > 0);
    bench->put_lost = batch->lost_results;
    assert_non_null(bytes);
    assert_true(size > 0);
    bench->n_put++;
    return bench->put_answer;
}

static void on_account(const char *agent, struct store_account *ret, void *arg)
{
    const struct bench *bench = arg;

    assert_string_equal(agent, "a1");
    *ret = bench->account;
}

static int on_put_account(const struct store_account *account, void *arg)
{
    struct bench *bench = arg;

    bench->account.number = account->number;
    bench->account.base = account->base;
    return 0;
}

static void on_queue(size_t *ret_room, size_t *ret_capacity, void *arg)
{
    const struct bench *bench = arg;

    *ret_room = bench->room;
    *ret_capacity = 1000;
}

static void on_judge(uint32_t agent, const struct fl_batch *batch, fl_time rx_us, void *arg)
{
    struct bench *bench = arg;

    assert_int_equal(agent, 0);
    assert_true(batch->results[0].rx_us == rx_us);
    bench->judged_rx_us = rx_us;
    bench->n_judged++;
}

static void on_answer(uint32_t agent, const struct fl_answer *answer, fl_time rx_us, void *arg)
{
    struct bench *bench = arg;

    assert_int_equal(agent, 0);
    assert_true(rx_us > 0);
    bench->answered_id = answer->id;
}

static int setup(void **state)
{
    static const uint8_t mesh_key[FL_MESH_KEY_SIZE] = {1};
    struct bench *bench = calloc(1, sizeof(*bench));
    const struct ingest_host host = {on_send,  on_put,   on_account, on_put_account,
                                     on_queue, on_judge, on_answer,  bench};
    struct fl_error err;

    bench->dated_us = NOW - 5000;
    bench->config = config_of(both);
    assert_int_equal(ingest_new(bench->config, mesh_key, &host, &bench->ingest, &err), 0);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    ingest_free(bench->ingest);
    coordinator_config_free(bench->config);
    coordinator_config_free(bench->next);
    fl_message_done(&bench->sent);
    free(bench);
    return 0;
}

static void say(struct bench *bench, uint8_t peer, const char *user,
                const struct fl_message *message)
{
    struct fl_error err = {""};
    uint8_t *bytes = NULL;
    size_t size = 0;

    if (fl_codec_encode(message, &bytes, &size, &err) < 0)
        fail_msg("%s", err.message);
    ingest_message(bench->ingest, &peer, 1, user, bytes, size, NOW);
    free(bytes);
}

static void say_hello(struct bench *bench, uint8_t peer, const char *user, const char *name,
                      const char *zone)
{
    struct fl_message message = {.type = FL_MESSAGE_HELLO};

    strcpy(message.hello.agent, name);
    strcpy(message.hello.zone, zone);
    strcpy(message.hello.software, "0.1\x1b[31m");
    message.hello.boot = 7;
    say(bench, peer, user, &message);
}

static void say_batch(struct bench *bench, uint8_t peer, const char *user, const char *name,
                      uint64_t sequence)
{
    struct fl_message message = {.type = FL_MESSAGE_BATCH};
    struct fl_result result;

    fl_result_init(&result);
    result.t_us = bench->dated_us;
    result.took_us = 1000;
    result.ok = true;
    result.series = 1;
    strcpy(message.batch.agent, name);
    message.batch.boot = 7;
    message.batch.sequence = sequence;
    message.batch.n_results = 1;
    message.batch.results = &result;
    say(bench, peer, user, &message);
}

static void assert_refused(const struct bench *bench, const char *reason)
{
    assert_int_equal(bench->sent.type, FL_MESSAGE_REFUSAL);
    assert_string_equal(bench->sent.refusal.reason, reason);
}

static void a_hello_is_answered_with_the_plan(void **state)
{
    struct bench *bench = *state;
    const struct ingest_agent *agent = ingest_agent(bench->ingest, 0);

    say_hello(bench, 1, "a1", "a1", "a");
    assert_int_equal(bench->n_sent, 1);
    assert_int_equal(bench->sent.type, FL_MESSAGE_PLAN);
    assert_int_equal(bench->sent.plan.n_specs, 1);
    assert_true(bench->sent.plan.version == agent->wanted_version);
    assert_string_equal(agent->software, "0.1?[31m");
    assert_true(agent->last_us == NOW);
}

static void a_batch_is_judged_at_once_and_acknowledged_when_durable(void **state)
{
    struct bench *bench = *state;

    say_hello(bench, 1, "a1", "a1", "a");
    say_batch(bench, 1, "a1", "a1", 5);
    assert_int_equal(bench->n_judged, 1);
    assert_int_equal(bench->n_put, 1);
    assert_true(bench->judged_rx_us == NOW);
    assert_int_equal(bench->n_sent, 1);
    ingest_stored(bench->ingest, "a1", 7, 5, STORE_FAILED);
    assert_int_equal(bench->n_sent, 1);
    ingest_stored(bench->ingest, "a1", 7, 5, STORE_STORED);
    assert_int_equal(bench->sent.type, FL_MESSAGE_ACK);
    assert_true(bench->sent.ack.boot == 7 && bench->sent.ack.sequences[0] == 5);
    ingest_stored(bench->ingest, "a1", 7, 5, STORE_DUPLICATE);
    assert_int_equal(bench->n_sent, 3);
}

static void a_batch_that_comes_twice_is_judged_once_and_offered_twice(void **state)
{
    struct bench *bench = *state;

    say_hello(bench, 1, "a1", "a1", "a");
    say_batch(bench, 1, "a1", "a1", 5);
    say_batch(bench, 1, "a1", "a1", 5);
    assert_int_equal(bench->n_judged, 1);
    assert_int_equal(bench->n_put, 2);
}

static void a_store_without_room_does_not_stop_the_judgement(void **state)
{
    struct bench *bench = *state;

    bench->put_answer = -EAGAIN;
    say_hello(bench, 1, "a1", "a1", "a");
    say_batch(bench, 1, "a1", "a1", 5);
    assert_int_equal(bench->n_judged, 1);
    assert_true(ingest_refusals(bench->ingest)->busy == 1);
}

static void sentences_that_repeat_push_no_other_out(void **state)
{
    struct bench *bench = *state;
    const struct ingest_refusals *refusals = ingest_refusals(bench->ingest);

    ingest_unknown_key(bench->ingest, KEY_B);
    for (int i = 0; i < 50; i++) {
        say_hello(bench, 1, "a1", "b1", "b");
        say_hello(bench, 1, "a1", "a1", "b");
    }
    assert_int_equal(refusals->n_last, 3);
    assert_non_null(strstr(refusals->last[0], "it says that it is in zone"));
    assert_non_null(strstr(refusals->last[1], "it says that it is \"b1\""));
    assert_non_null(strstr(refusals->last[2], KEY_B));
}

static void one_agent_has_only_its_share_of_the_store(void **state)
{
    struct bench *bench = *state;

    say_hello(bench, 1, "a1", "a1", "a");
    for (uint64_t i = 1; i <= INGEST_STORE_SHARE + 2; i++)
        say_batch(bench, 1, "a1", "a1", i);
    assert_int_equal(bench->n_put, INGEST_STORE_SHARE);
    assert_int_equal(bench->n_judged, INGEST_STORE_SHARE + 2);
    assert_true(ingest_refusals(bench->ingest)->busy == 2);
    ingest_stored(bench->ingest, "a1", 7, 1, STORE_FAILED);
    say_batch(bench, 1, "a1", "a1", INGEST_STORE_SHARE + 1);
    assert_int_equal(bench->n_put, INGEST_STORE_SHARE + 1);
}

static void results_of_the_future_are_lost_and_acknowledged(void **state)
{
    struct bench *bench = *state;

    say_hello(bench, 1, "a1", "a1", "a");
    bench->dated_us = NOW + FL_MAX_CLOCK_SKEW_US + FL_HOUR;
    say_batch(bench, 1, "a1", "a1", 1);
    assert_int_equal(bench->n_judged, 0);
    assert_int_equal(bench->n_put, 1);
    assert_true(bench->put_lost == 1);
    ingest_stored(bench->ingest, "a1", 7, 1, STORE_STORED);
    assert_int_equal(bench->sent.type, FL_MESSAGE_ACK);
    assert_true(ingest_refusals(bench->ingest)->misdated == 1);
    assert_string_equal(ingest_refusals(bench->ingest)->last[0],
                        "from agent \"a1\": its results are dated 25 h ahead, at most 24 are "
                        "taken; set its clock");
    bench->dated_us = NOW + FL_MAX_CLOCK_SKEW_US;
    say_batch(bench, 1, "a1", "a1", 2);
    bench->dated_us = NOW - 40 * FL_MAX_CLOCK_SKEW_US; /* a backlog */
    say_batch(bench, 1, "a1", "a1", 3);
    assert_int_equal(bench->n_put, 3);
    assert_true(bench->put_lost == 0);
}

static void who_floods_is_not_read_and_named_and_others_are(void **state)
{
    struct bench *bench = *state;
    const struct ingest_refusals *refusals = ingest_refusals(bench->ingest);
    const uint8_t peer = 1, garbage[] = {0xff, 0xff, 0xff};

    say_hello(bench, 1, "a1", "a1", "a");
    for (int i = 0; i < 10000; i++)
        ingest_message(bench->ingest, &peer, 1, "a1", garbage, sizeof(garbage), NOW);
    assert_true(refusals->malformed + refusals->flooding == 10000);
    assert_in_range(refusals->malformed, 8000, 8192);
    assert_string_equal(refusals->last[0], "from agent \"a1\": it floods; what exceeds 2048 KiB or "
                                           "2048 messages a second is not read");
    say_hello(bench, 2, "b1", "b1", "b");
    assert_int_equal(bench->sent.type, FL_MESSAGE_PLAN);
    assert_int_equal(bench->sent_to, 2);
    say_batch(bench, 1, "a1", "a1", 1);
    assert_int_equal(bench->n_put, 0);
    ingest_message(bench->ingest, &peer, 1, "a1", garbage, sizeof(garbage), NOW + FL_SECOND);
    assert_int_equal(bench->sent.type, FL_MESSAGE_REFUSAL);
}

static void who_claims_to_be_another_is_refused(void **state)
{
    struct bench *bench = *state;

    say_hello(bench, 1, "a1", "b1", "b");
    assert_refused(bench, "it says that it is \"b1\", but its key is that of \"a1\"");
    say_hello(bench, 1, "a1", "a1", "b");
    assert_refused(bench, "it says that it is in zone \"b\", but it is configured in \"a\"");
    say_hello(bench, 1, "a1", "a1", "a");
    say_batch(bench, 1, "a1", "b1", 1);
    assert_refused(bench, "it sends results of agent \"b1\"");
    assert_int_equal(bench->n_judged + bench->n_put, 0);
    assert_true(ingest_refusals(bench->ingest)->identity == 3);
    assert_string_equal(ingest_refusals(bench->ingest)->last[0],
                        "from agent \"a1\": it sends results of agent \"b1\"");
}

static void who_has_not_said_hello_is_refused(void **state)
{
    struct bench *bench = *state;

    say_batch(bench, 1, "a1", "a1", 1);
    assert_int_equal(bench->sent.type, FL_MESSAGE_REFUSAL);
    say_hello(bench, 1, "a1", "a1", "a");
    say_batch(bench, 2, "a1", "a1", 1);
    assert_int_equal(bench->sent.type, FL_MESSAGE_REFUSAL);
    assert_int_equal(bench->sent_to, 2);
    assert_int_equal(bench->n_judged + bench->n_put, 0);
}

static void bytes_that_are_no_message_are_counted_by_their_kind(void **state)
{
    static const uint8_t other_version[] = {0x08, 0x63};
    static const uint8_t garbage[] = {0xff, 0xff, 0xff, 0xff};
    struct bench *bench = *state;
    const struct ingest_refusals *refusals = ingest_refusals(bench->ingest);
    const uint8_t peer = 1;

    ingest_message(bench->ingest, &peer, 1, "a1", garbage, sizeof(garbage), NOW);
    ingest_message(bench->ingest, &peer, 1, "a1", garbage, 1, NOW);
    assert_true(refusals->malformed == 2);
    ingest_message(bench->ingest, &peer, 1, "a1", other_version, sizeof(other_version), NOW);
    assert_true(refusals->version == 1);
    assert_int_equal(bench->sent.type, FL_MESSAGE_REFUSAL);
    assert_int_equal(bench->n_sent, 3);
}

static void what_only_coordinators_say_is_refused(void **state)
{
    struct bench *bench = *state;
    const struct fl_message message = {.type = FL_MESSAGE_HEARTBEAT_REPLY};

    say_hello(bench, 1, "a1", "a1", "a");
    say(bench, 1, "a1", &message);
    assert_refused(bench, "message of type 7 is none that agents send");
}

static void a_heartbeat_is_answered_with_times(void **state)
{
    struct bench *bench = *state;
    struct fl_message message = {.type = FL_MESSAGE_HEARTBEAT};

    message.heartbeat =
        (struct fl_heartbeat){.sent_us = NOW - 9, .spooled_batches = 3, .stalled_probes = 2};
    say_hello(bench, 1, "a1", "a1", "a");
    say(bench, 1, "a1", &message);
    assert_int_equal(bench->sent.type, FL_MESSAGE_HEARTBEAT_REPLY);
    assert_true(bench->sent.heartbeat_reply.sent_us == NOW - 9);
    assert_true(bench->sent.heartbeat_reply.received_us == NOW);
    assert_int_equal(bench->sent.heartbeat_reply.credit, 0); /* the queue is full */
    bench->room = 270;
    say(bench, 1, "a1", &message);
    assert_int_equal(bench->sent.heartbeat_reply.credit, 10); /* for each of two */
    assert_true(ingest_agent(bench->ingest, 0)->spooled == 3);
    assert_true(ingest_agent(bench->ingest, 0)->stalled == 2);
}

static void say_account(struct bench *bench, uint64_t number, uint64_t produced,
                        uint64_t undelivered)
{
    struct fl_message message = {.type = FL_MESSAGE_HEARTBEAT};

    message.heartbeat = (struct fl_heartbeat){
        .sent_us = NOW, .account = number, .produced = produced, .undelivered = undelivered};
    say(bench, 1, "a1", &message);
}

static void a_heartbeat_settles_the_account(void **state)
{
    struct bench *bench = *state;
    const struct ingest_agent *agent = ingest_agent(bench->ingest, 0);

    say_hello(bench, 1, "a1", "a1", "a");
    say_account(bench, 0, 0, 0);
    assert_false(agent->has_account);
    say_account(bench, 77, 1000, 40); /* 960 lie in a history before this one */
    assert_true(agent->has_account);
    assert_true(bench->account.number == 77 && bench->account.base == 960);
    assert_int_equal(agent->account.produced, 40);
    assert_int_equal(agent->account.balance, 0);
    bench->account.stored = 55;
    bench->account.lost = 5;
    say_account(bench, 77, 1022, 0);
    assert_int_equal(agent->account.produced, 62);
    assert_int_equal(agent->account.stored, 55);
    assert_int_equal(agent->account.lost, 5);
    assert_int_equal(agent->account.balance, 2);
}

static void the_answer_to_a_plan_is_kept(void **state)
{
    struct bench *bench = *state;
    struct fl_message message = {.type = FL_MESSAGE_PLAN_ACK};

    say_hello(bench, 1, "a1", "a1", "a");
    message.plan_ack.version = ingest_agent(bench->ingest, 0)->wanted_version;
    strcpy(message.plan_ack.error, "no such type");
    say(bench, 1, "a1", &message);
    assert_string_equal(ingest_agent(bench->ingest, 0)->plan_error, "no such type");
    assert_true(ingest_agent(bench->ingest, 0)->plan_version == 0);
    message.plan_ack.error[0] = '\0';
    say(bench, 1, "a1", &message);
    assert_string_equal(ingest_agent(bench->ingest, 0)->plan_error, "");
    assert_true(ingest_agent(bench->ingest, 0)->plan_version == message.plan_ack.version);
}

static void a_reload_sends_plans_and_asks_who_moved_for_a_new_hello(void **state)
{
    struct bench *bench = *state;
    struct fl_error err;

    say_hello(bench, 1, "a1", "a1", "a");
    say_hello(bench, 2, "b1", "b1", "b");
    bench->next = config_of(moved);
    assert_int_equal(ingest_reload(bench->ingest, bench->next, &err), 0);
    assert_int_equal(bench->n_sent, 3);
    assert_int_equal(bench->sent.type, FL_MESSAGE_PLAN);
    assert_int_equal(bench->sent_to, 2);
    assert_int_equal(bench->sent.plan.n_specs, 0);
    say_batch(bench, 1, "a1", "a1", 1);
    assert_int_equal(bench->sent.type, FL_MESSAGE_REFUSAL);
    ingest_message(bench->ingest, &(uint8_t){3}, 1, "gone", (const uint8_t *)"", 0, NOW);
    assert_refused(bench, "it is not in the configuration any more");
}

static void a_connection_with_a_replaced_key_is_refused(void **state)
{
    struct bench *bench = *state;
    struct fl_error err;

    say_hello(bench, 1, "a1", "a1", "a");
    bench->next = config_of(rekeyed);
    assert_int_equal(ingest_reload(bench->ingest, bench->next, &err), 0);
    say_hello(bench, 1, "a1", "a1", "a");
    assert_refused(bench, "the key of this connection was replaced; connect with the new one");
    say_hello(bench, 2, "a1", "a1", "a");
    assert_int_equal(bench->sent.type, FL_MESSAGE_PLAN);
}

static void only_the_last_sentences_are_kept(void **state)
{
    struct bench *bench = *state;
    char key[] = "key-0";

    for (int i = 0; i < 3 * INGEST_LAST_REFUSALS; i++) {
        key[4] = (char)('A' + i);
        ingest_unknown_key(bench->ingest, key);
        ingest_unknown_key(bench->ingest, key);
    }
    assert_int_equal(ingest_refusals(bench->ingest)->n_last, INGEST_LAST_REFUSALS);
    assert_non_null(strstr(ingest_refusals(bench->ingest)->last[0], key));
    key[4]--;
    assert_non_null(strstr(ingest_refusals(bench->ingest)->last[1], key));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int ask(const struct bench *bench, fl_time now_us, struct fl_error *err)
{
    struct fl_ask ask;
    int r;

    fl_ask_init(&ask);
    ask.id = 9;
    ask.deadline_us = FL_SECOND;
    assert_non_null(fl_ask_add(&ask, "web", "tcp", "", 3, 100 * FL_MS, 0));
    r = ingest_ask(bench->ingest, 0, &ask, now_us, err);
    fl_ask_done(&ask);
    return r;
}

static void only_who_is_here_and_answers_is_asked(void **state)
{
    struct fl_message hello = {.type = FL_MESSAGE_HELLO};
    struct bench *bench = *state;
    struct fl_error err;

    assert_int_equal(ask(bench, NOW, &err), -ENOTCONN);
    say_hello(bench, 1, "a1", "a1", "a");
    assert_int_equal(ask(bench, NOW, &err), -EPROTONOSUPPORT);
    strcpy(hello.hello.agent, "a1");
    strcpy(hello.hello.zone, "a");
    hello.hello.boot = 7;
    hello.hello.answers = true;
    say(bench, 1, "a1", &hello);
    assert_int_equal(ask(bench, NOW, &err), 0);
    assert_int_equal(bench->sent.type, FL_MESSAGE_ASK);
    assert_int_equal(bench->sent.ask.id, 9);
    assert_int_equal(bench->sent.ask.repeats[0], 3);
    assert_int_equal(ask(bench, NOW + 6 * FL_SECOND, &err), -ENOTCONN);
}

static void an_answer_is_handed_on(void **state)
{
    const struct fl_message answer = {.type = FL_MESSAGE_ANSWER,
                                      .answer = {.id = 12, .done = true, .missed = 3}};
    struct bench *bench = *state;

    say(bench, 1, "a1", &answer);
    assert_int_equal(bench->answered_id, 0);
    say_hello(bench, 1, "a1", "a1", "a");
    say(bench, 1, "a1", &answer);
    assert_int_equal(bench->answered_id, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hello_is_answered_with_the_plan),
        TEST(a_batch_is_judged_at_once_and_acknowledged_when_durable),
        TEST(a_batch_that_comes_twice_is_judged_once_and_offered_twice),
        TEST(a_store_without_room_does_not_stop_the_judgement),
        TEST(sentences_that_repeat_push_no_other_out),
        TEST(one_agent_has_only_its_share_of_the_store),
        TEST(results_of_the_future_are_lost_and_acknowledged),
        TEST(who_floods_is_not_read_and_named_and_others_are),
        TEST(who_claims_to_be_another_is_refused),
        TEST(who_has_not_said_hello_is_refused),
        TEST(bytes_that_are_no_message_are_counted_by_their_kind),
        TEST(what_only_coordinators_say_is_refused),
        TEST(only_who_is_here_and_answers_is_asked),
        TEST(an_answer_is_handed_on),
        TEST(a_heartbeat_is_answered_with_times),
        TEST(a_heartbeat_settles_the_account),
        TEST(the_answer_to_a_plan_is_kept),
        TEST(a_reload_sends_plans_and_asks_who_moved_for_a_new_hello),
        TEST(a_connection_with_a_replaced_key_is_refused),
        TEST(only_the_last_sentences_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
