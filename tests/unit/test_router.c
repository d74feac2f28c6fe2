// links: coordinator_http
/* Paths to routes. */
#include "coordinator/http/route.h"
#include "tests/support/unit.h"

#include <string.h>

static const struct route *find(const char *method, const char *path, char *copy,
                                const char **parameters, char *allowed)
{
    strcpy(copy, path);
    return route_find(method, copy, parameters, allowed);
}

static void paths_lead_to_their_routes(void **state)
{
    const char *parameters[EXCHANGE_PARAMETERS];
    char allowed[ROUTE_ALLOWED_SIZE], path[EXCHANGE_PATH_SIZE];

    (void)state;
    assert_string_equal(find("GET", "/", path, parameters, allowed)->path, "/");
    assert_string_equal(find("GET", "/healthz", path, parameters, allowed)->path, "/healthz");
    assert_string_equal(find("GET", "/api/v1/verdicts", path, parameters, allowed)->path,
                        "/api/v1/verdicts");
    assert_string_equal(
        find("POST", "/api/v1/verdicts/12/updates", path, parameters, allowed)->path,
        "/api/v1/verdicts/{id}/updates");
    assert_string_equal(parameters[0], "12");
    assert_string_equal(parameters[1], "");
}

static void what_is_not_there_is_not_found(void **state)
{
    static const char *const nowhere[] = {
        "/nowhere", "/healthz/", "//", "/api/v1/verdicts/", "/api/v1/verdicts/1/2", "healthz", ""};
    const char *parameters[EXCHANGE_PARAMETERS];
    char allowed[ROUTE_ALLOWED_SIZE], path[EXCHANGE_PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < FL_COUNT(nowhere); i++) {
        assert_null(find("GET", nowhere[i], path, parameters, allowed));
        assert_string_equal(allowed, "");
    }
}

static void other_methods_are_told_which_there_are(void **state)
{
    const char *parameters[EXCHANGE_PARAMETERS];
    char allowed[ROUTE_ALLOWED_SIZE], path[EXCHANGE_PATH_SIZE];

    (void)state;
    assert_null(find("DELETE", "/api/v1/maintenance", path, parameters, allowed));
    assert_string_equal(allowed, "GET, HEAD, POST");
}

/* What the table says of itself has to be there. */
static void every_row_is_whole(void **state)
{
    (void)state;
    for (const struct route *route = route_table; route->path; route++) {
        assert_non_null(route->handle);
        assert_non_null(route->query);
        assert_true(strlen(route->summary) > 0);
        assert_true(strlen(route->path) < EXCHANGE_PATH_SIZE);
        assert_true(strcmp(route->method, "GET") == 0 || route->scope >= API_SCOPE_PROBE);
        assert_true(strcmp(route->method, "GET") == 0 || route->cache_us == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_their_routes),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(other_methods_are_told_which_there_are),
        cmocka_unit_test(every_row_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
