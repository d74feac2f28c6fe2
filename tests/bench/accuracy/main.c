/* How right, how soon, how sure: random scenarios of every family against their
 * truth. */
#include "tests/bench/accuracy/options.h"
#include "tests/bench/accuracy/run.h"

int main(int argc, char **argv)
{
    struct options options;

    return options_parse(argc, argv, &options) < 0 ? 2 : run(&options);
}
