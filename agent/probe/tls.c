/* Shakes hands over TLS and judges the certificate: its chain, its name, the days that it still
 * has, and the version that both agree on. Layers: resolve, connect, tls. */
#include "agent/probe/dialogue.h"
#include "agent/probe/probe_types.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define DAY_S 86400

struct tls_probe_settings {
    char *address;
    struct tls_settings tls;
    int64_t version;
    int64_t days;
};

static const char *const version_names[] = {"1.2", "1.3", NULL};
static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static const struct fl_option tls_options[] = {
    {.name = "address",
     .kind = FL_OPTION_ADDRESS,
     .offset = offsetof(struct tls_probe_settings, address),
     .help = "HOST:PORT to connect to"},
    {.name = "min_version",
     .kind = FL_OPTION_CHOICE,
     .offset = offsetof(struct tls_probe_settings, version),
     .standard = "1.2",
     .choices = version_names,
     .help = "oldest version of TLS that will do"},
    {.name = "days",
     .kind = FL_OPTION_INT,
     .offset = offsetof(struct tls_probe_settings, days),
     .max = 3650,
     .standard = "0",
     .help = "days that every certificate of the chain must still be valid"},
    TLS_OPTIONS(struct tls_probe_settings, tls),
    {0},
};

struct probe_instance {
    const struct probe_env *env;
    const struct tls_probe_settings *settings;
    struct dialogue_peer peer;
};

static bool lasts(X509 *certificate, time_t until)
{
    return X509_cmp_time(X509_get0_notAfter(certificate), &until) > 0;
}

/* The chain that was verified; what was sent, when nothing is to be. */
static bool chain_lasts(SSL *ssl, int64_t days)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    const time_t until = time(NULL) + (time_t)days * DAY_S;

    if (days == 0)
        return true; /* what has expired was judged with the handshake */
    if (!chain)
        chain = SSL_get_peer_cert_chain(ssl);
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (!lasts(sk_X509_value(chain, i), until))
            return false;
    return true;
}

static void on_ready(struct probe_run *run)
{
    const struct probe_instance *instance = dialogue_arg(run);
    SSL *ssl = dialogue_tls(run);

    if (SSL_version(ssl) < versions[instance->settings->version])
        dialogue_fail(run, FL_FAILURE_PROTOCOL);
    else if (!chain_lasts(ssl, instance->settings->days))
        dialogue_fail(run, FL_FAILURE_CERT_EXPIRED);
    else
        dialogue_pass(run);
}

static const struct dialogue_protocol tls_protocol = {
    .first = FL_LAYER_TLS,
    .ready = on_ready,
};

static void tls_close(struct probe_instance *instance)
{
    dialogue_peer_done(&instance->peer);
    free(instance);
}

static int tls_open(const struct probe_env *env, const struct fl_probe_spec *spec,
                    const void *settings, struct probe_instance **ret, struct fl_error *err)
{
    const struct tls_probe_settings *tls = settings;
    struct probe_instance *instance = calloc(1, sizeof(*instance));
    int r;

    (void)spec;
    if (!instance)
        return fl_error_set(err, -ENOMEM, "out of memory");
    instance->env = env;
    instance->settings = tls;
    r = dialogue_peer_init(&instance->peer, env, tls->address, &tls->tls, err);
    instance->peer.tls_first = true;
    if (r < 0) {
        tls_close(instance);
        return r;
    }
    *ret = instance;
    return 0;
}

static int tls_start(struct probe_instance *instance, probe_done_cb done, void *arg,
                     struct probe_run **ret)
{
    return dialogue_start(instance->env, &tls_protocol, &instance->peer, instance, done, arg, ret);
}

const struct probe_type probe_tls = {
    .name = "tls",
    .summary = "shakes hands over TLS and judges certificate and version",
    .options = tls_options,
    .settings_size = sizeof(struct tls_probe_settings),
    .parallel = true,
    .open = tls_open,
    .close = tls_close,
    .start = tls_start,
    .expire = dialogue_expire,
    .cancel = dialogue_cancel,
};
