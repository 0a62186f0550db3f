/* Peers against items. */
#include "agent/peers/protected.h"

bool protect_covers(const struct protected_peer *item, const struct peer *peer)
{
    struct ip address = ip_of_ipv4(peer->address);

    if (item->port == 0)
        return ip_prefix_contains(&item->prefix, &address);
    return peer->proto == item->proto && !peer->passing &&
           (peer->port == item->port || peer->local_port == item->port);
}

const struct protected_peer *protect_find(const struct policy *policy, const struct peer *peer)
{
    for (size_t i = 0; i < policy->agent.n_protect; i++)
        if (protect_covers(&policy->agent.protect[i], peer))
            return &policy->agent.protect[i];
    return NULL;
}
