/* Readers of netlink messages: every fact is found, and nothing outside the message is looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "agent/kernel/messages.h"

#define SIZE 2048
#define DEVCONF_COUNT 33

struct buffer {
    _Alignas(struct nlmsghdr) char bytes[SIZE];
};

static struct nlmsghdr *start_link(struct buffer *buffer)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer->bytes);
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof(*link));

    message->nlmsg_type = RTM_NEWLINK;
    link->ifi_index = 7;
    link->ifi_type = ARPHRD_ETHER;
    link->ifi_flags = IFF_UP;
    return message;
}

/* IFLA_INET_CONF with `count` values: 101, 102, 103 … in the kernel's order. */
static void put_settings(struct nlmsghdr *message, unsigned count)
{
    struct nlattr *spec = mnl_attr_nest_start(message, IFLA_AF_SPEC);
    struct nlattr *inet = mnl_attr_nest_start(message, AF_INET);
    uint32_t values[DEVCONF_COUNT];

    for (unsigned i = 0; i < count; i++)
        values[i] = 101 + i;
    mnl_attr_put(message, IFLA_INET_CONF, count * sizeof(values[0]), values);
    mnl_attr_nest_end(message, inet);
    mnl_attr_nest_end(message, spec);
}

static void put_everything(struct nlmsghdr *message)
{
    static const uint8_t mac[] = {0x02, 0xAB, 0, 0, 0, 0xff};
    struct nlattr *nest;

    mnl_attr_put_strz(message, IFLA_IFNAME, "lxc1");
    mnl_attr_put(message, IFLA_ADDRESS, sizeof(mac), mac);
    mnl_attr_put(message, IFLA_PERM_ADDRESS, sizeof(mac), mac);
    mnl_attr_put_u32(message, IFLA_MASTER, 3);
    nest = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_str(message, IFLA_INFO_KIND, "veth");
    mnl_attr_put_str(message, IFLA_INFO_SLAVE_KIND, "bridge");
    mnl_attr_nest_end(message, nest);
    nest = mnl_attr_nest_start(message, IFLA_PROP_LIST);
    mnl_attr_put_strz(message, IFLA_ALT_IFNAME, "pod-one");
    mnl_attr_put_strz(message, IFLA_ALT_IFNAME, "a rather long alternative name");
    mnl_attr_nest_end(message, nest);
    mnl_attr_put_strz(message, IFLA_PARENT_DEV_NAME, "0000:00:03.0");
    put_settings(message, DEVCONF_COUNT);
}

static void a_link_gives_all_that_is_in_it(void **state)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = start_link(&buffer);
    struct device device;

    put_everything(message);
    assert_int_equal(link_read_message(message, FACT_MAC | FACT_ALTNAMES, &device), 0);
    assert_int_equal(device.ifindex, 7);
    assert_string_equal(device.name, "lxc1");
    assert_int_equal(device.flags, IFF_UP);
    assert_int_equal(device.type, ARPHRD_ETHER);
    assert_int_equal(device.master, 3);
    assert_string_equal(device.kind, "veth");
    assert_string_equal(device.slave_kind, "bridge");
    assert_string_equal(device.mac, "02:ab:00:00:00:ff");
    assert_string_equal(device.permanent_mac, "02:ab:00:00:00:ff");
    assert_string_equal(device.altnames[0], "pod-one");
    assert_string_equal(device.altnames[1], "a rather long alternative name");
    assert_null(device.altnames[2]);
    assert_true(device.bus_parent);
    assert_true(device.ipv4);
    assert_true(device.forwarding);
    assert_int_equal(device.known, FACT_MAC | FACT_ALTNAMES);
    for (enum key key = 0; key < KEY_COUNT; key++)
        assert_int_equal(device.conf[key], 100 + key_info(key)->devconf);
    device_done(&device);
}

/* `kind` in `kind_of`, its table in `data_of`. */
static uint32_t table_of(uint16_t kind_of, const char *kind, uint16_t data_of)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = start_link(&buffer);
    struct nlattr *info, *data;
    struct device device;

    mnl_attr_put_strz(message, IFLA_IFNAME, "red0");
    mnl_attr_put_u32(message, IFLA_MASTER, 3);
    info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_str(message, kind_of, kind);
    data = mnl_attr_nest_start(message, data_of);
    mnl_attr_put_u32(message, IFLA_VRF_TABLE, 1000);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    assert_int_equal(link_read_message(message, 0, &device), 0);
    return device.vrf_table;
}

