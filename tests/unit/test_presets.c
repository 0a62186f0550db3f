/* The presets as they are shipped: each and every pair of them is a valid policy, hardening leaves
 * the devices of network plugins as these need them, and the administrator has the last word. Then
 * the life of a copy: enabled, edited, outdated, removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/store/presets.h"
#include "agent/system/conf_files.h"
#include "files.h"
#include "policy/lang/compile.h"
#include "policy/lang/precedence.h"

#define N_PRESETS 19

struct fixture {
    struct conf_files shipped;
};

static const char *name_of(const struct conf_file *file)
{
    return strrchr(file->path, '/') + 1;
}

static int read_shipped(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    const char *const directories[] = {PRESETS_DIRECTORY, NULL};
    struct diags diags = DIAGS_INIT;

    assert_non_null(fixture);
    assert_int_equal(conf_files_read("", directories, 0, &diags, &fixture->shipped), 0);
    assert_int_equal(diags.count, 0);
    assert_int_equal(fixture->shipped.count, N_PRESETS);
    *state = fixture;
    return 0;
}

static int free_shipped(void **state)
{
    struct fixture *fixture = *state;

    conf_files_done(&fixture->shipped);
    free(fixture);
    return 0;
}

static void add(struct policy *policy, const char *path, const char *bytes, struct diags *diags)
{
    assert_int_equal(policy_add_file(policy, path, bytes, strlen(bytes), diags), 0);
}

/* Copies stand in the order of their names, whichever way round they are asked for here. */
static void add_preset(struct policy *policy, const struct conf_file *file, struct diags *diags)
{
    char path[128];

    snprintf(path, sizeof(path), "/etc/rpfpolicy.d/20-preset-%s", name_of(file));
    add(policy, path, file->bytes, diags);
}

static const struct conf_file *find_file(const struct fixture *fixture, const char *name)
{
    for (size_t i = 0; i < fixture->shipped.count; i++)
        if (startswith(name_of(&fixture->shipped.files[i]), name) &&
            streq(name_of(&fixture->shipped.files[i]) + strlen(name), ".conf"))
            return &fixture->shipped.files[i];
    fail_msg("no preset %s", name);
    return NULL;
}

static void print_diags(const struct diags *diags)
{
    for (size_t i = 0; i < diags->count; i++)
        print_message("%s:%u: %s\n", diags->items[i].file ?: "", diags->items[i].line,
                      diags->items[i].text);
}

static void every_preset_is_a_valid_policy_without_a_warning(void **state)
{
    const struct fixture *fixture = *state;

    for (size_t i = 0; i < fixture->shipped.count; i++) {
        _cleanup_policy_ struct policy *policy = policy_new();
        _cleanup_diags_ struct diags diags = DIAGS_INIT;

        add_preset(policy, &fixture->shipped.files[i], &diags);
        assert_int_equal(policy_finish(policy, &diags), 0);
        print_diags(&diags);
        assert_false(diags_failed(&diags));
        assert_int_equal(diags.warnings, 0);
        assert_true(policy->n_rules > 0);
    }
}

static void every_pair_of_presets_is_a_valid_policy(void **state)
{
    const struct fixture *fixture = *state;

    for (size_t i = 0; i < fixture->shipped.count; i++)
        for (size_t j = i + 1; j < fixture->shipped.count; j++) {
            _cleanup_policy_ struct policy *policy = policy_new();
            _cleanup_diags_ struct diags diags = DIAGS_INIT;

            add_preset(policy, &fixture->shipped.files[i], &diags);
            add_preset(policy, &fixture->shipped.files[j], &diags);
            assert_int_equal(policy_finish(policy, &diags), 0);
            if (diags_failed(&diags))
                print_diags(&diags);
            assert_false(diags_failed(&diags));
        }
}

