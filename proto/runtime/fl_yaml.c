/* A document stays as libyaml built it; a node here is a pair of its document and its place in
 * it. All that the readers of configuration may rely on is checked once, when it is loaded.
 *
 * A first walk sees the events only: one document, no aliases (one of them could stand for a
 * million nodes), no deep nesting (which costs libyaml the square of its depth). Then the
 * document is built and its nodes are looked at: keys are plain words and given once, no scalar
 * holds a NUL. */
#include "proto/runtime/fl_yaml.h"

#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define MAX_FILE (16 << 20)
#define MAX_DEPTH 64
#define MAX_KEYS 256      /* in one map; what is many is a list */
#define MAX_EXPANDED 4096 /* bytes of a text in a copy */

struct fl_yaml_node {
    const struct fl_yaml *owner;
    const yaml_node_t *yaml;
};

struct fl_yaml {
    char *name;
    yaml_document_t document;
    bool loaded; /* `document` holds something */
    size_t n_nodes;
    struct fl_yaml_node *nodes; /* node i is the document's node i + 1 */
};

const struct fl_yaml_node *fl_yaml_root(const struct fl_yaml *document)
{
    return &document->nodes[0];
}

enum fl_yaml_kind fl_yaml_kind(const struct fl_yaml_node *node)
{
    if (node->yaml->type == YAML_SEQUENCE_NODE)
        return FL_YAML_LIST;
    return node->yaml->type == YAML_MAPPING_NODE ? FL_YAML_MAP : FL_YAML_SCALAR;
}

unsigned fl_yaml_line(const struct fl_yaml_node *node)
{
    return (unsigned)node->yaml->start_mark.line + 1;
}

static const struct fl_yaml_node *node_of(const struct fl_yaml_node *relative, int id)
{
    return &relative->owner->nodes[id - 1];
}

static const yaml_node_pair_t *pairs_of(const struct fl_yaml_node *map)
{
    return map->yaml->data.mapping.pairs.start;
}

size_t fl_yaml_count(const struct fl_yaml_node *node)
{
    const yaml_node_t *yaml = node->yaml;

    if (yaml->type == YAML_SEQUENCE_NODE)
        return (size_t)(yaml->data.sequence.items.top - yaml->data.sequence.items.start);
    if (yaml->type == YAML_MAPPING_NODE)
        return (size_t)(yaml->data.mapping.pairs.top - yaml->data.mapping.pairs.start);
    return 0;
}

const struct fl_yaml_node *fl_yaml_item(const struct fl_yaml_node *node, size_t index)
{
    if (index >= fl_yaml_count(node))
        return NULL;
    if (node->yaml->type == YAML_SEQUENCE_NODE)
        return node_of(node, node->yaml->data.sequence.items.start[index]);
    return node_of(node, pairs_of(node)[index].value);
}

const struct fl_yaml_node *fl_yaml_key_node(const struct fl_yaml_node *map, size_t index)
{
    if (map->yaml->type != YAML_MAPPING_NODE || index >= fl_yaml_count(map))
        return NULL;
    return node_of(map, pairs_of(map)[index].key);
}

const char *fl_yaml_key(const struct fl_yaml_node *map, size_t index)
{
    const struct fl_yaml_node *key = fl_yaml_key_node(map, index);

    return key ? fl_yaml_text(key) : NULL;
}

const struct fl_yaml_node *fl_yaml_get(const struct fl_yaml_node *map, const char *key)
{
    for (size_t i = 0; map->yaml->type == YAML_MAPPING_NODE && i < fl_yaml_count(map); i++)
        if (strcmp(fl_yaml_key(map, i), key) == 0)
            return fl_yaml_item(map, i);
    return NULL;
}

const char *fl_yaml_text(const struct fl_yaml_node *node)
{
    return node->yaml->type == YAML_SCALAR_NODE ? (const char *)node->yaml->data.scalar.value
                                                : NULL;
}

