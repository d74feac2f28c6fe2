#include "coordinator/core/describe.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CUT_SHARE 0.85   /* of the probes fail: nothing gets through */
#define LOSSY_SHARE 0.1  /* of the bad probes lost something: it is not delay alone */
#define ONE_WAY_NATS 3.0 /* more for one direction alone than for both */
#define LATE_SHARE 0.25  /* of the bad probes were only late: it is not loss alone */

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

static const struct part *part_of(const struct scene *scene, enum component_type type, uint32_t a)
{
    struct component component = {type, a, 0};

    return evidence_part(scene->evidence, component_id(scene->fleet, &component));
}

static const struct part *part_at_fault(const struct scene *scene, const struct finding *finding)
{
    return evidence_part(scene->evidence, component_id(scene->fleet, &finding->component));
}

static bool suffers(const struct window *window, const struct finding *finding)
{
    struct tally tally = {0};

    if (!is_probe(window) || window->n_bad == 0)
        return false;
    tally_window(&tally, window, finding->since_us);
    for (int s = SYMBOL_OK + 1; s < SYMBOLS; s++)
        if (tally.symbols[s] > 0 && mode_explains(finding->mode, window->family, (enum symbol)s))
            return true;
    return false;
}

/* Whose probes suffer: zones and targets, by number. */
struct sufferers {
    uint32_t zones[VERDICT_MAX_ZONES], targets[VERDICT_MAX_TARGETS];
    uint32_t n_zones, n_targets;
};

static bool holds(const uint32_t *list, uint32_t n, uint32_t item)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i] == item)
            return true;
    return false;
}

static void insert(uint32_t *list, uint32_t *n, uint32_t most, uint32_t item)
{
    if (*n < most && !holds(list, *n, item))
        list[(*n)++] = item;
}

static void find_sufferers(const struct scene *scene, const struct finding *finding,
                           struct sufferers *ret)
{
    const struct part *part = part_at_fault(scene, finding);

    *ret = (struct sufferers){0};
    for (int mesh = 0; mesh < 2; mesh++)
        for (size_t i = 0; i < part->n_series; i++) {
            const struct window *window = part->series[i];

            if (!suffers(window, finding))
                continue;
            insert(ret->zones, &ret->n_zones, VERDICT_MAX_ZONES, zone_of(scene, window));
            /* the mesh is named only where nothing else suffers */
            if ((target_of(scene, window)->kind == TARGET_MESH) == (mesh == 1) &&
                (mesh == 0 || ret->n_targets == 0))
                insert(ret->targets, &ret->n_targets, VERDICT_MAX_TARGETS,
                       scene->fleet->probes[window->probe].target);
        }
}

static void name_sufferers(const struct scene *scene, const struct sufferers *sufferers,
                           struct verdict *verdict)
{
    for (uint32_t i = 0; i < sufferers->n_zones; i++)
        strcpy(verdict->zones[i], scene->fleet->places[sufferers->zones[i]].name);
    verdict->n_zones = sufferers->n_zones;
    for (uint32_t i = 0; i < sufferers->n_targets; i++)
        strcpy(verdict->targets[i], scene->fleet->targets[sufferers->targets[i]].name);
    verdict->n_targets = sufferers->n_targets;
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
    const struct part *part = part_at_fault(scene, finding);

    for (uint32_t zone = 0; zone < scene->fleet->n_zones && zone < 4; zone++) {
        struct tally tally = {0};
        char symbols[200], words[180];

        for (size_t i = 0; i < part->n_series; i++)
            if (is_probe(part->series[i]) && zone_of(scene, part->series[i]) == zone)
                tally_window(&tally, part->series[i], finding->since_us);
        if (tally.bad == 0)
            continue;
        list_symbols(&tally, symbols, sizeof(symbols));
        component_words(scene->fleet, &finding->component, words, sizeof(words));
        say(verdict, "from zone %s %" PRIu32 " of %" PRIu32 " probes across %s went wrong: %s",
            scene->fleet->places[zone].name, tally.bad, tally.n, words, symbols);
    }
}

