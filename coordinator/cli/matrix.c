#include "coordinator/cli/matrix.h"

#include "coordinator/cli/field.h"
#include "coordinator/cli/table.h"
#include "proto/types/fl_limits.h"
#include "proto/types/fl_time.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MANY_ROWS 40   /* from here on only what is not well is shown */
#define MOST_ROWS 200  /* that are shown at all */
#define NAME_COLUMN 26 /* about what a row's name takes of the width */
#define ZONE_COLUMN 14 /* and each zone */

struct cell {
    uint32_t n, ok, stale, unseen;
    int64_t took_us;           /* the longest */
    const char *layer, *error; /* of the last that failed */
};

struct row {
    const char *target, *probe; /* of the mesh: NULL and the place */
    struct cell *cells;         /* by zone */
};

struct matrix {
    const char *zones[FL_MAX_ZONES];
    size_t n_zones;
    struct row *rows;
    size_t n_rows;
};

static size_t zone_index(const struct matrix *matrix, const char *name)
{
    size_t i = 0;

    while (i < matrix->n_zones && strcmp(matrix->zones[i], name) != 0)
        i++;
    return i;
}

static void find_zones(struct matrix *matrix, const json_t *agents)
{
    const json_t *agent;
    size_t i;

    json_array_foreach(agents, i, agent)
    {
        const char *zone = field_text(agent, "zone");

        if (matrix->n_zones < FL_MAX_ZONES && zone_index(matrix, zone) == matrix->n_zones)
            matrix->zones[matrix->n_zones++] = zone;
    }
}

/* Rows of the mesh stand at the end, one a place. */
static struct row *row_for(struct matrix *matrix, const json_t *json)
{
    bool mesh = strcmp(field_text(json, "kind"), "mesh") == 0;
    struct row *row;

    for (size_t i = matrix->n_rows; mesh && i > 0 && !matrix->rows[i - 1].target; i--)
        if (strcmp(matrix->rows[i - 1].probe, field_text(json, "place")) == 0)
            return &matrix->rows[i - 1];
    row = &matrix->rows[matrix->n_rows];
    row->cells = calloc(matrix->n_zones + 1, sizeof(*row->cells));
    if (!row->cells)
        return NULL;
    row->target = mesh ? NULL : field_text(json, "target");
    row->probe = field_text(json, mesh ? "place" : "probe");
    matrix->n_rows++;
    return row;
}

static void count_cell(struct cell *cell, const json_t *json)
{
    const char *state = field_text(json, "state");
    int64_t took = field_number(json, "took_us");

    cell->n++;
    if (strcmp(state, "ok") == 0) {
        cell->ok++;
        if (took > cell->took_us)
            cell->took_us = took;
    } else if (strcmp(state, "stale") == 0) {
        cell->stale++;
    } else if (strcmp(state, "unseen") == 0) {
        cell->unseen++;
    } else {
        cell->layer = field_text(json, "layer");
        cell->error = field_text(json, "error");
    }
}

static bool add_row(struct matrix *matrix, const json_t *json)
{
    struct row *row = row_for(matrix, json);
    const json_t *cell;
    size_t i;

    if (!row)
        return false;
    json_array_foreach(json_object_get(json, "cells"), i, cell)
    {
        size_t zone = zone_index(matrix, field_text(cell, "zone"));

        if (zone < matrix->n_zones)
            count_cell(&row->cells[zone], cell);
    }
    return true;
}

struct matrix *matrix_new(const json_t *status)
{
    const json_t *rows = json_object_get(status, "matrix"), *row;
    struct matrix *matrix = calloc(1, sizeof(*matrix));
    size_t i;

    if (!matrix)
        return NULL;
    find_zones(matrix, json_object_get(status, "agents"));
    matrix->rows = calloc(json_array_size(rows) + 1, sizeof(*matrix->rows));
    if (!matrix->rows)
        return matrix_free(matrix);
    json_array_foreach(rows, i, row) if (!add_row(matrix, row)) return matrix_free(matrix);
    return matrix;
}

