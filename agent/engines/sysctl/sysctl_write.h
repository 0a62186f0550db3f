/* Carrying out one write of a plan of values. */
#pragma once

#include "agent/kernel/procsys.h"
#include "policy/decide/plan.h"

/* By /proc/sys, or where that is read-only by RTM_SETLINK. -ENODEV: the device is gone, which is
 * success for most; -ESTALE: it lives, but has another name. */
int sysctl_write(const struct procsys *procsys, struct netlink *nl, const struct write *write);
