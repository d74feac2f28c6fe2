/* Why not a sequential test of the ratio: with one in a thousand allowed, two errors in the first
 * ten probes would end it, and two errors in a row are one blip. A count that is fixed for the
 * whole run has the same size however often it is looked at, since it only grows. */
#include "coordinator/core/gate.h"

#include <math.h>

#define NEGLIGIBLE 1e-17

static double log_choose(uint64_t n, uint64_t k)
{
    return lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1);
}

/* P(exactly k of n) */
static double exactly(uint64_t n, uint64_t k, double p)
{
    return exp(log_choose(n, k) + (double)k * log(p) + (double)(n - k) * log1p(-p));
}

/* Summed away from the mean, each term from the one before, until they count no more. */
double gate_tail(uint64_t n, uint64_t k, double p)
{
    double odds = p / (1 - p), term, sum = 0;

    if (k == 0 || p >= 1)
        return k <= n ? 1 : 0;
    if (k > n || p <= 0)
        return 0;
    if ((double)k > (double)n * p) {
        term = exactly(n, k, p);
        for (uint64_t i = k; i <= n && term > sum * NEGLIGIBLE; i++) {
            sum += term;
            term *= (double)(n - i) / (double)(i + 1) * odds;
        }
        return fmin(sum, 1);
    }
    term = exactly(n, k - 1, p);
    for (uint64_t i = k; i > 0 && term > sum * NEGLIGIBLE; i--) {
        sum += term;
        term *= (double)(i - 1) / (double)(n - i + 2) / odds;
    }
    return fmax(1 - sum, 0);
}

double gate_same(uint64_t n, uint64_t k, uint64_t n0, uint64_t k0)
{
    uint64_t errors = k + k0, most = errors < n ? errors : n;
    double sum = 0, all = log_choose(n + n0, errors);

    for (uint64_t i = k; i <= most; i++)
        if (errors - i <= n0)
            sum += exp(log_choose(n, i) + log_choose(n0, errors - i) - all);
    return fmin(sum, 1);
}

uint64_t gate_allowance(uint64_t n, double allowed)
{
    uint64_t low = 0, high = n;

    /* the least k that n probes reach by accident with GATE_ALPHA at most, less one */
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (gate_tail(n, middle + 1, allowed) <= GATE_ALPHA)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void gate_plan(struct gate_limits *limits)
{
    limits->errors = gate_allowance(limits->planned, limits->max_errors);
    limits->late = gate_allowance(limits->planned, GATE_SLOW);
}

static bool is_later(const struct gate_before *before, int64_t took_us)
{
    return before->p99_us > 0 && (double)took_us > GATE_LATER * (double)before->p99_us &&
           took_us > before->p99_us + GATE_LATER_LEAST_US;
}

void gate_add(struct gate_zone *zone, const struct gate_limits *limits, bool ok, int64_t took_us)
{
    zone->n++;
    zone->errors += !ok;
    zone->late += ok && limits->max_p99_us > 0 && took_us > limits->max_p99_us;
    zone->later += ok && is_later(&zone->before, took_us);
}

double gate_detects(const struct gate_limits *limits, uint64_t n)
{
    uint64_t allowed = limits->errors;
    double low = 0, high = 1;

    if (n <= allowed)
        return 1;
    for (int i = 0; i < 40; i++) {
        double middle = (low + high) / 2;

        if (gate_tail(n, allowed + 1, middle) >= GATE_POWER)
            high = middle;
        else
            low = middle;
    }
    return high;
}

static bool bad_before(const struct gate_zone *zone, const struct gate_limits *limits)
{
    const struct gate_before *before = &zone->before;

    if (before->n == 0)
        return false;
    if (gate_tail(before->n, before->errors, limits->max_errors) <= GATE_ALPHA &&
        before->errors > 0)
        return true;
    return limits->max_p99_us > 0 && before->p99_us > limits->max_p99_us;
}

static enum gate_reason what_fails(const struct gate_zone *zone, const struct gate_limits *limits)
{
    const struct gate_before *before = &zone->before;

    if (zone->errors > limits->errors)
        return GATE_ERRORS;
    if (zone->late > limits->late)
        return GATE_LATE;
    /* how often this is looked at is part of its price: a tenth of what a test at the end may */
    if (before->n > 0 && zone->errors > 1 &&
        gate_same(zone->n, zone->errors, before->n, before->errors) <= GATE_ALPHA / 10)
        return GATE_WORSE;
    if (zone->later > limits->late)
        return GATE_LATER_BEFORE;
    return GATE_NO_REASON;
}

enum gate_state gate_judge(const struct gate_zone *zone, const struct gate_limits *limits,
                           bool over, enum gate_reason *ret_reason)
{
    double wanted = fmax(GATE_DETECT, fmin(1, 10 * limits->max_errors));

    *ret_reason = GATE_NO_REASON;
    if (bad_before(zone, limits)) {
        *ret_reason = GATE_BAD_BEFORE;
        return GATE_UNSURE;
    }
    *ret_reason = what_fails(zone, limits);
    if (*ret_reason != GATE_NO_REASON)
        return GATE_FAIL;
    if (!over)
        return GATE_GOING;
    if (gate_detects(limits, zone->n) <= wanted)
        return GATE_PASS;
    *ret_reason = GATE_TOO_FEW;
    return GATE_UNSURE;
}
