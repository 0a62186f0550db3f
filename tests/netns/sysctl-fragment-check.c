/* Writes the fragment for a policy, and judges devices by that policy, for sysctl-fragment.py.
 * usage: PROGRAM generate POLICY: the fragment on stdout, "N" (what is missing) on stderr
 *        PROGRAM judge POLICY NAME...: "INDEX KEY EFFECTIVE ok|bad|keep" from live values
 *        PROGRAM boot: "KEY ALL DEFAULT", what these two hold before anything is written
 * Exit status 3: the policy is not valid. */
#include <stdio.h>

#include "agent/store/policy_load.h"
#include "agent/system/conf_files.h"
#include "agent/system/sysctl_load.h"
#include "policy/lang/compile.h"
#include "policy/sysctl/fragment.h"

static int live_value(const char *name, const char *key)
{
    char path[256];
    int value;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", name, key);
    f = fopen(path, "re");
    if (!f || fscanf(f, "%d", &value) != 1)
        abort();
    fclose(f);
    return value;
}

static void judge(const struct policy *policy, int index, const char *name)
{
    struct device device = {.ifindex = 1, .ipv4 = true};

    snprintf(device.name, sizeof(device.name), "%s", name);
    for (unsigned key = 0; key < KEY_COUNT; key++) {
        const char *key_name = key_info(key)->name;
        bool forwarding = live_value(name, "forwarding") != 0;
        int effective =
            key_effective(key, live_value("all", key_name), live_value(name, key_name), forwarding);
        const struct rule *rule = policy_match(policy, key, &device, NULL);

        printf("%d %s %d ", index, key_name, effective);
        if (!rule || rule->unmanaged || rule->observe)
            puts("keep");
        else
            puts(rule_accepts(rule, effective) ? "ok" : "bad");
    }
}

static int generate(const struct policy *policy)
{
    struct paths paths = {.sysctl_root = (char *)""};
    _cleanup_free_ char *text = NULL;
    struct sysctl_conf *others;
    unsigned missing;

    if (sysctl_load_others(&paths, FRAGMENT_NAME, NULL, &others) < 0 ||
        fragment_generate(policy, NULL, others, NULL, &text, &missing) < 0)
        return 1;
    sysctl_conf_free(others);
    fputs(text, stdout);
    fprintf(stderr, "%u\n", missing);
    return fflush(stdout) == 0 ? 0 : 1;
}

static int print_boot_values(void)
{
    for (unsigned key = 0; key < KEY_COUNT; key++)
        printf("%s %d %d\n", key_info(key)->name, key_info(key)->boot_all,
               key_info(key)->boot_default);
    return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    _cleanup_conf_files_ struct conf_files files = {0};
    _cleanup_policy_ struct policy *policy = policy_new();
    _cleanup_diags_ struct diags diags = DIAGS_INIT;

    if (argc == 2 && streq(argv[1], "boot"))
        return print_boot_values();
    if (argc < 3 || !policy || conf_file_read("", argv[2], 0, &diags, &files) < 0 ||
        files.count != 1)
        return 1;
    if (policy_add_file(policy, files.files[0].path, files.files[0].bytes, files.files[0].n,
                        &diags) < 0 ||
        policy_finish(policy, &diags) < 0)
        return 1;
    if (diags_failed(&diags)) {
        for (size_t i = 0; i < diags.count; i++)
            if (diags.items[i].level == DIAG_ERROR)
                fprintf(stderr, "%u: %s\n", diags.items[i].line, diags.items[i].text);
        return 3;
    }
    if (streq(argv[1], "generate"))
        return generate(policy);
    for (int i = 3; i < argc; i++)
        judge(policy, i - 3, argv[i]);
    return fflush(stdout) == 0 ? 0 : 1;
}
