#include "coordinator/core/describe.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CUT_SHARE 0.85  /* of the probes fail: nothing gets through */
#define LOSSY_SHARE 0.1 /* of the bad probes lost something: it is not delay alone */
#define LATE_SHARE 0.25 /* of the bad probes were only late: it is not loss alone */

#define SAYS_NOTHING_US (1200 * FL_MS) /* an agent is heard each second at least */

/* Counts of one group of series since the fault began. */
struct tally {
    uint32_t n, bad, failed;
    uint32_t symbols[SYMBOLS];
};

static void say(struct verdict *verdict, const char *format, ...) FL_PRINTF(2, 3);

static void say(struct verdict *verdict, const char *format, ...)
{
    va_list arguments;

    if (verdict->n_evidence == VERDICT_MAX_EVIDENCE)
        return;
    va_start(arguments, format);
    (void)vsnprintf(verdict->evidence[verdict->n_evidence++], VERDICT_SENTENCE_SIZE, format,
                    arguments);
    va_end(arguments);
}

static void tally_window(struct tally *tally, const struct window *window, fl_time since_us)
{
    for (uint32_t i = 0; i < window->n; i++) {
        const struct observation *o = window_at(window, i);

        if (o->t_us < since_us)
            break;
        tally->n++;
        tally->symbols[o->symbol]++;
        tally->bad += symbol_is_bad((enum symbol)o->symbol);
        tally->failed += symbol_is_failed((enum symbol)o->symbol);
    }
}

static bool is_probe(const struct window *window)
{
    return window->probe != FLEET_NONE;
}

static uint32_t zone_of(const struct scene *scene, const struct window *window)
{
    return scene->fleet->agents[window->agent].zone;
}

static const struct fleet_target *target_of(const struct scene *scene, const struct window *window)
{
    return &scene->fleet->targets[scene->fleet->probes[window->probe].target];
}

static bool suffers(const struct scene *scene, const struct window *window,
                    const struct finding *finding)
{
    struct tally tally = {0};

    if (!is_probe(window) || !correlator_touches(scene->fleet, window, &finding->component))
        return false;
    tally_window(&tally, window, finding->since_us);
    for (int s = SYMBOL_OK + 1; s < SYMBOLS; s++)
        if (tally.symbols[s] > 0 && mode_explains(finding->mode, window->family, (enum symbol)s))
            return true;
    return false;
}

static void add_zone(struct verdict *verdict, const char *name)
{
    for (uint32_t i = 0; i < verdict->n_zones; i++)
        if (strcmp(verdict->zones[i], name) == 0)
            return;
    if (verdict->n_zones < VERDICT_MAX_ZONES)
        strcpy(verdict->zones[verdict->n_zones++], name);
}

static void add_target(struct verdict *verdict, const char *name)
{
    for (uint32_t i = 0; i < verdict->n_targets; i++)
        if (strcmp(verdict->targets[i], name) == 0)
            return;
    if (verdict->n_targets < VERDICT_MAX_TARGETS)
        strcpy(verdict->targets[verdict->n_targets++], name);
}

static void touched(const struct scene *scene, const struct finding *finding,
                    struct verdict *verdict)
{
    for (int mesh = 0; mesh < 2; mesh++)
        for (size_t i = 0; i < scene->n_windows; i++) {
            const struct window *window = scene->windows[i];

            if (!suffers(scene, window, finding))
                continue;
            add_zone(verdict, scene->fleet->places[zone_of(scene, window)].name);
            /* the mesh is named only where nothing else suffers */
            if ((target_of(scene, window)->kind == TARGET_MESH) == (mesh == 1) &&
                (mesh == 0 || verdict->n_targets == 0))
                add_target(verdict, target_of(scene, window)->name);
        }
}

/* "9 no answer to the first packets, 3 refused" */
static void list_symbols(const struct tally *tally, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (int s = SYMBOL_OK + 1; s < SYMBOLS && used < size; s++)
        if (tally->symbols[s] > 0)
            used += (size_t)snprintf(text + used, size - used, "%s%" PRIu32 " %s", used ? ", " : "",
                                     tally->symbols[s], symbol_words((enum symbol)s));
}

