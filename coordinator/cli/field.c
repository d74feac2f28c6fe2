#include "coordinator/cli/field.h"

const char *field_text(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text ? text : "";
}

int64_t field_number(const json_t *json, const char *name)
{
    return (int64_t)json_integer_value(json_object_get(json, name));
}

int64_t field_elapsed(fl_time from_us, fl_time to_us)
{
    int64_t us;

    return __builtin_sub_overflow(to_us, from_us, &us) ? 0 : us;
}
