/* Who else may have written a value: the traces that other writers leave in files, and that odd
 * files neither confuse nor stop the search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/system/suspects.h"
#include "files.h"
#include "policy/base/util.h"

static int make_root(void **state)
{
    *state = files_root_new();
    return 0;
}

static int remove_root(void **state)
{
    files_root_remove(*state);
    return 0;
}

/* "writer file:line" of all suspects, one per line. */
static void assert_suspects(void **state, const char *device, enum key key, const char *expected)
{
    _cleanup_suspects_ struct suspects suspects = {0};
    char text[4096] = "";
    size_t used = 0;

    assert_int_equal(suspects_find(*state, device, key, &suspects), 0);
    for (size_t i = 0; i < suspects.count; i++) {
        const struct suspect *s = &suspects.items[i];

        assert_true(strlen(s->what) > 10);
        assert_int_equal(s->line == 0, *s->text == '\0');
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s:%u\n", s->writer, s->file,
                                 s->line);
        assert_true(used < sizeof(text));
    }
    assert_string_equal(text, expected);
}

static void an_empty_machine_has_no_suspects(void **state)
{
    for (enum key key = 0; key < KEY_COUNT; key++)
        assert_suspects(state, "eth0", key, "");
}

static void networkd_is_named_for_the_device_that_its_file_matches(void **state)
{
    files_put_text(*state, "/etc/systemd/network/10-uplink.network",
                   "[Match]\nName=eth0 en*\n\n[Network]\nDHCP=yes\n"
                   "IPv4ReversePathFilter = strict\n");
    assert_suspects(state, "eth0", KEY_RP_FILTER,
                    "systemd-networkd /etc/systemd/network/10-uplink.network:6\n");
    assert_suspects(state, "enp1s0", KEY_RP_FILTER,
                    "systemd-networkd /etc/systemd/network/10-uplink.network:6\n");
    assert_suspects(state, "eth1", KEY_RP_FILTER, "");
    assert_suspects(state, "all", KEY_RP_FILTER, "");
    assert_suspects(state, "eth0", KEY_ACCEPT_LOCAL, "");
}

static void networkd_takes_the_first_file_that_matches_and_its_drop_ins(void **state)
{
    files_put_text(*state, "/usr/lib/systemd/network/05-not.network",
                   "[Match]\nName=!eth*\n[Network]\nIPv4ReversePathFilter=no\n");
    files_put_text(*state, "/usr/lib/systemd/network/10-a.network", "[Match]\nName=eth*\n");
    files_put_text(*state, "/run/systemd/network/10-a.network.d/x.conf",
                   "[Network]\nIPv4ReversePathFilter=loose\n");
    files_put_text(*state, "/etc/systemd/network/20-b.network",
                   "[Match]\nName=*\n[Network]\nIPv4ReversePathFilter=strict\n");
    assert_suspects(state, "eth0", KEY_RP_FILTER,
                    "systemd-networkd /run/systemd/network/10-a.network.d/x.conf:2\n");
    /* masked in /etc, so the next one is taken */
    files_put_text(*state, "/etc/systemd/network/10-a.network", "[Match]\nName=wlan0\n");
    assert_suspects(state, "eth0", KEY_RP_FILTER,
                    "systemd-networkd /etc/systemd/network/20-b.network:4\n");
}

static void networkd_is_named_where_its_file_may_match_by_something_else(void **state)
{
    files_put_text(*state, "/etc/systemd/network/a.network",
                   "[Match]\nMACAddress=02:00:00:00:00:01\n[Network]\nIPv4AcceptLocal=yes\n");
    assert_suspects(state, "eth0", KEY_ACCEPT_LOCAL,
                    "systemd-networkd /etc/systemd/network/a.network:4\n");
}

