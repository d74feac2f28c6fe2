/* What the agent and its worker for file systems and devices say to each other, over a socket that
 * keeps messages apart. One request is one round of all steps; each step is reported when it is
 * over, so that the agent knows in which one a round hangs. An error ends the round. */
#pragma once

#include <errno.h>
#include <stdint.h>

enum fileop_step {
    FILEOP_OPEN,   /* the directory, and whether it is a mount point; or the device */
    FILEOP_WRITE,  /* create the file and write it; or the granted region */
    FILEOP_FLUSH,  /* fsync */
    FILEOP_READ,   /* from below the page cache, and compare with what was written */
    FILEOP_REMOVE, /* the file; the last: after it the round is over */
    FILEOP_STEPS
};

#define FILEOP_NOT_MOUNTED ENOMEDIUM /* the directory is no mount point, and must be one */
#define FILEOP_CHANGED EBADMSG       /* other bytes came back than were written */
#define FILEOP_SKIPPED ENODATA       /* the step is not for this round; it goes on */

#define FILEOP_SOCKET 0 /* the worker's end is its standard input */
#define FILEOP_MAX_SIZE (1 << 20)

struct fileop_request {
    uint64_t seed; /* of the bytes to write: no two rounds write the same */
};

struct fileop_report {
    uint32_t step;
    int32_t error; /* errno; 0: done */
    int64_t took_us;
};
