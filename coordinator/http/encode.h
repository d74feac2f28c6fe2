/* What is done to a body on its way out: times for people, a tag, compression. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define ENCODE_ETAG_SIZE 32

/* Beside each time in microseconds, whatever holds it, put the same as RFC 3339 has it: "since_us"
 * gets "since_at". 0, or -1 when there is no memory. */
int encode_times(json_t *json);

/* A weak entity tag of the bytes. */
void encode_etag(const void *bytes, size_t size, char ret[ENCODE_ETAG_SIZE]);
/* Does a field If-None-Match name the tag? */
bool encode_etag_matches(const char *field, const char *etag);

/* Does a field Accept-Encoding take gzip? NULL: not given. */
bool encode_takes_gzip(const char *field);
/* NULL: no memory, or it would not be smaller. The caller frees it. */
void *encode_gzip(const void *bytes, size_t size, size_t *ret_size);
