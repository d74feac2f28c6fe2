/* probe TYPE ADDRESS: one probe from here, layer by layer; with --from, by agents that allow it.
 * probe TARGET[/PROBE] --from all: what is in the plan, by the agents of these zones, now.
 * probe --list: the types there are. */
#include "agent/probe/probe.h"
#include "coordinator/cli/ask_client.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/field.h"
#include "coordinator/cli/probe_local.h"
#include "coordinator/cli/probe_report.h"
#include "coordinator/cli/table.h"
#include "coordinator/trace/result_json.h"
#include "coordinator/trace/verdict_json.h"

#include <errno.h>
#include <string.h>

#define WAIT_US (5 * FL_SECOND) /* for one answer */
#define LOCAL_TIMEOUT (2 * FL_SECOND)
#define LOCAL_INTERVAL (200 * FL_MS)
#define HERE "here" /* the zone and the agent of what is run by this process */

static enum command_status print_json(json_t *json)
{
    int r = json ? json_dumpf(json, stdout, VERDICT_JSON_FLAGS) : -1;

    json_decref(json);
    if (r < 0)
        return command_fail(COMMAND_WRONG, "no memory");
    (void)putchar('\n');
    return COMMAND_FINE;
}

/* ---- the list ---- */

static const char *summary_of(size_t i)
{
    const struct probe_type *type;

    return probe_type_find(probe_table[i].name, &type, NULL) == 0 ? type->summary
                                                                  : "its module is not installed";
}

static enum command_status list_json(void)
{
    json_t *types = json_array();

    for (size_t i = 0; probe_table[i].name; i++)
        (void)json_array_append_new(
            types, json_pack("{s:s, s:s?, s:s}", "type", probe_table[i].name, "address",
                             probe_local_aim(probe_table[i].name), "summary", summary_of(i)));
    return print_json(json_pack("{s:o}", "types", types));
}

static enum command_status list(const struct arguments *arguments)
{
    static const char *const titles[] = {"TYPE", "ADDRESS IS ITS", "WHAT IT DOES"};
    FL_CLEANUP(table_freep) struct table *table = table_new(titles, FL_COUNT(titles));
    struct screen screen;

    if (arguments->json)
        return list_json();
    if (!table)
        return command_fail(COMMAND_WRONG, "no memory");
    screen_init(&screen, stdout);
    for (size_t i = 0; probe_table[i].name; i++) {
        const char *aim = probe_local_aim(probe_table[i].name);

        table_cell(table, STYLE_PLAIN, "%s", probe_table[i].name);
        table_cell(table, STYLE_PLAIN, "%s", aim ? aim : "-");
        table_cell(table, STYLE_PLAIN, "%s", summary_of(i));
    }
    return table_print(table, &screen) < 0 ? command_fail(COMMAND_WRONG, "no memory")
                                           : COMMAND_FINE;
}

/* ---- settings ---- */

/* "KEY=VALUE" of --set; `key` gets the key. NULL: it is none. */
static const char *split(const char *text, char key[FL_NAME_SIZE])
{
    const char *equals = strchr(text, '=');

    if (!equals || equals == text || equals - text >= FL_NAME_SIZE)
        return NULL;
    (void)snprintf(key, FL_NAME_SIZE, "%.*s", (int)(equals - text), text);
    return equals + 1;
}

/* Hand every setting of the call to `take`. */
static int settings(const struct arguments *arguments, const char *aim,
                    int (*take)(const char *key, const char *value, void *arg), void *arg,
                    struct fl_error *err)
{
    char key[FL_NAME_SIZE];
    int r = take(aim, arguments->operands[1], arg);

    if (r == 0 && arguments->size)
        r = take("size", arguments->size, arg);
    for (size_t i = 0; i < arguments->n_set && r == 0; i++) {
        const char *value = split(arguments->set[i], key);

        if (!value)
            return fl_error_set(err, -EINVAL, "--set is \"%s\"; give KEY=VALUE", arguments->set[i]);
        r = take(key, value, arg);
    }
    return r < 0 ? fl_error_set(err, r, "too many settings, or no memory") : 0;
}

/* ---- from here ---- */

struct local {
    struct probe_report *report;
    const struct fl_probe_spec *spec;
    bool quiet;
};

