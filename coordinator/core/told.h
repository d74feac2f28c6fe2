/* What several coordinators together have told of incidents. Each keeps its own view of what is
 * wrong; what was told is one book, kept in etcd, which the one that leads compares with its view:
 * what is missing is told, what is there is not told again, whoever told it. Pure.
 *
 * Two coordinators number incidents differently and see them some hundred milliseconds apart, so
 * they recognise them by component and time. */
#pragma once

#include "coordinator/core/verdict.h"

#include <stdbool.h>
#include <stddef.h>

#define TOLD_MAX 256                     /* incidents in the book */
#define TOLD_VIEWS 128                   /* incidents of one's own, open or just closed */
#define TOLD_VIEW_US FL_MINUTE           /* so long a closed one waits to be told */
#define TOLD_KEPT_US (10 * FL_MINUTE)    /* so long a closed one is known as told */
#define TOLD_SETTLED_US (30 * FL_SECOND) /* after a start: what is open has been found again */

/* One incident in the book. */
struct told_entry {
    uint64_t handle;   /* number of the change that opened it */
    uint64_t change;   /* number of its newest change */
    uint64_t incident; /* as the coordinator numbers it that opened it */
    enum verdict_class class;
    enum verdict_cause cause;
    char component[FL_COMPONENT_SIZE];
    bool open;
    bool done;         /* the newest change has reached all receivers */
    fl_time began_us;  /* as who opened it saw it */
    fl_time t_us;      /* of the newest change, by the judgement of who told it */
    uint64_t revision; /* at which the book has it; 0: not yet */
};

/* One incident as this coordinator sees it. */
struct told_view {
    bool used;
    uint64_t handle;    /* in the book; 0: not known there yet */
    fl_time began_us;   /* when it opened; one that opens again under its number begins anew */
    fl_time changed_us; /* its class, cause or component */
    fl_time closed_us;  /* 0: it is open */
    struct verdict verdict;
};

struct told {
    uint64_t lost; /* incidents for which there was no room */
    size_t n_entries;
    struct told_entry entries[TOLD_MAX];
    struct told_view views[TOLD_VIEWS];
};

enum told_step { TOLD_NOTHING, TOLD_TELL, TOLD_FORGET };

/* What is to be done next. */
struct told_next {
    enum told_step step;
    struct told_entry entry;    /* to be put into the book (`done` false), or taken out of it */
    struct verdict_event event; /* to be told */
};

/* Starts zeroed. The own judgement said this. */
void told_verdict(struct told *told, const struct verdict_event *event);
/* The book is read anew: what was in it is forgotten, and each entry comes with told_see. */
void told_reread(struct told *told);
/* This is in the book. */
void told_see(struct told *told, const struct told_entry *entry);
void told_forget(struct told *told, uint64_t handle);
/* `change`: a number that no change has had, not even one of which it is not known whether it came
 * to be in the book. `led_us`: since when this coordinator
 * leads or, when that is later, judges. */
void told_next(struct told *told, uint64_t change, fl_time led_us, fl_time now_us,
               struct told_next *ret);
