/* Which process holds a socket, by the links in /proc/PID/fd: as far as they may be read. */
#pragma once

#include "agent/peers/peers.h"

/* Fill pid, process and program of every peer that has a socket. What cannot be read stays unknown;
 * looks at a bounded number of descriptors. */
void owners_find(struct peers *peers);
