/* Questions about rules and exceptions that need no device. */
#include <stdio.h>

#include "policy/lang/parser.h"
#include "policy/lang/precedence.h"

const char *policy_mode_name(enum policy_mode mode)
{
    return mode == MODE_ENFORCE ? "enforce" : "observe";
}

void rule_done(struct rule *rule)
{
    pattern_done(&rule->pattern);
    free(rule->value_text);
    rule->value_text = NULL;
}

const char *policy_hash_text(const struct policy *policy, char buf[17])
{
    snprintf(buf, 17, "%016llx", (unsigned long long)policy->hash);
    return buf;
}

/* The strongest rule of the key that has this pattern and is no exception. */
static const struct rule *strongest(const struct policy *policy, enum key key,
                                    enum pattern_kind kind)
{
    const struct rule *found = NULL;

    for (size_t i = policy->n_rules; i-- > 0;) {
        const struct rule *rule = &policy->rules[i];

        if (rule->key == key && rule->exception < 0 && rule->pattern.kind == kind &&
            (!found || rule_order(rule) < rule_order(found)))
            found = rule;
    }
    return found;
}

const struct rule *policy_pin(const struct policy *policy, enum key key, enum pattern_kind which)
{
    return strongest(policy, key, which);
}

const struct rule *policy_any(const struct policy *policy, enum key key)
{
    return strongest(policy, key, PATTERN_ANY);
}

bool rule_accepts(const struct rule *rule, int effective)
{
    for (unsigned i = 0; i < rule->n_values; i++) {
        if (rule->values[i] == effective)
            return true;
    }
    return false;
}

bool exception_expired(const struct exception *exception, int today)
{
    /* The day named is the last one on which it holds. */
    return exception->until != 0 && today > exception->until;
}
