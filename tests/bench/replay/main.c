/* How fast the engine is, and how much memory it takes. Usage: replay_speed [RESULTS [PAIRS]] */
#include "tests/bench/replay/bench.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    uint64_t results = argc > 1 ? strtoull(argv[1], NULL, 10) : 4000000;
    uint64_t pairs = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;

    if (argc > 3 || results < 4 || pairs < 1000) {
        (void)fprintf(stderr, "usage: replay_speed [RESULTS, at least 4 [PAIRS, at least 1000]]\n");
        return 2;
    }
    return bench_throughput(results) | bench_steps(pairs);
}
