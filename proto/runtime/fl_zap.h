/* The authenticator of a context (https://rfc.zeromq.org/spec/27/): libzmq asks it over
 * inproc://zeromq.zap.01 about every connection to a listening socket. Each router is a domain
 * of its own. For fl_zsock only. */
#pragma once

#include "proto/runtime/fl_zsock.h"

#define FL_ZAP_MAPPED "::ffff:" /* before the IPv4 address of a peer on an IPv6 socket */

struct fl_zap;

struct fl_zap_domain {
    char name[32];
    fl_zsock_admit_cb admit;
    void *arg;
    struct fl_zsock_refusals *refusals; /* borrowed while the domain is added */
    struct fl_zap_domain *next;
};

int fl_zap_new(void *zmq, struct event_base *base, struct fl_zap **ret, struct fl_error *err);
struct fl_zap *fl_zap_free(struct fl_zap *zap);
FL_DEFINE_FREEP(struct fl_zap, fl_zap)

/* The domain is borrowed until it is removed. */
void fl_zap_add(struct fl_zap *zap, struct fl_zap_domain *domain);
/* Returns whether others are left. */
bool fl_zap_remove(struct fl_zap *zap, struct fl_zap_domain *domain);
