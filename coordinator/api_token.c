#include "coordinator/api_token.h"

#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "flt_" /* so that one is known when it is found where it should not be */
#define RANDOM_BYTES 24

static const char *const scopes[] = {"none", "status", "read", "probe", "admin"};

const char *api_scope_name(enum api_scope scope)
{
    return scopes[scope];
}

int api_scope_parse(const char *name)
{
    for (int i = API_SCOPE_STATUS; i <= API_SCOPE_ADMIN; i++)
        if (strcmp(scopes[i], name) == 0)
            return i;
    return -EINVAL;
}

void api_token_hash(const char *token, uint8_t ret[API_TOKEN_HASH_BYTES])
{
    (void)SHA256((const uint8_t *)token, strlen(token), ret);
}

int api_token_new(char ret_token[API_TOKEN_SIZE], char ret_hash[API_TOKEN_HASH_SIZE],
                  struct fl_error *err)
{
    uint8_t bytes[RANDOM_BYTES], hash[API_TOKEN_HASH_BYTES];
    int r = fl_daemon_random(bytes, sizeof(bytes), err);

    if (r < 0)
        return r;
    (void)memcpy(ret_token, PREFIX, sizeof(PREFIX));
    (void)EVP_EncodeBlock((uint8_t *)ret_token + strlen(PREFIX), bytes, RANDOM_BYTES);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    api_token_hash(ret_token, hash);
    (void)memcpy(ret_hash, "sha256:", 8);
    for (size_t i = 0; i < sizeof(hash); i++)
        (void)snprintf(ret_hash + 7 + 2 * i, 3, "%02x", hash[i]);
    return 0;
}
