/* GET /ops: the operators' page; /ops/{file}: what it is made of. It reads nothing but the API. */
#include "coordinator/http/route.h"
#include "coordinator/web/embed.h"

#include <event2/http.h>
#include <stdint.h>
#include <string.h>

EMBED(ops_html, "coordinator/web/ops.html");
EMBED(ops_css, "coordinator/web/ops.css");
EMBED(ops_js, "coordinator/web/ops.js");
#ifdef FAULTLINE_DYGRAPHS
EMBED(dygraph_js, FAULTLINE_DYGRAPHS "/dygraph.min.js");
EMBED(dygraph_css, FAULTLINE_DYGRAPHS "/dygraph.min.css");
#else
static const char no_charts[1];
#endif

#define CSS "text/css; charset=utf-8"
#define JS "text/javascript; charset=utf-8"

/* The chart library puts style attributes on what it draws. */
static const char policy[] =
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self'; style-src-attr 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

static const struct file {
    const char *name, *type, *bytes, *end;
} files[] = {
    {"ops.css", CSS, ops_css, ops_css_end},
    {"ops.js", JS, ops_js, ops_js_end},
#ifdef FAULTLINE_DYGRAPHS
    {"dygraph.css", CSS, dygraph_css, dygraph_css_end},
    {"dygraph.js", JS, dygraph_js, dygraph_js_end},
#else
    /* built without the chart library: the page says so where charts would be */
    {"dygraph.css", CSS, no_charts, no_charts},
    {"dygraph.js", JS, no_charts, no_charts},
#endif
};

void route_ops(struct exchange *exchange)
{
    exchange->policy = policy;
    reply_bytes(exchange, HTTP_OK, "text/html; charset=utf-8", ops_html,
                (size_t)(ops_html_end - ops_html));
}

void route_ops_file(struct exchange *exchange)
{
    for (size_t i = 0; i < FL_COUNT(files); i++) {
        if (strcmp(files[i].name, exchange->parameters[0]) != 0)
            continue;
        reply_bytes(exchange, HTTP_OK, files[i].type, files[i].bytes,
                    (size_t)((uintptr_t)files[i].end - (uintptr_t)files[i].bytes));
        return;
    }
    reply_error(exchange, HTTP_NOTFOUND, "there is no such file");
}
