/* A message is formatted into one buffer and leaves with one write, so that lines of several
 * threads do not mix. What came from outside may hold any byte: control characters are made
 * visible, so that no sender can write a line of its own into the log. */
#include "proto/runtime/fl_log.h"

#include "proto/runtime/fl_clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_SIZE 2048

static const struct {
    const char *name;
    enum fl_log_level level;
} levels[] = {
    {"error", FL_LOG_ERROR},
    {"warning", FL_LOG_WARNING},
    {"info", FL_LOG_INFO},
    {"debug", FL_LOG_DEBUG},
};

static atomic_int highest = FL_LOG_INFO;

void fl_log_set_level(enum fl_log_level level)
{
    atomic_store(&highest, (int)level);
}

int fl_log_level_parse(const char *name)
{
    for (size_t i = 0; i < FL_COUNT(levels); i++)
        if (strcmp(levels[i].name, name) == 0)
            return (int)levels[i].level;
    return -1;
}

static const char *level_name(enum fl_log_level level)
{
    for (size_t i = 0; i < FL_COUNT(levels); i++)
        if (levels[i].level == level)
            return levels[i].name;
    return "?";
}

/* The journal names the device and inode of the stream that it reads (systemd.exec(5)). */
static bool journal_reads(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat found;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &found) == 0 && found.st_dev == device && found.st_ino == inode;
}

static int write_head(char *line, size_t size, enum fl_log_level level, const char *component)
{
    char time[FL_TIME_TEXT_SIZE];

    if (journal_reads())
        return snprintf(line, size, "<%d>%.64s: ", (int)level, component);
    return snprintf(line, size, "%s %s %.64s: ", fl_time_format(fl_clock_wall(), time),
                    level_name(level), component);
}

void fl_log(enum fl_log_level level, const char *component, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    size_t head, used;

    if ((int)level > atomic_load(&highest))
        return;
    head = (size_t)write_head(line, sizeof(line), level, component);
    va_start(arguments, format);
    (void)vsnprintf(line + head, sizeof(line) - head - 1, format, arguments);
    va_end(arguments);
    used = strlen(line);
    for (size_t i = head; i < used; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    line[used] = '\n';
    if (write(STDERR_FILENO, line, used + 1) < 0)
        return; /* there is nowhere left to say it */
}

bool fl_log_allowed(struct fl_log_limit *limit, int64_t every_us, uint64_t *n_held)
{
    int64_t now = fl_clock_monotonic();

    if (limit->last_us != 0 && now - limit->last_us < every_us) {
        limit->held++;
        return false;
    }
    if (n_held)
        *n_held = limit->held;
    limit->last_us = now;
    limit->held = 0;
    return true;
}
