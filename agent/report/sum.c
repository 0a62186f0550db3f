/* The sum of a fleet: how old reports are, which host is worst, and what the findings come to by
 * cause, by rule and by the names of devices. Only reports that are not stale are added up. */
#include <stdio.h>
#include <time.h>

#include "agent/report/fleet_private.h"

#define FUTURE_MAX 600 /* seconds by which the clocks of hosts may differ */

/* -- how old -- */

static char *age_text(uint64_t seconds, char *buf, size_t size)
{
    static const struct {
        const char *unit;
        uint64_t seconds;
    } units[] = {{"days", 86400}, {"hours", 3600}, {"minutes", 60}, {"seconds", 1}};
    size_t i = 0;

    while (i + 1 < ELEMENTSOF(units) && seconds < 2 * units[i].seconds)
        i++;
    snprintf(buf, size, "%llu %s", (unsigned long long)(seconds / units[i].seconds), units[i].unit);
    return buf;
}

static int judge_age(struct fleet *fleet, struct fleet_host *host, int64_t now, uint64_t stale)
{
    char why[160], age[48];

    if (host->state == FLEET_UNREADABLE)
        return 0;
    if (host->time > now + FUTURE_MAX)
        snprintf(why, sizeof(why), "its time is %s ahead of ours: one of the clocks is wrong",
                 age_text((uint64_t)(host->time - now), age, sizeof(age)));
    else if (host->time < now && (uint64_t)(now - host->time) > stale)
        snprintf(why, sizeof(why), "%s old, %s then",
                 age_text((uint64_t)(now - host->time), age, sizeof(age)),
                 fleet_state_name(host->state));
    else
        return 0;
    host->state = FLEET_STALE;
    return fleet_intern(fleet, why, &host->why);
}

static int compare_names(const char *a, const char *b)
{
    return a && b ? strverscmp(a, b) : (a != NULL) - (b != NULL);
}

static int compare_hosts(const void *a, const void *b)
{
    const struct fleet_host *x = *(struct fleet_host *const *)a;
    const struct fleet_host *y = *(struct fleet_host *const *)b;
    unsigned long x_bad = fleet_host_bad(x);
    unsigned long y_bad = fleet_host_bad(y);
    int r;

    if (x->state != y->state)
        return x->state < y->state ? -1 : 1;
    if (x_bad != y_bad && x->state <= FLEET_DRIFT)
        return x_bad > y_bad ? -1 : 1;
    r = compare_names(x->name, y->name);
    if (r == 0)
        r = compare_names(x->source, y->source);
    if (r == 0)
        r = compare_names(x->machine_id, y->machine_id);
    return r ?: compare_names(x->why, y->why);
}

static bool counts(const struct fleet_host *host)
{
    return host->state != FLEET_BROKEN && host->state != FLEET_UNREADABLE &&
           host->state != FLEET_STALE;
}

/* -- what is found -- */

struct entry {
    const struct fleet_group *group;
    size_t host;
};

enum view { BY_CAUSE, BY_RULE, BY_NAME };

/* What entries of one line have in common; equal strings are the same string. */
static void common(enum view view, const struct fleet_group *group, uintptr_t ret[6])
{
    const struct fleet_finding *finding = group->finding;

    memset(ret, 0, 6 * sizeof(*ret));
    ret[0] = finding->state;
    ret[1] = (uintptr_t)finding->key;
    if (view == BY_CAUSE) {
        ret[2] = (uintptr_t)finding->cause_file;
        ret[3] = finding->cause_line;
        ret[4] = (uintptr_t)finding->cause;
    } else if (view == BY_RULE) {
        ret[2] = (uintptr_t)finding->rule_file;
        ret[3] = finding->rule_line;
        ret[4] = (uintptr_t)finding->pattern;
        ret[5] = (uintptr_t)finding->wanted;
    } else {
        ret[2] = (uintptr_t)group->devices;
    }
}

