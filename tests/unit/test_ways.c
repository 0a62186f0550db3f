/* Policy routing in the agent, over a kernel made of words and by a clock that stands still: what
 * is read, planned and written when, and who is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/daemon/conflict.h"
#include "agent/daemon/ways.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/lock.h"
#include "agent/store/pause.h"
#include "agent/store/policy_load.h"
#include "fake_clock.h"
#include "files.h"
#include "routes_world.h"

#define ROUTING "[routing]\neth1..2 = auto\n[routing *]\ngateway = first\n"
#define ENFORCING "[agent]\nmode = enforce\n" ROUTING
#define MAIN_TABLE 254
#define TABLE(device) (ROUTING_TABLE_BASE + (uint32_t)(device)->ifindex)

struct fixture {
    struct netlink nl; /* stands for the fixture where the kernel is asked: the first member */
    char *root;
    struct paths paths;
    struct logger logger;
    struct fake_clock fake;
    struct in_force *in_force;
    struct paused *paused;
    struct presence *presence;
    struct writing writing;
    struct ways *ways;
    struct world world;
    struct device *eth0, *eth1, *eth2;

    unsigned reads, last_read; /* how often, and ROUTES_READ_… */
    int asked_of;              /* the device whose addresses were read last */
    uint64_t cost;             /* of reading foreign routes */
    int read_error, refuses;   /* negative errno */
    const struct watch_routes *followed;
    int overruled; /* the device whose replies leave by eth0 */
    unsigned lookups;
    int lookup_error;       /* negative errno */
    const char *read_again; /* the latest reason */
};

/* The kernel. */

