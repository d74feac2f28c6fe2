/* Redis's protocol (RESP 2), as far as a probe needs it: commands out, one plain reply in. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RESP_COMMAND 4096 /* bytes in a command that is written */
#define RESP_VALUE (32 * 1024)

enum resp_kind { RESP_STATUS, RESP_ERROR, RESP_NUMBER, RESP_TEXT, RESP_NIL };

/* A reply, within the bytes that were read. */
struct resp {
    enum resp_kind kind;
    const char *text; /* without its end, not terminated; NULL for nil */
    size_t size;
};

/* Read one reply. Returns the bytes that it takes, 0 when more are needed, or -EPROTO for what
 * is none, is an array, or is larger than RESP_VALUE. */
ssize_t resp_read(const uint8_t *bytes, size_t size, struct resp *ret);

/* Write a command of `n` words. Returns its size, or 0 when there is no room. */
size_t resp_write(char *ret, size_t room, size_t n, const char *const *words);
