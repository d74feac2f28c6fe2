#include "proto/types/fl_time.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    int64_t us;
} units[] = {
    {"us", 1},        {"ms", FL_MS},  {"s", FL_SECOND},
    {"m", FL_MINUTE}, {"h", FL_HOUR}, {"d", 24 * FL_HOUR},
};

int64_t fl_time_add(int64_t a, int64_t b)
{
    int64_t sum;

    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return a > 0 ? INT64_MAX : INT64_MIN + 1;
}

int fl_duration_parse(const char *text, int64_t *ret_us, struct fl_error *err)
{
    char *end = NULL;
    double number;

    if (text[0] >= '0' && text[0] <= '9' && strpbrk(text, "xXeE") == NULL) {
        number = strtod(text, &end);
        for (size_t i = 0; i < FL_COUNT(units); i++)
            if (strcmp(end, units[i].name) == 0 && number * (double)units[i].us < 9e18) {
                *ret_us = llround(number * (double)units[i].us);
                return 0;
            }
    }
    return fl_error_set(err, -EINVAL,
                        "\"%s\" is no duration; write a number and one of us, ms, s, m, h, d, as "
                        "in \"250ms\"",
                        text);
}

const char *fl_duration_format(int64_t us, char text[FL_DURATION_TEXT_SIZE])
{
    if (us < FL_MS)
        (void)snprintf(text, FL_DURATION_TEXT_SIZE, "%" PRId64 " us", us);
    else if (us < 10 * FL_MS)
        (void)snprintf(text, FL_DURATION_TEXT_SIZE, "%.1f ms", (double)us / 1e3);
    else if (us < FL_SECOND)
        (void)snprintf(text, FL_DURATION_TEXT_SIZE, "%" PRId64 " ms", us / FL_MS);
    else if (us < FL_MINUTE)
        (void)snprintf(text, FL_DURATION_TEXT_SIZE, "%.1f s", (double)us / 1e6);
    else if (us < FL_HOUR)
        (void)snprintf(text, FL_DURATION_TEXT_SIZE, "%" PRId64 " min %" PRId64 " s", us / FL_MINUTE,
                       us % FL_MINUTE / FL_SECOND);
    else
        (void)snprintf(text, FL_DURATION_TEXT_SIZE, "%" PRId64 " h %" PRId64 " min", us / FL_HOUR,
                       us % FL_HOUR / FL_MINUTE);
    return text;
}

const char *fl_time_format(fl_time time, char text[FL_TIME_TEXT_SIZE])
{
    time_t seconds = (time_t)(time / FL_SECOND);
    struct tm parts;
    char whole[24];

    if (time < 0 || !gmtime_r(&seconds, &parts) ||
        strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        (void)snprintf(text, FL_TIME_TEXT_SIZE, "-");
        return text;
    }
    (void)snprintf(text, FL_TIME_TEXT_SIZE, "%s.%06dZ", whole, (int)(time % FL_SECOND));
    return text;
}
