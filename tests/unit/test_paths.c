/* Where things are looked up, with and without --root, --policy and --sysctl-root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "agent/base/paths.h"

static struct paths paths_with(struct path_options options)
{
    struct paths paths;

    assert_int_equal(paths_init(&options, &paths), 0);
    return paths;
}

/* Where presets are installed depends on the prefix the program was built for. */
static void assert_presets_below(const struct paths *paths, const char *root)
{
    _cleanup_paths_ struct paths plain = paths_with((struct path_options){});
    const char *installed = startswith(paths->presets, root), *end;

    assert_non_null(installed);
    assert_string_equal(installed, plain.presets);
    assert_int_equal(installed[0], '/');
    end = strstr(installed, "/rpfpolicy/presets");
    assert_non_null(end);
    assert_string_equal(end, "/rpfpolicy/presets");
}

static void without_options_everything_is_where_the_manual_says(void **state)
{
    _cleanup_paths_ struct paths p = paths_with((struct path_options){});

    assert_string_equal(p.root, "");
    assert_null(p.policy);
    assert_string_equal(p.proc_sys_net, "/proc/sys/net");
    assert_presets_below(&p, "");
    if (p.foreign) {
        assert_null(p.sysctl_root);
        assert_non_null(startswith(p.run, "/run/rpfpolicy-netns/"));
        assert_non_null(startswith(p.orders, "/run/rpfpolicy-root/"));
        assert_non_null(startswith(p.accepted, p.orders));
        assert_non_null(startswith(p.lock, p.orders));
    } else {
        assert_string_equal(p.sysctl_root, "");
        assert_string_equal(p.run, "/run/rpfpolicy");
        assert_string_equal(p.orders, "/run/rpfpolicy-root");
        assert_string_equal(p.lock, "/run/rpfpolicy.lock");
        assert_string_equal(p.accepted, "/var/lib/rpfpolicy/accepted.conf");
    }
    assert_string_equal(p.before + strlen(p.orders), "/before");
    assert_string_equal(p.claims + strlen(p.run), "/before");
    assert_string_equal(p.stand_back + strlen(p.orders), "/stand-back");
    assert_string_equal(p.paused + strlen(p.orders), "/paused");
    assert_string_equal(p.confirm + strlen(p.orders), "/confirm");
    assert_string_equal(p.flushed + strlen(geteuid() == 0 ? p.orders : p.run), "/flushed");
}

static void root_moves_policy_sysctl_and_state_but_not_a_named_policy_or_proc(void **state)
{
    _cleanup_paths_ struct paths p =
        paths_with((struct path_options){.root = "/image//", .policy = "draft.conf"});

    assert_string_equal(p.root, "/image");
    assert_string_equal(p.sysctl_root, "/image");
    assert_string_equal(p.policy, "draft.conf");
    assert_string_equal(p.proc_sys_net, "/proc/sys/net");
    assert_non_null(startswith(p.run, "/image/run/rpfpolicy"));
    assert_non_null(startswith(p.lock, "/image/run/rpfpolicy"));
    assert_non_null(startswith(p.accepted, "/image/"));
    assert_presets_below(&p, "/image");
}

static void root_slash_is_no_root(void **state)
{
    _cleanup_paths_ struct paths p = paths_with((struct path_options){.root = "/"});

    assert_string_equal(p.root, "");
    assert_presets_below(&p, "");
}

static void sysctl_root_stands_before_root(void **state)
{
    _cleanup_paths_ struct paths p = paths_with((struct path_options){
        .root = "/image", .sysctl_root = "/other/", .proc_sys_net = "/host/proc/sys/net/"});

    assert_string_equal(p.root, "/image");
    assert_string_equal(p.sysctl_root, "/other");
    assert_string_equal(p.proc_sys_net, "/host/proc/sys/net");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_everything_is_where_the_manual_says),
        cmocka_unit_test(root_moves_policy_sysctl_and_state_but_not_a_named_policy_or_proc),
        cmocka_unit_test(root_slash_is_no_root),
        cmocka_unit_test(sysctl_root_stands_before_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
