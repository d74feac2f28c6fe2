#include "coordinator/status/status_model.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *words;
} levels[] = {
    [STATUS_OPERATIONAL] = {"operational", "Operational"},
    [STATUS_MAINTENANCE] = {"under_maintenance", "Maintenance"},
    [STATUS_DEGRADED] = {"degraded_performance", "Degraded performance"},
    [STATUS_PARTIAL] = {"partial_outage", "Partial outage"},
    [STATUS_MAJOR] = {"major_outage", "Major outage"},
    [STATUS_UNKNOWN] = {"unknown", "Not observed"},
};

const char *status_level_name(enum status_level level)
{
    return levels[level].name;
}

const char *status_level_words(enum status_level level)
{
    return levels[level].words;
}

const char *status_words(const struct status_model *model)
{
    static const char *const words[] = {
        [STATUS_OPERATIONAL] = "All systems operational",
        [STATUS_MAINTENANCE] = "Maintenance is under way",
        [STATUS_DEGRADED] = "Some systems are slower than usual",
        [STATUS_PARTIAL] = "Some systems are affected by an outage",
        [STATUS_MAJOR] = "Major outage",
    };

    return words[model->level];
}

static bool is_slowness(enum verdict_cause cause)
{
    switch (cause) {
    case CAUSE_LOSS:
    case CAUSE_CONGESTION:
    case CAUSE_LATENCY:
    case CAUSE_SLOW:
    case CAUSE_UDP_FLOOD:
    case CAUSE_STARVED:
        return true;
    default:
        return false;
    }
}

static bool touches(const struct fleet *fleet, const struct verdict *verdict, uint32_t target)
{
    const char *name = fleet->targets[target].name;

    for (uint32_t i = 0; i < verdict->n_targets; i++)
        if (strcmp(verdict->targets[i], name) == 0)
            return true;
    return strncmp(verdict->component, "target:", 7) == 0 &&
           strcmp(verdict->component + 7, name) == 0;
}

/* What a verdict makes of a component: a fault that all zones see of all that belongs to it is an
 * outage; one that some see, or of some of it, is in part; one that only slows is neither. */
static enum status_level level_of(const struct status_model *model, const struct verdict *verdict,
                                  const struct status_component *component)
{
    size_t touched = 0;

    if (verdict->class == VERDICT_MONITORING)
        return STATUS_OPERATIONAL; /* nothing is known to be wrong */
    for (size_t i = 0; i < component->n_targets; i++)
        touched += touches(model->fleet, verdict, component->targets[i]);
    if (touched == 0)
        return STATUS_OPERATIONAL;
    if (is_slowness(verdict->cause))
        return STATUS_DEGRADED;
    return touched == component->n_targets && verdict->n_zones >= model->fleet->n_zones
               ? STATUS_MAJOR
               : STATUS_PARTIAL;
}

static bool in_maintenance(const struct status_model *model,
                           const struct status_component *component)
{
    for (size_t i = 0; i < component->n_targets; i++)
        if (maintenance_covers_target(model->windows, model->n_windows, model->fleet,
                                      model->fleet->targets[component->targets[i]].name,
                                      model->now_us))
            return true;
    return false;
}

static void judge_components(struct status_model *model, const struct status_input *input)
{
    for (size_t i = 0; i < model->n_components; i++) {
        struct status_shown_component *shown = &model->components[i];

        shown->since_us = model->since_us;
        shown->level =
            in_maintenance(model, shown->config) ? STATUS_MAINTENANCE : STATUS_OPERATIONAL;
        for (size_t k = 0; k < input->n_open; k++) {
            enum status_level level = level_of(model, &input->open[k], shown->config);

            if (level > shown->level) {
                shown->level = level;
                shown->since_us = input->open[k].since_us;
            }
        }
        if (shown->level > model->level)
            model->level = shown->level;
    }
}

/* Put an incident's time into the days that it lasted. */
static void add_days(struct status_model *model, struct status_shown_component *shown,
                     enum status_level level, fl_time from_us, fl_time to_us)
{
    fl_time today = model->now_us / STATUS_DAY_US;

