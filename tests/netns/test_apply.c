/* A whole policy carried out on real devices that are renamed, deleted and fought over meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apply.h"
#include "sandbox.h"

static struct sandbox sandbox;

#define REPORTS_MAX 64

struct place {
    char run[96], lock[128], before[128], flushed[128], proc_sys_net[16];
    struct paths paths;
    struct policy *policy;
    struct apply_options options;
    struct apply_result result;
    /* what was reported */
    struct write writes[REPORTS_MAX];
    enum write_result results[REPORTS_MAX];
    int errors[REPORTS_MAX];
    size_t n_reports;
    /* called at each report */
    void (*meanwhile)(struct place *place, const struct write *write, enum write_result result);
};

static void take_report(const struct write *write, enum write_result result, int error, void *data)
{
    struct place *place = data;

    if (place->n_reports < REPORTS_MAX) {
        place->writes[place->n_reports] = *write;
        place->results[place->n_reports] = result;
        place->errors[place->n_reports++] = error;
    }
    if (place->meanwhile)
        place->meanwhile(place, write, result);
}

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    if (!place)
        return -1;
    snprintf(place->run, sizeof(place->run), "%s/run-XXXXXX", sandbox.directory);
    if (!mkdtemp(place->run))
        return -1;
    snprintf(place->lock, sizeof(place->lock), "%s/lock", place->run);
    snprintf(place->before, sizeof(place->before), "%s/before", place->run);
    snprintf(place->flushed, sizeof(place->flushed), "%s/flushed", place->run);
    snprintf(place->proc_sys_net, sizeof(place->proc_sys_net), "/proc/sys/net");
    place->paths = (struct paths){.run = place->run,
                                  .lock = place->lock,
                                  .before = place->before,
                                  .flushed = place->flushed,
                                  .proc_sys_net = place->proc_sys_net};
    place->options = (struct apply_options){
        .paths = &place->paths, .lock_timeout_ms = 5000, .report = take_report, .data = place};
    *state = place;
    run("ip -o link show type bridge | cut -d: -f2 | xargs -r -n1 ip link del");
    conf_write("all", "rp_filter", 0);
    conf_write("default", "rp_filter", 0);
    conf_write("lo", "rp_filter", 0);
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;

    policy_free(place->policy);
    free(place);
    return 0;
}

static void use_policy(struct place *place, const char *text)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;

    policy_free(place->policy);
    place->policy = policy_new();
    assert_non_null(place->policy);
    assert_int_equal(policy_add_file(place->policy, "test.conf", text, strlen(text), &diags), 0);
    assert_int_equal(policy_finish(place->policy, &diags), 0);
    assert_false(diags_failed(&diags));
    place->options.policy = place->policy;
}

static int apply(struct place *place)
{
    place->n_reports = 0;
    return apply_policy(&place->options, &place->result);
}

static void add_devices(const char *names)
{
    run("for i in %s; do ip link add name $i type bridge; done", names);
}

static void set_rp_filter(const char *name, int value)
{
    conf_write(name, "rp_filter", value);
}

static void assert_rp_filter(const char *name, int value)
{
    assert_int_equal(conf_read(name, "rp_filter"), value);
}

/* -1 when nothing was reported with this name and result. */
static int find_report(const struct place *place, const char *name, enum write_result result)
{
    for (size_t i = 0; i < place->n_reports; i++)
        if (streq(place->writes[i].name, name) && place->results[i] == result)
            return (int)i;
    return -1;
}

/* What a Cilium node looks like under a distribution's all=2, default=2. */
static void set_up_node(void)
{
    set_rp_filter("all", 2);
    set_rp_filter("default", 2);
    add_devices("eno1 lxc1 lxc2");
    run("ip addr add 192.0.2.1/24 dev eno1");
}

#define NODE_POLICY "[rp_filter]\nlxc* = off\neno* = strict\n* = loose\n"

static void a_node_is_put_right(void **state)
{
    struct place *place = *state;

    set_up_node();
    use_policy(place, NODE_POLICY);
    assert_int_equal(apply(place), 0);
    assert_int_equal(place->result.failed, 0);
    assert_int_equal(place->result.record_error, 0);
    assert_rp_filter("all", 0);
    assert_rp_filter("lxc1", 0);
    assert_rp_filter("lxc2", 0);
    assert_rp_filter("eno1", 1);
    /* and then there is nothing more to do */
    assert_int_equal(apply(place), 0);
    assert_int_equal(place->n_reports, 0);
    assert_int_equal(place->result.done, 0);
}

