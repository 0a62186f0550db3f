/* The facts of policy routing and when to plan: the first message at once, a burst together, what
 * is expensive to read seldom. */
#include <stdlib.h>

#include "agent/daemon/ways_private.h"
#include "agent/kernel/effects.h"
#include "agent/system/leases.h"
#include "agent/system/meddlers.h"

/* Planning and reading may take this part of the time where messages do not end. */
#define PLAN_SHARE 4
#define FOREIGN_SHARE 20
#define READ_RETRY USEC_PER_SEC

/* Reading */

/* One whose lease was not looked for. */
static bool has_new_device(const struct ways *ways, const struct live *live)
{
    for (size_t i = 0; i < live->count; i++)
        if (!ways_record(ways, live->devices[i].ifindex) && ways_want(ways, &live->devices[i]))
            return true;
    return false;
}

static int read_files(struct ways *ways, const struct live *live)
{
    struct route_facts *facts = &ways->facts;
    int r;

    if (!ways->files && facts->n_leases == 0 && ways->states[ROUTES_IMPOSSIBLE] == 0 &&
        !has_new_device(ways, live))
        return 0;
    r = leases_read(ways->options.paths, policy_of(ways), live, &ways->networkd, facts);
    if (r < 0 || !ways->files)
        return r;
    for (size_t i = 0; i < facts->n_meddlers; i++) {
        free(facts->meddlers[i].name);
        free(facts->meddlers[i].evidence);
        free(facts->meddlers[i].cure);
    }
    facts->n_meddlers = 0;
    r = meddlers_read(ways->options.paths, policy_of(ways), live, facts);
    ways->files = r < 0;
    return r;
}

/* Where foreign routes are many they are not read for every message. */
static bool foreign_is_too_soon(struct ways *ways, uint64_t now)
{
    uint64_t at = ways->foreign + FOREIGN_SHARE * ways->foreign_cost;

    if (!(ways->read & ROUTES_READ_FOREIGN) || ways->foreign == 0 || now >= at)
        return false;
    ways_schedule(ways, at);
    return true;
}

static int read_kernel(struct ways *ways)
{
    uint64_t now = loop_now(ways->options.loop);
    unsigned read = ways->read;
    int r = 0;

    if (foreign_is_too_soon(ways, now))
        read &= ~(unsigned)ROUTES_READ_FOREIGN;
    if (read)
        r = ways->options.kernel->read_again(ways->options.nl, read, &ways->facts);
    if (r >= 0 && read & ROUTES_READ_FOREIGN) {
        ways->foreign = loop_now(ways->options.loop);
        ways->foreign_cost = ways->foreign - now;
    }
    for (size_t i = 0; r >= 0 && i < ways->n_dirty; i++)
        if (!(read & ROUTES_READ_ADDRESSES))
            r = ways->options.kernel->read_addresses_of(ways->options.nl, ways->dirty[i],
                                                        &ways->facts);
    if (r < 0)
        return r;
    ways->read &= ~read;
    ways->n_dirty = 0;
    return 0;
}

/* Planning */

