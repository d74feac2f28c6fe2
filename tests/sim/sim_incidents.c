/* The documented incidents, each against what should have been said. A file that says it is known
 * to be not right is counted on a line of its own, and fails once it is right, so that the list
 * stays true. Usage: sim_incidents FILE... */
#include "tests/sim/incident_file.h"

#include <stdio.h>
#include <string.h>

/* Is the word one of "a|b|c"? */
static bool one_of(const char *words, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = words; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, word, length) == 0 && (at[length] == '|' || at[length] == '\0'))
            return true;
    }
    return false;
}

static bool says(const struct verdict *verdict, const struct expected *expected)
{
    const char *cause = verdict_cause_name(verdict->cause);

    return one_of(expected->class, verdict_class_name(verdict->class)) &&
           one_of(expected->component, verdict->component) &&
           (strcmp(expected->cause, "any") == 0 || one_of(expected->cause, cause ? cause : "none"));
}

/* Was it said, and open, at some time from `after` to `by`? */
static bool was_said(const struct incident_file *file, const struct expected *expected)
{
    const struct verdict_event *events;
    size_t n = sim_events(file->sim, &events);

    for (size_t i = 0; i < n; i++) {
        fl_time until_us = file->end_us;

        if (events[i].type == VERDICT_CLOSE || !says(&events[i].verdict, expected))
            continue;
        for (size_t k = n; k-- > i + 1;)
            if (events[k].verdict.id == events[i].verdict.id)
                until_us = events[k].t_us;
        if (events[i].t_us <= expected->by_us && until_us >= expected->after_us)
            return true;
    }
    return false;
}

static bool is_expected(const struct incident_file *file, const struct verdict_event *last,
                        fl_time opened_us)
{
    for (size_t i = 0; i < file->n_expected; i++)
        if (says(&last->verdict, &file->expected[i]) && opened_us >= file->expected[0].after_us)
            return true;
    return false;
}

/* Incidents that are none of those expected. */
static size_t count_wrong(const struct incident_file *file)
{
    const struct verdict_event *events;
    size_t n = sim_events(file->sim, &events), wrong = 0;

    for (size_t i = 0; i < n; i++) {
        size_t last = i;

        if (events[i].type != VERDICT_OPEN)
            continue;
        for (size_t k = i; k < n; k++)
            if (events[k].verdict.id == events[i].verdict.id)
                last = k;
        wrong += !is_expected(file, &events[last], events[i].t_us);
    }
    return wrong;
}

static void complain(const struct incident_file *file)
{
    const struct verdict_event *events;
    size_t n = sim_events(file->sim, &events);

    for (size_t i = 0; i < file->n_expected; i++)
        printf("    expected %s %s (%s), %.0f to %.0f s%s\n", file->expected[i].class,
               file->expected[i].component, file->expected[i].cause,
               (double)file->expected[i].after_us / 1e6, (double)file->expected[i].by_us / 1e6,
               was_said(file, &file->expected[i]) ? "" : ": not said");
    for (size_t i = 0; i < n; i++) {
        const char *cause = verdict_cause_name(events[i].verdict.cause);

        printf("    said %.2f s: %s %llu %s %s (%s) %.2f\n", (double)events[i].t_us / 1e6,
               verdict_event_name(events[i].type), (unsigned long long)events[i].verdict.id,
               verdict_class_name(events[i].verdict.class), events[i].verdict.component,
               cause ? cause : "-", events[i].verdict.confidence);
    }
}

enum { RIGHT, KNOWN, WRONG, ENDS };

static int play(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct incident_file file;
    struct fl_error err;
    bool right;
    int end;

    if (incident_file_load(path, &file, &err) < 0) {
        printf("wrong  %s\n", err.message);
        return WRONG;
    }
    sim_run(file.sim, file.end_us);
    right = count_wrong(&file) == 0;
    for (size_t i = 0; i < file.n_expected; i++)
        right = right && (file.expected[i].optional || was_said(&file, &file.expected[i]));
    end = right && !file.known ? RIGHT : right || !file.known ? WRONG : KNOWN;
    if (end == RIGHT)
        printf("right  %s: %s\n", name, file.incident);
    else if (end == KNOWN)
        printf("known  %s: %s: %s\n", name, file.incident, file.known);
    else if (right)
        printf("wrong  %s: is right now, take its \"known\" away\n", name);
    else
        printf("wrong  %s: %s\n", name, file.incident);
    if (!right)
        complain(&file);
    incident_file_done(&file);
    return end;
}

int main(int argc, char **argv)
{
    int n[ENDS] = {0};

    for (int i = 1; i < argc; i++)
        n[play(argv[i])]++;
    printf("%d right, %d known not to be, %d wrong\n", n[RIGHT], n[KNOWN], n[WRONG]);
    return n[WRONG] > 0 || n[RIGHT] + n[KNOWN] == 0;
}
