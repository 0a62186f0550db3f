/* The live picture against what /proc/sys and ip say, in a private network namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/if_arp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/kernel/links.h"
#include "sandbox.h"

#define PROC_SYS_NET "/proc/sys/net"

static struct live read_picture(uint32_t facts, int ifindex)
{
    _cleanup_netlink_ struct netlink nl = {0};
    struct picture_options options = {
        .keys = KEY_MASK_ALL, .facts = facts, .ifindex = ifindex, .proc_sys_net = PROC_SYS_NET};
    struct live live;

    assert_int_equal(netlink_open(&nl), 0);
    assert_int_equal(picture_read(&nl, &options, &live), 0);
    return live;
}

static void assert_as_proc_says(const struct live *live)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        const char *file = key_info(key)->name;

        assert_int_equal(live->all[key], conf_read("all", file));
        assert_int_equal(live->def[key], conf_read("default", file));
        for (size_t i = 0; i < live->count; i++)
            assert_int_equal(live->devices[i].conf[key], conf_read(live->devices[i].name, file));
    }
}

/* Every key gets a value of its own on every device, so that none can be taken for another. */
static void every_value_is_the_one_in_proc(void **state)
{
    struct live live;
    int value = 0;

    run("for i in 1 2 3 4 5; do ip link add d$i type bridge; done");
    for (enum key key = 0; key < KEY_COUNT; key++) {
        const struct key_info *info = key_info(key);

        conf_write("all", info->name, info->max > 1 ? value++ % 3 : value++ % 2);
        conf_write("default", info->name, value++ % 2);
        for (int i = 1; i <= 5; i++) {
            char name[16];

            snprintf(name, sizeof(name), "d%d", i);
            conf_write(name, info->name, info->max > 1 ? i % 3 : (i >> key % 3) & 1);
        }
    }
    conf_write("d1", "rp_filter", -5);
    conf_write("d2", "rp_filter", 99);
    conf_write("all", "rp_filter", -1);
    live = read_picture(0, 0);
    assert_int_equal(live.count, 6);
    assert_as_proc_says(&live);
    assert_int_equal(live_by_name(&live, "d1")->conf[KEY_RP_FILTER], -5);
    assert_int_equal(live_by_name(&live, "d2")->conf[KEY_RP_FILTER], 99);
    assert_int_equal(live.all[KEY_RP_FILTER], -1);
    live_done(&live);
}

static const struct device *device_of(const struct live *live, const char *name)
{
    const struct device *device = live_by_name(live, name);

    if (!device)
        fail_msg("%s is not in the picture", name);
    return device;
}

static void devices_come_with_kind_master_altnames_and_driver(void **state)
{
    struct live live;
    const struct device *device;

    run("ip link add br0 type bridge && ip link add v0 address 02:00:00:00:00:01 type veth "
        "peer name v1 && ip link set v0 master br0 && ip link set v0 alias x && ip link set v1 up");
    run("ip link property add dev v0 altname first-name altname second-name");
    live = read_picture(FACT_MAC | FACT_ALTNAMES | FACT_DRIVER | FACT_MASTER_NAME, 0);
    device = device_of(&live, "v0");
    assert_string_equal(device->kind, "veth");
    assert_string_equal(device->slave_kind, "bridge");
    assert_true(device_is_port(device));
    assert_string_equal(device->master_name, "br0");
    assert_string_equal(device->driver, "veth");
    assert_string_equal(device->mac, "02:00:00:00:00:01");
    assert_string_equal(device->altnames[0], "first-name");
    assert_string_equal(device->altnames[1], "second-name");
    assert_int_equal(device->type, ARPHRD_ETHER);
    assert_false(device->bus_parent);
    device = device_of(&live, "lo");
    assert_int_equal(device->type, ARPHRD_LOOPBACK);
    assert_string_equal(device->driver, "");
    assert_string_equal(device->master_name, "");
    assert_true(device->known & FACT_DRIVER);
    assert_true(device_of(&live, "v1")->flags & 1);
    live_done(&live);
    live = read_picture(FACT_MASTER_NAME, index_of("v0"));
    assert_int_equal(live.count, 1);
    assert_string_equal(live.devices[0].master_name, "br0");
    live_done(&live);
    run("ip link del br0 && ip link del v0");
}

static void addresses_and_uplinks_are_found(void **state)
{
    struct live live;

    run("for i in 1 2 3 4; do ip link add u$i type bridge && ip link set u$i up; done");
    run("ip addr add 192.0.2.1/24 dev u1 && ip addr add 2001:db8::1/64 dev u2 && "
        "ip addr add 198.51.100.1/24 dev u3");
    live =
        read_picture(FACT_ADDRESSES | FACT_ROUTES, 0); /* the main table has routes, no default */
    assert_true(device_of(&live, "u1")->numbered);
    assert_false(device_of(&live, "u2")->numbered);
    assert_true(device_of(&live, "u3")->numbered);
    assert_false(device_of(&live, "u1")->uplink);
    live_done(&live);
    run("ip route add default nexthop via 192.0.2.2 dev u1 nexthop via 198.51.100.2 dev u3");
    run("ip route add default dev u2 table 100 && ip route add 0.0.0.0/1 dev u4");
    live = read_picture(FACT_ADDRESSES | FACT_ROUTES, 0);
    assert_true(device_of(&live, "u1")->uplink);
    assert_false(device_of(&live, "u2")->uplink);
    assert_true(device_of(&live, "u3")->uplink);
    assert_false(device_of(&live, "u4")->uplink);
    assert_int_equal(device_of(&live, "u4")->known, FACT_ADDRESSES | FACT_ROUTES);
    live_done(&live);
    live = read_picture(FACT_ADDRESSES | FACT_ROUTES, index_of("u3"));
    assert_true(live.devices[0].numbered);
    assert_true(live.devices[0].uplink);
    live_done(&live);
    run("for i in 1 2 3 4; do ip link del u$i; done");
}

