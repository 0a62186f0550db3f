/* The world kept up by notifications against a fresh one, after random events in a real network
 * namespace: devices that come, go, are renamed, moved and enslaved, addresses, values that are
 * written, rules and routes. Arguments: how many events, and a seed to repeat a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/kernel/world.h"
#include "sandbox.h"

#define DEVICES 6
#define LOOKS_MAX 50 /* at a kernel that does not come to rest */
#define MESSAGE_SIZE (64 * 1024)

static unsigned events = 200, seed;

struct follower {
    struct netlink nl;
    struct mnl_socket *socket; /* all groups in one: in the order in which things happened */
    pid_t elsewhere;           /* a process in another namespace */
    uint64_t random;
    unsigned stale;
    struct world world;
    char story[64 * 1024];
    size_t told;
};

static uint32_t draw(struct follower *f, uint32_t below)
{
    f->random = f->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(f->random >> 33) % below;
}

static const struct picture_options picture = {
    .keys = KEY_MASK_ALL,
    .facts = FACT_ADDRESSES | FACT_ROUTES | FACT_MASTER_NAME | FACT_MAC | FACT_ALTNAMES,
    .proc_sys_net = "/proc/sys/net",
};

static int set_up(void **state)
{
    static const int groups[] = {RTNLGRP_LINK,        RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV4_IFADDR,
                                 RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,   RTNLGRP_IPV6_ROUTE,
                                 RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE};
    struct follower *f = calloc(1, sizeof(*f));
    int size = 16 * 1024 * 1024;

    assert_non_null(f);
    f->random = seed;
    f->elsewhere = fork();
    if (f->elsewhere == 0) {
        if (unshare(CLONE_NEWNET) == 0)
            (void)pause();
        _exit(1);
    }
    /* without link-local addresses, which are told only once nobody else has them */
    run("echo 1 > /proc/sys/net/ipv6/conf/default/addr_gen_mode");
    assert_int_equal(netlink_open(&f->nl), 0);
    f->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_non_null(f->socket);
    (void)setsockopt(mnl_socket_get_fd(f->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    assert_int_equal(mnl_socket_bind(f->socket, 0, MNL_SOCKET_AUTOPID), 0);
    for (size_t i = 0; i < ELEMENTSOF(groups); i++)
        assert_int_equal(mnl_socket_setsockopt(f->socket, NETLINK_ADD_MEMBERSHIP,
                                               (void *)(uintptr_t)&groups[i], sizeof(int)),
                         0);
    assert_int_equal(world_read(&f->nl, &picture, true, &f->world), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct follower *f = *state;

    (void)kill(f->elsewhere, SIGKILL);
    (void)waitpid(f->elsewhere, NULL, 0);
    (void)mnl_socket_close(f->socket);
    netlink_close(&f->nl);
    world_done(&f->world);
    free(f);
    return 0;
}

/* What cannot be done now is left out: the kernel says so. */
static _printf_(2, 3) void act(struct follower *f, const char *format, ...)
{
    char command[400], line[450];
    va_list ap;
    int n;

    va_start(ap, format);
    (void)vsnprintf(command, sizeof(command), format, ap);
    va_end(ap);
    n = snprintf(line, sizeof(line), "  %s\n", command);
    if (f->told + (size_t)n < sizeof(f->story)) {
        memcpy(f->story + f->told, line, (size_t)n);
        f->told += (size_t)n;
    }
    (void)snprintf(line, sizeof(line), "{ %s; } >/dev/null 2>&1", command);
    (void)system(line); /* NOLINT: it may fail */
}

static void act_on_device(struct follower *f, unsigned d)
{
    static const char *const kinds[] = {"dummy", "dummy", "bridge", "veth", "vrf table 77"};
    unsigned other = draw(f, DEVICES);

    switch (draw(f, 10)) {
    case 0:
    case 1:
    case 2:
        act(f, "ip link add d%u type %s", d, kinds[draw(f, ELEMENTSOF(kinds))]);
        act(f, "ip link set d%u up", d);
        break;
    case 3:
        act(f, "ip link del d%u", d);
        break;
    case 4:
        act(f, "ip link set d%u down; ip link set d%u name d%u; ip link set d%u up", d, d, other,
            other);
        break;
    case 5:
        act(f, "ip link set d%u %s", d, draw(f, 2) ? "up" : "down");
        break;
    case 6:
        act(f, "ip link set d%u %s d%u", d, draw(f, 3) ? "master" : "nomaster dev", other);
        break;
    case 7:
        act(f, "ip link set d%u mtu %u", d, draw(f, 2) ? 60 : 1500);
        break;
    case 8:
        act(f, "ip link set d%u up; ip link property %s dev d%u altname other%u", d,
            draw(f, 2) ? "add" : "del", d, d);
        break;
    default:
        act(f, "ip link set d%u netns %d", d, f->elsewhere);
        if (draw(f, 2))
            act(f, "nsenter -t %d -n ip link set d%u netns %d", f->elsewhere, d, getpid());
        break;
    }
}

static void act_on_addresses(struct follower *f, unsigned d)
{
    switch (draw(f, 4)) {
    case 0:
    case 1:
        act(f, "ip address add 10.%u.%u.1/%u dev d%u", d, draw(f, 3), draw(f, 2) ? 24 : 16, d);
        break;
    case 2:
        act(f, "ip address add fd00:%u::%u/64 nodad dev d%u", d, draw(f, 3), d);
        break;
    default:
        act(f, "ip -%c address flush dev d%u", draw(f, 2) ? '4' : '6', d);
        break;
    }
}

static void act_on_values(struct follower *f, unsigned d)
{
    static const char *const keys[] = {"rp_filter", "forwarding"};
    const char *key = keys[draw(f, 2)];
    int value = (int)draw(f, 2);

    switch (draw(f, 5)) {
    case 0:
        act(f, "echo %d > /proc/sys/net/ipv4/conf/all/%s", value, key);
        break;
    case 1:
        act(f, "echo %d > /proc/sys/net/ipv4/conf/default/%s", value, key);
        break;
    default:
        act(f, "echo %d > /proc/sys/net/ipv4/conf/d%u/%s", value, d, key);
        break;
    }
}

static void act_on_routes(struct follower *f, unsigned d)
{
    unsigned n = draw(f, 4);
    char family = draw(f, 2) ? '4' : '6';

    switch (draw(f, 6)) {
    case 0:
        act(f, "ip -%c rule add priority %u iif d%u lookup 77", family, 100 + n, d);
        break;
    case 1:
        act(f, "ip -%c rule add priority %u fwmark %u lookup 78 protocol 182", family, 100 + n, n);
        break;
    case 2:
        act(f, "ip -%c rule del priority %u", family, 100 + n);
        break;
    case 3:
        act(f, "ip -%c route add default dev d%u metric %u", family, d, n);
        break;
    case 4:
        act(f, "ip -%c route add default dev d%u table 77 protocol 182", family, d);
        break;
    default:
        act(f, "ip -%c route del default dev d%u", family, d);
        break;
    }
}

/* How many messages were taken. */
static unsigned follow(struct follower *f)
{
    _Alignas(struct nlmsghdr) static char buffer[MESSAGE_SIZE];
    unsigned taken = 0;
    ssize_t n;

    while ((n = recv(mnl_socket_get_fd(f->socket), buffer, sizeof(buffer), 0)) > 0) {
        const struct nlmsghdr *message = (const void *)buffer;
        int left = (int)n;

        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
            struct world_change change;

            world_update(&f->world, message, &change);
            f->stale |= change.stale;
            world_change_done(&change);
            taken++;
        }
    }
    assert_int_equal(errno, EAGAIN);
    return taken;
}

#define DIFFERS(what)                                                                              \
    do {                                                                                           \
        (void)snprintf(text, 200, "%s of %s (%d)", (what), a->name, a->ifindex);                   \
        return text;                                                                               \
    } while (0)

static bool same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && streq(a, b));
}

