/* The status page kept up to date: looks at verdicts, history and notes when something happened
 * and each minute, tells who follows it what changed, and writes the snapshot. */
#pragma once

#include "coordinator/coordinator.h"
#include "coordinator/status/snapshot_bucket.h"
#include "coordinator/status/status_model.h"

struct status_page;

/* `changed` is called with the page's news, one line of JSON. */
int status_page_new(struct coordinator *coordinator, struct event_base *base,
                    void (*changed)(const char *news, void *arg), void *arg,
                    struct status_page **ret);
struct status_page *status_page_free(struct status_page *page);
FL_DEFINE_FREEP(struct status_page, status_page)

/* Something happened: a verdict event, a note, a new configuration. */
void status_page_look(struct status_page *page);
/* As of the last look, or of now when that is a while ago. */
const struct status_model *status_page_model(struct status_page *page);
/* Where the page is, without "/" at its end: as configured, or a guess. */
const char *status_page_url(const struct status_page *page);
/* How putting snapshots into a bucket goes; zeroes when none is configured. */
void status_page_bucket(const struct status_page *page, struct snapshot_bucket_stats *ret);
/* The news as they are now; NULL: no memory. The caller frees them. */
char *status_page_news(const struct status_page *page);
