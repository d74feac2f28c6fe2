#include "coordinator/config_http.h"

#include "proto/runtime/fl_yaml.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define MAX_PATH 4096
#define FIELD(name) offsetof(struct config_http, name)

static const char *const publics[] = {"nothing", "status", NULL}; /* as enum config_public */

const struct fl_option config_http_options[] = {
    {"tls_certificate", FL_OPTION_STRING, FIELD(tls_certificate), 1, MAX_PATH, FL_OPTION_UNSET,
     NULL, "file of the certificate with its chain, PEM"},
    {"tls_key", FL_OPTION_STRING, FIELD(tls_key), 1, MAX_PATH, FL_OPTION_UNSET, NULL,
     "file of the certificate's key, PEM"},
    {"tokens", FL_OPTION_STRING, FIELD(tokens), 1, MAX_PATH, FL_OPTION_UNSET, NULL,
     "file of hashed tokens, made by faultline token; without it nobody on loopback is asked"},
    {"public", FL_OPTION_CHOICE, FIELD(public), 0, 0, "status", publics,
     "what is shown to who has no token: the status page with its API and feed, or nothing"},
    {"cors_origin", FL_OPTION_STRING, FIELD(cors_origin), 1, 256, FL_OPTION_UNSET, NULL,
     "origin of the one other site whose pages may read the API, such as https://www.example.org"},
    {"public_url", FL_OPTION_STRING, FIELD(public_url), 1, 1024, FL_OPTION_UNSET, NULL,
     "address at which people reach the status page, for links in its feed and API"},
    {"max_connections", FL_OPTION_INT, FIELD(max_connections), 16, 100000, "10000", NULL,
     "connections at once; beyond them the one that was idle longest is closed"},
    {"rate", FL_OPTION_INT, FIELD(rate), 0, 1000000, "1000", NULL,
     "requests a second that one address may send, twice as many in a burst; 0: any number"},
    {0},
};

void config_http_done(struct config_http *http)
{
    fl_options_done(config_http_options, http);
}

static bool is_loopback(const char *host)
{
    struct in6_addr six;
    struct in_addr four;

    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
    if (inet_pton(AF_INET6, host, &six) == 1)
        return IN6_IS_ADDR_LOOPBACK(&six);
    return false;
}

static bool is_web_address(const char *text)
{
    return strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
}

static int check_section(const struct fl_yaml_node *map, struct config_http *http,
                         struct fl_error *err)
{
    size_t size;

    if (!http->tls_certificate != !http->tls_key)
        return fl_yaml_error(map, err, -EINVAL,
                             "field \"%s\" is missing: tls_certificate and tls_key go together",
                             http->tls_key ? "tls_certificate" : "tls_key");
    if (http->cors_origin &&
        (!is_web_address(http->cors_origin) || strchr(strstr(http->cors_origin, "://") + 3, '/')))
        return fl_yaml_error(fl_yaml_get(map, "cors_origin"), err, -EINVAL,
                             "field \"cors_origin\" is \"%s\"; it must be an origin without a "
                             "path, such as https://www.example.org",
                             http->cors_origin);
    if (!http->public_url)
        return 0;
    if (!is_web_address(http->public_url))
        return fl_yaml_error(fl_yaml_get(map, "public_url"), err, -EINVAL,
                             "field \"public_url\" is \"%s\"; it must be an address such as "
                             "https://status.example.org",
                             http->public_url);
    for (size = strlen(http->public_url); size > 0 && http->public_url[size - 1] == '/'; size--)
        http->public_url[size - 1] = '\0';
    return 0;
}

static int check_api(const struct fl_yaml_node *root, const char *api,
                     const struct config_http *http, struct fl_error *err)
{
    const struct fl_yaml_node *top = fl_yaml_get(root, "coordinator");
    const struct fl_yaml_node *node = fl_yaml_get(top, "api");
    struct fl_error sentence;
    char host[FL_OPTION_HOST_SIZE];
    uint16_t port;
    int r = fl_address_split(api, host, sizeof(host), &port, &sentence);

    if (r < 0)
        return fl_yaml_error(node ? node : top, err, r, "%s", sentence.message);
    if (is_loopback(host) || (http->tls_certificate && http->tokens))
        return 0;
    return fl_yaml_error(node ? node : top, err, -EINVAL,
                         "field \"api\" is \"%s\"; it must be a loopback address such as "
                         "127.0.0.1:8570, unless \"http\" has tls_certificate, tls_key and tokens",
                         api);
}

int config_http_read(const struct fl_yaml_node *root, const char *api, struct config_http *ret,
                     struct fl_error *err)
{
    const struct fl_yaml_node *map = fl_yaml_get(root, "http");
    int r = map ? fl_yaml_options(map, config_http_options, NULL, ret, err)
                : fl_options_init(config_http_options, ret);

    if (r == -ENOMEM)
        return fl_error_set(err, r, "no memory for the configuration");
    if (r == 0 && map)
        r = check_section(map, ret, err);
    return r < 0 ? r : check_api(root, api, ret, err);
}