#define APPEND(facts, items, item)                                                                 \
    do {                                                                                           \
        assert_int_equal(grow((void **)&(facts)->items, &(facts)->items##_capacity,                \
                              (facts)->n_##items, sizeof(*(facts)->items)),                        \
                         0);                                                                       \
        (facts)->items[(facts)->n_##items++] = (item);                                             \
    } while (0)

static void read_routes(const struct route_facts *from, bool ours, struct route_facts *facts)
{
    size_t kept = 0;

    for (size_t i = 0; i < facts->n_routes; i++)
        if ((facts->routes[i].protocol == ROUTING_PROTOCOL) != ours)
            facts->routes[kept++] = facts->routes[i];
    facts->n_routes = kept;
    for (size_t i = 0; i < from->n_routes; i++)
        if ((from->routes[i].protocol == ROUTING_PROTOCOL) == ours)
            APPEND(facts, routes, from->routes[i]);
}

static int fake_read_addresses_of(struct netlink *nl, int ifindex, struct route_facts *facts)
{
    struct fixture *fixture = (struct fixture *)nl;
    const struct route_facts *from = &fixture->world.facts;
    size_t kept = 0;

    fixture->asked_of = ifindex;
    for (size_t i = 0; i < facts->n_addresses; i++)
        if (ifindex && facts->addresses[i].ifindex != ifindex)
            facts->addresses[kept++] = facts->addresses[i];
    facts->n_addresses = kept;
    for (size_t i = 0; i < from->n_addresses; i++)
        if (!ifindex || from->addresses[i].ifindex == ifindex)
            APPEND(facts, addresses, from->addresses[i]);
    return 0;
}

static int fake_read_again(struct netlink *nl, unsigned what, struct route_facts *facts)
{
    struct fixture *fixture = (struct fixture *)nl;
    const struct route_facts *from = &fixture->world.facts;

    fixture->reads++;
    fixture->last_read = what;
    if (fixture->read_error < 0)
        return fixture->read_error;
    if (what & ROUTES_READ_ADDRESSES)
        (void)fake_read_addresses_of(nl, 0, facts);
    if (what & ROUTES_READ_RULES)
        for (size_t i = facts->n_rules = 0; i < from->n_rules; i++)
            APPEND(facts, rules, from->rules[i]);
    if (what & ROUTES_READ_OURS)
        read_routes(from, true, facts);
    if (what & ROUTES_READ_FOREIGN) {
        read_routes(from, false, facts);
        fixture->fake.now += fixture->cost;
    }
    return 0;
}

static int fake_find_effects(struct netlink *nl, const struct route_facts *facts, bool written,
                             struct route_effects *effects)
{
    struct fixture *fixture = (struct fixture *)nl;

    for (size_t i = 0; i < effects->n; i++) {
        struct route_effect *effect = &effects->items[i];

        if (effect->pending != written)
            continue;
        fixture->lookups++;
        effect->found = effect->ifindex == fixture->overruled ? EFFECT_ELSEWHERE : EFFECT_LEAVES;
        effect->route = (struct route){.table = 52, .oif = fixture->eth0->ifindex};
    }
    return fixture->lookup_error;
}

static void fake_carry_out(struct netlink *nl, const struct routes_change *changes, size_t n,
                           const struct live *live, routes_report_t report, void *data)
{
    struct fixture *fixture = (struct fixture *)nl;

    assert_int_equal(lock_acquire(&fixture->paths, 0), -EBUSY);
    for (size_t i = 0; i < n; i++) {
        if (fixture->refuses == 0)
            world_carry_out(&fixture->world, &changes[i]);
        report(&changes[i], "", fixture->refuses ? CHANGE_FAILED : CHANGE_DONE, fixture->refuses,
               data);
    }
}

static const struct ways_kernel fake_kernel = {.read_again = fake_read_again,
                                               .read_addresses_of = fake_read_addresses_of,
                                               .find_effects = fake_find_effects,
                                               .carry_out = fake_carry_out};

/* The agent around it. */

static struct live *devices(void *data)
{
    struct fixture *fixture = data;

    fixture->world.live.devices = fixture->world.devices;
    return &fixture->world.live;
}

static void on_follow(const struct watch_routes *routes, void *data)
{
    ((struct fixture *)data)->followed = routes;
}

static void on_read_again(const char *reason, void *data)
{
    ((struct fixture *)data)->read_again = reason;
}

static void on_nothing(void *data)
{
}

static bool can_write(void *data)
{
    return true;
}

static void on_replaced(void *data)
{
    ways_begin(((struct fixture *)data)->ways);
}

static void on_pauses(void *data)
{
    ways_pauses_changed(((struct fixture *)data)->ways);
}

static void make_world(struct fixture *fixture)
{
    struct world *world = &fixture->world;

    world_init(world);
    fixture->eth0 = world_device(world, "eth0");
    fixture->eth1 = world_device(world, "eth1");
    fixture->eth2 = world_device(world, "eth2");
    fixture->eth1->flags |= IFF_RUNNING;
    fixture->eth2->flags |= IFF_RUNNING;
    world_address(world, "eth0", "172.16.4.4/24", 0);
    world_address(world, "eth1", "172.16.5.4/24", 0);
    world_address(world, "eth2", "172.16.6.4/24", 0);
    world_route(world, "eth0", MAIN_TABLE, "default via 172.16.4.1", RTPROT_BOOT);
}

static void make_parts(struct fixture *fixture)
{
    struct presence_options presence = {
        .paths = &fixture->paths, .logger = &fixture->logger, .lost = on_nothing};
    struct in_force_options in_force = {.paths = &fixture->paths,
                                        .loop = fixture->fake.loop,
                                        .logger = &fixture->logger,
                                        .can_write = can_write,
                                        .replaced = on_replaced,
                                        .changed = on_nothing,
                                        .data = fixture};
    struct paused_options paused = {.paths = &fixture->paths,
                                    .loop = fixture->fake.loop,
                                    .logger = &fixture->logger,
                                    .changed = on_pauses,
                                    .time_is_up = on_nothing,
                                    .data = fixture};
    const char *where;

    assert_int_equal(presence_new(&presence, &fixture->presence, &where), 0);
    assert_int_equal(in_force_new(&in_force, &fixture->in_force), 0);
    assert_int_equal(paused_new(&paused, &fixture->paused), 0);
    fixture->writing = (struct writing){.presence = fixture->presence,
                                        .in_force = fixture->in_force,
                                        .paused = fixture->paused,
                                        .read_again = on_read_again,
                                        .data = fixture};
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct ways_options options;

    assert_non_null(fixture);
    umask(022);
    fixture->root = files_root_new();
    assert_int_equal(paths_init(&(struct path_options){.root = fixture->root}, &fixture->paths), 0);
    fixture->logger.max_level = -1;
    assert_int_equal(fake_clock_begin(&fixture->fake), 0);
    make_world(fixture);
    make_parts(fixture);
    options = (struct ways_options){.paths = &fixture->paths,
                                    .nl = &fixture->nl,
                                    .kernel = &fake_kernel,
                                    .loop = fixture->fake.loop,
                                    .logger = &fixture->logger,
                                    .in_force = fixture->in_force,
                                    .paused = fixture->paused,
                                    .writing = &fixture->writing,
                                    .devices = devices,
                                    .follow = on_follow,
                                    .read_again = on_read_again,
                                    .changed = on_nothing,
                                    .data = fixture};
    assert_int_equal(ways_new(&options, &fixture->ways), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    ways_free(fixture->ways);
    paused_free(fixture->paused);
    in_force_free(fixture->in_force);
    presence_free(fixture->presence);
    loop_free(fixture->fake.loop);
    world_done(&fixture->world);
    paths_done(&fixture->paths);
    files_root_remove(fixture->root);
    free(fixture);
    return 0;
}

static void accept_text(struct fixture *fixture, const char *text)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;

    files_put_text(fixture->root, "/etc/rpfpolicy.d/10-test.conf", text);
    assert_int_equal(policy_load(&fixture->paths, &diags, &policy), 0);
    assert_int_equal(policy_accept(&fixture->paths, policy->hash, 0, &diags), 0);
}

/* As the agent does when a policy is accepted. */
static void enforce(struct fixture *fixture, const char *text)
{
    accept_text(fixture, text);
    assert_int_equal(in_force_take(fixture->in_force), 1);
    ways_resync(fixture->ways);
    ways_finish(fixture->ways);
}

/* What it tells. */

static json_int_t count_of(const struct fixture *fixture, const char *member)
{
    json_t *json = ways_json(fixture->ways);
    json_int_t count = json_integer_value(json_object_get(json, member));

    json_decref(json);
    return count;
}

static bool is_in_state(const struct fixture *fixture, size_t device, const char *state)
{
    json_t *json = ways_json(fixture->ways);
    json_t *item = json_array_get(json_object_get(json, "devices"), device);
    bool is = streq(json_string_value(json_object_get(item, "state")) ?: "", state);

    json_decref(json);
    return is;
}

/* Was it said that a value of the first device waits? */
static bool is_held(const struct fixture *fixture)
{
    json_t *json = ways_json(fixture->ways);
    bool is =
        json_is_true(json_object_get(json_array_get(json_object_get(json, "devices"), 0), "held"));

    json_decref(json);
    return is;
}

static size_t ours(const struct fixture *fixture)
{
    const struct route_facts *facts = &fixture->world.facts;
    size_t n = 0;

    for (size_t i = 0; i < facts->n_routes; i++)
        n += facts->routes[i].protocol == ROUTING_PROTOCOL;
    for (size_t i = 0; i < facts->n_rules; i++)
        n += facts->rules[i].protocol == ROUTING_PROTOCOL;
    return n;
}

/* For each device its subnet, its default and its rule; and one rule for main. */
#define ALL_OF_OURS 7

/* Messages of the kernel. */

struct buffer {
    _Alignas(struct nlmsghdr) char bytes[512];
};

static void put_ip(struct nlmsghdr *message, uint16_t type, const struct ip *ip)
{
    if (ip->family)
        mnl_attr_put(message, type, ip_bits(ip->family) / 8, ip->bytes);
}

static void tell_route(struct fixture *fixture, uint16_t type, uint16_t flags,
                       const struct route *route)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes);
    struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

    message->nlmsg_type = type;
    message->nlmsg_flags = flags;
    *header = (struct rtmsg){.rtm_family = route->family,
                             .rtm_dst_len = route->to.length,
                             .rtm_protocol = route->protocol,
                             .rtm_scope = route->scope,
                             .rtm_type = route->type};
    mnl_attr_put_u32(message, RTA_TABLE, route->table);
    if (route->to.length > 0)
        put_ip(message, RTA_DST, &route->to.ip);
    put_ip(message, RTA_GATEWAY, &route->via);
    put_ip(message, RTA_PREFSRC, &route->prefsrc);
    mnl_attr_put_u32(message, RTA_OIF, (uint32_t)route->oif);
    if (route->metric)
        mnl_attr_put_u32(message, RTA_PRIORITY, route->metric);
    ways_on_route(fixture->ways, message);
    ways_work(fixture->ways);
}

