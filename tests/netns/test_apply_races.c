/* Runs that meet other runs, and devices that never rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node.h"

#define NODE_POLICY "[rp_filter]\nlxc* = off\neno* = strict\n* = loose\n"

static struct sandbox sandbox;

static int set_up(void **state)
{
    return node_set_up(sandbox.directory, state);
}

/* Pipes between a process that holds the lock and one that wants it. */
struct gate {
    int inside[2], go[2];
};
static struct gate gate;

static void stop_inside(struct node *node, const struct write *done, enum change_result result)
{
    char byte = 0;

    if (node->n_reports == 1 &&
        (write(gate.inside[1], &byte, 1) != 1 || read(gate.go[0], &byte, 1) != 1))
        _exit(1);
}

static void a_second_apply_waits_its_time_and_no_longer(void **state)
{
    struct node *node = *state;
    char byte = 0;
    pid_t pid;
    int status;

    node_add_devices();
    node_use_policy(node, NODE_POLICY);
    assert_int_equal(pipe(gate.inside), 0);
    assert_int_equal(pipe(gate.go), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        node->meanwhile = stop_inside;
        _exit(node_apply(node) == 0 && node->result.failed == 0 ? 0 : 1);
    }
    assert_int_equal(read(gate.inside[0], &byte, 1), 1); /* in the middle of its plan */
    node->options.lock_timeout_ms = 30;
    assert_int_equal(node_apply(node), -EBUSY);
    assert_int_equal(node->n_reports, 0);
    assert_int_equal(write(gate.go[1], &byte, 1), 1);
    node->options.lock_timeout_ms = 10000;
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node->n_reports, 0); /* the first one had done everything */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_rp_filter("all", 0);
    assert_rp_filter("eno1", 1);
}

#define APPLIES 20

/* Two policies that pull `all` and every device in opposite directions, from two processes. However
 * they come after each other, each plan is carried out whole: the end is all of one or all of the
 * other, and no process ever sees a plan with an old value that is not there. */
static void two_processes_never_mix_their_plans(void **state)
{
    static const char *const texts[] = {"[rp_filter]\nall = 0\neno* = off\nlxc* = off\n",
                                        "[rp_filter]\nall = 1\neno* = loose\nlxc* = strict\n"};
    struct node *node = *state;
    pid_t pids[2];

    node_add_devices();
    for (int i = 0; i < 2; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] != 0)
            continue;
        node_use_policy(node, texts[i]);
        for (int k = 0; k < APPLIES; k++)
            if (node_apply(node) != 0 || node->result.failed != 0)
                _exit(1);
        _exit(0);
    }
    for (int i = 0; i < 2; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    if (conf_read("all", "rp_filter") == 0) {
        assert_rp_filter("eno1", 0);
        assert_rp_filter("lxc1", 0);
        assert_rp_filter("lxc2", 0);
    } else {
        assert_rp_filter("eno1", 2);
        assert_true(conf_read("lxc1", "rp_filter") <= 1);
        assert_true(conf_read("lxc2", "rp_filter") <= 1);
    }
}

/* Two devices exchange names all the time. No run may fail over it, those beside them are put right
 * each time, and once it is quiet one run finds everything by the names they ended with. */
static void renames_under_way_make_no_run_fail(void **state)
{
    struct node *node = *state;
    pid_t pid;

    node_add_devices();
    set_rp_filter("all", 0);
    set_rp_filter("eno1", 2);
    node_use_policy(node, "[rp_filter]\nlxc* = off\npod* = strict\n");
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run("{ for i in $(seq 300); do echo link set lxc2 name eth9; echo link set eno1 name lxc2; "
            "echo link set eth9 name pod2; echo link set lxc2 name eno1; "
            "echo link set pod2 name lxc2; done; } | ip -batch -");
        _exit(0);
    }
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        set_rp_filter("lxc1", 2);
        assert_int_equal(node_apply(node), 0);
        assert_int_equal(node->result.failed, 0);
        assert_rp_filter("lxc1", 0);
    }
    assert_int_equal(node_apply(node), 0);
    assert_rp_filter("lxc2", 0);
    assert_int_equal(node_apply(node), 0);
    assert_int_equal(node->n_reports, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, node_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_second_apply_waits_its_time_and_no_longer),
        TEST(two_processes_never_mix_their_plans),
        TEST(renames_under_way_make_no_run_fail),
    };

    sandbox_enter(&sandbox);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
