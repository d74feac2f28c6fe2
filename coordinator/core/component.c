#include "coordinator/core/component.h"

#include <stdio.h>
#include <string.h>

/* How many there are of each type, in the order of the types. */
static void count_types(const struct fleet *fleet, size_t counts[COMPONENT_TYPES])
{
    counts[COMPONENT_LINK] = fleet->n_agents;
    counts[COMPONENT_HOST] = fleet->n_agents;
    counts[COMPONENT_TARGET] = fleet->n_targets;
    counts[COMPONENT_BACKEND] = fleet->n_backends;
    counts[COMPONENT_RESOLVER] = fleet->n_zones;
    counts[COMPONENT_PATH] = fleet->n_zones * fleet->n_places;
    counts[COMPONENT_ZONE] = fleet->n_zones;
    counts[COMPONENT_PLACE] = fleet->n_places;
}

size_t component_count(const struct fleet *fleet)
{
    size_t counts[COMPONENT_TYPES], n = 0;

    count_types(fleet, counts);
    for (int i = 0; i < COMPONENT_TYPES; i++)
        n += counts[i];
    return n;
}

uint32_t component_id(const struct fleet *fleet, const struct component *component)
{
    size_t counts[COMPONENT_TYPES], id = component->a;

    count_types(fleet, counts);
    if (component->type == COMPONENT_PATH)
        id = component->a * fleet->n_places + component->b;
    for (int i = 0; i < (int)component->type; i++)
        id += counts[i];
    return (uint32_t)id;
}

struct component component_of_id(const struct fleet *fleet, uint32_t id)
{
    size_t counts[COMPONENT_TYPES];
    int type = 0;

    count_types(fleet, counts);
    while (id >= counts[type])
        id -= (uint32_t)counts[type++];
    if (type == COMPONENT_PATH)
        return (struct component){COMPONENT_PATH, id / (uint32_t)fleet->n_places,
                                  id % (uint32_t)fleet->n_places};
    return (struct component){(enum component_type)type, id, 0};
}

bool component_equal(const struct component *x, const struct component *y)
{
    return x->type == y->type && x->a == y->a && x->b == y->b;
}

static void path_name(const struct fleet *fleet, const struct component *path,
                      char name[FL_COMPONENT_SIZE])
{
    const char *a = fleet->places[path->a].name, *b = fleet->places[path->b].name;

    if (strcmp(b, "external") == 0)
        (void)snprintf(name, FL_COMPONENT_SIZE, "path:%s>external", a);
    else if (strcmp(a, b) < 0)
        (void)snprintf(name, FL_COMPONENT_SIZE, "path:%s~%s", a, b);
    else
        (void)snprintf(name, FL_COMPONENT_SIZE, "path:%s~%s", b, a);
}

void component_name(const struct fleet *fleet, const struct component *component,
                    char name[FL_COMPONENT_SIZE])
{
    static const char *const prefixes[COMPONENT_TYPES] = {"link",     "host", "target", "backend",
                                                          "resolver", "path", "zone",   "place"};
    const char *own = NULL;

    switch (component->type) {
    case COMPONENT_LINK:
    case COMPONENT_HOST:
        own = fleet->agents[component->a].name;
        break;
    case COMPONENT_TARGET:
        own = fleet->targets[component->a].name;
        break;
    case COMPONENT_BACKEND:
        own = fleet->backends[component->a].name;
        break;
    case COMPONENT_PATH:
        path_name(fleet, component, name);
        return;
    default:
        own = fleet->places[component->a].name;
        break;
    }
    (void)snprintf(name, FL_COMPONENT_SIZE, "%s:%s", prefixes[component->type], own);
}

static uint32_t find_zone(const struct fleet *fleet, const char *name)
{
    uint32_t place = fleet_find_place(fleet, name);

    return place < fleet->n_zones ? place : FLEET_NONE;
}

static uint32_t find_backend(const struct fleet *fleet, const char *name)
{
    for (uint32_t i = 0; i < fleet->n_backends; i++)
        if (strcmp(fleet->backends[i].name, name) == 0)
            return i;
    return FLEET_NONE;
}