static void no_preset_pins_anything_or_names_a_single_device(void **state)
{
    const struct fixture *fixture = *state;

    for (size_t i = 0; i < fixture->shipped.count; i++) {
        const struct conf_file *file = &fixture->shipped.files[i];
        bool hardened = streq(name_of(file), "hardened-ipv4.conf");
        _cleanup_policy_ struct policy *policy = policy_new();
        _cleanup_diags_ struct diags diags = DIAGS_INIT;

        add_preset(policy, file, &diags);
        assert_int_equal(policy_finish(policy, &diags), 0);
        for (size_t j = 0; j < policy->n_rules; j++) {
            enum pattern_kind kind = policy->rules[j].pattern.kind;

            if (hardened)
                assert_int_equal(kind, PATTERN_ANY);
            else
                assert_true(kind == PATTERN_GLOB || kind == PATTERN_SET);
        }
        assert_int_equal(policy->agent.mode, MODE_OBSERVE);
    }
}

/* Cilium's are as old as the program that they follow, whose version is not known here. */
static void every_preset_names_its_source_and_the_version_it_was_made_for(void **state)
{
    const struct fixture *fixture = *state;

    for (size_t i = 0; i < fixture->shipped.count; i++) {
        const struct conf_file *file = &fixture->shipped.files[i];
        const char *made = strstr(file->bytes, "\n# Made for: ");
        bool versioned = made && strcspn(made, "0123456789") < strcspn(made + 1, "\n");

        if (streq(name_of(file), "hardened-ipv4.conf"))
            continue;
        if (!versioned && !startswith(name_of(file), "cilium"))
            fail_msg("%s does not say what version it was made for", name_of(file));
        assert_non_null(strstr(file->bytes, "\n# Source: "));
    }
}

/* What a device comes out as under hardened-ipv4 and one plugin's preset. */
struct expectation {
    const char *preset, *device;
    bool physical;
    enum key key;
    int first;    /* what is written where nothing accepted is there; -1: unmanaged */
    int accepted; /* another effective value that may stay, -1 for none */
};

