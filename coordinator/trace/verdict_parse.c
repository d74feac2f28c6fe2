#include "coordinator/trace/verdict_parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static int class_parse(const char *name)
{
    for (int i = 0; i < VERDICT_CLASSES; i++)
        if (strcmp(verdict_class_name((enum verdict_class)i), name) == 0)
            return i;
    return -1;
}

static enum verdict_cause cause_parse(const char *name)
{
    for (int i = CAUSE_NONE + 1; i < VERDICT_CAUSES; i++)
        if (strcmp(verdict_cause_name((enum verdict_cause)i), name) == 0)
            return (enum verdict_cause)i;
    return CAUSE_NONE;
}

int verdict_event_parse(const char *name)
{
    for (int i = VERDICT_OPEN; i <= VERDICT_CLOSE; i++)
        if (strcmp(verdict_event_name((enum verdict_event_type)i), name) == 0)
            return i;
    return -1;
}

/* Fill up to `room` strings of `size` bytes; returns how many. */
static uint32_t texts_parse(const json_t *array, char *texts, uint32_t room, size_t size)
{
    uint32_t n = 0;

    for (; n < room && n < json_array_size(array); n++) {
        const char *text = json_string_value(json_array_get(array, n));

        (void)snprintf(texts + n * size, size, "%s", text ? text : "");
    }
    return n;
}

static void alternatives_parse(const json_t *array, struct verdict *verdict)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *json = json_array_get(array, i);
        struct verdict_alternative *one = &verdict->alternatives[verdict->n_alternatives];
        int class = class_parse(text_of(json, "class"));

        if (verdict->n_alternatives == VERDICT_MAX_ALTERNATIVES)
            return;
        if (class < 0)
            continue;
        one->class = (enum verdict_class) class;
        one->confidence = json_number_value(json_object_get(json, "confidence"));
        (void)snprintf(one->component, sizeof(one->component), "%s", text_of(json, "component"));
        verdict->n_alternatives++;
    }
}

int verdict_parse(const json_t *object, struct verdict *ret)
{
    int class = class_parse(text_of(object, "class"));
    json_int_t id = json_integer_value(json_object_get(object, "id"));

    if (class < 0 || id <= 0)
        return -EBADMSG;
    memset(ret, 0, sizeof(*ret));
    ret->id = (uint64_t)id;
    ret->class = (enum verdict_class) class;
    ret->cause = cause_parse(text_of(object, "cause"));
    ret->confidence = json_number_value(json_object_get(object, "confidence"));
    ret->since_us = json_integer_value(json_object_get(object, "since_us"));
    (void)snprintf(ret->component, sizeof(ret->component), "%s", text_of(object, "component"));
    alternatives_parse(json_object_get(object, "alternatives"), ret);
    ret->n_zones = texts_parse(json_object_get(object, "zones"), ret->zones[0], VERDICT_MAX_ZONES,
                               sizeof(ret->zones[0]));
    ret->n_targets = texts_parse(json_object_get(object, "targets"), ret->targets[0],
                                 VERDICT_MAX_TARGETS, sizeof(ret->targets[0]));
    ret->n_evidence = texts_parse(json_object_get(object, "evidence"), ret->evidence[0],
                                  VERDICT_MAX_EVIDENCE, sizeof(ret->evidence[0]));
    return 0;
}
