/* Whether an order of an ask may be run here, and as what. A coordinator may have what is in the
 * plan run as it is; with another size; or with the address of another probe of the plan: nothing
 * that the plan does not reach. What else an operator may order stands in the agent's own
 * configuration, as patterns. Pure. */
#pragma once

#include "proto/types/fl_ask.h"

struct ask_rules {
    size_t n_patterns;
    char *const *patterns; /* "TYPE ADDRESS", with * and ?; borrowed */
};

struct ask_choice {
    size_t index;       /* of the plan; unused with `own` */
    bool varied;        /* what is run stands in `own` */
    struct fl_plan own; /* one spec; the caller's to free (fl_plan_done), also when it is empty */
};

/* 0, or -EACCES, -ENOENT or -ENOMEM with the reason; `ret` is untouched then. */
int ask_rules_choose(const struct ask_rules *rules, const struct fl_plan *plan,
                     const struct fl_probe_spec *order, struct ask_choice *ret,
                     struct fl_error *err);

/* Is it a pattern? 0, or -EINVAL with what is allowed. */
int ask_rules_check_pattern(const char *pattern, struct fl_error *err);
