/* Everything is in one answer: style and script stand in the page, bars are drawn as one path a
 * level. The text says all that colours say. */
#include "coordinator/status/status_html.h"

#include "coordinator/web/embed.h"

#include <inttypes.h>
#include <math.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

EMBED(status_page_css, "coordinator/web/page.css");
EMBED(status_page_js, "coordinator/web/page.js");

#define BAR_STEP 4 /* units of the drawing for a day, one of them free */

static void escape(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            (void)fputs("&amp;", out);
            break;
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        default:
            (void)fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
        }
    }
}

static void write_time(FILE *out, fl_time t_us)
{
    char text[FL_TIME_TEXT_SIZE], seconds[FL_TIME_TEXT_SIZE];

    (void)fl_time_format(t_us, text);
    text[19] = '\0';
    (void)snprintf(seconds, sizeof(seconds), "%.10s %.5s UTC", text, text + 11);
    (void)fprintf(out, "<time datetime=\"%sZ\">%s</time>", text, seconds);
}

static const char *status_words_of(enum note_status status)
{
    static const char *const words[] = {"Investigating", "Identified", "Monitoring", "Resolved"};

    return words[status];
}

static void write_incident(FILE *out, const struct status_incident *incident)
{
    (void)fprintf(out, "<article class=\"incident %s\" id=\"incident-%" PRIu64 "\"><h3>",
                  status_level_name(incident->level), incident->id);
    escape(out, incident->title);
    (void)fputs("</h3><ol>", out);
    for (size_t i = 0; i < incident->n_updates; i++) {
        const struct status_update *update = &incident->updates[i];

        (void)fprintf(out, "<li><strong>%s</strong> ", status_words_of(update->status));
        escape(out, update->text);
        (void)fputs(" <span>", out);
        write_time(out, update->t_us);
        (void)fputs("</span></li>", out);
    }
    (void)fputs("</ol></article>", out);
}

static void write_window(FILE *out, const struct status_model *model,
                         const struct maintenance *window)
{
    (void)fprintf(
        out, "<article class=\"incident under_maintenance\" id=\"maintenance-%" PRIu64 "\"><h3>",
        window->id);
    escape(out, window->title);
    (void)fprintf(out, "</h3><p><strong>%s</strong> ",
                  maintenance_runs(window, model->now_us) ? "Under way" : "Planned");
    write_time(out, window->begin_us);
    (void)fputs(" to ", out);
    write_time(out, window->end_us);
    (void)fputs("</p></article>", out);
}

static bool any_window(const struct status_model *model)
{
    for (size_t i = 0; i < model->n_windows; i++)
        if (model->windows[i].end_us > model->now_us)
            return true;
    return false;
}

static void write_now(FILE *out, const struct status_model *model)
{
    bool any = false;

    (void)fprintf(out, "<div class=\"banner %s\"><h2>%s</h2><p>Updated ",
                  status_level_name(model->level), status_words(model));
    write_time(out, model->now_us);
    (void)fputs("</p></div>", out);
    for (size_t i = 0; i < model->n_incidents; i++) {
        if (model->incidents[i].closed_us != FL_ABSENT)
            continue;
        if (!any)
            (void)fputs("<h2>Now</h2>", out);
        any = true;
        write_incident(out, &model->incidents[i]);
    }
    if (any_window(model))
        (void)fputs("<h2>Maintenance</h2>", out);
    for (size_t i = 0; i < model->n_windows; i++)
        if (model->windows[i].end_us > model->now_us)
            write_window(out, model, &model->windows[i]);
}

/* All days of a level as one path. */
static void write_path(FILE *out, const struct status_shown_component *shown,
                       enum status_level level)
{
    bool any = false;

    for (int day = 0; day < STATUS_DAYS; day++) {
        if (shown->days[day].level != level)
            continue;
        if (!any)
            (void)fprintf(out, "<path class=\"%s\" d=\"", status_level_name(level));
        any = true;
        (void)fprintf(out, "M%d 0h3v30h-3z", day * BAR_STEP);
    }
    if (any)
        (void)fputs("\"/>", out);
}