static void tell_rule(struct fixture *fixture, uint16_t type, const struct route_rule *rule)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes);
    struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

    message->nlmsg_type = type;
    *header = (struct fib_rule_hdr){.family = rule->family,
                                    .src_len = rule->from.length,
                                    .dst_len = rule->to.length,
                                    .action = rule->action};
    mnl_attr_put_u32(message, FRA_TABLE, rule->table);
    mnl_attr_put_u32(message, FRA_PRIORITY, rule->priority);
    mnl_attr_put_u32(message, FRA_SUPPRESS_PREFIXLEN, (uint32_t)rule->suppress_prefixlength);
    mnl_attr_put_u8(message, FRA_PROTOCOL, rule->protocol);
    if (rule->from.length > 0)
        put_ip(message, FRA_SRC, &rule->from.ip);
    if (rule->to.length > 0)
        put_ip(message, FRA_DST, &rule->to.ip);
    ways_on_rule(fixture->ways, message);
    ways_work(fixture->ways);
}

static void tell_address(struct fixture *fixture, uint16_t type,
                         const struct route_address *address)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes);
    struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

    message->nlmsg_type = type;
    *header = (struct ifaddrmsg){.ifa_family = address->local.ip.family,
                                 .ifa_prefixlen = address->local.length,
                                 .ifa_index = (uint32_t)address->ifindex};
    put_ip(message, IFA_LOCAL, &address->local.ip);
    put_ip(message, IFA_ADDRESS, &address->local.ip);
    ways_on_address(fixture->ways, message);
    ways_work(fixture->ways);
}

