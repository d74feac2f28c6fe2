/* Everything stands in one array of fixed size, so that nothing can fail while it is used. */
#include "coordinator/core/seqset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct range {
    uint64_t first, last;
};

struct boot {
    uint64_t number;
    uint64_t used; /* the clock of this set when it was last asked for; 0: free */
    size_t n_ranges;
    struct range ranges[SEQSET_RANGES + 1]; /* ascending, apart; one more while one comes in */
};

struct agent_seen {
    struct boot boots[SEQSET_BOOTS];
};

struct seqset {
    size_t n_agents;
    uint64_t clock, forgotten;
    struct agent_seen agents[];
};

int seqset_new(size_t n_agents, struct seqset **ret)
{
    struct seqset *set = calloc(1, sizeof(*set) + n_agents * sizeof(struct agent_seen));

    if (!set)
        return -ENOMEM;
    set->n_agents = n_agents;
    *ret = set;
    return 0;
}

struct seqset *seqset_free(struct seqset *set)
{
    free(set);
    return NULL;
}

/* The boot's ranges; the one that was not used for longest makes room. */
static struct boot *boot_of(struct seqset *set, size_t agent, uint64_t number)
{
    struct boot *boots = set->agents[agent].boots, *oldest = &boots[0];

    for (size_t i = 0; i < SEQSET_BOOTS; i++) {
        if (boots[i].used != 0 && boots[i].number == number)
            return &boots[i];
        if (boots[i].used < oldest->used)
            oldest = &boots[i];
    }
    set->forgotten += oldest->used != 0;
    memset(oldest, 0, sizeof(*oldest));
    oldest->number = number;
    return oldest;
}

static void remove_range(struct boot *boot, size_t at)
{
    memmove(&boot->ranges[at], &boot->ranges[at + 1],
            (boot->n_ranges - at - 1) * sizeof(boot->ranges[0]));
    boot->n_ranges--;
}

/* Put a range of one before the range `at`, then join what touches. */
static void insert(struct boot *boot, size_t at, uint64_t sequence)
{
    memmove(&boot->ranges[at + 1], &boot->ranges[at],
            (boot->n_ranges - at) * sizeof(boot->ranges[0]));
    boot->ranges[at] = (struct range){sequence, sequence};
    boot->n_ranges++;
    if (at + 1 < boot->n_ranges && boot->ranges[at + 1].first - 1 == sequence) {
        boot->ranges[at].last = boot->ranges[at + 1].last;
        remove_range(boot, at + 1);
    }
    if (at > 0 && boot->ranges[at - 1].last + 1 == sequence) {
        boot->ranges[at - 1].last = boot->ranges[at].last;
        remove_range(boot, at);
    }
}

bool seqset_add(struct seqset *set, size_t agent, uint64_t boot_number, uint64_t sequence)
{
    struct boot *boot;
    size_t at = 0;

    if (agent >= set->n_agents)
        return false;
    boot = boot_of(set, agent, boot_number);
    boot->used = ++set->clock;
    while (at < boot->n_ranges && boot->ranges[at].last < sequence)
        at++;
    if (at < boot->n_ranges && boot->ranges[at].first <= sequence)
        return false;
    insert(boot, at, sequence);
    if (boot->n_ranges > SEQSET_RANGES) {
        boot->ranges[0].last = boot->ranges[1].last;
        remove_range(boot, 1);
        set->forgotten++;
    }
    return true;
}

uint64_t seqset_forgotten(const struct seqset *set)
{
    return set->forgotten;
}