static const struct expectation expectations[] = {
    {"cilium", "lxc3a1f20c4d5e6", false, KEY_RP_FILTER, 0, -1},
    {"cilium", "lxc_health", false, KEY_RP_FILTER, 0, -1},
    {"cilium", "cilium_host", false, KEY_RP_FILTER, 0, -1},
    {"cilium", "cilium_vxlan", false, KEY_RP_FILTER, 0, -1},
    {"cilium", "eno1", true, KEY_RP_FILTER, 1, -1},
    {"cilium-eni", "lxc3a1f20c4d5e6", false, KEY_RP_FILTER, 0, -1},
    {"cilium-eni", "cilium_net", false, KEY_RP_FILTER, 0, -1},
    {"cilium-eni", "ens5", true, KEY_RP_FILTER, 2, -1},
    {"cilium-eni", "ens6", true, KEY_RP_FILTER, 2, -1},
    {"cilium-eni", "docker0", false, KEY_RP_FILTER, 1, -1},
    {"calico-iptables", "cali12ab34cd56e", false, KEY_RP_FILTER, 1, 0},
    {"calico-iptables", "eth0", true, KEY_RP_FILTER, 1, -1},
    {"calico-iptables", "tunl0", false, KEY_RP_FILTER, 1, -1},
    {"calico-ebpf", "cali12ab34cd56e", false, KEY_RP_FILTER, 0, 2},
    {"calico-ebpf", "bpfin.cali", false, KEY_RP_FILTER, 0, -1},
    {"calico-ebpf", "bpfout.cali", false, KEY_RP_FILTER, 0, -1},
    {"calico-ebpf", "eth0", true, KEY_RP_FILTER, 2, -1},
    {"calico-ebpf", "ens192", true, KEY_RP_FILTER, 2, -1},
    {"calico-ebpf", "enp0s31f6", true, KEY_RP_FILTER, 2, -1},
    {"calico-ebpf", "bond0", false, KEY_RP_FILTER, 2, -1},
    {"calico-ebpf", "vxlan.calico", false, KEY_RP_FILTER, 2, -1},
    {"calico-ebpf", "docker0", false, KEY_RP_FILTER, 1, -1},
    {"aws-vpc-cni", "eth0", true, KEY_RP_FILTER, 2, -1},
    {"aws-vpc-cni", "ens6", true, KEY_RP_FILTER, 2, -1},
    {"aws-vpc-cni", "eni1a2b3c4d5e6", false, KEY_RP_FILTER, 0, -1},
    {"aws-vpc-cni", "vlan.eth.1", false, KEY_RP_FILTER, 0, -1},
    {"ovn-kubernetes", "ovn-k8s-mp0", false, KEY_RP_FILTER, 2, -1},
    {"ovn-kubernetes", "ovn-k8s-mp12", false, KEY_RP_FILTER, 2, -1},
    {"ovn-kubernetes", "br-ex", false, KEY_RP_FILTER, 1, -1},
    {"wireguard", "wg0", false, KEY_RP_FILTER, 2, -1},
    {"tailscale", "tailscale0", false, KEY_RP_FILTER, 2, -1},
    {"tailscale", "eth0", true, KEY_SRC_VALID_MARK, 1, -1},
    {"openshift-sdn", "tun0", false, KEY_RP_FILTER, 2, -1},
    {"openshift-sdn", "eth0", true, KEY_RP_FILTER, 1, -1},
    {"containers", "docker0", false, KEY_RP_FILTER, 2, -1},
    {"containers", "br-0123456789ab", false, KEY_RP_FILTER, 2, -1},
    {"containers", "br-ex", false, KEY_RP_FILTER, 1, -1},
    {"containers", "br-0123456789a", false, KEY_RP_FILTER, 1, -1},
    {"containers", "podman3", false, KEY_RP_FILTER, 2, -1},
    {"flannel", "flannel.1", false, KEY_RP_FILTER, 2, -1},
    {"flannel", "flannel0", false, KEY_RP_FILTER, 2, -1},
    {"flannel", "flannel-wg", false, KEY_RP_FILTER, 1, -1},
    {"flannel", "cni0", false, KEY_RP_FILTER, 1, -1},
    {"antrea", "antrea-gw0", false, KEY_RP_FILTER, 2, -1},
    {"antrea", "antrea-ext.100", false, KEY_RP_FILTER, 2, -1},
    {"antrea", "antrea-gw0", false, KEY_ARP_ANNOUNCE, 1, -1},
    {"antrea", "antrea-egress0", false, KEY_RP_FILTER, 1, -1},
    {"kube-router", "kube-bridge", false, KEY_RP_FILTER, 2, 0},
    {"kube-router", "kube-dummy-if", false, KEY_RP_FILTER, 2, 0},
    {"submariner", "vx-submariner", false, KEY_RP_FILTER, 2, -1},
    {"submariner", "vxlan-tunnel", false, KEY_RP_FILTER, 2, -1},
    {"libvirt", "virbr0", false, KEY_RP_FILTER, 1, -1},
    {"openvpn", "tun0", false, KEY_RP_FILTER, 2, -1},
    {"openvpn", "tap1", false, KEY_RP_FILTER, 2, -1},
    {"ipsec", "vti0", false, KEY_RP_FILTER, 0, -1},
    {"ipsec", "ipsec1", false, KEY_RP_FILTER, 0, -1},
    {"ipsec", "ip_vti0", false, KEY_RP_FILTER, 1, -1},
    {"keepalived", "vrrp.51", false, KEY_RP_FILTER, 0, -1},
    {"keepalived", "vrrp.51", false, KEY_ACCEPT_LOCAL, 1, -1},
    {"keepalived", "vrrp.51", false, KEY_ARP_IGNORE, 1, -1},
    {"keepalived", "eth0", true, KEY_ACCEPT_LOCAL, -1, -1},
    {"wireguard", "wlp2s0", true, KEY_SRC_VALID_MARK, 1, -1},
    {"wireguard", "wlp2s0", true, KEY_RP_FILTER, 1, -1},
    {"wireguard", "docker0", false, KEY_SRC_VALID_MARK, -1, -1},
    {"wireguard", "lo", false, KEY_RP_FILTER, -1, -1},
    {"cilium", "eno1", true, KEY_LOG_MARTIANS, 1, -1},
    {"cilium", "eno1", true, KEY_ACCEPT_REDIRECTS, 0, -1},
    {"cilium", "eno1", true, KEY_SECURE_REDIRECTS, 0, -1},
    {"cilium", "eno1", true, KEY_SEND_REDIRECTS, 0, -1},
    {"cilium", "eno1", true, KEY_ACCEPT_SOURCE_ROUTE, 0, -1},
};

