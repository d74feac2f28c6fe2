// links: coordinator_status
/* What the status page makes of verdicts, history and notes. */
#include "coordinator/status/status_html.h"
#include "coordinator/status/status_json.h"
#include "coordinator/status/status_model.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW (20000 * STATUS_DAY_US + 12 * FL_HOUR)

struct bench {
    struct fleet *fleet;
    struct config_status config;
    struct status_component components[2];
    uint32_t targets[3];
    struct notes *notes;
    char path[64];
    struct verdict open[4];
    struct store_incident past[4];
    struct status_input input;
    struct status_model model;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct fl_error err;

    assert_int_equal(fleet_new(&bench->fleet), 0);
    assert_int_equal(fleet_add_zone(bench->fleet, "a", &err), 0);
    assert_int_equal(fleet_add_zone(bench->fleet, "b", &err), 0);
    assert_int_equal(fleet_add_target(bench->fleet, "vol-1", TARGET_STORAGE, "a", NULL, &err), 0);
    assert_int_equal(fleet_add_target(bench->fleet, "vol-2", TARGET_STORAGE, "a", NULL, &err), 0);
    assert_int_equal(fleet_add_target(bench->fleet, "web", TARGET_SERVICE, "b", NULL, &err), 0);
    for (uint32_t i = 0; i < 3; i++)
        bench->targets[i] = i;
    bench->components[0] = (struct status_component){"Volumes", 0, 2, bench->targets};
    bench->components[1] = (struct status_component){"Shop <&>", 0, 1, bench->targets + 2};
    bench->config.title = strdup("A \"title\"");
    strcpy(bench->config.groups[0].name, "All");
    bench->config.n_groups = 1;
    bench->config.n_components = 2;
    bench->config.components = bench->components;
    (void)snprintf(bench->path, sizeof(bench->path), "/tmp/faultline-model-%d", (int)getpid());
    (void)unlink(bench->path);
    assert_int_equal(notes_new(bench->path, NOW - 30 * STATUS_DAY_US, &bench->notes, &err), 0);
    bench->input = (struct status_input){.config = &bench->config,
                                         .fleet = bench->fleet,
                                         .now_us = NOW,
                                         .open = bench->open,
                                         .past = bench->past,
                                         .notes = bench->notes};
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    (void)unlink(bench->path);
    notes_free(bench->notes);
    fleet_free(bench->fleet);
    free(bench->config.title);
    free(bench);
    return 0;
}

static struct verdict *fault(struct bench *bench, enum verdict_class class,
                             enum verdict_cause cause, const char *target, uint32_t n_zones)
{
    struct verdict *verdict = &bench->open[bench->input.n_open++];

    *verdict = (struct verdict){.id = bench->input.n_open,
                                .class = class,
                                .cause = cause,
                                .since_us = NOW - FL_MINUTE,
                                .n_zones = n_zones,
                                .n_targets = 1};
    strcpy(verdict->component, "path:a~b");
    strcpy(verdict->targets[0], target);
    strcpy(verdict->zones[0], "a");
    strcpy(verdict->zones[1], "b");
    return verdict;
}

static void remember(struct bench *bench, const struct verdict *verdict, fl_time from_us,
                     fl_time to_us)
{
    struct store_incident *past = &bench->past[bench->input.n_past++];

    *past = (struct store_incident){*verdict, from_us, from_us, to_us, 1};
    past->verdict.since_us = from_us;
}

static const struct status_model *make(struct bench *bench)
{
    status_model_make(&bench->model, &bench->input);
    return &bench->model;
}

static void nothing_wrong_is_operational(void **state)
{
    const struct status_model *model = make(*state);

    assert_int_equal(model->level, STATUS_OPERATIONAL);
    assert_string_equal(status_words(model), "All systems operational");
    assert_int_equal(model->components[1].level, STATUS_OPERATIONAL);
    assert_true(model->components[1].uptime == 1.0);
}

