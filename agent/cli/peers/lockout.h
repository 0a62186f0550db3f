/* Not locking the administrator out: SSH sessions, and peers that the policy of the session
 * protects, among those that a plan would cut. */
#pragma once

#include "agent/cli/engines/reports.h"
#include "agent/cli/peers/impact_report.h"
#include "agent/engines/routes/routes_engine.h"

/* Who is about to write, or to let a running agent do so. */
enum lockout_verb {
    LOCKOUT_APPLY,
    LOCKOUT_OBSERVE, /* nobody: what 'apply' would do, were it not for the mode */
    LOCKOUT_ACCEPT,
    LOCKOUT_ROUTES,
    LOCKOUT_FLUSH, /* of routes */
    LOCKOUT_PAUSE, /* with an end, where there was none */
    LOCKOUT_RESUME,
    LOCKOUT_RESTORE,
};

/* Before that: say on stderr who would be cut by the values of the plan and by what becomes of
 * policy routing (NULL: nothing). -EPERM after refusing, where one of those is among them; with
 * --force, --confirm and --dry-run, and where nobody writes, it is only warned. The peers are put
 * into *ret (to be freed by peers_done()); 1 where it is not known who they are, and that was
 * allowed. */
int lockout_check(struct session *session, const struct plan *plan,
                  const struct routes_plan *routes, enum lockout_verb verb, struct peers *ret);

/* Does an agent that runs carry the policy of the session out on the devices that are there, once
 * that is in force? Without an agent only devices that come are written. */
bool lockout_agent_writes(const struct session *session);

/* What that agent will do by the policy of the session, to a live picture that says what is paused.
 * The session was read with engines_keys(engine_rows), too. A negative errno after saying why. */
struct lockout_plan {
    struct plan values;
    struct reports reports;
};
int lockout_plan(struct session *session, struct lockout_plan *ret);
void lockout_plan_done(struct lockout_plan *plan);
#define _cleanup_lockout_plan_ _cleanup_(lockout_plan_done)

/* The same for the time when every pause that has an end is over: nobody is there then who could be
 * refused. At a pause without an end `resume` looks. The session's marks stay. */
int lockout_plan_ahead(struct session *session, struct lockout_plan *ret);

/* For `check`: hand a warning to the judge for each device on which a session would be cut, policy
 * routing included. Looks for nobody where no device becomes stricter and no way changes. */
int lockout_warn(struct session *session, const struct routes_plan *routes);
