/* What `all` and `default` were before somebody else moved them: of then are the values that a
 * repair keeps. Apart from agent->special, which is what is there now.
 *
 * What is there becomes this state, whoever wrote it, as long as the agent has nothing to put right
 * about `all` and `default` of the key: nobody speaks of them, they are as the policy wants them,
 * paused, or only observed. A move that is to be undone leaves it as it was, however long the agent
 * waits for the lock or for another writer, and whatever is read meanwhile. The same goes for what
 * each device had configured (entry.kept): it tells who only went with `default`. */
#pragma once

#include "policy/facts/facts.h"

struct agent;

struct kept {
    key_mask known;   /* keys that the policy manages, once they were read */
    key_mask settled; /* of these, by the last full read: what is there is the state */
    int32_t all[KEY_COUNT], def[KEY_COUNT];
};

/* Put the state into a picture, for a plan: kept, kept_all, kept_def and who followed. A key that
 * is new has no earlier state than the picture; but at the start, where this boot's record tells
 * what was written to `all` and `default` last, it is that. */
void kept_fill(struct agent *agent, struct live *live);

/* By the targets that were computed from the picture: make it the state where nothing is left to
 * put right. To be followed by agent_merge(), which does the same for devices. */
void kept_take(struct agent *agent, struct live *live);

/* Is something about `all` or `default` of the key to be put right now? */
bool kept_drifts(const struct agent *agent, enum key key);
