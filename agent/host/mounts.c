#include "agent/host/mounts.h"

#include "agent/host/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define LINE_SIZE 4096 /* options at the end of a line may be cut */

/* Blanks and such are written as a backslash and three octal digits. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        unsigned int value;

        if (*from == '\\' && sscanf(from + 1, "%3o", &value) == 1) {
            *to++ = (char)value;
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* Length of the mount point when `directory` is at or below it, else 0. */
static size_t covers(const char *mount_point, const char *directory)
{
    size_t length = strlen(mount_point);

    if (!strcmp(mount_point, "/"))
        return 1;
    if (strncmp(mount_point, directory, length) != 0)
        return 0;
    return directory[length] == '\0' || directory[length] == '/' ? length : 0;
}

/* Some file systems (btrfs) have a number of their own; their source names the device. */
static bool device_of(unsigned int major_number, unsigned int minor_number, const char *source,
                      dev_t *ret)
{
    struct stat st;

    *ret = makedev(major_number, minor_number);
    if (major_number != 0)
        return true;
    if (strncmp(source, "/dev/", 5) != 0 || stat(source, &st) < 0 || !S_ISBLK(st.st_mode))
        return false;
    *ret = st.st_rdev;
    return true;
}

/* number, parent, MAJOR:MINOR, root, mount point, … - type source */
static bool parse_line(const char *line, unsigned int *ret_major, unsigned int *ret_minor,
                       char mount_point[SOURCE_PATH_SIZE], char source[SOURCE_PATH_SIZE])
{
    const char *dash = strstr(line, " - ");

    source[0] = '\0';
    if (sscanf(line, "%*d %*d %u:%u %*s %511s", ret_major, ret_minor, mount_point) != 3)
        return false;
    if (dash)
        (void)sscanf(dash, " - %*s %511s", source);
    unescape(mount_point);
    unescape(source);
    return true;
}

bool mounts_device(const char *text, const char *directory, dev_t *ret)
{
    size_t best = 0;
    bool found = false;

    while (*text) {
        char line[LINE_SIZE], mount_point[SOURCE_PATH_SIZE], source[SOURCE_PATH_SIZE];
        unsigned int major_number, minor_number;
        size_t length = strcspn(text, "\n");
        size_t covered;

        (void)snprintf(line, sizeof(line), "%.*s", (int)length, text);
        text += length + (text[length] == '\n');
        if (!parse_line(line, &major_number, &minor_number, mount_point, source))
            continue;
        covered = covers(mount_point, directory);
        if (covered > 0 && covered >= best) { /* a later mount hides an earlier one */
            best = covered;
            found = device_of(major_number, minor_number, source, ret);
        }
    }
    return found;
}
