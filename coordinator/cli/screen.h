/* Text on a terminal or in a file: how wide it is, whether it shows colours, and what a string
 * of somebody else's may do there: be seen, and nothing else. */
#pragma once

#include "proto/types/fl_cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define SCREEN_STANDARD_WIDTH 80
#define SCREEN_MIN_WIDTH 40

enum screen_style {
    STYLE_PLAIN,
    STYLE_GOOD,
    STYLE_BAD,
    STYLE_DOUBT,
    STYLE_FAINT,
    STYLE_HEAD,
};

struct screen {
    FILE *out;
    size_t width;
    bool colour;
};

/* 80 columns and no colour when it is no terminal; no colour with NO_COLOR, see no-color.org. */
void screen_init(struct screen *screen, FILE *out);

/* Columns that a UTF-8 text takes. What is no UTF-8 and what would steer the terminal takes one,
 * as the "?" that it is shown as. */
size_t screen_text_width(const char *text);

/* Print a text, at most `width` columns of it; what is cut ends in "…". Returns the columns. */
size_t screen_text(const struct screen *screen, enum screen_style style, const char *text,
                   size_t width);

/* Print a paragraph: `first` before its first line, as much blank before the others, broken at
 * spaces to fit the screen. */
void screen_paragraph(const struct screen *screen, const char *first, const char *format, ...)
    FL_PRINTF(3, 4);

/* A line of its own above what follows. */
void screen_head(const struct screen *screen, const char *title);
