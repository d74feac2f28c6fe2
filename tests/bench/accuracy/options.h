/* What accuracy is asked to do. */
#pragma once

#include "tests/sim/scenario.h"

struct options {
    uint64_t scenarios; /* a family */
    uint64_t seed;      /* the first */
    bool families[SCENARIO_FAMILIES];
    unsigned jobs;
    bool verbose, baselines, tune, no_engine;
    const char *trace; /* folder for the traces of what was not judged right;
                          NULL: none */
};

/* 0, or -1 after a sentence on standard error. */
int options_parse(int argc, char **argv, struct options *ret);