/* What a day was, in a letter a day; the script shows it in words under the pointer. */
static void write_days(FILE *out, const struct status_shown_component *shown)
{
    static const char letters[] = "omdpxu";

    for (int day = 0; day < STATUS_DAYS; day++)
        (void)fputc(letters[shown->days[day].level], out);
}

static void write_uptime(FILE *out, const struct status_shown_component *shown)
{
    double percent = floor(shown->uptime * 1e5) / 1e3; /* never rounded up to 100 */

    (void)fprintf(out, "%.*f %%", percent == 100 ? 0 : 3, percent);
}

static void write_bars(FILE *out, const struct status_shown_component *shown)
{
    int bad = 0, unknown = 0;

    for (int day = 0; day < STATUS_DAYS; day++) {
        bad += shown->days[day].level >= STATUS_DEGRADED && shown->days[day].level <= STATUS_MAJOR;
        unknown += shown->days[day].level == STATUS_UNKNOWN;
    }
    (void)fprintf(out,
                  "<svg class=\"bars\" viewBox=\"0 0 %d 30\" preserveAspectRatio=\"none\" "
                  "role=\"img\" aria-label=\"90 days: %d with trouble, %d not observed\" "
                  "data-days=\"",
                  STATUS_DAYS * BAR_STEP - 1, bad, unknown);
    write_days(out, shown);
    (void)fputs("\">", out);
    for (int level = STATUS_OPERATIONAL; level <= STATUS_UNKNOWN; level++)
        write_path(out, shown, (enum status_level)level);
    (void)fputs("</svg><p class=\"scale\"><span>90 days ago</span><span>", out);
    write_uptime(out, shown);
    (void)fputs(" up</span><span>Today</span></p>", out);
}

static void write_component(FILE *out, const struct status_shown_component *shown, size_t index)
{
    (void)fprintf(out, "<li id=\"component-%zu\"><div class=\"name\"><h4>", index + 1);
    escape(out, shown->config->name);
    (void)fprintf(out, "</h4><p class=\"level %s\">%s</p></div>", status_level_name(shown->level),
                  status_level_words(shown->level));
    write_bars(out, shown);
    (void)fputs("</li>", out);
}

static void write_groups(FILE *out, const struct status_model *model)
{
    (void)fputs("<section id=\"components\" aria-labelledby=\"by-component\">"
                "<h2 id=\"by-component\">Components</h2>",
                out);
    for (size_t group = 0; group < model->config->n_groups; group++) {
        (void)fputs("<h3>", out);
        escape(out, model->config->groups[group].name);
        (void)fputs("</h3><ul>", out);
        for (size_t i = 0; i < model->n_components; i++)
            if (model->components[i].config->group == group)
                write_component(out, &model->components[i], i);
        (void)fputs("</ul>", out);
    }
    (void)fputs("</section>", out);
}

static void write_past(FILE *out, const struct status_model *model)
{
    bool any = false;

    (void)fputs("<section aria-labelledby=\"past\"><h2 id=\"past\">Past incidents</h2>", out);
    for (size_t i = 0; i < model->n_incidents; i++) {
        if (model->incidents[i].closed_us == FL_ABSENT)
            continue;
        any = true;
        write_incident(out, &model->incidents[i]);
    }
    if (!any)
        (void)fprintf(out, "<p>None in the last %d days.</p>", STATUS_PAST_DAYS);
    (void)fputs("</section>", out);
}

