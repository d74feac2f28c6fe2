/* The life of incidents: findings come in at each evaluation, open / update / close go out. A
 * finding must last before it opens, so that one burst of lost packets shorter than a probe's
 * interval never does; an incident closes when its component has not been found for a while. */
#pragma once

#include "coordinator/core/describe.h"

#define INCIDENT_MAX_OPEN 64

struct incident_book;

int incident_book_new(uint64_t first_id, struct incident_book **ret);
struct incident_book *incident_book_free(struct incident_book *book);

/* An empty book goes on where that of another fleet is: what was open there stays open and what was
 * closed may come back, where its component is in this fleet too. */
void incident_book_inherit(struct incident_book *book, const struct incident_book *from,
                           const struct fleet *from_fleet, const struct scene *scene);

/* Take the findings of one evaluation. `ret_events` is valid until the next call. */
size_t incident_book_step(struct incident_book *book, const struct scene *scene,
                          const struct finding *found, size_t n_found,
                          const struct verdict_event **ret_events);

/* Open verdicts in order of id. */
size_t incident_book_open(const struct incident_book *book, const struct verdict **ret);
