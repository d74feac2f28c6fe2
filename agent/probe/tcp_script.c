#include "agent/probe/tcp_script.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct step {
    enum tcp_step_kind kind;
    char *bytes;
    size_t size;
    bool compiled;
    regex_t pattern;
};

struct tcp_script {
    struct tcp_script *next;
    unsigned users;
    char *text;
    size_t n_steps;
    struct step *steps;
};

static struct tcp_script *all_scripts; /* while somebody uses them */

static const char *const words[] = {"expect", "await", "send", "bytes", "starttls"};

static void destroy(struct tcp_script *script)
{
    for (size_t i = 0; i < script->n_steps; i++) {
        free(script->steps[i].bytes);
        if (script->steps[i].compiled)
            regfree(&script->steps[i].pattern);
    }
    free(script->steps);
    free(script->text);
    free(script);
}

struct tcp_script *tcp_script_free(struct tcp_script *script)
{
    struct tcp_script **at = &all_scripts;

    if (!script || --script->users > 0)
        return NULL;
    while (*at && *at != script)
        at = &(*at)->next;
    if (*at)
        *at = script->next;
    destroy(script);
    return NULL;
}

/* The byte that the escape at `*at` (behind its backslash) stands for, or -1. */
static int unescape(const char **at, const char *end)
{
    static const char names[] = "rnt\\", bytes[] = "\r\n\t\\";
    const char *found = *at < end ? strchr(names, **at) : NULL;
    char digits[3] = "";

    if (found) {
        (*at)++;
        return bytes[found - names];
    }
    if (end - *at < 3 || **at != 'x' || !isxdigit((unsigned char)(*at)[1]) ||
        !isxdigit((unsigned char)(*at)[2]))
        return -1;
    memcpy(digits, *at + 1, 2);
    *at += 3;
    return (int)strtol(digits, NULL, 16);
}

static int read_bytes(struct step *step, const char *text, size_t length, struct fl_error *err)
{
    const char *end = text + length;

    step->bytes = malloc(length + 2); /* room for the end of a line */
    if (!step->bytes)
        return fl_error_set(err, -ENOMEM, "out of memory");
    while (text < end) {
        int byte = (unsigned char)*text++;

        if (byte == '\\')
            byte = unescape(&text, end);
        if (byte < 0)
            return fl_error_set(
                err, -EINVAL, "an escape that is none: \\r, \\n, \\t, \\\\ and \\xHH are allowed");
        step->bytes[step->size++] = (char)byte;
    }
    if (step->kind == TCP_SEND) {
        step->bytes[step->size++] = '\r';
        step->bytes[step->size++] = '\n';
    }
    return 0;
}

static int read_pattern(struct step *step, const char *text, size_t length, struct fl_error *err)
{
    char *pattern = strndup(text, length);
    char why[128];
    int r;

    if (!pattern)
        return fl_error_set(err, -ENOMEM, "out of memory");
    r = regcomp(&step->pattern, pattern, REG_EXTENDED | REG_NOSUB);
    step->compiled = r == 0;
    if (r != 0) {
        (void)regerror(r, &step->pattern, why, sizeof(why));
        r = fl_error_set(err, -EINVAL, "\"%s\" is no extended regular expression: %s", pattern,
                         why);
    }
    free(pattern);
    return r;
}

static int read_step(struct step *step, const char *line, size_t length, struct fl_error *err)
{
    const char *space = memchr(line, ' ', length);
    const size_t word = space ? (size_t)(space - line) : length;
    const char *rest = space ? space + 1 : line + length;
    const size_t rest_length = (size_t)(line + length - rest);
    size_t kind = 0;

    while (kind < FL_COUNT(words) &&
           (strlen(words[kind]) != word || strncmp(words[kind], line, word) != 0))
        kind++;
    if (kind == FL_COUNT(words))
        return fl_error_set(err, -EINVAL,
                            "cannot read \"%.*s\": a line begins with expect, await, send, bytes "
                            "or starttls",
                            (int)(length < 80 ? length : 80), line);
    step->kind = (enum tcp_step_kind)kind;
    if (kind == TCP_STARTTLS)
        return rest_length == 0 ? 0 : fl_error_set(err, -EINVAL, "starttls stands alone");
    if (rest_length == 0 && kind != TCP_SEND)
        return fl_error_set(err, -EINVAL, "%s needs something behind it", words[kind]);
    if (kind == TCP_SEND || kind == TCP_BYTES)
        return read_bytes(step, rest, rest_length, err);
    return read_pattern(step, rest, rest_length, err);
}

/* Read all steps into `script`, which has room for them. */
static int read_steps(struct tcp_script *script, struct fl_error *err)
{
    const char *text = script->text;
    bool secured = false;

    for (int number = 1; *text; number++) {
        const size_t length = strcspn(text, "\n");
        int r = 0;

        if (length > 0 && *text != '#') {
            struct step *step = &script->steps[script->n_steps++];

            r = read_step(step, text, length, err);
            if (r == 0 && step->kind == TCP_STARTTLS && secured)
                r = fl_error_set(err, -EINVAL, "starttls stands there once");
            secured = secured || step->kind == TCP_STARTTLS;
        }
        if (r < 0)
            return fl_error_prefix(err, r, "setting \"script\", line %d", number);
        text += length + (text[length] == '\n');
    }
    return 0;
}

static size_t count_steps(const char *text)
{
    size_t n = 0;

    while (*text) {
        const size_t length = strcspn(text, "\n");

        n += length > 0 && *text != '#';
        text += length + (text[length] == '\n');
    }
    return n;
}

int tcp_script_parse(const char *text, struct tcp_script **ret, struct fl_error *err)
{
    FL_CLEANUP(tcp_script_freep) struct tcp_script *script = NULL;
    const size_t n = count_steps(text);
    int r;

    for (script = all_scripts; script; script = script->next)
        if (strcmp(script->text, text) == 0) {
            script->users++;
            *ret = FL_TAKE(script);
            return 0;
        }
    if (n > TCP_SCRIPT_STEPS)
        return fl_error_set(err, -EINVAL,
                            "setting \"script\": more than the %d steps that are allowed",
                            TCP_SCRIPT_STEPS);
    script = calloc(1, sizeof(*script));
    if (!script)
        return fl_error_set(err, -ENOMEM, "out of memory");
    script->users = 1;
    script->text = strdup(text);
    script->steps = calloc(n + 1, sizeof(*script->steps));
    if (!script->text || !script->steps)
        return fl_error_set(err, -ENOMEM, "out of memory");
    r = read_steps(script, err);
    if (r < 0)
        return r;
    script->next = all_scripts;
    all_scripts = script;
    *ret = FL_TAKE(script);
    return 0;
}

size_t tcp_script_length(const struct tcp_script *script)
{
    return script->n_steps;
}

bool tcp_script_secures(const struct tcp_script *script)
{
    for (size_t i = 0; i < script->n_steps; i++)
        if (script->steps[i].kind == TCP_STARTTLS)
            return true;
    return false;
}

enum tcp_step_kind tcp_script_kind(const struct tcp_script *script, size_t step)
{
    return script->steps[step].kind;
}

const char *tcp_script_bytes(const struct tcp_script *script, size_t step, size_t *ret_size)
{
    *ret_size = script->steps[step].size;
    return script->steps[step].bytes;
}

bool tcp_script_matches(const struct tcp_script *script, size_t step, const char *line)
{
    return regexec(&script->steps[step].pattern, line, 0, NULL, 0) == 0;
}
