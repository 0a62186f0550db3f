/* Keeping the accepted policy that was in force, while a new one awaits confirmation. A second name
 * of its very file, so that going back is one rename(2) that needs no room on the disk. While it is
 * there and nobody waits for a confirmation, since the system went down, it is the one in force. */
#pragma once

#include "agent/base/paths.h"

/* Keep what is in force now; an empty file stands for "nothing is accepted". */
int accepted_hold(const struct paths *paths);

/* Bring back what was kept, if anything was: the same bytes, or nothing accepted at all. */
int accepted_put_back(const struct paths *paths);

/* What was kept is no longer needed. */
int accepted_let_go(const struct paths *paths);

/* The file that is in force. */
const char *accepted_in_force(const struct paths *paths);