static void without_any_ipv4_route_there_are_no_uplinks(void **state)
{
    struct live live;

    assert_int_equal(unshare(CLONE_NEWNET), 0); /* not even lo is up */
    live = read_picture(FACT_ROUTES | FACT_ADDRESSES, 0);
    assert_int_equal(live.count, 1);
    assert_false(live.devices[0].uplink);
    assert_false(live.devices[0].numbered);
    live_done(&live);
}

static void one_device_is_read_alone_with_all_and_default(void **state)
{
    struct live live;

    run("ip link add one type bridge && ip link add two type bridge");
    conf_write("one", "rp_filter", 2);
    conf_write("two", "rp_filter", 1);
    conf_write("default", "forwarding", 1);
    live = read_picture(0, index_of("one"));
    assert_int_equal(live.count, 1);
    assert_string_equal(live.devices[0].name, "one");
    assert_true(live.all_writable);
    assert_true(live.def_forwarding);
    assert_as_proc_says(&live);
    live_done(&live);
    run("ip link del one && ip link del two");
}

static void a_device_that_is_not_there_is_said_to_be_gone(void **state)
{
    _cleanup_netlink_ struct netlink nl = {0};
    struct picture_options options = {.ifindex = 987654, .proc_sys_net = PROC_SYS_NET};
    struct live live;

    assert_int_equal(netlink_open(&nl), 0);
    assert_int_equal(picture_read(&nl, &options, &live), -ENODEV);
}

/* Below an MTU of 68 the kernel takes a device's IPv4 settings away. */
static void a_device_without_ipv4_says_so(void **state)
{
    struct live live;

    run("ip link set lo mtu 67");
    live = read_picture(0, 0);
    assert_false(device_of(&live, "lo")->ipv4);
    live_done(&live);
    run("ip link set lo mtu 65536");
    live = read_picture(0, 0);
    assert_true(device_of(&live, "lo")->ipv4);
    live_done(&live);
}

static void a_read_only_proc_sys_is_noticed(void **state)
{
    struct live live;

    run("mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys");
    live = read_picture(0, 0);
    assert_false(live.all_writable);
    live_done(&live);
    run("umount /proc/sys");
    live = read_picture(0, 0);
    assert_true(live.all_writable);
    live_done(&live);
}

static void no_privilege_is_needed(void **state)
{
    pid_t pid;
    int status;

    run("ip link add plain type bridge");
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _cleanup_netlink_ struct netlink nl = {0};
        struct picture_options options = {.keys = KEY_MASK_ALL,
                                          .facts = FACT_ADDRESSES | FACT_ROUTES | FACT_DRIVER |
                                                   FACT_MASTER_NAME | FACT_MAC | FACT_ALTNAMES,
                                          .proc_sys_net = PROC_SYS_NET};
        struct live live;

        if (setgid(65534) < 0 || setuid(65534) < 0 || netlink_open(&nl) < 0 ||
            picture_read(&nl, &options, &live) < 0 || live.count != 2)
            _exit(1);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    run("ip link del plain");
}

/* Devices that come and go until this process, or its parent, ends. */
static pid_t start_churn(void)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        run("{ for i in 1 2 3 4 5 6 7 8 9; do echo link add a$i type veth peer name b$i; done; "
            "for i in 1 2 3 4 5 6 7 8 9; do echo link del a$i; done; } | ip -batch -");
}

/* The fifty that stay must never be missing. */
static void no_picture_lacks_a_device_while_others_come_and_go(void **state)
{
    unsigned retried = 0;
    pid_t pid;

    run("for i in $(seq 50); do echo link add stay$i type bridge; done | ip -batch -");
    pid = start_churn();
    for (unsigned i = 0; i < 400; i++) {
        _cleanup_netlink_ struct netlink nl = {0};
        struct picture_options options = {.proc_sys_net = PROC_SYS_NET};
        struct live live;
        unsigned stay = 0;
        int r;

        assert_int_equal(netlink_open(&nl), 0);
        r = picture_read(&nl, &options, &live);
        if (r == -EAGAIN)
            continue; /* said, not hidden */
        assert_int_equal(r, 0);
        retried += nl.seq > 3; /* a dump and two for all and default */
        for (size_t k = 0; k < live.count; k++) {
            stay += strncmp(live.devices[k].name, "stay", 4) == 0;
            assert_true(k == 0 || live.devices[k - 1].ifindex < live.devices[k].ifindex);
        }
        assert_int_equal(stay, 50);
        live_done(&live);
    }
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    print_message("%u of 400 pictures were interrupted and read again\n", retried);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_the_one_in_proc),
        cmocka_unit_test(devices_come_with_kind_master_altnames_and_driver),
        cmocka_unit_test(addresses_and_uplinks_are_found),
        cmocka_unit_test(without_any_ipv4_route_there_are_no_uplinks),
        cmocka_unit_test(one_device_is_read_alone_with_all_and_default),
        cmocka_unit_test(a_device_that_is_not_there_is_said_to_be_gone),
        cmocka_unit_test(a_device_without_ipv4_says_so),
        cmocka_unit_test(a_read_only_proc_sys_is_noticed),
        cmocka_unit_test(no_privilege_is_needed),
        cmocka_unit_test(no_picture_lacks_a_device_while_others_come_and_go),
    };
    struct sandbox sandbox;

    sandbox_enter(&sandbox);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