/* Somebody else takes our rule of the device away, and the kernel says so. */
static void take_rule_away(struct fixture *fixture, const struct device *device)
{
    struct route_facts *facts = &fixture->world.facts;

    for (size_t i = 0; i < facts->n_rules; i++)
        if (facts->rules[i].table == TABLE(device)) {
            struct route_rule rule = facts->rules[i];
            struct routes_change change = {.op = ROUTES_DELETE_RULE, .rule = rule};

            world_carry_out(&fixture->world, &change);
            tell_rule(fixture, RTM_DELRULE, &rule);
            return;
        }
    fail_msg("it has no rule");
}

/* ---- tests */

static void ways_are_made_once_and_their_echoes_change_nothing(void **state)
{
    struct fixture *fixture = *state;
    const struct route_facts *facts = &fixture->world.facts;
    unsigned reads;

    enforce(fixture, ENFORCING);
    assert_true(ways_are_asked(fixture->ways));
    assert_true(ways_are_planned(fixture->ways));
    assert_int_equal(ours(fixture), ALL_OF_OURS);
    assert_int_equal(fixture->followed->n_tables, 2);
    assert_true(is_in_state(fixture, 0, "ok"));
    reads = fixture->reads;
    for (size_t i = 0; i < facts->n_routes; i++)
        tell_route(fixture, RTM_NEWROUTE, NLM_F_REPLACE, &facts->routes[i]);
    for (size_t i = 0; i < facts->n_rules; i++)
        tell_rule(fixture, RTM_NEWRULE, &facts->rules[i]);
    fake_clock_pass(&fixture->fake, USEC_PER_SEC);
    assert_int_equal(fixture->reads, reads);
    assert_int_equal(count_of(fixture, "changes"), ALL_OF_OURS);
    assert_int_equal(count_of(fixture, "repairs"), 0);
}

static void without_the_mode_nothing_is_written(void **state)
{
    struct fixture *fixture = *state;

    enforce(fixture, "[agent]\nmode = observe\n" ROUTING);
    assert_int_equal(ours(fixture), 0);
    assert_true(is_in_state(fixture, 0, "drift"));
    assert_false(ways_are_missing(fixture->ways, fixture->eth1)); /* it holds no value either */
}