/* Series of the part that do not touch what is at fault; of the targets, or of none of them. */
static void tally_others(const struct scene *scene, const struct part *part,
                         const struct finding *finding, const struct sufferers *sufferers,
                         bool of_targets, struct tally *tally)
{
    uint32_t at_fault = component_id(scene->fleet, &finding->component);
    enum side side;

    for (size_t i = 0; i < part->n_series; i++) {
        const struct window *window = part->series[i];

        if (is_probe(window) && !window_touches(window, at_fault, &side) &&
            holds(sufferers->targets, sufferers->n_targets,
                  scene->fleet->probes[window->probe].target) == of_targets)
            tally_window(tally, window, finding->since_us);
    }
}

/* Who does not see it: the same targets from elsewhere, and other targets from the same zones. */
static void say_who_does_not(const struct scene *scene, const struct sufferers *sufferers,
                             const struct finding *finding, struct verdict *verdict)
{
    struct tally same = {0}, other = {0};

    for (uint32_t i = 0; i < sufferers->n_targets; i++) {
        const struct fleet_target *target = &scene->fleet->targets[sufferers->targets[i]];
        const struct part *part = target->kind == TARGET_MESH
                                      ? part_of(scene, COMPONENT_HOST, target->mesh_agent)
                                      : part_of(scene, COMPONENT_TARGET, sufferers->targets[i]);

        tally_others(scene, part, finding, sufferers, true, &same);
    }
    for (uint32_t i = 0; i < scene->fleet->n_agents; i++)
        if (holds(sufferers->zones, sufferers->n_zones, scene->fleet->agents[i].zone))
            tally_others(scene, part_of(scene, COMPONENT_HOST, i), finding, sufferers, false,
                         &other);
    if (same.n > 0)
        say(verdict, "the same targets from elsewhere: %" PRIu32 " of %" PRIu32 " probes fine",
            same.n - same.bad, same.n);
    if (other.n > 0)
        say(verdict, "other targets from the same zones: %" PRIu32 " of %" PRIu32 " probes fine",
            other.n - other.bad, other.n);
}

/* Bytes of the latest request that was delivered and not answered; 0 when none is known. */
static int64_t delivered_bytes(const struct part *part, fl_time since_us)
{
    const struct fl_result *latest = NULL;

    for (size_t i = 0; i < part->n_series; i++) {
        const struct fl_result *last = &part->series[i]->last;

        if (is_probe(part->series[i]) && last->failure == FL_FAILURE_TIMEOUT &&
            last->t_us >= since_us && fl_tcp_delivered(&last->tcp) &&
            (!latest || last->t_us > latest->t_us))
            latest = last;
    }
    return latest ? latest->tcp.tx_acked : 0;
}

static void say_delivered(const struct part *part, fl_time since_us, uint32_t n,
                          struct verdict *verdict)
{
    int64_t bytes = delivered_bytes(part, since_us);
    char latest[64] = "";

    if (bytes > 0)
        (void)snprintf(latest, sizeof(latest), " (of the latest %" PRId64 " bytes)", bytes);
    say(verdict,
        "kernel: %" PRIu32
        " requests were acknowledged to the last byte%s and nothing came back, with "
        "no retransmission: the way is open and the far side sits on them",
        n, latest);
}

static void say_kernel(const struct scene *scene, const struct finding *finding,
                       struct verdict *verdict)
{
    const struct part *part = part_at_fault(scene, finding);
    struct tally tally = {0};

    for (size_t i = 0; i < part->n_series; i++)
        if (is_probe(part->series[i]))
            tally_window(&tally, part->series[i], finding->since_us);
    if (tally.symbols[SYMBOL_STALL] > 0)
        say_delivered(part, finding->since_us, tally.symbols[SYMBOL_STALL], verdict);
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
        if (witness_clock_wrong(witness))
            say(verdict, "host of %s: its clock is %" PRId64 " ms away from the coordinator's",
                name, witness_clock_error_us(witness) / FL_MS);
    }
}

/* Time-outs of one side of a path: bytes unacknowledged mean that packets of its own are lost,
 * all acknowledged that the answers are. */
static void tally_side(const struct part *part, uint32_t component, enum side side,
                       fl_time since_us, uint32_t *ret_own, uint32_t *ret_answers)
{
    struct tally tally = {0};
    enum side own;

    for (size_t i = 0; i < part->n_series; i++)
        if (part->series[i]->n_bad > 0 && window_touches(part->series[i], component, &own) &&
            own == side)
            tally_window(&tally, part->series[i], since_us);
    *ret_own = tally.symbols[SYMBOL_NET_TIMEOUT];
    *ret_answers = tally.symbols[SYMBOL_REPLY_LOST] + tally.symbols[SYMBOL_STALL];
}

