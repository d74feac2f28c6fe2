#include "tests/sim/physics.h"

#include <string.h>

#define SYN_AGAIN_US FL_SECOND /* first retransmission of a SYN */
#define LEAST_RTO_US (200 * FL_MS)
#define DELAYED_ACK_US (40 * FL_MS) /* later answers do not carry the acknowledgement */

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

static bool spend(struct flight *flight, int64_t us)
{
    flight->left_us -= us;
    flight->result->took_us += us;
    return flight->left_us > 0;
}

static bool stop(struct flight *flight, enum fl_layer layer, enum fl_failure failure)
{
    if (failure == FL_FAILURE_TIMEOUT)
        (void)spend(flight, flight->left_us);
    flight->result->layer = layer;
    flight->result->failure = failure;
    return false;
}

static bool pass(struct flight *flight, enum fl_layer layer, int64_t us)
{
    if (!spend(flight, us)) {
        flight->result->took_us += flight->left_us;
        flight->left_us = 0;
        return stop(flight, layer, FL_FAILURE_TIMEOUT);
    }
    flight->result->phase_us[layer] = us;
    return true;
}

static bool resolve(struct flight *flight)
{
    const struct weather *weather = flight->weather;

    if (!weather->named)
        return true;
    if (weather->resolve == FL_FAILURE_NONE)
        return pass(flight, FL_LAYER_RESOLVE, noisy(flight, 600, 0.2));
    if (weather->resolve != FL_FAILURE_TIMEOUT)
        (void)spend(flight, noisy(flight, 600, 0.2));
    return stop(flight, FL_LAYER_RESOLVE, weather->resolve);
}

static bool lost(struct flight *flight, bool there)
{
    return draw_chance(flight->draw,
                       there ? flight->weather->loss_there : flight->weather->loss_back);
}

static bool connect_tcp(struct flight *flight)
{
    struct fl_tcp *tcp = &flight->result->tcp;
    int64_t waited_us = 0, again_us = SYN_AGAIN_US;

    *tcp =
        (struct fl_tcp){.rtt_us = flight->weather->rtt_us, .min_rtt_us = flight->weather->rtt_us};
    while (flight->weather->listener_full || lost(flight, true) || lost(flight, false)) {
        waited_us += again_us;
        again_us *= 2;
        if (waited_us >= flight->left_us) {
            memset(tcp, 0, sizeof(*tcp));
            for (int i = 0; i < FL_TCP_FIELDS; i++)
                *fl_tcp_field(tcp, i) = FL_ABSENT;
            return stop(flight, FL_LAYER_CONNECT, FL_FAILURE_TIMEOUT);
        }
        tcp->retrans++;
    }
    if (flight->weather->refused) {
        (void)spend(flight, flight->weather->rtt_us);
        return stop(flight, FL_LAYER_CONNECT, FL_FAILURE_REFUSED);
    }
    return pass(flight, FL_LAYER_CONNECT, waited_us + noisy(flight, flight->weather->rtt_us, 0.06));
}

/* The request gets through, sent again as often as need be. Returns the time it took; beyond the
 * deadline when it did not. */
static int64_t deliver_request(struct flight *flight)
{
    struct fl_tcp *tcp = &flight->result->tcp;
    int64_t rto_us = flight->weather->rtt_us + LEAST_RTO_US, waited_us = 0;

    while (lost(flight, true)) {
        waited_us += rto_us;
        rto_us *= 2;
        if (waited_us >= flight->left_us) {
            tcp->unacked = 1;
            return waited_us;
        }
        tcp->retrans++;
        tcp->op_retrans++;
    }
    return waited_us + flight->weather->rtt_us / 2;
}

/* While no answer comes: does the client learn that its request arrived? If not, it sends it
 * again until an acknowledgement comes back. */
static void await_acknowledgement(struct flight *flight, int64_t until_us)
{
    struct fl_tcp *tcp = &flight->result->tcp;
    int64_t rto_us = flight->weather->rtt_us + LEAST_RTO_US;

    for (int64_t at_us = DELAYED_ACK_US; at_us < until_us; at_us += rto_us, rto_us *= 2) {
        if (!lost(flight, false)) {
            tcp->unacked = 0;
            return;
        }
        tcp->unacked = 1;
        tcp->retrans++;
        tcp->op_retrans++;
    }
}

