/* The list of findings. */
#include "agent/cli/diagnose/findings.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *finding_kind_name(enum finding_kind kind)
{
    static const char *const names[] = {
        [FINDING_DROPS] = "drops",   [FINDING_COUNTER] = "counter", [FINDING_ARP] = "arp",
        [FINDING_PEERS] = "peers",   [FINDING_ENGINE] = "routing",  [FINDING_STATE] = "state",
        [FINDING_WRITER] = "writer",
    };
    static_assert(ELEMENTSOF(names) == FINDING_COUNT, "a name for each");

    return names[kind];
}

struct finding *findings_add(struct findings *findings, enum finding_kind kind)
{
    struct finding *finding;

    if (grow((void **)&findings->items, &findings->capacity, findings->count, sizeof(*finding)) < 0)
        return NULL;
    finding = &findings->items[findings->count++];
    *finding = (struct finding){.kind = kind};
    return finding;
}

void finding_add_device(struct finding *finding, const char *name)
{
    if (finding->n_devices < FINDING_EXAMPLES)
        snprintf(finding->devices[finding->n_devices], sizeof(finding->devices[0]), "%s", name);
    finding->n_devices++;
}

static int compare(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;

    if (x->packets != y->packets)
        return x->packets < y->packets ? 1 : -1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return strcmp(x->what, y->what);
}

void findings_sort(struct findings *findings)
{
    if (findings->count > 0) /* else there is no array, which qsort() may not be given */
        qsort(findings->items, findings->count, sizeof(*findings->items), compare);
}

void findings_done(struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        struct finding *finding = &findings->items[i];

        free(finding->what);
        free(finding->cause);
        free(finding->cure);
        free(finding->more);
    }
    free(findings->items);
    free(findings->values);
    free(findings->ways);
    *findings = (struct findings){0};
}
