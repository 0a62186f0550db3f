/* The record of a fleet: hosts, and each text and finding once. What memory it takes depends on how
 * many hosts there are and how much they differ, not on how many devices they have. */
#include <search.h>

#include "agent/report/fleet_private.h"

static const char *const state_names[FLEET_STATES] = {
    [FLEET_IMPOSSIBLE] = "impossible", [FLEET_DRIFT] = "drift", [FLEET_BROKEN] = "broken",
    [FLEET_UNREADABLE] = "unreadable", [FLEET_STALE] = "stale", [FLEET_LATENT] = "latent",
    [FLEET_PAUSED] = "paused",         [FLEET_OK] = "ok",
};

const char *fleet_state_name(enum fleet_state state)
{
    return state_names[state];
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(a, b);
}

int fleet_intern(struct fleet *fleet, const char *text, const char **ret)
{
    char **found, *copy;

    if (!text) {
        *ret = NULL;
        return 0;
    }
    found = tfind(text, &fleet->strings, compare_strings);
    if (found) {
        *ret = *found;
        return 0;
    }
    copy = strdup(text);
    if (!copy || !tsearch(copy, &fleet->strings, compare_strings)) {
        free(copy);
        return -ENOMEM;
    }
    *ret = copy;
    return 0;
}

static int compare_pointers(const void *a, const void *b)
{
    return (uintptr_t)a < (uintptr_t)b ? -1 : (uintptr_t)a > (uintptr_t)b;
}

/* Interned strings are the same where they are equal. */
static int compare_findings(const void *a, const void *b)
{
    const struct fleet_finding *x = a, *y = b;
    const char *const texts[][2] = {{x->key, y->key},         {x->wanted, y->wanted},
                                    {x->pattern, y->pattern}, {x->rule_file, y->rule_file},
                                    {x->cause, y->cause},     {x->cause_file, y->cause_file}};

    if (x->state != y->state)
        return x->state < y->state ? -1 : 1;
    if (x->rule_line != y->rule_line)
        return x->rule_line < y->rule_line ? -1 : 1;
    if (x->cause_line != y->cause_line)
        return x->cause_line < y->cause_line ? -1 : 1;
    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        if (texts[i][0] != texts[i][1])
            return compare_pointers(texts[i][0], texts[i][1]);
    return 0;
}

int fleet_finding(struct fleet *fleet, const struct fleet_finding *finding,
                  const struct fleet_finding **ret)
{
    struct fleet_finding **found = tfind(finding, &fleet->findings, compare_findings), *copy;

    if (found) {
        *ret = *found;
        return 0;
    }
    copy = malloc(sizeof(*copy));
    if (copy)
        *copy = *finding;
    if (!copy || !tsearch(copy, &fleet->findings, compare_findings)) {
        free(copy);
        return -ENOMEM;
    }
    *ret = copy;
    return 0;
}

static int compare_exceptions(const void *a, const void *b)
{
    const struct fleet_exception *x = a, *y = b;
    const char *const texts[][2] = {
        {x->name, y->name}, {x->reason, y->reason}, {x->ref, y->ref}, {x->devices, y->devices}};

    if (x->until != y->until)
        return x->until < y->until ? -1 : 1;
    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        if (texts[i][0] != texts[i][1])
            return compare_pointers(texts[i][0], texts[i][1]);
    return 0;
}

int fleet_exception(struct fleet *fleet, const struct fleet_exception *exception,
                    struct fleet_exception **ret)
{
    struct fleet_exception **found = tfind(exception, &fleet->exceptions, compare_exceptions);
    struct fleet_exception *copy;

    if (found) {
        *ret = *found;
        return 0;
    }
    if (grow((void **)&fleet->all_exceptions, &fleet->exceptions_capacity, fleet->n_exceptions,
             sizeof(*fleet->all_exceptions)) < 0)
        return -ENOMEM;
    copy = malloc(sizeof(*copy));
    if (copy)
        *copy = *exception;
    if (!copy || !tsearch(copy, &fleet->exceptions, compare_exceptions)) {
        free(copy);
        return -ENOMEM;
    }
    *ret = fleet->all_exceptions[fleet->n_exceptions++] = copy;
    return 0;
}

struct fleet_host *fleet_host_free(struct fleet_host *host)
{
    if (host) {
        free(host->groups);
        free(host->exceptions);
    }
    free(host);
    return NULL;
}

static int compare_identities(const void *a, const void *b)
{
    const struct fleet_host *x = a, *y = b;

    return x->name != y->name ? compare_pointers(x->name, y->name)
                              : compare_pointers(x->machine_id, y->machine_id);
}

/* Put what the later report says in the place of the earlier one. */
static void replace_host(struct fleet *fleet, struct fleet_host *present, struct fleet_host *host)
{
    fleet->superseded++;
    host->reports = ++present->reports;
    if (host->time >= present->time) {
        struct fleet_host former = *present;

        *present = *host;
        *host = former;
    }
    fleet_host_free(host);
}

int fleet_add_host(struct fleet *fleet, struct fleet_host *host)
{
    struct fleet_host **found = tfind(host, &fleet->by_identity, compare_identities);

    if (found && host->state != FLEET_UNREADABLE) {
        replace_host(fleet, *found, host);
        return 0;
    }
    host->reports = 1;
    if (grow((void **)&fleet->hosts, &fleet->hosts_capacity, fleet->n_hosts,
             sizeof(*fleet->hosts)) < 0 ||
        (host->state != FLEET_UNREADABLE &&
         !tsearch(host, &fleet->by_identity, compare_identities))) {
        fleet_host_free(host);
        return -ENOMEM;
    }
    fleet->hosts[fleet->n_hosts++] = host;
    return 0;
}

int fleet_add_unreadable(struct fleet *fleet, const char *name, const char *why)
{
    struct fleet_host *host = calloc(1, sizeof(*host));
    int r = host ? 0 : -ENOMEM;

    if (r == 0)
        r = fleet_intern(fleet, name, &host->name);
    if (r == 0)
        r = fleet_intern(fleet, why, &host->why);
    if (r < 0) {
        free(host);
        return r;
    }
    host->source = fleet->source;
    host->state = FLEET_UNREADABLE;
    host->worst = STATE_UNMANAGED;
    return fleet_add_host(fleet, host);
}

const struct fleet_host *const *fleet_hosts(const struct fleet *fleet, size_t *ret_count)
{
    *ret_count = fleet->n_hosts;
    return (const struct fleet_host *const *)fleet->hosts;
}

unsigned long fleet_superseded(const struct fleet *fleet)
{
    return fleet->superseded;
}

static void keep_it(void *item)
{
}

struct fleet *fleet_free(struct fleet *fleet)
{
    if (!fleet)
        return NULL;
    fleet_forget_verdicts(fleet);
    fleet_host_free(fleet->host);
    tdestroy(fleet->by_identity, keep_it);
    tdestroy(fleet->exceptions, free);
    tdestroy(fleet->findings, free);
    tdestroy(fleet->strings, free);
    for (size_t i = 0; i < fleet->n_hosts; i++)
        fleet_host_free(fleet->hosts[i]);
    free(fleet->hosts);
    free(fleet->all_exceptions);
    free(fleet->words);
    pieces_free(fleet->pieces);
    free(fleet);
    return NULL;
}
