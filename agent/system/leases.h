/* Gateways from the leases that systemd-networkd and NetworkManager know of, for devices whose
 * default route they were told not to install. */
#pragma once

#include "agent/base/paths.h"
#include "policy/routes/routes.h"

/* Find the gateways of those devices that the policy wants routing for with `gateway = auto`; no
 * other device is looked at. systemd-networkd 261 and later is asked (networkd.h), what the others
 * know is in files. What cannot be read or understood is as good as absent, and said in the record
 * of a device where nothing else names its gateway; but what was in the facts before, and is
 * replaced, stays for a device of which systemd-networkd cannot tell this time. Nothing where this
 * network namespace is not the host's, unless there is a root: leases are filed by ifindex.
 * networkd: a conversation that is kept, or NULL. -ENOMEM, else 0. */
struct networkd;
int leases_read(const struct paths *paths, const struct policy *policy, const struct live *live,
                struct networkd *networkd, struct route_facts *facts);
