/* Time is cut into slots of the mean distance; each has one spell, somewhere in it. */
#include "tests/sim/life.h"

/* Shortest and longest spell of each kind. What a target or its watchers suffer is measured in
 * intervals: it is shorter than a fault that must be found within two or three, or nobody could
 * tell the two apart. */
static const struct {
    int64_t least_us, most_us;
    double least, most; /* intervals, on top */
    bool periodic;
} kinds[LIFE_KINDS] = {
    [LIFE_BURST] = {50 * FL_MS, 600 * FL_MS, 0, 0, false},
    [LIFE_STEP] = {0, 0, 0, 0, false},
    [LIFE_JOB] = {0, 0, 0.3, 1.2, true},
    [LIFE_AGENT_PAUSE] = {FL_SECOND, 3 * FL_SECOND, 0, 0, false},
    [LIFE_TARGET_PAUSE] = {0, 0, 0.1, 0.8, false},
    [LIFE_COORDINATOR] = {2 * FL_SECOND, 8 * FL_SECOND, 0, 0, false},
};

static struct spell spell_in(const struct life *life, enum life_kind kind, uint64_t where,
                             int64_t every_us, int64_t slot)
{
    struct draw own = draw_seed(life->seed ^ ((uint64_t)kind << 56) ^ (where << 24)),
                draw = draw_seed(own.state ^ (uint64_t)slot * UINT64_C(0x9e3779b97f4a7c15));
    double length =
        draw_between(&draw, (double)kinds[kind].least_us, (double)kinds[kind].most_us) +
        draw_between(&draw, kinds[kind].least, kinds[kind].most) * (double)life->interval_us;
    double at = draw_unit(kinds[kind].periodic ? &own : &draw);
    struct spell spell = {.severity = draw_unit(&draw)};

    spell.from_us = slot * every_us + (fl_time)(at * ((double)every_us - length));
    spell.until_us = spell.from_us + (fl_time)length;
    return spell;
}

struct spell life_spell(const struct life *life, enum life_kind kind, uint64_t where,
                        int64_t every_us, fl_time t_us)
{
    int64_t slot = t_us / every_us;
    struct spell spell = spell_in(life, kind, where, every_us, slot);

    return spell.from_us > t_us && slot > 0 ? spell_in(life, kind, where, every_us, slot - 1)
                                            : spell;
}

bool life_has(const struct life *life, enum life_kind kind, uint64_t where, int64_t every_us,
              fl_time t_us, struct spell *ret_spell)
{
    if (every_us <= 0)
        return false;
    *ret_spell = life_spell(life, kind, where, every_us, t_us);
    return t_us >= ret_spell->from_us && t_us < ret_spell->until_us;
}
