#include "tests/bench/accuracy/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: accuracy [-n SCENARIOS] [-s SEED] [-f FAMILY]... [-j JOBS] "
    "[--verbose]\n"
    "                [--baselines | --tune] [--no-engine] [--trace FOLDER]\n"
    "\n"
    "  -n  scenarios a family (20)        -s  first seed (1)\n"
    "  -f  this family; several may be given: mixed, traps or one of\n"
    "     ";

static int complain(const char *what, const char *value)
{
    (void)fprintf(stderr, "accuracy: %s \"%s\"\n%s", what, value, usage);
    for (int i = 0; i < SCENARIO_FAMILIES; i++)
        (void)fprintf(stderr, " %s", scenario_family_name((enum scenario_family)i));
    (void)fprintf(stderr, "\n"
                          "  -j  processes (as many as there are cores)\n"
                          "  --verbose    show each scenario that was not judged right in time\n"
                          "  --baselines  what others do, on the same results\n"
                          "  --tune       search the baselines' settings on these seeds\n"
                          "  --no-engine  without the correlator\n"
                          "  --trace      write what was not judged right for faultline replay\n");
    return -1;
}

static int parse_number(const char *text, uint64_t *ret)
{
    char *end;

    *ret = strtoull(text, &end, 10);
    return *text != '\0' && *end == '\0' ? 0 : -1;
}

static int choose_family(struct options *options, const char *name)
{
    int one = scenario_family_parse(name);
    bool mixed = strcmp(name, "mixed") == 0, traps = strcmp(name, "traps") == 0;

    if (one < 0 && !mixed && !traps)
        return complain("there is no family", name);
    for (int i = 0; i < SCENARIO_FAMILIES; i++)
        options->families[i] |= i == one || (mixed && scenario_is_mixed((enum scenario_family)i)) ||
                                (traps && scenario_is_trap((enum scenario_family)i));
    return 0;
}

static void choose_all(struct options *options)
{
    for (int i = 0; i < SCENARIO_FAMILIES; i++)
        if (options->families[i])
            return;
    for (int i = 0; i < SCENARIO_FAMILIES; i++)
        options->families[i] = i != SCENARIO_QUIET; /* hours: only when asked for */
}

int options_parse(int argc, char **argv, struct options *ret)
{
    static const struct option words[] = {
        {"verbose", no_argument, NULL, 'v'},     {"baselines", no_argument, NULL, 'b'},
        {"tune", no_argument, NULL, 't'},        {"no-engine", no_argument, NULL, 'e'},
        {"trace", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0},
    };
    uint64_t jobs = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    int option, r = 0;

    *ret = (struct options){.scenarios = 20, .seed = 1};
    while (r == 0 && (option = getopt_long(argc, argv, "n:s:f:j:", words, NULL)) >= 0) {
        ret->verbose |= option == 'v';
        ret->baselines |= option == 'b';
        ret->tune |= option == 't';
        ret->no_engine |= option == 'e' || option == 't';
        if (option == 'r')
            ret->trace = optarg;
        else if (option == 'f')
            r = choose_family(ret, optarg);
        else if (option == '?' || (optarg && parse_number(optarg, option == 'n'   ? &ret->scenarios
                                                                  : option == 's' ? &ret->seed
                                                                                  : &jobs) < 0))
            r = complain("cannot use", optarg ? optarg : argv[optind - 1]);
    }
    if (r == 0 && optind < argc)
        r = complain("cannot use", argv[optind]);
    if (r == 0 && (jobs < 1 || jobs > 256 || ret->scenarios < 1 || ret->scenarios > 1000000))
        r = complain("1 to 1000000 scenarios and 1 to 256 processes are possible, not", "these");
    ret->jobs = (unsigned)jobs;
    choose_all(ret);
    return r;
}
