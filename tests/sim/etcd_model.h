/* As much of etcd as the lease needs, in virtual time: leases, the leader's key, a book of told
 * incidents, one revision for every change. */
#pragma once

#include "coordinator/core/told.h"

#define MODEL_LEASES 512

struct model_lease {
    uint64_t id;
    int64_t ttl_us, end_us; /* id 0: free */
};

struct etcd_model {
    uint64_t revision, last_lease;
    struct model_lease leases[MODEL_LEASES];
    uint64_t leader_lease, leader_revision; /* 0: there is no such key */
    size_t n_entries;
    struct told_entry entries[TOLD_MAX];
};

uint64_t etcd_model_grant(struct etcd_model *etcd, int64_t now_us, int64_t ttl_us);
/* What it is good for from now on; 0: there is none of that number. */
int64_t etcd_model_renew(struct etcd_model *etcd, int64_t now_us, uint64_t lease);
void etcd_model_revoke(struct etcd_model *etcd, uint64_t lease);
bool etcd_model_lives(const struct etcd_model *etcd, uint64_t lease);
/* Put the leader's key if it is not there and the lease is. */
void etcd_model_campaign(struct etcd_model *etcd, uint64_t lease);
/* Only while the leader's key is of that revision, and the entry as it was known: put, or with
 * `gone` remove. Returns the new revision; 0: not so. */
uint64_t etcd_model_write(struct etcd_model *etcd, uint64_t leader_revision,
                          const struct told_entry *entry, bool gone);
/* What is over ends. */
void etcd_model_expire(struct etcd_model *etcd, int64_t now_us);
/* A new leader among the members gives each lease its whole length again. */
void etcd_model_extend(struct etcd_model *etcd, int64_t now_us);
