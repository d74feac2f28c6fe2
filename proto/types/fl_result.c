#include "proto/types/fl_result.h"

#include "proto/types/fl_limits.h"

#include <errno.h>
#include <string.h>

#define MAX_CERT_END_S 253402300799 /* the end of the year 9999 */

static const char *const layer_names[FL_LAYERS] = {"resolve", "connect", "tls", "login", "operate"};

static const char *const failure_names[FL_FAILURES] = {
    "none",         "timeout",      "refused",  "reset",  "unreachable", "nxdomain", "servfail",
    "cert_expired", "cert_invalid", "protocol", "status", "content",     "io_error", "read_only",
    "no_space",     "denied",       "local",    "quota",  "stale",
};

static const char *const step_names[FL_STEPS] = {"write", "flush", "read"};

static const char *const tcp_names[FL_TCP_FIELDS] = {
    "rtt_us",  "min_rtt_us", "retrans", "op_retrans", "unacked",
    "notsent", "rx_bytes",   "rx_ooo",  "tx_bytes",   "tx_acked",
};

const struct fl_facts fl_facts_absent = {FL_ABSENT, FL_ABSENT, FL_ABSENT, FL_ABSENT, FL_ABSENT};

void fl_result_init(struct fl_result *result)
{
    memset(result, 0, sizeof(*result));
    result->rx_us = FL_ABSENT;
    result->layer = FL_LAYER_NONE;
    result->step = FL_STEP_NONE;
    for (int i = 0; i < FL_LAYERS; i++)
        result->phase_us[i] = FL_ABSENT;
    for (int i = 0; i < FL_STEPS; i++)
        result->step_us[i] = FL_ABSENT;
    for (int i = 0; i < FL_TCP_FIELDS; i++)
        *fl_tcp_field(&result->tcp, i) = FL_ABSENT;
    result->tls_resumed = FL_ABSENT;
    result->facts = fl_facts_absent;
}

static bool duration_bad(int64_t us)
{
    return us != FL_ABSENT && (us < 0 || us > FL_MAX_INTERVAL_US);
}

static bool counter_bad(int64_t count)
{
    return count != FL_ABSENT && (count < 0 || count > FL_MAX_COUNTER);
}

static bool time_bad(fl_time t_us)
{
    return t_us < 0 || t_us > FL_MAX_TIME_US;
}

static int check_facts(const struct fl_facts *facts, struct fl_error *err)
{
    const struct {
        const char *name;
        int64_t value, most;
    } checks[] = {
        {"cert_end_s", facts->cert_end_s, MAX_CERT_END_S},
        {"tls_version", facts->tls_version, UINT16_MAX},
        {"http_status", facts->http_status, 999},
        {"http_version", facts->http_version, 99},
        {"http_redirects", facts->http_redirects, UINT16_MAX},
    };

    for (size_t i = 0; i < FL_COUNT(checks); i++)
        if (checks[i].value != FL_ABSENT &&
            (checks[i].value < 0 || checks[i].value > checks[i].most))
            return fl_error_set(err, -EINVAL, "result: \"%s\" is out of range", checks[i].name);
    return 0;
}

int fl_result_check(const struct fl_result *result, struct fl_error *err)
{
    if (time_bad(result->t_us) || duration_bad(result->took_us) || result->took_us == FL_ABSENT)
        return fl_error_set(err, -EINVAL, "result: start or duration out of range");
    if (result->rx_us != FL_ABSENT && time_bad(result->rx_us))
        return fl_error_set(err, -EINVAL, "result: time of arrival out of range");
    if (time_bad(result->stalled_us))
        return fl_error_set(err, -EINVAL, "result: age of a stall out of range");
    if (result->tls_resumed != FL_ABSENT && result->tls_resumed != 0 && result->tls_resumed != 1)
        return fl_error_set(err, -EINVAL, "result: \"tls_resumed\" is neither 0 nor 1");
    if (check_facts(&result->facts, err) < 0)
        return -EINVAL;
    if ((unsigned)result->layer > FL_LAYER_NONE || (unsigned)result->failure >= FL_FAILURES ||
        (unsigned)result->step > FL_STEP_NONE)
        return fl_error_set(err, -EINVAL, "result: unknown layer, error or step");
    if (result->ok != (result->layer == FL_LAYER_NONE) ||
        result->ok != (result->failure == FL_FAILURE_NONE))
        return fl_error_set(err, -EINVAL,
                            "result: a failed one has a layer and an error, an ok one neither");
    for (int i = 0; i < FL_LAYERS; i++)
        if (duration_bad(result->phase_us[i]))
            return fl_error_set(err, -EINVAL, "result: duration of layer \"%s\" out of range",
                                layer_names[i]);
    for (int i = 0; i < FL_STEPS; i++)
        if (duration_bad(result->step_us[i]))
            return fl_error_set(err, -EINVAL, "result: duration of step \"%s\" out of range",
                                step_names[i]);
    for (int i = 0; i < FL_TCP_FIELDS; i++)
        if (counter_bad(fl_tcp_get(&result->tcp, i)))
            return fl_error_set(err, -EINVAL, "result: tcp \"%s\" out of range", tcp_names[i]);
    return 0;
}

static int find(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

const char *fl_layer_name(enum fl_layer layer)
{
    return (unsigned)layer < FL_LAYERS ? layer_names[layer] : "none";
}

int fl_layer_parse(const char *name)
{
    return find(layer_names, FL_LAYERS, name);
}

const char *fl_failure_name(enum fl_failure failure)
{
    return (unsigned)failure < FL_FAILURES ? failure_names[failure] : "none";
}

int fl_failure_parse(const char *name)
{
    int i = find(failure_names, FL_FAILURES, name);

    return i == FL_FAILURE_NONE ? -1 : i;
}

const char *fl_step_name(enum fl_step step)
{
    return (unsigned)step < FL_STEPS ? step_names[step] : "none";
}

int fl_step_parse(const char *name)
{
    return find(step_names, FL_STEPS, name);
}

const char *fl_tcp_name(int field)
{
    return tcp_names[field];
}

int64_t *fl_tcp_field(struct fl_tcp *tcp, int field)
{
    int64_t *const fields[FL_TCP_FIELDS] = {
        &tcp->rtt_us,  &tcp->min_rtt_us, &tcp->retrans, &tcp->op_retrans, &tcp->unacked,
        &tcp->notsent, &tcp->rx_bytes,   &tcp->rx_ooo,  &tcp->tx_bytes,   &tcp->tx_acked,
    };

    return fields[field];
}

int64_t fl_tcp_get(const struct fl_tcp *tcp, int field)
{
    const int64_t fields[FL_TCP_FIELDS] = {
        tcp->rtt_us,  tcp->min_rtt_us, tcp->retrans, tcp->op_retrans, tcp->unacked,
        tcp->notsent, tcp->rx_bytes,   tcp->rx_ooo,  tcp->tx_bytes,   tcp->tx_acked,
    };

    return fields[field];
}

bool fl_tcp_absent(const struct fl_tcp *tcp)
{
    for (int i = 0; i < FL_TCP_FIELDS; i++)
        if (fl_tcp_get(tcp, i) != FL_ABSENT)
            return false;
    return true;
}

bool fl_tcp_delivered(const struct fl_tcp *tcp)
{
    return tcp->tx_bytes > 0 && tcp->tx_acked == tcp->tx_bytes && tcp->notsent <= 0 &&
           tcp->rx_bytes == 0;
}