static void a_vrf_and_its_ports_tell_the_table(void **state)
{
    assert_int_equal(table_of(IFLA_INFO_KIND, "vrf", IFLA_INFO_DATA), 1000);
    assert_int_equal(table_of(IFLA_INFO_SLAVE_KIND, "vrf", IFLA_INFO_SLAVE_DATA), 1000);
    assert_int_equal(table_of(IFLA_INFO_KIND, "vlan", IFLA_INFO_DATA), 0);
    assert_int_equal(table_of(IFLA_INFO_SLAVE_KIND, "bridge", IFLA_INFO_SLAVE_DATA), 0);
}

static void macs_and_altnames_are_kept_only_when_asked_for(void **state)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = start_link(&buffer);
    struct device device;

    put_everything(message);
    assert_int_equal(link_read_message(message, 0, &device), 0);
    assert_null(device.mac);
    assert_null(device.permanent_mac);
    assert_null(device.altnames);
    assert_int_equal(device.known, 0);
}

static void a_link_without_ipv4_settings_says_so(void **state)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = start_link(&buffer);
    struct device device;

    mnl_attr_put_strz(message, IFLA_IFNAME, "lo");
    assert_int_equal(link_read_message(message, 0, &device), 0);
    assert_false(device.ipv4);
    assert_false(device.bus_parent);
    assert_string_equal(device.kind, "");
}

static void an_older_kernel_with_fewer_settings_is_understood(void **state)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = start_link(&buffer);
    struct device device;

    mnl_attr_put_strz(message, IFLA_IFNAME, "eth0");
    put_settings(message, IPV4_DEVCONF_RP_FILTER);
    assert_int_equal(link_read_message(message, 0, &device), 0);
    assert_true(device.ipv4);
    assert_int_equal(device.conf[KEY_RP_FILTER], 100 + IPV4_DEVCONF_RP_FILTER);
    assert_int_equal(device.conf[KEY_ACCEPT_LOCAL], 0);
}

static void a_kind_with_a_long_name_is_cut(void **state)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = start_link(&buffer);
    struct nlattr *nest;
    struct device device;

    mnl_attr_put_strz(message, IFLA_IFNAME, "eth0");
    nest = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_str(message, IFLA_INFO_KIND, "a_module_with_a_long_name");
    mnl_attr_nest_end(message, nest);
    assert_int_equal(link_read_message(message, 0, &device), 0);
    assert_string_equal(device.kind, "a_module_with_a");
}

static void assert_link_refused(const char *name, size_t n)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = start_link(&buffer);
    struct device device;

    if (name)
        mnl_attr_put(message, IFLA_IFNAME, n, name);
    assert_int_equal(link_read_message(message, 0, &device), -EBADMSG);
}

static void a_link_without_a_proper_name_is_refused(void **state)
{
    assert_link_refused(NULL, 0);
    assert_link_refused("", 0);
    assert_link_refused("", 1);
    assert_link_refused("eth0", 4); /* not terminated */
    assert_link_refused("a_name_of_16_byt", 17);
}

/* Each shorter form in a buffer of exactly its size, so that the sanitizer and valgrind see every
 * byte too far. */
static void no_byte_beyond_a_cut_message_is_read(void **state)
{
    struct buffer buffer = {0};
    struct nlmsghdr *whole = start_link(&buffer);

    put_everything(whole);
    for (uint32_t n = sizeof(*whole); n < whole->nlmsg_len; n++) {
        struct nlmsghdr *cut = malloc(n);
        struct device device;
        int r;

        assert_non_null(cut);
        memcpy(cut, whole, n);
        cut->nlmsg_len = n;
        r = link_read_message(cut, FACT_MAC | FACT_ALTNAMES, &device);
        assert_true(r == 0 || r == -EBADMSG);
        if (r == 0)
            device_done(&device);
        free(cut);
    }
}