/* All that the helper knows: no addresses, routes, drivers or udev properties. */
static struct device device_named(const char *name, bool physical)
{
    struct device device = {.ifindex = 7, .ipv4 = true, .bus_parent = physical};

    snprintf(device.name, sizeof(device.name), "%s", name);
    if (!physical)
        snprintf(device.kind, sizeof(device.kind), "%s", "veth");
    return device;
}

/* The first device that both manage, and that they want different things of; NULL for none. */
static const char *disagree(const struct conf_file *a, const struct conf_file *b)
{
    const struct conf_file *const files[] = {a, b};
    struct policy *policies[2];
    const char *device = NULL;

    for (size_t i = 0; i < 2; i++) {
        _cleanup_diags_ struct diags diags = DIAGS_INIT;

        policies[i] = policy_new();
        add_preset(policies[i], files[i], &diags);
        assert_int_equal(policy_finish(policies[i], &diags), 0);
    }
    for (size_t i = 0; i < ELEMENTSOF(expectations) && !device; i++) {
        const struct expectation *e = &expectations[i];
        struct device facts = device_named(e->device, e->physical);
        const struct rule *one = policy_match(policies[0], e->key, &facts, NULL);
        const struct rule *other = policy_match(policies[1], e->key, &facts, NULL);

        if (one && other && rule_rank(one) == rule_rank(other) &&
            !streq(one->value_text, other->value_text))
            device = e->device;
    }
    policy_free(policies[0]);
    policy_free(policies[1]);
    return device;
}

static void presets_that_disagree_are_warned_of_and_only_these(void **state)
{
    const struct fixture *fixture = *state;

    for (size_t i = 0; i < fixture->shipped.count; i++)
        for (size_t j = i + 1; j < fixture->shipped.count; j++) {
            const struct conf_file *one = &fixture->shipped.files[i];
            const struct conf_file *other = &fixture->shipped.files[j];
            const char *device = disagree(one, other);
            _cleanup_policy_ struct policy *policy = policy_new();
            _cleanup_diags_ struct diags diags = DIAGS_INIT;

            add_preset(policy, one, &diags);
            add_preset(policy, other, &diags);
            assert_int_equal(policy_finish(policy, &diags), 0);
            if ((diags.warnings > 0) != (device != NULL)) {
                print_diags(&diags);
                fail_msg("%s and %s: %s", name_of(one), name_of(other), device ?: "they agree");
            }
        }
}

static void hardening_leaves_devices_of_plugins_as_these_need_them(void **state)
{
    const struct fixture *fixture = *state;
    const struct conf_file *hardened = find_file(fixture, "hardened-ipv4");

    for (size_t i = 0; i < ELEMENTSOF(expectations); i++) {
        const struct expectation *e = &expectations[i];
        const struct conf_file *file = find_file(fixture, e->preset);
        bool before = strcmp(name_of(file), name_of(hardened)) < 0;
        struct device device = device_named(e->device, e->physical);
        _cleanup_policy_ struct policy *policy = policy_new();
        _cleanup_diags_ struct diags diags = DIAGS_INIT;
        const struct rule *rule, *undecided = NULL;

        add_preset(policy, before ? file : hardened, &diags);
        add_preset(policy, before ? hardened : file, &diags);
        assert_int_equal(policy_finish(policy, &diags), 0);
        assert_false(diags_failed(&diags));
        rule = policy_match(policy, e->key, &device, &undecided);
        if (undecided || !rule != (e->first < 0))
            print_message("%s: %s %s\n", e->preset, e->device, key_info(e->key)->name);
        assert_null(undecided); /* the helper can judge it */
        if (e->first < 0) {
            assert_true(!rule || rule->unmanaged);
            continue;
        }
        assert_non_null(rule);
        assert_int_equal(rule->values[0], e->first);
        for (int value = 0; value <= 2; value++)
            assert_int_equal(rule_accepts(rule, value), value == e->first || value == e->accepted);
    }
}

