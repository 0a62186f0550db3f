/* Which kind of rule comes before which: the one order of the policy language. Within a rank the
 * later line wins. */
#pragma once

#include "policy/lang/policy.h"

/* Strongest first. */
enum rank {
    RANK_EXCEPTION,
    RANK_NAME, /* an exact name or a range */
    RANK_GLOB, /* a glob or a set */
    RANK_ANY,  /* the bare * */
    RANK_COUNT,
    RANK_PIN = RANK_COUNT, /* stands beside them: it speaks of `all` or `default` */
};

enum rank pattern_rank(const struct pattern *pattern); /* of a line that is no exception */
enum rank rule_rank(const struct rule *rule);

/* Why a rule of this rank wins; and why one of another rank loses to it. Static. */
const char *rank_wins(enum rank rank);
const char *rank_beats(enum rank rank);

#define PRESET_FILE_PREFIX "20-preset-" /* of the copies that `preset enable` makes */

/* Does the rule lose to this stronger one only since that one's file, the copy of a preset, is read
 * later? Then it would win in a file that sorts behind it. */
bool rule_stands_before_preset(const struct rule *rule, const struct rule *stronger);
bool policy_file_is_preset(const char *file);
