#include "coordinator/cli/lease_print.h"

#include "coordinator/cli/field.h"
#include "coordinator/cli/table.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define STALE_US (5 * FL_SECOND) /* a coordinator says every second how far it is */

static void print_leader(const struct screen *screen, const json_t *lease, fl_time now_us)
{
    char text[FL_DURATION_TEXT_SIZE];
    const char *leader = field_text(lease, "leader");
    fl_time seen_us = field_number(lease, "seen_us");

    if (!*leader) {
        screen_paragraph(screen, "", "No coordinator is known to lead. Etcd: %s.",
                         *field_text(json_object_get(lease, "etcd"), "last_error")
                             ? field_text(json_object_get(lease, "etcd"), "last_error")
                             : "no answer yet");
        return;
    }
    screen_paragraph(
        screen, "", "Coordinator %s leads for %s, under revision %" PRId64 ".", leader,
        fl_duration_format(field_elapsed(field_number(lease, "since_us"), now_us), text),
        field_number(lease, "revision"));
    if (field_elapsed(seen_us, now_us) > STALE_US)
        screen_paragraph(screen, "", "Etcd last said so %s ago: %s.",
                         fl_duration_format(field_elapsed(seen_us, now_us), text),
                         field_text(json_object_get(lease, "etcd"), "last_error"));
}

static void member_row(struct table *table, const json_t *member, const json_t *lease,
                       fl_time now_us)
{
    const char *name = field_text(member, "name");
    int64_t heard_us = field_number(member, "heard_us");
    char text[FL_DURATION_TEXT_SIZE];

    table_cell(table, STYLE_PLAIN, "%s", name);
    table_cell(table, STYLE_PLAIN, "%s",
               strcmp(name, field_text(lease, "leader")) == 0 ? "leads" : "follows");
    table_cell(table, STYLE_PLAIN, "%" PRId64, field_number(member, "agents"));
    table_cell(table, STYLE_PLAIN, "%s",
               heard_us ? fl_duration_format(field_elapsed(heard_us, now_us), text) : "never");
    table_cell(table, STYLE_PLAIN, "%" PRId64, field_number(member, "results"));
    table_cell(table, STYLE_PLAIN, "%" PRId64, field_number(member, "open"));
}

int lease_print(const struct screen *screen, const json_t *status)
{
    static const char *const titles[] = {"COORDINATOR", "",        "AGENTS",
                                         "HEARD AGO",   "RESULTS", "OPEN"};
    FL_CLEANUP(table_freep) struct table *table = NULL;
    const json_t *lease = json_object_get(status, "lease"), *member;
    fl_time now_us = field_number(status, "t_us");
    size_t i;

    if (!json_is_object(lease))
        return 0;
    table = table_new(titles, FL_COUNT(titles));
    if (!table)
        return -ENOMEM;
    (void)putc('\n', screen->out);
    print_leader(screen, lease, now_us);
    json_array_foreach(json_object_get(lease, "members"), i, member)
        member_row(table, member, lease, now_us);
    return table_rows(table) > 0 ? table_print(table, screen) : 0;
}
