/* libcurl on a connection that stream.c has made, and what its codes mean to a probe. */
#pragma once

#include "proto/types/fl_result.h"

#include <curl/curl.h>
#include <stdbool.h>

/* Have `easy` speak on the connection at *fd, which stays the caller's and is not closed. `fd`
 * outlives the transfer. False when there is no memory. */
bool http_wire_lend(CURL *easy, int *fd);

/* Why the transfer on `fd` ended without an answer. `http_2`: nothing else was wanted. */
enum fl_failure http_wire_failure(CURL *easy, CURLcode code, int fd, bool http_2);
