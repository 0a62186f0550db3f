/* Gateways out of leases, and other programs that configure policy routing, from trees of files as
 * those programs write them. */
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/directory.h"
#include "agent/system/leases.h"
#include "agent/system/meddlers.h"
#include "files.h"
#include "policy_text.h"

struct world {
    char *root;
    struct paths paths;
    struct policy *policy;
    struct live live;
    struct device devices[3];
    struct route_facts facts;
};

static void facts_free(struct route_facts *facts)
{
    for (size_t i = 0; i < facts->n_meddlers; i++) {
        free(facts->meddlers[i].name);
        free(facts->meddlers[i].evidence);
        free(facts->meddlers[i].cure);
    }
    free(facts->meddlers);
    free(facts->leases);
    *facts = (struct route_facts){0};
}

static void use_policy(struct world *world, const char *text)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;

    policy_free(world->policy);
    world->policy = policy_of(text, &diags);
    assert_int_equal(diags.errors, 0);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    static const char *const names[] = {"eth0", "eth1", "$(id)"};

    assert_non_null(world);
    world->root = files_root_new();
    world->paths.root = world->root;
    world->live = (struct live){.devices = world->devices, .count = ELEMENTSOF(world->devices)};
    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        world->devices[i].ifindex = (int)i + 2;
        strcpy(world->devices[i].name, names[i]);
    }
    use_policy(world, "[routing]\neth1 = auto\n");
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    facts_free(&world->facts);
    policy_free(world->policy);
    files_root_remove(world->root);
    free(world);
    return 0;
}

static void assert_leases(struct world *world, const char *expected)
{
    char text[500] = "", ip[IP_TEXT_MAX];
    size_t n = 0;

    facts_free(&world->facts);
    assert_int_equal(leases_read(&world->paths, world->policy, &world->live, NULL, &world->facts),
                     0);
    for (size_t i = 0; i < world->facts.n_leases; i++) {
        const struct route_lease *lease = &world->facts.leases[i];

        n += (size_t)snprintf(text + n, sizeof(text) - n, "%d %s %s\n", lease->ifindex,
                              ip_text(&lease->gateway, ip), lease->source);
    }
    assert_string_equal(text, expected);
}

/* "name ifindex evidence" */
static void assert_meddlers(struct world *world, const char *expected)
{
    char text[2000] = "";
    size_t n = 0;

    facts_free(&world->facts);
    assert_int_equal(meddlers_read(&world->paths, world->policy, &world->live, &world->facts), 0);
    for (size_t i = 0; i < world->facts.n_meddlers; i++) {
        const struct route_meddler *meddler = &world->facts.meddlers[i];

        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %d %s\n", meddler->name,
                              meddler->ifindex, meddler->evidence);
        assert_non_null(meddler->cure);
    }
    assert_string_equal(text, expected);
}

static void the_router_of_a_networkd_lease_is_found(void **state)
{
    struct world *world = *state;

    assert_leases(world, "");
    files_put_text(world->root, "/run/systemd/netif/leases/3",
                   "# This is private data. Do not parse.\nADDRESS=172.16.5.4\n"
                   "NETMASK=255.255.255.0\nROUTER=172.16.5.1 172.16.5.2\n"
                   "SERVER_ADDRESS=172.16.5.1\n");
    files_put_text(world->root, "/run/systemd/netif/leases/2", "ROUTER=172.16.4.1\n");
    assert_leases(world, "3 172.16.5.1 networkd\n");
    use_policy(world, "[routing]\neth* = auto\n");
    assert_leases(world, "2 172.16.4.1 networkd\n3 172.16.5.1 networkd\n");
    use_policy(world, "[routing]\neth1 = auto\n[routing eth1]\ngateway = 172.16.5.9\n");
    assert_leases(world, "");
}

static void classless_routes_count_before_the_router(void **state)
{
    struct world *world = *state;

    files_put_text(
        world->root, "/run/systemd/netif/leases/3",
        "ROUTER=172.16.5.1\n"
        "CLASSLESS_ROUTES=10.0.0.0/0,1.2.3.4 0.0.0.0/0,172.16.5.7 10.0.0.0/8,172.16.5.8\n");
    assert_leases(world, "3 172.16.5.7 networkd\n");
}

