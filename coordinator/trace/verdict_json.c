/* Verdicts as JSON. A sentence that was cut within a UTF-8 character must not cost the whole
 * verdict, so its bytes above ASCII become '?'. */
#include "coordinator/trace/verdict_json.h"

#include <math.h>
#include <stdio.h>

static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    char plain[VERDICT_SENTENCE_SIZE];

    if (json)
        return json;
    (void)snprintf(plain, sizeof(plain), "%s", text);
    for (char *c = plain; *c; c++) {
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    }
    return json_string(plain);
}

static json_t *confidence_json(double confidence)
{
    return json_real(isfinite(confidence) ? round(confidence * 1e4) / 1e4 : 0.0);
}

/* `texts` is `count` strings of `size` bytes each. */
static json_t *texts_json(const char *texts, uint32_t count, size_t size)
{
    json_t *array = json_array();

    for (uint32_t i = 0; array && i < count; i++) {
        if (json_array_append_new(array, text_json(texts + i * size)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *alternatives_json(const struct verdict *verdict)
{
    json_t *array = json_array();

    for (uint32_t i = 0; array && i < verdict->n_alternatives; i++) {
        const struct verdict_alternative *one = &verdict->alternatives[i];
        json_t *json =
            json_pack("{s:s, s:o, s:o}", "class", verdict_class_name(one->class), "component",
                      text_json(one->component), "confidence", confidence_json(one->confidence));

        if (json_array_append_new(array, json) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* Put the fields of a verdict at the end of `object`. 0 or -1. */
static int add_verdict(json_t *object, const struct verdict *verdict)
{
    const char *cause = verdict_cause_name(verdict->cause);
    int r = 0;

    r |= json_object_set_new(object, "id", json_integer((json_int_t)verdict->id));
    r |= json_object_set_new(object, "class", json_string(verdict_class_name(verdict->class)));
    r |= json_object_set_new(object, "component", text_json(verdict->component));
    if (cause)
        r |= json_object_set_new(object, "cause", json_string(cause));
    r |= json_object_set_new(object, "confidence", confidence_json(verdict->confidence));
    r |= json_object_set_new(object, "since_us", json_integer(verdict->since_us));
    r |= json_object_set_new(object, "alternatives", alternatives_json(verdict));
    r |= json_object_set_new(
        object, "zones",
        texts_json(verdict->zones[0], verdict->n_zones, sizeof(verdict->zones[0])));
    r |= json_object_set_new(
        object, "targets",
        texts_json(verdict->targets[0], verdict->n_targets, sizeof(verdict->targets[0])));
    r |= json_object_set_new(
        object, "evidence",
        texts_json(verdict->evidence[0], verdict->n_evidence, sizeof(verdict->evidence[0])));
    return r;
}

json_t *verdict_json(const struct verdict *verdict)
{
    json_t *object = json_object();

    if (object && add_verdict(object, verdict) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *verdict_event_json(const struct verdict_event *event)
{
    json_t *object = json_object();
    int r = 0;

    if (!object)
        return NULL;
    r |= json_object_set_new(object, "t_us", json_integer(event->t_us));
    r |= json_object_set_new(object, "event", json_string(verdict_event_name(event->type)));
    r |= add_verdict(object, &event->verdict);
    if (r != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}
