/* The exchange that all layers over TCP consist of, in the client's time:
 *
 *     request ──(lost: sent again after R, 2R, 4R ...)──► far kernel ──► think ──► answer, k
 * segments ▲                                                   │                        │ └──
 * acknowledged by: the answer, or alone after 40 ms, or at once for a request that comes twice. All
 * of it can be lost on the way back; the far side repeats its answer.
 *
 * R is the round trip and 200 ms; the first repetition is the tail loss probe, so that times go
 * 0, R, 2R, 4R, 8R. A segment that is lost while a later one arrives is repeated after a round
 * trip and seen by the client as disorder. */
#include "tests/sim/physics.h"

#include <string.h>

#define SYN_AGAIN_US FL_SECOND /* and every second: the first four repetitions are not doubled */
#define LEAST_RTO_US (200 * FL_MS)
#define DELAYED_ACK_US (40 * FL_MS) /* a later answer does not carry the acknowledgement */
#define SEGMENT 1448
#define LARGE 1000      /* bytes that a way with a small MTU swallows */
#define SLOW_TAIL 0.004 /* of the far sides' answers: */
#define SLOW_TAIL_FACTOR 4
#define NEVER INT64_MAX

/* One probe under way. */
struct flight {
    struct draw *draw;
    const struct weather *weather;
    struct fl_result *result;
    int64_t left_us; /* until the deadline */
};

static int64_t noisy(struct flight *flight, int64_t us, double spread)
{
    return (int64_t)((double)us * draw_factor(flight->draw, spread)) + 1;
}

static bool stop(struct flight *flight, enum fl_layer layer, enum fl_failure failure)
{
    if (failure == FL_FAILURE_TIMEOUT) {
        flight->result->took_us += flight->left_us;
        flight->left_us = 0;
    }
    flight->result->layer = layer;
    flight->result->failure = failure;
    return false;
}

/* Time goes by; false when the deadline is over. A starved agent notices late. */
static bool spend(struct flight *flight, int64_t us)
{
    if (flight->weather->lag_us > 0 && draw_chance(flight->draw, 0.7))
        us += (int64_t)((double)flight->weather->lag_us * draw_unit(flight->draw));
    if (us >= flight->left_us)
        return false;
    flight->left_us -= us;
    flight->result->took_us += us;
    return true;
}

static bool pass(struct flight *flight, enum fl_layer layer, int64_t us)
{
    int64_t before_us = flight->result->took_us;

    if (!spend(flight, us))
        return stop(flight, layer, FL_FAILURE_TIMEOUT);
    flight->result->phase_us[layer] = flight->result->took_us - before_us;
    return true;
}

static bool resolve(struct flight *flight)
{
    const struct weather *weather = flight->weather;
    int64_t us = noisy(flight, 600, 0.2);

    if (!weather->named)
        return true;
    if (weather->resolve == FL_FAILURE_NONE)
        return pass(flight, FL_LAYER_RESOLVE, us);
    if (weather->resolve != FL_FAILURE_TIMEOUT && !spend(flight, us))
        return stop(flight, FL_LAYER_RESOLVE, FL_FAILURE_TIMEOUT);
    return stop(flight, FL_LAYER_RESOLVE, weather->resolve);
}

static bool lost_there(struct flight *flight)
{
    return draw_chance(flight->draw, flight->weather->loss_there);
}

static bool lost_back(struct flight *flight)
{
    return draw_chance(flight->draw, flight->weather->loss_back);
}

static void no_tcp(struct fl_tcp *tcp)
{
    for (int i = 0; i < FL_TCP_FIELDS; i++)
        *fl_tcp_field(tcp, i) = FL_ABSENT;
}

