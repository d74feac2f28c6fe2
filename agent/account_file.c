#include "agent/account_file.h"

#include "proto/runtime/fl_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC "FLacct2\n"

struct account_file {
    int fd;
    struct account_page *page;
};

/* With all its blocks: a full disk must be noticed here, and not when the page is written to. */
static int map(struct account_file *file, const char *path, struct fl_error *err)
{
    void *page;
    int r;

    file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file->fd < 0)
        return fl_error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
    r = posix_fallocate(file->fd, 0, (off_t)sizeof(struct account_page));
    if (r != 0)
        return fl_error_set(err, -r, "cannot make %s: %s; make room on its file system", path,
                            strerror(r));
    page = mmap(NULL, sizeof(struct account_page), PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
    if (page == MAP_FAILED)
        return fl_error_set(err, -errno, "cannot map %s: %s", path, strerror(errno));
    file->page = page;
    return 0;
}

static int begin(struct account_page *page, struct fl_error *err)
{
    int r = 0;

    memset(page, 0, sizeof(*page));
    page->sent_up_to = INT64_MAX; /* until the spool tells its own ids */
    while (r == 0 && page->number == 0)
        r = fl_daemon_random(&page->number, sizeof(page->number), err);
    if (r == 0)
        memcpy(page->magic, MAGIC, sizeof(page->magic));
    return r;
}

int account_file_open(const char *directory, struct account_file **ret,
                      struct account_page **ret_page, struct fl_error *err)
{
    FL_CLEANUP(account_file_freep) struct account_file *file = calloc(1, sizeof(*file));
    char path[4096];
    int r;

    if (!file)
        return fl_error_set(err, -ENOMEM, "no memory for the account");
    file->fd = -1;
    (void)snprintf(path, sizeof(path), "%s/account.bin", directory);
    r = map(file, path, err);
    if (r == 0 && memcmp(file->page->magic, MAGIC, sizeof(file->page->magic)) != 0)
        r = begin(file->page, err);
    if (r < 0)
        return r;
    *ret_page = file->page;
    *ret = FL_TAKE(file);
    return 0;
}

struct account_file *account_file_free(struct account_file *file)
{
    if (!file)
        return NULL;
    if (file->page)
        (void)munmap(file->page, sizeof(*file->page));
    if (file->fd >= 0)
        (void)close(file->fd);
    free(file);
    return NULL;
}

/* The id is written last, so that a slot with one is whole whenever the agent dies. */
void account_slot_set(struct account_slot *slot, const struct account_slot *what)
{
    slot->boot = what->boot;
    slot->sequence = what->sequence;
    slot->skipped = what->skipped;
    slot->results = what->results;
    atomic_thread_fence(memory_order_release);
    slot->id = what->id;
}

struct account_slot *account_slot_take(struct account_page *page, const struct account_slot *what)
{
    for (size_t i = 0; i < ACCOUNT_FILE_SLOTS; i++) {
        if (page->slots[i].id != 0)
            continue;
        account_slot_set(&page->slots[i], what);
        return &page->slots[i];
    }
    return NULL;
}

void account_slot_free(struct account_slot *slot)
{
    slot->id = 0;
}

bool account_removed_add(struct account_page *page, const struct account_removed *what)
{
    if (page->n_removed >= ACCOUNT_FILE_REMOVED)
        return false;
    page->removed[page->n_removed] = *what;
    atomic_thread_fence(memory_order_release);
    page->n_removed++;
    return true;
}

void account_removed_drop(struct account_page *page, size_t n)
{
    size_t left = page->n_removed - n;

    memmove(page->removed, page->removed + n, left * sizeof(*page->removed));
    atomic_thread_fence(memory_order_release);
    page->n_removed = left;
}
