#include "coordinator/core/hypothesis.h"

#include <math.h>

#define TYPE(type) (1u << COMPONENT_##type)
#define NETWORK_TYPES (TYPE(HOST) | TYPE(PATH) | TYPE(ZONE) | TYPE(PLACE))
#define FAR_TYPES (TYPE(TARGET) | TYPE(BACKEND))
#define EXPLAINS 0.02      /* a mode explains a symbol from this share on */
#define CONTAMINATION 2e-4 /* one impossible observation costs at most about eight nats */
#define FLOWS_MOST 0.3 /* a lesser share may be that of the flows over one of many equal ways: */
#define FLOWS_ECHO 8.0 /* echoes are one flow for ever, so each that is fine tells so much less */
#define STREAM_PACKETS 4.0 /* packets of a probe over TCP, to one of a datagram each way */

struct mode_row {
    unsigned types;
    enum verdict_cause cause;
    /* share of each symbol among the probes that are hit, over TCP; the rest is contamination */
    struct {
        enum symbol symbol;
        double share;
    } stream[9];
};

/* Shares follow what real TCP was seen to say under each fault. */
static const struct mode_row rows[MODES] = {
    [MODE_CUT] = {NETWORK_TYPES,
                  CAUSE_BLACKHOLE,
                  {{SYMBOL_CONNECT_TIMEOUT, .90},
                   {SYMBOL_NET_TIMEOUT, .05},
                   {SYMBOL_REPLY_LOST, .02},
                   {SYMBOL_RESOLVE_TIMEOUT, .01},
                   {SYMBOL_SILENT, .01}}},
    [MODE_LOSS] = {NETWORK_TYPES,
                   CAUSE_LOSS,
                   {{SYMBOL_OK_RETRANS, .36},
                    {SYMBOL_OK_LATE_NET, .14},
                    {SYMBOL_OK_LATE_OP, .10},
                    {SYMBOL_CONNECT_TIMEOUT, .18},
                    {SYMBOL_NET_TIMEOUT, .10},
                    {SYMBOL_REPLY_LOST, .07},
                    {SYMBOL_STALL, .03},
                    {SYMBOL_RESET, .01}}},
    [MODE_LATE] = {NETWORK_TYPES,
                   CAUSE_LATENCY,
                   {{SYMBOL_OK_LATE_NET, .86},
                    {SYMBOL_OK_LATE_OP, .05},
                    {SYMBOL_OK_RETRANS, .05},
                    {SYMBOL_REPLY_LOST, .01},
                    {SYMBOL_STALL, .01}}},
    [MODE_MTU] = {NETWORK_TYPES,
                  CAUSE_MTU,
                  {{SYMBOL_REPLY_LOST, .52}, {SYMBOL_NET_TIMEOUT, .44}, {SYMBOL_STALL, .01}}},
    [MODE_CONGESTED] = {NETWORK_TYPES,
                        CAUSE_CONGESTION,
                        {{SYMBOL_OK_LATE_NET, .62},
                         {SYMBOL_OK_LATE_OP, .05},
                         {SYMBOL_OK_RETRANS, .12},
                         {SYMBOL_CONNECT_TIMEOUT, .10},
                         {SYMBOL_NET_TIMEOUT, .04},
                         {SYMBOL_REPLY_LOST, .03},
                         {SYMBOL_STALL, .02}}},
    [MODE_DOWN] = {TYPE(HOST) | TYPE(TARGET),
                   CAUSE_DOWN,
                   {{SYMBOL_CONNECT_TIMEOUT, .90},
                    {SYMBOL_NET_TIMEOUT, .05},
                    {SYMBOL_OK_RETRANS, .02},
                    {SYMBOL_OK_LATE_NET, .02}}},
    [MODE_STALL] = {FAR_TYPES,
                    CAUSE_STALL,
                    {{SYMBOL_STALL, .95}, {SYMBOL_REPLY_LOST, .03}, {SYMBOL_OK_LATE_OP, .01}}},
    [MODE_SLOW] = {FAR_TYPES,
                   CAUSE_SLOW,
                   {{SYMBOL_OK_LATE_OP, .90}, {SYMBOL_STALL, .07}, {SYMBOL_REPLY_LOST, .01}}},
    [MODE_REFUSED] = {TYPE(TARGET), CAUSE_REFUSED, {{SYMBOL_REFUSED, .96}, {SYMBOL_RESET, .02}}},
    [MODE_ERRORS] = {FAR_TYPES, CAUSE_ERRORS, {{SYMBOL_ERROR, .90}, {SYMBOL_RESET, .08}}},
    [MODE_CONTENT] = {TYPE(TARGET), CAUSE_CONTENT, {{SYMBOL_CONTENT, .99}}},
    [MODE_IO_ERROR] = {FAR_TYPES, CAUSE_IO_ERROR, {{SYMBOL_IO_ERROR, .98}}},
    [MODE_READ_ONLY] = {FAR_TYPES, CAUSE_READ_ONLY, {{SYMBOL_READ_ONLY, .99}}},
    [MODE_NO_SPACE] = {FAR_TYPES, CAUSE_NO_SPACE, {{SYMBOL_NO_SPACE, .99}}},
    [MODE_CERT_EXPIRED] = {TYPE(TARGET), CAUSE_CERT_EXPIRED, {{SYMBOL_CERT_EXPIRED, .99}}},
    [MODE_CERT_INVALID] = {TYPE(TARGET), CAUSE_CERT_INVALID, {{SYMBOL_CERT_INVALID, .99}}},
    [MODE_NXDOMAIN] = {TYPE(TARGET) | TYPE(RESOLVER), CAUSE_NXDOMAIN, {{SYMBOL_NXDOMAIN, .99}}},
    [MODE_SERVFAIL] = {TYPE(TARGET) | TYPE(RESOLVER), CAUSE_SERVFAIL, {{SYMBOL_SERVFAIL, .99}}},
    [MODE_DNS_TIMEOUT] = {TYPE(TARGET) | TYPE(RESOLVER),
                          CAUSE_DNS_TIMEOUT,
                          {{SYMBOL_RESOLVE_TIMEOUT, .99}}},
    [MODE_STARVED] = {TYPE(HOST),
                      CAUSE_STARVED,
                      {{SYMBOL_LOCAL, .56},
                       {SYMBOL_OK_LATE_NET, .30}, /* its echoes come late to others */
                       {SYMBOL_OK_LATE_OP, .08},
                       {SYMBOL_CONNECT_TIMEOUT, .05}}},
    [MODE_CLOCK] = {TYPE(HOST), CAUSE_CLOCK, {{SYMBOL_CLOCK, .99}}},
    [MODE_SILENT] = {TYPE(LINK), CAUSE_SILENT, {{SYMBOL_SILENT, .99}}},
};

