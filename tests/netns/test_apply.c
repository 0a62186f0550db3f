/* A whole policy carried out on real devices that are renamed and deleted meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node.h"

#define NODE_POLICY "[rp_filter]\nlxc* = off\neno* = strict\n* = loose\n"

static struct sandbox sandbox;

static int set_up(void **state)
{
    return node_set_up(sandbox.directory, state);
}

static void a_node_is_put_right(void **state)
{
    struct node *node = *state;

    node_add_devices();
    node_use_policy(node, NODE_POLICY);
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node->result.failed, 0);
    assert_int_equal(node->outcome.record_error, 0);
    assert_rp_filter("all", 0);
    assert_rp_filter("lxc1", 0);
    assert_rp_filter("lxc2", 0);
    assert_rp_filter("eno1", 1);
    /* and then there is nothing more to do */
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node->n_reports, 0);
    assert_int_equal(node->result.done, 0);
}

static void what_was_there_before_is_recorded(void **state)
{
    struct node *node = *state;

    node_add_devices();
    set_rp_filter("eno1", 99);
    node_use_policy(node, NODE_POLICY);
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node_recorded(node, "all"), 2);
    assert_int_equal(node_recorded(node, "lxc1"), 2);
    assert_int_equal(node_recorded(node, "eno1"), 99);
    set_rp_filter("lxc1", 1);
    assert_int_equal(node_apply(node), 0);
    assert_rp_filter("lxc1", 0);
    assert_int_equal(node_recorded(node, "lxc1"), 2);
}

static void a_full_disk_is_said_and_does_not_stop_the_repair(void **state)
{
    struct node *node = *state;

    node_add_devices();
    node_use_policy(node, NODE_POLICY);
    run("mount -t tmpfs -o size=4k,mode=755 none %s && : > %s/lock && head -c 4096 /dev/zero > "
        "%s/full",
        node->run, node->run, node->run);
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node->outcome.record_error, -ENOSPC);
    assert_int_equal(node->result.failed, 0);
    assert_rp_filter("lxc1", 0);
    run("umount %s", node->run);
}

static void delete_lxc2(struct node *node, const struct write *write, enum change_result result)
{
    if (node->n_reports == 1)
        run("ip link del lxc2");
}

static void a_device_that_vanishes_is_no_failure(void **state)
{
    struct node *node = *state;

    node_add_devices();
    node_use_policy(node, "[rp_filter]\nlxc* = off\nall = unmanaged\n");
    set_rp_filter("all", 0);
    node->meanwhile = delete_lxc2;
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node->result.failed, 0);
    assert_int_equal(node->result.gone, 1);
    assert_int_equal(node->result.done, 1);
    assert_true(node_reported(node, "lxc2", CHANGE_GONE));
}

static void rename_lxc2(struct node *node, const struct write *write, enum change_result result)
{
    if (node->n_reports == 1)
        run("ip link set lxc2 name eno2 && ip link add lxc2 type bridge");
}

static void a_renamed_device_is_judged_by_its_new_name(void **state)
{
    struct node *node = *state;

    node_add_devices();
    node_use_policy(node, "[rp_filter]\nlxc* = off\neno* = strict\nall = unmanaged\n");
    set_rp_filter("all", 0);
    node->meanwhile = rename_lxc2;
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node->result.failed, 0);
    assert_true(node_reported(node, "lxc2", CHANGE_RENAMED));
    assert_true(node_reported(node, "eno2", CHANGE_DONE));
    assert_rp_filter("eno2", 1);
    assert_rp_filter("lxc2", 2); /* the new bearer of the name was not in the plan */
}

static void rename_lxc2_to_other(struct node *node, const struct write *write,
                                 enum change_result result)
{
    if (node->n_reports == 1)
        run("ip link set lxc2 name other");
}

static void a_device_renamed_to_a_name_without_rule_stays_as_it_is(void **state)
{
    struct node *node = *state;

    node_add_devices();
    node_use_policy(node, "[rp_filter]\nlxc* = off\n");
    node->meanwhile = rename_lxc2_to_other;
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node->result.failed, 0);
    assert_rp_filter("all", 0);
    assert_rp_filter("other", 2);
    assert_rp_filter("eno1", 2);
    assert_rp_filter("lxc1", 0);
}

static void rename_again_and_again(struct node *node, const struct write *write,
                                   enum change_result result)
{
    if (result == CHANGE_RENAMED || node->n_reports == 1)
        run("n=$(ip -o link show type bridge | grep -o 'lxc2x*') && ip link set $n name ${n}x");
}

static void a_device_that_is_renamed_twice_is_still_found(void **state)
{
    struct node *node = *state;

    node_add_devices();
    node_use_policy(node, "[rp_filter]\nlxc* = off\nall = unmanaged\n");
    set_rp_filter("all", 0);
    node->meanwhile = rename_again_and_again;
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node->result.failed, 0);
    assert_rp_filter("lxc2xx", 0);
}

static int rename_at_each_look(struct live *live, void *data)
{
    run("n=$(ip -o link show type bridge | grep -o 'lxc2x*') && ip link set $n name ${n}x");
    return 0;
}

/* Always renamed between the look and the write. */
static void a_device_that_is_renamed_without_end_is_given_up(void **state)
{
    struct node *node = *state;
    unsigned renamed = 0;

    node_add_devices();
    node_use_policy(node, "[rp_filter]\nlxc* = off\nall = unmanaged\n");
    set_rp_filter("all", 0);
    node->options.by.complete = rename_at_each_look;
    assert_int_equal(node_apply(node), 0);
    for (size_t i = 0; i < node->n_reports; i++)
        renamed += node->results[i] == CHANGE_RENAMED;
    assert_int_equal(renamed, 5);
    assert_int_equal(node->result.failed, 1);
    assert_int_equal(node->result.first_error, -EAGAIN);
    assert_rp_filter("lxc1", 0);
}