static void messages_before_the_first_reading_are_not_acted_on(void **state)
{
    struct fixture *fixture = *state;
    struct route_address *address = world_address(&fixture->world, "eth1", "172.16.5.9/24", 0);

    accept_text(fixture, ENFORCING);
    assert_int_equal(in_force_take(fixture->in_force), 1);
    tell_address(fixture, RTM_NEWADDR, address);
    assert_int_equal(fixture->reads, 0);
    ways_resync(fixture->ways);
    assert_int_equal(ours(fixture), ALL_OF_OURS + 1);
}

static void a_value_waits_until_the_ways_are_there(void **state)
{
    struct fixture *fixture = *state;
    int lock = lock_acquire(&fixture->paths, 0);

    assert_true(lock >= 0);
    enforce(fixture, ENFORCING);
    assert_int_equal(ours(fixture), 0);
    assert_true(ways_are_missing(fixture->ways, fixture->eth1));
    assert_false(ways_are_missing(fixture->ways, &(struct device){.ifindex = 9, .name = "eth9"}));
    assert_false(ways_await(fixture->ways, NULL));
    fake_clock_pass(&fixture->fake, 10 * USEC_PER_MSEC); /* the lock is still held */
    assert_true(ways_are_missing(fixture->ways, fixture->eth1));
    assert_null(fixture->read_again);
    lock_release(lock);
    fake_clock_pass(&fixture->fake, 10 * USEC_PER_MSEC);
    assert_int_equal(ours(fixture), ALL_OF_OURS);
    assert_false(ways_are_missing(fixture->ways, fixture->eth1));
    assert_string_equal(fixture->read_again, "policy routing is in place that values waited for");
}

static void what_is_not_needed_goes_when_no_device_is_strict_for_it(void **state)
{
    struct fixture *fixture = *state;

    enforce(fixture, ENFORCING);
    accept_text(fixture, "[agent]\nmode = enforce\n[routing]\neth1 = auto\n"
                         "[routing *]\ngateway = first\n");
    assert_int_equal(in_force_take(fixture->in_force), 1);
    ways_resync(fixture->ways);
    assert_int_equal(ours(fixture), ALL_OF_OURS);
    ways_finish(fixture->ways);
    assert_int_equal(ours(fixture), ALL_OF_OURS - 3);
    assert_int_equal(fixture->followed->n_tables, 1);
}

static void a_policy_without_routing_takes_away_what_is_left_once(void **state)
{
    struct fixture *fixture = *state;
    unsigned reads;

    enforce(fixture, ENFORCING);
    enforce(fixture, "[agent]\nmode = enforce\n[rp_filter]\n* = strict\n");
    assert_int_equal(ours(fixture), 0);
    assert_int_equal(fixture->followed->n_tables, 0);
    assert_false(ways_are_asked(fixture->ways));
    reads = fixture->reads;
    ways_resync(fixture->ways);
    assert_int_equal(fixture->reads, reads);
    ways_pauses_changed(fixture->ways);
    ways_resync(fixture->ways);
    assert_int_equal(fixture->reads, reads + 1);
}

static void a_refused_change_is_tried_again_ever_later(void **state)
{
    struct fixture *fixture = *state;
    json_int_t failures;

    fixture->refuses = -EPERM;
    enforce(fixture, ENFORCING);
    failures = count_of(fixture, "failures");
    assert_true(failures > 0);
    assert_true(ways_are_missing(fixture->ways, fixture->eth1));
    assert_false(is_held(fixture));
    assert_true(ways_await(fixture->ways, fixture->eth1));
    assert_false(ways_await(fixture->ways, fixture->eth1)); /* it is said once */
    for (unsigned twice = 0; twice < 3; twice++) {
        uint64_t wait = (200 * USEC_PER_MSEC) << twice;

        fake_clock_pass(&fixture->fake, wait - 1);
        assert_int_equal(count_of(fixture, "failures"), failures);
        fake_clock_pass(&fixture->fake, 1);
        assert_true(count_of(fixture, "failures") > failures);
        failures = count_of(fixture, "failures");
        assert_true(is_held(fixture)); /* said once for all of them */
    }
    fixture->refuses = 0;
    fake_clock_pass(&fixture->fake, (200 * USEC_PER_MSEC) << 3);
    assert_int_equal(ours(fixture), ALL_OF_OURS);
    assert_false(is_held(fixture));
    assert_non_null(fixture->read_again);
    assert_false(ways_are_missing(fixture->ways, fixture->eth1));
}

