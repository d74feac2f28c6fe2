#include "tests/bench/accuracy/tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *room_for(void *array, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return array;
    *room = *room ? *room * 2 : 64;
    array = realloc(array, *room * size);
    if (!array)
        abort();
    return array;
}

static void add_truth(struct tally *tally, const struct truth_outcome *truth)
{
    tally->faults++;
    tally->found += truth->found;
    tally->right_place += truth->right_place;
    tally->right_class += truth->right_class;
    tally->right_cause += truth->right_cause;
    tally->told += truth->told;
    tally->told_right += truth->told_right;
    tally->reachable += truth->reachable;
    tally->reached += truth->reachable && truth->found;
    if (!truth->found)
        return;
    tally->times = room_for(tally->times, tally->n_times, &tally->times_room, sizeof(float));
    tally->times[tally->n_times++] = truth->intervals;
    if (truth->hard) {
        tally->hard = room_for(tally->hard, tally->n_hard, &tally->hard_room, sizeof(float));
        tally->hard[tally->n_hard++] = truth->intervals;
    }
    tally->limits = room_for(tally->limits, tally->n_limits, &tally->limits_room, sizeof(float));
    tally->limits[tally->n_limits++] = truth->limits;
}

void tally_add(struct tally *tally, const struct outcome *outcome)
{
    tally->scenarios++;
    tally->incidents += outcome->incidents;
    tally->wrong += outcome->wrong;
    tally->again += outcome->again;
    tally->wrong_first += outcome->wrong_first;
    tally->updates += outcome->updates;
    tally->hours += outcome->hours;
    tally->results += outcome->results;
    for (uint32_t i = 0; i < outcome->n_truths; i++)
        add_truth(tally, &outcome->truths[i]);
    for (uint32_t i = 0; i < outcome->n_said; i++) {
        tally->said = room_for(tally->said, tally->n_said, &tally->said_room, sizeof(struct said));
        tally->said[tally->n_said++] = (struct said){outcome->sure[i], outcome->right[i]};
    }
}

void tally_done(struct tally *tally)
{
    free(tally->times);
    free(tally->hard);
    free(tally->limits);
    free(tally->said);
    memset(tally, 0, sizeof(*tally));
}

double tally_share(unsigned n, unsigned of)
{
    return of ? (double)n / of : (double)NAN;
}

double tally_recall(const struct tally *tally)
{
    return tally_share(tally->found, tally->faults);
}

double tally_precision(const struct tally *tally)
{
    return 1 - tally_share(tally->wrong, tally->incidents);
}

double tally_f1(const struct tally *tally)
{
    double recall = tally_recall(tally), precision = tally_precision(tally);

    if (tally->faults > 0 && (tally->incidents == 0 || recall + precision <= 0))
        return 0; /* nothing was said, or nothing right */
    return 2 * recall * precision / (recall + precision);
}

static int compare_floats(const void *x, const void *y)
{
    float a = *(const float *)x, b = *(const float *)y;

    return (a > b) - (a < b);
}

double tally_quantile(float *values, size_t n, double share)
{
    if (n == 0)
        return (double)NAN;
    qsort(values, n, sizeof(*values), compare_floats);
    return (double)values[(size_t)(share * (double)(n - 1) + 0.5)];
}

static int compare_said(const void *x, const void *y)
{
    const struct said *a = x, *b = y;

    return (a->sure > b->sure) - (a->sure < b->sure);
}

struct reliability tally_reliability(struct tally *tally, unsigned tenth)
{
    struct reliability bin = {0, 0, 0};
    size_t from = tenth * tally->n_said / TALLY_TENTHS;

    qsort(tally->said, tally->n_said, sizeof(*tally->said), compare_said);
    for (size_t i = from; i < (tenth + 1) * tally->n_said / TALLY_TENTHS; i++) {
        bin.sure += (double)tally->said[i].sure;
        bin.right += tally->said[i].right;
        bin.n++;
    }
    if (bin.n > 0) {
        bin.sure /= bin.n;
        bin.right /= bin.n;
    }
    return bin;
}

double tally_ece(struct tally *tally)
{
    double sum = 0;

    if (tally->n_said == 0)
        return (double)NAN;
    for (unsigned tenth = 0; tenth < TALLY_TENTHS; tenth++) {
        struct reliability bin = tally_reliability(tally, tenth);

        sum += bin.n * fabs(bin.sure - bin.right);
    }
    return sum / (double)tally->n_said;
}

double tally_brier(const struct tally *tally)
{
    double sum = 0;

    for (size_t i = 0; i < tally->n_said; i++) {
        double difference = (double)tally->said[i].sure - tally->said[i].right;

        sum += difference * difference;
    }
    return tally->n_said ? sum / (double)tally->n_said : (double)NAN;
}
