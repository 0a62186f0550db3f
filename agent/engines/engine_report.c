/* Reports of engines: filled, asked, freed. */
#include "agent/engines/engine_report.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engines/engine.h"

const char *engine_item_why(const struct engine_item *item)
{
    return item->conflict ?: item->message ?: item->todo ?: "";
}

static void item_done(struct engine_item *item)
{
    free(item->now);
    free(item->wanted);
    free(item->conflict);
    free(item->cure);
    free(item->message);
    free(item->advice);
    free(item->holds);
    fields_done(&item->more);
}

void engine_change_done(struct engine_change *change)
{
    free(change->command);
    change->command = NULL;
}

void engine_report_done(struct engine_report *report)
{
    for (size_t i = 0; i < report->n_items; i++)
        item_done(&report->items[i]);
    for (size_t i = 0; i < report->n_changes; i++)
        engine_change_done(&report->changes[i]);
    if (report->own)
        report->engine->disown(report->own);
    free(report->items);
    free(report->changes);
    free(report->unmatched);
    *report = (struct engine_report){0};
}

struct engine_item *engine_report_item(struct engine_report *report)
{
    if (grow((void **)&report->items, &report->items_capacity, report->n_items,
             sizeof(*report->items)) < 0)
        return NULL;
    report->items[report->n_items] = (struct engine_item){0};
    return &report->items[report->n_items++];
}

struct engine_change *engine_report_change(struct engine_report *report)
{
    if (grow((void **)&report->changes, &report->changes_capacity, report->n_changes,
             sizeof(*report->changes)) < 0)
        return NULL;
    report->changes[report->n_changes] = (struct engine_change){0};
    return &report->changes[report->n_changes++];
}

int engine_report_unmatched(struct engine_report *report, const char *name,
                            const struct origin *origin)
{
    int r = grow((void **)&report->unmatched, &report->unmatched_capacity, report->n_unmatched,
                 sizeof(*report->unmatched));

    if (r >= 0)
        report->unmatched[report->n_unmatched++] = (struct engine_unmatched){name, *origin};
    return r;
}

const struct state_info *engine_item_state(const struct engine_report *report, size_t i)
{
    return report->engine->state(report->items[i].state);
}

bool engine_report_blocked(const struct engine_report *report)
{
    for (size_t i = 0; i < report->n_items; i++)
        if (engine_item_state(report, i)->stuck)
            return true;
    return false;
}

bool engine_report_has(const struct engine_report *report, int ifindex)
{
    for (size_t i = 0; i < report->n_items; i++)
        if (report->items[i].ifindex == ifindex)
            return true;
    return false;
}

void engine_report_mark(const struct engine_report *report, struct live *live)
{
    for (size_t i = 0; i < report->n_items; i++) {
        struct device *device = live_by_ifindex(live, report->items[i].ifindex);

        if (device && report->items[i].holds)
            device->held = true;
    }
}

void reports_done(struct reports *reports)
{
    for (size_t i = 0; i < reports->count; i++)
        engine_report_done(&reports->items[i]);
    reports->count = 0;
}

void reports_mark(const struct reports *reports, struct live *live)
{
    for (size_t i = 0; i < live->count; i++)
        live->devices[i].held = false;
    for (size_t i = 0; i < reports->count; i++)
        engine_report_mark(&reports->items[i], live);
}

/* -- what is missing -- */

void missing_ways_done(struct missing_ways *missing)
{
    for (size_t i = 0; i < missing->count; i++) {
        free(missing->items[i].command);
        free(missing->items[i].reason);
    }
    free(missing->items);
    *missing = (struct missing_ways){0};
}

/* What it has goes over to the list. */
static void add_way(struct missing_ways *missing, const struct missing_way *way)
{
    if ((way->command || way->reason) && grow((void **)&missing->items, &missing->capacity,
                                              missing->count, sizeof(*missing->items)) >= 0) {
        missing->items[missing->count++] = *way;
        return;
    }
    missing->unknown = true;
    free(way->command);
    free(way->reason);
}

void missing_ways_hold(struct missing_ways *missing, const struct engine *engine, int ifindex,
                       char *reason)
{
    add_way(missing, &(struct missing_way){
                         .engine = engine, .ifindex = ifindex, .needed = true, .reason = reason});
}

void missing_ways_add_report(struct missing_ways *missing, const struct engine_report *report)
{
    for (size_t i = 0; i < report->n_items; i++)
        if (report->items[i].holds)
            missing_ways_hold(missing, report->engine, report->items[i].ifindex,
                              strdup(report->items[i].holds));
}

void missing_ways_add(struct missing_ways *missing, const struct engine *engine,
                      struct engine_change *change, int error)
{
    add_way(missing, &(struct missing_way){.engine = engine,
                                           .ifindex = change->ifindex,
                                           .part = change->part,
                                           .needed = change->needed,
                                           .command = TAKE_PTR(change->command),
                                           .error = error});
}

const struct missing_way *missing_ways_of(const struct missing_ways *missing,
                                          const struct engine *engine,
                                          const struct engine_change *change)
{
    for (size_t i = 0; i < missing->count; i++) {
        const struct missing_way *way = &missing->items[i];

        if (way->command && way->engine == engine && way->ifindex == change->ifindex &&
            way->part == change->part)
            return way;
    }
    return NULL;
}

/* What all devices need stands for any of them. */
const struct missing_way *missing_ways_find(const struct missing_ways *missing, int ifindex)
{
    for (size_t i = 0; i < missing->count; i++)
        if (missing->items[i].needed &&
            (missing->items[i].ifindex == ifindex || missing->items[i].ifindex == 0 || ifindex < 0))
            return &missing->items[i];
    return NULL;
}

void missing_ways_mark(const struct missing_ways *missing, struct live *live)
{
    for (size_t i = 0; i < live->count; i++)
        if (missing->unknown || missing_ways_find(missing, live->devices[i].ifindex))
            live->devices[i].held = true;
}
