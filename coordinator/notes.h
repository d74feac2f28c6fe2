/* What operators tell: announced work, and updates to incidents. Kept in one small file beside
 * the history, written whole at each change. */
#pragma once

#include "coordinator/core/maintenance.h"

#define NOTES_MAX_WINDOWS 256  /* the oldest that is over makes room */
#define NOTES_MAX_UPDATES 1024 /* the oldest makes room */
#define NOTES_TEXT_SIZE 1024

enum note_status { NOTE_INVESTIGATING, NOTE_IDENTIFIED, NOTE_MONITORING, NOTE_RESOLVED };

const char *note_status_name(enum note_status status);
int note_status_parse(const char *name); /* negative: there is none */

struct note_update {
    uint64_t id, incident;
    fl_time t_us;
    enum note_status status;
    char text[NOTES_TEXT_SIZE];
};

struct notes;

/* A file that is not there is made; one that cannot be read is an error. */
int notes_new(const char *path, fl_time now_us, struct notes **ret, struct fl_error *err);
struct notes *notes_free(struct notes *notes);
FL_DEFINE_FREEP(struct notes, notes)

/* When these notes, and with them the history, began. */
fl_time notes_since(const struct notes *notes);
/* In order of id; valid until the next change. */
size_t notes_windows(const struct notes *notes, const struct maintenance **ret);
size_t notes_updates(const struct notes *notes, const struct note_update **ret);
uint64_t notes_dropped(const struct notes *notes); /* made room, ever */

/* The id is given here. 0, -E2BIG when all windows are yet to end, or what writing failed with. */
int notes_add_window(struct notes *notes, struct maintenance *window, struct fl_error *err);
/* End a window at now_us, or take back one that is yet to begin. -ENOENT. */
int notes_end_window(struct notes *notes, uint64_t id, fl_time now_us, struct fl_error *err);
int notes_add_update(struct notes *notes, struct note_update *update, struct fl_error *err);