static void say_who_sees_it(const struct scene *scene, const struct finding *finding,
                            struct verdict *verdict)
{
    for (uint32_t zone = 0; zone < scene->fleet->n_zones && zone < 4; zone++) {
        struct tally tally = {0};
        char symbols[200], words[180];

        for (size_t i = 0; i < scene->n_windows; i++)
            if (is_probe(scene->windows[i]) && zone_of(scene, scene->windows[i]) == zone &&
                correlator_touches(scene->fleet, scene->windows[i], &finding->component))
                tally_window(&tally, scene->windows[i], finding->since_us);
        if (tally.bad == 0)
            continue;
        list_symbols(&tally, symbols, sizeof(symbols));
        component_words(scene->fleet, &finding->component, words, sizeof(words));
        say(verdict, "from zone %s %" PRIu32 " of %" PRIu32 " probes across %s went wrong: %s",
            scene->fleet->places[zone].name, tally.bad, tally.n, words, symbols);
    }
}

/* Who does not see it: the same targets from elsewhere, and other targets from the same zones. */
static void say_who_does_not(const struct scene *scene, const struct verdict *so_far,
                             const struct finding *finding, struct verdict *verdict)
{
    struct tally same = {0}, other = {0};

    for (size_t i = 0; i < scene->n_windows; i++) {
        const struct window *window = scene->windows[i];
        bool its_target = false, its_zone = false;

        if (!is_probe(window) || correlator_touches(scene->fleet, window, &finding->component))
            continue;
        for (uint32_t k = 0; k < so_far->n_targets; k++)
            its_target |= strcmp(so_far->targets[k], target_of(scene, window)->name) == 0;
        for (uint32_t k = 0; k < so_far->n_zones; k++)
            its_zone |=
                strcmp(so_far->zones[k], scene->fleet->places[zone_of(scene, window)].name) == 0;
        if (its_target)
            tally_window(&same, window, finding->since_us);
        else if (its_zone)
            tally_window(&other, window, finding->since_us);
    }
    if (same.n > 0)
        say(verdict, "the same targets from elsewhere: %" PRIu32 " of %" PRIu32 " probes fine",
            same.n - same.bad, same.n);
    if (other.n > 0)
        say(verdict, "other targets from the same zones: %" PRIu32 " of %" PRIu32 " probes fine",
            other.n - other.bad, other.n);
}

static void say_kernel(const struct scene *scene, const struct finding *finding,
                       struct verdict *verdict)
{
    struct tally tally = {0};

    for (size_t i = 0; i < scene->n_windows; i++)
        if (is_probe(scene->windows[i]) &&
            correlator_touches(scene->fleet, scene->windows[i], &finding->component))
            tally_window(&tally, scene->windows[i], finding->since_us);
    if (tally.symbols[SYMBOL_STALL] > 0)
        say(verdict,
            "kernel: %" PRIu32 " requests were acknowledged to the last byte and nothing came "
            "back, with no retransmission: the way is open and the far side sits on them",
            tally.symbols[SYMBOL_STALL]);
    if (tally.symbols[SYMBOL_NET_TIMEOUT] > 0)
        say(verdict,
            "kernel: %" PRIu32 " connections ended with bytes unacknowledged: packets are lost on "
            "the way",
            tally.symbols[SYMBOL_NET_TIMEOUT]);
    if (tally.symbols[SYMBOL_OK_RETRANS] > 0)
        say(verdict,
            "kernel: %" PRIu32
            " probes came through only with retransmissions: packets are lost on "
            "the way",
            tally.symbols[SYMBOL_OK_RETRANS]);
}

/* Is the agent's host where the component is? */
static bool concerns(const struct scene *scene, const struct component *component, uint32_t agent)
{
    uint32_t zone = scene->fleet->agents[agent].zone;

    switch (component->type) {
    case COMPONENT_HOST:
    case COMPONENT_LINK:
        return component->a == agent;
    case COMPONENT_TARGET:
        return scene->fleet->targets[component->a].place == zone;
    case COMPONENT_PATH:
        return component->a == zone || component->b == zone;
    case COMPONENT_ZONE:
        return component->a == zone;
    default:
        return false;
    }
}

static void say_hosts(const struct scene *scene, const struct finding *finding,
                      struct verdict *verdict)
{
    for (uint32_t i = 0; i < scene->fleet->n_agents; i++) {
        const struct witness *witness = &scene->witnesses[i];
        const char *name = scene->fleet->agents[i].name;

        if (!concerns(scene, &finding->component, i))
            continue;
        if (witness_udp_flood(witness, scene->now_us))
            say(verdict,
                "host of %s: %" PRId64 " UDP datagrams a second come in, %" PRId64
                " of them for no port (%.0f a second is its normal)",
                name, witness_udp_rate(witness),
                witness->host.values[FL_HOST_UDP_NOPORT_PPS] == FL_ABSENT
                    ? 0
                    : witness->host.values[FL_HOST_UDP_NOPORT_PPS],
                witness->udp_normal);
        if (witness_syn_flood(witness, scene->now_us))
            say(verdict,
                "host of %s: %" PRId64 " SYN cookies and listener drops a second (%.0f is normal)",
                name, witness_syn_rate(witness), witness->syn_normal);
        if (witness_starved(witness, scene->now_us))
            say(verdict, "host of %s: the agent's own timers fired %" PRId64 " ms late", name,
                witness->host.values[FL_HOST_LOOP_LAG_US] / FL_MS);
    }
}

