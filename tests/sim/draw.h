/* Seeded random numbers: xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift
 * generators, scrambled"). */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct draw {
    uint64_t state;
};

static inline struct draw draw_seed(uint64_t seed)
{
    /* splitmix64, so that neighbouring seeds share nothing */
    uint64_t z = seed + UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (struct draw){(z ^ (z >> 31)) | 1};
}

static inline double draw_unit(struct draw *draw)
{
    draw->state ^= draw->state >> 12;
    draw->state ^= draw->state << 25;
    draw->state ^= draw->state >> 27;
    return (double)((draw->state * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
}

static inline bool draw_chance(struct draw *draw, double p)
{
    return draw_unit(draw) < p;
}

static inline double draw_between(struct draw *draw, double low, double high)
{
    return low + (high - low) * draw_unit(draw);
}

/* low..high, both included */
static inline uint32_t draw_int(struct draw *draw, uint32_t low, uint32_t high)
{
    return low + (uint32_t)(draw_unit(draw) * (double)(high - low + 1));
}

/* A factor around 1 with the given spread in log space. */
static inline double draw_factor(struct draw *draw, double spread)
{
    double u = draw_unit(draw), v = draw_unit(draw);

    return exp(spread * sqrt(-2 * log(u + 1e-12)) * cos(6.283185307179586 * v));
}
