/* Which block device a directory's file system is on, by the kernel's table of mounts alone:
 * nothing here touches the file system, which may hang. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* `text` is that of /proc/self/mountinfo. False when no device can be told. */
bool mounts_device(const char *text, const char *directory, dev_t *ret);
