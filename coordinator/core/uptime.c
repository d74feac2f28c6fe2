#include "coordinator/core/uptime.h"

#include <string.h>

#define PPM 1000000

void uptime_look(struct uptime_observer *observer, uint64_t samples, uint64_t ok)
{
    uint32_t down;

    if (samples == 0)
        return;
    down = (uint32_t)((double)(samples - ok) * PPM / (double)samples + 0.5);
    if (!observer->looked || down > observer->down_ppm)
        observer->down_ppm = down;
    observer->looked = true;
}

void uptime_join(struct uptime_minute *minute, const struct uptime_observer *observer)
{
    if (!observer->looked)
        return;
    if (!minute->looked || observer->down_ppm < minute->least_ppm)
        minute->least_ppm = observer->down_ppm;
    if (!minute->looked || observer->down_ppm > minute->most_ppm)
        minute->most_ppm = observer->down_ppm;
    minute->looked = true;
}

void uptime_count(struct uptime_times *times, const struct uptime_minute *minute,
                  int64_t maintenance_us)
{
    int64_t rest = FL_MINUTE - maintenance_us, down, trouble;

    times->maintenance_us += maintenance_us;
    if (!minute->looked)
        return;
    down = rest * minute->least_ppm / PPM;
    trouble = rest * minute->most_ppm / PPM;
    times->down_us += down;
    times->disputed_us += trouble - down;
    times->up_us += rest - trouble;
}

void uptime_add(struct uptime_times *to, const struct uptime_times *from)
{
    to->up_us += from->up_us;
    to->down_us += from->down_us;
    to->disputed_us += from->disputed_us;
    to->maintenance_us += from->maintenance_us;
}

double uptime_share(const struct uptime_times *times)
{
    int64_t known = times->up_us + times->down_us;

    return known > 0 ? (double)times->up_us / (double)known : -1;
}

int64_t uptime_blind(const struct uptime_times *times, fl_time first_us, fl_time last_us)
{
    int64_t seen = times->up_us + times->down_us + times->disputed_us + times->maintenance_us;

    return last_us - first_us > seen ? last_us - first_us - seen : 0;
}

int64_t uptime_worked(const struct uptime_work *works, size_t n, const char *target,
                      fl_time minute_us)
{
    int64_t most = 0;

    for (size_t i = 0; i < n; i++) {
        fl_time begin = works[i].begin_us > minute_us ? works[i].begin_us : minute_us;
        fl_time end =
            works[i].end_us < minute_us + FL_MINUTE ? works[i].end_us : minute_us + FL_MINUTE;

        if (end - begin > most && strcmp(works[i].target, target) == 0)
            most = end - begin;
    }
    return most;
}
