/* Which route a request takes. */
#include "coordinator/http/route.h"

#include <string.h>

/* Cuts the next segment off; NULL: there is none. */
static char *next_segment(char **path)
{
    char *segment = *path;

    if (!segment)
        return NULL;
    *path = strchr(segment, '/');
    if (*path)
        *(*path)++ = '\0';
    return segment;
}

static bool matches(const char *pattern, char *path, const char **parameters)
{
    char expected[EXCHANGE_PATH_SIZE], given[EXCHANGE_PATH_SIZE], *left = expected, *right = given;
    size_t n = 0, at;

    strcpy(expected, pattern);
    strcpy(given, path);
    for (;;) {
        const char *want = next_segment(&left), *have = next_segment(&right);

        if (!want || !have)
            return !want && !have;
        at = (size_t)(have - given);
        if (want[0] != '{' && strcmp(want, have) != 0)
            return false;
        if (want[0] == '{') {
            if (!*have || n == EXCHANGE_PARAMETERS)
                return false;
            parameters[n++] = path + at;
        }
    }
}

/* End each parameter where its segment ends. */
static void cut(const char **parameters, char *path)
{
    for (size_t i = 0; i < EXCHANGE_PARAMETERS; i++)
        if (*parameters[i])
            path[(size_t)(parameters[i] - path) + strcspn(parameters[i], "/")] = '\0';
}

static void allow(char *allowed, const char *method)
{
    size_t used = strlen(allowed);

    if (used + strlen(method) + sizeof(", HEAD, ") < ROUTE_ALLOWED_SIZE)
        (void)snprintf(allowed + used, ROUTE_ALLOWED_SIZE - used, "%s%s%s", used ? ", " : "",
                       method, strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

const struct route *route_find(const char *method, char *path, const char **parameters,
                               char ret_allowed[ROUTE_ALLOWED_SIZE])
{
    ret_allowed[0] = '\0';
    for (const struct route *route = route_table; route->path; route++) {
        for (size_t i = 0; i < EXCHANGE_PARAMETERS; i++)
            parameters[i] = "";
        if (!matches(route->path, path, parameters))
            continue;
        if (strcmp(route->method, method) == 0) {
            cut(parameters, path);
            return route;
        }
        allow(ret_allowed, route->method);
    }
    return NULL;
}