static const double prices[COMPONENT_TYPES] = {
    [COMPONENT_LINK] = 4.5,  [COMPONENT_HOST] = 7,     [COMPONENT_TARGET] = 7.5,
    [COMPONENT_BACKEND] = 9, [COMPONENT_RESOLVER] = 9, [COMPONENT_PATH] = 9,
    [COMPONENT_ZONE] = 10,   [COMPONENT_PLACE] = 10,
};

uint32_t mode_excludes(enum mode mode)
{
    static const uint32_t network = 1u << MODE_CUT | 1u << MODE_LOSS | 1u << MODE_LATE |
                                    1u << MODE_MTU | 1u << MODE_CONGESTED | 1u << MODE_DOWN;
    static const uint32_t waiting = 1u << MODE_STALL | 1u << MODE_SLOW;

    if ((network >> mode & 1) != 0) /* what cuts a host or a zone off silences its agents */
        return network | 1u << MODE_SILENT;
    if (mode == MODE_STARVED) /* who is starved is late, and not because of any network */
        return network | 1u << MODE_STARVED;
    return (waiting >> mode & 1) != 0 ? waiting : 1u << mode;
}

bool mode_applies(enum mode mode, enum component_type type)
{
    return (rows[mode].types >> type & 1) != 0;
}

bool mode_of_network(enum mode mode)
{
    return (rows[mode].types & ~(unsigned)(FAR_TYPES | TYPE(RESOLVER))) != 0;
}

double mode_least_rho(enum mode mode)
{
    switch (mode) {
    case MODE_DOWN:
    case MODE_CLOCK:
        return 0.5;
    case MODE_MTU: /* every large packet */
        return 0.35;
    default:
        return 0;
    }
}

double mode_share(enum mode mode, enum symbol_family family, double rho)
{
    if (mode == MODE_LOSS && (family == FAMILY_ECHO || family == FAMILY_DNS))
        return 1 - pow(1 - rho, 1 / STREAM_PACKETS);
    if (mode == MODE_CUT && family == FAMILY_ECHO && rho < FLOWS_MOST)
        return rho / FLOWS_ECHO;
    return rho;
}

bool mode_of_lateness(enum mode mode)
{
    return mode == MODE_LATE || mode == MODE_SLOW;
}

bool mode_reaches(enum mode mode, enum component_type type, enum side side,
                  enum symbol_family family)
{
    if (family == FAMILY_AGENT)
        return mode == MODE_CUT || mode == MODE_DOWN || mode == MODE_SILENT ||
               mode == MODE_STARVED || mode == MODE_CLOCK;
    if (mode == MODE_SILENT || mode == MODE_CLOCK)
        return false;
    if (mode == MODE_MTU)
        return family == FAMILY_STREAM;
    /* a dead host makes itself silent; it does not break its own probes, it stops them */
    return type != COMPONENT_HOST || mode != MODE_DOWN || side == SIDE_FAR;
}

/* Families without TCP see fewer symbols: fold the shares into what they can show. */
static enum symbol fold(enum mode mode, enum symbol_family family, enum symbol symbol)
{
    bool timeout = symbol == SYMBOL_CONNECT_TIMEOUT || symbol == SYMBOL_NET_TIMEOUT ||
                   symbol == SYMBOL_REPLY_LOST || symbol == SYMBOL_STALL;

