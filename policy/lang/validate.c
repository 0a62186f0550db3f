/* What can only be judged when all files were read: sets that do not exist, rules that a pin of
 * `all` rules out, no rule at all, and where the udev hook cannot see enough to judge. */
#include "policy/lang/validate.h"

#include <stdio.h>

#include "policy/base/words.h"
#include "policy/lang/compile.h"

static int find_set(const struct policy *policy, const char *name)
{
    for (enum builtin_set set = 0; set < BUILTIN_SET_COUNT; set++) {
        if (streq(builtin_set_name(set), name))
            return (int)set;
    }
    for (size_t i = 0; i < policy->n_sets; i++) {
        if (streq(policy->sets[i].name, name))
            return BUILTIN_SET_COUNT + (int)i;
    }
    return -ENOENT;
}

static int unknown_set(const struct policy *policy, const struct pattern *pattern,
                       const struct origin *origin, struct diags *diags)
{
    _cleanup_free_ const char **known = NULL;
    _cleanup_free_ char *hint = NULL;
    size_t n = 0;

    known = calloc(BUILTIN_SET_COUNT + policy->n_sets + 1, sizeof(*known));
    if (!known)
        return -ENOMEM;
    for (enum builtin_set set = 0; set < BUILTIN_SET_COUNT; set++)
        known[n++] = builtin_set_name(set);
    for (size_t i = 0; i < policy->n_sets; i++)
        known[n++] = policy->sets[i].name;
    hint = words_suggest(pattern->text + 1, known);
    if (!hint)
        return -ENOMEM;
    diags_add(diags, DIAG_ERROR, origin->file, origin->line, "there is no set '%s'; %s",
              NAME_SHOWN(pattern->text + 1), hint);
    return 0;
}

int validate_pattern_set(struct policy *policy, struct pattern *pattern,
                         const struct origin *origin, struct diags *diags)
{
    if (pattern->kind != PATTERN_SET)
        return 0;
    pattern->set = find_set(policy, pattern->text + 1);
    if (pattern->set < 0) {
        pattern->set = -1;
        return unknown_set(policy, pattern, origin, diags);
    }
    policy->facts |= set_facts(policy, pattern->set);
    return 0;
}

int validate_sets(struct policy *policy, struct diags *diags)
{
    int r = 0;

    for (size_t i = 0; i < policy->n_rules; i++)
        gather(&r, validate_pattern_set(policy, &policy->rules[i].pattern, &policy->rules[i].origin,
                                        diags));
    return r;
}

/* Can any of the rule's values be reached while `all` holds this one? */
static bool rule_is_reachable(const struct rule *rule, int all)
{
    for (unsigned i = 0; i < rule->n_values; i++) {
        /* Whether a device forwards is not known here: what either way allows is no error. */
        if (key_reachable(rule->key, all, rule->values[i], false) ||
            key_reachable(rule->key, all, rule->values[i], true))
            return true;
    }
    return rule->n_values == 0;
}

void validate_pins(const struct policy *policy, const bool *shadowed, struct diags *diags)
{
    const struct rule *pins[KEY_COUNT];

    for (enum key key = 0; key < KEY_COUNT; key++)
        pins[key] = policy_pin(policy, key, PATTERN_ALL);
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i], *pin = pins[rule->key];

        if (!pin || pin->unmanaged || shadowed[i] || pattern_is_pin(&rule->pattern) ||
            rule_is_reachable(rule, pin->values[0]))
            continue;
        diags_add(diags, DIAG_ERROR, rule->origin.file, rule->origin.line,
                  "%s: '%s = %s' cannot be reached while %s:%u pins 'all = %s'",
                  key_info(rule->key)->name, NAME_SHOWN(rule->pattern.text),
                  NAME_SHOWN(rule->value_text), NAME_SHOWN(pin->origin.file), pin->origin.line,
                  NAME_SHOWN(pin->value_text));
    }
}

static const char *fact_text(uint32_t facts)
{
    if (facts & FACT_ADDRESSES)
        return "addresses";
    if (facts & FACT_ROUTES)
        return "routes";
    return "the master";
}

/* The least strict value that the rule accepts; unmanaged accepts anything, so as loose as can be.
 */
static int least_strict(const struct rule *rule)
{
    int least = 0;

    for (unsigned i = 0; i < rule->n_values; i++) {
        int strictness = key_strictness(rule->key, rule->values[i]);

        if (i == 0 || strictness < least)
            least = strictness;
    }
    return least;
}

/* The first weaker rule that is stricter than this one, NULL for none. */
static const struct rule *stricter_below(const struct policy *policy, const struct rule *rule,
                                         const uint32_t *order, size_t count, const bool *shadowed)
{
    for (size_t i = 0; i < count; i++) {
        const struct rule *next = &policy->rules[order[i]];

        if (!shadowed[order[i]] && least_strict(next) > least_strict(rule))
            return next;
    }
    return NULL;
}

void validate_blindness(const struct policy *policy, const bool *shadowed, struct diags *diags)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        size_t count;
        const uint32_t *order = matcher_order(policy->matcher, key, &count);

        for (size_t i = 0; i < count; i++) {
            const struct rule *rule = &policy->rules[order[i]], *next;
            uint32_t facts = set_facts(policy, rule->pattern.set) & FACTS_HOOK_BLIND;

            if (rule->pattern.kind != PATTERN_SET || !facts || shadowed[order[i]])
                continue;
            next = stricter_below(policy, rule, order + i + 1, count - i - 1, shadowed);
            if (!next)
                continue;
            diags_add(diags, DIAG_WARNING, rule->origin.file, rule->origin.line,
                      "%s: '%s' depends on %s, which the udev hook does not judge: it leaves every "
                      "device that may be in it alone, looser perhaps than '%s = %s' in %s:%u, "
                      "until the agent or 'apply' judges it",
                      key_info(key)->name, NAME_SHOWN(rule->pattern.text), fact_text(facts),
                      NAME_SHOWN(next->pattern.text), NAME_SHOWN(next->value_text),
                      NAME_SHOWN(next->origin.file), next->origin.line);
        }
    }
}