static void netconf_gives_what_is_present(void **state)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes);
    struct netconf_values values;

    mnl_nlmsg_put_extra_header(message, sizeof(struct netconfmsg));
    assert_int_equal(netconf_read_message(message, &values), -EBADMSG);
    mnl_attr_put_u32(message, NETCONFA_IFINDEX, (uint32_t)NETCONFA_IFINDEX_ALL);
    mnl_attr_put_u32(message, NETCONFA_RP_FILTER, (uint32_t)-5);
    assert_int_equal(netconf_read_message(message, &values), 0);
    assert_int_equal(values.ifindex, -1);
    assert_true(values.has_rp_filter);
    assert_int_equal(values.rp_filter, -5);
    assert_false(values.has_forwarding);
    mnl_attr_put_u32(message, NETCONFA_FORWARDING, 1);
    assert_int_equal(netconf_read_message(message, &values), 0);
    assert_true(values.has_forwarding);
    assert_int_equal(values.forwarding, 1);
}

static void an_address_tells_its_device_and_both_ends(void **state)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes);
    struct route_address address = {0};
    struct ifaddrmsg *header;
    char text[IP_TEXT_MAX];

    assert_int_equal(route_address_read_message(message, &address), -EBADMSG);
    header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
    header->ifa_family = AF_INET;
    header->ifa_index = 9;
    header->ifa_prefixlen = 30;
    assert_int_equal(route_address_read_message(message, &address), -EBADMSG); /* none is in it */
    mnl_attr_put_u32(message, IFA_ADDRESS, inet_addr("10.0.0.2"));
    mnl_attr_put_u32(message, IFA_LOCAL, inet_addr("10.0.0.1"));
    assert_int_equal(route_address_read_message(message, &address), 0);
    assert_int_equal(address.ifindex, 9);
    assert_string_equal(ip_prefix_text(&address.local, text), "10.0.0.1/30");
    assert_string_equal(ip_text(&address.peer, text), "10.0.0.2");
    header->ifa_prefixlen = 33;
    assert_int_equal(route_address_read_message(message, &address), -EBADMSG);
    header->ifa_family = AF_BRIDGE;
    assert_int_equal(route_address_read_message(message, &address), -ENOENT);
}

static void a_rule_tells_all_that_it_looks_at(void **state)
{
    const uint16_t ports[2] = {1000, 2000};
    struct buffer buffer = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes);
    struct fib_rule_hdr *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
    struct route_rule rule;
    char text[IP_TEXT_MAX];

    header->family = AF_INET;
    header->action = FR_ACT_TO_TBL;
    header->src_len = 24;
    assert_int_equal(route_rule_read_message(message, &rule), -EBADMSG);
    mnl_attr_put_u32(message, FRA_SRC, inet_addr("10.0.0.0"));
    mnl_attr_put_u32(message, FRA_SUPPRESS_IFGROUP, UINT32_MAX); /* none */
    mnl_attr_put_u32(message, FRA_TABLE, 1000);
    assert_int_equal(route_rule_read_message(message, &rule), 0);
    assert_string_equal(ip_prefix_text(&rule.from, text), "10.0.0.0/24");
    assert_int_equal(rule.table, 1000);
    assert_false(rule.special || rule.unknown || rule.suppresses_group || rule.detached);
    assert_int_equal(rule.suppress_prefixlength, -1);

    header->flags = FIB_RULE_IIF_DETACHED | FIB_RULE_INVERT;
    mnl_attr_put_strz(message, FRA_IIFNAME, "eth7");
    mnl_attr_put_u32(message, FRA_FWMARK, 0x10);
    mnl_attr_put_u8(message, 25, 4); /* FRA_DSCP */
    mnl_attr_put(message, FRA_DPORT_RANGE, sizeof(ports), ports);
    assert_int_equal(route_rule_read_message(message, &rule), 0);
    assert_true(rule.special && rule.detached && rule.invert && !rule.unknown);
    assert_string_equal(rule.iif_name, "eth7");
    assert_int_equal(rule.mark, 0x10);
    assert_int_equal(rule.mask, UINT32_MAX);
    assert_int_equal(rule.tos, 4 << 2);
    assert_int_equal(rule.dport.last, 2000);
    mnl_attr_put_u32(message, FRA_TUN_ID, 0);
    assert_int_equal(route_rule_read_message(message, &rule), 0);
    assert_true(rule.unknown);
}

static struct rtmsg *start_route(struct nlmsghdr *message)
{
    struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof(*route));

    route->rtm_family = AF_INET;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_type = RTN_UNICAST;
    return route;
}

