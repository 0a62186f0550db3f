/* Writing settings of devices that are renamed, deleted or awkwardly called: never to another one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/kernel/procsys.h"
#include "sandbox.h"

static struct netlink nl;
static struct procsys procsys = {.conf_fd = -1, .ipv4_fd = -1};

static int write_rp_filter(int ifindex, const char *name, int value)
{
    return procsys_write_device(&procsys, &nl, ifindex, name, KEY_RP_FILTER, value);
}

static void every_key_of_a_device_is_written_and_read(void **state)
{
    int ifindex, value;

    run("ip link add dev0 type bridge && ip link add dev0.100 type bridge");
    ifindex = index_of("dev0.100");
    for (enum key key = 0; key < KEY_COUNT; key++) {
        int other = !conf_read("dev0.100", key_info(key)->name);

        assert_int_equal(procsys_write_device(&procsys, &nl, ifindex, "dev0.100", key, other), 0);
        assert_int_equal(conf_read("dev0.100", key_info(key)->name), other);
        assert_int_equal(procsys_read_device(&procsys, &nl, ifindex, "dev0.100", key, &value), 0);
        assert_int_equal(value, other);
    }
    assert_int_equal(write_rp_filter(ifindex, "dev0.100", -5), 0);
    assert_int_equal(conf_read("dev0.100", "rp_filter"), -5);
    run("ip link del dev0 && ip link del dev0.100");
}

static void all_and_default_are_written_and_read(void **state)
{
    int value;

    for (enum key key = 0; key < KEY_COUNT; key++) {
        assert_int_equal(procsys_write_special(&procsys, "all", key, 1), 0);
        assert_int_equal(procsys_write_special(&procsys, "default", key, 0), 0);
        assert_int_equal(procsys_read_special(&procsys, "all", key, &value), 0);
        assert_int_equal(value, 1);
        assert_int_equal(procsys_read_special(&procsys, "default", key, &value), 0);
        assert_int_equal(value, 0);
        assert_int_equal(conf_read("all", key_info(key)->name), 1);
    }
    assert_int_equal(procsys_read_special(&procsys, "lo", KEY_RP_FILTER, &value), -EINVAL);
    assert_int_equal(procsys_write_special(&procsys, "../conf/lo", KEY_RP_FILTER, 1), -EINVAL);
}

static void a_name_never_leads_out_of_its_directory(void **state)
{
    static const char *const names[] = {"",  ".",   "..",         "all",   "default",
                                        "/", "lo/", "../conf/lo", "/proc", "lo/."};

    conf_write("lo", "rp_filter", 0);
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        assert_int_equal(write_rp_filter(1, names[i], 1), -EINVAL);
    assert_int_equal(conf_read("lo", "rp_filter"), 0);
}

/* Everything of the kind that the kernel takes as a name. */
static void awkward_names_are_written_like_any_other(void **state)
{
    static const char *const names[] = {"...",
                                        "*",
                                        "[a]",
                                        "=k",
                                        "#c",
                                        "-rf",
                                        "--help",
                                        "$(id)",
                                        ";reboot;",
                                        "'q\"",
                                        "\x1b[1m",
                                        "\xff\xfe",
                                        "\xe2\x80\xae",
                                        "eth1..3",
                                        "@set",
                                        "a]b",
                                        "a\\b",
                                        "`id`",
                                        "123456789012345"};

    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        char *const argv[] = {
            (char[]){"ip"},   (char[]){"link"}, (char[]){"add"},    (char[]){"name"},
            (char *)names[i], (char[]){"type"}, (char[]){"bridge"}, NULL};
        pid_t pid = fork();
        int status, ifindex;

        assert_true(pid >= 0);
        if (pid == 0) {
            execvp("ip", argv);
            _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        ifindex = index_of(names[i]);
        assert_int_equal(write_rp_filter(ifindex, names[i], 2), 0);
        assert_int_equal(conf_read(names[i], "rp_filter"), 2);
        assert_int_equal(setlink_write_device(&nl, ifindex, KEY_RP_FILTER, 1), 0);
        assert_int_equal(conf_read(names[i], "rp_filter"), 1);
    }
}

static void a_device_that_is_gone_is_said_to_be_gone(void **state)
{
    int ifindex;
    char name[16];

    run("ip link add gone type bridge");
    ifindex = index_of("gone");
    run("ip link del gone");
    assert_int_equal(write_rp_filter(ifindex, "gone", 1), -ENODEV);
    assert_int_equal(setlink_write_device(&nl, ifindex, KEY_RP_FILTER, 1), -ENODEV);
    assert_int_equal(device_current_name(&nl, ifindex, name), -ENODEV);
    /* also when another one has its name by now */
    run("ip link add gone type bridge");
    assert_int_equal(write_rp_filter(ifindex, "gone", 1), -ENODEV);
    assert_int_equal(conf_read("gone", "rp_filter"), conf_read("default", "rp_filter"));
    run("ip link del gone");
}

static void a_renamed_device_is_not_written_by_its_old_name(void **state)
{
    int ifindex;
    char name[16];

    run("ip link add old type bridge");
    conf_write("old", "rp_filter", 0);
    ifindex = index_of("old");
    run("ip link set old name new");
    assert_int_equal(write_rp_filter(ifindex, "old", 1), -ESTALE);
    run("ip link add old type bridge");
    conf_write("old", "rp_filter", 0);
    assert_int_equal(write_rp_filter(ifindex, "old", 1), -ESTALE);
    assert_int_equal(conf_read("old", "rp_filter"), 0);
    assert_int_equal(conf_read("new", "rp_filter"), 0);
    assert_int_equal(device_current_name(&nl, ifindex, name), 0);
    assert_string_equal(name, "new");
    assert_int_equal(write_rp_filter(ifindex, name, 1), 0);
    assert_int_equal(conf_read("new", "rp_filter"), 1);
    run("ip link del old && ip link del new");
}

