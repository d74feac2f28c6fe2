#include "coordinator/core/lease.h"

#include <stddef.h>

#define NEVER_US INT64_MIN
#define RENEWALS 4   /* in the length of a lease, so that some may be lost */
#define CAMPAIGNS 20 /* likewise: how soon another one's end is seen */
#define RETRIES 8    /* likewise: of a grant that failed */
#define DRIFT 100    /* so small a part of a lease is left unused, for clocks run unequally */

void lease_init(struct lease *lease, const struct lease_settings *settings)
{
    *lease = (struct lease){.settings = *settings,
                            .granted_us = NEVER_US,
                            .renewed_us = NEVER_US,
                            .campaigned_us = NEVER_US};
}

bool lease_holds(const struct lease *lease, int64_t now_us)
{
    return lease->leads && now_us < lease->until_us;
}

static int64_t end_of(int64_t sent_us, int64_t ttl_us)
{
    return fl_time_add(sent_us, ttl_us - ttl_us / DRIFT);
}

static void step_down(struct lease *lease, struct lease_update *update)
{
    update->lost = update->lost || lease->leads;
    lease->leads = false;
}

/* Whatever etcd still has of it is to go, so that nobody waits for it. */
static void give_up(struct lease *lease, struct lease_update *update)
{
    step_down(lease, update);
    if (lease->id == 0)
        return;
    update->commands |= LEASE_REVOKE;
    update->revoked = lease->id;
    lease->id = 0;
    lease->waiting &= ~(unsigned)(LEASE_RENEW | LEASE_CAMPAIGN);
    lease->granted_us = NEVER_US;
}

static void take_grant(struct lease *lease, const struct lease_event *event)
{
    lease->waiting &= ~(unsigned)LEASE_GRANT;
    if (event->lease == 0 || event->ttl_us <= 0)
        return;
    lease->id = event->lease;
    lease->until_us = end_of(event->sent_us, event->ttl_us);
    lease->renewed_us = event->sent_us;
    lease->campaigned_us = NEVER_US;
}

static void take_renewal(struct lease *lease, const struct lease_event *event,
                         struct lease_update *update)
{
    int64_t until_us = end_of(event->sent_us, event->ttl_us);

    if (event->lease != lease->id)
        return;
    lease->waiting &= ~(unsigned)LEASE_RENEW;
    if (event->ttl_us <= 0)
        give_up(lease, update);
    else if (until_us > lease->until_us)
        lease->until_us = until_us;
}

static void take_sight(struct lease *lease, const struct lease_event *event,
                       struct lease_update *update)
{
    if (event->lease != lease->id)
        return;
    lease->waiting &= ~(unsigned)LEASE_CAMPAIGN;
    if (event->holder != lease->id || event->revision != lease->revision)
        step_down(lease, update);
    if (event->holder != lease->id || lease->leads)
        return;
    lease->leads = update->gained = true;
    lease->revision = event->revision;
}

static void take(struct lease *lease, const struct lease_event *event, struct lease_update *update)
{
    switch (event->type) {
    case LEASE_TIME:
        break;
    case LEASE_GRANTED:
        take_grant(lease, event);
        break;
    case LEASE_RENEWED:
        take_renewal(lease, event, update);
        break;
    case LEASE_SEEN:
        take_sight(lease, event, update);
        break;
    case LEASE_NO_ANSWER:
        if (event->command == LEASE_GRANT || event->lease == lease->id)
            lease->waiting &= ~(unsigned)event->command;
        break;
    case LEASE_RESIGNED:
        lease->resigned = true;
        give_up(lease, update);
        break;
    }
}

/* Ask, when it is time and no answer is to come; else say when it will be. */
static void want(struct lease *lease, enum lease_command command, int64_t every_us, int64_t *asked,
                 int64_t now_us, struct lease_update *update)
{
    int64_t due_us = *asked == NEVER_US ? now_us : fl_time_add(*asked, every_us);

    if (due_us <= now_us && !(lease->waiting & command)) {
        lease->waiting |= command;
        update->commands |= command;
        *asked = now_us;
        due_us = fl_time_add(now_us, every_us);
    }
    if (due_us > now_us && due_us < update->next_us)
        update->next_us = due_us;
}

void lease_step(struct lease *lease, const struct lease_event *event, struct lease_update *ret)
{
    int64_t now_us = event->now_us, ttl_us = lease->settings.ttl_us;

    *ret = (struct lease_update){.next_us = fl_time_add(now_us, ttl_us)};
    /* what ended while nobody looked has ended, whatever is said now */
    if (lease->id != 0 && now_us >= lease->until_us)
        give_up(lease, ret);
    take(lease, event, ret);
    if (lease->id != 0 && now_us >= lease->until_us)
        give_up(lease, ret);
    if (lease->resigned)
        return;
    if (lease->id == 0) {
        want(lease, LEASE_GRANT, ttl_us / RETRIES, &lease->granted_us, now_us, ret);
        return;
    }
    ret->lease = lease->id;
    want(lease, LEASE_RENEW, ttl_us / RENEWALS, &lease->renewed_us, now_us, ret);
    want(lease, LEASE_CAMPAIGN, lease->leads ? ttl_us / RENEWALS : ttl_us / CAMPAIGNS,
         &lease->campaigned_us, now_us, ret);
    if (lease->until_us < ret->next_us)
        ret->next_us = lease->until_us;
}