static void the_router_that_networkmanager_knows_is_found(void **state)
{
    struct world *world = *state;

    files_put_text(world->root, "/run/NetworkManager/devices/3",
                   "[device]\nmanaged=true\ndhcp4.routers=9.9.9.9\nnext-server=172.16.5.3\n\n"
                   "[dhcp4]\ndhcp4.broadcast_address=172.16.5.255\n"
                   "dhcp4.dhcp_server_identifier=172.16.5.3\ndhcp4.expiry=1795391382\n"
                   "dhcp4.routers=172.16.5.1\ndhcp4.subnet_mask=255.255.255.0\n");
    assert_leases(world, "3 172.16.5.1 NetworkManager\n");
    files_put_text(
        world->root, "/run/NetworkManager/devices/3",
        "[device]\nmanaged=true\n\n[dhcp4]\n"
        "dhcp4.rfc3442_classless_static_routes=10.9.0.0/16 172.16.5.9 0.0.0.0/0 172.16.5.2\n"
        "dhcp4.routers=172.16.5.1\n");
    assert_leases(world, "3 172.16.5.2 NetworkManager\n");
}

static bool is_among(const struct names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++)
        if (streq(names->items[i], path))
            return true;
    return false;
}

static void among_very_many_leases_that_of_the_device_is_found(void **state)
{
    struct world *world = *state;
    _cleanup_names_ struct names names = {0};
    char path[64], expected[64];
    int left_out = 999;

    for (int i = 1000; i < 1010 + NAMES_MAX; i++) {
        snprintf(path, sizeof(path), "/run/systemd/netif/leases/%d", i);
        files_put_text(world->root, path, "ROUTER=172.16.5.1\n");
    }
    assert_int_equal(names_find(world->root, "/run/systemd/netif/leases/*", &names), 0);
    assert_int_equal(names.count, NAMES_MAX);
    do
        snprintf(path, sizeof(path), "/run/systemd/netif/leases/%d", ++left_out);
    while (is_among(&names, path));
    world->devices[1].ifindex = left_out;
    snprintf(expected, sizeof(expected), "%d 172.16.5.1 networkd\n", left_out);
    assert_leases(world, expected);
}

/* An image may say where things are by links that count from its own root. */
static void links_are_followed_below_the_root(void **state)
{
    struct world *world = *state;
    char *path;

    files_put_text(world->root, "/state/netif/leases/3", "ROUTER=172.16.5.1\n");
    files_put_text(world->root, "/run/systemd/x", "");
    files_put_text(world->root, "/state/units/10-netplan-eth1.network", "[RoutingPolicyRule]\n");
    assert_true(asprintf(&path, "%s/run/systemd/netif", world->root) > 0);
    assert_int_equal(symlink("/state/netif", path), 0);
    free(path);
    assert_true(asprintf(&path, "%s/run/systemd/network", world->root) > 0);
    assert_int_equal(symlink("/state/units", path), 0);
    free(path);
    assert_leases(world, "3 172.16.5.1 networkd\n");
    assert_meddlers(world, "cloud-init 3 /run/systemd/network/10-netplan-eth1.network:1\n");
}

static void a_lease_without_a_usable_router_is_none(void **state)
{
    static const char *const texts[] = {"",
                                        "ROUTER=\n",
                                        "ROUTER=0.0.0.0\n",
                                        "ROUTER=nonsense\n",
                                        "ROUTER=1.2.3.4.5\n",
                                        "XROUTER=1.2.3.4\n",
                                        "#ROUTER=1.2.3.4\n",
                                        "CLASSLESS_ROUTES=10.0.0.0/8,1.2.3.4\n",
                                        "ROUTER=11111111111111111111111111111111111111111111111\n"};
    struct world *world = *state;

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        files_put_text(world->root, "/run/systemd/netif/leases/3", texts[i]);
        assert_leases(world, "");
    }
}

static void leases_of_the_host_say_nothing_about_another_namespace(void **state)
{
    struct world *world = *state;
    char *root = world->root;

    files_put_text(root, "/run/systemd/netif/leases/3", "ROUTER=172.16.5.1\n");
    world->paths.foreign = true;
    assert_leases(world, "3 172.16.5.1 networkd\n"); /* a root was given */
    world->paths.root = (char *)"";
    assert_leases(world, "");
    assert_meddlers(world, "");
}

#define NETWORKD_RULES                                                                             \
    "systemd-networkd 0 it runs with ManageForeignRoutingPolicyRules=yes, the default: it "        \
    "removes rules that it did not make\n"
