#include "coordinator/core/credit.h"

size_t credit_of(size_t room, size_t capacity, size_t n_agents)
{
    size_t kept = capacity / 4, share;

    if (room <= kept)
        return 0;
    share = (room - kept) / (n_agents ? n_agents : 1);
    if (share == 0)
        return 1; /* not all have a backlog; with less room there is none */
    return share < CREDIT_MOST ? share : CREDIT_MOST;
}