/* Request there, time to think, answer back. */
static bool exchange(struct flight *flight, enum fl_layer layer, int64_t think_us)
{
    struct fl_tcp *tcp = &flight->result->tcp;
    int64_t us, rto_us = flight->weather->rtt_us + LEAST_RTO_US;

    tcp->op_retrans = tcp->unacked = tcp->rx_bytes = tcp->rx_ooo = 0;
    us = deliver_request(flight);
    if (us >= flight->left_us)
        return stop(flight, layer, FL_FAILURE_TIMEOUT);
    if (flight->weather->stalled && layer == FL_LAYER_OPERATE) {
        await_acknowledgement(flight, flight->left_us - us);
        return stop(flight, layer, FL_FAILURE_TIMEOUT);
    }
    us += think_us;
    while (lost(flight, false)) {
        us += rto_us;
        rto_us *= 2;
    }
    us += flight->weather->rtt_us / 2;
    if (think_us > DELAYED_ACK_US || us > LEAST_RTO_US)
        await_acknowledgement(flight, us < flight->left_us ? us : flight->left_us);
    if (us >= flight->left_us)
        return stop(flight, layer, FL_FAILURE_TIMEOUT);
    tcp->unacked = 0;
    tcp->rx_bytes = 200;
    return pass(flight, layer, us);
}

static bool operate(struct flight *flight)
{
    const struct weather *weather = flight->weather;
    double slowness = weather->slowness > 0 ? weather->slowness : 1;
    int64_t think_us = noisy(flight, (int64_t)((double)weather->think_us * slowness), 0.25);

    if (draw_chance(flight->draw, 0.004))
        think_us *= 4; /* every far side has a slow tail */
    if (!exchange(flight, FL_LAYER_OPERATE, think_us))
        return false;
    if (weather->error == FL_FAILURE_NONE)
        return true;
    flight->result->phase_us[FL_LAYER_OPERATE] = FL_ABSENT;
    return stop(flight, FL_LAYER_OPERATE, weather->error);
}

static bool secure(struct flight *flight)
{
    enum fl_failure error = flight->weather->error;

    if (!exchange(flight, FL_LAYER_TLS, noisy(flight, 1500, 0.1)))
        return false;
    if (error != FL_FAILURE_CERT_EXPIRED && error != FL_FAILURE_CERT_INVALID)
        return true;
    flight->result->phase_us[FL_LAYER_TLS] = FL_ABSENT;
    return stop(flight, FL_LAYER_TLS, error);
}

static bool echo(struct flight *flight, enum fl_layer layer, int64_t think_us)
{
    if (flight->weather->stalled || lost(flight, true) || lost(flight, false))
        return stop(flight, layer, FL_FAILURE_TIMEOUT);
    return pass(flight, layer, noisy(flight, flight->weather->rtt_us, 0.06) + think_us);
}

static bool has_login(const char *type)
{
    return strcmp(type, "nbd") == 0 || strcmp(type, "iscsi") == 0 || strcmp(type, "nfs") == 0 ||
           strcmp(type, "s3") == 0;
}

static bool fly(struct flight *flight, const char *type)
{
    if (strcmp(type, "icmp") == 0 || strcmp(type, "udp") == 0)
        return echo(flight, FL_LAYER_CONNECT, 0);
    if (strcmp(type, "dns") == 0) {
        if (!echo(flight, FL_LAYER_OPERATE, noisy(flight, 300, 0.2)))
            return false;
        return flight->weather->error == FL_FAILURE_NONE ||
               stop(flight, FL_LAYER_OPERATE, flight->weather->error);
    }
    if (!resolve(flight) || !connect_tcp(flight))
        return false;
    if (strcmp(type, "https") == 0 && !secure(flight))
        return false;
    if (has_login(type) && !exchange(flight, FL_LAYER_LOGIN, 200))
        return false;
    return strcmp(type, "tcp") == 0 || operate(flight);
}

void physics_probe(struct draw *draw, const struct weather *weather, const char *type,
                   int64_t timeout_us, struct fl_result *result)
{
    struct flight flight = {draw, weather, result, timeout_us};

    result->took_us = 0;
    result->ok = fly(&flight, type);
    if (!result->ok) {
        result->took_us = result->took_us < timeout_us ? result->took_us : timeout_us;
        return;
    }
    result->layer = FL_LAYER_NONE;
    result->failure = FL_FAILURE_NONE;
    if (weather->lag_us > 0 && draw_chance(draw, 0.6)) {
        int64_t late_us = (int64_t)((double)weather->lag_us * draw_unit(draw));

        result->took_us += late_us;
        if (result->phase_us[FL_LAYER_CONNECT] != FL_ABSENT)
            result->phase_us[FL_LAYER_CONNECT] += late_us;
    }
}