#define NETWORKD_ROUTES                                                                            \
    "systemd-networkd 0 it runs with ManageForeignRoutes=yes, the default: it removes routes "     \
    "that it did not make\n"

static void networkd_meddles_unless_it_is_told_to_leave_rules_and_routes_alone(void **state)
{
    struct world *world = *state;

    assert_meddlers(world, "");
    files_put_text(world->root, "/run/systemd/netif/state", "OPER_STATE=routable\n");
    assert_meddlers(world, NETWORKD_RULES);
    assert_non_null(strstr(world->facts.meddlers[0].cure,
                           "[Network]\nManageForeignRoutingPolicyRules=no\n"
                           "ManageForeignRoutes=no\n"));
    files_put_text(world->root, "/etc/systemd/networkd.conf",
                   "[Network]\nManageForeignRoutingPolicyRules = no\n");
    assert_meddlers(world, NETWORKD_ROUTES);
    files_put_text(world->root, "/usr/lib/systemd/networkd.conf.d/10-x.conf",
                   "[Network]\nManageForeignRoutes=false\n");
    assert_meddlers(world, "");
    files_put_text(world->root, "/etc/systemd/networkd.conf.d/90-y.conf",
                   "[Network]\nManageForeignRoutingPolicyRules=on\n[DHCP]\n"
                   "ManageForeignRoutingPolicyRules=no\n");
    assert_meddlers(world, NETWORKD_RULES);
    files_put_text(world->root, "/etc/systemd/networkd.conf.d/90-y.conf",
                   "ManageForeignRoutes=yes\n[Network]\nManageForeignRoutingPolicyRules=maybe\n");
    assert_meddlers(world, "");
    use_policy(world, "[routing]\neth7 = auto\n");
    files_put_text(world->root, "/etc/systemd/networkd.conf", "");
    assert_meddlers(world, "");
}

static void networkd_that_was_stopped_does_not_meddle(void **state)
{
    struct world *world = *state;
    char *path;

    files_put_text(world->root, "/run/systemd/netif/state", "OPER_STATE=routable\n");
    files_put_text(world->root, "/run/systemd/units/log-level-max:x.service", "");
    assert_meddlers(world, "");
    assert_true(asprintf(&path, "%s/run/systemd/units/invocation:systemd-networkd.service",
                         world->root) > 0);
    assert_int_equal(symlink("0123456789abcdef", path), 0);
    free(path);
    assert_meddlers(world, NETWORKD_RULES);
}

static void nm_cloud_setup_meddles_where_it_is_enabled(void **state)
{
    struct world *world = *state;
    char *path;

    files_put_text(world->root, "/usr/lib/systemd/system/nm-cloud-setup.timer", "[Timer]\n");
    assert_meddlers(world, "");
    files_put_text(world->root, "/etc/systemd/system/timers.target.wants/other.timer", "");
    assert_true(asprintf(&path, "%s/etc/systemd/system/timers.target.wants/nm-cloud-setup.timer",
                         world->root) > 0);
    assert_int_equal(symlink("/usr/lib/systemd/system/nm-cloud-setup.timer", path), 0);
    free(path);
    assert_meddlers(world, "nm-cloud-setup 0 "
                           "/etc/systemd/system/timers.target.wants/nm-cloud-setup.timer\n");
    files_put_text(world->root,
                   "/etc/systemd/system/NetworkManager.service.wants/nm-cloud-setup.service", "");
    assert_meddlers(world, "nm-cloud-setup 0 "
                           "/etc/systemd/system/timers.target.wants/nm-cloud-setup.timer\n");
}

