/* What has changed, as lines and as JSON. */
#include "agent/cli/change/told.h"

#include <stdio.h>

#include "agent/cli/change/beside.h"
#include "policy/base/text.h"

void told_begin(struct told *told, struct cli *cli)
{
    told->cli = cli;
    writings_begin(&told->writings, cli);
    for (size_t i = 0; engine_rows[i]; i++) {
        told->writings.items[i].by = "apply";
        told->writings.items[i].lines = &told->lines;
    }
}

void told_done(struct told *told)
{
    alike_done(&told->lines);
    writings_done(&told->writings);
    *told = (struct told){0};
}

static struct engine_writing *writing_of(struct told *told, const struct engine *engine)
{
    return &told->writings.items[engine_row(engine)];
}

void told_open(struct told *told, const struct look *look, bool observes)
{
    struct cli *cli = told->cli;
    json_t *head;

    if (cli->format != FORMAT_JSON)
        return;
    head = json_object();
    json_set_header(head, cli);
    json_set(head, {"policy", json_policy(&look->session)},
             {"dry_run", json_boolean(cli_given(cli, OPTION_DRY_RUN))},
             {"observe", json_boolean(observes)}, {"casualties", json_casualties(&look->plan)});
    if (look->blind)
        json_object_set_new(head, "impact", json_null());
    else
        impact_set_json(head, &look->session, &look->peers);
    json_open_object(&cli->out, head);
    json_open(&cli->out, "writes", '[');
}

void told_change(struct told *told, const struct change_report *report)
{
    engine_tell(writing_of(told, report->engine), &told->cli->out, report);
}

void told_finished(struct told *told, unsigned phases, const struct engine_report *found)
{
    engine_tell_end(writing_of(told, found->engine), &told->cli->out, phases, found);
}

/* -- others -- */

static void tell_foreign(struct told *told, const struct write *write, const char *by)
{
    struct engine_writing *writing = &told->writings.items[values_row()];
    struct engine_change change = {0};

    if (writing->engine->describe(write, NULL, &change) < 0)
        writing->untold = true;
    else
        engine_tell_other(writing, &told->cli->out, &change, by);
    engine_change_done(&change);
}

static const struct write *find_planned(const struct plan *plan, enum key key, int ifindex,
                                        int value)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->writes[i].key == key && plan->writes[i].ifindex == ifindex &&
            plan->writes[i].new_value == value)
            return &plan->writes[i];
    return NULL;
}

/* Of `all`: what a device has that stores 0. */
static int effective(const struct live *live, enum key key, int ifindex, int value)
{
    const struct device *device = ifindex > 0 ? live_by_ifindex(live, ifindex) : NULL;

    return key_effective(key, live->all[key], ifindex == IFINDEX_ALL ? 0 : value,
                         device ? device->forwarding : live->def_forwarding);
}

struct foreign {
    const struct live *began, *now;
    const struct plan *plan; /* what this command was about to do */
    const char *by;          /* who was the first to do that */
};

/* name: as it is now. */
static void look_for_foreign(struct told *told, const struct foreign *foreign, enum key key,
                             int ifindex, const char *name)
{
    const int32_t *was = live_configured(foreign->began, key, ifindex);
    const int32_t *is = live_configured(foreign->now, key, ifindex);
    struct write write = {.key = key, .ifindex = ifindex, .reason = WRITE_UNPLANNED};
    const struct write *planned;

    if (!was || !is || *was == *is ||
        engine_told_value(&told->writings.items[values_row()], key, ifindex))
        return;
    planned = find_planned(foreign->plan, key, ifindex, *is);
    if (planned) {
        tell_foreign(told, planned, foreign->by);
        return;
    }
    memcpy(write.name, name, strlen(name) + 1);
    write.old_value = *was;
    write.new_value = *is;
    write.before = effective(foreign->began, key, ifindex, *was);
    write.after = effective(foreign->now, key, ifindex, *is);
    tell_foreign(told, &write, "other");
}

