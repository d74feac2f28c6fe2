#include "coordinator/cli/advice.h"

#include "proto/types/fl_cleanup.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SURE 0.9
#define LIKELY 0.6

static const char *const class_words[VERDICT_CLASSES] = {
    [VERDICT_NETWORK] = "the network",
    [VERDICT_STORAGE] = "storage",
    [VERDICT_SERVICE] = "a service",
    [VERDICT_HOST] = "a host",
    [VERDICT_DNS] = "DNS",
    [VERDICT_TLS] = "a certificate",
    [VERDICT_MONITORING] = "only the monitoring",
};

/* What the component does; it stands before this. */
static const char *const cause_words[VERDICT_CAUSES] = {
    [CAUSE_NONE] = "is at fault",
    [CAUSE_BLACKHOLE] = "lets nothing through",
    [CAUSE_LOSS] = "loses packets",
    [CAUSE_CONGESTION] = "is congested: packets wait in a full queue and some are lost",
    [CAUSE_LATENCY] = "has become slow: packets arrive, but late",
    [CAUSE_MTU] = "lets small packets through and loses large ones",
    [CAUSE_UDP_FLOOD] = "is flooded with UDP datagrams",
    [CAUSE_SYN_FLOOD] = "is flooded with attempts to connect",
    [CAUSE_ASYMMETRIC] = "lets packets through in one direction only",
    [CAUSE_STALL] = "takes requests and never answers them",
    [CAUSE_SLOW] = "answers far more slowly than usual",
    [CAUSE_IO_ERROR] = "answers with I/O errors",
    [CAUSE_READ_ONLY] = "has become read-only",
    [CAUSE_NO_SPACE] = "has no space left",
    [CAUSE_REFUSED] = "refuses connections",
    [CAUSE_ERRORS] = "answers with errors",
    [CAUSE_CONTENT] = "answers with the wrong content",
    [CAUSE_CERT_EXPIRED] = "shows a certificate that has expired",
    [CAUSE_CERT_INVALID] = "shows a certificate that does not verify",
    [CAUSE_NXDOMAIN] = "has a name that DNS says does not exist",
    [CAUSE_SERVFAIL] = "has a name that DNS fails to look up",
    [CAUSE_DNS_TIMEOUT] = "has a name for which DNS gives no answer",
    [CAUSE_DOWN] = "is down",
    [CAUSE_STARVED] = "is starved: programs on it do not get to run in time",
    [CAUSE_CLOCK] = "has a clock that is wrong",
    [CAUSE_SILENT] = "is silent: nothing is heard",
};

/* The same where it is the resolver itself. */
static const char *resolver_words(enum verdict_cause cause)
{
    switch (cause) {
    case CAUSE_NXDOMAIN:
        return "says that names do not exist which do";
    case CAUSE_SERVFAIL:
        return "fails to look names up";
    case CAUSE_DNS_TIMEOUT:
        return "does not answer";
    default:
        return cause_words[cause];
    }
}

static const struct advice classes[] = {
    {VERDICT_NETWORK,
     CAUSE_NONE,
     {"call who runs the network between these ends, with the evidence above and the time it began",
      "move traffic of users away from the zones named above, if there is another way in"},
     {"do not fail over or detach storage: the volumes are well, and a failover goes the same "
      "broken way",
      "do not remount and do not restart clients: what hangs goes on by itself when packets pass "
      "again",
      "do not restart services that answer from elsewhere"}},
    {VERDICT_STORAGE,
     CAUSE_NONE,
     {"call who runs this storage; the network to it is well, say so first",
      "stop new writes to it where the application can"},
     {"do not look for it in the network: the way to it is open, as seen from here",
      "do not reboot clients that hang in I/O: they will hang again, and unsynced data is lost"}},
    {VERDICT_SERVICE,
     CAUSE_NONE,
     {"look at the service itself: its process, its log, what was deployed last",
      "take it out of the load balancer if others can carry its load"},
     {"do not fail over storage and do not touch the network: both are well as seen from here"}},
    {VERDICT_HOST,
     CAUSE_NONE,
     {"look at this host from its console or its hypervisor",
      "move what runs there, if it can run elsewhere"},
     {"do not believe what probes of this host alone say of others",
      "do not fail over whole zones or storage: one host is at fault"}},
    {VERDICT_DNS,
     CAUSE_NONE,
     {"ask the name servers one by one: dig @SERVER NAME, from the zones named above",
      "look at what was last changed in the zone file and at its serial number"},
     {"do not restart services: they answer by their address",
      "do not fail over storage or network"}},
    {VERDICT_TLS,
     CAUSE_NONE,
     {"look at what is shown: openssl s_client -connect HOST:PORT -servername NAME",
      "put the right certificate with its whole chain in place and make the server read it"},
     {"do not switch verification off in the clients", "do not look for it in the network"}},
    {VERDICT_MONITORING,
     CAUSE_NONE,
     {"look at the agent: systemctl status faultline-agent, and its way to the coordinator",
      "take what the coordinator shows for this agent as old until it is heard again"},
     {"do not fail over anything: users are not touched, only the view of this agent is gone",
      "do not delete the agent's state: its results are kept there and come in later"}},
};