static void how_bad_it_is_depends_on_how_much_is_touched(void **state)
{
    struct bench *bench = *state;

    (void)fault(bench, VERDICT_STORAGE, CAUSE_STALL, "vol-1", 2);
    assert_int_equal(make(bench)->components[0].level, STATUS_PARTIAL); /* one volume of two */
    (void)fault(bench, VERDICT_SERVICE, CAUSE_REFUSED, "web", 1);
    assert_int_equal(make(bench)->components[1].level, STATUS_PARTIAL); /* one zone of two */
    (void)fault(bench, VERDICT_SERVICE, CAUSE_REFUSED, "web", 2);
    assert_int_equal(make(bench)->components[1].level, STATUS_MAJOR);
    assert_int_equal(make(bench)->level, STATUS_MAJOR);
    bench->input.n_open = 0;
    (void)fault(bench, VERDICT_STORAGE, CAUSE_SLOW, "vol-1", 2);
    assert_int_equal(make(bench)->components[0].level, STATUS_DEGRADED);
}

static void our_own_trouble_is_not_the_customers(void **state)
{
    struct bench *bench = *state;

    (void)fault(bench, VERDICT_MONITORING, CAUSE_SILENT, "web", 2);
    assert_int_equal(make(bench)->level, STATUS_OPERATIONAL);
    remember(bench, &bench->open[0], NOW - FL_HOUR, FL_ABSENT);
    assert_int_equal(make(bench)->n_incidents, 0);
}

static void announced_work_shows_and_a_fault_outweighs_it(void **state)
{
    struct bench *bench = *state;
    struct maintenance window = {
        .created_us = NOW, .begin_us = NOW - 1, .end_us = NOW + FL_HOUR, .n_targets = 1};
    struct fl_error err;

    strcpy(window.targets[0], "web");
    strcpy(window.title, "Work");
    assert_int_equal(notes_add_window(bench->notes, &window, &err), 0);
    assert_int_equal(make(bench)->components[1].level, STATUS_MAINTENANCE);
    assert_int_equal(make(bench)->components[0].level, STATUS_OPERATIONAL);
    (void)fault(bench, VERDICT_SERVICE, CAUSE_REFUSED, "web", 2);
    assert_int_equal(make(bench)->components[1].level, STATUS_MAJOR);
}

static void days_show_what_was_and_what_nobody_saw(void **state)
{
    struct bench *bench = *state;
    const struct status_shown_component *shown;

    (void)fault(bench, VERDICT_SERVICE, CAUSE_REFUSED, "web", 2);
    bench->input.n_open = 0;
    /* from an hour before midnight for two hours, three days ago */
    remember(bench, &bench->open[0], 19997 * STATUS_DAY_US - FL_HOUR,
             19997 * STATUS_DAY_US + FL_HOUR);
    shown = &make(bench)->components[1];
    assert_int_equal(shown->days[STATUS_DAYS - 1].level, STATUS_OPERATIONAL);
    assert_int_equal(shown->days[STATUS_DAYS - 4].level, STATUS_MAJOR);
    assert_int_equal(shown->days[STATUS_DAYS - 4].down_us, FL_HOUR);
    assert_int_equal(shown->days[STATUS_DAYS - 5].level, STATUS_MAJOR);
    assert_int_equal(shown->days[STATUS_DAYS - 6].level, STATUS_OPERATIONAL);
    assert_int_equal(shown->days[STATUS_DAYS - 31].level, STATUS_OPERATIONAL);
    assert_int_equal(shown->days[STATUS_DAYS - 32].level, STATUS_UNKNOWN);
    assert_true(shown->uptime > 0.9972 && shown->uptime < 0.9973); /* 2 hours of 30 days */
    assert_true(make(bench)->components[0].uptime == 1.0);
}

