#include "coordinator/core/told.h"

#include <string.h>

static struct told_entry *entry_of(struct told *told, uint64_t handle)
{
    for (size_t i = 0; i < told->n_entries; i++)
        if (told->entries[i].handle == handle)
            return &told->entries[i];
    return NULL;
}

/* The one that is open. */
static struct told_view *view_of(struct told *told, uint64_t incident)
{
    for (size_t i = 0; i < TOLD_VIEWS; i++)
        if (told->views[i].used && !told->views[i].closed_us &&
            told->views[i].verdict.id == incident)
            return &told->views[i];
    return NULL;
}

/* A free one, or in place of the one that was closed first. */
static struct told_view *room(struct told *told)
{
    struct told_view *oldest = NULL;

    for (size_t i = 0; i < TOLD_VIEWS; i++) {
        struct told_view *view = &told->views[i];

        if (!view->used)
            return view;
        if (view->closed_us && (!oldest || view->closed_us < oldest->closed_us))
            oldest = view;
    }
    return oldest;
}

static bool differs(const struct verdict *a, const struct verdict *b)
{
    return a->class != b->class || a->cause != b->cause || strcmp(a->component, b->component) != 0;
}

void told_verdict(struct told *told, const struct verdict_event *event)
{
    struct told_view *view = view_of(told, event->verdict.id);
    bool known = view != NULL;

    if (!known)
        view = room(told);
    if (!view) {
        told->lost++;
        return;
    }
    if (!known)
        *view = (struct told_view){.used = true, .began_us = event->t_us};
    if (!known || differs(&view->verdict, &event->verdict))
        view->changed_us = event->t_us;
    view->verdict = event->verdict;
    if (event->type == VERDICT_CLOSE)
        view->closed_us = event->t_us;
}

void told_reread(struct told *told)
{
    told->n_entries = 0;
    for (size_t i = 0; i < TOLD_VIEWS; i++)
        told->views[i].handle = 0;
}

void told_see(struct told *told, const struct told_entry *entry)
{
    struct told_entry *known = entry_of(told, entry->handle);

    if (known)
        *known = *entry;
    else if (told->n_entries < TOLD_MAX)
        told->entries[told->n_entries++] = *entry;
    else
        told->lost++;
}

void told_forget(struct told *told, uint64_t handle)
{
    struct told_entry *known = entry_of(told, handle);

    if (known)
        *known = told->entries[--told->n_entries];
}

static bool is_taken(const struct told *told, uint64_t handle)
{
    for (size_t i = 0; i < TOLD_VIEWS; i++)
        if (told->views[i].used && told->views[i].handle == handle)
            return true;
    return false;
}

/* Two that saw the same see it at the same time. */
static bool overlap(const struct told_entry *entry, const struct told_view *view)
{
    return (entry->open || entry->t_us >= view->began_us) &&
           (!view->closed_us || entry->began_us <= view->closed_us);
}

/* What the book has of it: the first that may be meant and that no earlier view has taken. */
static struct told_entry *match(struct told *told, struct told_view *view)
{
    struct told_entry *best = view->handle ? entry_of(told, view->handle) : NULL;

    if (best)
        return best;
    for (size_t i = 0; i < told->n_entries; i++) {
        struct told_entry *entry = &told->entries[i];

        if (strcmp(entry->component, view->verdict.component) != 0 ||
            is_taken(told, entry->handle) || !overlap(entry, view))
            continue;
        if (!best || entry->began_us < best->began_us)
            best = entry;
    }
    if (best)
        view->handle = best->handle;
    return best;
}

static void tell(struct told_next *ret, enum verdict_event_type type,
                 const struct told_entry *entry, const struct verdict *verdict, uint64_t change,
                 fl_time t_us)
{
    ret->step = TOLD_TELL;
    ret->entry = (struct told_entry){.handle = entry ? entry->handle : change,
                                     .change = change,
                                     .incident = entry ? entry->incident : verdict->id,
                                     .class = verdict->class,
                                     .cause = verdict->cause,
                                     .open = type != VERDICT_CLOSE,
                                     .began_us = entry ? entry->began_us : t_us,
                                     .t_us = t_us,
                                     .revision = entry ? entry->revision : 0};
    memcpy(ret->entry.component, verdict->component, sizeof(ret->entry.component));
    ret->event = (struct verdict_event){t_us, type, *verdict};
    ret->event.verdict.id = ret->entry.incident;
}