    switch (family) {
    case FAMILY_ECHO: /* a lost datagram is a lost echo; the far side's work does not touch it */
        if (!mode_of_network(mode))
            return symbol;
        return timeout || symbol == SYMBOL_OK_RETRANS ? SYMBOL_CONNECT_TIMEOUT : symbol;
    case FAMILY_DNS:
        return timeout || symbol == SYMBOL_OK_RETRANS ? SYMBOL_OPAQUE_TIMEOUT
               : symbol == SYMBOL_OK_LATE_NET         ? SYMBOL_OK_LATE_OP
                                                      : symbol;
    case FAMILY_FILE:
        return timeout                                                       ? SYMBOL_OPAQUE_TIMEOUT
               : symbol == SYMBOL_OK_RETRANS || symbol == SYMBOL_OK_LATE_NET ? SYMBOL_OK_LATE_OP
                                                                             : symbol;
    default:
        return symbol;
    }
}

double mode_predicts(enum mode mode, enum symbol_family family, enum symbol symbol)
{
    double sum = CONTAMINATION;

    /* results may come out another way than probes: who is heard through a cut proves nothing */
    if (family == FAMILY_AGENT && mode == MODE_CUT)
        return symbol == SYMBOL_SILENT ? 0.5 : normal_predicts(family, symbol);
    if (family == FAMILY_AGENT && (mode == MODE_DOWN || mode == MODE_SILENT))
        return symbol == SYMBOL_SILENT ? 0.9 : 0.1;
    for (size_t i = 0; i < FL_COUNT(rows[mode].stream); i++)
        if (rows[mode].stream[i].share > 0 &&
            fold(mode, family, rows[mode].stream[i].symbol) == symbol)
            sum += rows[mode].stream[i].share;
    /* a mode that a family cannot show leaves its probes as they were */
    return sum < 2 * CONTAMINATION && symbol == SYMBOL_OK && family == FAMILY_AGENT ? 0.99 : sum;
}

bool mode_explains(enum mode mode, enum symbol_family family, enum symbol symbol)
{
    /* late echoes alone are the network's: only an agent's own timers say that it is starved */
    if (mode == MODE_STARVED)
        return symbol == SYMBOL_LOCAL;
    return symbol_is_bad(symbol) && mode_predicts(mode, family, symbol) >= EXPLAINS;
}

double normal_predicts(enum symbol_family family, enum symbol symbol)
{
    if (family == FAMILY_AGENT)
        return symbol == SYMBOL_OK ? 0.998 : 1e-3;
    switch (symbol) {
    case SYMBOL_OK:
        return 0.96;
    case SYMBOL_OK_RETRANS:
        return 0.008;
    case SYMBOL_OK_LATE_NET:
        return 0.012;
    case SYMBOL_OK_LATE_OP:
        return 0.016;
    case SYMBOL_CONNECT_TIMEOUT:
        return family == FAMILY_ECHO ? 0.004 : 0.001;
    case SYMBOL_OPAQUE_TIMEOUT:
        return 0.002;
    default:
        return 3e-4;
    }
}

static size_t agents_in(const struct fleet *fleet, uint32_t zone)
{
    size_t n = 0;

    for (size_t i = 0; i < fleet->n_agents; i++)
        n += fleet->agents[i].zone == zone;
    return n;
}

double component_price(const struct fleet *fleet, const struct component *component)
{
    /* The only agent of a zone cannot tell its own host from its zone: say the zone. */
    if (component->type == COMPONENT_HOST &&
        agents_in(fleet, fleet->agents[component->a].zone) == 1)
        return prices[COMPONENT_ZONE] + 1;
    return prices[component->type];
}

static enum verdict_class target_class(const struct fleet *fleet, const struct component *component)
{
    if (component->type == COMPONENT_TARGET)
        return fleet->targets[component->a].kind == TARGET_STORAGE ? VERDICT_STORAGE
                                                                   : VERDICT_SERVICE;
    for (size_t i = 0; i < fleet->n_targets; i++)
        if (fleet->targets[i].backend == component->a)
            return fleet->targets[i].kind == TARGET_STORAGE ? VERDICT_STORAGE : VERDICT_SERVICE;
    return VERDICT_SERVICE;
}

enum verdict_class hypothesis_class(const struct fleet *fleet, const struct component *component,
                                    enum mode mode)
{
    switch (component->type) {
    case COMPONENT_LINK:
        return VERDICT_MONITORING;
    case COMPONENT_HOST:
        return mode == MODE_DOWN || mode == MODE_STARVED || mode == MODE_CLOCK ? VERDICT_HOST
                                                                               : VERDICT_NETWORK;
    case COMPONENT_RESOLVER:
        return VERDICT_DNS;
    case COMPONENT_TARGET:
    case COMPONENT_BACKEND:
        if (mode == MODE_CERT_EXPIRED || mode == MODE_CERT_INVALID)
            return VERDICT_TLS;
        if (mode == MODE_NXDOMAIN || mode == MODE_SERVFAIL || mode == MODE_DNS_TIMEOUT)
            return VERDICT_DNS;
        return target_class(fleet, component);
    default:
        return VERDICT_NETWORK;
    }
}

enum verdict_cause mode_cause(enum mode mode)
{
    return rows[mode].cause;
}
