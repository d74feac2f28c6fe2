#include "coordinator/cli/gate_fault.h"

#include "coordinator/cli/advice.h"
#include "coordinator/trace/verdict_parse.h"
#include "proto/types/fl_time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool fails(const struct gate_run *run, const char *zone)
{
    for (size_t i = 0; i < run->n_zones; i++)
        if (run->zones[i].state == GATE_FAIL && strcmp(run->zones[i].name, zone) == 0)
            return true;
    return false;
}

/* Is the target one that is probed? Of a group it is not known here: its zones decide then. */
static bool is_probed(const struct gate_run *run, const char *target)
{
    const char *at = run->call->targets;
    size_t size = strlen(target);

    if (!at)
        return true;
    for (; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
        if (strncmp(at, target, size) == 0 && (strchr(",/", at[size]) || at[size] == '\0'))
            return true;
    return false;
}

static bool concerns(const struct gate_run *run, const struct verdict *verdict)
{
    bool zone = verdict->n_zones == 0, target = verdict->n_targets == 0;

    for (uint32_t i = 0; i < verdict->n_zones; i++)
        zone = zone || fails(run, verdict->zones[i]);
    for (uint32_t i = 0; i < verdict->n_targets; i++)
        target = target || is_probed(run, verdict->targets[i]);
    return zone && target;
}

/* A target or a backend that errs is what a bad release looks like; so is its certificate. */
static bool is_elsewhere(const struct verdict *verdict)
{
    if (verdict->class == VERDICT_NETWORK || verdict->class == VERDICT_HOST ||
        verdict->class == VERDICT_MONITORING || verdict->class == VERDICT_DNS)
        return true;
    return strncmp(verdict->component, "target:", 7) != 0 &&
           strncmp(verdict->component, "backend:", 8) != 0;
}

static void note(struct gate_run *run, const struct verdict *verdict)
{
    const char *cause = verdict_cause_name(verdict->cause);

    run->fault_elsewhere = is_elsewhere(verdict);
    (void)snprintf(run->fault, sizeof(run->fault), "incident %llu: %s, %s%s%s, %.0f %% sure",
                   (unsigned long long)verdict->id, verdict_class_name(verdict->class),
                   verdict->component, cause ? ", " : "", cause ? cause : "",
                   100 * verdict->confidence);
}

int gate_fault_find(struct gate_run *run, struct fl_error *err)
{
    const json_t *one;
    json_t *status = NULL;
    size_t i;
    int r = api_client_get(run->client, "/api/v1/status", API_USUAL_TIME, &status, err);

    if (r < 0)
        return r;
    json_array_foreach(json_object_get(status, "verdicts"), i, one)
    {
        struct verdict verdict;

        if (verdict_parse(one, &verdict) == 0 && concerns(run, &verdict) && !run->fault_elsewhere)
            note(run, &verdict);
    }
    json_decref(status);
    return 0;
}

void gate_fault_wait(int64_t us)
{
    const struct timespec time = {us / FL_SECOND, us % FL_SECOND * 1000};

    (void)nanosleep(&time, NULL);
}
