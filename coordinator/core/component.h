/* What can be at fault, by name and by number, and which of it a series touches. */
#pragma once

#include "coordinator/core/fleet.h"

enum component_type {
    COMPONENT_LINK,
    COMPONENT_HOST,
    COMPONENT_TARGET,
    COMPONENT_BACKEND,
    COMPONENT_RESOLVER,
    COMPONENT_PATH,
    COMPONENT_ZONE,
    COMPONENT_PLACE,
    COMPONENT_TYPES
};

struct component {
    enum component_type type;
    uint32_t a; /* agent, target, backend, zone or place; the zone of a path */
    uint32_t b; /* the other place of a path; else 0 */
};

/* Components are numbered from 0, in an order that does not depend on memory: ties are broken by
 * it. */
size_t component_count(const struct fleet *fleet);
uint32_t component_id(const struct fleet *fleet, const struct component *component);
struct component component_of_id(const struct fleet *fleet, uint32_t id);

bool component_equal(const struct component *x, const struct component *y);
void component_name(const struct fleet *fleet, const struct component *component,
                    char name[FL_COMPONENT_SIZE]);
/* The same by name in another fleet. False: it has none. */
bool component_in(const struct fleet *from, const struct component *component,
                  const struct fleet *to, struct component *ret);
/* In words: "the way between zone a and storage". */
void component_words(const struct fleet *fleet, const struct component *component, char *words,
                     size_t size);

/* On which side of the component the probe starts. */
enum side {
    SIDE_NEAR, /* the agent is inside: of the host, the zone, the path's first place */
    SIDE_FAR,
    SIDES
};

struct touch {
    uint32_t id;
    enum side side;
};

/* Every component that a series touches; `probe` FLEET_NONE for the agent's own series. */
#define COMPONENTS_PER_SERIES 10
size_t component_touches(const struct fleet *fleet, uint32_t agent, uint32_t probe,
                         struct touch touches[COMPONENTS_PER_SERIES]);
