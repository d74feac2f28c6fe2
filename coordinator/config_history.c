#include "coordinator/config_history.h"

#include "proto/runtime/fl_yaml.h"

#include <errno.h>
#include <string.h>

#define DAY (24 * FL_HOUR)
#define MAX_KEEP (3650 * DAY)
#define FIELD(name) offsetof(struct store_keep, name)

const struct fl_option config_history_options[] = {
    {"raw", FL_OPTION_DURATION, FIELD(raw_us), FL_HOUR, MAX_KEEP, "24h", NULL,
     "how long single results are kept; incidents are kept for ever"},
    {"minutes", FL_OPTION_DURATION, FIELD(minutes_us), FL_HOUR, MAX_KEEP, "30d", NULL,
     "how long points of a minute are kept"},
    {"hours", FL_OPTION_DURATION, FIELD(hours_us), FL_HOUR, MAX_KEEP, "730d", NULL,
     "how long points of an hour are kept"},
    {"pack", FL_OPTION_DURATION, FIELD(pack_us), FL_SECOND, FL_HOUR, "10m", NULL,
     "how often results are packed and added up; until then they take several times the room"},
    {0},
};

static int check(const struct fl_yaml_node *map, const struct store_keep *keep,
                 struct fl_error *err)
{
    bool minutes_short = keep->minutes_us < keep->raw_us;
    const char *longer = minutes_short ? "minutes" : "hours";

    if (!minutes_short && keep->hours_us >= keep->minutes_us)
        return 0;
    return fl_yaml_error(fl_yaml_get(map, longer) ? fl_yaml_get(map, longer) : map, err, -EINVAL,
                         "field \"%s\" is shorter than \"%s\"; what is coarser must be kept at "
                         "least as long",
                         longer, minutes_short ? "raw" : "minutes");
}

int config_history_read(const struct fl_yaml_node *root, struct store_keep *ret,
                        struct fl_error *err)
{
    const struct fl_yaml_node *map = fl_yaml_get(root, "history");
    int r;

    if (!map)
        return fl_options_init(config_history_options, ret);
    r = fl_yaml_options(map, config_history_options, NULL, ret, err);
    return r < 0 ? r : check(map, ret, err);
}
