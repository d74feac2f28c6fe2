/* A file of the source tree inside the program: `extern const char NAME[]` holds its bytes with a
 * NUL after them, NAME_size says how many they are. Paths are from the root of the tree. */
#pragma once

#define EMBED(name, path)                             \
    extern const char name[], name##_end[];           \
    __asm__(".pushsection .rodata\n"                  \
            ".global " #name "\n" #name ":\n"         \
            ".incbin \"" path "\"\n"                  \
            ".global " #name "_end\n" #name "_end:\n" \
            ".byte 0\n"                               \
            ".popsection\n")
