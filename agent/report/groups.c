/* What is found of the devices of one host, counted: the same finding on devices whose names are of
 * one pattern is one group. */
#include <ctype.h>
#include <stdio.h>

#include "agent/report/fleet_private.h"
#include "policy/facts/families.h"

#define RECENT 4 /* groups that are looked at before another one is made; merged later */

/* Does the pattern stand for more than one name, but not for all? */
static bool collects(const char *pattern)
{
    return pattern && (strpbrk(pattern, "*?[") || pattern[0] == '@' || strstr(pattern, "..")) &&
           !streq(pattern, "*");
}

/* "lxc*" of a device whose rule says so, or whose name looks like it. */
static void name_pattern(const char *name, const char *rule_pattern, char *buf, size_t size)
{
    size_t n;

    if (collects(rule_pattern)) {
        snprintf(buf, size, "%s", rule_pattern);
        return;
    }
    n = family_prefix(name, FAMILY_GROUP);
    if (n == 0)
        n = strcspn(name, "0123456789");
    snprintf(buf, size, "%.*s%s", (int)n, name, name[n] ? "*" : "");
}

static int add_group(struct fleet *fleet, const struct fleet_group *group)
{
    struct fleet_host *host = fleet->host;

    if (grow((void **)&host->groups, &fleet->groups_capacity, host->n_groups,
             sizeof(*host->groups)) < 0)
        return -ENOMEM;
    host->groups[host->n_groups++] = *group;
    return 0;
}

int fleet_count_special(struct fleet *fleet, const struct fleet_finding *finding, const char *name)
{
    struct fleet_group group = {.finding = finding};
    int r = fleet_intern(fleet, name, &group.devices);

    group.example = group.devices;
    return r < 0 ? r : add_group(fleet, &group);
}

int fleet_count(struct fleet *fleet, const struct fleet_finding *finding, const char *name)
{
    struct fleet_host *host = fleet->host;
    struct fleet_group group = {.finding = finding, .count = 1};
    char pattern[256];
    int r;

    name_pattern(name, finding->pattern, pattern, sizeof(pattern));
    for (size_t i = host->n_groups; i > 0 && i + RECENT > host->n_groups; i--)
        if (host->groups[i - 1].finding == finding && streq(host->groups[i - 1].devices, pattern)) {
            host->groups[i - 1].count++;
            return 0;
        }
    r = fleet_intern(fleet, pattern, &group.devices);
    if (r == 0)
        r = fleet_intern(fleet, name, &group.example);
    return r < 0 ? r : add_group(fleet, &group);
}

static int compare_groups(const void *a, const void *b)
{
    const struct fleet_group *x = a, *y = b;

    if (x->finding != y->finding)
        return (uintptr_t)x->finding < (uintptr_t)y->finding ? -1 : 1;
    if (x->devices != y->devices)
        return (uintptr_t)x->devices < (uintptr_t)y->devices ? -1 : 1;
    return 0;
}

void fleet_merge_groups(struct fleet_host *host)
{
    size_t n = 0;

    if (host->n_groups == 0)
        return;
    qsort(host->groups, host->n_groups, sizeof(*host->groups), compare_groups);
    for (size_t i = 1; i < host->n_groups; i++) {
        struct fleet_group *group = &host->groups[n], *next = &host->groups[i];

        if (compare_groups(group, next) != 0) {
            host->groups[++n] = *next;
            continue;
        }
        group->count += next->count;
        if (strcmp(next->example, group->example) < 0)
            group->example = next->example;
    }
    host->n_groups = n + 1;
}
