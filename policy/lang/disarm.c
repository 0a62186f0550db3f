/* Does the policy ask for anything at all, and does it end what is enforced? */
#include "policy/lang/routing.h"
#include "policy/lang/validate.h"

bool policy_has_rules(const struct policy *policy)
{
    return policy->n_rules > 0 || routing_in_policy(policy);
}

bool policy_disarms(const struct policy *in_force, const struct policy *next)
{
    return in_force && in_force->agent.mode == MODE_ENFORCE && policy_has_rules(in_force) &&
           !policy_has_rules(next);
}

/* A file that was emptied, or lost its lines in a template, would end all enforcement without a
 * word; removing it does not. The last file is named: the line written there wins. */
void validate_presence(const struct policy *policy, struct diags *diags)
{
    bool on_purpose = policy->agent.mode_written && policy->agent.mode == MODE_OBSERVE;

    if (policy->n_files == 0 || policy_has_rules(policy) || on_purpose || diags_failed(diags))
        return;
    diags_add(diags, DIAG_ERROR, policy->files[policy->n_files - 1], 0,
              "no rule in any file; to report nothing and write nothing on purpose, write "
              "'mode = observe' in [agent]");
}