static void somebody_who_undoes_it_is_sat_out(void **state)
{
    struct fixture *fixture = *state;

    enforce(fixture, ENFORCING);
    for (unsigned i = 0; i < CONFLICT_FREE_REPAIRS; i++) {
        take_rule_away(fixture, fixture->eth1);
        assert_int_equal(ours(fixture), ALL_OF_OURS);
    }
    take_rule_away(fixture, fixture->eth1);
    assert_int_equal(ours(fixture), ALL_OF_OURS - 1);
    assert_true(ways_are_missing(fixture->ways, fixture->eth1));
    take_rule_away(fixture, fixture->eth2); /* others are not kept waiting */
    assert_int_equal(ours(fixture), ALL_OF_OURS - 1);
    fake_clock_pass(&fixture->fake, CONFLICT_FIRST_DELAY);
    assert_int_equal(ours(fixture), ALL_OF_OURS);
    assert_int_equal(count_of(fixture, "repairs"), CONFLICT_FREE_REPAIRS + 2);
}

static void where_the_kernel_takes_routes_away_nobody_is_blamed(void **state)
{
    struct fixture *fixture = *state;
    struct route_facts *facts = &fixture->world.facts;
    struct device before;

    enforce(fixture, ENFORCING);
    before = *fixture->eth1;
    for (size_t i = facts->n_routes; i-- > 0;)
        if (facts->routes[i].table == TABLE(fixture->eth1))
            facts->routes[i] = facts->routes[--facts->n_routes];
    before.flags = 0; /* it was down for a moment */
    ways_on_link(fixture->ways, &before, fixture->eth1);
    ways_work(fixture->ways);
    assert_int_equal(ours(fixture), ALL_OF_OURS);
    assert_int_equal(count_of(fixture, "repairs"), 0);
}

static void a_further_address_is_read_of_its_device_alone(void **state)
{
    struct fixture *fixture = *state;
    const struct route_address *address;
    unsigned reads;

    enforce(fixture, ENFORCING);
    reads = fixture->reads;
    address = world_address(&fixture->world, "eth2", "172.16.6.9/24", 0);
    tell_address(fixture, RTM_NEWADDR, address);
    assert_int_equal(fixture->asked_of, fixture->eth2->ifindex);
    assert_int_equal(fixture->reads, reads);
    assert_int_equal(ours(fixture), ALL_OF_OURS + 1);
}

static void foreign_routes_that_are_many_are_read_seldom(void **state)
{
    struct fixture *fixture = *state;
    struct route route;
    unsigned reads;

    fixture->cost = 10 * USEC_PER_MSEC;
    enforce(fixture, ENFORCING);
    reads = fixture->reads;
    route = *world_route(&fixture->world, "eth1", MAIN_TABLE, "default via 172.16.5.1", 3);
    fake_clock_pass(&fixture->fake, 100 * USEC_PER_MSEC);
    tell_route(fixture, RTM_NEWROUTE, 0, &route);
    assert_int_equal(fixture->reads, reads);
    fake_clock_pass(&fixture->fake, 100 * USEC_PER_MSEC);
    assert_int_equal(fixture->reads, reads + 1);
    assert_int_equal(fixture->last_read, ROUTES_READ_FOREIGN);
}

static void somebody_elses_route_in_our_table_is_a_conflict_while_it_is_there(void **state)
{
    struct fixture *fixture = *state;
    struct route_facts *facts = &fixture->world.facts;
    struct route route;
    unsigned reads;

    enforce(fixture, ENFORCING);
    reads = fixture->reads;
    route = *world_route(&fixture->world, "eth1", 77, "10.8.0.0/16", 3);
    tell_route(fixture, RTM_NEWROUTE, 0, &route);
    assert_int_equal(fixture->reads, reads); /* in a table of nobody */
    facts->n_routes--;
    route = *world_route(&fixture->world, "eth1", TABLE(fixture->eth1), "10.8.0.0/16", 3);
    tell_route(fixture, RTM_NEWROUTE, 0, &route);
    assert_true(is_in_state(fixture, 0, "conflict"));
    assert_true(is_in_state(fixture, 1, "ok"));
    assert_int_equal(ours(fixture), ALL_OF_OURS);
    facts->n_routes--;
    tell_route(fixture, RTM_DELROUTE, 0, &route);
    assert_true(is_in_state(fixture, 0, "ok"));
}

