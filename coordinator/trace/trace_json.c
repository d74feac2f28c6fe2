#include "coordinator/trace/trace_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <jsmn.h>
#pragma GCC diagnostic pop

#define FIRST_ROOM 256
#define MAX_TOKENS (256u << 10) /* no line within the limit of its length has more */
#define MAX_MEMBERS 256         /* of one object: each is held against the others */
#define NONE (-1)

/* Tokens in the order of the text; children of one parent are a list. */
struct trace_json {
    char *text;
    jsmntok_t *tokens;
    int *siblings; /* number of the next child of the same parent, or NONE */
    int *children; /* number of the first child, or NONE */
    unsigned n, room;
};

static int grow(struct trace_json *json, unsigned room)
{
    jsmntok_t *tokens = reallocarray(json->tokens, room, sizeof(*tokens));
    int *siblings, *children;

    if (!tokens)
        return -ENOMEM;
    json->tokens = tokens;
    siblings = reallocarray(json->siblings, room, sizeof(*siblings));
    if (!siblings)
        return -ENOMEM;
    json->siblings = siblings;
    children = reallocarray(json->children, room, sizeof(*children));
    if (!children)
        return -ENOMEM;
    json->children = children;
    json->room = room;
    return 0;
}

int trace_json_new(struct trace_json **ret)
{
    struct trace_json *json = calloc(1, sizeof(*json));

    if (!json || grow(json, FIRST_ROOM) < 0) {
        trace_json_free(json);
        return -ENOMEM;
    }
    *ret = json;
    return 0;
}

struct trace_json *trace_json_free(struct trace_json *json)
{
    if (!json)
        return NULL;
    free(json->tokens);
    free(json->siblings);
    free(json->children);
    free(json);
    return NULL;
}

static int tokenize(struct trace_json *json, size_t size, struct fl_error *err)
{
    jsmn_parser parser;
    int n;

    for (;;) {
        jsmn_init(&parser);
        n = jsmn_parse(&parser, json->text, size, json->tokens, json->room);
        if (n != JSMN_ERROR_NOMEM)
            break;
        if (json->room >= MAX_TOKENS || grow(json, json->room * 2) < 0)
            return fl_error_set(err, -ENOMEM, "no memory");
    }
    if (n == JSMN_ERROR_PART)
        return fl_error_set(err, -EBADMSG, "no JSON: the line ends in the middle");
    if (n < 0)
        return fl_error_set(err, -EBADMSG, "no JSON: at byte %u", parser.pos + 1);
    if (n == 0)
        return fl_error_set(err, -EBADMSG, "no JSON: the line is empty");
    json->n = (unsigned)n;
    return 0;
}

/* Where the token begins and ends in the text, with its quotes. */
static int begin_of(const jsmntok_t *token)
{
    return token->start - (token->type == JSMN_STRING);
}

static int end_of(const jsmntok_t *token)
{
    return token->end + (token->type == JSMN_STRING);
}

/* Does nothing but white space and this character once stand there? '\0': white space alone. */
static bool between(const char *text, int from, int to, char what)
{
    bool seen = what == '\0';

    for (; from < to; from++) {
        if (text[from] == what && !seen)
            seen = true;
        else if (text[from] != ' ' && text[from] != '\t' && text[from] != '\r')
            return false;
    }
    return seen;
}

static void link_children(struct trace_json *json)
{
    for (unsigned i = 0; i < json->n; i++)
        json->children[i] = NONE;
    for (int i = (int)json->n - 1; i > 0; i--) {
        int parent = json->tokens[i].parent;

        json->siblings[i] = parent >= 0 ? json->children[parent] : NONE;
        if (parent >= 0)
            json->children[parent] = i;
    }
}

static bool same_text(const struct trace_json *json, int x, int y)
{
    const jsmntok_t *a = &json->tokens[x], *b = &json->tokens[y];

    return a->end - a->start == b->end - b->start &&
           memcmp(json->text + a->start, json->text + b->start, (size_t)(a->end - a->start)) == 0;
}

/* End of a child with what hangs on it: a key has a value. */
static int whole_end(const struct trace_json *json, int child)
{
    int value = json->children[child];

    if (json->tokens[child].type == JSMN_STRING && value != NONE)
        child = value;
    return end_of(&json->tokens[child]);
}

static bool is_literal(const struct trace_json *json, const jsmntok_t *token, const char *word)
{
    size_t length = strlen(word);

    return (size_t)(token->end - token->start) == length &&
           memcmp(json->text + token->start, word, length) == 0;
}

/* A string or a primitive with nothing hanging on it; a primitive that is a word of JSON or looks
 * like a number. */
static bool is_plain(const struct trace_json *json, int at)
{
    const jsmntok_t *token = &json->tokens[at];

    if (token->type == JSMN_OBJECT || token->type == JSMN_ARRAY)
        return true;
    if (json->children[at] != NONE)
        return false;
    if (token->type == JSMN_STRING || is_literal(json, token, "true") ||
        is_literal(json, token, "false") || is_literal(json, token, "null"))
        return true;
    for (int i = token->start; i < token->end; i++)
        if (!memchr("-+.eE0123456789", json->text[i], 15))
            return false;
    return true;
}

