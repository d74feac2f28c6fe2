/* Plays all scenarios that the options ask for, in several processes, and
 * prints the tables. */
#pragma once

#include "tests/bench/accuracy/options.h"

int run(const struct options *options); /* the exit status */