struct matrix *matrix_free(struct matrix *matrix)
{
    if (!matrix)
        return NULL;
    for (size_t i = 0; i < matrix->n_rows; i++)
        free(matrix->rows[i].cells);
    free(matrix->rows);
    free(matrix);
    return NULL;
}

static bool row_is_well(const struct matrix *matrix, const struct row *row)
{
    for (size_t i = 0; i < matrix->n_zones; i++)
        if (row->cells[i].ok != row->cells[i].n)
            return false;
    return true;
}

static void print_cell(struct table *table, const struct cell *cell)
{
    uint32_t failed = cell->n - cell->ok - cell->stale - cell->unseen;
    char took[FL_DURATION_TEXT_SIZE];

    if (cell->n == 0)
        table_cell(table, STYLE_FAINT, "-");
    else if (failed > 0 && cell->n > 1)
        table_cell(table, STYLE_BAD, "%u/%u %s %s", failed, cell->n, cell->layer, cell->error);
    else if (failed > 0)
        table_cell(table, STYLE_BAD, "%s %s", cell->layer, cell->error);
    else if (cell->stale > 0 && cell->n > 1)
        table_cell(table, STYLE_DOUBT, "%u/%u stale", cell->stale, cell->n);
    else if (cell->stale > 0)
        table_cell(table, STYLE_DOUBT, "stale");
    else if (cell->ok == 0)
        table_cell(table, STYLE_FAINT, "unseen");
    else
        table_cell(table, STYLE_GOOD, "ok %s", fl_duration_format(cell->took_us, took));
}

static int print_zones(const struct matrix *matrix, const struct screen *screen, size_t first,
                       size_t n)
{
    FL_CLEANUP(table_freep) struct table *table = NULL;
    const char *titles[TABLE_MAX_COLUMNS] = {"FROM ZONE"};
    bool all = matrix->n_rows <= MANY_ROWS;

    for (size_t i = 0; i < n; i++)
        titles[i + 1] = matrix->zones[first + i];
    table = table_new(titles, n + 1);
    for (size_t i = 0; table && i < matrix->n_rows && table_rows(table) < MOST_ROWS; i++) {
        const struct row *row = &matrix->rows[i];

        if (!all && row_is_well(matrix, row))
            continue;
        table_cell(table, STYLE_PLAIN, "%s%s%s", row->target ? row->target : "agents in ",
                   row->target ? "/" : "", row->probe);
        for (size_t k = 0; k < n; k++)
            print_cell(table, &row->cells[first + k]);
    }
    return table ? table_print(table, screen) : -ENOMEM;
}

int matrix_print(const struct matrix *matrix, const struct screen *screen)
{
    size_t a_table =
        screen->width > NAME_COLUMN + ZONE_COLUMN ? (screen->width - NAME_COLUMN) / ZONE_COLUMN : 1;
    size_t well = 0;
    int r = 0;

    if (a_table > TABLE_MAX_COLUMNS - 1)
        a_table = TABLE_MAX_COLUMNS - 1;
    for (size_t i = 0; i < matrix->n_zones && r == 0; i += a_table) {
        size_t left = matrix->n_zones - i;

        if (i > 0)
            (void)putc('\n', screen->out);
        r = print_zones(matrix, screen, i, left < a_table ? left : a_table);
    }
    for (size_t i = 0; i < matrix->n_rows; i++)
        well += row_is_well(matrix, &matrix->rows[i]);
    if (matrix->n_rows > MANY_ROWS)
        screen_paragraph(screen, "", "%zu of %zu rows are well and left out%s; --json has all",
                         well, matrix->n_rows,
                         matrix->n_rows - well > MOST_ROWS ? ", and so are those from 200 on" : "");
    return r;
}
