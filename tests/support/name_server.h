/* A DNS server on loopback for tests: answers each query as its name says. */
#pragma once

#include "tests/support/probe_lab.h"

#include <stdlib.h>

struct name_server {
    int fd;
    struct event *event;
    char address[32];
    unsigned queries;
};

#define NAME_SERVER_A 1
#define NAME_SERVER_CNAME 5
#define NAME_SERVER_AAAA 28

/* Append one record with its name a pointer to the question. */
static inline size_t name_server_record(uint8_t *at, uint16_t type, const void *data, uint8_t size)
{
    const uint8_t head[] = {0xc0, 12, 0, (uint8_t)type, 0, 1, 0, 0, 0, 60, 0, size};

    memcpy(at, head, sizeof(head));
    memcpy(at + sizeof(head), data, size);
    return sizeof(head) + size;
}

/* First label: "nx" no such name, "fail" server failure, "refused", "silent" no answer,
 * "alias" a CNAME to "nx", "empty" no record, anything else 127.0.0.1 for A and nothing for AAAA.
 * Returns the size, 0 for no answer. */
static inline size_t name_server_answer(uint8_t *bytes, size_t size)
{
    const uint8_t loopback[] = {127, 0, 0, 1};
    size_t at = 12;
    const char *label = (const char *)bytes + at + 1;
    uint8_t type;

    while (at < size && bytes[at] != 0)
        at += (size_t)bytes[at] + 1;
    type = bytes[at + 2];
    at += 5;
    bytes[2] = 0x84; /* answer, authoritative */
    bytes[3] = 0;
    memset(bytes + 6, 0, 6); /* no records, EDNS neither */
    if (strncmp(label, "silent", 6) == 0)
        return 0;
    if (strncmp(label, "nx", 2) == 0)
        bytes[3] = 3;
    else if (strncmp(label, "fail", 4) == 0)
        bytes[3] = 2;
    else if (strncmp(label, "refused", 7) == 0)
        bytes[3] = 5;
    else if (strncmp(label, "alias", 5) == 0)
        bytes[7] = 1, at += name_server_record(bytes + at, NAME_SERVER_CNAME, "\2nx", 4);
    else if (strncmp(label, "empty", 5) != 0 && type == NAME_SERVER_A)
        bytes[7] = 1, at += name_server_record(bytes + at, NAME_SERVER_A, loopback, 4);
    return at;
}

static inline void name_server_on_query(evutil_socket_t fd, short what, void *arg)
{
    struct name_server *server = arg;
    struct sockaddr_storage from;
    socklen_t from_size = sizeof(from);
    uint8_t bytes[1024];
    ssize_t n = recvfrom(fd, bytes, 512, 0, (struct sockaddr *)&from, &from_size);
    size_t size;

    (void)what;
    if (n < 17)
        return;
    server->queries++;
    size = name_server_answer(bytes, (size_t)n);
    if (size > 0)
        (void)sendto(fd, bytes, size, 0, (struct sockaddr *)&from, from_size);
}

static inline void name_server_open(struct name_server *server, struct event_base *base)
{
    server->queries = 0;
    server->fd = lab_bind(SOCK_DGRAM, server->address);
    server->event = event_new(base, server->fd, EV_READ | EV_PERSIST, name_server_on_query, server);
    event_add(server->event, NULL);
}

static inline void name_server_close(struct name_server *server)
{
    event_free(server->event);
    close(server->fd);
}
