// links: coordinator_http
/* Bodies on their way out. */
#include "coordinator/http/encode.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void a_time_gets_its_text_wherever_it_stands(void **state)
{
    json_t *json = json_pack("{s:I, s:I, s:[{s:n}]}", "t_us", (json_int_t)1700000000000000,
                             "took_us", (json_int_t)5, "list", "closed_us");

    (void)state;
    assert_int_equal(encode_times(json), 0);
    assert_string_equal(json_string_value(json_object_get(json, "t_at")),
                        "2023-11-14T22:13:20.000000Z");
    assert_null(json_object_get(json, "took_at"));
    assert_true(json_is_null(
        json_object_get(json_array_get(json_object_get(json, "list"), 0), "closed_at")));
    json_decref(json);
}

static void a_tag_changes_with_the_bytes_and_is_found_in_a_list(void **state)
{
    char one[ENCODE_ETAG_SIZE], other[ENCODE_ETAG_SIZE], list[128];

    (void)state;
    encode_etag("abc", 3, one);
    encode_etag("abd", 3, other);
    assert_string_not_equal(one, other);
    (void)snprintf(list, sizeof(list), "\"x\", %s, \"y\"", one);
    assert_true(encode_etag_matches(list, one));
    assert_true(encode_etag_matches(one + 2, one)); /* as a strong one, by who strips the W/ */
    assert_true(encode_etag_matches("*", one));
    assert_false(encode_etag_matches(list, other));
    assert_false(encode_etag_matches(NULL, one));
}

static void gzip_is_for_who_takes_it(void **state)
{
    (void)state;
    assert_true(encode_takes_gzip("gzip"));
    assert_true(encode_takes_gzip("br, GZIP;q=0.5, identity"));
    assert_true(encode_takes_gzip("deflate, gzip; q=0.001"));
    assert_false(encode_takes_gzip("gzip;q=0"));
    assert_false(encode_takes_gzip("gzip; q=0.000, br"));
    assert_false(encode_takes_gzip("br"));
    assert_false(encode_takes_gzip(NULL));
}

static void what_is_compressed_comes_out_again(void **state)
{
    char text[5000], back[5000];
    z_stream stream = {0};
    size_t size = 0;
    void *packed;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 7);
    packed = encode_gzip(text, sizeof(text), &size);
    assert_non_null(packed);
    assert_true(size < sizeof(text) / 10);
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = packed;
    stream.avail_in = (uInt)size;
    stream.next_out = (Bytef *)back;
    stream.avail_out = sizeof(back);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_memory_equal(text, back, sizeof(text));
    (void)inflateEnd(&stream);
    free(packed);
    assert_null(encode_gzip("a", 1, &size)); /* it would be larger */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_gets_its_text_wherever_it_stands),
        cmocka_unit_test(a_tag_changes_with_the_bytes_and_is_found_in_a_list),
        cmocka_unit_test(gzip_is_for_who_takes_it),
        cmocka_unit_test(what_is_compressed_comes_out_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