static int compare_common(const struct entry *x, const struct entry *y, enum view view)
{
    uintptr_t a[6], b[6];

    common(view, x->group, a);
    common(view, y->group, b);
    for (size_t i = 0; i < ELEMENTSOF(a); i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

/* At last by the example, of which the first is shown. */
static int compare_entries(const void *a, const void *b, void *view)
{
    const struct entry *x = a, *y = b;
    int r = compare_common(x, y, *(enum view *)view);

    if (r == 0 && x->host != y->host)
        r = x->host < y->host ? -1 : 1;
    return r ?: compare_names(x->group->example, y->group->example);
}

/* Worst first; at last by what is shown, so that the same reports give the same lines. */
static int compare_lines(const void *a, const void *b)
{
    const struct fleet_line *x = a, *y = b;
    const struct fleet_finding *f = x->finding, *g = y->finding;
    const char *const texts[][2] = {{x->devices, y->devices},       {f->key, g->key},
                                    {f->cause_file, g->cause_file}, {f->cause, g->cause},
                                    {f->rule_file, g->rule_file},   {f->pattern, g->pattern},
                                    {f->wanted, g->wanted}};

    if (x->state != y->state)
        return x->state < y->state ? -1 : 1;
    if (x->hosts != y->hosts)
        return x->hosts > y->hosts ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        int r = compare_names(texts[i][0], texts[i][1]);

        if (r != 0)
            return r;
    }
    return f->cause_line != g->cause_line ? (f->cause_line < g->cause_line ? -1 : 1)
                                          : (int)f->rule_line - (int)g->rule_line;
}

static int add_line(struct fleet_lines *lines, const struct entry *entry, enum view view,
                    const struct fleet_host *host)
{
    if (grow((void **)&lines->items, &lines->capacity, lines->count, sizeof(*lines->items)) < 0)
        return -ENOMEM;
    lines->items[lines->count++] = (struct fleet_line){
        .state = entry->group->finding->state,
        .finding = entry->group->finding,
        .devices = view == BY_NAME ? entry->group->devices : NULL,
        .example_host = host,
        .example = entry->group->example,
    };
    return 0;
}

static int make_lines(const struct fleet *fleet, struct entry *entries, size_t n, enum view view,
                      struct fleet_lines *ret)
{
    if (n > 0)
        qsort_r(entries, n, sizeof(*entries), compare_entries, &view);
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || compare_common(&entries[i - 1], &entries[i], view) != 0;
        struct fleet_line *line;

        if (first && add_line(ret, &entries[i], view, fleet->hosts[entries[i].host]) < 0)
            return -ENOMEM;
        line = &ret->items[ret->count - 1];
        line->hosts += first || entries[i - 1].host != entries[i].host;
        line->count += entries[i].group->count;
    }
    if (ret->count > 0)
        qsort(ret->items, ret->count, sizeof(*ret->items), compare_lines);
    return 0;
}

static int add_findings(const struct fleet *fleet, struct fleet_sum *sum)
{
    _cleanup_free_ struct entry *entries = NULL;
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; i < fleet->n_hosts; i++)
        n += counts(fleet->hosts[i]) ? fleet->hosts[i]->n_groups : 0;
    entries = calloc(n + 1, sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    n = 0;
    for (size_t i = 0; i < fleet->n_hosts; i++)
        for (size_t k = 0; counts(fleet->hosts[i]) && k < fleet->hosts[i]->n_groups; k++)
            entries[n++] = (struct entry){&fleet->hosts[i]->groups[k], i};
    gather(&r, make_lines(fleet, entries, n, BY_CAUSE, &sum->causes));
    gather(&r, make_lines(fleet, entries, n, BY_RULE, &sum->rules));
    gather(&r, make_lines(fleet, entries, n, BY_NAME, &sum->patterns));
    return r;
}

/* -- hosts that agree in something -- */

static int compare_shares(const void *a, const void *b)
{
    const struct fleet_share *x = a, *y = b;
    int r;

    if (x->hosts != y->hosts)
        return x->hosts > y->hosts ? -1 : 1;
    r = compare_names(x->text, y->text);
    return r ?: compare_names(x->mode, y->mode);
}

/* There are few policies and versions, and neighbours are mostly of the same. */
static int add_share(struct fleet_shares *shares, const char *text, const char *mode,
                     const char *revision, enum fleet_state state)
{
    size_t i = 0;

    while (i < shares->count && (shares->items[i].text != text || shares->items[i].mode != mode))
        i++;
    if (i == shares->count) {
        if (grow((void **)&shares->items, &shares->capacity, shares->count,
                 sizeof(*shares->items)) < 0)
            return -ENOMEM;
        shares->items[shares->count++] =
            (struct fleet_share){.text = text, .mode = mode, .revision = revision};
    }
    shares->items[i].hosts++;
    shares->items[i].states[state]++;
    return 0;
}

