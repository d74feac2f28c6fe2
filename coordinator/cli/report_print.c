/* A report as tables, for a terminal or as a page. */
#include "coordinator/cli/field.h"
#include "coordinator/cli/report.h"
#include "coordinator/cli/table.h"

#include <errno.h>
#include <inttypes.h>

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Report %s</title>\n"
    "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;"
    "max-width:70rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%%}"
    "caption,h1,h2{text-align:left}th,td{text-align:left;padding:.2rem .6rem;"
    "border-bottom:1px solid #8886}td{font-variant-numeric:tabular-nums}"
    "div{overflow-x:auto}</style></head><body>\n<h1>Report %s</h1>\n"
    "<p>Down is when all who looked saw failures, disputed when only some did; announced work and "
    "time in which nobody looked count neither as up nor as down.</p>\n";

struct printing {
    struct table *table;
    FILE *out;
    size_t n_columns;
};

static void add_row(const char *const *cells, void *arg)
{
    struct printing *printing = arg;

    for (size_t i = 0; i < printing->n_columns; i++)
        table_cell(printing->table, STYLE_PLAIN, "%s", cells[i]);
}

static void say_left_out(const json_t *report, FILE *out)
{
    int64_t left_out = field_number(report, "latency_left_out");

    if (left_out > 0)
        (void)fprintf(out, "%" PRId64 " more series are left out.\n", left_out);
}

int report_print(const struct screen *screen, const json_t *report)
{
    (void)fprintf(screen->out, "Report %s\n", field_text(report, "month"));
    for (size_t i = 0; i < REPORT_TABLES; i++) {
        const struct report_table *shown = &report_tables[i];
        FL_CLEANUP(table_freep) struct table *table = table_new(shown->columns, shown->n_columns);
        struct printing printing = {.table = table, .n_columns = shown->n_columns};

        if (!table)
            return -ENOMEM;
        screen_head(screen, shown->title);
        report_rows(report, i, add_row, &printing);
        if (table_rows(table) == 0)
            (void)fputs("None.\n", screen->out);
        else if (table_print(table, screen) < 0)
            return -ENOMEM;
    }
    say_left_out(report, screen->out);
    return ferror(screen->out) ? -EIO : 0;
}

static void write_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            (void)fputs("&lt;", out);
        else if (*text == '&')
            (void)fputs("&amp;", out);
        else
            (void)putc(*text, out);
    }
}

static void write_row(const char *const *cells, void *arg)
{
    struct printing *printing = arg;

    (void)fputs("<tr>", printing->out);
    for (size_t i = 0; i < printing->n_columns; i++) {
        (void)fputs("<td>", printing->out);
        write_escaped(printing->out, cells[i]);
    }
    (void)fputs("</tr>\n", printing->out);
}

int report_print_html(FILE *out, const json_t *report)
{
    const char *month = field_text(report, "month");

    (void)fprintf(out, page_head, month, month);
    for (size_t i = 0; i < REPORT_TABLES; i++) {
        const struct report_table *shown = &report_tables[i];
        struct printing printing = {.out = out, .n_columns = shown->n_columns};

        (void)fprintf(out, "<h2>%s</h2>\n<div><table><thead><tr>", shown->title);
        for (size_t k = 0; k < shown->n_columns; k++)
            (void)fprintf(out, "<th scope=\"col\">%s", shown->columns[k]);
        (void)fputs("</tr></thead><tbody>\n", out);
        report_rows(report, i, write_row, &printing);
        (void)fputs("</tbody></table></div>\n", out);
    }
    (void)fputs("<p>", out);
    say_left_out(report, out);
    (void)fputs("</p></body></html>\n", out);
    return ferror(out) ? -EIO : 0;
}
