/* On which devices a connection counts, in a world with a VRF, a bridge and addresses that both
 * sides have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/if.h>

#include "agent/kernel/sockdiag.h"
#include "agent/peers/candidates.h"

enum { LO = 1, ETH0, ETH1, RED, RED0, RED1, BR0, PORT0, DEVICES = PORT0 };

static const struct {
    const char *name, *kind, *slave_kind;
    int master;
} links[DEVICES] = {
    {"lo", "", "", 0},        {"eth0", "", "", 0},          {"eth1", "", "", 0},
    {"red", "vrf", "", 0},    {"red0", "", "vrf", RED},     {"red1", "", "vrf", RED},
    {"br0", "bridge", "", 0}, {"port0", "", "bridge", BR0},
};

/* By address. 10.0.0.1 is one of eth0 and one of red0. */
static const struct {
    const char *address;
    int ifindex;
} given[] = {
    {"10.0.0.1", ETH0}, {"10.0.0.1", RED0}, {"10.0.1.1", RED1},  {"10.0.2.1", RED},
    {"10.0.3.1", LO},   {"10.0.4.1", ETH1}, {"10.0.5.1", PORT0}, {"203.0.113.9", ETH1},
};

struct world {
    struct device devices[DEVICES];
    struct live live;
    struct stricter stricter[DEVICES];
    struct route_address addresses[ELEMENTSOF(given)];
    struct neighbour neighbours[2];
    struct peers_options options;
    struct fib fib;
    struct flows flows;
    char text[200];
};

static void begin(struct world *world)
{
    struct ip heard = ip_of_ipv4((struct in_addr){inet_addr("10.0.0.7")});

    *world = (struct world){.live = {.devices = world->devices, .count = DEVICES}};
    for (int i = 0; i < DEVICES; i++) {
        struct device *device = &world->devices[i];

        device->ifindex = i + 1;
        device->ipv4 = true;
        device->flags = i + 1 == LO ? IFF_UP | IFF_LOOPBACK : IFF_UP;
        device->master = links[i].master;
        strcpy(device->name, links[i].name);
        strcpy(device->kind, links[i].kind);
        strcpy(device->slave_kind, links[i].slave_kind);
        if (impact_receives(device))
            world->stricter[world->flows.n_devices++] = (struct stricter){device, device};
    }
    for (size_t i = 0; i < ELEMENTSOF(given); i++)
        world->addresses[i] = (struct route_address){
            .ifindex = given[i].ifindex,
            .local = {.ip = ip_of_ipv4((struct in_addr){inet_addr(given[i].address)}),
                      .length = 24},
        };
    world->neighbours[0] = (struct neighbour){ETH0, heard};
    world->neighbours[1] = (struct neighbour){RED1, heard};
    world->options.live = &world->live;
    world->flows.options = &world->options;
    world->flows.fib = &world->fib;
    world->flows.devices = world->stricter;
    world->flows.addresses = world->addresses;
    world->flows.n_addresses = ELEMENTSOF(given);
    world->flows.neighbours = world->neighbours;
    world->flows.n_neighbours = ELEMENTSOF(world->neighbours);
}

/* The devices on which a connection counts, in the order in which they are found; "?" where it is
 * only possible. */
static const char *devices_of(struct world *world, int bound, const char *peer, const char *local)
{
    const struct connection connection = {.proto = IPPROTO_TCP,
                                          .peer.s_addr = inet_addr(peer),
                                          .local.s_addr = inet_addr(local),
                                          .peer_port = 40000,
                                          .local_port = 22,
                                          .bound = bound};

    begin(world);
    assert_int_equal(flows_add_connection(&world->flows, &connection), 0);
    for (size_t i = 0; i < world->flows.count; i++) {
        const struct flow *flow = &world->flows.items[i];

        if (i > 0)
            strcat(world->text, " ");
        strcat(world->text, flow->device->before->name);
        strcat(world->text, flow->possible ? "?" : "");
    }
    free(world->flows.items);
    return world->text;
}

#define expect(bound, peer, local, wanted)                                                         \
    assert_string_equal(devices_of(&world, bound, peer, local), wanted)

static void a_socket_bound_to_a_vrf_counts_on_the_ports(void **state)
{
    struct world world;

    expect(RED, "203.0.113.1", "10.0.0.1", "red0"); /* not eth0, which has that address, too */
    expect(RED, "203.0.113.1", "10.0.1.1", "red1");
    expect(RED, "203.0.113.1", "10.0.2.1", "red0? red1?");
    expect(RED, "10.0.0.7", "10.0.0.1", "red1 red0");       /* heard on red1, addressed on red0 */
    expect(RED, "203.0.113.1", "192.0.2.1", "red0? red1?"); /* nobody's address */
}

static void a_socket_bound_to_a_port_of_a_vrf_counts_there(void **state)
{
    struct world world;

    expect(RED0, "203.0.113.1", "10.0.1.1", "red0");
    expect(ETH0, "203.0.113.1", "10.0.3.1", "eth0");
}

static void a_socket_that_is_not_bound_counts_where_its_address_is(void **state)
{
    struct world world;

    expect(0, "203.0.113.1", "10.0.0.1", "eth0 red0"); /* with tcp_l3mdev_accept either */
    expect(0, "203.0.113.1", "10.0.2.1", "red0? red1?");
    expect(0, "203.0.113.1", "10.0.3.1", "eth0? eth1? red0? red1? br0?");
    expect(0, "203.0.113.1", "10.0.4.1", "eth1");
}

static void what_concerns_the_port_of_a_bridge_concerns_the_bridge(void **state)
{
    struct world world;

    expect(0, "203.0.113.1", "10.0.5.1", "br0");
    expect(PORT0, "203.0.113.1", "10.0.3.1", "br0");
}

/* 203.0.113.9 is an address of eth1, which in the VRF is a stranger's. */
static void the_host_itself_is_no_peer_but_within_one_vrf(void **state)
{
    struct world world;

    expect(0, "203.0.113.9", "10.0.4.1", "");
    expect(RED, "203.0.113.9", "10.0.1.1", "red1");
    expect(RED, "10.0.0.1", "10.0.1.1", "");
    expect(RED, "10.0.2.1", "10.0.1.1", ""); /* of the VRF itself */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_bound_to_a_vrf_counts_on_the_ports),
        cmocka_unit_test(a_socket_bound_to_a_port_of_a_vrf_counts_there),
        cmocka_unit_test(a_socket_that_is_not_bound_counts_where_its_address_is),
        cmocka_unit_test(what_concerns_the_port_of_a_bridge_concerns_the_bridge),
        cmocka_unit_test(the_host_itself_is_no_peer_but_within_one_vrf),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
