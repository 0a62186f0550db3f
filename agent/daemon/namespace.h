/* The names of this network namespace in /run/netns, as ip-netns(8) gives them. The agent keeps the
 * namespace alive, and with it the cards that were moved there, so it has to end where somebody
 * deletes it by its name. */
#pragma once

#include "agent/daemon/loop.h"

/* Calls gone() once it has no name any more. A namespace that has none now may be anybody's, such
 * as a container's, and is not watched: 0, too. */
struct namespace_watch;
int namespace_watch_new(struct loop *loop, void (*gone)(void *data), void *data,
                        struct namespace_watch **ret);
struct namespace_watch *namespace_watch_free(struct namespace_watch *watch); /* after the loop */