static void tell_foreign_values(struct told *told, const struct foreign *foreign, key_mask keys)
{
    const struct live *now = foreign->now;

    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (!(keys & KEY_BIT(key)))
            continue;
        look_for_foreign(told, foreign, key, IFINDEX_ALL, "all");
        look_for_foreign(told, foreign, key, IFINDEX_DEFAULT, "default");
        for (size_t i = 0; i < now->count; i++)
            look_for_foreign(told, foreign, key, now->devices[i].ifindex, now->devices[i].name);
    }
}

void told_others(struct told *told, const struct live *began, const struct look *look,
                 const struct look *now)
{
    const char *by = agent_state_read(&told->cli->paths) == AGENT_ENFORCING ? "agent" : "other";
    const struct foreign foreign = {began, &now->session.live, &look->plan, by};

    if (!told->writings.items[values_row()].untold)
        tell_foreign_values(told, &foreign, look->session.policy->keys);
    for (size_t i = 0; i < look->reports.count && i < now->reports.count; i++) {
        const struct engine_report *report = &look->reports.items[i];

        engine_tell_others(writing_of(told, report->engine), &told->cli->out, report,
                           &now->reports.items[i], &now->session.live, by);
    }
}

/* -- the rest -- */

void told_instead(struct told *told, const struct look *look)
{
    struct engine_writing *values = &told->writings.items[values_row()];
    const struct plan *plan = &look->plan;
    struct output *out = &told->cli->out;
    _cleanup_report_ struct engine_report report = {0};
    struct missing_ways missing = {0};

    if (told->cli->format != FORMAT_JSON) {
        look_print(look, out);
        return;
    }
    /* Cannot fail in JSON, where the program ends without memory. */
    (void)report_values(plan->writes, plan->count, &report);
    engine_tell_plan(values, out, &report);
    for (size_t i = 0; i < look->reports.count; i++)
        engine_tell_plan(writing_of(told, look->reports.items[i].engine), out,
                         &look->reports.items[i]);
    reports_missing(&look->reports, &missing);
    for (size_t i = 0; i < plan->n_held; i++)
        engine_tell(values, out,
                    &(struct change_report){.engine = values->engine,
                                            .change = &plan->held[i],
                                            .result = CHANGE_HELD,
                                            .missing = &missing});
    missing_ways_done(&missing);
}

static bool has_told(const struct told *told)
{
    unsigned by_others = 0;

    for (size_t i = 0; engine_rows[i]; i++)
        by_others += told->writings.items[i].by_others;
    return by_others > 0 || writings_count(&told->writings) > 0;
}

static json_t *json_summary(const struct told *told, const struct change_outcome *outcome)
{
    struct change_outcome all = *outcome;
    const struct change_counts *values = &all.counts[values_row()];
    json_t *summary = json_object();

    for (size_t i = 0; engine_rows[i]; i++)
        all.counts[i].done += told->writings.items[i].by_others;
    json_set(summary, {"written", json_integer(values->done)}, {"gone", json_integer(values->gone)},
             {"failed", json_integer(values->failed)}, {"held", json_integer(values->held)},
             {"flushed", json_boolean(all.flushed)});
    for (size_t i = 0; engine_rows[i]; i++)
        if (engine_rows[i]->tell)
            json_object_set_new(summary, engine_rows[i]->words.changes,
                                json_engine_outcome(&all.counts[i]));
    return summary;
}

bool told_end(struct told *told, const struct look *look, const struct change_outcome *outcome)
{
    struct output *out = &told->cli->out;

    alike_print(&told->lines, out->stream);
    if (told->cli->format != FORMAT_JSON)
        return !has_told(told);
    json_close(out, ']');
    writings_json(out, &told->writings);
    writings_json_held(out, &told->writings);
    json_impossible(out, &look->session);
    reports_json(out, &look->reports);
    json_element(out, "summary", json_summary(told, outcome));
    json_close(out, '}');
    return !has_told(told);
}
