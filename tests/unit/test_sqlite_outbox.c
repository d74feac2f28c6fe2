// links: coordinator_store
/* The outbox: all of it again after it was opened anew. */
#include "coordinator/store/outbox.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const both[] = {"one", "two"};

struct box {
    char path[64];
    struct outbox *outbox;
};

static void open_again(struct box *box)
{
    struct fl_error err = {""};

    outbox_free(box->outbox);
    if (outbox_open(box->path, &box->outbox, &err) < 0)
        fail_msg("%s", err.message);
}

static int setup(void **state)
{
    struct box *box = calloc(1, sizeof(*box));

    strcpy(box->path, "/tmp/faultline-outbox-XXXXXX");
    (void)close(mkstemp(box->path));
    open_again(box);
    *state = box;
    return 0;
}

static int teardown(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct box *box = *state;
    char path[80];

    outbox_free(box->outbox);
    for (size_t i = 0; i < FL_COUNT(endings); i++) {
        (void)snprintf(path, sizeof(path), "%s%s", box->path, endings[i]);
        (void)unlink(path);
    }
    free(box);
    return 0;
}

static void put(const struct box *box, uint64_t incident, bool is_open, const char *event)
{
    struct fl_error err;

    assert_int_equal(outbox_put(box->outbox, both, 2, incident, is_open, event, &err), 0);
}

/* Returns how many rows there are; the first and what message it belongs to are in the others. */
static size_t read_rows(const struct box *box, const char *receiver, int64_t ids[OUTBOX_ROWS],
                        int64_t *ret_message)
{
    struct outbox_row rows[OUTBOX_ROWS];
    struct fl_error err;
    size_t n;

    assert_int_equal(outbox_read(box->outbox, receiver, rows, &n, &err), 0);
    for (size_t i = 0; i < n; i++)
        ids[i] = rows[i].id;
    *ret_message = n ? rows[0].message : 0;
    outbox_rows_done(rows, n);
    return n;
}

static void a_sealed_message_stays_the_same_until_it_has_arrived(void **state)
{
    struct box *box = *state;
    const bool superseded[] = {true, false};
    int64_t ids[OUTBOX_ROWS], again[OUTBOX_ROWS], message;
    char id[OUTBOX_ID_SIZE];
    struct fl_error err;

    strcpy(id, outbox_id(box->outbox));
    put(box, 1, true, "{}");
    put(box, 1, true, "{}");
    assert_int_equal(read_rows(box, "one", ids, &message), 2);
    assert_int_equal(message, 0);
    assert_int_equal(outbox_seal(box->outbox, ids, superseded, 2, &err), 0);
    put(box, 2, true, "{}"); /* it comes too late for that message */
    open_again(box);
    assert_string_equal(outbox_id(box->outbox), id);
    assert_int_equal(read_rows(box, "one", again, &message), 1);
    assert_int_equal(again[0], ids[1]);
    assert_int_equal(message, ids[1]);
    assert_int_equal(outbox_delete(box->outbox, "one", message, &err), 0);
    assert_int_equal(read_rows(box, "one", again, &message), 1);
    assert_int_equal(message, 0);
    assert_int_equal(read_rows(box, "two", again, &message), 3);
}

static int count(uint64_t incident, const char *event, void *arg)
{
    uint64_t *seen = arg;

    assert_string_equal(event, "{\"n\":2}");
    *seen += incident;
    return 0;
}

static void what_is_open_is_known_by_its_last_event(void **state)
{
    struct box *box = *state;
    uint64_t seen = 0;
    struct fl_error err;

    put(box, 5, true, "{\"n\":1}");
    put(box, 5, true, "{\"n\":2}");
    put(box, 6, true, "{}");
    put(box, 6, false, "{}");
    put(box, 0, true, "{}"); /* a test is no incident */
    open_again(box);
    assert_int_equal(outbox_each_open(box->outbox, count, &seen, &err), 0);
    assert_int_equal(seen, 5);
}

static void the_oldest_gives_way_and_is_counted_once(void **state)
{
    struct box *box = *state;
    int64_t ids[OUTBOX_ROWS], message;
    uint64_t dropped;
    struct fl_error err;

    for (int i = 0; i < OUTBOX_MAX_ROWS + 3; i++)
        put(box, 1, true, "{}");
    assert_int_equal(read_rows(box, "one", ids, &message), OUTBOX_ROWS);
    assert_int_equal(ids[0], 7); /* rows of both receivers take turns */
    assert_int_equal(outbox_take_dropped(box->outbox, "one", &dropped, &err), 0);
    assert_int_equal(dropped, 3);
    assert_int_equal(outbox_take_dropped(box->outbox, "one", &dropped, &err), 0);
    assert_int_equal(dropped, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sealed_message_stays_the_same_until_it_has_arrived, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_open_is_known_by_its_last_event, setup, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_gives_way_and_is_counted_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
