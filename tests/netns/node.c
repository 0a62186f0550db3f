/* A small node to apply policies to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "agent/store/before.h"
#include "node.h"

static void take_report(const struct change_report *report, void *data)
{
    const struct write *write = report->change;
    struct node *node = data;

    if (node->n_reports < REPORTS_MAX) {
        node->writes[node->n_reports] = *write;
        node->results[node->n_reports] = report->result;
        node->errors[node->n_reports++] = report->error;
    }
    if (node->meanwhile)
        node->meanwhile(node, write, report->result);
}

int node_set_up(const char *directory, void **state)
{
    static const struct engine *const engines[] = {&engine_sysctl, NULL};
    static const struct change_listener listener = {.report = take_report};
    struct node *node = calloc(1, sizeof(*node));

    if (!node)
        return -1;
    snprintf(node->run, sizeof(node->run), "%s/run-XXXXXX", directory);
    if (!mkdtemp(node->run))
        return -1;
    snprintf(node->lock, sizeof(node->lock), "%s/lock", node->run);
    snprintf(node->before, sizeof(node->before), "%s/before", node->run);
    snprintf(node->former, sizeof(node->former), "%s/former", node->run);
    snprintf(node->claims, sizeof(node->claims), "%s/claims", node->run);
    snprintf(node->paused, sizeof(node->paused), "%s/paused", node->run);
    snprintf(node->flushed, sizeof(node->flushed), "%s/flushed", node->run);
    snprintf(node->proc_sys_net, sizeof(node->proc_sys_net), "/proc/sys/net");
    node->paths = (struct paths){.run = node->run,
                                 .orders = node->run,
                                 .lock = node->lock,
                                 .before = node->before,
                                 .former = node->former,
                                 .claims = node->claims,
                                 .paused = node->paused,
                                 .flushed = node->flushed,
                                 .proc_sys_net = node->proc_sys_net};
    node->options = (struct change_request){.paths = &node->paths,
                                            .engines = engines,
                                            .lock_timeout_ms = 5000,
                                            .listener = &listener,
                                            .data = node};
    *state = node;
    run("ip -o link show type bridge | cut -d: -f2 | xargs -r -n1 ip link del");
    conf_write("all", "rp_filter", 0);
    conf_write("default", "rp_filter", 0);
    conf_write("lo", "rp_filter", 0);
    return 0;
}

int node_tear_down(void **state)
{
    struct node *node = *state;

    policy_free(node->policy);
    free(node);
    return 0;
}

void node_use_policy(struct node *node, const char *text)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;

    policy_free(node->policy);
    node->policy = policy_new();
    assert_non_null(node->policy);
    assert_int_equal(policy_add_file(node->policy, "test.conf", text, strlen(text), &diags), 0);
    assert_int_equal(policy_finish(node->policy, &diags), 0);
    assert_false(diags_failed(&diags));
    node->options.by.policy = node->policy;
}

int node_apply(struct node *node)
{
    int r;

    node->n_reports = 0;
    r = change_run(&node->options, &node->outcome);
    node->result = change_total(&node->outcome);
    return r;
}

void set_rp_filter(const char *name, int value)
{
    conf_write(name, "rp_filter", value);
}

void assert_rp_filter(const char *name, int value)
{
    assert_int_equal(conf_read(name, "rp_filter"), value);
}

bool node_reported(const struct node *node, const char *name, enum change_result result)
{
    for (size_t i = 0; i < node->n_reports; i++)
        if (streq(node->writes[i].name, name) && node->results[i] == result)
            return true;
    return false;
}

void node_add_devices(void)
{
    set_rp_filter("all", 2);
    set_rp_filter("default", 2);
    run("for i in eno1 lxc1 lxc2; do ip link add name $i type bridge; done");
    run("ip addr add 192.0.2.1/24 dev eno1");
}

int node_recorded(struct node *node, const char *name)
{
    _cleanup_free_ struct before_record *records = NULL;
    size_t n;

    assert_int_equal(before_read(&node->paths, &records, &n), 0);
    for (size_t i = 0; i < n; i++)
        if (streq(records[i].name, name))
            return records[i].value;
    fail_msg("nothing recorded for %s", name);
    return -1;
}
