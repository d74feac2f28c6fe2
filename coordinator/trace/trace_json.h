/* One line of JSON as tokens, without a copy and without an allocation a value: a trace has
 * millions of lines. A thin shell over jsmn, which tells tokens; here they are held to the grammar
 * and found by name. What is read once is read with jansson. */
#pragma once

#include "proto/types/fl_error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_json;

enum trace_json_type {
    TRACE_JSON_ABSENT,
    TRACE_JSON_OBJECT,
    TRACE_JSON_ARRAY,
    TRACE_JSON_STRING,
    TRACE_JSON_NUMBER,
    TRACE_JSON_BOOLEAN,
    TRACE_JSON_NULL,
};

/* A value of the line that was parsed last; absent where nothing is. */
struct trace_value {
    const struct trace_json *json;
    uint32_t token; /* 0: absent, else one more than its number */
};

int trace_json_new(struct trace_json **ret);
struct trace_json *trace_json_free(struct trace_json *json);

/* Parse one object. `text` must have room for one byte more than its size, is written to, and must
 * outlive the values. -EBADMSG: no JSON, or no object. */
int trace_json_parse(struct trace_json *json, char *text, size_t size, struct trace_value *ret,
                     struct fl_error *err);

enum trace_json_type trace_json_type(struct trace_value value);
/* The member of an object; absent if there is none, or if it is no object. */
struct trace_value trace_json_get(struct trace_value object, const char *field);
size_t trace_json_size(struct trace_value array);
/* Elements of an array, the first for an absent `before`; absent after the last. */
struct trace_value trace_json_next(struct trace_value array, struct trace_value before);
/* NULL if it is no string. Names and words need no escapes, and none are undone. */
const char *trace_json_text(struct trace_value value);
bool trace_json_is_true(struct trace_value value);
/* False if it is no integer, or one that 64 bits do not hold. */
bool trace_json_integer(struct trace_value value, int64_t *ret);
/* False if it is no number. */
bool trace_json_number(struct trace_value value, double *ret);