static void tuned_is_named_with_the_line_of_its_active_profile(void **state)
{
    files_put_text(*state, "/usr/lib/tuned/profiles/base/tuned.conf",
                   "[sysctl]\nnet.ipv4.conf.all.rp_filter=2\nnet.ipv4.conf.eth1.rp_filter=0\n");
    files_put_text(*state, "/etc/tuned/mine/tuned.conf",
                   "[main]\ninclude=base\n[sysctl]\nnet.ipv4.conf.eth0/100.rp_filter = 1\n");
    files_put_text(*state, "/usr/lib/tuned/mine/tuned.conf",
                   "[sysctl]\nnet.ipv4.conf.default.rp_filter = 1\n");
    assert_suspects(state, "eth0.100", KEY_RP_FILTER, "");
    files_put_text(*state, "/etc/tuned/active_profile", "mine\n");
    assert_suspects(state, "eth0.100", KEY_RP_FILTER,
                    "tuned /etc/tuned/mine/tuned.conf:4\n"
                    "tuned /usr/lib/tuned/profiles/base/tuned.conf:2\n");
    assert_suspects(state, "all", KEY_RP_FILTER,
                    "tuned /usr/lib/tuned/profiles/base/tuned.conf:2\n");
}

static void profiles_of_tuned_that_include_each_other_come_to_an_end(void **state)
{
    files_put_text(*state, "/etc/tuned/a/tuned.conf", "include=a a b a b\n");
    files_put_text(*state, "/etc/tuned/b/tuned.conf", "include=../../etc/passwd a b /x\n");
    files_put_text(*state, "/etc/tuned/active_profile", "a b a\n");
    assert_suspects(state, "eth0", KEY_RP_FILTER, "");
}

static void sysctl_conf_is_named_for_the_lines_that_speak_of_the_device(void **state)
{
    files_put_text(*state, "/etc/sysctl.conf",
                   "# net.ipv4.conf.eth0.rp_filter = 0\n"
                   "net.ipv4.ip_forward = 1\n"
                   "net.ipv4.conf.eth0.rp_filter = 1\n"
                   "net/ipv4/conf/eth1.5/rp_filter=1\n"
                   "net.ipv4.conf.eth1/5.rp_filter=1\n"
                   "net.ipv4.conf.*.rp_filter=2\n"
                   "net.ipv4.conf.all.rp_filter=2\n");
    assert_suspects(state, "eth0", KEY_RP_FILTER,
                    "sysctl.conf /etc/sysctl.conf:3\nsysctl.conf /etc/sysctl.conf:6\n"
                    "sysctl.conf /etc/sysctl.conf:7\n");
    assert_suspects(state, "eth1.5", KEY_RP_FILTER,
                    "sysctl.conf /etc/sysctl.conf:4\nsysctl.conf /etc/sysctl.conf:5\n"
                    "sysctl.conf /etc/sysctl.conf:6\nsysctl.conf /etc/sysctl.conf:7\n");
    assert_suspects(state, "all", KEY_RP_FILTER, "sysctl.conf /etc/sysctl.conf:7\n");
    assert_suspects(state, "eth0", KEY_LOG_MARTIANS, "");
}

static void plugins_are_named_by_their_configuration(void **state)
{
    files_put_text(*state, "/etc/cni/net.d/05-cilium.conflist",
                   "{\n  \"plugins\": [\n    {\"type\": \"cilium-cni\"}\n  ]\n}\n");
    assert_suspects(state, "lxc12345", KEY_RP_FILTER,
                    "Cilium /etc/cni/net.d/05-cilium.conflist:3\n");
    assert_suspects(state, "all", KEY_RP_FILTER, "Cilium /etc/cni/net.d/05-cilium.conflist:3\n");
    assert_suspects(state, "docker0", KEY_RP_FILTER, "");
    files_put_text(*state, "/etc/sysctl.d/99-zzz-override_cilium.conf",
                   "-net.ipv4.conf.lxc*.rp_filter = 0\nnet.ipv4.conf.all.rp_filter = 0\n");
    assert_suspects(state, "lxc12345", KEY_RP_FILTER,
                    "Cilium /etc/sysctl.d/99-zzz-override_cilium.conf:1\n"
                    "Cilium /etc/sysctl.d/99-zzz-override_cilium.conf:2\n"
                    "Cilium /etc/cni/net.d/05-cilium.conflist:3\n");
}

