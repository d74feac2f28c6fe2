/* Every limit of the system in one place, one line each with its reason.
 * What exceeds one of these is refused or dropped, and counted. */
#pragma once

#define FL_NAME_MAX 64 /* trace format: names are 1 to 64 of [A-Za-z0-9._-] */
#define FL_NAME_SIZE (FL_NAME_MAX + 1)
#define FL_TARGET_SIZE (6 + FL_NAME_MAX + 1) /* "agent:" and a name: a target of the mesh */
#define FL_TYPE_SIZE 16                      /* the longest probe type is "postgres" */
#define FL_COMPONENT_SIZE 160                /* "path:" and two names with "~" between them */

#define FL_MAX_ZONES 128    /* hosted regions of the largest providers, with room */
#define FL_MAX_PLACES 512   /* zones and places together */
#define FL_MAX_AGENTS 10000 /* one coordinator's fleet */
#define FL_MAX_TARGETS 20000
#define FL_MAX_PROBES_PER_TARGET 16
#define FL_MAX_PLAN_SPECS 20000   /* probes that one agent may be given */
#define FL_MAX_SETTINGS 48        /* settings of one probe */
#define FL_MAX_SETTING_VALUE 4096 /* bytes in one setting's value: a header, a body */

#define FL_MAX_MESSAGE (1 << 20) /* bytes in one message on the wire, either way but the plan */
#define FL_MAX_PLAN_MESSAGE (16 << 20)
#define FL_MAX_BATCH_RESULTS 4096 /* results in one batch */
#define FL_MAX_BATCH_HOSTS 64     /* host samples in one batch */
#define FL_MAX_DISKS 16           /* disks reported in one host sample */
#define FL_MAX_TYPES 64           /* probe types that a hello may list */

#define FL_MAX_ASK_ORDERS 16             /* probes that one ask may want */
#define FL_MAX_ASK_PROBES 2000           /* the same with their repeats: what one gate may need */
#define FL_MIN_ASK_INTERVAL_US 20000     /* between repeats: 50 a second */
#define FL_MAX_ASK_DEADLINE_US 300000000 /* five minutes; who wants more asks again */

#define FL_MIN_INTERVAL_US 100000      /* a tighter probe is a load test */
#define FL_MAX_INTERVAL_US 86400000000 /* one day */
#define FL_MIN_TIMEOUT_US 10000
#define FL_MAX_TIMEOUT_US 60000000
#define FL_MAX_TIME_US 253402300799999999  /* the end of the year 9999: sums of a few never wrap */
#define FL_MAX_COUNTER 1000000000000000000 /* what a counter may say, for the same reason */
#define FL_MAX_CLOCK_SKEW_US 86400000000   /* a result dated further off than this is refused */