static void programs_that_set_up_a_device_meddle_with_that_device(void **state)
{
    struct world *world = *state;

    files_put_text(world->root, "/run/systemd/network/70-eth0.network.d/ec2net_policy_v4.conf",
                   "[RoutingPolicyRule]\nFrom=172.16.4.2\nPriority=10000\nTable=10000\n");
    files_put_text(world->root, "/run/systemd/network/70-eth1.network.d/ec2net_alias.conf",
                   "[Address]\nAddress=172.16.5.8/32\n");
    assert_meddlers(world, "");
    files_put_text(world->root, "/run/systemd/network/70-eth1.network.d/ec2net_policy_v4.conf",
                   "[RoutingPolicyRule]\nFrom=172.16.5.4\nPriority=10001\nTable=10001\n");
    assert_meddlers(world, "amazon-ec2-net-utils 3 "
                           "/run/systemd/network/70-eth1.network.d/ec2net_policy_v4.conf:1\n");
    assert_non_null(strstr(world->facts.meddlers[0].cure, "refresh-policy-routes@eth1.timer"));
    files_put_text(world->root, "/run/systemd/network/10-netplan-eth1.network",
                   "[Match]\nName=eth1\n\n[RoutingPolicyRule]\nFrom=172.16.5.4\nTable=101\n");
    files_put_text(world->root,
                   "/etc/NetworkManager/system-connections/cloud-init-eth1.nmconnection",
                   "[connection]\nid=cloud-init eth1\n[ipv4]\nrouting-rule1=priority 5\n");
    assert_meddlers(world,
                    "amazon-ec2-net-utils 3 "
                    "/run/systemd/network/70-eth1.network.d/ec2net_policy_v4.conf:1\n"
                    "cloud-init 3 /run/systemd/network/10-netplan-eth1.network:4\n"
                    "cloud-init 3 "
                    "/etc/NetworkManager/system-connections/cloud-init-eth1.nmconnection:4\n");
}

static void a_file_that_networkd_does_not_go_by_meddles_with_nothing(void **state)
{
    struct world *world = *state;
    static const char state_file[] = "/run/systemd/netif/links/3",
                      ec2[] = "amazon-ec2-net-utils 3 "
                              "/run/systemd/network/70-eth1.network.d/ec2net_policy_v4.conf:1\n";

    files_put_text(world->root, "/run/systemd/network/70-eth1.network.d/ec2net_policy_v4.conf",
                   "[RoutingPolicyRule]\nFrom=172.16.5.4\nPriority=10001\nTable=10001\n");
    assert_meddlers(world, ec2);
    files_put_text(world->root, state_file,
                   "ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/05-eth1.network\n");
    assert_meddlers(world, "");
    files_put_text(world->root, state_file,
                   "NETWORK_FILE=/etc/systemd/network/70-eth1.network\nONLINE_STATE=online\n");
    assert_meddlers(world, ec2);
    files_put_text(world->root, state_file, "ADMIN_STATE=unmanaged\n");
    assert_meddlers(world, "");
}

static void a_name_that_the_shell_would_run_is_in_no_cure(void **state)
{
    struct world *world = *state;

    use_policy(world, "[routing]\n* = auto\n");
    files_put_text(world->root, "/etc/systemd/network/10-cloud-init-$(id).network",
                   "[RoutingPolicyRule]\n");
    assert_meddlers(world, "cloud-init 4 /etc/systemd/network/10-cloud-init-$(id).network:1\n");
    assert_null(strstr(world->facts.meddlers[0].cure, "$(id)"));
}

static void the_aws_network_plugin_meddles_with_all(void **state)
{
    struct world *world = *state;

    files_put_text(world->root, "/etc/cni/net.d/05-cilium.conflist",
                   "{\"type\": \"cilium-cni\"}\n");
    assert_meddlers(world, "");
    files_put_text(world->root, "/etc/cni/net.d/10-aws.conflist",
                   "{\n\"plugins\": [\n{\"type\": \"aws-cni\"}\n]}\n");
    assert_meddlers(world, "AWS VPC CNI 0 /etc/cni/net.d/10-aws.conflist:3\n");
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_world(the_router_of_a_networkd_lease_is_found),
        in_world(classless_routes_count_before_the_router),
        in_world(the_router_that_networkmanager_knows_is_found),
        in_world(among_very_many_leases_that_of_the_device_is_found),
        in_world(links_are_followed_below_the_root),
        in_world(a_lease_without_a_usable_router_is_none),
        in_world(leases_of_the_host_say_nothing_about_another_namespace),
        in_world(networkd_meddles_unless_it_is_told_to_leave_rules_and_routes_alone),
        in_world(networkd_that_was_stopped_does_not_meddle),
        in_world(nm_cloud_setup_meddles_where_it_is_enabled),
        in_world(programs_that_set_up_a_device_meddle_with_that_device),
        in_world(a_file_that_networkd_does_not_go_by_meddles_with_nothing),
        in_world(a_name_that_the_shell_would_run_is_in_no_cure),
        in_world(the_aws_network_plugin_meddles_with_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