/* jsmn is content with less than the grammar asks for. Returns where it is not kept, or NONE. */
static int check_container(const struct trace_json *json, int at)
{
    const jsmntok_t *own = &json->tokens[at];
    uint64_t seen = 0;
    int last = own->start + 1;

    for (int child = json->children[at]; child != NONE; child = json->siblings[child]) {
        const jsmntok_t *token = &json->tokens[child];
        int value = json->children[child];

        if (!between(json->text, last, begin_of(token), child == json->children[at] ? '\0' : ','))
            return last;
        if (own->type == JSMN_OBJECT) {
            uint64_t mark = UINT64_C(1) << (unsigned)((token->end - token->start) * 5 +
                                                      (unsigned char)json->text[token->start]) %
                                               64;

            if (token->type != JSMN_STRING || value == NONE || json->siblings[value] != NONE ||
                !is_plain(json, value) ||
                !between(json->text, end_of(token), begin_of(&json->tokens[value]), ':'))
                return token->start;
            for (int k = json->children[at]; (seen & mark) != 0 && k != child;
                 k = json->siblings[k])
                if (same_text(json, k, child))
                    return token->start; /* twice */
            seen |= mark;
        } else if (!is_plain(json, child)) {
            return token->start;
        }
        last = whole_end(json, child);
    }
    return between(json->text, last, own->end - 1, '\0') ? NONE : last;
}

static int check(const struct trace_json *json, size_t size, struct fl_error *err)
{
    if (json->tokens[0].type != JSMN_OBJECT)
        return fl_error_set(err, -EBADMSG, "no JSON object");
    if (!between(json->text, json->tokens[0].end, (int)size, '\0'))
        return fl_error_set(err, -EBADMSG, "no JSON: at byte %d", json->tokens[0].end + 1);
    for (unsigned i = 0; i < json->n; i++) {
        if (json->tokens[i].type == JSMN_OBJECT && json->tokens[i].size > MAX_MEMBERS)
            return fl_error_set(err, -EBADMSG, "an object has %d members, at most %d are allowed",
                                json->tokens[i].size, MAX_MEMBERS);
    }
    for (unsigned i = 0; i < json->n; i++) {
        int wrong = json->tokens[i].type == JSMN_OBJECT || json->tokens[i].type == JSMN_ARRAY
                        ? check_container(json, (int)i)
                        : NONE;

        if (wrong != NONE)
            return fl_error_set(err, -EBADMSG, "no JSON: at byte %d", wrong + 1);
    }
    return 0;
}

int trace_json_parse(struct trace_json *json, char *text, size_t size, struct trace_value *ret,
                     struct fl_error *err)
{
    int r;

    json->text = text;
    r = tokenize(json, size, err);
    if (r < 0)
        return r;
    link_children(json);
    r = check(json, size, err);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < json->n; i++) /* in place of a quote, a comma or a bracket */
        if (json->tokens[i].type == JSMN_STRING || json->tokens[i].type == JSMN_PRIMITIVE)
            text[json->tokens[i].end] = '\0';
    *ret = (struct trace_value){json, 1};
    return 0;
}

static const jsmntok_t *token_of(struct trace_value value)
{
    return value.token == 0 ? NULL : &value.json->tokens[value.token - 1];
}

static const char *start_of(struct trace_value value)
{
    return value.json->text + token_of(value)->start;
}

enum trace_json_type trace_json_type(struct trace_value value)
{
    const jsmntok_t *token = token_of(value);

    if (!token)
        return TRACE_JSON_ABSENT;
    switch (token->type) {
    case JSMN_OBJECT:
        return TRACE_JSON_OBJECT;
    case JSMN_ARRAY:
        return TRACE_JSON_ARRAY;
    case JSMN_STRING:
        return TRACE_JSON_STRING;
    default:
        break;
    }
    switch (*start_of(value)) {
    case 't':
    case 'f':
        return TRACE_JSON_BOOLEAN;
    case 'n':
        return TRACE_JSON_NULL;
    default:
        return TRACE_JSON_NUMBER;
    }
}

struct trace_value trace_json_get(struct trace_value object, const char *field)
{
    const struct trace_json *json = object.json;
    size_t length = strlen(field);

    if (trace_json_type(object) != TRACE_JSON_OBJECT)
        return (struct trace_value){json, 0};
    for (int key = json->children[object.token - 1]; key != NONE; key = json->siblings[key]) {
        const jsmntok_t *token = &json->tokens[key];

        if ((size_t)(token->end - token->start) == length &&
            memcmp(json->text + token->start, field, length) == 0)
            return (struct trace_value){json, (uint32_t)json->children[key] + 1};
    }
    return (struct trace_value){json, 0};
}

size_t trace_json_size(struct trace_value array)
{
    return trace_json_type(array) == TRACE_JSON_ARRAY ? (size_t)token_of(array)->size : 0;
}

struct trace_value trace_json_next(struct trace_value array, struct trace_value before)
{
    const struct trace_json *json = array.json;
    int next = NONE;

    if (before.token > 0)
        next = json->siblings[before.token - 1];
    else if (trace_json_type(array) == TRACE_JSON_ARRAY)
        next = json->children[array.token - 1];
    return (struct trace_value){json, (uint32_t)(next + 1)};
}

const char *trace_json_text(struct trace_value value)
{
    return trace_json_type(value) == TRACE_JSON_STRING ? start_of(value) : NULL;
}

bool trace_json_is_true(struct trace_value value)
{
    return trace_json_type(value) == TRACE_JSON_BOOLEAN && *start_of(value) == 't';
}

bool trace_json_integer(struct trace_value value, int64_t *ret)
{
    const char *text;
    bool negative;
    int64_t sum = 0;

    if (trace_json_type(value) != TRACE_JSON_NUMBER)
        return false;
    text = start_of(value);
    negative = *text == '-';
    text += negative;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, *text - '0', &sum))
            return false;
    }
    *ret = negative ? -sum : sum;
    return true;
}

bool trace_json_number(struct trace_value value, double *ret)
{
    char *end;

    if (trace_json_type(value) != TRACE_JSON_NUMBER)
        return false;
    *ret = strtod(start_of(value), &end);
    return *end == '\0' && end != start_of(value);
}
