/* Rules that can never win, since a stronger one takes every device they could match. */
#include "policy/lang/compile.h"
#include "policy/lang/precedence.h"
#include "policy/lang/validate.h"

/* Two plugins that want the same of the same devices: nobody has anything to decide. */
static bool presets_agree(const struct rule *a, const struct rule *b)
{
    return policy_file_is_preset(a->origin.file) && policy_file_is_preset(b->origin.file) &&
           a->unmanaged == b->unmanaged && a->observe == b->observe && a->n_values == b->n_values &&
           memcmp(a->values, b->values, a->n_values * sizeof(a->values[0])) == 0;
}

static void report(const struct rule *rule, const struct rule *by, struct diags *diags)
{
    enum diag_level level = DIAG_WARNING;
    const char *why = "";

    /* Devices of one exception may overlap: the value is the same. */
    if (rule->exception >= 0 && rule->exception == by->exception)
        return;
    /* A preset's `* = unmanaged` is there to be replaced. */
    if (rule->pattern.kind == PATTERN_ANY && rule->unmanaged &&
        rule->origin.file != by->origin.file)
        level = DIAG_NOTE;
    if (rule_yields(rule, by)) {
        level = DIAG_NOTE;
        why = ", since a preset yields to a line of the administrator";
    } else if (presets_agree(rule, by)) {
        level = DIAG_NOTE;
        why = ", of another preset that says the same";
    }
    if (rule_rank(by) == RANK_EXCEPTION && rule_rank(rule) != RANK_EXCEPTION)
        why = " as an exception";
    diags_add(diags, level, rule->origin.file, rule->origin.line,
              "%s: '%s = %s' can never win: '%s = %s' in %s:%u stands before it%s",
              key_info(rule->key)->name, NAME_SHOWN(rule->pattern.text),
              NAME_SHOWN(rule->value_text), NAME_SHOWN(by->pattern.text),
              NAME_SHOWN(by->value_text), NAME_SHOWN(by->origin.file), by->origin.line, why);
}

static void shadow_key(const struct policy *policy, enum key key, bool *shadowed,
                       struct diags *diags)
{
    size_t count;
    const uint32_t *order = matcher_order(policy->matcher, key, &count);

    for (size_t i = 1; i < count; i++) {
        const struct rule *rule = &policy->rules[order[i]];

        for (size_t k = 0; k < i && !shadowed[order[i]]; k++) {
            const struct rule *stronger = &policy->rules[order[k]];

            if (!pattern_covers(&stronger->pattern, &rule->pattern))
                continue;
            shadowed[order[i]] = true;
            report(rule, stronger, diags);
        }
    }
}

void validate_shadows(const struct policy *policy, bool *shadowed, struct diags *diags)
{
    for (enum key key = 0; key < KEY_COUNT; key++)
        shadow_key(policy, key, shadowed, diags);
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i], *pin;

        if (!pattern_is_pin(&rule->pattern))
            continue;
        pin = policy_pin(policy, rule->key, rule->pattern.kind);
        if (pin == rule)
            continue;
        shadowed[i] = true;
        report(rule, pin, diags);
    }
}
