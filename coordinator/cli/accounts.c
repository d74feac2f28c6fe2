#include "coordinator/cli/accounts.h"

#include "coordinator/cli/api_client.h"
#include "coordinator/cli/field.h"
#include "coordinator/cli/table.h"
#include "coordinator/trace/verdict_json.h"

#include <errno.h>
#include <inttypes.h>

static const char *const columns[] = {"produced", "stored", "lost", "spooled"};

static void account_row(struct table *table, const json_t *agent)
{
    const json_t *account = json_object_get(agent, "account");
    int64_t balance = field_number(account, "balance");

    table_cell(table, STYLE_PLAIN, "%s", field_text(agent, "name"));
    for (size_t i = 0; i < FL_COUNT(columns); i++)
        if (json_is_object(account))
            table_cell(table, STYLE_PLAIN, "%" PRId64, field_number(account, columns[i]));
        else
            table_cell(table, STYLE_PLAIN, "-");
    if (!json_is_object(account))
        table_cell(table, STYLE_DOUBT, "not told");
    else if (balance == 0)
        table_cell(table, STYLE_GOOD, "0");
    else
        table_cell(table, STYLE_BAD, "%" PRId64 " %s", balance,
                   balance > 0 ? "missing" : "too many");
}

static int print_accounts(const json_t *agents)
{
    static const char *const titles[] = {"AGENT", "PRODUCED", "STORED",
                                         "LOST",  "SPOOLED",  "BALANCE"};
    FL_CLEANUP(table_freep) struct table *table = table_new(titles, FL_COUNT(titles));
    const json_t *agent;
    struct screen screen;
    size_t i;

    if (!table)
        return -ENOMEM;
    screen_init(&screen, stdout);
    json_array_foreach(agents, i, agent) account_row(table, agent);
    return table_print(table, &screen);
}

static int print_json(const json_t *json)
{
    if (json_dumpf(json, stdout, VERDICT_JSON_FLAGS) < 0)
        return -ENOMEM;
    (void)putchar('\n');
    return 0;
}

static bool balance(const json_t *agents)
{
    const json_t *agent;
    size_t i;

    json_array_foreach(agents, i, agent) if (field_number(json_object_get(agent, "account"),
                                                          "balance") != 0) return false;
    return true;
}

enum command_status accounts_show(const struct arguments *arguments)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    enum command_status status = COMMAND_WRONG;
    const json_t *agents;
    json_t *json = NULL;
    struct fl_error err;
    int r = api_client_new(arguments->api, &client, &err);

    if (r == 0)
        r = api_client_get(client, "/api/v1/agents", API_USUAL_TIME, &json, &err);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    agents = json_object_get(json, "agents");
    if (!json_is_array(agents))
        status = command_fail(COMMAND_UNREACHABLE, "what answers there is no coordinator");
    else if ((arguments->json ? print_json(json) : print_accounts(agents)) < 0)
        status = command_fail(COMMAND_WRONG, "no memory");
    else if (balance(agents))
        status = COMMAND_FINE;
    json_decref(json);
    return status;
}