static int recorded(struct place *place, const char *name)
{
    _cleanup_free_ struct before_record *records = NULL;
    size_t n;

    assert_int_equal(before_read(&place->paths, &records, &n), 0);
    for (size_t i = 0; i < n; i++)
        if (streq(records[i].name, name))
            return records[i].value;
    return -1;
}

static void what_was_there_before_is_recorded(void **state)
{
    struct place *place = *state;

    set_up_node();
    set_rp_filter("eno1", 99);
    use_policy(place, NODE_POLICY);
    assert_int_equal(apply(place), 0);
    assert_int_equal(recorded(place, "all"), 2);
    assert_int_equal(recorded(place, "lxc1"), 2);
    assert_int_equal(recorded(place, "eno1"), 99);
    set_rp_filter("lxc1", 1);
    assert_int_equal(apply(place), 0);
    assert_rp_filter("lxc1", 0);
    assert_int_equal(recorded(place, "lxc1"), 2);
}

static void a_full_disk_is_said_and_does_not_stop_the_repair(void **state)
{
    struct place *place = *state;

    set_up_node();
    use_policy(place, NODE_POLICY);
    run("mount -t tmpfs -o size=4k,mode=755 none %s && : > %s/lock && head -c 4096 /dev/zero > "
        "%s/full",
        place->run, place->run, place->run);
    assert_int_equal(apply(place), 0);
    assert_int_equal(place->result.record_error, -ENOSPC);
    assert_int_equal(place->result.failed, 0);
    assert_rp_filter("lxc1", 0);
    run("umount %s", place->run);
}

static void delete_lxc2(struct place *place, const struct write *write, enum write_result result)
{
    if (place->n_reports == 1)
        run("ip link del lxc2");
}

static void a_device_that_vanishes_is_no_failure(void **state)
{
    struct place *place = *state;

    set_up_node();
    use_policy(place, "[rp_filter]\nlxc* = off\nall = unmanaged\n");
    set_rp_filter("all", 0);
    place->meanwhile = delete_lxc2;
    assert_int_equal(apply(place), 0);
    assert_int_equal(place->result.failed, 0);
    assert_int_equal(place->result.gone, 1);
    assert_int_equal(place->result.done, 1);
    assert_true(find_report(place, "lxc2", WRITE_GONE) >= 0);
}

static void rename_lxc2(struct place *place, const struct write *write, enum write_result result)
{
    if (place->n_reports == 1)
        run("ip link set lxc2 name eno2 && ip link add lxc2 type bridge");
}

static void a_renamed_device_is_judged_by_its_new_name(void **state)
{
    struct place *place = *state;

    set_up_node();
    use_policy(place, "[rp_filter]\nlxc* = off\neno* = strict\nall = unmanaged\n");
    set_rp_filter("all", 0);
    place->meanwhile = rename_lxc2;
    assert_int_equal(apply(place), 0);
    assert_int_equal(place->result.failed, 0);
    assert_true(find_report(place, "lxc2", WRITE_RENAMED) >= 0);
    assert_true(find_report(place, "eno2", WRITE_DONE) >= 0);
    assert_rp_filter("eno2", 1);
    assert_rp_filter("lxc2", 2); /* the new bearer of the name was not in the plan */
}

static void rename_lxc2_to_other(struct place *place, const struct write *write,
                                 enum write_result result)
{
    if (place->n_reports == 1)
        run("ip link set lxc2 name other");
}

static void a_device_renamed_to_a_name_without_rule_stays_as_it_is(void **state)
{
    struct place *place = *state;

    set_up_node();
    use_policy(place, "[rp_filter]\nlxc* = off\n");
    place->meanwhile = rename_lxc2_to_other;
    assert_int_equal(apply(place), 0);
    assert_int_equal(place->result.failed, 0);
    assert_rp_filter("all", 0);
    assert_rp_filter("other", 2);
    assert_rp_filter("eno1", 2);
    assert_rp_filter("lxc1", 0);
}

static void rename_again_and_again(struct place *place, const struct write *write,
                                   enum write_result result)
{
    if (result == WRITE_RENAMED || place->n_reports == 1)
        run("n=$(ip -o link show type bridge | grep -o 'lxc2x*') && ip link set $n name ${n}x");
}