static void on_result(const struct fl_result *result, void *arg)
{
    const struct local *local = arg;
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "zone", HERE, "agent", HERE,
                             "target", local->spec->type, "probe", local->spec->probe, "t_us",
                             (json_int_t)result->t_us, "took_us", (json_int_t)result->took_us);

    if (!json)
        return;
    result_json_put(json, result);
    probe_report_add(local->report, json, local->quiet);
    json_decref(json);
}

static int add_setting(const char *key, const char *value, void *arg)
{
    return fl_probe_spec_set(arg, key, value);
}

static enum command_status finish(struct probe_report *report, const struct arguments *arguments,
                                  json_t *agents)
{
    enum command_status status = report->n_failed > 0 || json_array_size(report->results) == 0
                                     ? COMMAND_WRONG
                                     : COMMAND_FINE;

    if (arguments->json)
        (void)print_json(
            json_pack("{s:O, s:o*}", "results", report->results, "agents", json_incref(agents)));
    else if (json_array_size(report->results) > 1 && probe_report_sum(report) < 0)
        status = command_fail(COMMAND_WRONG, "no memory");
    probe_report_done(report);
    return status;
}

static enum command_status run_here(const struct arguments *arguments, struct fl_plan *plan)
{
    struct fl_probe_spec *spec = &plan->specs[0];
    json_t *orders = json_pack("[{s:s, s:s}]", "target", spec->type, "probe", spec->probe);
    struct probe_report report;
    struct local local = {&report, spec, arguments->json};
    struct fl_error err;
    int r = probe_report_begin(&report, NULL, orders);

    json_decref(orders);
    if (r == 0)
        r = probe_local_run(plan, arguments->repeats ? arguments->repeats : 1,
                            arguments->interval_us ? arguments->interval_us : LOCAL_INTERVAL,
                            on_result, &local, &err);
    if (r < 0) {
        probe_report_done(&report);
        return command_fail(COMMAND_USAGE, err.message);
    }
    return finish(&report, arguments, NULL);
}

static enum command_status here(const struct arguments *arguments, const char *aim)
{
    enum command_status status;
    struct fl_probe_spec *spec;
    struct fl_error err;
    struct fl_plan plan;
    int r;

    fl_plan_init(&plan);
    spec = fl_plan_add(&plan, HERE, "probe", arguments->operands[0], FL_SECOND,
                       arguments->timeout_us ? arguments->timeout_us : LOCAL_TIMEOUT);
    r = spec ? settings(arguments, aim, add_setting, spec, &err)
             : fl_error_set(&err, -ENOMEM, "no memory");
    status = r < 0 ? command_fail(COMMAND_USAGE, err.message) : run_here(arguments, &plan);
    fl_plan_done(&plan);
    return status;
}

/* ---- from agents ---- */

static int put_setting(const char *key, const char *value, void *arg)
{
    return json_object_set_new(arg, key, json_string(value)) < 0 ? -ENOMEM : 0;
}

static void put_numbers(const struct arguments *arguments, json_t *request)
{
    if (arguments->repeats)
        (void)json_object_set_new(request, "repeats", json_integer((json_int_t)arguments->repeats));
    if (arguments->interval_us)
        (void)json_object_set_new(request, "interval_us", json_integer(arguments->interval_us));
    if (arguments->timeout_us)
        (void)json_object_set_new(request, "timeout_us", json_integer(arguments->timeout_us));
}

static bool put_size(const struct arguments *arguments, json_t *request)
{
    size_t digits = arguments->size ? strspn(arguments->size, "0123456789") : 0;

    if (!arguments->size)
        return true;
    if (digits == 0 || digits > 9 || arguments->size[digits] != '\0')
        return false;
    return json_object_set_new(request, "size", json_integer(atoll(arguments->size))) == 0;
}

static json_t *request_of(const struct arguments *arguments, const char *aim, struct fl_error *err)
{
    json_t *own = json_object(), *request;

    request = json_pack("{s:o}", "from", ask_client_list(arguments->from));
    put_numbers(arguments, request);
    if (arguments->n_operands == 2) {
        (void)json_object_set_new(request, "type", json_string(arguments->operands[0]));
        if (settings(arguments, aim, put_setting, own, err) == 0 &&
            json_object_set(request, "settings", own) == 0) {
            json_decref(own);
            return request;
        }
    } else if (arguments->n_set > 0 || !put_size(arguments, request)) {
        (void)fl_error_set(err, -EINVAL,
                           "of a probe of the plan --size, a number of bytes, and --timeout may "
                           "differ, and nothing else");
    } else {
        (void)json_object_set_new(request, "probes", ask_client_list(arguments->operands[0]));
        json_decref(own);
        return request;
    }
    json_decref(own);
    json_decref(request);
    return NULL;
}