/* Is one direction alone at fault? Nats for it over both, from what was measured: packets lost on
 * the way there leave bytes unacknowledged, always; on the way back in one time-out of eight. */
static bool one_way(const struct scene *scene, const struct finding *finding)
{
    const double there_own = log(1 / .55), there_answers = log(.03 / .45);
    const double back_own = log(.12 / .55), back_answers = log(.88 / .45);
    const struct part *part = part_at_fault(scene, finding);
    uint32_t id = component_id(scene->fleet, &finding->component);
    uint32_t near_own, near_answers, far_own, far_answers;
    double out, in;

    tally_side(part, id, SIDE_NEAR, finding->since_us, &near_own, &near_answers);
    tally_side(part, id, SIDE_FAR, finding->since_us, &far_own, &far_answers);
    out = near_own * there_own + near_answers * there_answers + far_own * back_own +
          far_answers * back_answers;
    in = near_own * back_own + near_answers * back_answers + far_own * there_own +
         far_answers * there_answers;
    return out > ONE_WAY_NATS || in > ONE_WAY_NATS;
}

/* How packets fare tells a cut from a full queue: there they wait as well as vanish. */
static enum verdict_cause network_cause(const struct scene *scene, const struct finding *finding)
{
    const struct part *part = part_at_fault(scene, finding);
    struct tally tally = {0};
    uint32_t late, lossy;

    for (size_t i = 0; i < part->n_series; i++)
        if (suffers(part->series[i], finding))
            tally_window(&tally, part->series[i], finding->since_us);
    late = tally.symbols[SYMBOL_OK_LATE_NET] + tally.symbols[SYMBOL_OK_LATE_OP];
    lossy = tally.bad - late;
    if (tally.failed >= CUT_SHARE * tally.n)
        return CAUSE_BLACKHOLE;
    if (lossy < LOSSY_SHARE * tally.bad)
        return CAUSE_LATENCY;
    if (late >= LATE_SHARE * tally.bad)
        return CAUSE_CONGESTION;
    return finding->component.type == COMPONENT_PATH && one_way(scene, finding) ? CAUSE_ASYMMETRIC
                                                                                : CAUSE_LOSS;
}

static enum verdict_cause cause_of(const struct scene *scene, const struct finding *finding)
{
    bool network = finding->mode == MODE_LOSS || finding->mode == MODE_CUT ||
                   finding->mode == MODE_LATE || finding->mode == MODE_CONGESTED;

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

static struct finding as_told(const struct scene *scene, const struct finding *found)
{
    struct finding finding = *found;

    finding.mode = mode_of(scene, found);
    return finding;
}

enum verdict_class describe_class(const struct scene *scene, const struct finding *found)
{
    struct finding finding = as_told(scene, found);

    return hypothesis_class(scene->fleet, &finding.component, finding.mode);
}

enum verdict_cause describe_cause(const struct scene *scene, const struct finding *found)
{
    struct finding finding = as_told(scene, found);

    return cause_of(scene, &finding);
}

void describe(const struct scene *scene, const struct finding *found, struct verdict *ret)
{
    struct finding finding = as_told(scene, found);
    struct sufferers sufferers;

    memset(ret, 0, sizeof(*ret));
    component_name(scene->fleet, &finding.component, ret->component);
    ret->class = hypothesis_class(scene->fleet, &finding.component, finding.mode);
    ret->cause = cause_of(scene, &finding);
    ret->confidence = finding.confidence;
    ret->since_us = finding.since_us;
    find_sufferers(scene, &finding, &sufferers);
    name_sufferers(scene, &sufferers, ret);
    say_who_sees_it(scene, &finding, ret);
    say_who_does_not(scene, &sufferers, &finding, ret);
    say_kernel(scene, &finding, ret);
    say_hosts(scene, &finding, ret);
    if (finding.component.type == COMPONENT_LINK)
        say(ret, "the coordinator hears nothing from the agent while the mesh still reaches it");
    say_rivals(scene, &finding, ret);
}
