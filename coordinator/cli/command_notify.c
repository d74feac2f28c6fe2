/* notify --test [NAME]: have receivers of notifications told that this is a test. */
#include "coordinator/cli/api_client.h"
#include "coordinator/cli/command.h"

enum command_status command_notify(const struct arguments *arguments)
{
    FL_CLEANUP(api_client_freep) struct api_client *client = NULL;
    const char *name = arguments->n_operands > 0 ? arguments->operands[0] : NULL;
    json_t *body, *answer = NULL;
    struct fl_error err;
    int r;

    if (!arguments->test)
        return command_fail(COMMAND_USAGE, "give --test: verdicts are told by the coordinator");
    body = json_pack("{s:s*}", "receiver", name);
    r = api_client_new(arguments->api, &client, &err);
    if (r == 0)
        r = api_client_send(client, "POST", "/api/v1/notify/test", body, API_USUAL_TIME, &answer,
                            &err);
    json_decref(body);
    json_decref(answer);
    if (r < 0)
        return command_fail(command_status_of(r), err.message);
    (void)printf("A test is on its way to %s.\n", name ? name : "every receiver");
    return COMMAND_FINE;
}