static void write_page(FILE *out, const struct status_model *model, const char *url, bool live)
{
    (void)fputs("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                "<meta name=\"color-scheme\" content=\"light dark\"><title>",
                out);
    escape(out, model->config->title);
    (void)fputs("</title><link rel=\"icon\" href=\"data:,\"><link rel=\"alternate\" "
                "type=\"application/atom+xml\" title=\"Incidents\" href=\"feed.atom\"><style>",
                out);
    (void)fwrite(status_page_css, 1, (size_t)(status_page_css_end - status_page_css), out);
    (void)fprintf(out, "</style></head><body data-live=\"%d\" data-url=\"", live);
    escape(out, url);
    (void)fputs("\"><a class=\"skip\" href=\"#components\">Go to the components</a><header><h1>",
                out);
    escape(out, model->config->title);
    (void)fputs("</h1><a href=\"feed.atom\">Subscribe (Atom)</a></header><main>"
                "<section id=\"now\" aria-live=\"polite\" aria-label=\"Now\">",
                out);
    write_now(out, model);
    (void)fputs("</section>", out);
    write_groups(out, model);
    write_past(out, model);
    (void)fputs("</main><footer><p>All times are UTC. Uptime leaves out announced maintenance and "
                "days that were not observed. For programs: "
                "<a href=\"api/v2/summary.json\">summary.json</a>.</p></footer><script>",
                out);
    (void)fwrite(status_page_js, 1, (size_t)(status_page_js_end - status_page_js), out);
    (void)fputs("</script></body></html>\n", out);
}

/* Ends a stream into memory; NULL when something did not fit. */
static char *end(FILE *out, char **text)
{
    bool failed = ferror(out);

    if (fclose(out) == 0 && !failed)
        return *text;
    free(*text);
    return NULL;
}

char *status_html_page(const struct status_model *model, const char *url, bool live)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    write_page(out, model, url, live);
    return end(out, &text);
}

char *status_html_now(const struct status_model *model)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    write_now(out, model);
    return end(out, &text);
}

static void write_stamp(FILE *out, const char *field, fl_time t_us)
{
    char text[FL_TIME_TEXT_SIZE];

    (void)fprintf(out, "<%s>%s</%s>", field, fl_time_format(t_us, text), field);
}

static void write_entry(FILE *out, const struct status_incident *incident, const char *url)
{
    (void)fprintf(out, "<entry><id>%s/#incident-%" PRIu64 "</id><title>", url, incident->id);
    escape(out, incident->title);
    (void)fputs("</title>", out);
    write_stamp(out, "published", incident->opened_us);
    write_stamp(out, "updated", incident->updated_us);
    (void)fprintf(out, "<link href=\"%s/#incident-%" PRIu64 "\"/><content type=\"text\">", url,
                  incident->id);
    for (size_t i = 0; i < incident->n_updates; i++) {
        (void)fprintf(out, "%s: ", status_words_of(incident->updates[i].status));
        escape(out, incident->updates[i].text);
        (void)fputc('\n', out);
    }
    (void)fputs("</content></entry>", out);
}

char *status_atom(const struct status_model *model, const char *url)
{
    fl_time updated = model->since_us;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (size_t i = 0; i < model->n_incidents; i++)
        if (model->incidents[i].updated_us > updated)
            updated = model->incidents[i].updated_us;
    (void)fputs("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>",
                out);
    escape(out, model->config->title);
    (void)fprintf(out,
                  "</title><id>%s/</id><link rel=\"self\" href=\"%s/feed.atom\"/>"
                  "<link href=\"%s/\"/><author><name>",
                  url, url, url);
    escape(out, model->config->title);
    (void)fputs("</name></author>", out);
    write_stamp(out, "updated", updated);
    for (size_t i = 0; i < model->n_incidents; i++)
        write_entry(out, &model->incidents[i], url);
    (void)fputs("</feed>\n", out);
    return end(out, &text);
}

static void add_hash(char *policy, size_t size, const char *directive, const char *text,
                     size_t length)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    char encoded[64];
    size_t used = strlen(policy);

    (void)SHA256((const uint8_t *)text, length, hash);
    (void)EVP_EncodeBlock((uint8_t *)encoded, hash, sizeof(hash));
    (void)snprintf(policy + used, size - used, "; %s 'sha256-%s'", directive, encoded);
}

const char *status_html_policy(void)
{
    static char policy[512];

    if (*policy)
        return policy;
    (void)snprintf(policy, sizeof(policy),
                   "default-src 'none'; connect-src 'self'; img-src 'self' data:; "
                   "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    add_hash(policy, sizeof(policy), "style-src", status_page_css,
             (size_t)(status_page_css_end - status_page_css));
    add_hash(policy, sizeof(policy), "script-src", status_page_js,
             (size_t)(status_page_js_end - status_page_js));
    return policy;
}
