/* Addresses of a service group in the API. */
#pragma once

#include "proto/types/fl_name.h"

#define GROUP_PATH_SIZE 160

/* "/api/v1/decisions/GROUP" and what follows. False: the name is none. */
bool group_path(const char *group, const char *what, char path[GROUP_PATH_SIZE]);
