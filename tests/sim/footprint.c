#include "tests/sim/footprint.h"

#include "tests/sim/touch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_type(const char *type, const char *const *types, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

static bool is_stream(const char *type)
{
    static const char *const others[] = {"icmp", "udp", "dns"};

    return !is_type(type, others, FL_COUNT(others));
}

/* Does anything that the probe sends or gets exceed a small packet? */
static bool is_large(const struct sim_target *like, const char *type)
{
    return is_stream(type) && strcmp(type, "tcp") != 0 &&
           (like->reply_bytes > 1000 || like->has_tls || like->by_steps ||
            strcmp(type, "https") == 0);
}

/* Can the probe show the effect at all? */
static bool shows(const struct sim *sim, const struct sim_fault *fault, uint32_t agent,
                  uint32_t probe)
{
    const struct fleet_probe *spec = &sim_fleet(sim)->probes[probe];
    const struct sim_target *like = sim_target(sim, spec->target);

    switch (fault->effect) {
    case SIM_MTU:
        return is_large(like, spec->type);
    case SIM_DOWN: /* who is down probes nobody */
        return fault->component.type != COMPONENT_HOST || fault->component.a != agent;
    case SIM_SILENT:
        return false;
    case SIM_STALL:
    case SIM_SLOW:
        return strcmp(spec->type, "tcp") != 0 && (fault->steps == 0 || like->by_steps);
    case SIM_FAILURE:
        if (fault->failure == FL_FAILURE_CERT_EXPIRED || fault->failure == FL_FAILURE_CERT_INVALID)
            return strcmp(spec->type, "https") == 0 || like->has_tls;
        return strcmp(spec->type, "tcp") != 0 && (fault->steps == 0 || like->by_steps);
    case SIM_INNER_LOSS:
    case SIM_SYN_FLOOD:
        return is_stream(spec->type);
    case SIM_RESOLVE_FAILS:
        return is_stream(spec->type) && like->named;
    default:
        return true;
    }
}

/* Does the effect show in whether the agent is heard? */
static bool silences(const struct sim *sim, const struct sim_fault *fault, uint32_t agent)
{
    uint32_t zone = sim_fleet(sim)->agents[agent].zone, place = sim_coordinator(sim);

    if (fault->effect == SIM_SILENT || fault->effect == SIM_DOWN)
        return true;
    if ((fault->effect != SIM_CUT && fault->effect != SIM_LOCAL) || fault->flows > 0)
        return false;
    return fault->component.type == COMPONENT_HOST || (place != FLEET_NONE && place != zone);
}

/* A series by its number: probe FLEET_NONE for the agent's own. */
static void series_at(const struct fleet *fleet, size_t i, uint32_t *agent, uint32_t *probe)
{
    *agent = (uint32_t)(i / (fleet->n_probes + 1));
    *probe = (uint32_t)(i % (fleet->n_probes + 1));
    if (*probe == fleet->n_probes)
        *probe = FLEET_NONE;
}

static bool able(const struct sim *sim, const struct sim_fault *fault, uint32_t agent,
                 uint32_t probe)
{
    if (probe == FLEET_NONE)
        return silences(sim, fault, agent);
    return sim_plans(sim, agent, probe) && shows(sim, fault, agent, probe);
}

/* How often an agent is heard at least: with its most frequent probe. */
static int64_t heard_every_us(const struct fleet *fleet)
{
    int64_t shortest_us = INT64_MAX;

    for (size_t i = 0; i < fleet->n_probes; i++)
        if (fleet->probes[i].interval_us < shortest_us)
            shortest_us = fleet->probes[i].interval_us;
    return shortest_us;
}

int footprint_new(const struct sim *sim, const struct sim_fault *fault, struct footprint *ret)
{
    const struct fleet *fleet = sim_fleet(sim);
    uint32_t agent, probe;

    *ret = (struct footprint){.n_series = fleet->n_agents * (fleet->n_probes + 1),
                              .interval_us = INT64_MAX};
    ret->in = calloc(ret->n_series + 1, 1);
    if (!ret->in)
        return -ENOMEM;
    for (size_t i = 0; i < ret->n_series; i++) {
        int64_t interval_us;

        series_at(fleet, i, &agent, &probe);
        if (!able(sim, fault, agent, probe) || !touch_is(fleet, &fault->component, agent, probe))
            continue;
        ret->in[i] = 1;
        ret->n++;
        interval_us =
            probe == FLEET_NONE ? heard_every_us(fleet) : fleet->probes[probe].interval_us;
        ret->rate_hz += 1e6 / (double)interval_us;
        if (interval_us < ret->interval_us)
            ret->interval_us = interval_us;
    }
    return 0;
}

