/* The facts of a component for a fit: its track, less what findings already explain. What is
 * explained is known one by one, as long as it is in the ring of its series. */
#pragma once

#include "coordinator/core/evidence.h"
#include "coordinator/core/fit.h"

#define FACTS_MAX_FINDINGS 16

struct facts;

int facts_new(struct evidence *evidence, const struct fit_tables *tables, struct facts **ret);
struct facts *facts_free(struct facts *facts);

/* The next finding explains what its fit covers. Without memory it explains less. */
void facts_explain(struct facts *facts, uint32_t component, enum component_type type,
                   const struct fit *fit);

/* Nothing is explained any more. */
void facts_reset(struct facts *facts);

/* Facts of a component, explained by all findings but those in `without` (one bit each, in order
 * of facts_explain); valid until the next call. Where a finding explains anything of it, only the
 * bins whose observations are known one by one are left: `ret_bins`. */
size_t facts_of(struct facts *facts, uint32_t component, unsigned without,
                const struct fact **ret_facts, unsigned *ret_bins);

/* Does the finding explain anything that touches the component? */
bool facts_overlap(const struct facts *facts, uint32_t component, size_t finding);
