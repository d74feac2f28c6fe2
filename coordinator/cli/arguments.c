#include "coordinator/cli/arguments.h"

#include "proto/types/fl_time.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COUNT_DIGITS 9
#define MAX_SHARE 0.5
#define AGO "-ago"

static const struct row {
    const char *name;
    const char *value; /* NULL: takes none */
    unsigned bit;      /* 0: always allowed */
    const char *summary;
} rows[] = {
    {"json", NULL, ARGUMENTS_JSON, "print JSON, for programs"},
    {"api", "URL", ARGUMENTS_API, "where the coordinator answers; else FAULTLINE_API"},
    {"lenient", NULL, ARGUMENTS_LENIENT, "count and skip lines that cannot be used"},
    {"for", "TIME", ARGUMENTS_FOR, "for how long, such as 90s"},
    {"count", "N", ARGUMENTS_COUNT, "end after this many events"},
    {"targets", "A,B", ARGUMENTS_TARGETS, "these targets"},
    {"zones", "A,B", ARGUMENTS_ZONES, "these zones or places"},
    {"in", "TIME", ARGUMENTS_IN, "begin after this time; now without it"},
    {"status", "WORD", ARGUMENTS_STATUS, "investigating, identified, monitoring or resolved"},
    {"zone", "ZONE", ARGUMENTS_ZONE, "this zone alone"},
    {"month", "MONTH", ARGUMENTS_MONTH, "such as 2026-11; else the one before this one"},
    {"html", NULL, ARGUMENTS_HTML, "print a page, for people"},
    {"csv", NULL, ARGUMENTS_CSV, "print comma-separated values instead of JSON"},
    {"from", "TIME", ARGUMENTS_FROM, "from this time or date on, UTC; else six hours back"},
    {"to", "TIME", ARGUMENTS_TO, "up to this time or date, UTC; else up to now"},
    {"test", NULL, ARGUMENTS_TEST, "send a test"},
    {"accounts", NULL, ARGUMENTS_ACCOUNTS, "say what became of every result instead"},
    {"list", NULL, ARGUMENTS_LIST, "show the types of probes there are"},
    {"from", "A,B", ARGUMENTS_AGENTS, "by agents: of these zones, these ones, or all"},
    {"repeats", "N", ARGUMENTS_REPEATS, "so many times; once without it"},
    {"interval", "TIME", ARGUMENTS_INTERVAL, "between two of them, from 20ms on; else 200ms"},
    {"timeout", "TIME", ARGUMENTS_TIMEOUT, "for one of them"},
    {"size", "BYTES", ARGUMENTS_SIZE, "payload of icmp"},
    {"set", "KEY=VALUE", ARGUMENTS_SET, "a setting of the probe; may be given several times"},
    {"group", "NAME", ARGUMENTS_GROUP, "all targets of this service group"},
    {"max-errors", "N%", ARGUMENTS_MAX_ERRORS, "so many probes may fail; else 0.1%"},
    {"max-p99", "TIME", ARGUMENTS_MAX_P99, "one in a hundred may take longer"},
    {"against", "TIME", ARGUMENTS_AGAINST, "compare with what was before, such as 10m-ago"},
    {"junit", "FILE", ARGUMENTS_JUNIT, "write what came of it as JUnit XML"},
    {"summary", "FILE", ARGUMENTS_SUMMARY, "add it to a file as Markdown"},
    {"help", NULL, 0, "say this"},
};

void arguments_describe(FILE *stream, unsigned allowed)
{
    for (size_t i = 0; i < FL_COUNT(rows); i++)
        if (rows[i].bit == 0 || allowed & rows[i].bit)
            (void)fprintf(stream, "  --%s%s%-*s  %s\n", rows[i].name, rows[i].value ? " " : "",
                          (int)(11 - strlen(rows[i].name) - (rows[i].value ? 1 : 0)),
                          rows[i].value ? rows[i].value : "", rows[i].summary);
}

static int read_duration(const char *option, const char *text, int64_t *ret, struct fl_error *err)
{
    if (fl_duration_parse(text, ret, err) < 0)
        return fl_error_prefix(err, -EINVAL, "%s", option);
    if (*ret <= 0)
        return fl_error_set(err, -EINVAL, "%s is \"%s\"; give a time above 0, such as 90s", option,
                            text);
    return 0;
}

static int read_count(const char *option, const char *text, uint64_t *ret, struct fl_error *err)
{
    size_t digits = strspn(text, "0123456789");

    *ret = strtoull(text, NULL, 10);
    if (digits == 0 || digits > MAX_COUNT_DIGITS || text[digits] != '\0' || *ret == 0)
        return fl_error_set(err, -EINVAL, "%s is \"%s\"; give a whole number above 0", option,
                            text);
    return 0;
}

/* "0.1%", up to 50%. */
static int read_share(const char *text, double *ret, struct fl_error *err)
{
    char *end = NULL;

    *ret = strtod(text, &end) / 100;
    if (end == text || strcmp(end, "%") != 0 || !(*ret >= 0 && *ret <= MAX_SHARE))
        return fl_error_set(err, -EINVAL, "--max-errors is \"%s\"; give 0%% to 50%%, such as 0.1%%",
                            text);
    return 0;
}

