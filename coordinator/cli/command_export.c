/* export AGENT TARGET PROBE: the results of one series, page by page as the coordinator gives
 * them, one JSON object or one line of comma-separated values each. */
#include "coordinator/cli/api_client.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/field.h"
#include "proto/types/fl_limits.h"
#include "proto/types/fl_result.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PAGE 10000 /* results asked for at once */
#define NAME "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:"
#define TIME "0123456789-:.TZ"

static int print_csv_head(void)
{
    int r = printf("t,agent,target,probe,ok,layer,error,step,took_us,stalled_us");

    for (int i = 0; i < FL_LAYERS; i++)
        r |= printf(",%s_us", fl_layer_name((enum fl_layer)i));
    for (int i = 0; i < FL_STEPS; i++)
        r |= printf(",%s_us", fl_step_name((enum fl_step)i));
    for (int i = 0; i < FL_TCP_FIELDS; i++)
        r |= printf(",tcp_%s", fl_tcp_name(i));
    return r < 0 || putchar('\n') == EOF ? -EIO : 0;
}

/* An empty field where there is no such number. */
static void print_number(const json_t *object, const char *name)
{
    const json_t *number = json_object_get(object, name);

    if (json_is_integer(number))
        (void)printf(",%" JSON_INTEGER_FORMAT, json_integer_value(number));
    else
        (void)putchar(',');
}

static void print_csv(const json_t *result, char *const names[])
{
    (void)printf("%s,%s,%s,%s,%s,%s,%s,%s", field_text(result, "t_at"), names[0], names[1],
                 names[2], json_is_true(json_object_get(result, "ok")) ? "true" : "false",
                 field_text(result, "layer"), field_text(result, "error"),
                 field_text(result, "step"));
    print_number(result, "took_us");
    print_number(result, "stalled_us");
    for (int i = 0; i < FL_LAYERS; i++)
        print_number(json_object_get(result, "phase_us"), fl_layer_name((enum fl_layer)i));
    for (int i = 0; i < FL_STEPS; i++)
        print_number(json_object_get(result, "step_us"), fl_step_name((enum fl_step)i));
    for (int i = 0; i < FL_TCP_FIELDS; i++)
        print_number(json_object_get(result, "tcp"), fl_tcp_name(i));
    (void)putchar('\n');
}

static int print_ndjson(json_t *result, char *const names[])
{
    json_t *line =
        json_pack("{s:s, s:s, s:s}", "agent", names[0], "target", names[1], "probe", names[2]);
    int r = line && json_object_update(line, result) == 0 &&
                    json_dumpf(line, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF
                ? 0
                : -EIO;

    json_decref(line);
    return r;
}

/* Prints a page. `*from_us` becomes where the next one begins; returns 1 when there is one. */
static int print_page(const struct arguments *arguments, const json_t *page, fl_time *from_us)
{
    json_t *results = json_object_get(page, "results"), *result;
    size_t i;
    int r = 0;

    json_array_foreach(results, i, result)
    {
        if (arguments->csv)
            print_csv(result, arguments->operands);
        else
            r |= print_ndjson(result, arguments->operands);
    }
    if (r < 0 || ferror(stdout))
        return -EIO;
    *from_us = field_number(page, "next");
    return *from_us > 0;
}

static int print_all(const struct arguments *arguments, struct api_client *client,
                     struct fl_error *err)
{
    char *const *names = arguments->operands;
    fl_time from_us = 0;
    int r;

    do {
        char path[512], from[48] = "", to[48] = "";
        json_t *page = NULL;

        if (from_us > 0)
            (void)snprintf(from, sizeof(from), "&from=%" PRId64, from_us);
        else if (arguments->from)
            (void)snprintf(from, sizeof(from), "&from=%s", arguments->from);
        if (arguments->to)
            (void)snprintf(to, sizeof(to), "&to=%s", arguments->to);
        (void)snprintf(path, sizeof(path),
                       "/api/v1/history/results?agent=%s&target=%s&probe=%s&limit=%d%s%s", names[0],
                       names[1], names[2], PAGE, from, to);
        r = api_client_get(client, path, API_USUAL_TIME, &page, err);
        if (r == 0)
            r = print_page(arguments, page, &from_us);
        json_decref(page);
    } while (r > 0);
    if (r == -EIO)
        (void)fl_error_set(err, r, "the output cannot be written");
    return r;
}

static bool is_plain(const char *text, const char *of, size_t most)
{
    return !text || (strspn(text, of) == strlen(text) && strlen(text) <= most && *text);
}

enum command_status command_export(const struct arguments *arguments)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    struct fl_error err;
    int r;

    for (int i = 0; i < 3; i++)
        if (!is_plain(arguments->operands[i], NAME, FL_TARGET_SIZE - 1))
            return command_fail(COMMAND_USAGE, "an agent, a target or a probe has a name of "
                                               "letters, digits, \".\", \"_\" and \"-\"");
    if (!is_plain(arguments->from, TIME, 32) || !is_plain(arguments->to, TIME, 32))
        return command_fail(COMMAND_USAGE, "--from and --to take a time in UTC such as 2026-11-23 "
                                           "or 2026-11-23T17:00:00Z");
    r = api_client_new(arguments->api, &client, &err);
    if (r == 0 && arguments->csv)
        r = print_csv_head();
    if (r == 0)
        r = print_all(arguments, client, &err);
    return r < 0 ? command_fail(command_status_of(r), err.message) : COMMAND_FINE;
}
