#include "coordinator/http/http_failure.h"

#include "coordinator/http/exchange.h"

#include <event2/buffer.h>
#include <stdio.h>

static const char *sentence_of(int status)
{
    static const struct {
        int status;
        const char *sentence;
    } sentences[] = {
        {400, "this is no request of HTTP/1.1, or its line and headers are over the limit"},
        {413, "the line and headers, or the body, are over the limit"},
        {417, "the only expectation that is met here is 100-continue"},
        {501, "no path here has this method"},
    };

    for (size_t i = 0; i < FL_COUNT(sentences); i++)
        if (sentences[i].status == status)
            return sentences[i].sentence;
    return "the server refused this request before it read it whole";
}

/* The status of the answer that stands in `output`; 0: it is no answer. */
static int status_of(struct evbuffer *output)
{
    char line[sizeof("HTTP/1.1 400")];
    ev_ssize_t n = evbuffer_copyout(output, line, sizeof(line) - 1);
    int status = 0;

    line[n > 0 ? n : 0] = '\0';
    return sscanf(line, "HTTP/1.%*1d %3d", &status) == 1 ? status : 0;
}

void http_failure_answer(struct evbuffer *output, bool secure)
{
    int status = status_of(output), size;
    char body[512];

    if (status < 400)
        return;
    size = snprintf(body, sizeof(body),
                    "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}",
                    reply_phrase(status), status, sentence_of(status));
    (void)evbuffer_drain(output, evbuffer_get_length(output));
    (void)evbuffer_add_printf(output, "HTTP/1.1 %d %s\r\n", status, reply_phrase(status));
    for (size_t i = 0; reply_usual[i][0]; i++)
        (void)evbuffer_add_printf(output, "%s: %s\r\n", reply_usual[i][0], reply_usual[i][1]);
    if (secure)
        (void)evbuffer_add_printf(output, "Strict-Transport-Security: %s\r\n",
                                  REPLY_TRANSPORT_SECURITY);
    (void)evbuffer_add_printf(output,
                              "Content-Type: application/problem+json\r\nContent-Length: %d\r\n"
                              "Connection: close\r\n\r\n%s",
                              size, body);
}
