// links: coordinator_store
#include "coordinator/store/chunk.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 20261123u

static uint64_t seed = SEED;

static int64_t draw(int64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (int64_t)((seed >> 20) % (uint64_t)below);
}

static struct chunk_packer *packer(void)
{
    static struct chunk_packer *one;

    if (!one)
        assert_int_equal(chunk_packer_new(&one), 0);
    return one;
}

static int release(void **state)
{
    (void)state;
    chunk_packer_free(packer());
    return 0;
}

/* Packs, unpacks, compares; returns the size. */
static size_t there_and_back(const struct fl_result *results, size_t n)
{
    const struct fl_result **order = calloc(n, sizeof(*order));
    struct fl_result *back = NULL;
    const uint8_t *bytes;
    uint8_t *copy;
    size_t size = 0, n_back = 0;

    for (size_t i = 0; i < n; i++)
        order[i] = &results[i];
    assert_int_equal(chunk_pack(packer(), order, n, &bytes, &size), 0);
    copy = malloc(size);
    memcpy(copy, bytes, size);
    assert_int_equal(chunk_unpack(packer(), copy, size, results[0].series, &back, &n_back), 0);
    assert_int_equal(n_back, n);
    for (size_t i = 0; i < n; i++)
        assert_memory_equal(&back[i], &results[i], sizeof(back[i]));
    free(back);
    free(copy);
    free(order);
    return size;
}

/* As one from an agent with nothing unusual. */
static void usual(struct fl_result *result, fl_time t_us)
{
    memset(result, 0, sizeof(*result));
    fl_result_init(result);
    result->series = 77;
    result->ok = true;
    result->t_us = t_us;
    result->phase_us[FL_LAYER_CONNECT] = 120 + draw(80);
    result->phase_us[FL_LAYER_OPERATE] = 300 + draw(200);
    result->took_us = 450 + result->phase_us[FL_LAYER_CONNECT] + draw(100);
}

static void a_steady_series_comes_back_small(void **state)
{
    static struct fl_result results[600];
    size_t size;

    (void)state;
    for (size_t i = 0; i < 600; i++)
        usual(&results[i], 1795449504000000 + (fl_time)i * FL_SECOND + draw(8000));
    size = there_and_back(results, 600);
    assert_true(size < 600 * 6);
}

static void anything(struct fl_result *result, fl_time t_us)
{
    usual(result, t_us);
    for (int i = 0; i < FL_LAYERS; i++)
        result->phase_us[i] = draw(3) ? draw(1 << draw(30)) : FL_ABSENT;
    for (int i = 0; i < FL_STEPS; i++)
        result->step_us[i] = draw(3) ? draw(1 << draw(30)) : FL_ABSENT;
    for (int i = 0; i < FL_TCP_FIELDS; i++)
        *fl_tcp_field(&result->tcp, i) = draw(3) ? draw(1 << draw(30)) : FL_ABSENT;
    result->took_us = draw(60 * FL_SECOND);
    result->tls_resumed = (int64_t)draw(3) - 1;
    result->tls_resumed = result->tls_resumed < 0 ? FL_ABSENT : result->tls_resumed;
    result->facts.cert_end_s = draw(2) ? FL_ABSENT : 1795449504 + (int64_t)draw(1 << 25);
    result->facts.tls_version = draw(2) ? FL_ABSENT : 0x0301 + (int64_t)draw(4);
    result->facts.http_status = draw(2) ? FL_ABSENT : 200 + (int64_t)draw(300);
    result->facts.http_version = draw(2) ? FL_ABSENT : 11;
    result->facts.http_redirects = draw(2) ? FL_ABSENT : (int64_t)draw(10);
    result->stalled_us = draw(4) ? 0 : draw(FL_HOUR);
    if (draw(2)) {
        result->ok = false;
        result->layer = (enum fl_layer)draw(FL_LAYERS);
        result->failure = (enum fl_failure)(1 + draw(FL_FAILURES - 1));
        result->step = (enum fl_step)draw(FL_STEPS + 1);
    }
}

static void anything_comes_back(void **state)
{
    static struct fl_result results[CHUNK_MAX_RESULTS];

    (void)state;
    printf("seed %u\n", SEED);
    for (int round = 0; round < 200; round++) {
        size_t n = (size_t)(1 + draw(draw(8) ? 50 : CHUNK_MAX_RESULTS));
        fl_time t_us = draw(1LL << draw(50));

        for (size_t i = 0; i < n; i++) {
            anything(&results[i], t_us);
            t_us += draw(3) ? draw(1LL << draw(34)) : 0;
        }
        (void)there_and_back(results, n);
    }
}

static void the_edges_of_the_range_come_back(void **state)
{
    struct fl_result results[3];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        usual(&results[i], i == 0 ? 0 : INT64_C(253402300799999999));
    results[1].tcp.rx_bytes = INT64_C(1000000000000000000);
    results[2].stalled_us = INT64_C(253402300799999999);
    (void)there_and_back(results, 3);
    (void)there_and_back(results, 1);
}

static void what_cannot_be_packed_is_refused(void **state)
{
    struct fl_result results[2];
    const struct fl_result *order[2] = {&results[1], &results[0]};
    const uint8_t *bytes;
    size_t size;

    (void)state;
    usual(&results[0], 1000);
    usual(&results[1], 2000);
    assert_int_equal(chunk_pack(packer(), order, 2, &bytes, &size), -EINVAL);
    assert_int_equal(chunk_pack(packer(), order, 0, &bytes, &size), -EINVAL);
    assert_int_equal(chunk_pack(packer(), order, CHUNK_MAX_RESULTS + 1, &bytes, &size), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_series_comes_back_small),
        cmocka_unit_test(anything_comes_back),
        cmocka_unit_test(the_edges_of_the_range_come_back),
        cmocka_unit_test(what_cannot_be_packed_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, release);
}
