/* The contract of a kind of notification: one file, one row in notify_table.c. */
#pragma once

#include "proto/types/fl_error.h"
#include "proto/types/fl_option.h"
#include "proto/types/fl_time.h"

#include <jansson.h>

#define NOTIFY_MAX_RECEIVERS 8
#define NOTIFY_KEY_SIZE 64
#define NOTIFY_MAX_WORDS 16 /* of a command, and addresses of a mail */

struct notify_type;

/* A receiver, as configured. */
struct notify_settings {
    char *name;
    int64_t type; /* index in notify_table */
    char *url;
    char *secret_file; /* NULL: nothing is signed */
    char *ca_file;     /* NULL: those of the system */
    char **command;    /* NULL-terminated, or NULL */
    char *from, *user, *password_file;
    char **to;        /* NULL-terminated, or NULL */
    int64_t starttls; /* enum notify_starttls */
    int64_t timeout_us, wait_us, interval_us, repeat_us;
};

enum notify_starttls { NOTIFY_STARTTLS_REQUIRED, NOTIFY_STARTTLS_NEVER };

/* All but the lists "command" and "to". */
extern const struct fl_option notify_options[];

/* One message. It may come more than once, and then under the same key. */
struct notify_message {
    const json_t *events; /* array of verdict events as the API has them, or {"event": "test"} */
    const char *key;
    uint64_t superseded; /* events since the last message that a later one made needless */
    uint64_t dropped;    /* for which there was no room */
    fl_time now_us;
    bool (*is_ending)(void *arg); /* the delivery is to be given up at once */
    void *arg;
};

struct notify_type {
    const char *name;
    const char *summary;
    int64_t repeat_us; /* what is open is told again after so long; 0: never */
    /* Beside what every receiver may have; each NULL-terminated. */
    const char *const *needs, *const *knows;
    const char *const *schemes; /* that its url may begin with; NULL: it has none */
    /* What is still wrong with its settings; NULL: nothing can be. */
    int (*check)(const struct notify_settings *settings, struct fl_error *err);
    /* On a thread of its own. 0, -EAGAIN: later, or -EINVAL: never, with a sentence; positive, with
     * one too: it arrived, but at so many of its addresses it was refused. */
    int (*deliver)(const struct notify_settings *settings, const struct notify_message *message,
                   struct fl_error *err);
};

extern const struct notify_type *const notify_table[]; /* NULL-terminated */
extern const struct notify_type notify_alertmanager, notify_command, notify_email, notify_webhook;
