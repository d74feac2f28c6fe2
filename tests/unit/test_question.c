// links: coordinator_core
/* Which probes would tell rivals apart, and how many of them are asked for. */
#include "coordinator/core/question.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW INT64_C(1700000000000000)
#define AGENTS 4
#define VOLUMES 30

static struct fleet *fleet;
static struct evidence *evidence;
static struct question_book *book;
static struct window *windows[AGENTS * (VOLUMES + AGENTS)];
static size_t n_windows;

static void add_targets(void)
{
    struct fl_error err;
    char name[16];

    for (int i = 0; i < VOLUMES; i++) {
        (void)snprintf(name, sizeof(name), "vol-%d", i);
        assert_int_equal(fleet_add_target(fleet, name, TARGET_STORAGE, i % 2 ? "storage" : "other",
                                          i < 4 ? "array" : NULL, &err),
                         0);
    }
    for (int i = 0; i < VOLUMES; i++) {
        (void)snprintf(name, sizeof(name), "vol-%d", i);
        assert_int_equal(fleet_add_probe(fleet, name, "rw", "nbd", FL_SECOND, 2 * FL_SECOND, &err),
                         0);
    }
}

static int set_up(void **state)
{
    static const char *const zones[] = {"a", "b", "c", "d"};
    struct fl_error err;
    char name[8];

    (void)state;
    assert_int_equal(fleet_new(&fleet), 0);
    for (int i = 0; i < AGENTS; i++)
        assert_int_equal(fleet_add_zone(fleet, zones[i], &err), 0);
    assert_int_equal(fleet_add_place(fleet, "storage", &err), 0);
    assert_int_equal(fleet_add_place(fleet, "other", &err), 0);
    for (int i = 0; i < AGENTS; i++) {
        (void)snprintf(name, sizeof(name), "%s1", zones[i]);
        assert_int_equal(fleet_add_agent(fleet, name, zones[i], &err), 0);
    }
    add_targets();
    assert_int_equal(fleet_seal(fleet, FL_SECOND, FL_SECOND, &err), 0);
    assert_int_equal(evidence_new(fleet, &evidence), 0);
    assert_int_equal(question_book_new(fleet, &book), 0);
    n_windows = 0;
    for (uint32_t agent = 0; agent < AGENTS; agent++)
        for (uint32_t probe = 0; probe < VOLUMES; probe++) {
            struct window *window = calloc(1, sizeof(*window));

            window_init(window, fleet, agent, probe);
            window->last_rx_us = NOW;
            evidence_admit(evidence, window);
            windows[n_windows++] = window;
        }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    question_book_free(book);
    evidence_free(evidence);
    for (size_t i = 0; i < n_windows; i++)
        free(windows[i]);
    fleet_free(fleet);
    return 0;
}

static struct component target(const char *name)
{
    return (struct component){COMPONENT_TARGET, fleet_find_target(fleet, name), 0};
}

static struct component path_of(const char *zone, const char *place)
{
    return (struct component){COMPONENT_PATH, fleet_find_place(fleet, zone),
                              fleet_find_place(fleet, place)};
}

static struct finding between(struct component first, struct component second)
{
    struct finding finding = {.component = first, .n_rivals = 1};

    finding.rivals[0].component = second;
    return finding;
}

/* Ask, and hand out how many. */
static size_t ask(const struct finding *finding, fl_time now_us, const struct question **ret)
{
    for (size_t i = 0; i < n_windows; i++)
        windows[i]->last_rx_us = now_us;
    question_book_clear(book);
    question_book_step(book, evidence, now_us, finding, 1);
    return question_book_asked(book, ret);
}

static void each_question_touches_one_of_the_rivals_only(void **state)
{
    struct finding finding = between(target("vol-1"), path_of("a", "storage"));
    uint32_t own = component_id(fleet, &finding.component);
    uint32_t rival = component_id(fleet, &finding.rivals[0].component);
    const struct question *asked;
    size_t n = ask(&finding, NOW, &asked);
    bool of_target = false, of_path = false;

    (void)state;
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        const struct window *window = windows[asked[i].agent * VOLUMES + asked[i].probe];
        enum side side;
        bool touches_own = window_touches(window, own, &side);
        bool touches_rival = window_touches(window, rival, &side);

        assert_true(touches_own != touches_rival);
        of_target = of_target || touches_own;
        of_path = of_path || touches_rival;
        assert_true(component_equal(&asked[i].about, &finding.component));
    }
    assert_true(of_target); /* the volume from elsewhere, */
    assert_true(of_path);   /* and what else lies across that path */
}

