/* What both daemons do the same way towards the system that runs them. */
#pragma once

#include "proto/types/fl_error.h"

#include <stddef.h>

struct event_base;

/* sd_notify(3)'s protocol over NOTIFY_SOCKET: "READY=1", "STOPPING=1", "RELOADING=1". Without a
 * NOTIFY_SOCKET nothing happens. */
void fl_daemon_notify(const char *state);

/* Keep WATCHDOG_USEC satisfied from the loop for as long as the loop turns. */
int fl_daemon_watchdog_start(struct event_base *base, struct fl_error *err);

/* Create a directory (and its parents) with mode 0700 when it is not there. */
int fl_daemon_make_directory(const char *path, struct fl_error *err);

/* Write a whole file so that either the old or the new one is there: temporary name, fsync,
 * rename. */
int fl_daemon_write_file(const char *path, const void *bytes, size_t size, unsigned mode,
                         struct fl_error *err);

/* Read a whole file of at most `limit` bytes into a buffer that the caller frees. A NUL follows
 * the bytes and is not counted. */
int fl_daemon_read_file(const char *path, size_t limit, char **ret_bytes, size_t *ret_size,
                        struct fl_error *err);

/* Fill with random bytes from the kernel. */
int fl_daemon_random(void *bytes, size_t size, struct fl_error *err);

/* "faultline-agent 0.1.0 (git abc1234)" on standard output. */
void fl_daemon_print_version(const char *program);
