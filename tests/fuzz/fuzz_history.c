// links: coordinator_store
/* What may stand in a history file that somebody damaged: refused, or read into what can be written
 * and read again. The first byte says what it is. */
#include "coordinator/core/ledger.h"
#include "coordinator/core/rollup.h"
#include "coordinator/core/varint.h"
#include "coordinator/store/chunk.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_ledger(const uint8_t *bytes, size_t size)
{
    struct ledger ledger, again;
    uint8_t encoded[LEDGER_BYTES];

    if (ledger_decode(&ledger, bytes, size) < 0)
        return;
    if (ledger_decode(&again, encoded, ledger_encode(&ledger, encoded)) < 0 ||
        again.n != ledger.n ||
        memcmp(again.runs, ledger.runs, ledger.n * sizeof(ledger.runs[0])) != 0)
        abort();
    for (size_t i = 0; i < again.n; i++)
        if (ledger_add(&ledger, again.runs[i].first, again.runs[i].last) != 0)
            abort(); /* all that is in is in */
}

static void read_chunk(const uint8_t *bytes, size_t size)
{
    static struct chunk_packer *packer;
    struct fl_result *results = NULL;
    size_t n = 0;

    if (!packer && chunk_packer_new(&packer) < 0)
        abort();
    if (chunk_unpack(packer, bytes, size, 1, &results, &n) == 0 && n > CHUNK_MAX_RESULTS)
        abort();
    free(results);
}

static void read_rollups(const uint8_t *bytes, size_t size)
{
    static struct rollup sum;
    struct varint_reader reader = {bytes, bytes + size, false}, point;
    struct rollup_counts counts;
    unsigned index;

    rollup_clear(&sum);
    while (rollup_row_next(&reader, &index, &point)) {
        if (index >= ROLLUP_POINTS)
            abort();
        if (rollup_point_counts(point, &counts) == 0)
            (void)rollup_point_add(&sum, point);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    if (bytes[0] == 'l')
        read_ledger(bytes + 1, size - 1);
    else if (bytes[0] == 'c')
        read_chunk(bytes + 1, size - 1);
    else
        read_rollups(bytes + 1, size - 1);
    return 0;
}