static void take(struct probe_report *report, const json_t *answer, bool quiet)
{
    json_t *result;
    size_t i;

    json_array_foreach(json_object_get(answer, "results"), i, result)
        probe_report_add(report, result, quiet);
}

/* What agents would not or could not do, and whether any did something. */
static bool any_answered(const struct probe_report *report, const json_t *answer, bool quiet)
{
    const json_t *one;
    bool any = false;
    size_t i;

    json_array_foreach(json_object_get(answer, "agents"), i, one)
    {
        const char *state = field_text(one, "state"), *reason = field_text(one, "reason");

        any = any || field_number(one, "results") > 0;
        if (quiet || (strcmp(state, "answered") == 0 && !*reason))
            continue;
        screen_paragraph(&report->screen, "", "%s of zone %s: %s%s%s", field_text(one, "agent"),
                         field_text(one, "zone"), state, *reason ? ": " : "", reason);
    }
    return any;
}

/* Show what comes until it is over. `*answer` becomes the last one. */
static int follow(struct api_client *client, struct probe_report *report, json_t **answer,
                  bool quiet, struct fl_error *err)
{
    while (!json_is_true(json_object_get(*answer, "over"))) {
        json_t *more = NULL;
        int r = ask_client_more(client, field_number(*answer, "id"), field_number(*answer, "next"),
                                WAIT_US, &more, err);

        if (r < 0)
            return r;
        json_decref(*answer);
        *answer = more;
        take(report, more, quiet);
    }
    return 0;
}

static enum command_status ask(const struct arguments *arguments, json_t *request)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    enum command_status status;
    struct probe_report report;
    json_t *answer = NULL;
    struct fl_error err;
    int r = api_client_new(arguments->api, &client, &err);

    if (r < 0)
        json_decref(request);
    else
        r = ask_client_begin(client, request, &answer, &err);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    r = probe_report_begin(&report, json_object_get(answer, "agents"),
                           json_object_get(answer, "orders"));
    take(&report, answer, arguments->json);
    if (r == 0)
        r = follow(client, &report, &answer, arguments->json, &err);
    if (r < 0) {
        status = command_fail(command_status_of(r), err.message);
        probe_report_done(&report);
    } else {
        bool any = any_answered(&report, answer, arguments->json);

        status = finish(&report, arguments, json_object_get(answer, "agents"));
        status = any ? status : COMMAND_UNREACHABLE;
    }
    json_decref(answer);
    return status;
}

static enum command_status from_agents(const struct arguments *arguments, const char *aim)
{
    struct fl_error err;
    json_t *request = request_of(arguments, aim, &err);

    return request ? ask(arguments, request) : command_fail(COMMAND_USAGE, err.message);
}

static enum command_status no_type(const char *name)
{
    const struct probe_type *type;
    struct fl_error err = {"a probe of this type is aimed at nothing"};

    if (probe_type_find(name, &type, &err) == -ENOENT)
        (void)fl_error_set(&err, -ENOENT,
                           "there is no type of probe \"%s\"; faultline probe --list has them",
                           name);
    return command_fail(COMMAND_USAGE, err.message);
}

enum command_status command_probe(const struct arguments *arguments)
{
    const char *aim = NULL;

    if (arguments->list)
        return arguments->n_operands == 0 ? list(arguments)
                                          : command_fail(COMMAND_USAGE, "--list stands alone");
    if (arguments->n_operands == 0)
        return command_fail(COMMAND_USAGE, "say what to probe: TYPE ADDRESS, or TARGET --from all");
    if (arguments->n_operands == 1 && !arguments->from)
        return command_fail(COMMAND_USAGE,
                            "a target of the plan is probed by agents: add --from all, or zones; "
                            "from here it is TYPE ADDRESS");
    if (arguments->n_operands == 2 && !(aim = probe_local_aim(arguments->operands[0])))
        return no_type(arguments->operands[0]);
    return arguments->from ? from_agents(arguments, aim) : here(arguments, aim);
}
