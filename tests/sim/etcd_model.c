#include "tests/sim/etcd_model.h"

static struct model_lease *find(struct etcd_model *etcd, uint64_t lease)
{
    for (size_t i = 0; i < MODEL_LEASES; i++)
        if (etcd->leases[i].id == lease)
            return &etcd->leases[i];
    return NULL;
}

uint64_t etcd_model_grant(struct etcd_model *etcd, int64_t now_us, int64_t ttl_us)
{
    struct model_lease *lease = find(etcd, 0);

    if (!lease)
        return 0;
    *lease = (struct model_lease){++etcd->last_lease, ttl_us, now_us + ttl_us};
    return lease->id;
}

int64_t etcd_model_renew(struct etcd_model *etcd, int64_t now_us, uint64_t id)
{
    struct model_lease *lease = id ? find(etcd, id) : NULL;

    if (!lease)
        return 0;
    lease->end_us = now_us + lease->ttl_us;
    return lease->ttl_us;
}

void etcd_model_revoke(struct etcd_model *etcd, uint64_t id)
{
    struct model_lease *lease = id ? find(etcd, id) : NULL;

    if (!lease)
        return;
    lease->id = 0;
    if (etcd->leader_lease == id) {
        etcd->leader_lease = etcd->leader_revision = 0;
        etcd->revision++;
    }
}

bool etcd_model_lives(const struct etcd_model *etcd, uint64_t id)
{
    for (size_t i = 0; id && i < MODEL_LEASES; i++)
        if (etcd->leases[i].id == id)
            return true;
    return false;
}

void etcd_model_campaign(struct etcd_model *etcd, uint64_t lease)
{
    if (etcd->leader_lease || !etcd_model_lives(etcd, lease))
        return;
    etcd->leader_lease = lease;
    etcd->leader_revision = ++etcd->revision;
}

uint64_t etcd_model_write(struct etcd_model *etcd, uint64_t leader_revision,
                          const struct told_entry *entry, bool gone)
{
    size_t i = 0;

    while (i < etcd->n_entries && etcd->entries[i].handle != entry->handle)
        i++;
    if (etcd->leader_revision != leader_revision || i == TOLD_MAX ||
        entry->revision != (i < etcd->n_entries ? etcd->entries[i].revision : 0))
        return 0;
    if (gone && i < etcd->n_entries)
        etcd->entries[i] = etcd->entries[--etcd->n_entries];
    if (gone)
        return ++etcd->revision;
    etcd->entries[i] = *entry;
    etcd->entries[i].revision = ++etcd->revision;
    etcd->n_entries += i == etcd->n_entries;
    return etcd->revision;
}

void etcd_model_expire(struct etcd_model *etcd, int64_t now_us)
{
    for (size_t i = 0; i < MODEL_LEASES; i++)
        if (etcd->leases[i].id && etcd->leases[i].end_us <= now_us)
            etcd_model_revoke(etcd, etcd->leases[i].id);
}

void etcd_model_extend(struct etcd_model *etcd, int64_t now_us)
{
    for (size_t i = 0; i < MODEL_LEASES; i++)
        if (etcd->leases[i].id)
            etcd->leases[i].end_us = now_us + etcd->leases[i].ttl_us;
}