static const struct advice causes[] = {
    {VERDICT_NETWORK,
     CAUSE_BLACKHOLE,
     {"look at what was changed there last: routes, firewalls, security groups, a link that is "
      "down"},
     {NULL}},
    {VERDICT_NETWORK,
     CAUSE_LOSS,
     {"look for error counters on the links between: optics, cables, one bad member of a bundle"},
     {"do not take one good ping for the end of it: loss comes and goes"}},
    {VERDICT_NETWORK,
     CAUSE_CONGESTION,
     {"find who fills the link: the greatest flows between these ends, a backup, a rebuild of "
      "storage"},
     {"do not start a failover or a resynchronisation: it adds load to the full link"}},
    {VERDICT_NETWORK,
     CAUSE_LATENCY,
     {"look whether traffic took another route: trace the way from both ends"},
     {NULL}},
    {VERDICT_NETWORK,
     CAUSE_MTU,
     {"ping with large packets that may not be divided: ping -M do -s 1472",
      "look at tunnels and at what filters ICMP between"},
     {NULL}},
    {VERDICT_NETWORK,
     CAUSE_UDP_FLOOD,
     {"have the flood dropped before the link, by who runs the network there",
      "take the source and port of the datagrams on the flooded host: tcpdump -c 100 udp"},
     {"do not raise buffers on the host: the link is full before them"}},
    {VERDICT_NETWORK,
     CAUSE_SYN_FLOOD,
     {"have the sources of the connection attempts dropped before the host"},
     {"do not restart the service: it comes back into the same flood"}},
    {VERDICT_NETWORK,
     CAUSE_ASYMMETRIC,
     {"trace the way from both ends and compare: one direction alone is at fault",
      "look at firewalls that keep state and see one half of the traffic only"},
     {NULL}},
    {VERDICT_STORAGE,
     CAUSE_STALL,
     {"look at the storage server: its process, its disks, whether a failover hangs half way"},
     {"do not unmount by force while operations are under way"}},
    {VERDICT_STORAGE,
     CAUSE_SLOW,
     {"look for a rebuild, a scrub, a snapshot or a noisy neighbour on the backend"},
     {"do not add a failover to a backend that is busy already"}},
    {VERDICT_STORAGE,
     CAUSE_IO_ERROR,
     {"look at the disks behind it: smartctl, the array's own log, the kernel's log there",
      "make sure that there is a backup before anything is repaired"},
     {"do not run a file system check on a volume that still gives I/O errors"}},
    {VERDICT_STORAGE,
     CAUSE_READ_ONLY,
     {"find why it went read-only before making it writable: the kernel's log says which error"},
     {"do not remount read-write over a file system with errors"}},
    {VERDICT_STORAGE,
     CAUSE_NO_SPACE,
     {"make room or enlarge the volume; look for logs, snapshots and deleted files still open"},
     {NULL}},
    {VERDICT_STORAGE,
     CAUSE_REFUSED,
     {"look whether the storage server's process runs and listens: ss -ltn on its host"},
     {NULL}},
    {VERDICT_SERVICE,
     CAUSE_REFUSED,
     {"look whether its process runs and listens: ss -ltn on its host"},
     {NULL}},
    {VERDICT_SERVICE,
     CAUSE_ERRORS,
     {"look at what it depends on: its log says which call fails",
      "roll back what was deployed last, if the times agree"},
     {NULL}},
    {VERDICT_SERVICE,
     CAUSE_CONTENT,
     {"ask for the same page by hand and compare: an error page, an old version, another host?"},
     {NULL}},
    {VERDICT_SERVICE,
     CAUSE_STALL,
     {"look for threads that wait for each other or for a database: take a stack trace before "
      "the restart"},
     {NULL}},
    {VERDICT_SERVICE, CAUSE_SLOW, {"look at load, at queues and at what it waits for"}, {NULL}},
    {VERDICT_SERVICE,
     CAUSE_SYN_FLOOD,
     {"look at the backlog of the listener and at SYN cookies: nstat -az TcpExtListenDrops"},
     {"do not restart it: it comes back into the same flood"}},
    {VERDICT_HOST,
     CAUSE_DOWN,
     {"start it again, or have its zone say why it does not run"},
     {NULL}},
    {VERDICT_HOST,
     CAUSE_STARVED,
     {"look at load, steal and memory: top, vmstat 1; stop or move what takes it all"},
     {"do not believe latencies that were measured from there meanwhile"}},
    {VERDICT_HOST,
     CAUSE_CLOCK,
     {"set its clock right: chronyc tracking, timedatectl"},
     {"do not step the clock under a database without asking who runs it"}},
    {VERDICT_HOST,
     CAUSE_UDP_FLOOD,
     {"have the flood dropped before the host, by who runs the network there"},
     {NULL}},
    {VERDICT_DNS,
     CAUSE_NXDOMAIN,
     {"put the record back; answers that it does not exist are remembered as long as the SOA "
      "says"},
     {NULL}},
    {VERDICT_DNS,
     CAUSE_SERVFAIL,
     {"look at DNSSEC signatures and at whether the resolver reaches the servers of the zone"},
     {NULL}},
    {VERDICT_DNS,
     CAUSE_DNS_TIMEOUT,
     {"look whether the resolver runs and whether UDP and TCP port 53 pass to it"},
     {NULL}},
    {VERDICT_TLS,
     CAUSE_CERT_EXPIRED,
     {"renew it, and look why the renewal that should have run did not"},
     {NULL}},
    {VERDICT_TLS,
     CAUSE_CERT_INVALID,
     {"compare the names in it with the name that is asked for, and its chain with ca_file"},
     {NULL}},
};