static void assert_mine_wins(const struct conf_file *preset, const char *mine, const char *path,
                             const char *name)
{
    bool first = strcmp(path, "/etc/rpfpolicy.d/20-preset-") < 0;
    _cleanup_policy_ struct policy *policy = policy_new();
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct device device = device_named(name, !streq(name, "zzz0"));
    const struct rule *rule;

    if (first)
        add(policy, path, mine, &diags);
    add_preset(policy, preset, &diags);
    if (!first)
        add(policy, path, mine, &diags);
    assert_int_equal(policy_finish(policy, &diags), 0);
    assert_false(diags_failed(&diags));
    rule = policy_match(policy, KEY_RP_FILTER, &device, NULL);
    assert_non_null(rule);
    assert_string_equal(rule->origin.file, path);
}

static void any_line_of_the_administrator_wins(void **state)
{
    const struct fixture *fixture = *state;
    const char *early = "/etc/rpfpolicy.d/10-local.conf", *late = "/etc/rpfpolicy.d/50-local.conf";

    for (size_t i = 0; i < ELEMENTSOF(expectations); i++) {
        const struct conf_file *file = find_file(fixture, expectations[i].preset);
        const char *device = expectations[i].device;
        char exact[64], glob[64];

        snprintf(exact, sizeof(exact), "[rp_filter]\n%s = loose\n", device);
        snprintf(glob, sizeof(glob), "[rp_filter]\n%.2s* = loose\n", device);
        assert_mine_wins(file, exact, early, device);
        assert_mine_wins(file, exact, late, device);
        if (streq(device, "lo"))
            continue;
        assert_mine_wins(file, glob, early, device);
        assert_mine_wins(file, glob, late, device);
    }
    for (size_t i = 0; i < fixture->shipped.count; i++) {
        const struct conf_file *file = &fixture->shipped.files[i];

        assert_mine_wins(file, "[rp_filter]\n* = loose\n", late, "zzz0");
        assert_mine_wins(file, "[rp_filter]\n* = loose\n", early, "zzz0");
        assert_mine_wins(find_file(fixture, "hardened-ipv4"), "[rp_filter]\nzz* = loose\n", early,
                         "zzz0");
    }
}

/* -- the life of a copy -- */

#define V1 "# rpfpolicy preset one 1\n# For tests\n# next: do this\n[rp_filter]\na* = off\n"
#define V2 "# rpfpolicy preset one 2\n# For tests\n[rp_filter]\na* = loose\n"
#define SHIPPED "/usr/share/rpfpolicy/presets/one.conf"
#define COPY "/etc/rpfpolicy.d/20-preset-one.conf"

struct tree {
    char *root;
    struct paths paths;
    struct presets presets;
};

static void tree_read(struct tree *tree, size_t errors)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;

    presets_done(&tree->presets);
    assert_int_equal(presets_read(&tree->paths, &diags, &tree->presets), 0);
    assert_int_equal(diags.errors, errors);
}

static void tree_make(struct tree *ret)
{
    *ret = (struct tree){.root = files_root_new()};
    assert_int_equal(paths_init(&(struct path_options){.root = ret->root}, &ret->paths), 0);
    files_put_text(ret->root, SHIPPED, V1);
    files_put_text(ret->root, "/etc/hostname", "test\n");
    tree_read(ret, 0);
}

