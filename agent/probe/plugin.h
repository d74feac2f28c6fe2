/* What the type exec reads: the agent's own list of commands that plans may name, and what a
 * monitoring plugin prints. Pure. */
#pragma once

#include "proto/types/fl_error.h"

#include <stdbool.h>
#include <stddef.h>

#define PLUGIN_WORDS 64  /* of a command, the program among them */
#define PLUGIN_TEXT 8192 /* bytes of all words of a command, and of a plugin's output */

/* A command, ready to be run. */
struct plugin_command {
    char text[PLUGIN_TEXT];
    size_t used;
    size_t n_words;
    char *words[PLUGIN_WORDS + 1]; /* NULL-terminated; within `text` */
};

/* Find `name` in a list: a command a line, "NAME /PROGRAM WORD...", words by blanks, lines that
 * begin with # left out. Where a line's last word is "...", the words of `arguments` (may be NULL)
 * take its place; else there may be none. 0, or -ENOENT, -EPERM (arguments that the line does not
 * allow), -EINVAL (no absolute path, too long), each with a sentence. */
int plugin_find(const char *list, const char *name, const char *arguments,
                struct plugin_command *ret, struct fl_error *err);

/* The value of `label` in the performance data of a plugin's output: "text | label=1.5s;2;3". False
 * when it is not there or is no number. */
bool plugin_value(const char *output, const char *label, double *ret);
