#include "agent/probe/plugin.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"
#define OPEN_END "..."

/* Add the words of `length` bytes. */
static bool add_words(struct plugin_command *command, const char *text, size_t length)
{
    const char *end = text + length;

    for (;;) {
        size_t size;

        text += strspn(text, BLANKS);
        size = text < end ? strcspn(text, BLANKS "\n") : 0;
        if (size == 0)
            return true;
        if (command->n_words >= PLUGIN_WORDS || command->used + size + 1 > sizeof(command->text))
            return false;
        command->words[command->n_words++] = command->text + command->used;
        memcpy(command->text + command->used, text, size);
        command->text[command->used + size] = '\0';
        command->used += size + 1;
        text += size;
    }
}

/* The line of that name behind its name, and its length; NULL when there is none. */
static const char *find_line(const char *list, const char *name, size_t *ret_length)
{
    const size_t name_length = strlen(name);

    while (*list) {
        const size_t length = strcspn(list, "\n");

        if (length > name_length && strncmp(list, name, name_length) == 0 &&
            strchr(BLANKS, list[name_length])) {
            *ret_length = length - name_length;
            return list + name_length;
        }
        list += length + (list[length] == '\n');
    }
    return NULL;
}

int plugin_find(const char *list, const char *name, const char *arguments,
                struct plugin_command *ret, struct fl_error *err)
{
    const bool has_more = arguments && *arguments;
    size_t length;
    const char *line = find_line(list, name, &length);
    bool fits, open;

    if (!line)
        return fl_error_set(err, -ENOENT, "the agent's list of commands has no \"%s\"", name);
    ret->used = ret->n_words = 0;
    fits = add_words(ret, line, length);
    open = fits && ret->n_words > 1 && strcmp(ret->words[ret->n_words - 1], OPEN_END) == 0;
    if (has_more && fits && !open)
        return fl_error_set(err, -EPERM,
                            "the command \"%s\" takes no arguments: its line does not end in ...",
                            name);
    if (open)
        ret->n_words--;
    if (has_more && fits)
        fits = !strchr(arguments, '\n') && add_words(ret, arguments, strlen(arguments));
    if (!fits || ret->n_words == 0 || ret->words[0][0] != '/')
        return fl_error_set(
            err, -EINVAL, "the command \"%s\" is no absolute path with at most %d words behind it",
            name, PLUGIN_WORDS - 1);
    ret->words[ret->n_words] = NULL;
    return 0;
}

/* Does "label=" or "'label'=" stand at `at`? Then go behind it. */
static const char *skip_label(const char *at, const char *label)
{
    const size_t length = strlen(label);
    const bool quoted = *at == '\'';

    if (strncmp(at + quoted, label, length) != 0)
        return NULL;
    at += quoted + length;
    if (quoted && *at++ != '\'')
        return NULL;
    return *at == '=' ? at + 1 : NULL;
}

/* The end of one piece of performance data: its label may hold blanks in quotes. */
static const char *skip_piece(const char *at)
{
    if (*at == '\'') {
        const char *quote = strchr(at + 1, '\'');

        at = quote ? quote + 1 : at + strlen(at);
    }
    return at + strcspn(at, " \t\r\n");
}

bool plugin_value(const char *output, const char *label, double *ret)
{
    const char *at = strchr(output, '|');

    if (!at)
        return false;
    for (at++;; at = skip_piece(at)) {
        const char *value;
        char *end;

        while (*at && (isspace((unsigned char)*at) || *at == '|'))
            at++;
        if (!*at)
            return false;
        value = skip_label(at, label);
        if (!value)
            continue;
        if (*value != '-' && *value != '.' && !isdigit((unsigned char)*value))
            return false; /* "U": the plugin does not know */
        *ret = strtod(value, &end);
        return end != value && isfinite(*ret);
    }
}
