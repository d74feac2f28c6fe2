#include "proto/types/fl_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fl_error_set(struct fl_error *err, int code, const char *format, ...)
{
    va_list arguments;

    if (!err)
        return code;
    va_start(arguments, format);
    (void)vsnprintf(err->message, sizeof(err->message), format, arguments);
    va_end(arguments);
    return code;
}

int fl_error_prefix(struct fl_error *err, int code, const char *format, ...)
{
    char rest[sizeof(err->message)];
    va_list arguments;
    size_t used;

    if (!err)
        return code;
    memcpy(rest, err->message, sizeof(rest));
    va_start(arguments, format);
    (void)vsnprintf(err->message, sizeof(err->message), format, arguments);
    va_end(arguments);
    used = strlen(err->message);
    (void)snprintf(err->message + used, sizeof(err->message) - used, ": %s", rest);
    return code;
}
