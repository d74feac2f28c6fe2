/* Thousands of faults in service groups, decided by the decider and by the usual rule.
 * Usage: decisions_failover [LIVES [FIRST-SEED]]; each life has 20 faults. */
#include "tests/sim/failover.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    uint64_t lives = argc > 1 ? strtoull(argv[1], NULL, 10) : 150;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    struct failover_tally tally = {0};

    for (uint64_t i = 0; i < lives; i++)
        if (failover_play(seed + i, &tally) < 0) {
            (void)fprintf(stderr, "no memory for life %llu\n", (unsigned long long)(seed + i));
            return EXIT_FAILURE;
        }
    failover_print(&tally);
    return EXIT_SUCCESS;
}
