/* Bytes for a region that several agents write: every sector says who wrote it in which round,
 * and the rest of it follows from that. So bytes that were changed, moved or are not the latest
 * are told from those that another agent wrote meanwhile, which are no fault. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_SECTOR 512 /* sizes are multiples of it; no storage writes less in one piece */

void pattern_fill(uint8_t *bytes, size_t size, uint64_t writer, uint64_t round);

/* Is every sector whole and in its place, and none of `writer` older than `oldest_round`? */
bool pattern_check(const uint8_t *bytes, size_t size, uint64_t writer, uint64_t oldest_round);
