/* Which kind of rule comes before which: the one order of the policy language. Within a rank the
 * administrator's lines come before those of presets, and then the later line wins. */
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

bool policy_file_is_preset(const char *file);

/* Rank and origin in one number below RULE_ORDERS, the smaller one wins; among equals the later
 * line. Also for pins. */
#define RULE_ORDERS (2 * (RANK_PIN + 1))
unsigned rule_order(const struct rule *rule);

/* Is this a preset's line that loses only since the stronger one is the administrator's? */
bool rule_yields(const struct rule *rule, const struct rule *stronger);
