#include "coordinator/core/ledger.h"

#include "coordinator/core/varint.h"

#include <errno.h>
#include <string.h>

/* Index of the last run that begins at or before it; ledger->n when none does. */
static size_t find(const struct ledger *ledger, uint64_t sequence)
{
    for (size_t i = ledger->n; i > 0; i--)
        if (ledger->runs[i - 1].first <= sequence)
            return i - 1;
    return ledger->n;
}

/* How many runs from `at` on begin at or before `end`, one right after it included. */
static size_t count_touched(const struct ledger *ledger, size_t at, uint64_t end)
{
    size_t n = 0;

    while (at + n < ledger->n &&
           (ledger->runs[at + n].first <= end || ledger->runs[at + n].first - 1 == end))
        n++;
    return n;
}

int ledger_add(struct ledger *ledger, uint64_t first, uint64_t last)
{
    size_t before = find(ledger, last), at = 0, n;
    struct ledger_run run = {first, last};

    if (before < ledger->n && last <= ledger->runs[before].last)
        return 0;
    while (at < ledger->n && ledger->runs[at].last < first && ledger->runs[at].last + 1 < first)
        at++;
    n = count_touched(ledger, at, last);
    if (n == 0 && ledger->n == LEDGER_RUNS)
        return -ENOSPC;
    if (n > 0) {
        const struct ledger_run *lowest = &ledger->runs[at], *highest = &ledger->runs[at + n - 1];

        run.first = lowest->first < first ? lowest->first : first;
        run.last = highest->last > last ? highest->last : last;
    }
    memmove(&ledger->runs[at + 1], &ledger->runs[at + n],
            (ledger->n - at - n) * sizeof(ledger->runs[0]));
    ledger->runs[at] = run;
    ledger->n = ledger->n + 1 - n;
    return 1;
}

size_t ledger_encode(const struct ledger *ledger, uint8_t bytes[LEDGER_BYTES])
{
    uint8_t *to = varint_put(bytes, ledger->n);
    uint64_t from = 0;

    for (size_t i = 0; i < ledger->n; i++) {
        to = varint_put(to, ledger->runs[i].first - from);
        to = varint_put(to, ledger->runs[i].last - ledger->runs[i].first);
        from = ledger->runs[i].last;
    }
    return (size_t)(to - bytes);
}

int ledger_decode(struct ledger *ledger, const uint8_t *bytes, size_t size)
{
    struct varint_reader reader = {bytes, bytes + size, false};
    uint64_t from = 0, n = size ? varint_get(&reader) : 0;

    if (n > LEDGER_RUNS)
        return -EBADMSG;
    ledger->n = (size_t)n;
    for (size_t i = 0; i < n; i++) {
        ledger->runs[i].first = from + varint_get(&reader);
        ledger->runs[i].last = ledger->runs[i].first + varint_get(&reader);
        if (ledger->runs[i].last < ledger->runs[i].first ||
            (i > 0 && (ledger->runs[i].first <= from || ledger->runs[i].first - from == 1)))
            return -EBADMSG;
        from = ledger->runs[i].last;
    }
    return reader.bad || reader.at != reader.end ? -EBADMSG : 0;
}
