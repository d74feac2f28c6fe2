/* The section "lease": several coordinators, of which the one that holds the lease in etcd acts. */
#pragma once

#include "proto/types/fl_option.h"
#include "proto/types/fl_time.h"

#define CONFIG_LEASE_ENDPOINTS 9

struct fl_yaml_node;

struct config_lease {
    size_t n_etcd; /* 0: there is no such section, and this coordinator acts alone */
    char *etcd[CONFIG_LEASE_ENDPOINTS];
    char *name;
    char *prefix;
    int64_t ttl_us; /* whole seconds */
    char *user, *password_file;
    char *ca_file, *certificate_file, *key_file;
};

extern const struct fl_option config_lease_options[]; /* all but the list "etcd" */

/* Reads the section, which may be missing. */
int config_lease_read(const struct fl_yaml_node *root, struct config_lease *ret,
                      struct fl_error *err);
void config_lease_done(struct config_lease *lease);
/* 0 or -ENOMEM, and then `ret` owns nothing. */
int config_lease_copy(const struct config_lease *from, struct config_lease *ret);
bool config_lease_equal(const struct config_lease *a, const struct config_lease *b);
