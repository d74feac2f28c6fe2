/*   +OK\r\n   -ERR why\r\n   :42\r\n   $5\r\nhello\r\n   $-1\r\n          replies
 *   *2\r\n$3\r\nGET\r\n$1\r\nk\r\n                                       a command */
#include "agent/probe/resp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LINE 1024 /* bytes in a status or an error */

/* The number of the line "$5" without its sign, -1 for nil, -2 for none. */
static long read_length(const char *text, size_t size)
{
    long length = 0;

    if (size == 2 && memcmp(text, "-1", 2) == 0)
        return -1;
    if (size == 0 || size > 6)
        return -2;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -2;
        length = length * 10 + (text[i] - '0');
    }
    return length;
}

static ssize_t read_text(const uint8_t *bytes, size_t size, size_t head, struct resp *ret)
{
    const long length = read_length(ret->text, ret->size);

    ret->kind = RESP_TEXT;
    if (length == -1) {
        *ret = (struct resp){.kind = RESP_NIL};
        return (ssize_t)head;
    }
    if (length < 0 || length > RESP_VALUE)
        return -EPROTO;
    if (size - head < (size_t)length + 2)
        return 0;
    ret->text = (const char *)bytes + head;
    ret->size = (size_t)length;
    return memcmp(ret->text + length, "\r\n", 2) == 0 ? (ssize_t)(head + (size_t)length + 2)
                                                      : -EPROTO;
}

ssize_t resp_read(const uint8_t *bytes, size_t size, struct resp *ret)
{
    const uint8_t *end = memchr(bytes, '\n', size < LINE ? size : LINE);
    size_t head;

    if (size > 0 && !memchr("+-:$", bytes[0], 4))
        return -EPROTO;
    if (!end)
        return size < LINE ? 0 : -EPROTO;
    head = (size_t)(end - bytes) + 1;
    if (head < 3 || bytes[head - 2] != '\r')
        return -EPROTO;
    ret->text = (const char *)bytes + 1;
    ret->size = head - 3;
    switch (bytes[0]) {
    case '$':
        return read_text(bytes, size, head, ret);
    case '+':
        ret->kind = RESP_STATUS;
        break;
    case '-':
        ret->kind = RESP_ERROR;
        break;
    default:
        ret->kind = RESP_NUMBER;
        break;
    }
    return (ssize_t)head;
}

size_t resp_write(char *ret, size_t room, size_t n, const char *const *words)
{
    size_t used = (size_t)snprintf(ret, room, "*%zu\r\n", n);

    for (size_t i = 0; i < n && used < room; i++)
        used +=
            (size_t)snprintf(ret + used, room - used, "$%zu\r\n%s\r\n", strlen(words[i]), words[i]);
    return used < room ? used : 0;
}