int fl_yaml_error(const struct fl_yaml_node *node, struct fl_error *err, int code,
                  const char *format, ...)
{
    struct fl_error sentence;
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence.message, sizeof(sentence.message), format, arguments);
    va_end(arguments);
    return fl_error_set(err, code, "%s:%u: %s", node->owner->name, fl_yaml_line(node),
                        sentence.message);
}

int fl_yaml_expect(const struct fl_yaml_node *node, enum fl_yaml_kind kind, const char *field,
                   struct fl_error *err)
{
    static const char *const names[] = {
        [FL_YAML_SCALAR] = "a single value",
        [FL_YAML_LIST] = "a list, one \"- \" before each element",
        [FL_YAML_MAP] = "a map of \"key: value\" lines",
    };

    if (!node)
        return fl_error_set(err, -ENOENT, "field \"%s\" is missing; it must be %s", field,
                            names[kind]);
    if (fl_yaml_kind(node) == kind)
        return 0;
    return fl_yaml_error(node, err, -EINVAL, "field \"%s\" must be %s", field, names[kind]);
}

static int check_key(const struct fl_yaml_node *map, size_t index, struct fl_error *err)
{
    const struct fl_yaml_node *node = fl_yaml_key_node(map, index);
    const char *key = fl_yaml_text(node);

    if (!key || !key[0])
        return fl_yaml_error(node, err, -EINVAL, "a key must be a word");
    for (size_t i = 0; i < index; i++)
        if (strcmp(fl_yaml_key(map, i), key) == 0)
            return fl_yaml_error(node, err, -EINVAL,
                                 "field \"%.64s\" is given twice; the first time in line %u", key,
                                 fl_yaml_line(fl_yaml_key_node(map, i)));
    return 0;
}

static int check_map(const struct fl_yaml_node *map, struct fl_error *err)
{
    size_t n = fl_yaml_count(map);
    int r = 0;

    if (n > MAX_KEYS)
        return fl_yaml_error(map, err, -E2BIG, "a map has %zu keys; %d is the most", n, MAX_KEYS);
    for (size_t i = 0; i < n && r == 0; i++)
        r = check_key(map, i, err);
    return r;
}

static int check_scalar(const struct fl_yaml_node *node, struct fl_error *err)
{
    if (strlen((const char *)node->yaml->data.scalar.value) != node->yaml->data.scalar.length)
        return fl_yaml_error(node, err, -EINVAL, "a value holds a NUL character");
    return 0;
}

static int check_nodes(const struct fl_yaml *yaml, struct fl_error *err)
{
    int r = 0;

    for (size_t i = 0; i < yaml->n_nodes && r == 0; i++)
        if (fl_yaml_kind(&yaml->nodes[i]) == FL_YAML_SCALAR)
            r = check_scalar(&yaml->nodes[i], err);
        else if (fl_yaml_kind(&yaml->nodes[i]) == FL_YAML_MAP)
            r = check_map(&yaml->nodes[i], err);
    return r;
}

static int index_nodes(struct fl_yaml *yaml, struct fl_error *err)
{
    const yaml_node_t *first = yaml->document.nodes.start;

    yaml->n_nodes = (size_t)(yaml->document.nodes.top - first);
    if (yaml->n_nodes == 0)
        return fl_error_set(err, -ENODATA, "\"%s\" is empty", yaml->name);
    yaml->nodes = calloc(yaml->n_nodes, sizeof(*yaml->nodes));
    if (!yaml->nodes)
        return fl_error_set(err, -ENOMEM, "out of memory for \"%s\"", yaml->name);
    for (size_t i = 0; i < yaml->n_nodes; i++)
        yaml->nodes[i] = (struct fl_yaml_node){yaml, &first[i]};
    return check_nodes(yaml, err);
}

static int parser_error(const struct fl_yaml *yaml, const yaml_parser_t *parser,
                        struct fl_error *err)
{
    const char *problem = parser->problem ? parser->problem : "it cannot be read";

