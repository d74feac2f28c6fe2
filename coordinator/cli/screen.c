#include "coordinator/cli/screen.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define PARAGRAPH_SIZE 2048
#define READABLE_WIDTH 100 /* longer lines are hard to read, however wide the terminal */

static const char *const codes[] = {"", "\033[32m", "\033[31;1m", "\033[33m", "\033[2m", "\033[1m"};

void screen_init(struct screen *screen, FILE *out)
{
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    struct winsize size = {0};
    bool terminal = isatty(fileno(out)) == 1;

    *screen = (struct screen){out, SCREEN_STANDARD_WIDTH, false};
    if (!terminal)
        return;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        screen->width = size.ws_col < SCREEN_MIN_WIDTH ? SCREEN_MIN_WIDTH : size.ws_col;
    screen->colour = !(no_colour && *no_colour) && !(term && strcmp(term, "dumb") == 0);
}

/* One character: its bytes and columns. False: it is shown as "?". */
static bool next_character(const char *text, size_t *ret_size, size_t *ret_width)
{
    mbstate_t state = {0};
    wchar_t wide;
    size_t size = mbrtowc(&wide, text, strlen(text), &state);
    int width = size == 0 || size > MB_LEN_MAX ? -1 : wcwidth(wide);

    *ret_size = size == 0 || size > MB_LEN_MAX ? 1 : size;
    *ret_width = width < 0 ? 1 : (size_t)width;
    return width >= 0;
}

size_t screen_text_width(const char *text)
{
    size_t total = 0;

    for (size_t size, width; *text; text += size) {
        (void)next_character(text, &size, &width);
        total += width;
    }
    return total;
}

size_t screen_text(const struct screen *screen, enum screen_style style, const char *text,
                   size_t width)
{
    bool cut = screen_text_width(text) > width, coloured = screen->colour && style != STYLE_PLAIN;
    size_t used = 0;

    if (width == 0)
        return 0;
    if (coloured)
        (void)fputs(codes[style], screen->out);
    for (size_t size, columns; *text; text += size) {
        bool shown = next_character(text, &size, &columns);

        if (used + columns > width - cut)
            break;
        used += columns;
        (void)fprintf(screen->out, "%.*s", shown ? (int)size : 1, shown ? text : "?");
    }
    if (cut)
        (void)fputs("…", screen->out);
    if (coloured)
        (void)fputs("\033[0m", screen->out);
    return used + cut;
}

static void blank(const struct screen *screen, size_t n)
{
    (void)fprintf(screen->out, "%*s", (int)n, "");
}

/* Words, broken into lines from the column `indent` on. */
static void print_words(const struct screen *screen, char *text, size_t indent)
{
    size_t limit = screen->width < READABLE_WIDTH ? screen->width : READABLE_WIDTH;
    size_t column = indent;
    char *rest;

    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        size_t width = screen_text_width(word);

        if (column > indent && column + 1 + width > limit) {
            (void)putc('\n', screen->out);
            blank(screen, indent);
            column = indent;
        } else if (column > indent) {
            (void)putc(' ', screen->out);
            column++;
        }
        column += screen_text(screen, STYLE_PLAIN, word, width);
    }
    (void)putc('\n', screen->out);
}

void screen_paragraph(const struct screen *screen, const char *first, const char *format, ...)
{
    char text[PARAGRAPH_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    print_words(screen, text, screen_text(screen, STYLE_PLAIN, first, screen->width / 2));
}

void screen_head(const struct screen *screen, const char *title)
{
    (void)putc('\n', screen->out);
    (void)screen_text(screen, STYLE_HEAD, title, screen->width);
    (void)putc('\n', screen->out);
}
