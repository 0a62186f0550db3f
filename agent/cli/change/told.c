/* What has changed, as lines and as JSON. */
#include "agent/cli/change/told.h"

#include <stdio.h>

#include "agent/cli/change/writes.h"
#include "policy/base/text.h"

struct told_write {
    enum key key;
    int ifindex;
};

void told_begin(struct told *told, struct cli *cli)
{
    told->cli = cli;
    writings_begin(&told->writings, cli);
    for (size_t i = 0; engine_rows[i]; i++)
        told->writings.items[i].by = "apply";
    if (cli->format == FORMAT_JSON)
        told->held = json_array();
}

void told_done(struct told *told)
{
    alike_done(&told->lines);
    free(told->writes);
    writings_done(&told->writings);
    json_decref(told->held);
    *told = (struct told){0};
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

/* -- values -- */

static void note(struct told *told, const struct write *write)
{
    if (grow((void **)&told->writes, &told->capacity, told->count, sizeof(*told->writes)) < 0)
        told->untold = true;
    else
        told->writes[told->count++] = (struct told_write){write->key, write->ifindex};
}

static bool is_told(const struct told *told, enum key key, int ifindex)
{
    for (size_t i = 0; i < told->count; i++)
        if (told->writes[i].key == key && told->writes[i].ifindex == ifindex)
            return true;
    return false;
}

static void tell_held(struct told *told, const struct missing_ways *missing,
                      const struct write *write)
{
    struct output *out = &told->cli->out;
    const struct missing_way *way = missing_ways_find(missing, write->ifindex);

    if (way && !told->waits_for)
        told->waits_for = way->engine->words.awaited;
    if (told->held) {
        json_array_append_new(told->held, json_held(missing, write));
        return;
    }
    alike_print(&told->lines, out->stream);
    write_print_held(missing, out, write);
}

/* What follows the line of a write. Owned; NULL when memory ran out. */
static char *result_text(const struct output *out, enum change_result result, int error)
{
    switch (result) {
    case CHANGE_GONE:
        return strdup(" - the device is gone");
    case CHANGE_RENAMED:
        return strdup(" - renamed, judged again by its new name");
    case CHANGE_FAILED:
        return text_format(" - %sfailed%s: %s", output_color(out, "failed"), output_color_end(out),
                           error_text(error));
    default:
        return strdup("");
    }
}

static void tell_write(struct told *told, const struct write *write, enum change_result result,
                       int error)
{
    static const char *const words[] = {[CHANGE_DONE] = "written",
                                        [CHANGE_GONE] = "gone",
                                        [CHANGE_RENAMED] = "renamed",
                                        [CHANGE_FAILED] = "failed"};
    struct output *out = &told->cli->out;
    _cleanup_free_ char *said = NULL, *end = NULL;
    json_t *object;

    if (told->held) {
        object = json_write(write);
        json_set(object, {"result", json_string(words[result])},
                 {"error", result == CHANGE_FAILED ? json_string(error_text(error)) : json_null()},
                 {"by", json_string("apply")});
        json_element(out, NULL, object);
        return;
    }
    said = write_said(write, out);
    end = result_text(out, result, error);
    alike_add(&told->lines, write->name, said && end ? text_format("%s%s", said, end) : NULL);
}

void told_change(struct told *told, const struct change_report *report)
{
    if (report->engine != &engine_sysctl) {
        alike_print(&told->lines, told->cli->out.stream);
        engine_tell(&told->writings.items[engine_row(report->engine)], &told->cli->out, report);
        return;
    }
    note(told, report->change);
    if (report->result == CHANGE_HELD)
        tell_held(told, report->missing, report->change);
    else
        tell_write(told, report->change, report->result, report->error);
}

void told_finished(struct told *told, unsigned phases, const struct engine_report *found)
{
    alike_print(&told->lines, told->cli->out.stream);
    engine_tell_end(&told->writings.items[engine_row(found->engine)], &told->cli->out, phases,
                    found);
}

/* -- others -- */

static void tell_foreign(struct told *told, const struct write *write, const char *by)
{
    struct output *out = &told->cli->out;
    _cleanup_free_ char *said = NULL;
    json_t *object;

    told->by_others++;
    if (told->held) {
        object = json_write(write);
        json_set(object, {"result", json_string("written")}, {"error", json_null()},
                 {"by", json_string(by)});
        json_element(out, NULL, object);
        return;
    }
    said = write_said(write, out);
    alike_add(&told->lines, write->name,
              said ? text_format("%s - written by %s meanwhile", said, writer_text(by)) : NULL);
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

    if (!was || !is || *was == *is || is_told(told, key, ifindex))
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

    if (!told->untold)
        tell_foreign_values(told, &foreign, look->session.policy->keys);
    for (size_t i = 0; i < look->reports.count && i < now->reports.count; i++) {
        const struct engine_report *report = &look->reports.items[i];

        alike_print(&told->lines, told->cli->out.stream);
        engine_tell_others(&told->writings.items[engine_row(report->engine)], &told->cli->out,
                           report, &now->reports.items[i], &now->session.live, by);
    }
}

/* -- the rest -- */

void told_instead(struct told *told, const struct look *look)
{
    struct missing_ways missing = {0};
    struct cli *cli = told->cli;

    if (!told->held) {
        look_print(look, &cli->out);
        return;
    }
    for (size_t i = 0; i < look->plan.count; i++)
        json_element(&cli->out, NULL, json_write(&look->plan.writes[i]));
    for (size_t i = 0; i < look->reports.count; i++) {
        const struct engine_report *report = &look->reports.items[i];

        report_show_changes(&cli->out, told->writings.items[engine_row(report->engine)].changes,
                            report, CHANGE_ALL_PHASES);
    }
    reports_missing(&look->reports, &missing);
    for (size_t i = 0; i < look->plan.n_held; i++)
        tell_held(told, &missing, &look->plan.held[i]);
    missing_ways_done(&missing);
}

static bool has_told(const struct told *told, const struct change_outcome *outcome)
{
    const struct change_counts *values = &outcome->counts[engine_row(&engine_sysctl)];
    unsigned n = told->by_others;

    for (size_t i = 0; engine_rows[i]; i++)
        n += told->writings.items[i].by_others;
    return n + values->done + values->gone + values->failed + values->held > 0 ||
           writings_count(&told->writings) > 0;
}

bool told_end(struct told *told, const struct look *look, const struct change_outcome *outcome)
{
    const struct change_counts *values = &outcome->counts[engine_row(&engine_sysctl)];
    struct output *out = &told->cli->out;
    json_t *summary;

    alike_print(&told->lines, out->stream);
    if (!told->held)
        return !has_told(told, outcome);
    json_close(out, ']');
    writings_json(out, &told->writings);
    json_element(out, "held", json_incref(told->held));
    json_impossible(out, &look->session);
    reports_json(out, &look->reports);
    summary = json_object();
    json_set(summary, {"written", json_integer(values->done + told->by_others)},
             {"gone", json_integer(values->gone)}, {"failed", json_integer(values->failed)},
             {"held", json_integer(values->held)}, {"flushed", json_boolean(outcome->flushed)});
    for (size_t i = 0; engine_rows[i]; i++) {
        struct change_counts counts = outcome->counts[i];

        counts.done += told->writings.items[i].by_others;
        if (engine_rows[i]->tell)
            json_object_set_new(summary, engine_rows[i]->words.changes,
                                json_engine_outcome(&counts));
    }
    json_element(out, "summary", summary);
    json_close(out, '}');
    return !has_told(told, outcome);
}
