/* Which line of sysctl.d a device ends up with, and why the others lose: the order of
 * systemd-sysctl 252. An exact key text beats every glob; among globs each is written and the last
 * one stays. */
#include "policy/sysctl/sysctl_internal.h"

const char *sysctl_outcome_text(enum sysctl_outcome outcome)
{
    static const char *const texts[] = {
        [SYSCTL_WINS] = "gives the value that stays",
        [SYSCTL_WRITTEN] = "is written, then overwritten by a later line",
        [SYSCTL_REPLACED] = "the same key is stated again with another value",
        [SYSCTL_REPEATED] = "says again what an earlier line said, and keeps its place",
        [SYSCTL_EXACT_WINS] = "an exact key beats every glob",
        [SYSCTL_EXCLUDED] = "an exclusion keeps globs off this key",
        [SYSCTL_INVALID] = "the kernel refuses the value",
        [SYSCTL_EXCLUDES] = "keeps globs off this key",
        [SYSCTL_NO_EFFECT] =
            "has no effect: an exclusion stands for its own text, not for a pattern",
    };

    return texts[outcome];
}

static int by_order(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

    return (x->order > y->order) - (x->order < y->order);
}

int sysctl_collect(const struct sysctl_conf *conf, const struct candidates *globs,
                   enum sysctl_run run, const char *name, const char *target, struct entry ***ret,
                   size_t *ret_count)
{
    _cleanup_free_ struct entry **found = NULL;
    size_t n = 0, capacity = 0, unique = 0;

    for (struct entry *e = sysctl_last(conf, target); e; e = e->same_key) {
        if (grow((void **)&found, &capacity, n, sizeof(*found)) < 0)
            return -ENOMEM;
        found[n++] = e;
    }
    for (size_t i = 0; i < globs->count; i++) {
        if (!sysctl_candidate_matches(&globs->items[i], run, name))
            continue;
        if (grow((void **)&found, &capacity, n, sizeof(*found)) < 0)
            return -ENOMEM;
        found[n++] = globs->items[i].entry;
    }
    if (n > 0)
        qsort(found, n, sizeof(*found), by_order);
    for (size_t i = 0; i < n; i++) /* several alternatives of one line may match */
        if (unique == 0 || found[unique - 1] != found[i])
            found[unique++] = found[i];
    *ret = TAKE_PTR(found);
    *ret_count = unique;
    return 0;
}

/* The option that stands for the very text of the key, and keeps globs off it. */
static struct entry *find_blocker(const struct sysctl_conf *conf, const char *target)
{
    struct entry *last = sysctl_last(conf, target);

    return last && last->fate == FATE_REPEATED ? last->by : last;
}

static const struct entry *find_winner(const struct candidates *globs, enum sysctl_run run,
                                       const char *name, const struct entry *blocker)
{
    if (blocker)
        return blocker->line.glob || !blocker->line.value || blocker->refused ? NULL : blocker;
    for (size_t i = globs->count; i > 0; i--) {
        const struct candidate *c = &globs->items[i - 1];

        if (c->entry->fate == FATE_ALIVE && c->entry->line.value && !c->entry->refused &&
            sysctl_candidate_matches(c, run, name))
            return c->entry;
    }
    return NULL;
}

static struct sysctl_verdict judge(const struct entry *e, const char *target,
                                   const struct entry *winner, const struct entry *blocker)
{
    bool exact = streq(e->line.key, target);
    struct sysctl_verdict v = {.line = &e->line};
    const struct entry *by = NULL;

    if (e->fate != FATE_ALIVE) {
        v.outcome = e->fate == FATE_REPLACED ? SYSCTL_REPLACED : SYSCTL_REPEATED;
        by = e->by;
    } else if (!e->line.value) {
        v.outcome = exact ? SYSCTL_EXCLUDES : SYSCTL_NO_EFFECT;
    } else if (e == winner) {
        v.outcome = SYSCTL_WINS;
    } else if (blocker && e != blocker) {
        v.outcome = blocker->line.value ? SYSCTL_EXACT_WINS : SYSCTL_EXCLUDED;
        by = blocker;
    } else if (e->refused) {
        v.outcome = SYSCTL_INVALID;
    } else if (exact) {
        v.outcome = SYSCTL_NO_EFFECT; /* the name reads as a pattern, which finds other devices */
    } else {
        v.outcome = SYSCTL_WRITTEN;
        by = winner;
    }
    v.by = by ? &by->line : NULL;
    return v;
}

static int add_verdicts(const struct sysctl_conf *conf, const struct candidates *globs,
                        enum sysctl_run run, const char *name, const char *target,
                        const struct entry *winner, const struct entry *blocker,
                        struct sysctl_answer *answer)
{
    _cleanup_free_ struct entry **lines = NULL;
    size_t n;
    int r;

    r = sysctl_collect(conf, globs, run, name, target, &lines, &n);
    if (r < 0)
        return r;
    if (n == 0)
        return 0;
    answer->verdicts = calloc(n, sizeof(*answer->verdicts));
    if (!answer->verdicts)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        answer->verdicts[i] = judge(lines[i], target, winner, blocker);
    answer->count = n;
    return 0;
}

/* Does the 99-systemd rule come by this device under its own name? The name is put into a command
 * line, which is then split: quotes vanish; and udev shows a ! as a slash. */
static bool rule_reaches(const char *name)
{
    return !streq(name, "lo") && !streq(name, "all") && !streq(name, "default") &&
           !strpbrk(name, "'\"!");
}

int sysctl_conf_resolve(const struct sysctl_conf *conf, enum sysctl_run run, const char *name,
                        enum key key, bool want_verdicts, struct sysctl_answer *ret)
{
    const struct candidates *globs = run == SYSCTL_RUN_ADD ? &conf->add[key] : &conf->full[key];
    struct sysctl_answer answer = {0};
    const struct entry *blocker, *winner;
    char target[SYSCTL_TARGET_SIZE];
    int r;

    if (!sysctl_target(name, key, target)) {
        *ret = answer;
        return 0;
    }
    if (conf->flavor == SYSCTL_PROCPS)
        return sysctl_procps_resolve(conf, name, target, key, want_verdicts, ret);
    if (run == SYSCTL_RUN_ADD && !rule_reaches(name)) {
        *ret = answer;
        return 0;
    }
    blocker = find_blocker(conf, target);
    winner = find_winner(globs, run, name, blocker);
    if (winner) {
        answer.given = true;
        answer.value = winner->number;
        answer.line = &winner->line;
    }
    if (want_verdicts) {
        r = add_verdicts(conf, globs, run, name, target, winner, blocker, &answer);
        if (r < 0)
            return r;
    }
    *ret = answer;
    return 0;
}

void sysctl_answer_done(struct sysctl_answer *answer)
{
    if (!answer)
        return;
    free(answer->verdicts);
    answer->verdicts = NULL;
    answer->count = 0;
}