void footprint_done(struct footprint *footprint)
{
    free(footprint->in);
    footprint->in = NULL;
}

double footprint_overlap(const struct footprint *x, const struct footprint *y)
{
    size_t both = 0, less = x->n < y->n ? x->n : y->n;

    for (size_t i = 0; i < x->n_series; i++)
        both += x->in[i] && y->in[i];
    return less ? (double)both / (double)less : 0;
}

/* The network, what lies behind it, names, and the watching itself fail in ways of their own: the
 * layer that stops and the kernel's word tell them apart even where the same probes suffer. Only a
 * far side that is not there at all looks like a cut. */
static bool same_side(const struct sim_fault *fault, const struct component *other)
{
    enum side { NETWORK, FAR, NAMES, WATCHING };
    static const enum side sides[COMPONENT_TYPES] = {
        [COMPONENT_LINK] = WATCHING, [COMPONENT_HOST] = NETWORK,   [COMPONENT_TARGET] = FAR,
        [COMPONENT_BACKEND] = FAR,   [COMPONENT_RESOLVER] = NAMES, [COMPONENT_PATH] = NETWORK,
        [COMPONENT_ZONE] = NETWORK,  [COMPONENT_PLACE] = NETWORK,
    };
    enum side own = sides[fault->component.type], its = sides[other->type];

    if (fault->effect == SIM_RESOLVE_FAILS)
        return its == NAMES || other->type == COMPONENT_TARGET;
    if ((fault->effect == SIM_CUT || fault->effect == SIM_DOWN) && fault->flows <= 0 &&
        fault->direction == SIM_BOTH)
        return (own == FAR || own == NETWORK) ? its == FAR || its == NETWORK || its == WATCHING
                                              : own == its;
    return own == its;
}

/* How much of a component was met so far. */
struct met {
    struct component component;
    size_t within, n; /* of its series that could show the effect: in the footprint, and all */
};

static struct met *find_met(struct met *met, size_t *n_met, const struct component *component)
{
    size_t at = 0;

    while (at < *n_met && !component_equal(&met[at].component, component))
        at++;
    if (at == *n_met)
        met[(*n_met)++] = (struct met){.component = *component};
    return &met[at];
}

size_t footprint_same(const struct sim *sim, const struct sim_fault *fault,
                      const struct footprint *footprint, struct component same[FOOTPRINT_MAX_SAME])
{
    const struct fleet *fleet = sim_fleet(sim);
    size_t room = footprint->n * TOUCH_MAX + 1, n_met = 0, n = 0;
    struct met *met = calloc(room, sizeof(*met));
    struct component own[TOUCH_MAX];
    uint32_t agent, probe;

    if (!met)
        abort();
    same[n++] = fault->component;
    /* only what touches every series of the footprint can be the same */
    for (size_t i = 0; i < footprint->n_series; i++) {
        if (!footprint->in[i])
            continue;
        series_at(fleet, i, &agent, &probe);
        for (size_t k = 0, m = touch_all(fleet, agent, probe, own); k < m; k++)
            find_met(met, &n_met, &own[k])->within++;
    }
    for (size_t k = 0; k < n_met && n < FOOTPRINT_MAX_SAME; k++) {
        if (met[k].within != footprint->n ||
            component_equal(&met[k].component, &fault->component) ||
            !same_side(fault, &met[k].component))
            continue;
        for (size_t i = 0; i < footprint->n_series; i++) {
            series_at(fleet, i, &agent, &probe);
            met[k].n +=
                able(sim, fault, agent, probe) && touch_is(fleet, &met[k].component, agent, probe);
        }
        if (met[k].n == footprint->n)
            same[n++] = met[k].component;
    }
    free(met);
    return n;
}