static void an_incident_is_told_in_the_names_of_the_page(void **state)
{
    struct bench *bench = *state;
    const struct status_incident *incident;

    remember(bench, fault(bench, VERDICT_NETWORK, CAUSE_BLACKHOLE, "vol-1", 1), NOW, FL_ABSENT);
    incident = &make(bench)->incidents[0];
    assert_string_equal(incident->title, "No connection to Volumes from zone a");
    assert_true(incident->components[0]);
    assert_false(incident->components[1]);
    strcpy(bench->config.texts[VERDICT_NETWORK], "{zones}: {components}? {x}");
    assert_string_equal(make(bench)->incidents[0].title, "zone a: Volumes? {x}");
}

static void operators_updates_come_in_order_and_say_how_far_it_is(void **state)
{
    struct bench *bench = *state;
    struct note_update update = {
        .incident = 1, .t_us = NOW - 5, .status = NOTE_MONITORING, .text = "soon"};
    const struct status_incident *incident;
    struct fl_error err;

    remember(bench, fault(bench, VERDICT_NETWORK, CAUSE_LOSS, "web", 1), NOW - 10, FL_ABSENT);
    assert_int_equal(notes_add_update(bench->notes, &update, &err), 0);
    incident = &make(bench)->incidents[0];
    assert_int_equal(incident->n_updates, 2);
    assert_string_equal(incident->updates[0].text, "soon");
    assert_int_equal(incident->status, NOTE_MONITORING);
    bench->past[0].closed_us = NOW - 1;
    incident = &make(bench)->incidents[0];
    assert_int_equal(incident->n_updates, 3);
    assert_int_equal(incident->status, NOTE_RESOLVED);
}

static void old_incidents_leave_the_list_but_not_the_bars(void **state)
{
    struct bench *bench = *state;
    fl_time then = NOW - 20 * STATUS_DAY_US;

    remember(bench, fault(bench, VERDICT_SERVICE, CAUSE_REFUSED, "web", 2), then, then + FL_HOUR);
    bench->input.n_open = 0;
    assert_int_equal(make(bench)->n_incidents, 0);
    assert_int_equal(bench->model.components[1].days[STATUS_DAYS - 21].level, STATUS_MAJOR);
}

static void what_is_written_is_escaped(void **state)
{
    struct bench *bench = *state;
    char *page, *feed;

    remember(bench, fault(bench, VERDICT_SERVICE, CAUSE_REFUSED, "web", 2), NOW, FL_ABSENT);
    (void)make(bench);
    page = status_html_page(&bench->model, "https://x", true);
    feed = status_atom(&bench->model, "https://x");
    assert_non_null(strstr(page, "Shop &lt;&amp;&gt;"));
    assert_non_null(strstr(page, "<title>A &quot;title&quot;</title>"));
    assert_null(strstr(page, "Shop <&>"));
    assert_non_null(strstr(feed, "Not available: Shop &lt;&amp;&gt;"));
    free(page);
    free(feed);
}

/* The largest page there can be stays within what it may weigh. */
static void a_large_page_is_one_round_trip(void **state)
{
    struct bench *bench = *state;
    char *page;

    bench->config.n_components = STATUS_MAX_COMPONENTS;
    bench->config.components = calloc(STATUS_MAX_COMPONENTS, sizeof(bench->components[0]));
    for (size_t i = 0; i < STATUS_MAX_COMPONENTS; i++)
        bench->config.components[i] = bench->components[1];
    (void)make(bench);
    page = status_html_page(&bench->model, "https://x", true);
    assert_non_null(page);
    assert_true(strlen(page) < 1 << 20); /* before it is compressed; tests/browser measures */
    free(page);
    free(bench->config.components);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_wrong_is_operational),
        TEST(how_bad_it_is_depends_on_how_much_is_touched),
        TEST(our_own_trouble_is_not_the_customers),
        TEST(announced_work_shows_and_a_fault_outweighs_it),
        TEST(days_show_what_was_and_what_nobody_saw),
        TEST(an_incident_is_told_in_the_names_of_the_page),
        TEST(operators_updates_come_in_order_and_say_how_far_it_is),
        TEST(old_incidents_leave_the_list_but_not_the_bars),
        TEST(what_is_written_is_escaped),
        TEST(a_large_page_is_one_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