static void a_device_that_is_renamed_twice_is_still_found(void **state)
{
    struct place *place = *state;

    set_up_node();
    use_policy(place, "[rp_filter]\nlxc* = off\nall = unmanaged\n");
    set_rp_filter("all", 0);
    place->meanwhile = rename_again_and_again;
    assert_int_equal(apply(place), 0);
    assert_int_equal(place->result.failed, 0);
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
    struct place *place = *state;
    unsigned renamed = 0;

    set_up_node();
    use_policy(place, "[rp_filter]\nlxc* = off\nall = unmanaged\n");
    set_rp_filter("all", 0);
    place->options.amend = rename_at_each_look;
    assert_int_equal(apply(place), 0);
    for (size_t i = 0; i < place->n_reports; i++)
        renamed += place->results[i] == WRITE_RENAMED;
    assert_int_equal(renamed, 5);
    assert_int_equal(place->result.failed, 1);
    assert_int_equal(place->result.first_error, -EAGAIN);
    assert_rp_filter("lxc1", 0);
}

static void a_renamed_device_is_found_below_a_read_only_proc_sys(void **state)
{
    struct place *place = *state;

    set_up_node();
    use_policy(place, "[rp_filter]\nlxc* = off\neno* = strict\n");
    set_rp_filter("all", 0);
    run("mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys");
    place->meanwhile = rename_lxc2;
    assert_int_equal(apply(place), 0);
    run("umount /proc/sys");
    assert_int_equal(place->result.failed, 0);
    assert_true(find_report(place, "lxc2", WRITE_RENAMED) >= 0);
    assert_rp_filter("eno2", 1);
    assert_rp_filter("lxc2", 2);
}

static void a_read_only_proc_sys_is_written_around(void **state)
{
    struct place *place = *state;

    set_up_node();
    set_rp_filter("all", 0);
    run("ip link set lxc1 up");
    use_policy(place, "[rp_filter]\nlxc* = off\neno* = strict\ndefault = strict\n");
    run("mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys");
    assert_int_equal(apply(place), 0);
    run("umount /proc/sys");
    assert_rp_filter("lxc1", 0);
    assert_rp_filter("lxc2", 0);
    assert_rp_filter("eno1", 1);
    assert_rp_filter("default", 2);
    for (size_t i = 0; i < place->n_reports; i++)
        if (place->results[i] == WRITE_FAILED)
            assert_true(place->writes[i].ifindex < 0 && place->errors[i] == -EROFS);
}

