/* Names (of zones, places, agents, targets, probes) and the number of a series. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FL_MESH_PREFIX "agent:" /* the target "agent:NAME" is the echo responder of NAME */
#define FL_MESH_PROBE "mesh"    /* the probe of every mesh target, of type "udp" */

/* 1 to 64 of [A-Za-z0-9._-] */
bool fl_name_valid(const char *name);

/* A name, or "agent:" and a name. */
bool fl_target_name_valid(const char *name);

/* The number that stands for (target, probe) on the wire: FNV-1a over "target/probe", 32 bits.
 * The same on every machine, in every plan and after every restart, so it needs no table that
 * could get lost; two names that collide are refused when the configuration is read.
 * http://www.isthe.com/chongo/tech/comp/fnv/ */
uint32_t fl_series_id(const char *target, const char *probe);
