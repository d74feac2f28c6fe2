/* The section "http": who may reach the API and the pages, and how much of it at once. */
#pragma once

#include "proto/types/fl_option.h"

struct fl_yaml_node;

struct config_http {
    char *tls_certificate, *tls_key; /* both or none */
    char *tokens;                    /* file; NULL: whoever reaches a loopback address may do all */
    int64_t public;                  /* enum config_public: for those without a token */
    char *cors_origin;               /* NULL: no other site's pages may read the API */
    char *public_url;                /* without "/" at its end; NULL: not known */
    int64_t max_connections;
    int64_t rate; /* requests a second and client address; 0: no limit */
};

enum config_public { CONFIG_PUBLIC_NOTHING, CONFIG_PUBLIC_STATUS };

extern const struct fl_option config_http_options[];

/* Reads the section, which may be missing, and judges it together with the address of the API:
 * off loopback only with TLS and tokens. */
int config_http_read(const struct fl_yaml_node *root, const char *api, struct config_http *ret,
                     struct fl_error *err);
void config_http_done(struct config_http *http);