static void daemons_and_scripts_are_named(void **state)
{
    files_put_text(*state, "/etc/keepalived/keepalived.conf",
                   "vrrp_instance A {\n    interface eth0\n    use_vmac vrrp.51\n}\n");
    files_put_text(*state, "/etc/NetworkManager/system-connections/a.nmconnection",
                   "[connection]\ninterface-name=eth0\nmptcp-flags=0x22\n");
    files_put_text(*state, "/etc/wireguard/wg0.conf",
                   "[Interface]\nPostUp = sysctl -w net.ipv4.conf.%i.rp_filter=0\n"
                   "[Peer]\nAllowedIPs = 0.0.0.0/0, ::/0\n");
    files_put_text(*state, "/etc/network/interfaces",
                   "iface eth0 inet dhcp\n  up echo 0 > /proc/sys/net/ipv4/conf/eth0/rp_filter\n"
                   "  up echo 0 > /proc/sys/net/ipv4/conf/eth1/rp_filter\n");
    assert_suspects(state, "eth0", KEY_RP_FILTER,
                    "keepalived /etc/keepalived/keepalived.conf:3\n"
                    "NetworkManager /etc/NetworkManager/system-connections/a.nmconnection:3\n"
                    "wg-quick /etc/wireguard/wg0.conf:2\n"
                    "ifupdown /etc/network/interfaces:2\n");
    assert_suspects(state, "eth2", KEY_RP_FILTER,
                    "keepalived /etc/keepalived/keepalived.conf:3\n"
                    "wg-quick /etc/wireguard/wg0.conf:2\n");
    assert_suspects(state, "eth2", KEY_SRC_VALID_MARK, "wg-quick /etc/wireguard/wg0.conf:4\n");
}

static void odd_files_neither_confuse_nor_stop_the_search(void **state)
{
    static char big[2 * 1024 * 1024];
    char path[256];

    memset(big, 'x', sizeof(big));
    files_put(*state, "/etc/network/interfaces.d/big", big, sizeof(big));
    files_put(*state, "/etc/network/interfaces.d/nul", "\0\0rp_filter\0\n\xff\xfe rp_filter", 25);
    files_put_text(*state, "/etc/systemd/network/dir.network/x", "");
    files_put_text(*state, "/etc/systemd/network/empty.network", "");
    files_put_text(*state, "/etc/systemd/network/noeol.network", "[Match]\nName=\n[");
    files_put_text(*state, "/etc/tuned/active_profile", "\n\n");
    snprintf(path, sizeof(path), "%s/etc/network/interfaces.d/pipe", (char *)*state);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof(path), "%s/etc/network/interfaces.d/loop", (char *)*state);
    assert_int_equal(symlink("loop", path), 0);
    assert_suspects(state, "eth0", KEY_RP_FILTER, "ifupdown /etc/network/interfaces.d/nul:2\n");
}

static void a_list_without_end_is_cut(void **state)
{
    _cleanup_suspects_ struct suspects suspects = {0};
    char text[200 * 40];
    size_t used = 0;

    for (unsigned i = 0; i < 200; i++)
        used += (size_t)sprintf(text + used, "net.ipv4.conf.all.rp_filter = %u\n", i % 3);
    files_put(*state, "/etc/sysctl.conf", text, used);
    assert_int_equal(suspects_find(*state, "eth0", KEY_RP_FILTER, &suspects), 0);
    assert_int_equal(suspects.count, SUSPECTS_MAX);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_machine_has_no_suspects),
        TEST(networkd_is_named_for_the_device_that_its_file_matches),
        TEST(networkd_takes_the_first_file_that_matches_and_its_drop_ins),
        TEST(networkd_is_named_where_its_file_may_match_by_something_else),
        TEST(tuned_is_named_with_the_line_of_its_active_profile),
        TEST(profiles_of_tuned_that_include_each_other_come_to_an_end),
        TEST(sysctl_conf_is_named_for_the_lines_that_speak_of_the_device),
        TEST(plugins_are_named_by_their_configuration),
        TEST(daemons_and_scripts_are_named),
        TEST(odd_files_neither_confuse_nor_stop_the_search),
        TEST(a_list_without_end_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
