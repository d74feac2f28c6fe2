#include "coordinator/cli/gate_report.h"

#include "coordinator/cli/table.h"

#include <errno.h>
#include <string.h>

#define BAR 30

/* ---- for people ---- */

static enum screen_style style_of(enum gate_state state)
{
    static const enum screen_style styles[] = {STYLE_PLAIN, STYLE_GOOD, STYLE_BAD, STYLE_DOUBT};

    return styles[state];
}

static void time_cell(struct table *table, int64_t us)
{
    char text[FL_DURATION_TEXT_SIZE];

    table_cell(table, STYLE_PLAIN, "%s", us > 0 ? fl_duration_format(us, text) : "-");
}

static void zone_row(struct table *table, const struct gate_view *view)
{
    const struct gate_zone *seen = &view->seen;

    table_cell(table, STYLE_PLAIN, "%s", view->name);
    table_cell(table, style_of(view->state), "%s", gate_state_name(view->state));
    table_cell(table, STYLE_PLAIN, "%llu of %llu", (unsigned long long)seen->n,
               (unsigned long long)view->limits.planned);
    table_cell(table, seen->errors > 0 ? STYLE_BAD : STYLE_PLAIN, "%llu (%llu may)",
               (unsigned long long)seen->errors, (unsigned long long)view->limits.errors);
    time_cell(table, gate_view_quantile(view, 0.5));
    time_cell(table, gate_view_quantile(view, 0.99));
    time_cell(table, seen->before.p99_us);
}

static void bar(const struct gate_run *run, const struct screen *screen)
{
    int64_t whole = run->call->for_us, past = run->lasted_us < whole ? run->lasted_us : whole;
    int full = whole > 0 ? (int)(past * BAR / whole) : BAR;

    (void)putc('[', screen->out);
    for (int i = 0; i < BAR; i++)
        (void)putc(i < full ? '#' : '.', screen->out);
    (void)fprintf(screen->out, "] %lld of %lld s\n", (long long)(run->lasted_us / FL_SECOND),
                  (long long)(whole / FL_SECOND));
}

size_t gate_report_table(const struct gate_run *run, const struct screen *screen)
{
    static const char *const titles[] = {"ZONE",   "STATE", "PROBES",    "FAILED",
                                         "MEDIAN", "P99",   "P99 BEFORE"};
    FL_CLEANUP(table_freep) struct table *table = table_new(titles, FL_COUNT(titles));

    for (size_t i = 0; table && i < run->n_zones; i++)
        zone_row(table, &run->zones[i]);
    if (!table || table_print(table, screen) < 0)
        return 0;
    bar(run, screen);
    (void)fflush(screen->out);
    return run->n_zones + 2;
}

/* ---- for programs ---- */

static json_t *zone_json(const struct gate_view *view)
{
    const struct gate_zone *seen = &view->seen;
    char sentence[GATE_FAULT_SIZE];

    gate_view_sentence(view, sentence, sizeof(sentence));
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I}}", "zone", view->name,
        "state", gate_state_name(view->state), "why", sentence, "probes", (json_int_t)seen->n,
        "planned", (json_int_t)view->limits.planned, "failed", (json_int_t)seen->errors, "may_fail",
        (json_int_t)view->limits.errors, "late", (json_int_t)seen->late, "median_us",
        (json_int_t)gate_view_quantile(view, 0.5), "p99_us",
        (json_int_t)gate_view_quantile(view, 0.99), "before", "probes", (json_int_t)seen->before.n,
        "failed", (json_int_t)seen->before.errors, "p99_us", (json_int_t)seen->before.p99_us);
}

json_t *gate_report_json(const struct gate_run *run)
{
    char sentence[GATE_SENTENCE_SIZE];
    json_t *zones = json_array();

    for (size_t i = 0; i < run->n_zones; i++)
        (void)json_array_append_new(zones, zone_json(&run->zones[i]));
    gate_run_sentence(run, sentence);
    return json_pack("{s:s, s:s, s:b, s:s, s:I, s:o}", "state", gate_state_name(run->state), "why",
                     sentence, "fault_elsewhere", run->fault_elsewhere, "fault", run->fault,
                     "lasted_us", (json_int_t)run->lasted_us, "zones", zones);
}

/* ---- for pipelines ---- */

