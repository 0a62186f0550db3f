/* How a policy would best speak of a device, and whether a command can. */
#pragma once

#include "policy/base/name.h"

/* "eth0", "lxc*", "a?b". */
const char *device_pattern(const char *name, char buf[static NAME_ESCAPED_SIZE + 1]);

/* A name can hold anything, also what a shell would run: only a plain one can stand in a command.
 */
bool device_name_is_plain(const char *name);
