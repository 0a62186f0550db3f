/* Which kind of rule comes before which, and the words for that. */
#include "policy/lang/precedence.h"

#include "policy/base/util.h"

enum rank pattern_rank(const struct pattern *pattern)
{
    switch (pattern->kind) {
    case PATTERN_EXACT:
    case PATTERN_RANGE:
        return RANK_NAME;
    case PATTERN_GLOB:
    case PATTERN_SET:
        return RANK_GLOB;
    case PATTERN_ANY:
        return RANK_ANY;
    case PATTERN_ALL:
    case PATTERN_DEFAULT:
        break;
    }
    return RANK_PIN;
}

enum rank rule_rank(const struct rule *rule)
{
    return rule->exception >= 0 ? RANK_EXCEPTION : pattern_rank(&rule->pattern);
}

static const struct {
    const char *wins, *beats;
} words[] = {
    [RANK_EXCEPTION] = {"wins: an exception comes first", "loses: an exception comes first"},
    [RANK_NAME] = {"wins: an exact name beats globs and sets", "loses to an exact name"},
    [RANK_GLOB] = {"wins: no exact name speaks of it", "loses: the bare * comes last"},
    [RANK_ANY] = {"wins: nothing more special speaks of it", "loses"},
    [RANK_PIN] = {"decides", "loses: `default` itself is pinned"},
};

const char *rank_wins(enum rank rank)
{
    return words[rank].wins;
}

const char *rank_beats(enum rank rank)
{
    return words[rank].beats;
}

bool policy_file_is_preset(const char *file)
{
    const char *slash = strrchr(file, '/');

    return startswith(slash ? slash + 1 : file, PRESET_FILE_PREFIX);
}

unsigned rule_order(const struct rule *rule)
{
    return 2 * (unsigned)rule_rank(rule) + policy_file_is_preset(rule->origin.file);
}

bool rule_yields(const struct rule *rule, const struct rule *stronger)
{
    return rule_rank(rule) == rule_rank(stronger) && rule_order(rule) > rule_order(stronger);
}
