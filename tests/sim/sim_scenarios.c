/* The random scenarios themselves: the same seed gives the same results, a fault shows within its
 * footprint and nowhere else, and what is right to say of it is known. */
#include "tests/sim/scenario.h"
#include "tests/support/unit.h"

#include <stdio.h>

#define SEEDS 3
#define MOST_FAILED_ELSEWHERE 0.01

struct watcher {
    const struct scenario *scenario;
    struct footprint footprints[SCENARIO_MAX_FAULTS];
    uint64_t hash, within, failed_within, elsewhere, failed_elsewhere;
};

static void mix(uint64_t *hash, int64_t value)
{
    *hash = (*hash ^ (uint64_t)value) * UINT64_C(0x100000001b3);
}

static bool lasts(const struct scenario_truth *truth, fl_time t_us)
{
    return t_us >= truth->fault.from_us && t_us < truth->fault.until_us;
}

static void watch(void *arg, const struct engine_event *event)
{
    struct watcher *watcher = arg;
    const struct fleet *fleet = sim_fleet(watcher->scenario->sim);
    const struct fl_result *result = event->result;
    bool within = false, during = false;
    size_t series;

    if (event->type != ENGINE_RESULT)
        return;
    mix(&watcher->hash, result->rx_us);
    mix(&watcher->hash, result->took_us);
    mix(&watcher->hash, (int64_t)result->failure << 8 | (int64_t)event->agent);
    series = event->agent * (fleet->n_probes + 1) + fleet_find_probe(fleet, result->series);
    for (size_t i = 0; i < watcher->scenario->n_truths; i++)
        if (lasts(&watcher->scenario->truths[i], result->t_us - SIM_EPOCH_US)) {
            during = true;
            within |= watcher->footprints[i].in[series] != 0;
        }
    if (!during)
        return;
    watcher->within += within;
    watcher->failed_within += within && !result->ok;
    watcher->elsewhere += !within;
    watcher->failed_elsewhere += !within && !result->ok;
}

static struct watcher play(enum scenario_family family, uint64_t seed)
{
    struct scenario scenario;
    struct watcher watcher = {.scenario = &scenario, .hash = UINT64_C(0xcbf29ce484222325)};

    assert_int_equal(scenario_new(family, seed, &scenario), 0);
    for (size_t i = 0; i < scenario.n_truths; i++)
        assert_int_equal(
            footprint_new(scenario.sim, &scenario.truths[i].fault, &watcher.footprints[i]), 0);
    sim_set_engine(scenario.sim, false);
    sim_observe(scenario.sim, watch, &watcher);
    sim_run(scenario.sim, scenario.end_us);
    for (size_t i = 0; i < scenario.n_truths; i++)
        footprint_done(&watcher.footprints[i]);
    scenario_done(&scenario);
    return watcher;
}

static void the_same_seed_gives_the_same_results(void **state)
{
    (void)state;
    assert_true(play(SCENARIO_DOUBLE, 5).hash == play(SCENARIO_DOUBLE, 5).hash);
    assert_true(play(SCENARIO_DOUBLE, 5).hash != play(SCENARIO_DOUBLE, 6).hash);
}

/* Families whose faults make probes fail, not only late; a host's clock moves its own times. */
static void a_fault_fails_within_its_footprint_and_nowhere_else(void **state)
{
    static const enum scenario_family families[] = {
        SCENARIO_STORAGE, SCENARIO_SERVICE, SCENARIO_DNS, SCENARIO_TLS, SCENARIO_TRAP_PROXY};

    (void)state;
    for (size_t f = 0; f < FL_COUNT(families); f++) {
        uint64_t within = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct watcher seen = play(families[f], seed);
            double elsewhere = (double)seen.failed_elsewhere / (double)(seen.elsewhere + 1);

            if (elsewhere > MOST_FAILED_ELSEWHERE)
                printf("%s seed %llu: %.3f failed elsewhere\n", scenario_family_name(families[f]),
                       (unsigned long long)seed, elsewhere);
            assert_true(seen.within > 0);
            assert_true(elsewhere <= MOST_FAILED_ELSEWHERE);
            within += seen.failed_within;
        }
        assert_true(within > 0);
    }
}

static void every_fault_has_its_own_component_among_the_answers(void **state)
{
    (void)state;
    for (int family = SCENARIO_NETWORK; family < SCENARIO_QUIET; family++)
        for (uint64_t seed = 1; seed <= 2 * SEEDS; seed++) {
            struct scenario scenario;
            char name[FL_COMPONENT_SIZE];

            assert_int_equal(scenario_new((enum scenario_family)family, seed, &scenario), 0);
            assert_true(scenario.n_truths > 0);
            for (size_t i = 0; i < scenario.n_truths; i++) {
                const struct scenario_truth *truth = &scenario.truths[i];

                component_name(sim_fleet(scenario.sim), &truth->fault.component, name);
                assert_true(scenario_accepts(truth, name, truth->kind->class));
                assert_true(truth->limit >= 2 && truth->rate_hz > 0);
            }
            scenario_done(&scenario);
        }
}

/* The information limits that are documented: probes for 12 nats. */
static void limits_are_those_of_information(void **state)
{
    static const struct {
        struct sim_fault fault;
        double least, most;
    } known[] = {
        {{.effect = SIM_CUT}, 2, 2},
        {{.effect = SIM_SLOW, .factor = 2}, 9, 11},
        {{.effect = SIM_STALL, .share = 0.2}, 15, 17},
        {{.effect = SIM_LOSS, .share = 0.05}, 21, 25},
        {{.effect = SIM_FAILURE, .share = 0.05}, 95, 110},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(known); i++) {
        double limit = scenario_limit(&known[i].fault);

        if (limit < known[i].least || limit > known[i].most)
            printf("fault %zu: %.1f probes\n", i, limit);
        assert_true(limit >= known[i].least && limit <= known[i].most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_results),
        cmocka_unit_test(a_fault_fails_within_its_footprint_and_nowhere_else),
        cmocka_unit_test(every_fault_has_its_own_component_among_the_answers),
        cmocka_unit_test(limits_are_those_of_information),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
