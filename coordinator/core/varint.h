/* Numbers in as few bytes as they need: seven bits a byte, the lowest first. Pure; for what the
 * store keeps. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VARINT_SIZE 10

/* Write at `to`, which has room for VARINT_SIZE; returns where the next one goes. */
static inline uint8_t *varint_put(uint8_t *to, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        *to++ = (uint8_t)(value | 128);
    *to++ = (uint8_t)value;
    return to;
}

/* What is left to read; `bad` once it ended too early. */
struct varint_reader {
    const uint8_t *at, *end;
    bool bad;
};

/* 0 when there is none. */
static inline uint64_t varint_get(struct varint_reader *reader)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;

        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return value;
    }
    reader->bad = true;
    return 0;
}

/* Small numbers of either sign as small numbers. */
static inline uint64_t varint_fold(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t varint_unfold(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}
