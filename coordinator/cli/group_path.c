#include "coordinator/cli/group_path.h"

#include <stdio.h>

bool group_path(const char *group, const char *what, char path[GROUP_PATH_SIZE])
{
    if (!fl_name_valid(group))
        return false;
    (void)snprintf(path, GROUP_PATH_SIZE, "/api/v1/decisions/%s%s", group, what);
    return true;
}