/* Of the one that was replaced the kernel says nothing. */
static void a_route_of_ours_that_was_replaced_is_missed(void **state)
{
    struct fixture *fixture = *state;
    struct route_facts *facts = &fixture->world.facts;
    struct route route;

    enforce(fixture, ENFORCING);
    for (size_t i = facts->n_routes; i-- > 0;)
        if (facts->routes[i].table == TABLE(fixture->eth1) && facts->routes[i].to.length == 0)
            facts->routes[i] = facts->routes[--facts->n_routes];
    route =
        *world_route(&fixture->world, "eth1", TABLE(fixture->eth1), "default via 172.16.5.9", 3);
    tell_route(fixture, RTM_NEWROUTE, NLM_F_REPLACE, &route);
    assert_int_equal(fixture->last_read, ROUTES_READ_OURS | ROUTES_READ_FOREIGN);
    assert_true(is_in_state(fixture, 0, "conflict"));
    facts->n_routes--;
    tell_route(fixture, RTM_DELROUTE, 0, &route);
    assert_true(is_in_state(fixture, 0, "ok"));
    assert_int_equal(ours(fixture), ALL_OF_OURS);
    route = *world_route(&fixture->world, "eth0", MAIN_TABLE, "default via 172.16.4.9", 3);
    tell_route(fixture, RTM_NEWROUTE, NLM_F_REPLACE, &route); /* a router's, without end */
    assert_int_equal(fixture->last_read, ROUTES_READ_FOREIGN);
}

static void what_cannot_be_read_is_tried_again(void **state)
{
    struct fixture *fixture = *state;

    fixture->read_error = -ENOBUFS;
    enforce(fixture, ENFORCING);
    assert_int_equal(ours(fixture), 0);
    assert_true(ways_are_missing(fixture->ways, fixture->eth1)); /* nothing is known of it */
    fixture->read_error = 0;
    fake_clock_pass(&fixture->fake, USEC_PER_SEC - 1);
    assert_int_equal(ours(fixture), 0);
    fake_clock_pass(&fixture->fake, 1);
    assert_int_equal(ours(fixture), ALL_OF_OURS);
}

/* Under the lock, by what is in the files then. */
static void what_was_accepted_or_paused_just_now_is_not_overrun(void **state)
{
    struct fixture *fixture = *state;

    enforce(fixture, ENFORCING);
    accept_text(fixture, "[agent]\nmode = observe\n" ROUTING);
    take_rule_away(fixture, fixture->eth1);
    assert_int_equal(ours(fixture), ALL_OF_OURS - 1);
    assert_string_equal(fixture->read_again, "another policy is accepted");
    accept_text(fixture, ENFORCING);
    files_put_text("", fixture->paths.paused, "damaged: everything is paused");
    ways_resync(fixture->ways);
    assert_int_equal(ours(fixture), ALL_OF_OURS - 1);
    assert_string_equal(fixture->read_again, "pauses were changed");
    ways_resync(fixture->ways);
    assert_true(is_in_state(fixture, 0, "paused"));
    assert_int_equal(ours(fixture), ALL_OF_OURS - 1);
}

static void new_ways_without_effect_keep_a_value_waiting(void **state)
{
    struct fixture *fixture = *state;

    fixture->overruled = fixture->eth1->ifindex;
    enforce(fixture, ENFORCING);
    assert_int_equal(ours(fixture), ALL_OF_OURS);
    assert_true(is_in_state(fixture, 0, "overruled"));
    assert_true(is_in_state(fixture, 1, "ok"));
    assert_true(ways_are_missing(fixture->ways, fixture->eth1));
    assert_false(ways_are_missing(fixture->ways, fixture->eth2));
    assert_true(ways_await(fixture->ways, fixture->eth1));
    assert_true(is_held(fixture));
}