    if (parser->error == YAML_MEMORY_ERROR)
        return fl_error_set(err, -ENOMEM, "out of memory for \"%s\"", yaml->name);
    if (parser->error == YAML_READER_ERROR)
        return fl_error_set(err, -EINVAL, "%s: this is no YAML: %s at byte %zu", yaml->name,
                            problem, parser->problem_offset);
    if (parser->context)
        return fl_error_set(err, -EINVAL, "%s:%zu: this is no YAML: %s %s from line %zu on",
                            yaml->name, parser->problem_mark.line + 1, problem, parser->context,
                            parser->context_mark.line + 1);
    return fl_error_set(err, -EINVAL, "%s:%zu: this is no YAML: %s", yaml->name,
                        parser->problem_mark.line + 1, problem);
}

/* Where a walk through the events of a text stands. */
struct walk {
    unsigned documents;
    unsigned depth;
};

/* Returns a negative code for an event that may not be. */
static int check_event(const struct fl_yaml *yaml, const yaml_event_t *event, struct walk *walk,
                       struct fl_error *err)
{
    size_t line = event->start_mark.line + 1;

    if (event->type == YAML_ALIAS_EVENT)
        return fl_error_set(err, -EINVAL,
                            "%s:%zu: aliases (\"*%.64s\") are not supported; write the value out",
                            yaml->name, line, (const char *)event->data.alias.anchor);
    if (event->type == YAML_DOCUMENT_START_EVENT && walk->documents++ > 0)
        return fl_error_set(err, -EINVAL,
                            "%s:%zu: a second document begins here (\"---\"); there may be one",
                            yaml->name, line);
    if (event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT)
        walk->depth++;
    if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT)
        walk->depth--;
    if (walk->depth > MAX_DEPTH)
        return fl_error_set(err, -E2BIG, "%s:%zu: lists and maps are nested deeper than %d",
                            yaml->name, line, MAX_DEPTH);
    return 0;
}

static int check_events(struct fl_yaml *yaml, yaml_parser_t *parser, struct fl_error *err)
{
    struct walk walk = {0, 0};
    yaml_event_t event;
    bool end = false;
    int r = 0;

    while (!end && r == 0) {
        if (!yaml_parser_parse(parser, &event))
            return parser_error(yaml, parser, err);
        end = event.type == YAML_STREAM_END_EVENT;
        r = check_event(yaml, &event, &walk, err);
        yaml_event_delete(&event);
    }
    return r;
}

static int load_document(struct fl_yaml *yaml, yaml_parser_t *parser, struct fl_error *err)
{
    if (!yaml_parser_load(parser, &yaml->document))
        return parser_error(yaml, parser, err);
    yaml->loaded = true;
    return index_nodes(yaml, err);
}

static int with_parser(struct fl_yaml *yaml, const char *text, size_t size,
                       int (*use)(struct fl_yaml *yaml, yaml_parser_t *parser,
                                  struct fl_error *err),
                       struct fl_error *err)
{
    yaml_parser_t parser;
    int r;

    if (!yaml_parser_initialize(&parser))
        return fl_error_set(err, -ENOMEM, "out of memory for \"%s\"", yaml->name);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    r = use(yaml, &parser, err);
    yaml_parser_delete(&parser);
    return r;
}

int fl_yaml_parse(const char *name, const char *text, size_t size, struct fl_yaml **ret,
                  struct fl_error *err)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *yaml = calloc(1, sizeof(*yaml));
    int r;

    if (!yaml || !(yaml->name = strdup(name)))
        return fl_error_set(err, -ENOMEM, "out of memory for \"%s\"", name);
    if (size > MAX_FILE)
        return fl_error_set(err, -EFBIG, "\"%s\" is larger than %d bytes, the most it may have",
                            name, MAX_FILE);
    r = with_parser(yaml, text, size, check_events, err);
    if (r == 0)
        r = with_parser(yaml, text, size, load_document, err);
    if (r == 0)
        *ret = FL_TAKE(yaml);
    return r;
}

