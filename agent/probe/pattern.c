#include "agent/probe/pattern.h"

#include <string.h>

#define MAGIC UINT64_C(0x656e696c746c7561) /* "aultline", as the bytes lie */
#define WORDS (PATTERN_SECTOR / sizeof(uint64_t))

/* A sector: magic, writer, round, its index in the region, then words that follow from those. */
enum { WORD_MAGIC, WORD_WRITER, WORD_ROUND, WORD_INDEX, WORD_FIRST_FREE };

/* splitmix64 */
static uint64_t mix(uint64_t seed)
{
    seed += UINT64_C(0x9e3779b97f4a7c15);
    seed = (seed ^ (seed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    seed = (seed ^ (seed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return seed ^ (seed >> 31);
}

static void make_sector(uint64_t words[WORDS], uint64_t writer, uint64_t round, uint64_t index)
{
    uint64_t state = mix(mix(mix(writer) ^ round) ^ index);

    words[WORD_MAGIC] = MAGIC;
    words[WORD_WRITER] = writer;
    words[WORD_ROUND] = round;
    words[WORD_INDEX] = index;
    for (size_t i = WORD_FIRST_FREE; i < WORDS; i++)
        words[i] = mix(state + i);
}

void pattern_fill(uint8_t *bytes, size_t size, uint64_t writer, uint64_t round)
{
    uint64_t words[WORDS];

    for (size_t i = 0; i < size / PATTERN_SECTOR; i++) {
        make_sector(words, writer, round, i);
        memcpy(bytes + i * PATTERN_SECTOR, words, PATTERN_SECTOR);
    }
}

bool pattern_check(const uint8_t *bytes, size_t size, uint64_t writer, uint64_t oldest_round)
{
    uint64_t found[WORDS], wanted[WORDS];

    for (size_t i = 0; i < size / PATTERN_SECTOR; i++) {
        memcpy(found, bytes + i * PATTERN_SECTOR, PATTERN_SECTOR);
        make_sector(wanted, found[WORD_WRITER], found[WORD_ROUND], i);
        if (memcmp(found, wanted, PATTERN_SECTOR) != 0)
            return false;
        if (found[WORD_WRITER] == writer && found[WORD_ROUND] < oldest_round)
            return false;
    }
    return true;
}
