/* Lists of targets that an HTTP server hands out, as Prometheus's http_sd reads them. What was
 * fetched last and was good is kept in the state folder, and it is what a configuration is read
 * with; discovery.c fetches. */
#pragma once

#include "proto/types/fl_error.h"
#include "proto/types/fl_option.h"

#include <stdbool.h>

struct coordinator_config;
struct fl_yaml;
struct fl_yaml_node;

#define CONFIG_MAX_LISTS 16
#define CONFIG_MAX_LIST_BYTES (4 * 1024 * 1024)

struct config_list {
    char *url; /* http:// or https://, without user and password */
    int64_t interval_us, timeout_us;
    char *bearer_file, *user, *password_file, *ca_file; /* NULL: none */
};

struct config_lists {
    size_t n;
    struct config_list lists[CONFIG_MAX_LISTS]; /* each URL once */
};

extern const struct fl_option config_list_options[];

/* One map of the section. Its list is added to `config`, and what is kept of it is in `ret`: NULL
 * when nothing is yet. `trial`: URL of a list to be read from what is tried, in the place of what
 * is kept; may be NULL. */
int config_list_read(const struct fl_yaml_node *node, const char *trial,
                     struct coordinator_config *config, struct fl_yaml **ret, struct fl_error *err);
void config_lists_done(struct config_lists *lists);

/* 0 or -ENOMEM, and then `ret` owns nothing. */
int config_list_copy(const struct config_list *from, struct config_list *ret);
void config_list_done(struct config_list *list);
bool config_list_equal(const struct config_list *a, const struct config_list *b);

/* Where a list is kept, or tried. */
int config_list_path(const char *state, const char *url, bool trial, char *path, size_t size,
                     struct fl_error *err);
