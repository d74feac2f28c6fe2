/* Results of one series in a row, packed: columns of small numbers, then zstd. Time is kept as
 * what it is off the steady pace, a duration as what it is off the usual one, the whole as what
 * its parts leave over; what is absent or fine throughout costs nothing. Exact: what goes in comes
 * out. */
#pragma once

#include "proto/types/fl_result.h"

#include <stddef.h>

#define CHUNK_MAX_RESULTS 4096

struct chunk_packer;

/* Scratch memory for packing and unpacking; for one thread. */
int chunk_packer_new(struct chunk_packer **ret);
struct chunk_packer *chunk_packer_free(struct chunk_packer *packer);
FL_DEFINE_FREEP(struct chunk_packer, chunk_packer)

/* Pack 1 to CHUNK_MAX_RESULTS results in order of time; series and rx_us are not kept. The bytes
 * are the packer's, until its next use. 0, -EINVAL or -ENOMEM. */
int chunk_pack(struct chunk_packer *packer, const struct fl_result *const *results, size_t n,
               const uint8_t **ret_bytes, size_t *ret_size);

/* The caller frees the results, whose rx_us is FL_ABSENT. 0, -EBADMSG or -ENOMEM. */
int chunk_unpack(struct chunk_packer *packer, const uint8_t *bytes, size_t size, uint32_t series,
                 struct fl_result **ret, size_t *ret_n);
