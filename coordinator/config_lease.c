#include "coordinator/config_lease.h"

#include "proto/runtime/fl_yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATH 4096
#define MAX_URL 1024
#define FIELD(name) offsetof(struct config_lease, name)

const struct fl_option config_lease_options[] = {
    {"name", FL_OPTION_NAME, FIELD(name), 0, 0, NULL, NULL,
     "name of this coordinator; each of them has another"},
    {"ttl", FL_OPTION_DURATION, FIELD(ttl_us), 2 * FL_SECOND, FL_MINUTE, "3s", NULL,
     "length of the lease, in whole seconds: how long after the end of the one that acts another "
     "one takes over"},
    {"prefix", FL_OPTION_STRING, FIELD(prefix), 2, 256, "/faultline", NULL,
     "what all keys begin with; the same for all coordinators of a fleet"},
    {"user", FL_OPTION_STRING, FIELD(user), 1, 256, FL_OPTION_UNSET, NULL,
     "user of etcd, where it asks for one"},
    {"password_file", FL_OPTION_STRING, FIELD(password_file), 1, MAX_PATH, FL_OPTION_UNSET, NULL,
     "file with the user's password, one line"},
    {"ca_file", FL_OPTION_STRING, FIELD(ca_file), 1, MAX_PATH, FL_OPTION_UNSET, NULL,
     "file of the authorities that sign etcd's certificates; without it those of the system"},
    {"certificate_file", FL_OPTION_STRING, FIELD(certificate_file), 1, MAX_PATH, FL_OPTION_UNSET,
     NULL, "file of the certificate to show etcd, PEM"},
    {"key_file", FL_OPTION_STRING, FIELD(key_file), 1, MAX_PATH, FL_OPTION_UNSET, NULL,
     "file of that certificate's key, PEM"},
    {0},
};

void config_lease_done(struct config_lease *lease)
{
    for (size_t i = 0; i < lease->n_etcd; i++)
        free(lease->etcd[i]);
    lease->n_etcd = 0;
    fl_options_done(config_lease_options, lease);
}

static int read_endpoint(const struct fl_yaml_node *item, struct config_lease *lease,
                         struct fl_error *err)
{
    const char *url = fl_yaml_text(item);

    if (!url || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
        strlen(url) > MAX_URL || url[strlen(url) - 1] == '/')
        return fl_yaml_error(item, err, -EINVAL,
                             "field \"etcd\" has \"%.64s\"; each entry is http:// or https://, a "
                             "host and a port, without \"/\" at its end",
                             url ? url : "a list");
    lease->etcd[lease->n_etcd] = strdup(url);
    if (!lease->etcd[lease->n_etcd])
        return fl_error_set(err, -ENOMEM, "no memory");
    lease->n_etcd++;
    return 0;
}

static int read_endpoints(const struct fl_yaml_node *map, struct config_lease *lease,
                          struct fl_error *err)
{
    const struct fl_yaml_node *list = fl_yaml_get(map, "etcd");
    size_t n;
    int r;

    if (!list)
        return fl_yaml_error(map, err, -EINVAL, "field \"etcd\" is missing");
    r = fl_yaml_expect(list, FL_YAML_LIST, "etcd", err);
    if (r < 0)
        return r;
    n = fl_yaml_count(list);
    if (n < 1 || n > CONFIG_LEASE_ENDPOINTS)
        r = fl_yaml_error(list, err, -EINVAL, "field \"etcd\" has %zu entries; allowed are 1 to %d",
                          n, CONFIG_LEASE_ENDPOINTS);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = read_endpoint(fl_yaml_item(list, i), lease, err);
    return r;
}

static int check(const struct fl_yaml_node *map, const struct config_lease *lease,
                 struct fl_error *err)
{
    const char *end = lease->prefix + strlen(lease->prefix) - 1;

    if (lease->ttl_us % FL_SECOND != 0)
        return fl_yaml_error(fl_yaml_get(map, "ttl"), err, -EINVAL,
                             "field \"ttl\" must be whole seconds");
    if (lease->prefix[0] != '/' || *end == '/')
        return fl_yaml_error(fl_yaml_get(map, "prefix"), err, -EINVAL,
                             "field \"prefix\" is \"%s\"; it must begin with \"/\", and not end "
                             "with it",
                             lease->prefix);
    if (!lease->user != !lease->password_file)
        return fl_yaml_error(map, err, -EINVAL,
                             "fields \"user\" and \"password_file\" must be given together");
    if (!lease->certificate_file != !lease->key_file)
        return fl_yaml_error(map, err, -EINVAL,
                             "fields \"certificate_file\" and \"key_file\" must be given together");
    return 0;
}

int config_lease_read(const struct fl_yaml_node *root, struct config_lease *ret,
                      struct fl_error *err)
{
    static const char *const others[] = {"etcd", NULL};
    const struct fl_yaml_node *map = fl_yaml_get(root, "lease");
    int r;

    if (!map)
        return 0;
    r = fl_yaml_options(map, config_lease_options, others, ret, err);
    if (r == 0)
        r = check(map, ret, err);
    return r < 0 ? r : read_endpoints(map, ret, err);
}

static char *copy(const char *text, bool *failed)
{
    char *made = text ? strdup(text) : NULL;

    *failed = *failed || (text && !made);
    return made;
}

int config_lease_copy(const struct config_lease *from, struct config_lease *ret)
{
    bool failed = false;

    *ret = (struct config_lease){.n_etcd = from->n_etcd, .ttl_us = from->ttl_us};
    for (size_t i = 0; i < from->n_etcd; i++)
        ret->etcd[i] = copy(from->etcd[i], &failed);
    ret->name = copy(from->name, &failed);
    ret->prefix = copy(from->prefix, &failed);
    ret->user = copy(from->user, &failed);
    ret->password_file = copy(from->password_file, &failed);
    ret->ca_file = copy(from->ca_file, &failed);
    ret->certificate_file = copy(from->certificate_file, &failed);
    ret->key_file = copy(from->key_file, &failed);
    if (!failed)
        return 0;
    config_lease_done(ret);
    return -ENOMEM;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

bool config_lease_equal(const struct config_lease *a, const struct config_lease *b)
{
    if (a->n_etcd != b->n_etcd || a->ttl_us != b->ttl_us)
        return false;
    for (size_t i = 0; i < a->n_etcd; i++)
        if (strcmp(a->etcd[i], b->etcd[i]) != 0)
            return false;
    return same(a->name, b->name) && same(a->prefix, b->prefix) && same(a->user, b->user) &&
           same(a->password_file, b->password_file) && same(a->ca_file, b->ca_file) &&
           same(a->certificate_file, b->certificate_file) && same(a->key_file, b->key_file);
}
