#include "proto/runtime/fl_clock.h"

#include <pthread.h>
#include <time.h>

static pthread_once_t steady_once = PTHREAD_ONCE_INIT;
static int64_t steady_offset; /* wall minus monotonic, at first use */

static int64_t read_clock(clockid_t id)
{
    struct timespec now;

    (void)clock_gettime(id, &now); /* cannot fail for the two clocks that every kernel has */
    return (int64_t)now.tv_sec * FL_SECOND + now.tv_nsec / 1000;
}

fl_time fl_clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t fl_clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static void start_steady(void)
{
    steady_offset = fl_clock_wall() - fl_clock_monotonic();
}

fl_time fl_clock_steady(void)
{
    (void)pthread_once(&steady_once, start_steady);
    return fl_clock_monotonic() + steady_offset;
}