static int by_number(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int by_ip(const void *a, const void *b)
{
    return ip_compare(a, b);
}

static void routes_done(struct watch_routes *routes)
{
    free(routes->tables);
    free(routes->peers);
}

/* Sorted; each peer once. */
static int list_routes(const struct routes_plan *plan, const struct route_effects *effects,
                       struct watch_routes *ret)
{
    struct watch_routes routes = {.tables = calloc(plan->n_devices + 1, sizeof(*routes.tables)),
                                  .peers = calloc(effects->n + 1, sizeof(*routes.peers))};

    if (!routes.tables || !routes.peers) {
        routes_done(&routes);
        return -ENOMEM;
    }
    for (size_t i = 0; i < plan->n_devices; i++)
        routes.tables[routes.n_tables++] = plan->devices[i].table;
    qsort(routes.tables, routes.n_tables, sizeof(*routes.tables), by_number);
    for (size_t i = 0; i < effects->n; i++)
        routes.peers[i] = effects->items[i].to;
    qsort(routes.peers, effects->n, sizeof(*routes.peers), by_ip);
    for (size_t i = 0; i < effects->n; i++)
        if (i == 0 || ip_compare(&routes.peers[i - 1], &routes.peers[i]) != 0)
            routes.peers[routes.n_peers++] = routes.peers[i];
    *ret = routes;
    return 0;
}

/* 1: other tables than before are watched from now on, and what is in them is to be read. Of other
 * peers nothing is to be read: they are looked up after this. */
static int follow_routes(struct ways *ways, const struct routes_plan *plan,
                         const struct route_effects *effects)
{
    struct watch_routes routes, *known = &ways->followed;
    bool same_tables, same;
    int r = list_routes(plan, effects, &routes);

    if (r < 0)
        return r;
    same_tables = routes.n_tables == known->n_tables &&
                  (routes.n_tables == 0 || memcmp(routes.tables, known->tables,
                                                  routes.n_tables * sizeof(*routes.tables)) == 0);
    same = same_tables && routes.n_peers == known->n_peers;
    for (size_t i = 0; same && i < routes.n_peers; i++)
        same = ip_compare(&routes.peers[i], &known->peers[i]) == 0;
    if (!same) {
        struct watch_routes before = *known;

        *known = routes;
        routes = before;
        ways->options.follow(known, ways->options.data);
    }
    routes_done(&routes);
    if (same_tables)
        return 0;
    ways->read |= ROUTES_READ_FOREIGN;
    ways->foreign = 0;
    return 1;
}

int ways_prove(struct ways *ways, const struct live *live, bool written,
               struct route_effects *effects, struct routes_plan *plan)
{
    int r = 0;

    if (effects->n > 0)
        r = ways->options.kernel->find_effects(ways->options.nl, &ways->facts, written, effects);
    if (r >= 0)
        r = routes_judge(policy_of(ways), live, effects, false, plan);
    return r;
}

static int make_plan(struct ways *ways, const struct live *live, struct routes_plan *ret,
                     struct route_effects *ret_effects)
{
    _cleanup_(route_effects_done) struct route_effects effects = {0};
    struct routes_plan plan = {0};
    int r;

    r = read_kernel(ways);
    if (r >= 0)
        r = read_files(ways, live);
    if (r >= 0)
        r = routes_plan(policy_of(ways), live, &ways->facts, false, &plan);
    if (r >= 0)
        r = routes_effects(live, &ways->facts, &plan, &effects);
    if (r >= 0)
        r = follow_routes(ways, &plan, &effects);
    if (r == 0)
        r = ways_prove(ways, live, false, &effects, &plan);
    if (r == 0) {
        *ret = plan;
        *ret_effects = effects;
        effects = (struct route_effects){0};
    } else {
        routes_plan_done(&plan);
    }
    return r;
}

static int plan_with(struct ways *ways, const struct live *live)
{
    _cleanup_(route_effects_done) struct route_effects effects = {0};
    struct routes_plan plan = {0};
    int r = make_plan(ways, live, &plan, &effects);

    if (r == 1)
        r = make_plan(ways, live, &plan, &effects); /* the same devices, so the same tables */
    if (r < 0)
        return r;
    ways->counters.plans++;
    r = ways_write(ways, live, &plan, &effects);
    routes_plan_done(&plan);
    return r;
}

static void plan_now(struct ways *ways)
{
    struct live *live = ways->options.devices(ways->options.data);
    uint64_t start = loop_now(ways->options.loop);
    int r;

    ways->due = false;
    paused_mark(ways->options.paused, live);
    r = plan_with(ways, live);
    ways->planned = loop_now(ways->options.loop);
    ways->plan_cost = ways->planned - start;
    if (r < 0) {
        if (!ways->read_failed)
            log_plain(ways->options.logger, LOG_EVENT_PLAIN, LOG_WARNING,
                      "Routes and rules could not be read: %s. Trying again", strerror(-r));
        ways_must_read(ways, ROUTES_READ_ALL);
        ways_schedule(ways, ways->planned + READ_RETRY);
    }
    ways->read_failed = r < 0;
    ways->options.changed(ways->options.data);
}

static void on_due(void *data)
{
    struct ways *ways = data;

    (void)loop_take_up(ways->options.loop); /* the time is noted, not needed here */
    plan_now(ways);
}

void ways_work(struct ways *ways)
{
    uint64_t at = ways->planned + PLAN_SHARE * ways->plan_cost;

    if (!ways->due || !ways->asked || !ways->started)
        return;
    if (ways->read_failed || loop_now(ways->options.loop) < at)
        ways_schedule(ways, ways->read_failed ? ways->planned + READ_RETRY : at);
    else
        plan_now(ways);
}

/* Leftovers of a policy that asked for routing are removed by one that does not; without a policy
 * nothing is written. */
void ways_resync(struct ways *ways)
{
    ways->started = true;
    if (!policy_of(ways) || (!ways->asked && ways->done))
        return;
    ways->done = true;
    ways->files = true;
    ways->n_dirty = 0;
    ways_must_read(ways, ways->asked ? ROUTES_READ_ALL : ROUTES_READ_OURS | ROUTES_READ_RULES);
    ways->hold = true;
    plan_now(ways);
    ways->hold = false;
}

void ways_finish(struct ways *ways)
{
    if (!ways->held)
        return;
    ways->held = false;
    plan_now(ways);
}

static void forget(struct ways *ways)
{
    routes_done(&ways->followed);
    route_facts_done(&ways->facts);
    for (size_t i = 0; i < ways->n_records; i++)
        free(ways->records[i].message);
    free(ways->records);
}

void ways_begin(struct ways *ways)
{
    bool asked = routing_in_policy(policy_of(ways));

    forget(ways);
    deadline_clear(&ways->due_at);
    *ways = (struct ways){.options = ways->options,
                          .asked = asked,
                          .started = ways->started,
                          .read = asked ? ROUTES_READ_ALL : 0, /* before anything is planned */
                          .networkd = ways->networkd,
                          .due_at = ways->due_at,
                          .counters = ways->counters};
    ways->options.follow(&ways->followed, ways->options.data);
}

bool ways_are_asked(const struct ways *ways)
{
    return ways->asked;
}

bool ways_are_planned(const struct ways *ways)
{
    return ways->n_records > 0;
}

void ways_pauses_changed(struct ways *ways)
{
    ways->done = false;
}

int ways_new(const struct ways_options *options, struct ways **ret)
{
    static const struct ways_kernel kernel = {.read_again = routes_read_again,
                                              .read_addresses_of = routes_read_addresses_of,
                                              .find_effects = effects_find,
                                              .carry_out = routes_carry_out};
    struct ways *ways = calloc(1, sizeof(*ways));

    if (!ways)
        return -ENOMEM;
    ways->options = *options;
    if (!ways->options.kernel)
        ways->options.kernel = &kernel;
    deadline_init(&ways->due_at, options->loop, on_due, ways);
    *ret = ways;
    return 0;
}

struct ways *ways_free(struct ways *ways)
{
    if (!ways)
        return NULL;
    forget(ways);
    deadline_done(&ways->due_at);
    networkd_done(&ways->networkd);
    free(ways);
    return NULL;
}
