#include "coordinator/core/account.h"

struct account account_of(const struct account_state *state)
{
    struct account account = {.produced = (int64_t)state->produced - state->base,
                              .stored = (int64_t)state->stored,
                              .lost = (int64_t)state->lost};
    int64_t missing = account.produced - account.stored - account.lost;
    int64_t undelivered = (int64_t)state->undelivered;

    account.spooled = missing < 0 ? 0 : missing < undelivered ? missing : undelivered;
    account.balance = missing - account.spooled;
    return account;
}

int64_t account_base(const struct account_state *state)
{
    return (int64_t)(state->produced - state->undelivered) - (int64_t)(state->stored + state->lost);
}
