/* Which rule wins for a device. Per key the rules lie in order of precedence, each with the first
 * bytes of its pattern in one word, so that nearly all of them are passed over by one comparison.
 */
#include "policy/lang/compile.h"

#include "policy/base/util.h"
#include "policy/lang/precedence.h"

struct slot {
    uint64_t prefix, mask; /* as in struct pattern */
};

struct matcher {
    struct {
        struct slot *slots;
        uint32_t *rules; /* indices into policy.rules, beside the slots */
        size_t count;
    } keys[KEY_COUNT];
};

static int build_key(const struct policy *policy, enum key key, struct matcher *matcher)
{
    size_t n = 0, room = 0;

    for (size_t i = 0; i < policy->n_rules; i++)
        room += policy->rules[i].key == key;
    if (room == 0)
        return 0;
    matcher->keys[key].slots = calloc(room, sizeof(struct slot));
    matcher->keys[key].rules = calloc(room, sizeof(uint32_t));
    if (!matcher->keys[key].slots || !matcher->keys[key].rules)
        return -ENOMEM;
    for (unsigned order = 0; order < 2 * RANK_COUNT; order++) {
        for (size_t i = policy->n_rules; i-- > 0;) {
            const struct rule *rule = &policy->rules[i];

            if (rule->key != key || rule_order(rule) != order)
                continue;
            matcher->keys[key].slots[n] = (struct slot){rule->pattern.prefix, rule->pattern.mask};
            matcher->keys[key].rules[n++] = (uint32_t)i;
        }
    }
    matcher->keys[key].count = n;
    return 0;
}

struct matcher *matcher_free(struct matcher *matcher)
{
    if (!matcher)
        return NULL;
    for (enum key key = 0; key < KEY_COUNT; key++) {
        free(matcher->keys[key].slots);
        free(matcher->keys[key].rules);
    }
    free(matcher);
    return NULL;
}

int matcher_new(const struct policy *policy, struct matcher **ret)
{
    struct matcher *matcher = calloc(1, sizeof(*matcher));
    int r = matcher ? 0 : -ENOMEM;

    for (enum key key = 0; key < KEY_COUNT && r >= 0; key++)
        r = build_key(policy, key, matcher);
    if (r < 0) {
        matcher_free(matcher);
        return r;
    }
    *ret = matcher;
    return 0;
}

const uint32_t *matcher_order(const struct matcher *matcher, enum key key, size_t *ret_count)
{
    *ret_count = matcher->keys[key].count;
    return matcher->keys[key].rules;
}

int policy_match_each(const struct policy *policy, enum key key, const struct device *device,
                      int (*fn)(const struct rule *rule, bool undecided, void *data), void *data)
{
    uint64_t name8 = pattern_name8(device->name);
    const struct slot *slots;
    size_t count;

    if (!policy->matcher)
        return 0;
    slots = policy->matcher->keys[key].slots;
    count = policy->matcher->keys[key].count;
    for (size_t i = 0; i < count; i++) {
        const struct rule *rule;
        int r;

        if ((name8 & slots[i].mask) != slots[i].prefix)
            continue;
        rule = &policy->rules[policy->matcher->keys[key].rules[i]];
        if (rule->pattern.kind == PATTERN_SET)
            r = set_matches(policy, rule->pattern.set, device);
        else
            r = pattern_matches_name(&rule->pattern, device->name);
        if (r == 0)
            continue;
        r = fn(rule, r < 0, data);
        if (r != 0)
            return r;
    }
    return 0;
}

struct winner {
    const struct rule *rule;
    const struct rule *undecided;
};

static int take_winner(const struct rule *rule, bool undecided, void *data)
{
    struct winner *winner = data;

    if (undecided) {
        if (!winner->undecided)
            winner->undecided = rule;
        return 0;
    }
    winner->rule = rule;
    return 1;
}

const struct rule *policy_match(const struct policy *policy, enum key key,
                                const struct device *device, const struct rule **ret_undecided)
{
    struct winner winner = {0};

    /* The winner tells all. */
    (void)policy_match_each(policy, key, device, take_winner, &winner);
    if (ret_undecided)
        *ret_undecided = winner.undecided;
    return winner.rule;
}