static void tree_done(struct tree *tree)
{
    presets_done(&tree->presets);
    paths_done(&tree->paths);
    files_root_remove(tree->root);
}
#define _cleanup_tree_ _cleanup_(tree_done)

static const struct preset *one(const struct tree *tree)
{
    const struct preset *preset = presets_find(&tree->presets, "one");

    assert_non_null(preset);
    return preset;
}

static void an_enabled_preset_is_known_until_it_is_edited(void **state)
{
    _cleanup_tree_ struct tree tree;

    tree_make(&tree);
    assert_int_equal(one(&tree)->copy, PRESET_NOT_ENABLED);
    assert_int_equal(preset_enable(&tree.paths, one(&tree)), 0);
    tree_read(&tree, 0);
    assert_int_equal(one(&tree)->copy, PRESET_ENABLED);
    assert_int_equal(one(&tree)->copy_version, 1);
    assert_false(one(&tree)->newer);
    assert_non_null(startswith(one(&tree)->copy_bytes, "# rpfpolicy preset one 1 "));
    assert_non_null(strstr(one(&tree)->copy_bytes, "a* = off\n"));

    files_put_text(tree.root, COPY, "# rpfpolicy preset one 1 0123456789abcdef\na* = strict\n");
    tree_read(&tree, 0);
    assert_int_equal(one(&tree)->copy, PRESET_EDITED);
    assert_false(one(&tree)->newer);
    assert_int_equal(preset_disable(&tree.paths, one(&tree)), 0);
    tree_read(&tree, 0);
    assert_int_equal(one(&tree)->copy, PRESET_NOT_ENABLED);
}

static void an_upgrade_of_the_package_is_seen_and_changes_no_copy(void **state)
{
    _cleanup_tree_ struct tree tree;

    tree_make(&tree);
    assert_int_equal(preset_enable(&tree.paths, one(&tree)), 0);
    files_put_text(tree.root, SHIPPED, V2);
    tree_read(&tree, 0);
    assert_int_equal(one(&tree)->copy, PRESET_ENABLED);
    assert_true(one(&tree)->newer);
    assert_int_equal(one(&tree)->copy_version, 1);
    assert_int_equal(one(&tree)->version, 2);
    assert_non_null(strstr(one(&tree)->copy_bytes, "a* = off\n"));
}

static void a_copy_made_by_hand_counts_as_enabled_while_it_is_the_same(void **state)
{
    _cleanup_tree_ struct tree tree;

    tree_make(&tree);
    files_put_text(tree.root, COPY, V1);
    tree_read(&tree, 0);
    assert_int_equal(one(&tree)->copy, PRESET_ENABLED);
    files_put_text(tree.root, COPY, V1 "b* = off\n");
    tree_read(&tree, 0);
    assert_int_equal(one(&tree)->copy, PRESET_EDITED);
}

static void a_copy_of_what_is_shipped_no_more_is_still_listed(void **state)
{
    _cleanup_tree_ struct tree tree;
    const struct preset *old;

    tree_make(&tree);
    files_put_text(tree.root, "/etc/rpfpolicy.d/20-preset-old.conf",
                   "# rpfpolicy preset old 3 1\n# Old\n");
    tree_read(&tree, 0);
    old = presets_find(&tree.presets, "old");
    assert_non_null(old);
    assert_null(old->bytes);
    assert_int_equal(old->copy_version, 3);
    assert_int_equal(preset_enable(&tree.paths, old), -ENOENT);
}

static void a_file_that_is_no_preset_is_an_error_and_left_out(void **state)
{
    static const char *const bad[] = {"",
                                      "\n",
                                      "[rp_filter]\n",
                                      "# rpfpolicy preset two 1\n",
                                      "# rpfpolicy preset bad\n",
                                      "# rpfpolicy preset bad 0\n",
                                      "# rpfpolicy preset bad x\n"};
    _cleanup_tree_ struct tree tree;

    tree_make(&tree);
    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        files_put_text(tree.root, "/usr/share/rpfpolicy/presets/bad.conf", bad[i]);
        tree_read(&tree, 1);
        assert_int_equal(tree.presets.count, 1);
    }
}

