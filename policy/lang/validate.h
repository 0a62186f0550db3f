/* Private to policy_finish(): what can only be judged when all files were read. */
#pragma once

#include "policy/lang/policy.h"

/* Give every pattern @NAME its set and collect policy.facts; unknown sets are errors. -ENOMEM, else
 * 0. */
int validate_sets(struct policy *policy, struct diags *diags);

/* The same for one pattern. */
int validate_pattern_set(struct policy *policy, struct pattern *pattern,
                         const struct origin *origin, struct diags *diags);

/* Mark and report the rules that can never win. shadowed has one element per rule. */
void validate_shadows(const struct policy *policy, bool *shadowed, struct diags *diags);

/* Rules that a pin of `all` rules out are errors. */
void validate_pins(const struct policy *policy, const bool *shadowed, struct diags *diags);

/* No rule at all is an error, unless 'mode = observe' is written or other errors may be why. */
void validate_presence(const struct policy *policy, struct diags *diags);

/* Rules that the udev hook cannot judge and that leave a device looser meanwhile are warnings. */
void validate_blindness(const struct policy *policy, const bool *shadowed, struct diags *diags);
