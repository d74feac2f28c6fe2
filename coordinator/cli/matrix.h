/* The matrix of zone and target out of the coordinator's answer: the agents of a zone become one
 * cell, the echo responders of a zone one row. */
#pragma once

#include "coordinator/cli/screen.h"

#include <jansson.h>

struct matrix;

/* Borrows from `status`, the answer of /api/v1/status. NULL: no memory. */
struct matrix *matrix_new(const json_t *status);
struct matrix *matrix_free(struct matrix *matrix);
FL_DEFINE_FREEP(struct matrix, matrix)

/* In as many tables as the zones need to fit. Of a large matrix only the rows that are not all
 * well. -ENOMEM. */
int matrix_print(const struct matrix *matrix, const struct screen *screen);
