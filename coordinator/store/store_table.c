/* One row a history backend. */
#include "coordinator/store/store.h"
#include "coordinator/store/store_sqlite.h"

#include <stddef.h>
#include <string.h>

const struct store_type *const store_table[] = {&store_sqlite, NULL};

const struct store_type *store_type_find(const char *name)
{
    for (size_t i = 0; store_table[i]; i++)
        if (strcmp(store_table[i]->name, name) == 0)
            return store_table[i];
    return NULL;
}