static void put_escaped(FILE *file, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            (void)fputs("&amp;", file);
            break;
        case '<':
            (void)fputs("&lt;", file);
            break;
        case '>':
            (void)fputs("&gt;", file);
            break;
        case '"':
            (void)fputs("&quot;", file);
            break;
        case '|': /* ends a cell of Markdown */
            (void)fputs("&#124;", file);
            break;
        default:
            (void)putc((unsigned char)*text < ' ' ? '?' : *text, file);
        }
}

/* What JUnit knows: a zone passed, failed, or was skipped. */
static const char *outcome(const struct gate_run *run, const struct gate_view *view)
{
    if (view->state == GATE_PASS)
        return NULL;
    return run->state == GATE_FAIL && view->state == GATE_FAIL ? "failure" : "skipped";
}

static void put_case(FILE *file, const struct gate_run *run, const struct gate_view *view)
{
    const char *what = outcome(run, view);
    char sentence[GATE_FAULT_SIZE] = "it ended before this zone was judged";

    (void)fprintf(file, "    <testcase classname=\"faultline.gate\" name=\"zone %s\" time=\"%.3f\"",
                  view->name, (double)run->lasted_us / FL_SECOND);
    if (!what) {
        (void)fputs("/>\n", file);
        return;
    }
    if (view->state != GATE_GOING)
        gate_view_sentence(view, sentence, sizeof(sentence));
    (void)fprintf(file, ">\n      <%s message=\"", what);
    put_escaped(file, sentence);
    if (run->fault[0]) {
        (void)fputs("; ", file);
        put_escaped(file, run->fault);
    }
    (void)fputs("\"/>\n    </testcase>\n", file);
}

static void put_junit(FILE *file, const struct gate_run *run)
{
    size_t failures = 0, skipped = 0;

    for (size_t i = 0; i < run->n_zones; i++) {
        const char *what = outcome(run, &run->zones[i]);

        failures += what && strcmp(what, "failure") == 0;
        skipped += what && strcmp(what, "skipped") == 0;
    }
    (void)fprintf(file,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
                  "  <testsuite name=\"faultline gate\" tests=\"%zu\" failures=\"%zu\" "
                  "skipped=\"%zu\" time=\"%.3f\">\n",
                  run->n_zones, failures, skipped, (double)run->lasted_us / FL_SECOND);
    for (size_t i = 0; i < run->n_zones; i++)
        put_case(file, run, &run->zones[i]);
    (void)fputs("  </testsuite>\n</testsuites>\n", file);
}

static void put_summary(FILE *file, const struct gate_run *run)
{
    char sentence[GATE_SENTENCE_SIZE], took[2][FL_DURATION_TEXT_SIZE];

    gate_run_sentence(run, sentence);
    (void)fputs("### Faultline gate\n\n", file);
    put_escaped(file, sentence);
    (void)fputs("\n\n| zone | state | probes | failed | may fail | median | p99 |\n"
                "|---|---|---|---|---|---|---|\n",
                file);
    for (size_t i = 0; i < run->n_zones; i++) {
        const struct gate_view *view = &run->zones[i];

        (void)fprintf(file, "| %s | %s | %llu | %llu | %llu | %s | %s |\n", view->name,
                      gate_state_name(view->state), (unsigned long long)view->seen.n,
                      (unsigned long long)view->seen.errors,
                      (unsigned long long)view->limits.errors,
                      fl_duration_format(gate_view_quantile(view, 0.5), took[0]),
                      fl_duration_format(gate_view_quantile(view, 0.99), took[1]));
    }
    (void)putc('\n', file);
}

static int write_to(const struct gate_run *run, const char *path, const char *mode,
                    void (*put)(FILE *file, const struct gate_run *run), struct fl_error *err)
{
    FILE *file = fopen(path, mode);
    bool bad;

    if (!file)
        return fl_error_set(err, -errno, "%s: cannot be written: %s", path, strerror(errno));
    put(file, run);
    bad = ferror(file) != 0;
    if (fclose(file) != 0 || bad)
        return fl_error_set(err, -EIO, "%s: cannot be written", path);
    return 0;
}

int gate_report_junit(const struct gate_run *run, const char *path, struct fl_error *err)
{
    return write_to(run, path, "we", put_junit, err);
}

int gate_report_summary(const struct gate_run *run, const char *path, struct fl_error *err)
{
    return write_to(run, path, "ae", put_summary, err);
}
