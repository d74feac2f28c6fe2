/* Ownership by scope: FL_CLEANUP(x_freep) destroys a local at the end of its block,
 * FL_TAKE(p) hands it out and leaves NULL behind. */
#pragma once

#define FL_CLEANUP(function) __attribute__((cleanup(function)))

#define FL_TAKE(pointer)                                \
    __extension__({                                     \
        __typeof__(pointer) *fl_take_from = &(pointer); \
        __typeof__(pointer) fl_taken = *fl_take_from;   \
        *fl_take_from = NULL;                           \
        fl_taken;                                       \
    })

/* Defines NAME_freep() for FL_CLEANUP from a destructor NAME_free() that takes a pointer. */
#define FL_DEFINE_FREEP(type, name)                 \
    static inline void name##_freep(type **pointer) \
    {                                               \
        name##_free(*pointer);                      \
    }

#define FL_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define FL_PRINTF(index, first) __attribute__((format(printf, index, first)))
