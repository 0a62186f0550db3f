/* The live picture against what /proc/sys and ip say, in a private network namespace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/if_arp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "links.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_the_one_in_proc),
    };
    struct sandbox sandbox;

    sandbox_enter(&sandbox);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