int fl_yaml_load(const char *path, struct fl_yaml **ret, struct fl_error *err)
{
    char *text = NULL;
    size_t size = 0;
    int r = fl_daemon_read_file(path, MAX_FILE, &text, &size, err);

    if (r == 0)
        r = fl_yaml_parse(path, text, size, ret, err);
    free(text);
    return r;
}

/* A copy under way. */
struct copy {
    yaml_document_t *document;
    fl_yaml_put put;
    void *arg;
    struct fl_error *err;
};

static int no_memory(struct fl_error *err)
{
    return fl_error_set(err, -ENOMEM, "out of memory for a copy of the configuration");
}

/* The number of the copy among the nodes of its document, or a negative code. */
static int copy_node(struct copy *copy, const struct fl_yaml_node *from);

static int copy_scalar(struct copy *copy, const struct fl_yaml_node *from, bool verbatim)
{
    char text[MAX_EXPANDED];
    struct fl_error sentence;
    int r = 0;

    if (verbatim)
        (void)snprintf(text, sizeof(text), "%s", fl_yaml_text(from));
    else
        r = copy->put(fl_yaml_text(from), text, sizeof(text), copy->arg, &sentence);
    if (r < 0)
        return fl_yaml_error(from, copy->err, r, "%s", sentence.message);
    r = yaml_document_add_scalar(copy->document, NULL, (yaml_char_t *)text, -1,
                                 from->yaml->data.scalar.style);
    return r ? r : no_memory(copy->err);
}

static int copy_items(struct copy *copy, const struct fl_yaml_node *from, int to)
{
    for (size_t i = 0; i < fl_yaml_count(from); i++) {
        bool map = fl_yaml_kind(from) == FL_YAML_MAP;
        int key = map ? copy_scalar(copy, fl_yaml_key_node(from, i), true) : 0;
        int value = key < 0 ? key : copy_node(copy, fl_yaml_item(from, i));
        int good;

        if (value < 0)
            return value;
        copy->document->nodes.start[value - 1].start_mark = fl_yaml_item(from, i)->yaml->start_mark;
        good = map ? yaml_document_append_mapping_pair(copy->document, to, key, value)
                   : yaml_document_append_sequence_item(copy->document, to, value);
        if (!good)
            return no_memory(copy->err);
    }
    return to;
}

static int copy_node(struct copy *copy, const struct fl_yaml_node *from)
{
    int to;

    if (fl_yaml_kind(from) == FL_YAML_SCALAR)
        return copy_scalar(copy, from, false);
    to = fl_yaml_kind(from) == FL_YAML_MAP
             ? yaml_document_add_mapping(copy->document, NULL, YAML_ANY_MAPPING_STYLE)
             : yaml_document_add_sequence(copy->document, NULL, YAML_ANY_SEQUENCE_STYLE);
    return to ? copy_items(copy, from, to) : no_memory(copy->err);
}

int fl_yaml_expand(const struct fl_yaml_node *node, fl_yaml_put put, void *arg,
                   struct fl_yaml **ret, struct fl_error *err)
{
    FL_CLEANUP(fl_yaml_freep) struct fl_yaml *yaml = calloc(1, sizeof(*yaml));
    struct copy copy = {NULL, put, arg, err};
    int r;

    if (!yaml || !(yaml->name = strdup(node->owner->name)) ||
        !yaml_document_initialize(&yaml->document, NULL, NULL, NULL, 1, 1))
        return no_memory(err);
    yaml->loaded = true;
    copy.document = &yaml->document;
    r = copy_node(&copy, node);
    if (r < 0)
        return r;
    yaml->document.nodes.start[0].start_mark = node->yaml->start_mark;
    r = index_nodes(yaml, err);
    if (r == 0)
        *ret = FL_TAKE(yaml);
    return r;
}

struct fl_yaml *fl_yaml_free(struct fl_yaml *yaml)
{
    if (!yaml)
        return NULL;
    if (yaml->loaded)
        yaml_document_delete(&yaml->document);
    free(yaml->nodes);
    free(yaml->name);
    free(yaml);
    return NULL;
}