/* "10m-ago", or "10m". */
static int read_ago(const char *text, int64_t *ret, struct fl_error *err)
{
    char copy[32];
    size_t size = strlen(text);

    if (size > strlen(AGO) && strcmp(text + size - strlen(AGO), AGO) == 0)
        size -= strlen(AGO);
    if (size >= sizeof(copy))
        return fl_error_set(err, -EINVAL, "--against is \"%s\"; give a time such as 10m-ago", text);
    memcpy(copy, text, size);
    copy[size] = '\0';
    return read_duration("--against", copy, ret, err);
}

/* What a gate is held against. */
static int read_gate(unsigned bit, const char *value, struct arguments *ret, struct fl_error *err)
{
    switch (bit) {
    case ARGUMENTS_GROUP:
        ret->group = value;
        return 0;
    case ARGUMENTS_MAX_ERRORS:
        return read_share(value, &ret->max_errors, err);
    case ARGUMENTS_MAX_P99:
        return read_duration("--max-p99", value, &ret->max_p99_us, err);
    case ARGUMENTS_AGAINST:
        return read_ago(value, &ret->against_us, err);
    case ARGUMENTS_JUNIT:
        ret->junit = value;
        return 0;
    case ARGUMENTS_SUMMARY:
        ret->summary = value;
        return 0;
    default:
        ret->help = true;
        return 0;
    }
}

/* What says how to probe. */
static int read_probing(unsigned bit, const char *value, struct arguments *ret,
                        struct fl_error *err)
{
    switch (bit) {
    case ARGUMENTS_REPEATS:
        return read_count("--repeats", value, &ret->repeats, err);
    case ARGUMENTS_INTERVAL:
        return read_duration("--interval", value, &ret->interval_us, err);
    case ARGUMENTS_TIMEOUT:
        return read_duration("--timeout", value, &ret->timeout_us, err);
    case ARGUMENTS_SIZE:
        ret->size = value;
        return 0;
    case ARGUMENTS_SET:
        if (ret->n_set == ARGUMENTS_MAX_SET)
            return fl_error_set(err, -EINVAL, "--set may be given %d times", ARGUMENTS_MAX_SET);
        ret->set[ret->n_set++] = value;
        return 0;
    default:
        return read_gate(bit, value, ret, err);
    }
}

static int read_option(unsigned bit, const char *value, struct arguments *ret, struct fl_error *err)
{
    switch (bit) {
    case ARGUMENTS_JSON:
        ret->json = true;
        return 0;
    case ARGUMENTS_API:
        ret->api = value;
        return 0;
    case ARGUMENTS_LENIENT:
        ret->lenient = true;
        return 0;
    case ARGUMENTS_FOR:
        return read_duration("--for", value, &ret->for_us, err);
    case ARGUMENTS_IN:
        return read_duration("--in", value, &ret->in_us, err);
    case ARGUMENTS_TARGETS:
        ret->targets = value;
        return 0;
    case ARGUMENTS_ZONES:
        ret->zones = value;
        return 0;
    case ARGUMENTS_STATUS:
        ret->status = value;
        return 0;
    case ARGUMENTS_MONTH:
        ret->month = value;
        return 0;
    case ARGUMENTS_HTML:
        ret->html = true;
        return 0;
    case ARGUMENTS_CSV:
        ret->csv = true;
        return 0;
    case ARGUMENTS_FROM:
        ret->from = value;
        return 0;
    case ARGUMENTS_TO:
        ret->to = value;
        return 0;
    case ARGUMENTS_TEST:
        ret->test = true;
        return 0;
    case ARGUMENTS_ACCOUNTS:
        ret->accounts = true;
        return 0;
    case ARGUMENTS_COUNT:
        return read_count("--count", value, &ret->count, err);
    case ARGUMENTS_ZONE:
        ret->zone = value;
        return 0;
    case ARGUMENTS_LIST:
        ret->list = true;
        return 0;
    case ARGUMENTS_AGENTS:
        ret->from = value;
        return 0;
    default:
        return read_probing(bit, value, ret, err);
    }
}

static const char *standard_api(void)
{
    const char *api = getenv("FAULTLINE_API");

    return api && *api ? api : ARGUMENTS_STANDARD_API;
}

int arguments_read(int argc, char **argv, unsigned allowed, struct arguments *ret,
                   struct fl_error *err)
{
    struct option options[FL_COUNT(rows) + 1] = {0};
    int which[FL_COUNT(rows)] = {0};
    size_t n = 0;

    for (size_t i = 0; i < FL_COUNT(rows); i++)
        if (rows[i].bit == 0 || allowed & rows[i].bit) {
            which[n] = (int)i;
            options[n++] = (struct option){
                rows[i].name, rows[i].value ? required_argument : no_argument, NULL, 'o'};
        }
    *ret = (struct arguments){.api = standard_api(), .max_errors = -1};
    opterr = 0;
    optind = 0; /* begin anew, also after an earlier call */
    for (int option, index = 0; (option = getopt_long(argc, argv, ":", options, &index)) != -1;) {
        if (option == ':')
            return fl_error_set(err, -EINVAL, "%s needs a value", argv[optind - 1]);
        if (option != 'o')
            return fl_error_set(err, -EINVAL, "%s takes no option \"%s\"", argv[0],
                                argv[optind - 1]);
        if (read_option(rows[which[index]].bit, optarg, ret, err) < 0)
            return -EINVAL;
    }
    ret->operands = argv + optind;
    ret->n_operands = argc - optind;
    return 0;
}
