/* sysctl.d as systemd-sysctl and as procps read it: any bytes in several files, and what must hold
 * of every answer. Input: files split by lines that read "----"; the last one is also taken as a
 * name. */
#include "fuzz.h"
#include "policy/base/name.h"
#include "policy/sysctl/sysctl_conf.h"

static void check_answer(const struct sysctl_answer *answer)
{
    int value;

    require(answer->given == (answer->line != NULL));
    if (!answer->given)
        return;
    require(answer->line->value);
    require(answer->line->line > 0);
    require(sysctl_parse_int(answer->line->value, &value) == 0);
    require(value == answer->value);
}

/* With and without verdicts it is the same answer, and exactly its line is said to win. */
static void check_verdicts(const struct sysctl_answer *plain, const struct sysctl_answer *full)
{
    size_t winners = 0;

    require(plain->given == full->given && plain->line == full->line);
    require(!plain->given || plain->value == full->value);
    require(!plain->verdicts);
    for (size_t i = 0; i < full->count; i++) {
        const struct sysctl_verdict *verdict = &full->verdicts[i];

        require(verdict->line);
        require(sysctl_outcome_text(verdict->outcome));
        if (verdict->outcome == SYSCTL_WINS) {
            require(verdict->line == full->line);
            winners++;
        }
    }
    require(winners == (full->given ? 1 : 0));
}

static void check_name(const struct sysctl_conf *conf, const char *name)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        for (enum sysctl_run run = SYSCTL_RUN_ADD; run <= SYSCTL_RUN_FULL; run++) {
            struct sysctl_answer plain = {0}, full = {0};

            require(sysctl_conf_resolve(conf, run, name, key, false, &plain) >= 0);
            require(sysctl_conf_resolve(conf, run, name, key, true, &full) >= 0);
            check_answer(&plain);
            check_verdicts(&plain, &full);
            sysctl_answer_done(&full);
        }
        const struct sysctl_line *exact = sysctl_conf_exact(conf, name, key);

        require(!exact || !exact->glob);
    }
}

static void check_flavor(enum sysctl_flavor flavor, const uint8_t *data, size_t size)
{
    static const char *const names[] = {"eth0", "lxc1", "eth0.100", "*", "all", "default"};
    struct sysctl_conf *conf = sysctl_conf_new(flavor);
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    char last[DEVICE_NAME_MAX + 1] = "";
    struct part part;

    require(conf);
    for (unsigned i = 0; part_next(&data, &size, &part); i++) {
        char path[32];

        snprintf(path, sizeof(path), "/etc/sysctl.d/%03u.conf", i);
        require(sysctl_conf_add_file(conf, path, part.bytes, part.n, &diags) == 0);
        snprintf(last, sizeof(last), "%.*s", (int)(part.n < 15 ? part.n : 15), part.bytes);
        part_done(&part);
    }
    require_diags(&diags);
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        check_name(conf, names[i]);
    if (name_is_valid_device(last))
        check_name(conf, last);
    sysctl_conf_free(conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_flavor(SYSCTL_SYSTEMD, data, size);
    check_flavor(SYSCTL_PROCPS, data, size);
    return 0;
}