static void a_renamed_device_is_found_below_a_read_only_proc_sys(void **state)
{
    struct node *node = *state;

    node_add_devices();
    node_use_policy(node, "[rp_filter]\nlxc* = off\neno* = strict\n");
    set_rp_filter("all", 0);
    run("mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys");
    node->meanwhile = rename_lxc2;
    assert_int_equal(node_apply(node), 0);
    run("umount /proc/sys");
    assert_int_equal(node->result.failed, 0);
    assert_true(node_reported(node, "lxc2", CHANGE_RENAMED));
    assert_rp_filter("eno2", 1);
    assert_rp_filter("lxc2", 2);
}

static void a_read_only_proc_sys_is_written_around(void **state)
{
    struct node *node = *state;

    node_add_devices();
    set_rp_filter("all", 0);
    run("ip link set lxc1 up");
    node_use_policy(node, "[rp_filter]\nlxc* = off\neno* = strict\ndefault = strict\n");
    run("mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys");
    assert_int_equal(node_apply(node), 0);
    run("umount /proc/sys");
    assert_rp_filter("lxc1", 0);
    assert_rp_filter("lxc2", 0);
    assert_rp_filter("eno1", 1);
    assert_rp_filter("default", 2);
    for (size_t i = 0; i < node->n_reports; i++)
        if (node->results[i] == CHANGE_FAILED)
            assert_true(node->writes[i].ifindex < 0 && node->errors[i] == -EROFS);
}

/* Without the right to write, `all` cannot move, and nothing that relies on it is tried. */
static void without_privilege_every_write_fails_and_is_reported(void **state)
{
    struct node *node = *state;
    pid_t pid;
    int status;

    node_add_devices();
    node_use_policy(node, NODE_POLICY);
    run("chown 65534 %s", node->run);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (setgid(65534) < 0 || setuid(65534) < 0 || node_apply(node) != 0)
            _exit(1);
        if (node->result.done != 0 || node->result.failed != node->n_reports ||
            node->result.failed == 0)
            _exit(2);
        _exit(node->result.first_error == -EACCES || node->result.first_error == -EPERM ? 0 : 3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_rp_filter("all", 2);
    assert_rp_filter("eno1", 2);
}

static void one_device_alone_leaves_the_others_effectively_as_they_are(void **state)
{
    struct node *node = *state;

    node_add_devices();
    node_use_policy(node, NODE_POLICY);
    node->options.only_ifindex = index_of("lxc1");
    node->options.by.blind = FACT_ADDRESSES | FACT_ROUTES | FACT_MASTER_NAME;
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node->result.failed, 0);
    assert_rp_filter("all", 0);
    assert_rp_filter("lxc1", 0);
    assert_rp_filter("lxc2", 2);
    assert_rp_filter("eno1", 2);
    assert_rp_filter("default", 2);
    node->options.only_ifindex = index_of("eno1");
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node->n_reports, 1);
    assert_rp_filter("eno1", 1);
    assert_rp_filter("lxc2", 2);
    node->options.only_ifindex = 987654;
    assert_int_equal(node_apply(node), -ENODEV);
}

static int amend_fails(struct live *live, void *data)
{
    return -ENOMEM;
}

static void a_caller_that_cannot_complete_the_picture_stops_the_work(void **state)
{
    struct node *node = *state;

    node_add_devices();
    node_use_policy(node, NODE_POLICY);
    node->options.by.complete = amend_fails;
    assert_int_equal(node_apply(node), -ENOMEM);
    assert_rp_filter("all", 2);
}

/* Tightening a device that is up flushes the route cache, everything else does not. */
static void the_route_cache_is_flushed_when_traffic_may_be_refused_now(void **state)
{
    struct node *node = *state;

    node_add_devices();
    set_rp_filter("all", 0);
    node_use_policy(node, "[rp_filter]\neno* = strict\n");
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node->result.done, 1);
    assert_false(node->outcome.stricter); /* it was down */
    assert_false(node->outcome.flushed);
    set_rp_filter("eno1", 0);
    run("ip link set eno1 up");
    node->options.no_flush = true;
    assert_int_equal(node_apply(node), 0);
    assert_true(node->outcome.stricter);
    assert_false(node->outcome.flushed);
    node->options.no_flush = false;
    set_rp_filter("eno1", 0);
    assert_int_equal(node_apply(node), 0);
    assert_true(node->outcome.flushed);
    assert_int_equal(node->outcome.flush_error, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, node_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_node_is_put_right),
        TEST(what_was_there_before_is_recorded),
        TEST(a_full_disk_is_said_and_does_not_stop_the_repair),
        TEST(a_device_that_vanishes_is_no_failure),
        TEST(a_renamed_device_is_judged_by_its_new_name),
        TEST(a_device_renamed_to_a_name_without_rule_stays_as_it_is),
        TEST(a_device_that_is_renamed_twice_is_still_found),
        TEST(a_device_that_is_renamed_without_end_is_given_up),
        TEST(a_renamed_device_is_found_below_a_read_only_proc_sys),
        TEST(a_read_only_proc_sys_is_written_around),
        TEST(without_privilege_every_write_fails_and_is_reported),
        TEST(one_device_alone_leaves_the_others_effectively_as_they_are),
        TEST(a_caller_that_cannot_complete_the_picture_stops_the_work),
        TEST(the_route_cache_is_flushed_when_traffic_may_be_refused_now),
    };

    sandbox_enter(&sandbox);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
