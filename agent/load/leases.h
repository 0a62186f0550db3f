/* Gateways from the leases that systemd-networkd and NetworkManager keep on disk, for devices whose
 * default route they were told not to install. */
#pragma once

#include "paths.h"
#include "routes.h"

/* Add the gateways of those devices that the policy wants routing for with `gateway = auto`. Files
 * that cannot be read or understood count as absent. Nothing where this network namespace is not
 * the host's, unless there is a root: leases are filed by ifindex. -ENOMEM, else 0. */
int leases_read(const struct paths *paths, const struct policy *policy, const struct live *live,
                struct route_facts *facts);