/* Of the rules alone something is read. */
static void a_rule_that_wins_counts_while_it_is_there(void **state)
{
    struct fixture *fixture = *state;
    struct route_rule rule;
    unsigned reads;

    enforce(fixture, ENFORCING);
    reads = fixture->reads;
    fixture->overruled = fixture->eth1->ifindex;
    rule = *world_rule(&fixture->world, 5270, "172.16.5.4", 52, 3);
    tell_rule(fixture, RTM_NEWRULE, &rule);
    assert_true(is_in_state(fixture, 0, "overruled"));
    assert_true(ways_await(fixture->ways, fixture->eth1));
    assert_null(fixture->read_again);
    fixture->overruled = 0;
    fixture->world.facts.n_rules--;
    tell_rule(fixture, RTM_DELRULE, &rule);
    assert_true(is_in_state(fixture, 0, "ok"));
    assert_false(is_held(fixture));
    assert_string_equal(fixture->read_again, "policy routing is in place that values waited for");
    assert_int_equal(fixture->reads, reads + 2);
    assert_int_equal(fixture->last_read, ROUTES_READ_RULES);
}

/* For a route of somebody else it is looked up, and no table is read. */
static void a_route_that_wins_counts_while_it_is_there(void **state)
{
    struct fixture *fixture = *state;
    struct route route;
    unsigned reads, lookups;

    enforce(fixture, ENFORCING);
    assert_int_equal(fixture->followed->n_peers, 2 + 2 * 2);
    reads = fixture->reads;
    lookups = fixture->lookups;
    route = *world_route(&fixture->world, "eth0", MAIN_TABLE, "10.0.0.0/8 via 172.16.4.1", 3);
    tell_route(fixture, RTM_NEWROUTE, 0, &route);
    assert_int_equal(fixture->lookups, lookups);
    fixture->overruled = fixture->eth1->ifindex;
    route = *world_route(&fixture->world, "eth0", MAIN_TABLE, "0.0.0.0/1 via 172.16.4.1", 3);
    tell_route(fixture, RTM_NEWROUTE, 0, &route);
    assert_int_equal(fixture->lookups, 2 * lookups);
    assert_true(is_in_state(fixture, 0, "overruled"));
    fixture->overruled = 0;
    tell_route(fixture, RTM_DELROUTE, 0, &route);
    assert_true(is_in_state(fixture, 0, "ok"));
    assert_int_equal(fixture->reads, reads);
}

static void what_cannot_be_looked_up_keeps_a_value_waiting(void **state)
{
    struct fixture *fixture = *state;

    fixture->lookup_error = -ENOBUFS;
    enforce(fixture, ENFORCING);
    assert_int_equal(ours(fixture), 0); /* not even planned */
    assert_true(ways_are_missing(fixture->ways, fixture->eth1));
    fixture->lookup_error = 0;
    fake_clock_pass(&fixture->fake, USEC_PER_SEC);
    assert_int_equal(ours(fixture), ALL_OF_OURS);
    assert_false(ways_are_missing(fixture->ways, fixture->eth1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(ways_are_made_once_and_their_echoes_change_nothing),
        TEST(without_the_mode_nothing_is_written),
        TEST(messages_before_the_first_reading_are_not_acted_on),
        TEST(a_value_waits_until_the_ways_are_there),
        TEST(what_is_not_needed_goes_when_no_device_is_strict_for_it),
        TEST(a_policy_without_routing_takes_away_what_is_left_once),
        TEST(a_refused_change_is_tried_again_ever_later),
        TEST(somebody_who_undoes_it_is_sat_out),
        TEST(where_the_kernel_takes_routes_away_nobody_is_blamed),
        TEST(a_further_address_is_read_of_its_device_alone),
        TEST(foreign_routes_that_are_many_are_read_seldom),
        TEST(somebody_elses_route_in_our_table_is_a_conflict_while_it_is_there),
        TEST(a_route_of_ours_that_was_replaced_is_missed),
        TEST(what_cannot_be_read_is_tried_again),
        TEST(what_was_accepted_or_paused_just_now_is_not_overrun),
        TEST(new_ways_without_effect_keep_a_value_waiting),
        TEST(a_rule_that_wins_counts_while_it_is_there),
        TEST(a_route_that_wins_counts_while_it_is_there),
        TEST(what_cannot_be_looked_up_keeps_a_value_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
