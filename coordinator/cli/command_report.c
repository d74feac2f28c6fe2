/* report: how a month was, as tables, as JSON or as a page. */
#include "coordinator/cli/command.h"
#include "coordinator/cli/report.h"
#include "proto/runtime/fl_clock.h"

#include <errno.h>

static int print(const struct arguments *arguments, const json_t *report)
{
    struct screen screen;

    if (arguments->html)
        return report_print_html(stdout, report);
    if (arguments->json)
        return json_dumpf(report, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF ? 0 : -EIO;
    screen_init(&screen, stdout);
    return report_print(&screen, report);
}

enum command_status command_report(const struct arguments *arguments)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    struct fl_error err;
    json_t *report = NULL;
    int r;

    if (arguments->html && arguments->json)
        return command_fail(COMMAND_USAGE, "--html and --json exclude each other");
    r = api_client_new(arguments->api, &client, &err);
    if (r == 0)
        r = report_gather(client, arguments->month, fl_clock_wall(), &report, &err);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    r = print(arguments, report);
    json_decref(report);
    return r < 0 ? command_fail(COMMAND_UNREACHABLE, "the report cannot be written") : COMMAND_FINE;
}
