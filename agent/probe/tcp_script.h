/* What is said over a plain connection, line by line: the script of the type tcp.
 *
 *   expect PATTERN   the next line matches
 *   await PATTERN    a line matches; those before it are left aside
 *   send TEXT        TEXT and the end of a line (CR LF)
 *   bytes TEXT       TEXT alone
 *   starttls         TLS from here on
 *
 * PATTERN is an extended regular expression, TEXT knows \r \n \t \\ and \xHH. Empty lines and
 * those that begin with # are left out. */
#pragma once

#include "proto/types/fl_cleanup.h"
#include "proto/types/fl_error.h"

#include <stdbool.h>
#include <stddef.h>

#define TCP_SCRIPT_STEPS 64
#define TCP_SCRIPT_LINE 4096 /* bytes in a line of an answer */

enum tcp_step_kind { TCP_EXPECT, TCP_AWAIT, TCP_SEND, TCP_BYTES, TCP_STARTTLS };

struct tcp_script;

/* The same text has the same script, which each user frees. 0, -EINVAL naming the line and what is
 * allowed, or -ENOMEM. */
int tcp_script_parse(const char *text, struct tcp_script **ret, struct fl_error *err);
struct tcp_script *tcp_script_free(struct tcp_script *script); /* accepts NULL */
FL_DEFINE_FREEP(struct tcp_script, tcp_script)

size_t tcp_script_length(const struct tcp_script *script);
bool tcp_script_secures(const struct tcp_script *script); /* has a starttls */
enum tcp_step_kind tcp_script_kind(const struct tcp_script *script, size_t step);

/* What a send or bytes sends, its end of line included. */
const char *tcp_script_bytes(const struct tcp_script *script, size_t step, size_t *ret_size);

/* Does the line, without its end, match what the step expects or awaits? */
bool tcp_script_matches(const struct tcp_script *script, size_t step, const char *line);