static bool same_list(char **a, char **b)
{
    for (; a && b && *a && *b; a++, b++)
        if (!streq(*a, *b))
            return false;
    return !(a && *a) && !(b && *b);
}

/* What differs, or NULL. */
static const char *compare_devices(const struct device *a, const struct device *b, char *text)
{
    if (a->ifindex != b->ifindex || !streq(a->name, b->name))
        DIFFERS("the name");
    if (a->flags != b->flags || a->type != b->type)
        DIFFERS("flags or type");
    if (a->known != b->known)
        DIFFERS("what is known");
    if (a->ipv4 != b->ipv4 || a->forwarding != b->forwarding ||
        memcmp(a->conf, b->conf, sizeof(a->conf)) != 0)
        DIFFERS("a value");
    if (a->numbered != b->numbered)
        DIFFERS("numbered");
    if (a->uplink != b->uplink)
        DIFFERS("uplink");
    if (a->master != b->master || !streq(a->master_name, b->master_name))
        DIFFERS("the master");
    if (!streq(a->kind, b->kind) || !streq(a->slave_kind, b->slave_kind) ||
        a->vrf_table != b->vrf_table || a->bus_parent != b->bus_parent)
        DIFFERS("the kind");
    if (!same_text(a->mac, b->mac) || !same_text(a->permanent_mac, b->permanent_mac) ||
        !same_list(a->altnames, b->altnames))
        DIFFERS("a MAC or another name");
    return NULL;
}

static int by_all(const void *x, const void *y)
{
    const struct route_address *a = x, *b = y;
    int r = a->ifindex - b->ifindex;

    if (r == 0)
        r = ip_prefix_compare(&a->local, &b->local);
    return r != 0 ? r : ip_compare(&a->peer, &b->peer);
}

static int by_place(const void *x, const void *y)
{
    const struct route *a = x, *b = y;
    int r = route_place_compare(a, b);

    return r != 0 ? r : a->oif - b->oif;
}

