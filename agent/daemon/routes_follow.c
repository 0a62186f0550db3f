/* The facts of policy routing and when to plan: the first message at once, a burst together, what
 * is expensive to read seldom. */
#include "agent/daemon/routes_follow.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>

#include "agent/daemon/agent.h"
#include "agent/engines/routes/routes_carry.h"
#include "agent/system/leases.h"
#include "agent/system/meddlers.h"

/* Planning and reading may take this part of the time where messages do not end. */
#define PLAN_SHARE 4
#define FOREIGN_SHARE 20
#define READ_RETRY USEC_PER_SEC

static bool is_active(const struct agent *agent)
{
    return policy_of(agent) && agent->routing.asked;
}

/* What others have or had in a place that interests us: all that may have changed unseen, too. */
static void mark(struct agent *agent, unsigned read)
{
    agent->routing.read |= read;
    agent->routing.due = true;
}

static void mark_addresses(struct agent *agent, int ifindex)
{
    struct agent_routing *routing = &agent->routing;

    routing->due = true;
    if (routing->read & ROUTES_READ_ADDRESSES)
        return;
    for (size_t i = 0; i < routing->n_dirty; i++)
        if (routing->dirty[i] == ifindex)
            return;
    if (routing->n_dirty == ELEMENTSOF(routing->dirty))
        mark(agent, ROUTES_READ_ADDRESSES);
    else
        routing->dirty[routing->n_dirty++] = ifindex;
}

/* The kernel itself may have taken routes away: no one is to blame. */
static void mark_taken(struct agent *agent, int ifindex)
{
    struct routing_record *record = agent_routing_record(agent, ifindex);

    mark(agent, ROUTES_READ_OURS | ROUTES_READ_FOREIGN);
    if (record)
        record->had = 0;
}

/* Messages */

static bool is_wanted(const struct agent *agent, const struct device *device)
{
    struct routing_settings settings;

    routing_for(policy_of(agent), device, &settings);
    return settings.wanted;
}

bool agent_routing_is_missing(const struct agent *agent, const struct device *device)
{
    const struct agent_routing *routing = &agent->routing;
    const struct routing_record *record = agent_routing_record(agent, device->ifindex);

    if (!is_active(agent) || !in_force_enforces(agent->in_force))
        return false;
    if (!record)
        return is_wanted(agent, device);
    return routing->records[0].missing || record->missing;
}

void agent_routing_mark(const struct agent *agent, struct live *live)
{
    for (size_t i = 0; i < live->count; i++)
        live->devices[i].held = agent_routing_is_missing(agent, &live->devices[i]);
}

/* When a device goes down its IPv4 routes go without a word. */
void agent_routing_on_link(struct agent *agent, const struct device *before,
                           const struct device *device)
{
    bool known = agent_routing_record(agent, device->ifindex) != NULL;

    if (!is_active(agent))
        return;
    if (before && ((before->flags ^ device->flags) & (IFF_UP | IFF_RUNNING)))
        mark_taken(agent, device->ifindex);
    else if (before && streq(before->name, device->name) && before->master == device->master)
        return;
    if (known || is_wanted(agent, device))
        mark_addresses(agent, device->ifindex);
}

void agent_routing_on_gone(struct agent *agent, int ifindex)
{
    if (!is_active(agent))
        return;
    mark_taken(agent, ifindex);
    mark_addresses(agent, ifindex);
}

/* The first of its family on a device is known from its message alone; among several the kernel's
 * order counts, which only a dump tells. */
static bool learn_first(struct agent *agent, const struct route_address *address)
{
    struct route_facts *facts = &agent->routing.facts;

    for (size_t i = 0; i < facts->n_addresses; i++)
        if (facts->addresses[i].ifindex == address->ifindex &&
            facts->addresses[i].local.ip.family == address->local.ip.family)
            return false;
    if (grow((void **)&facts->addresses, &facts->addresses_capacity, facts->n_addresses,
             sizeof(*facts->addresses)) < 0)
        return false;
    facts->addresses[facts->n_addresses++] = *address;
    agent->routing.due = true;
    return true;
}

