/* What the table of keys says `all` and `default` hold at boot, against a fresh network namespace.
 *
 * The kernel hands over its own values only where net.core.devconf_inherit_init_net is 2; else a
 * new namespace copies what has become of them in the initial one (0, 1) or in the one it is made
 * in (3). What the machine's sysctl.d says is then expected in the copy, and nothing else: a value
 * that a program has changed at run time fails here, with the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "agent/store/policy_load.h"
#include "agent/system/sysctl_load.h"
#include "policy/sysctl/sysctl_conf.h"
#include "sandbox.h"

#define INHERIT "/proc/sys/net/core/devconf_inherit_init_net"
#define KERNEL_ONLY 2

static int inherit = -1; /* -1: only the initial namespace has the setting */
static struct sysctl_conf *sysctl[2];

/* Does sysctl.d of the machine say so, as either of its readers takes it? */
static bool said_in_sysctl(const char *name, enum key key, int value)
{
    for (size_t i = 0; i < ELEMENTSOF(sysctl); i++) {
        struct sysctl_answer answer = {0};

        assert_int_equal(sysctl_conf_resolve(sysctl[i], SYSCTL_RUN_FULL, name, key, false, &answer),
                         0);
        if (answer.given && answer.value == value)
            return true;
    }
    return false;
}

static bool copied(const char *name, enum key key, int value)
{
    if (inherit == KERNEL_ONLY)
        return false;
    /* inet_forward_change(): switching forwarding on takes redirects away from `all`. */
    if (key == KEY_ACCEPT_REDIRECTS && streq(name, "all") && conf_read("all", "forwarding"))
        return value == 0;
    return said_in_sysctl(name, key, value);
}

static void check(const char *name, enum key key, int boot)
{
    int value = conf_read(name, key_info(key)->name);

    if (value == boot || copied(name, key, value))
        return;
    if (inherit == KERNEL_ONLY)
        fail_msg("%s/%s is %d in a fresh network namespace, the table says %d", name,
                 key_info(key)->name, value, boot);
    fail_msg("%s/%s is %d in a fresh network namespace, the table says %d. If a program has "
             "changed it at run time in the namespace that new ones copy, set "
             "net.core.devconf_inherit_init_net to 2 for this test",
             name, key_info(key)->name, value, boot);
}

static void the_table_has_what_the_kernel_starts_with(void **state)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        check("all", key, key_info(key)->boot_all);
        check("default", key, key_info(key)->boot_default);
    }
}

int main(void)
{
    const struct paths paths = {.sysctl_root = (char *)""};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_what_the_kernel_starts_with),
    };
    struct sandbox sandbox;
    char text[16];
    int r;

    if (file_read(INHERIT, text, sizeof(text)) == 0)
        inherit = atoi(text);
    if (sysctl_load(&paths, SYSCTL_SYSTEMD, NULL, &sysctl[0]) < 0 ||
        sysctl_load(&paths, SYSCTL_PROCPS, NULL, &sysctl[1]) < 0)
        return 1;
    sandbox_enter(&sandbox);
    r = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < ELEMENTSOF(sysctl); i++)
        sysctl_conf_free(sysctl[i]);
    return r;
}
