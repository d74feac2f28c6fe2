/* Starting touches most of what some fifty libraries say about their symbols and much of their
 * code, once. Each page of it stays mapped, and counted as the agent's, until the machine is
 * short of memory. Giving them all back costs a minor fault for each that is needed again. */
#include "agent/footprint.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Only what nobody writes: its pages are as they are in the file. */
static int trim_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    (void)arg;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        const uintptr_t start = (info->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        const uintptr_t end = info->dlpi_addr + segment->p_vaddr + segment->p_filesz;

        if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W) && end > start)
            (void)madvise((void *)start, end - start, MADV_DONTNEED); /* if not, nothing is lost */
    }
    return 0;
}

void footprint_trim(void)
{
    (void)malloc_trim(0);
    (void)dl_iterate_phdr(trim_object, NULL);
}