    for (fl_time day = from_us / STATUS_DAY_US; day <= to_us / STATUS_DAY_US; day++) {
        fl_time begin = day * STATUS_DAY_US, end = begin + STATUS_DAY_US;
        int64_t index = STATUS_DAYS - 1 - (today - day);

        if (index < 0 || index >= STATUS_DAYS)
            continue;
        if (begin < from_us)
            begin = from_us;
        if (end > to_us)
            end = to_us;
        if (level > shown->days[index].level || shown->days[index].level == STATUS_UNKNOWN)
            shown->days[index].level = level;
        if (level >= STATUS_PARTIAL)
            shown->days[index].down_us += end - begin;
    }
}

static void judge_days(struct status_model *model, const struct status_input *input)
{
    fl_time today = model->now_us / STATUS_DAY_US, first = model->since_us / STATUS_DAY_US;

    for (size_t i = 0; i < model->n_components; i++) {
        struct status_shown_component *shown = &model->components[i];
        int64_t down = 0, known = model->now_us - model->since_us;

        for (int64_t day = 0; day < STATUS_DAYS; day++)
            shown->days[day] = (struct status_day){
                today - (STATUS_DAYS - 1 - day) < first ? STATUS_UNKNOWN : STATUS_OPERATIONAL, 0};
        for (size_t k = 0; k < input->n_past; k++) {
            const struct store_incident *past = &input->past[k];
            enum status_level level = level_of(model, &past->verdict, shown->config);

            if (level > STATUS_OPERATIONAL)
                add_days(model, shown, level, past->verdict.since_us,
                         past->closed_us == FL_ABSENT ? model->now_us : past->closed_us);
        }
        for (int64_t day = 0; day < STATUS_DAYS; day++)
            down += shown->days[day].down_us;
        if (known > STATUS_DAYS * STATUS_DAY_US)
            known = STATUS_DAYS * STATUS_DAY_US;
        shown->uptime = known > 0 && down < known ? 1.0 - (double)down / (double)known : known <= 0;
    }
}

static const char *usual_text(const struct verdict *verdict)
{
    bool slow = is_slowness(verdict->cause);

    switch (verdict->class) {
    case VERDICT_NETWORK:
        return slow ? "Disturbed connections to {components} from {zones}"
                    : "No connection to {components} from {zones}";
    case VERDICT_STORAGE:
        return slow ? "Slow storage: {components}" : "Storage fault: {components}";
    case VERDICT_SERVICE:
        return slow ? "Slow answers: {components}" : "Not available: {components}";
    case VERDICT_DNS:
        return "Name cannot be resolved: {components}";
    case VERDICT_TLS:
        return "Certificate not valid: {components}";
    default:
        return "Fault of a host: {components}";
    }
}

struct writer {
    char *text;
    size_t size, used;
};

static void add(struct writer *writer, const char *text, size_t length)
{
    if (length > writer->size - 1 - writer->used)
        length = writer->size - 1 - writer->used;
    memcpy(writer->text + writer->used, text, length);
    writer->used += length;
    writer->text[writer->used] = '\0';
}

/* "a", "a and b", "a, b and c". */
static void add_one(struct writer *writer, const char *name, size_t i, size_t n)
{
    const char *before = i == 0 ? "" : i + 1 == n ? " and " : ", ";

    add(writer, before, strlen(before));
    add(writer, name, strlen(name));
}

static void add_components(struct writer *writer, const struct status_model *model,
                           const struct status_incident *incident)
{
    size_t n = 0, k = 0;

    for (size_t i = 0; i < model->n_components; i++)
        n += incident->components[i];
    for (size_t i = 0; i < model->n_components; i++)
        if (incident->components[i])
            add_one(writer, model->components[i].config->name, k++, n);
}

static void add_zones(struct writer *writer, const struct status_model *model,
                      const struct verdict *verdict)
{
    if (verdict->n_zones >= model->fleet->n_zones) {
        add(writer, "everywhere", strlen("everywhere"));
        return;
    }
    add(writer, verdict->n_zones == 1 ? "zone " : "zones ", verdict->n_zones == 1 ? 5 : 6);
    for (uint32_t i = 0; i < verdict->n_zones; i++)
        add_one(writer, verdict->zones[i], i, verdict->n_zones);
}

