/* Advice as it is printed by every verb that gives it: what is guilty, what was not looked at, and
 * the cures with what they cost, as text and as JSON. */
#pragma once

#include "agent/advice/advise.h"
#include "agent/cli/out/output.h"

/* "    [routing]\n    eth1 = auto\n …" with what they cost; "" where it passes. apply: the command
 * that carries out lines of the policy, session_apply_command(). Owned; NULL when memory ran out.
 */
char *advice_cures_text(const char *apply, const struct advice *advice);

/* Culprit, note and cures. -ENOMEM, else 0. */
int advice_print(struct output *out, const char *apply, const struct advice *advice);

/* Members culprit, note and cures of the object. */
void advice_set_json(json_t *object, const struct advice *advice);
