#include "proto/types/fl_name.h"

#include "proto/types/fl_limits.h"

#include <string.h>

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool fl_name_valid(const char *name)
{
    size_t n = 0;

    while (n <= FL_NAME_MAX && name_char(name[n]))
        n++;
    return n >= 1 && n <= FL_NAME_MAX && name[n] == '\0';
}

bool fl_target_name_valid(const char *name)
{
    if (strncmp(name, FL_MESH_PREFIX, strlen(FL_MESH_PREFIX)) == 0)
        name += strlen(FL_MESH_PREFIX);
    return fl_name_valid(name);
}

static uint32_t hash(uint32_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * UINT32_C(16777619);
    return h;
}

uint32_t fl_series_id(const char *target, const char *probe)
{
    return hash(hash(hash(UINT32_C(2166136261), target), "/"), probe);
}
