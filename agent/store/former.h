/* What there was before somebody else moved `all` or `default`, as root knows it. A plan that
 * undoes such a move keeps the values of then; those of the moment may be what the move made of
 * them.
 *
 * Root's record is ORDERS/former: per key, what `all` and `default` were when root saw last that
 * the policy in force has nothing to put right about them (or does not write), or what root wrote
 * to them since. A move that is to be undone leaves it as it is, so that another writer in a loop
 * cannot make its value the former one. What an agent of another user knows of it is not asked.
 *
 * A file that cannot be read tells nothing. 0 or a negative errno. */
#pragma once

#include "agent/base/paths.h"
#include "policy/facts/facts.h"
#include "policy/lang/policy.h"

struct former {
    key_mask known;
    int32_t all[KEY_COUNT], def[KEY_COUNT];
};

/* Of this boot; known is 0 where there is none. Needs no lock. */
int former_read(const struct paths *paths, struct former *ret);

/* What root knows from now on. Under the lock. Nothing where others than root call it. */
int former_write(const struct paths *paths, const struct former *former);

/* Bring keys up to date by a picture with its pauses: what is there counts where in_force has
 * nothing to put right about it; NULL: nothing is in force. The picture's own kept values count
 * before that, since they are of one who saw every move. */
void former_update(struct former *former, const struct policy *in_force, key_mask keys,
                   const struct live *live);

/* Put it into a picture for a plan: kept, kept_all, kept_def and who followed, of the keys of which
 * the picture does not have that. A device that root does not know may have followed `default`, or
 * is born since. */
int former_fill(const struct former *former, const struct paths *paths, struct live *live);

/* Read, update by the policy in force, and fill a picture of these keys: all that it takes to look.
 */
int former_look(const struct paths *paths, key_mask keys, struct live *live);

/* Bring root's record up to date by what is there and paused now: before a pause ends, since what
 * others write during one counts. Under the lock. Nothing where others than root call it. */
int former_refresh(const struct paths *paths);

/* Make of a picture of these keys one of what was there before moves that the policy in force
 * undoes. Under the lock. */
int former_picture(const struct paths *paths, key_mask keys, struct live *live);

/* What is there of these keys goes into root's records, into this one and, for each device that is
 * not in it yet, into that of before.h: before a policy is accepted that may change it. Under the
 * lock. Nothing where others than root call it. */
int former_note(const struct paths *paths, key_mask keys);
