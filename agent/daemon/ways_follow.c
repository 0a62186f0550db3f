/* What each message of the kernel means for policy routing: nothing, or that something is to be
 * read again and planned with. */
#include <linux/if.h>
#include <linux/rtnetlink.h>

#include "agent/daemon/ways_private.h"

static void mark_addresses(struct ways *ways, int ifindex)
{
    ways->due = true;
    if (ways->read & ROUTES_READ_ADDRESSES)
        return;
    for (size_t i = 0; i < ways->n_dirty; i++)
        if (ways->dirty[i] == ifindex)
            return;
    if (ways->n_dirty == ELEMENTSOF(ways->dirty))
        ways_must_read(ways, ROUTES_READ_ADDRESSES);
    else
        ways->dirty[ways->n_dirty++] = ifindex;
}

/* The kernel itself may have taken routes away: no one is to blame. */
static void mark_taken(struct ways *ways, int ifindex)
{
    struct ways_record *record = ways_record(ways, ifindex);

    ways_must_read(ways, ROUTES_READ_OURS | ROUTES_READ_FOREIGN);
    if (record)
        record->had = 0;
}

/* Messages */

bool ways_want(const struct ways *ways, const struct device *device)
{
    struct routing_settings settings;

    routing_for(policy_of(ways), device, &settings);
    return settings.wanted;
}

bool ways_are_missing(const struct ways *ways, const struct device *device)
{
    const struct ways_record *record = ways_record(ways, device->ifindex);

    if (!ways->asked || !in_force_enforces(ways->options.in_force))
        return false;
    if (!record)
        return ways_want(ways, device);
    return ways->records[0].missing || record->missing;
}

void ways_mark(const struct ways *ways, struct live *live)
{
    for (size_t i = 0; i < live->count; i++)
        live->devices[i].held = ways_are_missing(ways, &live->devices[i]);
}

/* When a device goes down its IPv4 routes go without a word. */
void ways_on_link(struct ways *ways, const struct device *before, const struct device *device)
{
    bool known = ways_record(ways, device->ifindex) != NULL;

    if (!ways->asked)
        return;
    if (before && ((before->flags ^ device->flags) & (IFF_UP | IFF_RUNNING)))
        mark_taken(ways, device->ifindex);
    else if (before && streq(before->name, device->name) && before->master == device->master)
        return;
    if (known || ways_want(ways, device))
        mark_addresses(ways, device->ifindex);
}

void ways_on_gone(struct ways *ways, int ifindex)
{
    if (!ways->asked)
        return;
    mark_taken(ways, ifindex);
    mark_addresses(ways, ifindex);
}

/* The first of its family on a device is known from its message alone; among several the kernel's
 * order counts, which only a dump tells. */
static bool learn_first(struct ways *ways, const struct route_address *address)
{
    struct route_facts *facts = &ways->facts;

    for (size_t i = 0; i < facts->n_addresses; i++)
        if (facts->addresses[i].ifindex == address->ifindex &&
            facts->addresses[i].local.ip.family == address->local.ip.family)
            return false;
    if (grow((void **)&facts->addresses, &facts->addresses_capacity, facts->n_addresses,
             sizeof(*facts->addresses)) < 0)
        return false;
    facts->addresses[facts->n_addresses++] = *address;
    ways->due = true;
    return true;
}

/* What configures a device tells the kernel of its addresses again when it renews a lease. */
static void hear(const struct ways *ways, const struct route_address *address)
{
    struct ways_record *record = ways_record(ways, address->ifindex);

    if (record && address->local.ip.family == AF_INET)
        record->heard = loop_now(ways->options.loop);
}

void ways_on_lost(struct ways *ways)
{
    uint64_t now = loop_now(ways->options.loop);

    for (size_t i = 0; i < ways->n_records; i++)
        ways->records[i].heard = now;
}

/* An address that goes takes routes with it, without a word for IPv4. */
void ways_on_address(struct ways *ways, const struct nlmsghdr *message)
{
    struct route_address address;

    if (!ways->asked || route_address_read_message(message, &address) < 0)
        return;
    hear(ways, &address);
    if (message->nlmsg_type == RTM_DELADDR)
        mark_taken(ways, address.ifindex);
    else if (learn_first(ways, &address))
        return;
    mark_addresses(ways, address.ifindex);
}

static bool is_table_of_device(const struct ways *ways, uint32_t table)
{
    const struct watch_routes *followed = &ways->followed;
    size_t at = SORTED_PLACE(followed->n_tables, i, followed->tables[i] < table);

    return at < followed->n_tables && followed->tables[at] == table;
}

/* Does it lead to one by which the effect is proven? */
static bool leads_to_peer(const struct ways *ways, const struct route *route)
{
    for (size_t i = 0; i < ways->followed.n_peers; i++)
        if (ip_prefix_contains(&route->to, &ways->followed.peers[i]))
            return true;
    return false;
}

/* ROUTES_READ_… replaces: another one of its table went for it, without a word, maybe ours. */
static unsigned unread_after(const struct ways *ways, const struct route *route, bool comes,
                             bool replaces)
{
    const struct route_facts *facts = &ways->facts;
    bool ours = route->protocol == ROUTING_PROTOCOL;

    if (ours && facts_know_route(facts, route) == comes)
        return 0;
    if (replaces && is_table_of_device(ways, route->table))
        return ROUTES_READ_OURS | ROUTES_READ_FOREIGN;
    if (ours)
        return ROUTES_READ_OURS;
    /* In the table of a device it is in the way; one of them is known. */
    if (route->to.length > 0)
        return is_table_of_device(ways, route->table) &&
                       !(comes && facts_know_foreign(facts, route))
                   ? ROUTES_READ_FOREIGN
                   : 0;
    /* Of several next hops one may come or go. */
    if (comes && !route->special && facts_know_route(facts, route))
        return 0;
    return ROUTES_READ_FOREIGN;
}

void ways_on_route(struct ways *ways, const struct nlmsghdr *message)
{
    bool comes = message->nlmsg_type == RTM_NEWROUTE;
    struct route route;
    unsigned unread;

    if (!ways->asked || route_read_message(message, &route) < 0)
        return;
    unread = unread_after(ways, &route, comes, comes && message->nlmsg_flags & NLM_F_REPLACE);
    if (unread)
        ways_must_read(ways, unread);
    else if (route.protocol != ROUTING_PROTOCOL && route.to.length > 0 &&
             leads_to_peer(ways, &route))
        ways->due = true; /* to be looked up; what is known of routes does not change */
}

void ways_on_rule(struct ways *ways, const struct nlmsghdr *message)
{
    struct route_rule rule;

    if (!ways->asked || route_rule_read_message(message, &rule) < 0)
        return;
    if (facts_know_rule(&ways->facts, &rule) != (message->nlmsg_type == RTM_NEWRULE))
        ways_must_read(ways, ROUTES_READ_RULES);
}
