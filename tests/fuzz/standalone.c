/* Runs a fuzzer's corpus as a test, and mutations of it for a bounded number of runs:
 * PROGRAM [--runs N] [--seed S] FILE|FOLDER… Prints the seed. Coverage-guided runs link the same
 * fuzzer with libFuzzer instead. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES (1 << 20)
#define MOST_FILES 4096
#define MAX_CHANGES 8

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct input {
    uint8_t *bytes;
    size_t size;
};

static struct input inputs[MOST_FILES];
static size_t n_inputs;
static uint64_t state;

/* xorshift64* (Vigna) */
static uint64_t draw(uint64_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * UINT64_C(2685821657736338717) >> 16) % below;
}

static int add_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct input *input = &inputs[n_inputs];

    if (!file || n_inputs == MOST_FILES) {
        (void)fprintf(stderr, "%s: cannot be read, or more than %d inputs\n", path, MOST_FILES);
        if (file)
            (void)fclose(file);
        return -1;
    }
    input->bytes = malloc(MOST_BYTES);
    if (!input->bytes)
        abort();
    input->size = fread(input->bytes, 1, MOST_BYTES, file);
    (void)fclose(file);
    n_inputs++;
    return 0;
}

static int compare_entries(const struct dirent **x, const struct dirent **y)
{
    return strcmp((*x)->d_name, (*y)->d_name);
}

static int add(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, compare_entries), r = 0;

    if (n < 0)
        return add_file(path);
    for (int i = 0; i < n; i++) {
        char file[4096];

        (void)snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && add_file(file) < 0)
            r = -1;
        free(entries[i]);
    }
    free(entries);
    return r;
}

static void change(uint8_t *bytes, size_t *size)
{
    size_t at = *size > 0 ? draw(*size) : 0;

    switch (draw(4)) {
    case 0: /* cut */
        *size = at;
        break;
    case 1: /* flip a bit */
        if (*size > 0)
            bytes[at] ^= (uint8_t)(1u << draw(8));
        break;
    case 2: /* another byte */
        if (*size > 0)
            bytes[at] = (uint8_t)draw(256);
        break;
    default: /* one more byte */
        if (*size < MOST_BYTES) {
            memmove(bytes + at + 1, bytes + at, *size - at);
            bytes[at] = (uint8_t)draw(256);
            (*size)++;
        }
        break;
    }
}

/* Each input lies in a buffer of exactly its size, so that a read past its end is seen. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        abort();
    memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_mutations(uint64_t runs)
{
    uint8_t *bytes = malloc(MOST_BYTES);

    if (!bytes)
        abort();
    for (uint64_t i = 0; i < runs; i++) {
        const struct input *input = &inputs[draw(n_inputs)];
        size_t size = input->size;
        uint64_t changes = 1 + draw(MAX_CHANGES);

        memcpy(bytes, input->bytes, size);
        for (uint64_t k = 0; k < changes; k++)
            change(bytes, &size);
        run(bytes, size);
    }
    free(bytes);
}

int main(int argc, char **argv)
{
    uint64_t runs = 0, seed = 1;
    int r = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            runs = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (add(argv[i]) < 0)
            r = 1;
    }
    if (n_inputs == 0) {
        (void)fprintf(stderr, "no inputs given\n");
        return 2;
    }
    state = seed * 2 + 1;
    (void)printf("%zu inputs, then %llu mutations with seed %llu\n", n_inputs,
                 (unsigned long long)runs, (unsigned long long)seed);
    (void)fflush(stdout); /* who dies below has said with what */
    for (size_t i = 0; i < n_inputs; i++)
        run(inputs[i].bytes, inputs[i].size);
    run_mutations(runs);
    for (size_t i = 0; i < n_inputs; i++)
        free(inputs[i].bytes);
    return r;
}
