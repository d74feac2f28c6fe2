#include "tests/sim/touch.h"

static struct component border(const struct fleet *fleet, uint32_t place)
{
    return (struct component){place < fleet->n_zones ? COMPONENT_ZONE : COMPONENT_PLACE, place, 0};
}

size_t touch_all(const struct fleet *fleet, uint32_t agent, uint32_t probe,
                 struct component touched[TOUCH_MAX])
{
    uint32_t zone = fleet->agents[agent].zone, index;
    const struct fleet_target *target;
    size_t n = 0;

    touched[n++] = (struct component){COMPONENT_HOST, agent, 0};
    if (probe == FLEET_NONE) {
        touched[n++] = (struct component){COMPONENT_LINK, agent, 0};
        touched[n++] = border(fleet, zone);
        return n;
    }
    index = fleet->probes[probe].target;
    target = &fleet->targets[index];
    if (target->place != zone) {
        uint32_t less = target->place < zone ? target->place : zone;

        touched[n++] = border(fleet, zone);
        touched[n++] = border(fleet, target->place);
        touched[n++] = (struct component){COMPONENT_PATH, less, target->place + zone - less};
    }
    if (target->kind == TARGET_MESH) {
        touched[n++] = (struct component){COMPONENT_HOST, target->mesh_agent, 0};
        return n;
    }
    touched[n++] = (struct component){COMPONENT_TARGET, index, 0};
    touched[n++] = (struct component){COMPONENT_RESOLVER, zone, 0};
    if (target->backend != FLEET_NONE)
        touched[n++] = (struct component){COMPONENT_BACKEND, target->backend, 0};
    return n;
}

bool touch_is(const struct fleet *fleet, const struct component *component, uint32_t agent,
              uint32_t probe)
{
    struct component touched[TOUCH_MAX];
    size_t n = touch_all(fleet, agent, probe, touched);

    for (size_t i = 0; i < n; i++)
        if (component_equal(&touched[i], component))
            return true;
    return false;
}
