#include "coordinator/cli/ask_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

json_t *ask_client_list(const char *text)
{
    json_t *array = json_array();

    while (text && *text) {
        size_t size = strcspn(text, ",");

        if (size > 0)
            (void)json_array_append_new(array, json_stringn(text, size));
        text += size + (text[size] == ',');
    }
    return array;
}

int ask_client_begin(struct api_client *client, json_t *request, json_t **ret, struct fl_error *err)
{
    int r = api_client_send(client, "POST", "/api/v1/ask", request, API_USUAL_TIME, ret, err);

    json_decref(request);
    return r;
}

int ask_client_more(struct api_client *client, int64_t id, int64_t after, int64_t wait_us,
                    json_t **ret, struct fl_error *err)
{
    char path[128];

    (void)snprintf(path, sizeof(path),
                   "/api/v1/ask/%" PRId64 "?after=%" PRId64 "&wait=%" PRId64 "ms", id, after,
                   wait_us / FL_MS);
    return api_client_get(client, path, wait_us + API_USUAL_TIME, ret, err);
}
