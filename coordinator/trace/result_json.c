#include "coordinator/trace/result_json.h"

void result_json_integer(json_t *object, const char *name, int64_t value)
{
    if (value != FL_ABSENT)
        (void)json_object_set_new(object, name, json_integer(value));
}

static void put_phases(json_t *object, const struct fl_result *result)
{
    json_t *phases = json_object(), *steps = json_object();

    for (int i = 0; i < FL_LAYERS; i++)
        result_json_integer(phases, fl_layer_name((enum fl_layer)i), result->phase_us[i]);
    for (int i = 0; i < FL_STEPS; i++)
        result_json_integer(steps, fl_step_name((enum fl_step)i), result->step_us[i]);
    if (json_object_size(phases) > 0)
        (void)json_object_set(object, "phase_us", phases);
    if (json_object_size(steps) > 0)
        (void)json_object_set(object, "step_us", steps);
    json_decref(phases);
    json_decref(steps);
}

static void put_tcp(json_t *object, const struct fl_tcp *tcp)
{
    json_t *own;

    if (fl_tcp_absent(tcp))
        return;
    own = json_object();
    for (int i = 0; i < FL_TCP_FIELDS; i++)
        result_json_integer(own, fl_tcp_name(i), fl_tcp_get(tcp, i));
    (void)json_object_set_new(object, "tcp", own);
}

void result_json_put(json_t *object, const struct fl_result *result)
{
    (void)json_object_set_new(object, "ok", json_boolean(result->ok));
    if (result->layer != FL_LAYER_NONE)
        (void)json_object_set_new(object, "layer", json_string(fl_layer_name(result->layer)));
    if (result->failure != FL_FAILURE_NONE)
        (void)json_object_set_new(object, "error", json_string(fl_failure_name(result->failure)));
    if (result->step != FL_STEP_NONE)
        (void)json_object_set_new(object, "step", json_string(fl_step_name(result->step)));
    put_phases(object, result);
    result_json_integer(object, "tls_resumed", result->tls_resumed);
    if (result->stalled_us > 0)
        result_json_integer(object, "stalled_us", result->stalled_us);
    put_tcp(object, &result->tcp);
}