/* What configures a device tells the kernel of its addresses again when it renews a lease. */
static void hear(const struct agent *agent, const struct route_address *address)
{
    struct routing_record *record = agent_routing_record(agent, address->ifindex);

    if (record && address->local.ip.family == AF_INET)
        record->heard = loop_now(agent->loop);
}

void agent_routing_on_lost(struct agent *agent)
{
    uint64_t now = loop_now(agent->loop);

    for (size_t i = 0; i < agent->routing.n_records; i++)
        agent->routing.records[i].heard = now;
}

/* An address that goes takes routes with it, without a word for IPv4. */
void agent_routing_on_address(struct agent *agent, const struct nlmsghdr *message)
{
    struct route_address address;

    if (!is_active(agent) || route_address_read_message(message, &address) < 0)
        return;
    hear(agent, &address);
    if (message->nlmsg_type == RTM_DELADDR)
        mark_taken(agent, address.ifindex);
    else if (learn_first(agent, &address))
        return;
    mark_addresses(agent, address.ifindex);
}

static int by_number(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Somebody else's route in the table of a device is in its way; one of them is known. */
static void on_foreign_route(struct agent *agent, const struct route *route, bool comes)
{
    const struct agent_routing *routing = &agent->routing;

    if (routing->n_tables == 0 || !bsearch(&route->table, routing->tables, routing->n_tables,
                                           sizeof(*routing->tables), by_number))
        return;
    if (!comes || !agent_routing_knows_foreign(&routing->facts, route))
        mark(agent, ROUTES_READ_FOREIGN);
}

void agent_routing_on_route(struct agent *agent, const struct nlmsghdr *message)
{
    struct route route;

    if (!is_active(agent) || route_read_message(message, &route) < 0)
        return;
    if (route.protocol != ROUTING_PROTOCOL && route.to.length > 0) {
        on_foreign_route(agent, &route, message->nlmsg_type == RTM_NEWROUTE);
        return;
    }
    /* Of several next hops one may come or go. */
    if (route.protocol != ROUTING_PROTOCOL &&
        (route.special || message->nlmsg_type == RTM_DELROUTE))
        mark(agent, ROUTES_READ_FOREIGN);
    else if (agent_routing_knows_route(&agent->routing.facts, &route) !=
             (message->nlmsg_type == RTM_NEWROUTE))
        mark(agent, route.protocol == ROUTING_PROTOCOL ? ROUTES_READ_OURS : ROUTES_READ_FOREIGN);
}

void agent_routing_on_rule(struct agent *agent, const struct nlmsghdr *message)
{
    struct route_rule rule;

    if (!is_active(agent) || route_rule_read_message(message, &rule) < 0)
        return;
    if (agent_routing_knows_rule(&agent->routing.facts, &rule) !=
        (message->nlmsg_type == RTM_NEWRULE))
        mark(agent, ROUTES_READ_RULES);
}

/* Reading */

/* One whose lease was not looked for. */
static bool has_new_device(const struct agent *agent, const struct live *live)
{
    for (size_t i = 0; i < live->count; i++)
        if (!agent_routing_record(agent, live->devices[i].ifindex) &&
            is_wanted(agent, &live->devices[i]))
            return true;
    return false;
}

static int read_files(struct agent *agent, const struct live *live)
{
    struct route_facts *facts = &agent->routing.facts;
    int r;

    if (!agent->routing.files && facts->n_leases == 0 &&
        agent->routing.states[ROUTES_IMPOSSIBLE] == 0 && !has_new_device(agent, live))
        return 0;
    r = leases_read(&agent->paths, policy_of(agent), live, &agent->routing.networkd, facts);
    if (r < 0 || !agent->routing.files)
        return r;
    for (size_t i = 0; i < facts->n_meddlers; i++) {
        free(facts->meddlers[i].name);
        free(facts->meddlers[i].evidence);
        free(facts->meddlers[i].cure);
    }
    facts->n_meddlers = 0;
    r = meddlers_read(&agent->paths, policy_of(agent), live, facts);
    agent->routing.files = r < 0;
    return r;
}

/* Where foreign routes are many they are not read for every message. */
static bool foreign_is_too_soon(struct agent *agent, uint64_t now)
{
    struct agent_routing *routing = &agent->routing;
    uint64_t at = routing->foreign + FOREIGN_SHARE * routing->foreign_cost;

    if (!(routing->read & ROUTES_READ_FOREIGN) || routing->foreign == 0 || now >= at)
        return false;
    agent_routing_schedule(agent, at);
    return true;
}

static int read_kernel(struct agent *agent)
{
    struct agent_routing *routing = &agent->routing;
    uint64_t now = loop_now(agent->loop);
    unsigned read = routing->read;
    int r = 0;

    if (foreign_is_too_soon(agent, now))
        read &= ~(unsigned)ROUTES_READ_FOREIGN;
    if (read)
        r = routes_read_again(&agent->nl, read, &routing->facts);
    if (r >= 0 && read & ROUTES_READ_FOREIGN) {
        routing->foreign = loop_now(agent->loop);
        routing->foreign_cost = routing->foreign - now;
    }
    for (size_t i = 0; r >= 0 && i < routing->n_dirty; i++)
        if (!(read & ROUTES_READ_ADDRESSES))
            r = routes_read_addresses_of(&agent->nl, routing->dirty[i], &routing->facts);
    if (r < 0)
        return r;
    routing->read &= ~read;
    routing->n_dirty = 0;
    return 0;
}

/* The table's devices in the shape the core wants them; they own nothing there. */
static int borrow_live(struct agent *agent, struct live *ret)
{
    struct live live = agent->special;

    live.devices = calloc(agent->table.count + 1, sizeof(*live.devices));
    if (!live.devices)
        return -ENOMEM;
    for (live.count = 0; live.count < agent->table.count; live.count++)
        live.devices[live.count] = agent->table.entries[live.count]->device;
    paused_mark(agent->paused, &live);
    *ret = live;
    return 0;
}

static void return_live(struct live *live)
{
    free(live->devices);
}

/* Planning */

static void tell_tables(struct agent *agent, const uint32_t *tables, size_t n)
{
    (void)watch_keep_tables(&agent->watches[WATCH_ROUTE].watch, tables, n);
    (void)watch_keep_tables(&agent->watches[WATCH_ROUTE6].watch, tables, n);
}

/* 1: other tables than before are watched from now on, and what is in them is to be read. */
static int watch_tables(struct agent *agent, const struct routes_plan *plan)
{
    struct agent_routing *routing = &agent->routing;
    size_t n = plan->n_devices;
    uint32_t *tables = calloc(n + 1, sizeof(*tables));

    if (!tables)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        tables[i] = plan->devices[i].table;
    qsort(tables, n, sizeof(*tables), by_number);
    if (n == routing->n_tables &&
        (n == 0 || memcmp(tables, routing->tables, n * sizeof(*tables)) == 0)) {
        free(tables);
        return 0;
    }
    tell_tables(agent, tables, n);
    free(routing->tables);
    routing->tables = tables;
    routing->n_tables = n;
    routing->read |= ROUTES_READ_FOREIGN;
    routing->foreign = 0;
    return 1;
}

static int make_plan(struct agent *agent, const struct live *live, struct routes_plan *ret)
{
    struct agent_routing *routing = &agent->routing;
    struct routes_plan plan = {0};
    int r;

    r = read_kernel(agent);
    if (r >= 0)
        r = read_files(agent, live);
    if (r >= 0)
        r = routes_plan(policy_of(agent), live, &routing->facts, false, &plan);
    if (r >= 0)
        r = watch_tables(agent, &plan);
    if (r == 0)
        *ret = plan;
    else
        routes_plan_done(&plan);
    return r;
}

static int plan_with(struct agent *agent, const struct live *live)
{
    struct agent_routing *routing = &agent->routing;
    struct routes_plan plan = {0};
    int r = make_plan(agent, live, &plan);

    if (r == 1)
        r = make_plan(agent, live, &plan); /* the same devices, so the same tables */
    if (r < 0)
        return r;
    routing->counters.plans++;
    agent_routing_write(agent, live, &plan);
    routes_plan_done(&plan);
    return 0;
}

static void plan_now(struct agent *agent)
{
    struct agent_routing *routing = &agent->routing;
    _cleanup_(return_live) struct live live = {0};
    uint64_t start = loop_now(agent->loop);
    int r;

    routing->due = false;
    r = borrow_live(agent, &live);
    if (r >= 0)
        r = plan_with(agent, &live);
    routing->planned = loop_now(agent->loop);
    routing->plan_cost = routing->planned - start;
    if (r < 0) {
        if (!routing->read_failed)
            log_plain(&agent->logger, LOG_EVENT_PLAIN, LOG_WARNING,
                      "Routes and rules could not be read: %s. Trying again", strerror(-r));
        mark(agent, ROUTES_READ_ALL);
        agent_routing_schedule(agent, routing->planned + READ_RETRY);
    }
    routing->read_failed = r < 0;
    agent_status_changed(agent);
}

static void on_due(void *data)
{
    struct agent *agent = data;

    (void)loop_take_up(agent->loop);
    plan_now(agent);
}

void agent_routing_schedule(struct agent *agent, uint64_t at)
{
    deadline_set_by(&agent->routing.due_at, at);
}

void agent_routing_work(struct agent *agent)
{
    struct agent_routing *routing = &agent->routing;
    uint64_t at = routing->planned + PLAN_SHARE * routing->plan_cost;

    if (!routing->due || !is_active(agent) || agent->generation == 0)
        return;
    if (routing->read_failed || loop_now(agent->loop) < at)
        agent_routing_schedule(agent, routing->read_failed ? routing->planned + READ_RETRY : at);
    else
        plan_now(agent);
}

/* Leftovers of a policy that asked for routing are removed by one that does not; without a policy
 * nothing is written. */
void agent_routing_resync(struct agent *agent)
{
    struct agent_routing *routing = &agent->routing;

    if (!policy_of(agent) || (!routing->asked && routing->done))
        return;
    routing->done = true;
    routing->files = true;
    routing->n_dirty = 0;
    mark(agent, routing->asked ? ROUTES_READ_ALL : ROUTES_READ_OURS | ROUTES_READ_RULES);
    routing->hold = true;
    plan_now(agent);
    routing->hold = false;
}

void agent_routing_finish(struct agent *agent)
{
    struct agent_routing *routing = &agent->routing;

    if (!routing->held)
        return;
    routing->held = false;
    plan_now(agent);
}

void agent_routing_init(struct agent *agent)
{
    deadline_init(&agent->routing.due_at, agent->loop, on_due, agent);
}

void agent_routing_begin(struct agent *agent)
{
    agent_routing_done(agent);
    agent->routing.asked = policy_of(agent) && routing_in_policy(policy_of(agent));
    if (agent->routing.asked)
        agent->routing.read = ROUTES_READ_ALL; /* before anything is planned */
}

void agent_routing_done(struct agent *agent)
{
    struct agent_routing *routing = &agent->routing;

    tell_tables(agent, NULL, 0);
    free(routing->tables);
    route_facts_done(&routing->facts);
    for (size_t i = 0; i < routing->n_records; i++)
        free(routing->records[i].message);
    free(routing->records);
    deadline_clear(&routing->due_at);
    *routing = (struct agent_routing){
        .networkd = routing->networkd, .counters = routing->counters, .due_at = routing->due_at};
}
