/* Prints what our resolver says for every device that is named, all keys, both runs. The driver,
 * sysctl-differential.py, holds it against the real program.
 * usage: PROGRAM systemd|procps NAME...
 * output: "full|add INDEX KEY VALUE", VALUE "-" where no line gives one */
#include <stdio.h>

#include "agent/store/policy_load.h"
#include "agent/system/sysctl_load.h"
#include "policy/sysctl/sysctl_conf.h"

static void print(const struct sysctl_conf *conf, enum sysctl_run run, const char *word, int index,
                  const char *name)
{
    for (unsigned key = 0; key < KEY_COUNT; key++) {
        struct sysctl_answer fast = {0}, slow = {0};
        const struct sysctl_line *wins = NULL;

        if (sysctl_conf_resolve(conf, run, name, key, false, &fast) < 0 ||
            sysctl_conf_resolve(conf, run, name, key, true, &slow) < 0)
            abort();
        for (size_t i = 0; i < slow.count; i++)
            if (slow.verdicts[i].outcome == SYSCTL_WINS)
                wins = slow.verdicts[i].line;
        if (wins != fast.line || slow.line != fast.line || slow.value != fast.value)
            abort(); /* explain must tell the same story as check */
        sysctl_answer_done(&slow);
        printf("%s %d %s ", word, index, key_info(key)->name);
        if (fast.given)
            printf("%d\n", fast.value);
        else
            puts("-");
    }
}

int main(int argc, char **argv)
{
    struct paths paths = {.sysctl_root = (char *)""};
    struct sysctl_conf *conf;
    enum sysctl_flavor flavor;

    if (argc < 2)
        return 1;
    flavor = streq(argv[1], "procps") ? SYSCTL_PROCPS : SYSCTL_SYSTEMD;
    if (sysctl_load(&paths, flavor, NULL, &conf) < 0)
        return 1;
    for (int i = 2; i < argc; i++) {
        print(conf, SYSCTL_RUN_FULL, "full", i - 2, argv[i]);
        print(conf, SYSCTL_RUN_ADD, "add", i - 2, argv[i]);
    }
    sysctl_conf_free(conf);
    return fflush(stdout) == 0 ? 0 : 1;
}
