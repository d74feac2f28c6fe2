/* GET /api/v1/openapi.json: the table of routes as OpenAPI 3.1 describes it, with the schemas of
 * the answers from schemas.json. */
#include "coordinator/http/route.h"
#include "coordinator/web/embed.h"
#include "fl_version.h"

#include <ctype.h>
#include <event2/http.h>
#include <stdio.h>
#include <string.h>

#define REFERENCE "#/components/schemas/"

EMBED(openapi_schemas, "coordinator/http/schemas.json");

static const struct route_parameter *find_parameter(const char *name, size_t size)
{
    for (const struct route_parameter *one = route_parameters; one->name; one++)
        if (strlen(one->name) == size && strncmp(one->name, name, size) == 0)
            return one;
    return NULL;
}

static void add_parameter(json_t *list, const char *name, size_t size, const char *where)
{
    const struct route_parameter *known = find_parameter(name, size);
    json_t *json =
        json_pack("{s:s%, s:s, s:b, s:{s:s}}", "name", name, size, "in", where, "required",
                  strcmp(where, "path") == 0, "schema", "type", known ? known->type : "string");

    if (known)
        (void)json_object_set_new(json, "description", json_string(known->summary));
    (void)json_array_append_new(list, json);
}

static json_t *parameters_json(const struct route *route)
{
    json_t *list = json_array();

    for (const char *at = route->path; (at = strchr(at, '{')); at++)
        add_parameter(list, at + 1, strcspn(at + 1, "}"), "path");
    for (const char *at = route->query; *at; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");

        add_parameter(list, at, size, "query");
        at += size;
    }
    return list;
}

static json_t *answers_json(const struct route *route)
{
    char reference[96];
    json_t *good = json_pack("{s:s}", "description", route->summary);
    json_t *problem =
        json_pack("{s:s, s:{s:{s:{s:s}}}}", "description", "a problem (RFC 9457)", "content",
                  "application/problem+json", "schema", "$ref", REFERENCE "problem");

    (void)snprintf(reference, sizeof(reference), REFERENCE "%s",
                   route->answer ? route->answer : "");
    if (route->answer)
        (void)json_object_set_new(
            good, "content",
            json_pack("{s:{s:{s:s}}}", "application/json", "schema", "$ref", reference));
    return json_pack("{s:o, s:o}", "200", good, "default", problem);
}

/* One word for the operation: its method and path. */
static void operation_id(const struct route *route, char *ret, size_t size)
{
    size_t used = (size_t)snprintf(ret, size, "%s%s", route->method, route->path);

    for (size_t i = 0; i < used && i < size; i++)
        ret[i] = (char)(isalnum((unsigned char)ret[i]) ? tolower((unsigned char)ret[i]) : '_');
}

static json_t *operation_json(const struct route *route)
{
    char id[128];
    json_t *json;

    operation_id(route, id, sizeof(id));
    json = json_pack("{s:s, s:s, s:s, s:o, s:o}", "operationId", id, "summary", route->summary,
                     "x-scope", api_scope_name(route->scope), "parameters", parameters_json(route),
                     "responses", answers_json(route));
    if (route->scope == API_SCOPE_NONE)
        (void)json_object_set_new(json, "security", json_array());
    return json;
}

static json_t *paths_json(void)
{
    json_t *paths = json_object();

    for (const struct route *route = route_table; route->path; route++) {
        json_t *path = json_object_get(paths, route->path);
        char method[16];

        if (!path) {
            path = json_object();
            (void)json_object_set_new(paths, route->path, path);
        }
        (void)snprintf(method, sizeof(method), "%s", route->method);
        for (char *c = method; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        (void)json_object_set_new(path, method, operation_json(route));
    }
    return paths;
}

void route_openapi(struct exchange *exchange)
{
    json_t *schemas = json_loads(openapi_schemas, 0, NULL);
    json_t *schemes = json_pack("{s:{s:s, s:s}, s:{s:s, s:s}}", "token", "type", "http", "scheme",
                                "bearer", "password", "type", "http", "scheme", "basic");

    reply_json(exchange, HTTP_OK,
               json_pack("{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:[]}, {s:[]}], s:o, "
                         "s:{s:o, s:o}}",
                         "openapi", "3.1.0", "info", "title", "Faultline", "version", FL_VERSION,
                         "summary", "Which side of the line a fault is on", "license", "name",
                         "MIT", "identifier", "MIT", "security", "token", "password", "paths",
                         paths_json(), "components", "schemas", schemas, "securitySchemes",
                         schemes));
}
