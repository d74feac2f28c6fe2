/* Reads YAML through libyaml's document interface and keeps where everything stood, so that an
 * error can say file, line and field. Values are set through fl_option tables. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"
#include "proto/types/fl_option.h"

#include <stddef.h>

struct fl_yaml;      /* a document */
struct fl_yaml_node; /* borrowed from its document */

enum fl_yaml_kind { FL_YAML_SCALAR, FL_YAML_LIST, FL_YAML_MAP };

/* Exactly one document, at most 16 MiB, no aliases, nested at most 64 deep, at most 256 keys in
 * a map, none of them twice. */
int fl_yaml_load(const char *path, struct fl_yaml **ret, struct fl_error *err);
/* The same from memory; `name` stands for the file in messages. */
int fl_yaml_parse(const char *name, const char *text, size_t size, struct fl_yaml **ret,
                  struct fl_error *err);
struct fl_yaml *fl_yaml_free(struct fl_yaml *document);
FL_DEFINE_FREEP(struct fl_yaml, fl_yaml)

const struct fl_yaml_node *fl_yaml_root(const struct fl_yaml *document);
enum fl_yaml_kind fl_yaml_kind(const struct fl_yaml_node *node);
unsigned fl_yaml_line(const struct fl_yaml_node *node); /* from 1 */

/* Elements of a list, or entries of a map; what is not there, or not in such a node, is NULL. */
size_t fl_yaml_count(const struct fl_yaml_node *node);
const struct fl_yaml_node *fl_yaml_item(const struct fl_yaml_node *node, size_t index);
const char *fl_yaml_key(const struct fl_yaml_node *map, size_t index);
/* The key itself as a node, so that an error can stand where the key does. */
const struct fl_yaml_node *fl_yaml_key_node(const struct fl_yaml_node *map, size_t index);
const struct fl_yaml_node *fl_yaml_get(const struct fl_yaml_node *map, const char *key);

/* Text of a scalar. NULL for a list or a map. */
const char *fl_yaml_text(const struct fl_yaml_node *node);

/* A copy of `node` as a document of its own, each text as `put` writes it into `ret` of `size`
 * bytes: 0, or a negative code with what is wrong in `sentence`, before which file and line are
 * put. Keys are not changed. The copy names the file and the lines of the original. */
typedef int (*fl_yaml_put)(const char *text, char *ret, size_t size, void *arg,
                           struct fl_error *sentence);
int fl_yaml_expand(const struct fl_yaml_node *node, fl_yaml_put put, void *arg,
                   struct fl_yaml **ret, struct fl_error *err);

/* Return `code` with the sentence "FILE:LINE: ..." in `err`. */
int fl_yaml_error(const struct fl_yaml_node *node, struct fl_error *err, int code,
                  const char *format, ...) FL_PRINTF(4, 5);

/* Fill `settings` (fl_options_init done here) from a map. Keys in `others` (NULL-terminated, may
 * be NULL) are left to the caller; any other unknown key, a key given twice, a bad value and a
 * missing setting are errors with file, line, field, value and what is allowed. On failure
 * nothing is left allocated. */
int fl_yaml_options(const struct fl_yaml_node *map, const struct fl_option *table,
                    const char *const *others, void *settings, struct fl_error *err);

/* The node must be of that kind; the error names `field`. A node of NULL is one that is missing:
 * -ENOENT, and without file and line, since only its map has them. */
int fl_yaml_expect(const struct fl_yaml_node *node, enum fl_yaml_kind kind, const char *field,
                   struct fl_error *err);