/* Of the foreign routes that are no default ones the last reading keeps some. */
static void drop_samples(struct route_facts *facts)
{
    size_t kept = 0;

    for (size_t i = 0; i < facts->n_routes; i++)
        if (facts->routes[i].to.length == 0 || facts->routes[i].protocol == ROUTING_PROTOCOL)
            facts->routes[kept++] = facts->routes[i];
    facts->n_routes = kept;
    if (kept > 0)
        qsort(facts->routes, kept, sizeof(*facts->routes), by_place);
}

static const char *compare_network(struct route_facts *a, struct route_facts *b)
{
    if (a->n_addresses != b->n_addresses)
        return "the number of addresses";
    if (a->n_addresses > 0) {
        qsort(a->addresses, a->n_addresses, sizeof(*a->addresses), by_all);
        qsort(b->addresses, b->n_addresses, sizeof(*b->addresses), by_all);
    }
    for (size_t i = 0; i < a->n_addresses; i++)
        if (by_all(&a->addresses[i], &b->addresses[i]) != 0 ||
            a->addresses[i].flags != b->addresses[i].flags ||
            a->addresses[i].scope != b->addresses[i].scope)
            return "an address";
    if (a->n_rules != b->n_rules)
        return "the number of rules";
    for (size_t i = 0; i < a->n_rules; i++)
        if (route_rule_compare(&a->rules[i], &b->rules[i]) != 0 ||
            !streq(a->rules[i].iif_name, b->rules[i].iif_name) ||
            a->rules[i].mark != b->rules[i].mark || a->rules[i].detached != b->rules[i].detached ||
            a->rules[i].protocol != b->rules[i].protocol)
            return "a rule";
    drop_samples(a);
    drop_samples(b);
    if (a->n_routes != b->n_routes)
        return "the number of routes";
    for (size_t i = 0; i < a->n_routes; i++)
        if (route_place_compare(&a->routes[i], &b->routes[i]) != 0 ||
            !route_is_same(&a->routes[i], &b->routes[i]) || a->routes[i].dead != b->routes[i].dead)
            return "a route";
    return NULL;
}

static const char *compare(struct world *a, struct world *b, char *text)
{
    if (a->live.count != b->live.count)
        return "the number of devices";
    for (size_t i = 0; i < a->live.count; i++)
        if (compare_devices(&a->live.devices[i], &b->live.devices[i], text))
            return text;
    if (memcmp(a->live.all, b->live.all, sizeof(a->live.all)) != 0 ||
        memcmp(a->live.def, b->live.def, sizeof(a->live.def)) != 0 ||
        a->live.def_forwarding != b->live.def_forwarding)
        return "all or default";
    return compare_network(&a->network, &b->network);
}

static void print_network(const char *title, const struct route_facts *network)
{
    char text[IP_TEXT_MAX];

    printf("%s:\n", title);
    for (size_t i = 0; i < network->n_addresses; i++)
        printf("  %s on %d, flags %#x\n", ip_prefix_text(&network->addresses[i].local, text),
               network->addresses[i].ifindex, network->addresses[i].flags);
    for (size_t i = 0; i < network->n_rules; i++)
        printf("  rule %u for %u\n", network->rules[i].priority, network->rules[i].table);
    for (size_t i = 0; i < network->n_routes; i++)
        printf("  route %s by %d metric %u table %u\n",
               ip_prefix_text(&network->routes[i].to, text), network->routes[i].oif,
               network->routes[i].metric, network->routes[i].table);
}

/* Both at one moment: with no message that came between. */
static void look(struct follower *f)
{
    const char *difference = "the kernel does not come to rest";
    char text[200];

    for (unsigned i = 0; i < LOOKS_MAX; i++) {
        _cleanup_(world_done) struct world fresh = {0};

        (void)follow(f);
        f->stale |= world_settle(&f->world);
        assert_int_equal(world_read_again(&f->nl, f->stale, &f->world), 0);
        f->stale = 0;
        assert_int_equal(world_read(&f->nl, &picture, true, &fresh), 0);
        if (follow(f) > 0)
            continue;
        difference = compare(&f->world, &fresh, text);
        if (!difference)
            return;
        if (i + 1 == LOOKS_MAX) {
            print_network("followed", &f->world.network);
            print_network("there", &fresh.network);
        }
        (void)usleep(10000); /* the kernel tells an IPv6 address a moment after it is there */
    }
    printf("seed %u, after:\n%.*s", seed, (int)f->told, f->story);
    fail_msg("what was followed is not what is there: %s", difference);
}

static void what_is_followed_is_what_is_there(void **state)
{
    static void (*const acts[])(struct follower * run, unsigned d) = {
        act_on_device, act_on_device, act_on_addresses, act_on_values, act_on_routes,
    };
    struct follower *f = *state;

    for (unsigned i = 0; i < events; i++) {
        acts[draw(f, ELEMENTSOF(acts))](f, draw(f, DEVICES));
        if (draw(f, 4) == 0 || i + 1 == events)
            look(f);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_followed_is_what_is_there, set_up, tear_down),
    };
    struct sandbox sandbox;

    sandbox_enter(&sandbox);
    if (argc > 1)
        events = (unsigned)strtoul(argv[1], NULL, 10);
    seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : (unsigned)time(NULL);
    printf("seed %u\n", seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