static int add_shares(const struct fleet *fleet, struct fleet_sum *sum)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < fleet->n_hosts; i++) {
        const struct fleet_host *host = fleet->hosts[i];

        if (host->state == FLEET_UNREADABLE)
            continue;
        r = add_share(&sum->policies, host->hash, host->mode, host->revision, host->state);
        if (r == 0)
            r = add_share(&sum->versions, host->version, NULL, NULL, host->state);
    }
    if (sum->policies.count > 0)
        qsort(sum->policies.items, sum->policies.count, sizeof(struct fleet_share), compare_shares);
    if (sum->versions.count > 0)
        qsort(sum->versions.items, sum->versions.count, sizeof(struct fleet_share), compare_shares);
    return r;
}

/* -- exceptions -- */

static int compare_exceptions(const void *a, const void *b)
{
    const struct fleet_exception *x = *(struct fleet_exception *const *)a;
    const struct fleet_exception *y = *(struct fleet_exception *const *)b;
    int r;

    if (x->expired != y->expired)
        return x->expired ? -1 : 1;
    if (x->hosts != y->hosts)
        return x->hosts > y->hosts ? -1 : 1;
    r = compare_names(x->name, y->name);
    if (r == 0)
        r = compare_names(x->reason, y->reason);
    if (r == 0)
        r = compare_names(x->devices, y->devices);
    if (r == 0)
        r = compare_names(x->ref, y->ref);
    return r ?: x->until - y->until;
}

static int date_of(int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm = {0};

    gmtime_r(&t, &tm);
    return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

static int add_exceptions(const struct fleet *fleet, int64_t now, struct fleet_sum *sum)
{
    int today = date_of(now);

    sum->exceptions = calloc(fleet->n_exceptions + 1, sizeof(struct fleet_exception *));
    if (!sum->exceptions)
        return -ENOMEM;
    for (size_t i = 0; i < fleet->n_hosts; i++)
        for (size_t k = 0; counts(fleet->hosts[i]) && k < fleet->hosts[i]->n_exceptions; k++) {
            struct fleet_exception *exception = fleet->hosts[i]->exceptions[k];

            exception->hosts += exception->last != fleet->hosts[i];
            exception->last = fleet->hosts[i];
        }
    for (size_t i = 0; i < fleet->n_exceptions; i++) {
        struct fleet_exception *exception = fleet->all_exceptions[i];

        exception->expired = exception->until > 0 && today > exception->until;
        if (exception->hosts == 0)
            continue;
        sum->exceptions[sum->n_exceptions++] = exception;
        sum->expired += exception->expired;
    }
    if (sum->n_exceptions > 0)
        qsort(sum->exceptions, sum->n_exceptions, sizeof(*sum->exceptions), compare_exceptions);
    return 0;
}

static void add_hosts(const struct fleet *fleet, struct fleet_sum *sum)
{
    sum->hosts = fleet->n_hosts;
    for (size_t i = 0; i < fleet->n_hosts; i++) {
        const struct fleet_host *host = fleet->hosts[i];

        sum->states[host->state]++;
        if (!counts(host))
            continue;
        sum->devices += host->devices;
        for (enum state state = 0; state < STATE_COUNT; state++)
            sum->device_states[state] += host->counts[state];
    }
}

void fleet_sum_done(struct fleet_sum *sum)
{
    free(sum->causes.items);
    free(sum->rules.items);
    free(sum->patterns.items);
    free(sum->policies.items);
    free(sum->versions.items);
    free(sum->exceptions);
}

int fleet_judge(struct fleet *fleet, int64_t now, uint64_t stale, struct fleet_sum *ret)
{
    _cleanup_fleet_sum_ struct fleet_sum sum = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < fleet->n_hosts; i++)
        r = judge_age(fleet, fleet->hosts[i], now, stale);
    if (fleet->n_hosts > 0)
        qsort(fleet->hosts, fleet->n_hosts, sizeof(*fleet->hosts), compare_hosts);
    add_hosts(fleet, &sum);
    if (r == 0)
        r = add_findings(fleet, &sum);
    if (r == 0)
        r = add_shares(fleet, &sum);
    if (r == 0)
        r = add_exceptions(fleet, now, &sum);
    if (r < 0)
        return r;
    *ret = sum;
    sum = (struct fleet_sum){0};
    return 0;
}