bool component_in(const struct fleet *from, const struct component *component,
                  const struct fleet *to, struct component *ret)
{
    uint32_t a = component->a;

    *ret = *component;
    switch (component->type) {
    case COMPONENT_LINK:
    case COMPONENT_HOST:
        ret->a = fleet_find_agent(to, from->agents[a].name);
        break;
    case COMPONENT_TARGET:
        ret->a = fleet_find_target(to, from->targets[a].name);
        break;
    case COMPONENT_BACKEND:
        ret->a = find_backend(to, from->backends[a].name);
        break;
    case COMPONENT_PATH:
        ret->b = fleet_find_place(to, from->places[component->b].name);
        ret->a = find_zone(to, from->places[a].name);
        break;
    case COMPONENT_PLACE:
        ret->a = fleet_find_place(to, from->places[a].name);
        break;
    default:
        ret->a = find_zone(to, from->places[a].name);
        break;
    }
    return ret->a != FLEET_NONE && ret->b != FLEET_NONE;
}

void component_words(const struct fleet *fleet, const struct component *component, char *words,
                     size_t size)
{
    uint32_t a = component->a;

    switch (component->type) {
    case COMPONENT_LINK:
        (void)snprintf(words, size, "agent %s's way to the coordinator", fleet->agents[a].name);
        break;
    case COMPONENT_HOST:
        (void)snprintf(words, size, "the host of agent %s", fleet->agents[a].name);
        break;
    case COMPONENT_TARGET:
        (void)snprintf(words, size, "target %s", fleet->targets[a].name);
        break;
    case COMPONENT_BACKEND:
        (void)snprintf(words, size, "backend %s", fleet->backends[a].name);
        break;
    case COMPONENT_RESOLVER:
        (void)snprintf(words, size, "the resolver of zone %s", fleet->places[a].name);
        break;
    case COMPONENT_PATH:
        (void)snprintf(words, size, "the way between %s and %s", fleet->places[a].name,
                       fleet->places[component->b].name);
        break;
    case COMPONENT_ZONE:
        (void)snprintf(words, size, "everything into and out of zone %s", fleet->places[a].name);
        break;
    default:
        (void)snprintf(words, size, "everything into and out of %s", fleet->places[a].name);
        break;
    }
}

/* A touch of the component whose inside is the agent's when `inside`. */
static struct touch touch_of(const struct fleet *fleet, enum component_type type, uint32_t a,
                             bool inside)
{
    struct component component = {type, a, 0};

    return (struct touch){component_id(fleet, &component), inside ? SIDE_NEAR : SIDE_FAR};
}

/* A path has one form whichever end asks: the place with the lesser index first. */
static struct touch path_touch(const struct fleet *fleet, uint32_t from, uint32_t to)
{
    struct component path = {COMPONENT_PATH, from < to ? from : to, from < to ? to : from};

    return (struct touch){component_id(fleet, &path), from < to ? SIDE_NEAR : SIDE_FAR};
}

static struct touch place_touch(const struct fleet *fleet, uint32_t place)
{
    return touch_of(fleet, place < fleet->n_zones ? COMPONENT_ZONE : COMPONENT_PLACE, place, false);
}

size_t component_touches(const struct fleet *fleet, uint32_t agent, uint32_t probe,
                         struct touch touches[COMPONENTS_PER_SERIES])
{
    uint32_t zone = fleet->agents[agent].zone;
    const struct fleet_target *target;
    uint32_t index;
    size_t n = 0;

    touches[n++] = touch_of(fleet, COMPONENT_HOST, agent, true);
    if (probe == FLEET_NONE) {
        touches[n++] = touch_of(fleet, COMPONENT_LINK, agent, true);
        touches[n++] = touch_of(fleet, COMPONENT_ZONE, zone, true);
        return n;
    }
    index = fleet->probes[probe].target;
    target = &fleet->targets[index];
    if (target->place != zone) {
        touches[n++] = touch_of(fleet, COMPONENT_ZONE, zone, true);
        touches[n++] = place_touch(fleet, target->place);
        touches[n++] = path_touch(fleet, zone, target->place);
    }
    if (target->kind == TARGET_MESH) {
        touches[n++] = touch_of(fleet, COMPONENT_HOST, target->mesh_agent, false);
        return n;
    }
    touches[n++] = touch_of(fleet, COMPONENT_TARGET, index, false);
    touches[n++] = touch_of(fleet, COMPONENT_RESOLVER, zone, true);
    if (target->backend != FLEET_NONE)
        touches[n++] = touch_of(fleet, COMPONENT_BACKEND, target->backend, false);
    return n;
}
