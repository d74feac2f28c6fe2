#include "coordinator/http/encode.h"

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define GZIP_LEVEL 3 /* most of the saving for a third of the work */

/* Fields in _us that are points in time; the others last. */
static const char *const times[] = {
    "t_us",     "last_us", "since_us", "opened_us", "updated_us",   "closed_us",   "issued_us",
    "begin_us", "end_us",  "from_us",  "to_us",     "generated_us", "cert_end_us",
};

static bool is_time(const char *key)
{
    size_t size = strlen(key);

    if (size < 4 || strcmp(key + size - 3, "_us") != 0)
        return false;
    for (size_t i = 0; i < FL_COUNT(times); i++)
        if (strcmp(times[i], key) == 0)
            return true;
    return false;
}

static int add_time(json_t *object, const char *key, const json_t *value)
{
    char text[FL_TIME_TEXT_SIZE], name[64];

    (void)snprintf(name, sizeof(name), "%.*s_at", (int)strlen(key) - 3, key);
    if (!json_is_integer(value))
        return json_object_set_new(object, name, json_null());
    return json_object_set_new(object, name,
                               json_string(fl_time_format(json_integer_value(value), text)));
}

static int encode_object_times(json_t *object)
{
    const char *found[FL_COUNT(times)], *key;
    size_t n = 0;
    json_t *value;
    int r = 0;

    json_object_foreach(object, key, value)
    {
        if ((json_is_object(value) || json_is_array(value)) && encode_times(value) < 0)
            return -1;
        if (n < FL_COUNT(found) && (json_is_integer(value) || json_is_null(value)) && is_time(key))
            found[n++] = key;
    }
    for (size_t i = 0; i < n && r == 0; i++)
        r = add_time(object, found[i], json_object_get(object, found[i]));
    return r;
}

int encode_times(json_t *json)
{
    size_t i;
    json_t *value;

    if (json_is_object(json))
        return encode_object_times(json);
    json_array_foreach(json, i, value)
    {
        if ((json_is_object(value) || json_is_array(value)) && encode_times(value) < 0)
            return -1;
    }
    return 0;
}

void encode_etag(const void *bytes, size_t size, char ret[ENCODE_ETAG_SIZE])
{
    const unsigned char *byte = bytes;
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a: a change is to be noticed, nobody is fought */

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    (void)snprintf(ret, ENCODE_ETAG_SIZE, "W/\"%016" PRIx64 "\"", hash);
}

bool encode_etag_matches(const char *field, const char *etag)
{
    return field && (strcmp(field, "*") == 0 || strstr(field, etag + strlen("W/")));
}

bool encode_takes_gzip(const char *field)
{
    const char *gzip = field ? strcasestr(field, "gzip") : NULL;
    const char *weight;

    if (!gzip)
        return false;
    weight = gzip + strlen("gzip");
    weight += strspn(weight, " ;");
    return strncmp(weight, "q=0", 3) != 0 || strspn(weight + 2, "0.") < strcspn(weight + 2, ", ");
}

void *encode_gzip(const void *bytes, size_t size, size_t *ret_size)
{
    z_stream stream = {0};
    void *out = malloc(size);
    int r;

    if (!out || deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY)) {
        free(out);
        return NULL;
    }
    stream.next_in = (Bytef *)(uintptr_t)bytes; /* zlib does not write there */
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)size;
    r = deflate(&stream, Z_FINISH);
    *ret_size = stream.total_out;
    (void)deflateEnd(&stream);
    if (r == Z_STREAM_END)
        return out;
    free(out);
    return NULL;
}