/* Without the right to write, `all` cannot move, and nothing that relies on it is tried. */
static void without_privilege_every_write_fails_and_is_reported(void **state)
{
    struct place *place = *state;
    pid_t pid;
    int status;

    set_up_node();
    use_policy(place, NODE_POLICY);
    run("chown 65534 %s", place->run);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (setgid(65534) < 0 || setuid(65534) < 0 || apply(place) != 0)
            _exit(1);
        if (place->result.done != 0 || place->result.failed != place->n_reports ||
            place->result.failed == 0)
            _exit(2);
        _exit(place->result.first_error == -EACCES || place->result.first_error == -EPERM ? 0 : 3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_rp_filter("all", 2);
    assert_rp_filter("eno1", 2);
}

static void one_device_alone_leaves_the_others_effectively_as_they_are(void **state)
{
    struct place *place = *state;

    set_up_node();
    use_policy(place, NODE_POLICY);
    place->options.only_ifindex = index_of("lxc1");
    place->options.blind = FACT_ADDRESSES | FACT_ROUTES | FACT_MASTER_NAME;
    assert_int_equal(apply(place), 0);
    assert_int_equal(place->result.failed, 0);
    assert_rp_filter("all", 0);
    assert_rp_filter("lxc1", 0);
    assert_rp_filter("lxc2", 2);
    assert_rp_filter("eno1", 2);
    assert_rp_filter("default", 2);
    place->options.only_ifindex = index_of("eno1");
    assert_int_equal(apply(place), 0);
    assert_int_equal(place->n_reports, 1);
    assert_rp_filter("eno1", 1);
    assert_rp_filter("lxc2", 2);
    place->options.only_ifindex = 987654;
    assert_int_equal(apply(place), -ENODEV);
}

static int amend_fails(struct live *live, void *data)
{
    return -ENOMEM;
}

static void a_caller_that_cannot_complete_the_picture_stops_the_work(void **state)
{
    struct place *place = *state;

    set_up_node();
    use_policy(place, NODE_POLICY);
    place->options.amend = amend_fails;
    assert_int_equal(apply(place), -ENOMEM);
    assert_rp_filter("all", 2);
}

/* Tightening a device that is up flushes the route cache, everything else does not. */
static void the_route_cache_is_flushed_when_traffic_may_be_refused_now(void **state)
{
    struct place *place = *state;

    set_up_node();
    set_rp_filter("all", 0);
    use_policy(place, "[rp_filter]\neno* = strict\n");
    assert_int_equal(apply(place), 0);
    assert_int_equal(place->result.done, 1);
    assert_false(place->result.stricter); /* it was down */
    assert_false(place->result.flushed);
    set_rp_filter("eno1", 0);
    run("ip link set eno1 up");
    place->options.no_flush = true;
    assert_int_equal(apply(place), 0);
    assert_true(place->result.stricter);
    assert_false(place->result.flushed);
    place->options.no_flush = false;
    set_rp_filter("eno1", 0);
    assert_int_equal(apply(place), 0);
    assert_true(place->result.flushed);
    assert_int_equal(place->result.flush_error, 0);
}

/* Pipes between a process that holds the lock and one that wants it. */
struct gate {
    int inside[2], go[2];
};
static struct gate gate;

static void stop_inside(struct place *place, const struct write *done, enum write_result result)
{
    char byte = 0;

    if (place->n_reports == 1 &&
        (write(gate.inside[1], &byte, 1) != 1 || read(gate.go[0], &byte, 1) != 1))
        _exit(1);
}

static void a_second_apply_waits_its_time_and_no_longer(void **state)
{
    struct place *place = *state;
    char byte = 0;
    pid_t pid;
    int status;

    set_up_node();
    use_policy(place, NODE_POLICY);
    assert_int_equal(pipe(gate.inside), 0);
    assert_int_equal(pipe(gate.go), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        place->meanwhile = stop_inside;
        _exit(apply(place) == 0 && place->result.failed == 0 ? 0 : 1);
    }
    assert_int_equal(read(gate.inside[0], &byte, 1), 1); /* in the middle of its plan */
    place->options.lock_timeout_ms = 30;
    assert_int_equal(apply(place), -EBUSY);
    assert_int_equal(place->n_reports, 0);
    assert_int_equal(write(gate.go[1], &byte, 1), 1);
    place->options.lock_timeout_ms = 10000;
    assert_int_equal(apply(place), 0);
    assert_int_equal(place->n_reports, 0); /* the first one had done everything */
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
    struct place *place = *state;
    pid_t pids[2];

    set_up_node();
    for (int i = 0; i < 2; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] != 0)
            continue;
        use_policy(place, texts[i]);
        for (int k = 0; k < APPLIES; k++)
            if (apply(place) != 0 || place->result.failed != 0)
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
    struct place *place = *state;
    pid_t pid;

    set_up_node();
    set_rp_filter("all", 0);
    set_rp_filter("eno1", 2);
    use_policy(place, "[rp_filter]\nlxc* = off\npod* = strict\n");
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
        assert_int_equal(apply(place), 0);
        assert_int_equal(place->result.failed, 0);
        assert_rp_filter("lxc1", 0);
    }
    assert_int_equal(apply(place), 0);
    assert_rp_filter("lxc2", 0);
    assert_int_equal(apply(place), 0);
    assert_int_equal(place->n_reports, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

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
        TEST(a_read_only_proc_sys_is_written_around),
        TEST(a_renamed_device_is_found_below_a_read_only_proc_sys),
        TEST(without_privilege_every_write_fails_and_is_reported),
        TEST(one_device_alone_leaves_the_others_effectively_as_they_are),
        TEST(a_caller_that_cannot_complete_the_picture_stops_the_work),
        TEST(the_route_cache_is_flushed_when_traffic_may_be_refused_now),
        TEST(a_second_apply_waits_its_time_and_no_longer),
        TEST(two_processes_never_mix_their_plans),
        TEST(renames_under_way_make_no_run_fail),
    };

    sandbox_enter(&sandbox);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