static void setlink_writes_devices_up_and_down(void **state)
{
    int ifindex;

    run("ip link add v-up type veth peer name v-down && ip link set v-up up");
    for (enum key key = 0; key < KEY_COUNT; key++)
        for (int i = 0; i < 2; i++) {
            const char *name = i ? "v-up" : "v-down";
            int other = !conf_read(name, key_info(key)->name);

            ifindex = index_of(name);
            assert_int_equal(setlink_write_device(&nl, ifindex, key, other), 0);
            assert_int_equal(conf_read(name, key_info(key)->name), other);
        }
    run("ip link del v-up");
}

static void a_device_without_ipv4_is_told_apart(void **state)
{
    run("ip link set lo mtu 67");
    assert_int_equal(write_rp_filter(1, "lo", 1), -ESTALE);
    assert_int_equal(setlink_write_device(&nl, 1, KEY_RP_FILTER, 1), -EAFNOSUPPORT);
    run("ip link set lo mtu 65536");
}

static void a_read_only_proc_sys_leaves_setlink(void **state)
{
    _cleanup_procsys_ struct procsys read_only = PROCSYS_INIT;

    run("ip link add ro type bridge");
    assert_false(procsys.read_only);
    run("mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys");
    assert_int_equal(procsys_open("/proc/sys/net", &read_only), 0);
    assert_true(read_only.read_only);
    assert_int_equal(procsys_write_device(&read_only, &nl, index_of("ro"), "ro", KEY_RP_FILTER, 2),
                     -EROFS);
    assert_int_equal(procsys_write_special(&read_only, "all", KEY_RP_FILTER, 2), -EROFS);
    assert_int_equal(setlink_write_device(&nl, index_of("ro"), KEY_RP_FILTER, 2), 0);
    assert_int_equal(conf_read("ro", "rp_filter"), 2);
    procsys_close(&read_only);
    run("umount /proc/sys && ip link del ro");
}

static void without_privilege_the_kernel_refuses(void **state)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        int r, s;

        if (setgid(65534) < 0 || setuid(65534) < 0)
            _exit(1);
        r = write_rp_filter(1, "lo", 1);
        s = procsys_flush_routes(&procsys);
        _exit((r == -EACCES || r == -EPERM) && (s == -EACCES || s == -EPERM) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void the_route_cache_is_flushed(void **state)
{
    assert_int_equal(procsys_flush_routes(&procsys), 0);
}

static int rename_device(struct netlink *socket, int ifindex, const char *name)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_SETLINK, 0, sizeof(struct ifinfomsg));
    struct ifinfomsg *link = mnl_nlmsg_get_payload(request);

    link->ifi_index = ifindex;
    mnl_attr_put_strz(request, IFLA_IFNAME, name);
    return netlink_talk(socket, request, NULL, NULL);
}

/* The two devices change names with each other, through a third name, until the parent ends. */
static void swap_names(int a, int b)
{
    struct netlink socket;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (netlink_open(&socket) < 0)
        _exit(1);
    for (unsigned i = 0;; i++) {
        int first = i % 2 ? b : a, second = i % 2 ? a : b;

        if (rename_device(&socket, first, "free") < 0 ||
            rename_device(&socket, second, "left") < 0 ||
            rename_device(&socket, first, "right") < 0)
            _exit(1);
    }
}

/* Writes go to one of two devices that swap names all the time. The other must keep its value. */
static void nothing_is_ever_written_to_the_device_that_took_the_name(void **state)
{
    unsigned written = 0, stale = 0;
    int mine, other, value;
    pid_t pid;

    run("ip link add left type veth peer name right");
    mine = index_of("left");
    other = index_of("right");
    conf_write("right", "rp_filter", 7);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        swap_names(mine, other);
    for (int i = 0; written < 300 || stale < 300; i++) {
        int r = write_rp_filter(mine, i % 2 ? "left" : "right", i % 3);

        assert_true(r == 0 || r == -ESTALE);
        written += r == 0;
        stale += r < 0;
        do {
            char name[16];

            assert_int_equal(device_current_name(&nl, other, name), 0);
            r = procsys_read_device(&procsys, &nl, other, name, KEY_RP_FILTER, &value);
        } while (r == -ESTALE);
        assert_int_equal(r, 0);
        assert_int_equal(value, 7);
    }
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int open_all(void **state)
{
    if (netlink_open(&nl) < 0)
        return -1;
    return procsys_open("/proc/sys/net", &procsys);
}

static int close_all(void **state)
{
    netlink_close(&nl);
    procsys_close(&procsys);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_a_device_is_written_and_read),
        cmocka_unit_test(all_and_default_are_written_and_read),
        cmocka_unit_test(a_name_never_leads_out_of_its_directory),
        cmocka_unit_test(awkward_names_are_written_like_any_other),
        cmocka_unit_test(a_device_that_is_gone_is_said_to_be_gone),
        cmocka_unit_test(a_renamed_device_is_not_written_by_its_old_name),
        cmocka_unit_test(setlink_writes_devices_up_and_down),
        cmocka_unit_test(a_device_without_ipv4_is_told_apart),
        cmocka_unit_test(a_read_only_proc_sys_leaves_setlink),
        cmocka_unit_test(without_privilege_the_kernel_refuses),
        cmocka_unit_test(the_route_cache_is_flushed),
        cmocka_unit_test(nothing_is_ever_written_to_the_device_that_took_the_name),
    };
    struct sandbox sandbox;

    sandbox_enter(&sandbox);
    return cmocka_run_group_tests(tests, open_all, close_all);
}