static void write_title(const struct status_model *model, const struct verdict *verdict,
                        struct status_incident *incident)
{
    const char *own = model->config->texts[verdict->class];
    const char *text = *own ? own : usual_text(verdict);
    struct writer writer = {incident->title, sizeof(incident->title), 0};

    while (*text) {
        size_t plain = strcspn(text, "{");

        add(&writer, text, plain);
        text += plain;
        if (strncmp(text, "{components}", 12) == 0) {
            add_components(&writer, model, incident);
            text += 12;
        } else if (strncmp(text, "{zones}", 7) == 0) {
            add_zones(&writer, model, verdict);
            text += 7;
        } else if (*text)
            add(&writer, text++, 1);
    }
}

static void add_update(struct status_incident *incident, uint64_t id, fl_time t_us,
                       enum note_status status, const char *text)
{
    struct status_update *update;
    size_t at = 0;

    if (incident->n_updates == STATUS_MAX_SHOWN_UPDATES)
        return;
    while (at < incident->n_updates && incident->updates[at].t_us > t_us)
        at++;
    memmove(&incident->updates[at + 1], &incident->updates[at],
            (incident->n_updates - at) * sizeof(incident->updates[0]));
    incident->n_updates++;
    update = &incident->updates[at];
    *update = (struct status_update){id, t_us, status, ""};
    (void)snprintf(update->text, sizeof(update->text), "%s", text);
}

static void add_updates(const struct status_input *input, const struct store_incident *past,
                        struct status_incident *incident)
{
    const struct note_update *notes;
    size_t n = notes_updates(input->notes, &notes);

    add_update(incident, 0, past->opened_us, NOTE_IDENTIFIED,
               "We see the fault and know where it is. More follows here.");
    if (past->closed_us != FL_ABSENT)
        add_update(incident, 0, past->closed_us, NOTE_RESOLVED, "This is over.");
    for (size_t i = 0; i < n; i++)
        if (notes[i].incident == incident->id)
            add_update(incident, notes[i].id, notes[i].t_us, notes[i].status, notes[i].text);
    incident->updated_us = incident->updates[0].t_us;
    incident->status = past->closed_us != FL_ABSENT ? NOTE_RESOLVED : incident->updates[0].status;
}

static void list_incidents(struct status_model *model, const struct status_input *input)
{
    for (size_t i = 0; i < input->n_past && model->n_incidents < STATUS_MAX_INCIDENTS; i++) {
        const struct store_incident *past = &input->past[i];
        struct status_incident *incident = &model->incidents[model->n_incidents];

        if (past->closed_us != FL_ABSENT &&
            past->closed_us < model->now_us - STATUS_PAST_DAYS * STATUS_DAY_US)
            continue;
        *incident = (struct status_incident){
            .id = past->verdict.id, .opened_us = past->opened_us, .closed_us = past->closed_us};
        for (size_t k = 0; k < model->n_components; k++) {
            enum status_level level = level_of(model, &past->verdict, model->components[k].config);

            incident->components[k] = level > STATUS_OPERATIONAL;
            if (level > incident->level)
                incident->level = level;
        }
        if (incident->level == STATUS_OPERATIONAL)
            continue; /* nothing that the page shows is touched */
        write_title(model, &past->verdict, incident);
        add_updates(input, past, incident);
        model->n_incidents++;
    }
}

void status_model_make(struct status_model *model, const struct status_input *input)
{
    model->config = input->config;
    model->fleet = input->fleet;
    model->now_us = input->now_us;
    model->since_us = notes_since(input->notes);
    model->level = STATUS_OPERATIONAL;
    model->n_components = input->config->n_components;
    model->n_incidents = 0;
    model->n_windows = notes_windows(input->notes, &model->windows);
    for (size_t i = 0; i < model->n_components; i++)
        model->components[i].config = &input->config->components[i];
    judge_components(model, input);
    judge_days(model, input);
    list_incidents(model, input);
}