struct hops {
    struct route_hop items[4];
    size_t count;
};

static int take_hop(const struct route_hop *hop, void *data)
{
    struct hops *hops = data;

    assert_true(hops->count < ELEMENTSOF(hops->items));
    hops->items[hops->count++] = *hop;
    return 0;
}

static bool is_uplink(const struct nlmsghdr *message)
{
    struct route route;

    assert_int_equal(route_read_message(message, &route), 0);
    return route_is_uplink(&route);
}

static void only_unicast_default_routes_of_the_main_table_are_uplinks(void **state)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes);
    struct rtmsg *header = start_route(message);
    struct hops hops = {0};

    assert_int_equal(route_read_hops(message, take_hop, &hops), 0);
    assert_int_equal(hops.count, 0);
    mnl_attr_put_u32(message, RTA_OIF, 4);
    assert_true(is_uplink(message));
    assert_int_equal(route_read_hops(message, take_hop, &hops), 0);
    assert_int_equal(hops.count, 1);
    assert_int_equal(hops.items[0].ifindex, 4);
    header->rtm_type = RTN_BLACKHOLE;
    assert_false(is_uplink(message));
    header->rtm_type = RTN_UNICAST;
    header->rtm_family = AF_INET6;
    assert_false(is_uplink(message));
    header->rtm_family = AF_INET;
    header->rtm_dst_len = 8;
    mnl_attr_put_u32(message, RTA_DST, inet_addr("10.0.0.0"));
    assert_false(is_uplink(message));
    header->rtm_dst_len = 0;
    assert_true(is_uplink(message));
    mnl_attr_put_u32(message, RTA_TABLE, 1000);
    assert_false(is_uplink(message));
}

static void every_next_hop_of_a_route_is_told(void **state)
{
    struct buffer buffer = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes);
    struct rtnexthop headers[3] = {
        {.rtnh_len = sizeof(headers[0]), .rtnh_ifindex = 4, .rtnh_flags = RTNH_F_DEAD},
        {.rtnh_len = sizeof(headers[0]), .rtnh_ifindex = 5},
        {.rtnh_len = sizeof(headers[0]), .rtnh_ifindex = 6}};
    struct hops hops = {0};
    struct route route;

    start_route(message);
    mnl_attr_put(message, RTA_MULTIPATH, sizeof(headers), headers);
    assert_int_equal(route_read_hops(message, take_hop, &hops), 0);
    assert_int_equal(hops.count, 3);
    assert_int_equal(hops.items[1].ifindex, 5);
    assert_true(hops.items[0].dead && !hops.items[1].dead);
    assert_int_equal(route_read_message(message, &route), 0);
    assert_true(route.special && !route.dead);
    headers[1].rtnh_len = 2; /* would never end */
    mnl_attr_put(message, RTA_MULTIPATH, sizeof(headers), headers);
    assert_int_equal(route_read_hops(message, take_hop, &(struct hops){0}), -EBADMSG);
    headers[1].rtnh_len = sizeof(headers); /* reaches beyond the end */
    mnl_attr_put(message, RTA_MULTIPATH, sizeof(headers), headers);
    assert_int_equal(route_read_hops(message, take_hop, &(struct hops){0}), -EBADMSG);
    assert_int_equal(route_read_message(message, &route), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_gives_all_that_is_in_it),
        cmocka_unit_test(a_vrf_and_its_ports_tell_the_table),
        cmocka_unit_test(macs_and_altnames_are_kept_only_when_asked_for),
        cmocka_unit_test(a_link_without_ipv4_settings_says_so),
        cmocka_unit_test(an_older_kernel_with_fewer_settings_is_understood),
        cmocka_unit_test(a_kind_with_a_long_name_is_cut),
        cmocka_unit_test(a_link_without_a_proper_name_is_refused),
        cmocka_unit_test(no_byte_beyond_a_cut_message_is_read),
        cmocka_unit_test(netconf_gives_what_is_present),
        cmocka_unit_test(a_rule_tells_all_that_it_looks_at),
        cmocka_unit_test(an_address_tells_its_device_and_both_ends),
        cmocka_unit_test(only_unicast_default_routes_of_the_main_table_are_uplinks),
        cmocka_unit_test(every_next_hop_of_a_route_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