/* True: there is something to tell of it. */
static bool tell_view(struct told *told, struct told_view *view, uint64_t change,
                      struct told_next *ret)
{
    const struct told_entry *entry = match(told, view);
    const struct verdict *verdict = &view->verdict;

    if (!entry) {
        if (told->n_entries == TOLD_MAX)
            return false;
        tell(ret, VERDICT_OPEN, NULL, verdict, change, view->began_us);
        view->handle = change;
        return true;
    }
    if (!entry->open)
        return false;
    if (view->closed_us) {
        tell(ret, VERDICT_CLOSE, entry, verdict, change, view->closed_us);
        return true;
    }
    if (view->changed_us <= entry->t_us ||
        (entry->class == verdict->class && entry->cause == verdict->cause &&
         strcmp(entry->component, verdict->component) == 0))
        return false;
    tell(ret, VERDICT_UPDATE, entry, verdict, change, view->changed_us);
    return true;
}

/* Closed, told, and long ago; or any, the oldest, when there is no room left. */
static bool forget_one(const struct told *told, fl_time now_us, struct told_next *ret)
{
    const struct told_entry *oldest = NULL;
    bool full = told->n_entries == TOLD_MAX;

    for (size_t i = 0; i < told->n_entries; i++) {
        const struct told_entry *entry = &told->entries[i];

        if (!entry->open && entry->done && (!oldest || entry->t_us < oldest->t_us))
            oldest = entry;
    }
    if (!oldest || (!full && now_us - oldest->t_us < TOLD_KEPT_US))
        return false;
    ret->step = TOLD_FORGET;
    ret->entry = *oldest;
    return true;
}

/* Open in the book, and there is nothing of the kind: whoever opened it did not live to close it.
 */
static bool close_orphan(const struct told *told, uint64_t change, fl_time now_us,
                         struct told_next *ret)
{
    for (size_t i = 0; i < told->n_entries; i++) {
        const struct told_entry *entry = &told->entries[i];
        struct verdict verdict = {.class = entry->class, .cause = entry->cause};

        if (!entry->open || is_taken(told, entry->handle))
            continue;
        memcpy(verdict.component, entry->component, sizeof(verdict.component));
        tell(ret, VERDICT_CLOSE, entry, &verdict, change, now_us);
        return true;
    }
    return false;
}

static void expire(struct told *told, fl_time now_us)
{
    for (size_t i = 0; i < TOLD_VIEWS; i++) {
        struct told_view *view = &told->views[i];

        if (view->closed_us && now_us - view->closed_us >= TOLD_VIEW_US)
            view->used = false;
    }
}

/* The next view after `after` in order of their beginnings. */
static struct told_view *next_view(struct told *told, const struct told_view *after)
{
    struct told_view *best = NULL;

    for (size_t i = 0; i < TOLD_VIEWS; i++) {
        struct told_view *view = &told->views[i];
        bool later = !after || view->began_us > after->began_us ||
                     (view->began_us == after->began_us && view > after);

        if (view->used && later && (!best || view->began_us < best->began_us))
            best = view;
    }
    return best;
}

void told_next(struct told *told, uint64_t change, fl_time led_us, fl_time now_us,
               struct told_next *ret)
{
    ret->step = TOLD_NOTHING;
    expire(told, now_us);
    for (struct told_view *view = next_view(told, NULL); view; view = next_view(told, view))
        if (tell_view(told, view, change, ret))
            return;
    if (now_us - led_us >= TOLD_SETTLED_US && close_orphan(told, change, now_us, ret))
        return;
    (void)forget_one(told, now_us, ret);
}