/* How packets fare tells a cut from a full queue: there they wait as well as vanish. */
static enum verdict_cause network_cause(const struct scene *scene, const struct finding *finding)
{
    struct tally tally = {0};
    uint32_t late, lossy;

    for (size_t i = 0; i < scene->n_windows; i++)
        if (suffers(scene, scene->windows[i], finding))
            tally_window(&tally, scene->windows[i], finding->since_us);
    late = tally.symbols[SYMBOL_OK_LATE_NET] + tally.symbols[SYMBOL_OK_LATE_OP];
    lossy = tally.bad - late;
    if (tally.failed >= CUT_SHARE * tally.n)
        return CAUSE_BLACKHOLE;
    if (lossy < LOSSY_SHARE * tally.bad)
        return CAUSE_LATENCY;
    return late >= LATE_SHARE * tally.bad ? CAUSE_CONGESTION : CAUSE_LOSS;
}

static enum verdict_cause cause_of(const struct scene *scene, const struct finding *finding)
{
    bool network =
        finding->mode == MODE_LOSS || finding->mode == MODE_CUT || finding->mode == MODE_LATE;

    for (uint32_t i = 0; i < scene->fleet->n_agents; i++) {
        const struct witness *witness = &scene->witnesses[i];

        if (!concerns(scene, &finding->component, i))
            continue;
        if (network && witness_udp_flood(witness, scene->now_us))
            return CAUSE_UDP_FLOOD;
        if (finding->component.type == COMPONENT_TARGET && finding->mode == MODE_DOWN &&
            witness_syn_flood(witness, scene->now_us))
            return CAUSE_SYN_FLOOD;
    }
    return network ? network_cause(scene, finding) : mode_cause(finding->mode);
}

static void say_rivals(const struct scene *scene, const struct finding *finding,
                       struct verdict *verdict)
{
    for (size_t i = 0; i < finding->n_rivals; i++) {
        const struct rival *rival = &finding->rivals[i];
        struct verdict_alternative *alternative = &verdict->alternatives[verdict->n_alternatives++];
        char words[180];

        component_name(scene->fleet, &rival->component, alternative->component);
        alternative->class = hypothesis_class(scene->fleet, &rival->component, rival->mode);
        alternative->confidence = rival->confidence;
        if (rival->confidence < finding->confidence * 0.5)
            continue;
        component_words(scene->fleet, &rival->component, words, sizeof(words));
        say(verdict,
            "%s explains it nearly as well: a probe that crosses only one of the two would tell",
            words);
    }
}

/* A host that nothing reaches and that says nothing itself is down, long before its silence alone
 * would say so. */
static enum mode mode_of(const struct scene *scene, const struct finding *finding)
{
    const struct component *component = &finding->component;

    if (component->type == COMPONENT_HOST &&
        (finding->mode == MODE_CUT || finding->mode == MODE_LOSS) &&
        scene->now_us - scene->witnesses[component->a].last_rx_us > SAYS_NOTHING_US)
        return MODE_DOWN;
    return finding->mode;
}

void describe(const struct scene *scene, const struct finding *found, struct verdict *ret)
{
    struct finding as_told = *found;
    const struct finding *finding = &as_told;

    as_told.mode = mode_of(scene, found);
    memset(ret, 0, sizeof(*ret));
    component_name(scene->fleet, &finding->component, ret->component);
    ret->class = hypothesis_class(scene->fleet, &finding->component, finding->mode);
    ret->cause = cause_of(scene, finding);
    ret->confidence = finding->confidence;
    ret->since_us = finding->since_us;
    touched(scene, finding, ret);
    say_who_sees_it(scene, finding, ret);
    say_who_does_not(scene, ret, finding, ret);
    say_kernel(scene, finding, ret);
    say_hosts(scene, finding, ret);
    if (finding->component.type == COMPONENT_LINK)
        say(ret, "the coordinator hears nothing from the agent while the mesh still reaches it");
    say_rivals(scene, finding, ret);
}