static void assert_evidence(const struct tree *tree, const char *const *devices,
                            const char *expected)
{
    _cleanup_names_ struct names evidence = {0};

    assert_int_equal(preset_look(&tree->paths, one(tree), devices, &evidence), 0);
    if (!expected) {
        assert_int_equal(evidence.count, 0);
        return;
    }
    assert_true(evidence.count > 0);
    assert_string_equal(evidence.items[0], expected);
}

static void a_preset_is_suggested_by_its_devices_and_files(void **state)
{
    const char *const none[] = {"lo", NULL}, *const devices[] = {"lo", "cx7", NULL},
                      *const unless[] = {"cx7", "no1", NULL};
    _cleanup_tree_ struct tree tree;

    tree_make(&tree);
    files_put_text(tree.root, SHIPPED,
                   "# rpfpolicy preset one 1\n# For tests\n# suggest-device: cx*\n"
                   "# suggest-file: /etc/cni/net.d/*one*\n# suggest-unless-device: no*\n");
    tree_read(&tree, 0);
    assert_evidence(&tree, none, NULL);
    assert_evidence(&tree, devices, "device cx7");
    assert_evidence(&tree, unless, NULL);
    files_put_text(tree.root, "/etc/cni/net.d/05-one.conflist", "{}");
    assert_evidence(&tree, none, "file /etc/cni/net.d/05-one.conflist");

    files_put_text(tree.root, "/etc/cni/net.d/04-ONE.Conflist", "{}");
    assert_evidence(&tree, none, "file /etc/cni/net.d/04-ONE.Conflist");

    files_put_text(tree.root, SHIPPED,
                   "# rpfpolicy preset one 1\n# For tests\n# suggest-device: lo\n"
                   "# suggest-unless-device: yes*\n# suggest-unless-device: no*\n"
                   "# suggest-needs-device: cx*\n");
    tree_read(&tree, 0);
    assert_evidence(&tree, none, NULL);
    assert_evidence(&tree, devices, "device lo");
    assert_evidence(&tree, unless, NULL);

    files_put_text(tree.root, SHIPPED,
                   "# rpfpolicy preset one 1\n# For tests\n# suggest-device: cx*\n"
                   "# suggest-needs-file: /sys/module/ena\n");
    tree_read(&tree, 0);
    assert_evidence(&tree, devices, NULL);
    files_put_text(tree.root, "/sys/module/ena", "");
    assert_evidence(&tree, devices, "device cx7");
}

int main(void)
{
    const struct CMUnitTest shipped[] = {
        cmocka_unit_test(every_preset_is_a_valid_policy_without_a_warning),
        cmocka_unit_test(every_pair_of_presets_is_a_valid_policy),
        cmocka_unit_test(presets_that_disagree_are_warned_of_and_only_these),
        cmocka_unit_test(no_preset_pins_anything_or_names_a_single_device),
        cmocka_unit_test(every_preset_names_its_source_and_the_version_it_was_made_for),
        cmocka_unit_test(hardening_leaves_devices_of_plugins_as_these_need_them),
        cmocka_unit_test(any_line_of_the_administrator_wins),
    };
    const struct CMUnitTest copies[] = {
        cmocka_unit_test(an_enabled_preset_is_known_until_it_is_edited),
        cmocka_unit_test(an_upgrade_of_the_package_is_seen_and_changes_no_copy),
        cmocka_unit_test(a_copy_made_by_hand_counts_as_enabled_while_it_is_the_same),
        cmocka_unit_test(a_copy_of_what_is_shipped_no_more_is_still_listed),
        cmocka_unit_test(a_file_that_is_no_preset_is_an_error_and_left_out),
        cmocka_unit_test(a_preset_is_suggested_by_its_devices_and_files),
    };
    int failed = cmocka_run_group_tests_name("shipped", shipped, read_shipped, free_shipped);

    return failed + cmocka_run_group_tests_name("copies", copies, NULL, NULL);
}
