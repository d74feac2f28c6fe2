/* The status page as values: components and their level now and by day, incidents in words for
 * customers, announced work. Made from the configuration, the verdicts and the notes; what draws
 * it (HTML, JSON, feed) reads nothing else. Pure. */
#pragma once

#include "coordinator/config_status.h"
#include "coordinator/notes.h"
#include "coordinator/store/store.h"

#define STATUS_DAYS 90
#define STATUS_MAX_INCIDENTS 50     /* shown, the latest first */
#define STATUS_PAST_DAYS 15         /* how long an incident is shown after its end */
#define STATUS_MAX_SHOWN_UPDATES 20 /* of one incident */
#define STATUS_DAY_US (24 * FL_HOUR)

/* In order of weight. */
enum status_level {
    STATUS_OPERATIONAL,
    STATUS_MAINTENANCE,
    STATUS_DEGRADED,
    STATUS_PARTIAL,
    STATUS_MAJOR,
    STATUS_UNKNOWN, /* of a day: nobody looked */
};

struct status_day {
    enum status_level level;
    int64_t down_us; /* partial or major */
};

struct status_shown_component {
    const struct status_component *config;
    enum status_level level;
    fl_time since_us;                    /* of the level, or when notes began */
    struct status_day days[STATUS_DAYS]; /* the last is today, UTC */
    double uptime;                       /* of the days that are known, 0..1 */
};

struct status_update {
    uint64_t id; /* of the note; 0: of the machine */
    fl_time t_us;
    enum note_status status;
    char text[NOTES_TEXT_SIZE];
};

struct status_incident {
    uint64_t id;
    enum status_level level;
    enum note_status status;
    fl_time opened_us, updated_us, closed_us; /* closed FL_ABSENT while open */
    char title[STATUS_TEXT_SIZE];
    size_t n_updates;
    struct status_update updates[STATUS_MAX_SHOWN_UPDATES]; /* the latest first */
    bool components[STATUS_MAX_COMPONENTS];
};

struct status_model {
    const struct config_status *config;
    const struct fleet *fleet;
    fl_time now_us, since_us;
    enum status_level level;
    size_t n_components, n_incidents;
    struct status_shown_component components[STATUS_MAX_COMPONENTS];
    struct status_incident incidents[STATUS_MAX_INCIDENTS];
    const struct maintenance *windows;
    size_t n_windows;
};

struct status_input {
    const struct config_status *config;
    const struct fleet *fleet;
    fl_time now_us;
    const struct verdict *open; /* published and not closed */
    size_t n_open;
    const struct store_incident *past; /* those of the last days, open or closed, latest first */
    size_t n_past;
    const struct notes *notes;
};

/* Everything is borrowed until the next make. */
void status_model_make(struct status_model *model, const struct status_input *input);

const char *status_level_name(enum status_level level); /* as the status API has it */
const char *status_level_words(enum status_level level);
const char *status_words(const struct status_model *model); /* of all of it, in a sentence */
