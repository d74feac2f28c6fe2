/* One attempt at a server under settings, and the ways of failing that all types over TCP share. */
#pragma once

#include "tests/support/bad_server.h"
#include "tests/support/certificates.h"
#include "tests/support/probe_attempt.h"

#define CASE_LONG_US (10 * FL_SECOND)
#define CASE_SHORT_US (300 * FL_MS)

struct probe_case {
    const char *type;
    const char *secrets_path;
    const char *const *settings; /* key, value, ... NULL: those that each attempt has */
};

/* Run one attempt. `more` is key, value, ..., NULL. The result is checked. */
static inline struct fl_result case_run(const struct probe_case *one, int64_t timeout_us,
                                        const char *const *more)
{
    struct attempt attempt;
    struct fl_result result;

    attempt_init(&attempt, one->type);
    attempt.env.secrets_path = one->secrets_path;
    for (const char *const *at = one->settings; at && *at; at += 2)
        attempt_set(&attempt, at[0], at[1]);
    for (; *more; more += 2)
        attempt_set(&attempt, more[0], more[1]);
    attempt_run(&attempt, timeout_us);
    result = attempt.result;
    attempt_done(&attempt);
    return result;
}
#define CASE_RUN(one, ...) case_run(one, CASE_LONG_US, (const char *const[]){__VA_ARGS__, NULL})
#define CASE_BRIEF(one, ...) case_run(one, CASE_SHORT_US, (const char *const[]){__VA_ARGS__, NULL})

#define CASE_OK(...)                                                       \
    do {                                                                   \
        const struct fl_result case_result = (__VA_ARGS__);                \
        if (!case_result.ok)                                               \
            fail_msg("failed at %s: %s", fl_layer_name(case_result.layer), \
                     fl_failure_name(case_result.failure));                \
    } while (0)

#define CASE_FAILED(layer_name, failure_name, ...)                           \
    do {                                                                     \
        const struct fl_result case_result = (__VA_ARGS__);                  \
        assert_false(case_result.ok);                                        \
        if (strcmp(fl_failure_name(case_result.failure), failure_name) != 0) \
            fail_msg("failed at %s: %s", fl_layer_name(case_result.layer),   \
                     fl_failure_name(case_result.failure));                  \
        assert_string_equal(fl_layer_name(case_result.layer), layer_name);   \
    } while (0)

/* Nobody listens; the server says nothing, closes, resets, says nonsense, floods, drips. `layer`
 * is the first that the type passes in after connect; `flood` is a text that means nothing yet. */
static inline void case_bad_servers(const struct probe_case *one, const char *layer,
                                    const char *flood, size_t flood_size)
{
    static const char noise[] = "\x01\x02\xff nonsense\r\n\x80\x81\r\n\r\n";
    struct bad_server bad;
    char nobody[32];

    (void)snprintf(nobody, sizeof(nobody), "127.0.0.1:%d", server_free_port());
    CASE_FAILED("connect", "refused", CASE_RUN(one, "address", nobody));
    bad_server_start(&bad, BAD_SILENT, "", 0);
    CASE_FAILED(layer, "timeout", CASE_BRIEF(one, "address", bad.address));
    bad_server_stop(&bad);
    bad_server_start(&bad, BAD_CLOSES, "", 0);
    CASE_FAILED(layer, "reset", CASE_RUN(one, "address", bad.address));
    bad_server_stop(&bad);
    bad_server_start(&bad, BAD_RESETS, "", 0);
    CASE_FAILED(layer, "reset", CASE_RUN(one, "address", bad.address));
    bad_server_stop(&bad);
    bad_server_start(&bad, BAD_SILENT, noise, sizeof(noise) - 1);
    CASE_FAILED(layer, "protocol", CASE_RUN(one, "address", bad.address));
    bad_server_stop(&bad);
    bad_server_start(&bad, BAD_DRIPS, flood, flood_size);
    CASE_FAILED(layer, "timeout", CASE_BRIEF(one, "address", bad.address));
    bad_server_stop(&bad);
    bad_server_start(&bad, BAD_FLOODS, flood, flood_size);
    CASE_FAILED(layer, "protocol", CASE_RUN(one, "address", bad.address));
    bad_server_stop(&bad);
}
#define CASE_BAD_SERVERS(one, layer, flood) case_bad_servers(one, layer, flood, sizeof(flood) - 1)
