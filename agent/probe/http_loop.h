/* libcurl's multi handle on the loop: one for all HTTP probes, so that what is dear (a store of
 * certificate authorities) is there once. Transfers are added and removed; nothing is kept
 * between two of them that forbid it. */
#pragma once

#include <curl/curl.h>

struct event_base;
struct http_loop;

/* One transfer. `easy` and the struct are the caller's and stay until http_loop_remove. */
struct http_transfer {
    CURL *easy;
    void (*done)(CURLcode code, void *arg); /* from the loop, once; still to be removed */
    void *arg;
};

/* The handle of that loop, made for the first who asks; each get has its put. 0 or -ENOMEM. */
int http_loop_get(struct event_base *base, struct http_loop **ret);
void http_loop_put(struct http_loop *loop); /* accepts NULL */

/* One of its own, for who has connections stay between transfers; ended by http_loop_put. */
int http_loop_new(struct event_base *base, struct http_loop **ret);

/* 0 or -ENOMEM. Nothing is called back before the loop's next turn. */
int http_loop_add(struct http_loop *loop, struct http_transfer *transfer);
void http_loop_remove(struct http_loop *loop, struct http_transfer *transfer);