static bool connect_tcp(struct flight *flight)
{
    const struct weather *weather = flight->weather;
    struct fl_tcp *tcp = &flight->result->tcp;
    int64_t waited_us = 0, rtt_us = noisy(flight, weather->rtt_us, weather->jitter);

    *tcp = (struct fl_tcp){.rtt_us = rtt_us, .min_rtt_us = weather->min_rtt_us};
    if (weather->local_drop) {
        no_tcp(tcp);
        return stop(flight, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
    }
    while (weather->listener_full || lost_there(flight) || lost_back(flight)) {
        waited_us += SYN_AGAIN_US;
        if (waited_us >= flight->left_us) {
            no_tcp(tcp);
            return stop(flight, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
        }
        tcp->retrans++;
    }
    if (weather->refused) {
        no_tcp(tcp);
        return stop(flight, FL_LAYER_CONNECT,
                    spend(flight, waited_us + rtt_us) ? FL_FAILURE_REFUSED : FL_FAILURE_TIMEOUT);
    }
    return pass(flight, FL_LAYER_CONNECT, waited_us + rtt_us);
}

/* Request and answer under way: times since the request was sent. */
struct exchange {
    int64_t rto_us, rtt_us;
    int64_t there_us;     /* the request is with the far kernel */
    int64_t next_us;      /* the client's next repetition */
    int64_t acked_us;     /* the client knows that it arrived */
    int64_t answered_us;  /* the whole answer is there */
    int64_t first_us;     /* the first of its segments is there */
    unsigned there, back; /* segments */
};

/* Time of the next repetition after one at t: R, 2R, 4R, ... */
static int64_t again(int64_t t_us, int64_t rto_us)
{
    return t_us == 0 ? rto_us : 2 * t_us;
}

static bool request_lost(struct flight *flight, const struct exchange *exchange)
{
    bool lost =
        flight->weather->local_drop || (flight->weather->small_there && exchange->there > 1);

    for (unsigned i = 0; i < exchange->there && !lost; i++)
        lost = lost_there(flight);
    return lost;
}

static void send_request(struct flight *flight, struct exchange *exchange)
{
    struct fl_tcp *tcp = &flight->result->tcp;
    int64_t t_us = 0;

    while (request_lost(flight, exchange)) {
        t_us = again(t_us, exchange->rto_us);
        if (t_us >= flight->left_us) {
            exchange->there_us = NEVER;
            return;
        }
        if (!flight->weather->local_drop) {
            tcp->retrans++;
            tcp->op_retrans++;
        }
    }
    exchange->there_us = t_us + exchange->rtt_us / 2;
    exchange->next_us = again(t_us, exchange->rto_us);
}

static void earlier(int64_t *t_us, int64_t other_us)
{
    if (other_us < *t_us)
        *t_us = other_us;
}

/* One segment of the answer, sent at `sent_us`, repeated until it gets through or it is too
 * late. */
static int64_t send_segment(struct flight *flight, const struct exchange *exchange, int64_t sent_us)
{
    int64_t t_us = 0;

    while (lost_back(flight)) {
        t_us = again(t_us, exchange->rto_us);
        if (sent_us + t_us >= flight->left_us)
            return NEVER;
    }
    return sent_us + t_us + exchange->rtt_us / 2;
}

static void send_answer(struct flight *flight, struct exchange *exchange, int64_t sent_us)
{
    struct fl_tcp *tcp = &flight->result->tcp;
    int64_t prompt_us = sent_us + exchange->rtt_us / 2, last_us = 0;
    bool gap = false;

    for (unsigned i = 0; i < exchange->back; i++) {
        bool swallowed = flight->weather->small_back && exchange->back > 1;
        int64_t t_us = swallowed ? NEVER : send_segment(flight, exchange, sent_us);

        if (gap && t_us == prompt_us)
            tcp->rx_ooo++; /* and the far side learns by it what is missing */
        gap |= t_us > prompt_us;
        earlier(&exchange->first_us, t_us);
        if (t_us < flight->left_us)
            tcp->rx_bytes += i + 1 < exchange->back
                                 ? SEGMENT
                                 : flight->weather->reply_bytes - (exchange->back - 1) * SEGMENT;
        last_us = t_us > last_us ? t_us : last_us;
    }
    if (tcp->rx_ooo > 0 && last_us != NEVER && !lost_back(flight) && !lost_back(flight))
        earlier(&last_us, prompt_us + 2 * exchange->rtt_us);
    exchange->answered_us = last_us;
    earlier(&exchange->acked_us, exchange->first_us);
}

/* Repeat the request until an acknowledgement comes or the operation is over. */
static void repeat_request(struct flight *flight, struct exchange *exchange)
{
    struct fl_tcp *tcp = &flight->result->tcp;
    int64_t end_us =
        exchange->answered_us < flight->left_us ? exchange->answered_us : flight->left_us;

    for (int64_t t_us = exchange->next_us; t_us < exchange->acked_us && t_us < end_us;
         t_us = again(t_us, exchange->rto_us)) {
        tcp->retrans++;
        tcp->op_retrans++;
        if (!request_lost(flight, exchange) && !lost_back(flight))
            earlier(&exchange->acked_us, t_us + exchange->rtt_us);
    }
}

static unsigned segments(int64_t bytes)
{
    return bytes <= SEGMENT ? 1 + (bytes > LARGE) : (unsigned)((bytes + SEGMENT - 1) / SEGMENT);
}

/* Time of a whole exchange, NEVER when the deadline is over before. `think_us` NEVER: the far
 * side never answers. */
static int64_t exchange_us(struct flight *flight, int64_t request_bytes, int64_t think_us,
                           int64_t reply_bytes)
{
    struct fl_tcp *tcp = &flight->result->tcp;
    int64_t rtt_us = noisy(flight, flight->weather->rtt_us, flight->weather->jitter);
    struct exchange exchange = {.rto_us = rtt_us + LEAST_RTO_US,
                                .rtt_us = rtt_us,
                                .acked_us = NEVER,
                                .answered_us = NEVER,
                                .first_us = NEVER,
                                .there = segments(request_bytes),
                                .back = segments(reply_bytes)};

    tcp->op_retrans = tcp->unacked = tcp->notsent = tcp->rx_bytes = tcp->rx_ooo = 0;
    tcp->tx_bytes = flight->weather->local_drop ? 0 : request_bytes;
    tcp->tx_acked = 0;
    send_request(flight, &exchange);
    if (exchange.there_us == NEVER) {
        tcp->unacked = flight->weather->local_drop ? 0 : exchange.there;
        tcp->notsent = flight->weather->local_drop ? request_bytes : 0;
        return NEVER;
    }
    if (think_us > DELAYED_ACK_US && !lost_back(flight))
        exchange.acked_us = exchange.there_us + DELAYED_ACK_US + rtt_us / 2;
    if (think_us != NEVER && exchange.there_us + think_us < flight->left_us)
        send_answer(flight, &exchange, exchange.there_us + think_us);
    repeat_request(flight, &exchange);
    tcp->unacked = exchange.acked_us < flight->left_us ? 0 : exchange.there;
    tcp->tx_acked = tcp->unacked == 0 ? request_bytes : 0;
    return exchange.answered_us < flight->left_us ? exchange.answered_us : NEVER;
}

static bool shake_hands(struct flight *flight, enum fl_layer layer, int64_t think_us,
                        int64_t reply_bytes)
{
    int64_t us = exchange_us(flight, 400, noisy(flight, think_us, 0.1), reply_bytes);

    return us == NEVER ? stop(flight, layer, FL_FAILURE_TIMEOUT) : pass(flight, layer, us);
}

static bool concerns(const struct weather *weather, enum fl_step step)
{
    return weather->steps == 0 || step == FL_STEP_NONE || (weather->steps >> step & 1) != 0;
}

/* The far side's own time for one request, with its tail and its own network. */
static int64_t think(struct flight *flight, enum fl_step step)
{
    const struct weather *weather = flight->weather;
    double slowness = weather->slowness > 0 && concerns(weather, step) ? weather->slowness : 1;
    int64_t us, inner_us = 0;

    if (weather->stalled && concerns(weather, step))
        return NEVER;
    us = noisy(flight, (int64_t)((double)weather->think_us * slowness), 0.25);
    if (draw_chance(flight->draw, SLOW_TAIL))
        us *= SLOW_TAIL_FACTOR;
    /* two exchanges within: to the replica and back */
    for (int i = 0; i < 2; i++)
        for (inner_us = 0; draw_chance(flight->draw, weather->inner_loss); us += inner_us) {
            inner_us = inner_us == 0 ? LEAST_RTO_US : 2 * inner_us;
            if (us > FL_MINUTE)
                return NEVER;
        }
    return us;
}

static bool one_operation(struct flight *flight, enum fl_step step, int64_t request_bytes,
                          int64_t reply_bytes, int64_t *ret_us)
{
    const struct weather *weather = flight->weather;
    int64_t us = exchange_us(flight, request_bytes, think(flight, step), reply_bytes);

    if (us == NEVER || !spend(flight, us)) {
        flight->result->step = step;
        return stop(flight, FL_LAYER_OPERATE, FL_FAILURE_TIMEOUT);
    }
    if (weather->error != FL_FAILURE_NONE && concerns(weather, step)) {
        flight->result->step = step;
        return stop(flight, FL_LAYER_OPERATE, weather->error);
    }
    *ret_us = us;
    return true;
}

static bool operate(struct flight *flight)
{
    const struct weather *weather = flight->weather;
    struct fl_result *result = flight->result;
    int64_t before_us = result->took_us, us;

    if (!weather->by_steps) {
        if (!one_operation(flight, FL_STEP_NONE, 200, weather->reply_bytes, &us))
            return false;
    } else {
        for (int step = 0; step < FL_STEPS; step++)
            if (!one_operation(flight, (enum fl_step)step, step == FL_STEP_WRITE ? 4096 : 64,
                               step == FL_STEP_READ ? 4096 : 64, &result->step_us[step]))
                return false;
    }
    result->phase_us[FL_LAYER_OPERATE] = result->took_us - before_us;
    return true;
}

static bool secure(struct flight *flight)
{
    enum fl_failure error = flight->weather->error;

    if (!shake_hands(flight, FL_LAYER_TLS, 1200, 3500))
        return false;
    if (error != FL_FAILURE_CERT_EXPIRED && error != FL_FAILURE_CERT_INVALID)
        return true;
    flight->result->phase_us[FL_LAYER_TLS] = FL_ABSENT;
    return stop(flight, FL_LAYER_TLS, error);
}

static bool echo(struct flight *flight, enum fl_layer layer, int64_t think_us)
{
    const struct weather *weather = flight->weather;

    if (weather->stalled || weather->refused || weather->local_drop || lost_there(flight) ||
        lost_back(flight))
        return stop(flight, layer, FL_FAILURE_TIMEOUT);
    return pass(flight, layer, noisy(flight, weather->rtt_us, weather->jitter) + think_us);
}

static bool ask_name_server(struct flight *flight)
{
    int64_t us = noisy(flight, 300, 0.2);

    if (!echo(flight, FL_LAYER_OPERATE,
              flight->weather->slowness > 0 ? (int64_t)((double)us * flight->weather->slowness)
                                            : us))
        return false;
    if (flight->weather->error == FL_FAILURE_NONE)
        return true;
    flight->result->phase_us[FL_LAYER_OPERATE] = FL_ABSENT;
    return stop(flight, FL_LAYER_OPERATE, flight->weather->error);
}

static bool has_login(const char *type)
{
    static const char *const types[] = {"nbd", "iscsi", "nfs", "s3", "postgres", "redis"};

    for (size_t i = 0; i < FL_COUNT(types); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

static bool fly(struct flight *flight, const char *type)
{
    if (strcmp(type, "icmp") == 0 || strcmp(type, "udp") == 0)
        return echo(flight, FL_LAYER_CONNECT, 0);
    if (strcmp(type, "dns") == 0)
        return ask_name_server(flight);
    if (!resolve(flight) || !connect_tcp(flight))
        return false;
    if (strcmp(type, "tcp") == 0)
        return true;
    if ((flight->weather->has_tls || strcmp(type, "https") == 0) && !secure(flight))
        return false;
    if (has_login(type) && !shake_hands(flight, FL_LAYER_LOGIN, 200, 300))
        return false;
    return operate(flight);
}

void physics_probe(struct draw *draw, const struct weather *weather, const char *type,
                   int64_t timeout_us, struct fl_result *result)
{
    struct flight flight = {draw, weather, result, timeout_us};
    struct fl_tcp *tcp = &result->tcp;

    result->took_us = 0;
    result->ok = fly(&flight, type);
    if (result->ok) {
        result->layer = FL_LAYER_NONE;
        result->failure = FL_FAILURE_NONE;
        result->step = FL_STEP_NONE;
    }
    if (weather->thin_tcp && !fl_tcp_absent(tcp))
        tcp->op_retrans = tcp->notsent = tcp->rx_bytes = tcp->rx_ooo = FL_ABSENT;
}
