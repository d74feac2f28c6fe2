/* The gateway's JSON: keys and values in base64, numbers as text, what is zero left out. */
#include "coordinator/etcd.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *encode(const char *text, size_t size)
{
    unsigned char *out = malloc(4 * (size / 3 + 1) + 1);
    json_t *json;

    if (!out)
        return NULL;
    (void)EVP_EncodeBlock(out, (const unsigned char *)text, (int)size);
    json = json_string((const char *)out);
    free(out);
    return json;
}

/* To be freed. NULL: no base64, or no memory. */
static char *decode(const char *text)
{
    size_t size = text ? strlen(text) : 0;
    unsigned char *out = malloc(size / 4 * 3 + 1);
    int n = 0;

    if (out && size > 0)
        n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)size);
    if (!out || n < 0) {
        free(out);
        return NULL;
    }
    for (size_t i = size; i > 0 && text[i - 1] == '='; i--)
        n--; /* they stand for bytes that are not there */
    out[n] = '\0';
    return (char *)out;
}

static json_t *number(uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return json_string(text);
}

json_t *etcd_txn(json_t *compare, json_t *success, json_t *failure)
{
    return json_pack("{s:o, s:o, s:o}", "compare", compare, "success", success, "failure", failure);
}

json_t *etcd_compare(const char *key, const char *target, uint64_t revision)
{
    return json_pack(
        "{s:o, s:s, s:s, s:o}", "key", encode(key, strlen(key)), "target", target, "result",
        "EQUAL", strcmp(target, "MOD") == 0 ? "mod_revision" : "create_revision", number(revision));
}

json_t *etcd_put(const char *key, const char *value, uint64_t lease)
{
    return json_pack("{s:{s:o, s:o, s:o}}", "request_put", "key", encode(key, strlen(key)), "value",
                     encode(value, strlen(value)), "lease", number(lease));
}

json_t *etcd_delete(const char *key)
{
    return json_pack("{s:{s:o}}", "request_delete_range", "key", encode(key, strlen(key)));
}

json_t *etcd_range(const char *key)
{
    return json_pack("{s:{s:o}}", "request_range", "key", encode(key, strlen(key)));
}

json_t *etcd_range_prefix(const char *prefix, uint64_t min_mod_revision)
{
    size_t size = strlen(prefix);
    char *end = strdup(prefix);
    json_t *json;

    if (!end)
        return NULL;
    end[size - 1]++; /* the first name that does not begin so any more */
    json = json_pack("{s:{s:o, s:o, s:o}}", "request_range", "key", encode(prefix, size),
                     "range_end", encode(end, size), "min_mod_revision", number(min_mod_revision));
    free(end);
    return json;
}

uint64_t etcd_number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_integer(value))
        return (uint64_t)json_integer_value(value);
    return json_is_string(value) ? strtoull(json_string_value(value), NULL, 10) : 0;
}

uint64_t etcd_revision(const json_t *answer)
{
    return etcd_number(json_object_get(answer, "header"), "revision");
}

bool etcd_succeeded(const json_t *answer)
{
    return json_is_true(json_object_get(answer, "succeeded"));
}

void etcd_each(const json_t *answer, size_t index,
               void (*visit)(const struct etcd_key *key, void *arg), void *arg)
{
    const json_t *response = json_array_get(json_object_get(answer, "responses"), index);
    const json_t *list = json_object_get(json_object_get(response, "response_range"), "kvs");
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        char *name = decode(json_string_value(json_object_get(one, "key")));
        char *value = decode(json_string_value(json_object_get(one, "value")));
        const struct etcd_key key = {name, value, etcd_number(one, "create_revision"),
                                     etcd_number(one, "mod_revision"), etcd_number(one, "lease")};

        if (name && value)
            visit(&key, arg);
        free(name);
        free(value);
    }
}