static void rivals_that_look_alike_everywhere_lead_to_none(void **state)
{
    struct finding finding = between(target("vol-1"), target("vol-1"));
    const struct question *asked;

    (void)state;
    assert_int_equal(ask(&finding, NOW, &asked), 0);
}

static void what_stands_alone_leads_to_none(void **state)
{
    struct finding finding = {.component = target("vol-1")};
    const struct question *asked;

    (void)state;
    assert_int_equal(ask(&finding, NOW, &asked), 0);
    finding = between(target("vol-1"), path_of("a", "storage"));
    finding.over = true;
    assert_int_equal(ask(&finding, NOW, &asked), 0);
}

static void no_agent_is_asked_for_more_than_two_a_second(void **state)
{
    struct component place = {COMPONENT_PLACE, fleet_find_place(fleet, "storage"), 0};
    struct finding finding = between(place, (struct component){COMPONENT_BACKEND, 0, 0});
    const struct question *asked;
    size_t n = ask(&finding, NOW, &asked), of_agent[AGENTS] = {0};

    (void)state;
    assert_int_equal(n, 2 * AGENTS);
    for (size_t i = 0; i < n; i++)
        assert_true(++of_agent[asked[i].agent] <= QUESTION_AGENT_RATE);
    assert_true(question_book_held(book) > 0);
}

static void the_same_doubt_is_asked_about_less_and_less_often(void **state)
{
    struct finding finding = between(target("vol-1"), path_of("a", "storage"));
    const struct question *asked;
    size_t times = 0, at_once;

    (void)state;
    at_once = ask(&finding, NOW, &asked);
    assert_in_range(at_once, 1, QUESTION_EACH);
    for (fl_time t = NOW + 250 * FL_MS; t < NOW + FL_HOUR; t += 250 * FL_MS)
        times += ask(&finding, t, &asked) > 0;
    /* 5 10 20 40 80 160 300 300... seconds apart */
    assert_in_range(times, 14, 18);
}

static void another_doubt_is_asked_about_soon(void **state)
{
    struct finding finding = between(target("vol-1"), path_of("a", "storage"));
    const struct question *asked;
    fl_time t = NOW;

    (void)state;
    for (; t < NOW + FL_MINUTE; t += 250 * FL_MS)
        (void)ask(&finding, t, &asked);
    finding.rivals[0].component = path_of("b", "storage");
    for (size_t n = 0; n == 0; t += 250 * FL_MS) {
        n = ask(&finding, t, &asked);
        assert_true(t <= NOW + FL_MINUTE + QUESTION_PAUSE_US);
    }
}

static void who_is_not_heard_is_not_asked(void **state)
{
    struct finding finding = between(target("vol-1"), path_of("a", "storage"));
    const struct question *asked;
    size_t n;

    (void)state;
    for (size_t i = 0; i < n_windows; i++)
        windows[i]->last_rx_us = windows[i]->agent == 1 ? NOW : NOW - FL_MINUTE;
    question_book_step(book, evidence, NOW, &finding, 1);
    n = question_book_asked(book, &asked);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(asked[i].agent, 1);
}

static void many_doubts_together_make_no_storm(void **state)
{
    const struct question *asked;
    size_t all = 0;

    (void)state;
    for (fl_time t = NOW; t < NOW + 10 * FL_SECOND; t += 250 * FL_MS) {
        question_book_clear(book);
        for (uint32_t i = 0; i < 12; i++) {
            struct finding finding = between((struct component){COMPONENT_TARGET, i, 0},
                                             path_of("c", i % 2 ? "storage" : "other"));

            for (size_t k = 0; k < n_windows; k++)
                windows[k]->last_rx_us = t;
            question_book_step(book, evidence, t, &finding, 1);
        }
        all += question_book_asked(book, &asked);
    }
    assert_true(all <= (10 + 1) * AGENTS * QUESTION_AGENT_RATE);
}

int main(void)
{
#define QUESTION(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        QUESTION(each_question_touches_one_of_the_rivals_only),
        QUESTION(rivals_that_look_alike_everywhere_lead_to_none),
        QUESTION(what_stands_alone_leads_to_none),
        QUESTION(no_agent_is_asked_for_more_than_two_a_second),
        QUESTION(the_same_doubt_is_asked_about_less_and_less_often),
        QUESTION(another_doubt_is_asked_about_soon),
        QUESTION(who_is_not_heard_is_not_asked),
        QUESTION(many_doubts_together_make_no_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
