/* The person's side of `apply --confirm`: starting it, the prompt, and what came of it. */
#pragma once

#include "agent/change/confirm.h"
#include "agent/cli/frame/cli.h"
#include "agent/cli/session/session.h"

/* A negative errno after saying that an apply awaits its confirmation: then nothing else may write
 * policy or values; or that what was given with --confirm is no time. */
int confirming_refuse(struct cli *cli);

/* Start the guardian, for the time given with --confirm. A negative errno after saying why not. */
int confirming_begin(struct cli *cli, struct confirm *ret);

/* The same for a trial of these terms. */
int confirming_begin_by(struct cli *cli, const struct confirm_terms *terms, struct confirm *ret);

/* Tell the guardian what agent and hook may write by the policy of the session, before they can:
 * they cannot always write it down. Under the lock, before the policy is accepted. */
int confirming_announce(struct confirm *confirm, const struct session *session);

/* All is written, `status` is what apply would return: ask, wait, and tell. Returns the status. */
int confirming_ask(struct cli *cli, struct confirm *confirm, int status);

/* Something went wrong: put back what was written, and tell. Returns EXIT_ERROR. */
int confirming_give_up(struct cli *cli, struct confirm *confirm);
