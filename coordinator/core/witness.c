#include "coordinator/core/witness.h"

#define FLOOD_FACTOR 8.0   /* over the host's own normal */
#define FLOOD_LEAST 1000.0 /* datagrams a second: less fills no link */
#define SYN_LEAST 5.0      /* drops or cookies a second: a healthy listener has none */
#define STRAIN_FACTOR 4.0  /* over the host's own normal: */
#define STRAIN_BUSY 0.3    /* share of its processors' time, and */
#define STRAIN_WAIT 0.05   /* of the time in which somebody waited for one */
#define STRAIN_LEARN 0.002
#define STARVED_US (100 * FL_MS)
#define BUSY_PPM 950000
#define LEARN 0.05
#define CLOCK_WRONG_US FL_SECOND

static int64_t sum_present(int64_t a, int64_t b)
{
    return (a == FL_ABSENT ? 0 : a) + (b == FL_ABSENT ? 0 : b);
}

int64_t witness_udp_rate(const struct witness *witness)
{
    return sum_present(witness->host.values[FL_HOST_UDP_RX_PPS],
                       witness->host.values[FL_HOST_UDP_NOPORT_PPS]);
}

int64_t witness_syn_rate(const struct witness *witness)
{
    return sum_present(witness->host.values[FL_HOST_SYNCOOKIES_PS],
                       witness->host.values[FL_HOST_LISTEN_DROPS_PS]);
}

/* What the sample says in parts per million; nothing of what it does not know. */
static double share_of(const struct fl_host_sample *sample, enum fl_host_metric value)
{
    return sample->values[value] == FL_ABSENT ? 0 : (double)sample->values[value] / 1e6;
}

/* Does the rate stand out? If not, learn it. */
static bool stands_out(double rate, double least, double *normal)
{
    if (rate > least && rate > FLOOD_FACTOR * *normal)
        return true;
    *normal += LEARN * (rate - *normal);
    return false;
}

/* The same for a share of the time, which is also learned, slowly, while it stands out: some hosts
 * are always busy. */
static bool strains(double share, double least, double *normal)
{
    bool out = share > least && share > STRAIN_FACTOR * *normal;

    *normal += (out ? STRAIN_LEARN : LEARN) * (share - *normal);
    return out;
}

void witness_probes_every(struct witness *witness, int64_t interval_us)
{
    if (witness->shortest_us == 0 || interval_us < witness->shortest_us)
        witness->shortest_us = interval_us;
}

int64_t witness_shortest_us(const struct witness *witness)
{
    if (witness->shortest_us == 0 || witness->shortest_us > FL_MINUTE)
        return FL_MINUTE;
    return witness->shortest_us;
}

void witness_sample(struct witness *witness, const struct fl_host_sample *sample)
{
    int64_t lag = sample->values[FL_HOST_LOOP_LAG_US];

    witness->host = *sample;
    if (stands_out((double)witness_udp_rate(witness), FLOOD_LEAST, &witness->udp_normal))
        witness->udp_flood_us = sample->rx_us;
    if (stands_out((double)witness_syn_rate(witness), SYN_LEAST, &witness->syn_normal))
        witness->syn_flood_us = sample->rx_us;
    if (strains(share_of(sample, FL_HOST_CPU_BUSY_PPM), STRAIN_BUSY, &witness->cpu_normal))
        witness->strained_us = sample->rx_us;
    if (strains(share_of(sample, FL_HOST_CPU_PRESSURE_PPM), STRAIN_WAIT, &witness->pressure_normal))
        witness->strained_us = sample->rx_us;
    if (lag != FL_ABSENT && lag > STARVED_US)
        witness->starved_us = sample->rx_us;
}

static bool recent(fl_time sign_us, fl_time now_us)
{
    return sign_us != 0 && now_us - sign_us <= WITNESS_MEMORY_US;
}

bool witness_udp_flood(const struct witness *witness, fl_time now_us)
{
    return recent(witness->udp_flood_us, now_us);
}

bool witness_syn_flood(const struct witness *witness, fl_time now_us)
{
    return recent(witness->syn_flood_us, now_us);
}

bool witness_busy(const struct witness *witness)
{
    return witness->host.values[FL_HOST_CPU_BUSY_PPM] != FL_ABSENT &&
           witness->host.values[FL_HOST_CPU_BUSY_PPM] > BUSY_PPM;
}

/* By what was measured; else only a sample from the future tells: one from the past may have been
 * long on its way. */
int64_t witness_clock_error_us(const struct witness *witness)
{
    int64_t offset = witness->host.values[FL_HOST_CLOCK_OFFSET_US];

    if (offset != FL_ABSENT)
        return -offset;
    return witness->host.t_us > witness->host.rx_us ? witness->host.t_us - witness->host.rx_us : 0;
}

bool witness_clock_wrong(const struct witness *witness)
{
    int64_t error_us = witness_clock_error_us(witness);

    return error_us > CLOCK_WRONG_US || error_us < -CLOCK_WRONG_US;
}

bool witness_starved(const struct witness *witness, fl_time now_us)
{
    return recent(witness->starved_us, now_us);
}

bool witness_strained(const struct witness *witness, fl_time since_us)
{
    return witness->strained_us != 0 && witness->strained_us >= since_us;
}
