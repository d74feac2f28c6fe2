#include "coordinator/cli/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2
#define MIN_COLUMN 4
#define CELL_SIZE 512

struct cell {
    enum screen_style style;
    char *text;
};

struct table {
    const char *titles[TABLE_MAX_COLUMNS];
    size_t n_columns;
    struct cell *cells;
    size_t n_cells, room;
    bool failed;
};

struct table *table_new(const char *const titles[], size_t n_columns)
{
    struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->n_columns = n_columns < TABLE_MAX_COLUMNS ? n_columns : TABLE_MAX_COLUMNS;
    memcpy(table->titles, titles, table->n_columns * sizeof(*titles));
    return table;
}

struct table *table_free(struct table *table)
{
    if (!table)
        return NULL;
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table);
    return NULL;
}

static bool make_room(struct table *table)
{
    size_t room = table->room ? 2 * table->room : 64;
    struct cell *larger;

    if (table->n_cells < table->room)
        return true;
    larger = reallocarray(table->cells, room, sizeof(*larger));
    if (!larger)
        return false;
    table->cells = larger;
    table->room = room;
    return true;
}

void table_cell(struct table *table, enum screen_style style, const char *format, ...)
{
    char text[CELL_SIZE], *copy;
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    copy = strdup(text);
    if (!copy || !make_room(table)) {
        free(copy);
        table->failed = true;
        return;
    }
    table->cells[table->n_cells++] = (struct cell){style, copy};
}

size_t table_rows(const struct table *table)
{
    return table->n_cells / table->n_columns;
}

static void measure(const struct table *table, size_t widths[TABLE_MAX_COLUMNS])
{
    for (size_t i = 0; i < table->n_columns; i++)
        widths[i] = screen_text_width(table->titles[i]);
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t width = screen_text_width(table->cells[i].text);

        if (width > widths[i % table->n_columns])
            widths[i % table->n_columns] = width;
    }
}

/* The widest column gives way, one by one, until all fit. */
static void fit(size_t widths[TABLE_MAX_COLUMNS], size_t n, size_t limit)
{
    size_t total = GAP * (n - 1);

    for (size_t i = 0; i < n; i++)
        total += widths[i];
    while (total > limit) {
        size_t widest = 0;

        for (size_t i = 1; i < n; i++)
            if (widths[i] > widths[widest])
                widest = i;
        if (widths[widest] <= MIN_COLUMN)
            return;
        widths[widest]--;
        total--;
    }
}

static void print_row(const struct table *table, const struct screen *screen,
                      const struct cell *cells, const size_t widths[TABLE_MAX_COLUMNS])
{
    size_t owed = 0; /* blanks before the next text, so that no line ends in one */

    for (size_t i = 0; i < table->n_columns; i++) {
        const char *text = cells ? cells[i].text : table->titles[i];

        if (*text) {
            (void)fprintf(screen->out, "%*s", (int)owed, "");
            owed = widths[i] -
                   screen_text(screen, cells ? cells[i].style : STYLE_HEAD, text, widths[i]);
        } else {
            owed += widths[i];
        }
        owed += GAP;
    }
    (void)putc('\n', screen->out);
}

int table_print(const struct table *table, const struct screen *screen)
{
    size_t widths[TABLE_MAX_COLUMNS];

    if (table->failed)
        return -ENOMEM;
    measure(table, widths);
    fit(widths, table->n_columns, screen->width);
    print_row(table, screen, NULL, widths);
    for (size_t i = 0; i < table_rows(table); i++)
        print_row(table, screen, &table->cells[i * table->n_columns], widths);
    return 0;
}
