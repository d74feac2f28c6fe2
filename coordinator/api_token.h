/* The tokens that the API asks for off loopback: what one may do, and how one is made and kept. */
#pragma once

#include "proto/types/fl_error.h"

#include <stdint.h>

/* Each may do what those before it may. */
enum api_scope {
    API_SCOPE_NONE,   /* whoever comes */
    API_SCOPE_STATUS, /* the status page, what it shows, and the fleet's public word */
    API_SCOPE_READ,   /* everything that is known */
    API_SCOPE_PROBE,  /* have something probed */
    API_SCOPE_ADMIN,  /* change what is shown or done */
};

const char *api_scope_name(enum api_scope scope);
/* Negative when there is no such scope. */
int api_scope_parse(const char *name);

#define API_TOKEN_SIZE 48      /* a token as text, with its end */
#define API_TOKEN_HASH_SIZE 72 /* "sha256:" and 64 digits, with its end */
#define API_TOKEN_HASH_BYTES 32

/* A new token, and as it stands in the file. */
int api_token_new(char ret_token[API_TOKEN_SIZE], char ret_hash[API_TOKEN_HASH_SIZE],
                  struct fl_error *err);
/* What is kept of a token. */
void api_token_hash(const char *token, uint8_t ret[API_TOKEN_HASH_BYTES]);
