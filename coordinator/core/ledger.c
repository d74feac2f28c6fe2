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

static void remove_run(struct ledger *ledger, size_t at)
{
    ledger->n--;
    memmove(&ledger->runs[at], &ledger->runs[at + 1], (ledger->n - at) * sizeof(ledger->runs[0]));
}

static void insert_run(struct ledger *ledger, size_t at, uint64_t sequence)
{
    if (ledger->n == LEDGER_RUNS) {
        ledger->runs[1].first = ledger->runs[0].first;
        remove_run(ledger, 0);
        if (at == 0) { /* it lies before all, and counts as given up */
            ledger->runs[0].first = sequence;
            return;
        }
        at--;
    }
    memmove(&ledger->runs[at + 1], &ledger->runs[at], (ledger->n - at) * sizeof(ledger->runs[0]));
    ledger->runs[at] = (struct ledger_run){sequence, sequence};
    ledger->n++;
}

bool ledger_add(struct ledger *ledger, uint64_t sequence)
{
    size_t before = find(ledger, sequence), after = before == ledger->n ? 0 : before + 1;
    bool joins_before = false, joins_after;

    if (before < ledger->n) {
        if (sequence <= ledger->runs[before].last)
            return false;
        joins_before = ledger->runs[before].last + 1 == sequence;
    }
    joins_after = after < ledger->n && ledger->runs[after].first == sequence + 1;
    if (joins_before && joins_after) {
        ledger->runs[before].last = ledger->runs[after].last;
        remove_run(ledger, after);
    } else if (joins_before) {
        ledger->runs[before].last = sequence;
    } else if (joins_after) {
        ledger->runs[after].first = sequence;
    } else {
        insert_run(ledger, after, sequence);
    }
    return true;
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
            (i > 0 && ledger->runs[i].first <= from + 1))
            return -EBADMSG;
        from = ledger->runs[i].last;
    }
    return reader.bad || reader.at != reader.end ? -EBADMSG : 0;
}