const struct advice *advice_of_class(enum verdict_class class)
{
    for (size_t i = 0; i < FL_COUNT(classes); i++)
        if (classes[i].class == class)
            return &classes[i];
    return &classes[0];
}

const struct advice *advice_of_cause(enum verdict_class class, enum verdict_cause cause)
{
    for (size_t i = 0; i < FL_COUNT(causes); i++)
        if (causes[i].class == class && causes[i].cause == cause)
            return &causes[i];
    return NULL;
}

static void path_words(const char *ends, char text[ADVICE_SENTENCE_SIZE])
{
    size_t first = strcspn(ends, ">~");
    const char *second = ends + first + 1;

    if (strcmp(second, "external") == 0)
        (void)snprintf(text, ADVICE_SENTENCE_SIZE, "the way from zone %.*s to the outside",
                       (int)first, ends);
    else
        (void)snprintf(text, ADVICE_SENTENCE_SIZE, "the way %s %.*s %s %s",
                       ends[first] == '>' ? "from" : "between", (int)first, ends,
                       ends[first] == '>' ? "to" : "and", second);
}

void advice_component(const char *component, char text[ADVICE_SENTENCE_SIZE])
{
    static const struct {
        const char *prefix, *before, *after;
    } rows[] = {
        {"host:", "the host of agent ", ""},
        {"link:", "the way from agent ", " to the coordinator"},
        {"zone:", "everything into and out of zone ", ""},
        {"place:", "everything into and out of ", ""},
        {"target:", "target ", ""},
        {"backend:", "backend ", ""},
        {"resolver:", "the DNS resolver of zone ", ""},
    };

    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        size_t size = strlen(rows[i].prefix);

        if (strncmp(component, rows[i].prefix, size) == 0) {
            (void)snprintf(text, ADVICE_SENTENCE_SIZE, "%s%s%s", rows[i].before, component + size,
                           rows[i].after);
            return;
        }
    }
    if (strncmp(component, "path:", 5) == 0 && strpbrk(component, ">~"))
        path_words(component + 5, text);
    else
        (void)snprintf(text, ADVICE_SENTENCE_SIZE, "%s", component);
}

double advice_class_confidence(const struct verdict *verdict)
{
    double sum = verdict->confidence;

    for (uint32_t i = 0; i < verdict->n_alternatives; i++)
        if (verdict->alternatives[i].class == verdict->class)
            sum += verdict->alternatives[i].confidence;
    return sum < 1.0 ? sum : 1.0;
}

void advice_sentence(const struct verdict *verdict, char text[ADVICE_SENTENCE_SIZE])
{
    double of_class = advice_class_confidence(verdict);
    bool resolver = strncmp(verdict->component, "resolver:", 9) == 0;
    const char *how = "It may be", *where = "";
    char subject[ADVICE_SENTENCE_SIZE];

    if (of_class >= SURE)
        how = "It is";
    else if (of_class >= LIKELY)
        how = "It is probably";
    if (of_class >= SURE && verdict->confidence < SURE)
        where = verdict->confidence >= LIKELY ? "probably " : "perhaps ";
    advice_component(verdict->component, subject);
    (void)snprintf(text, ADVICE_SENTENCE_SIZE, "%s %s: %s%.300s %s.", how,
                   class_words[verdict->class], where, subject,
                   resolver ? resolver_words(verdict->cause) : cause_words[verdict->cause]);
}

const char *advice_test(enum verdict_class class, const char *component)
{
    if (strncmp(component, "backend:", 8) == 0)
        return "another target on the same backend: if it is well, it is not the backend";
    if (strncmp(component, "path:", 5) == 0)
        return "another target beyond the same way: if that is well from here, the way is open";
    switch (class) {
    case VERDICT_NETWORK:
        return "an agent on the other side of it: if it sees the same, it is not this";
    case VERDICT_STORAGE:
    case VERDICT_SERVICE:
        return "the target asked from beside it, on its own host or in its own zone";
    case VERDICT_HOST:
        return "the host's console, and another host beside it";
    case VERDICT_DNS:
        return "the same name asked of another resolver";
    case VERDICT_TLS:
        return "openssl s_client against it from another host";
    default:
        return "the agent itself: does it run, and does it reach the coordinator?";
    }
}
