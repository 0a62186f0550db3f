/* One look at what `apply` would do, and what makes two of them differ. */
#include "agent/cli/change/look.h"

#include <stdio.h>

#include "agent/cli/change/beside.h"

int look_read(struct look *look, struct cli *cli, unsigned flags)
{
    struct session *session = &look->session;
    int r = session_load(session, cli, flags);

    if (r >= 0)
        r = session_read(session, IMPACT_KEYS | engines_keys(engine_rows), FACT_ADDRESSES);
    if (r >= 0)
        r = reports_read(session, session->policy, session->unpaused, &look->reports);
    if (r < 0)
        return r;
    reports_mark(&look->reports, &session->live);
    r = plan_make(session->policy, &session->live, 0, &look->plan);
    if (r < 0)
        say("cannot plan: %s", error_text(r));
    look->agent_writes = lockout_agent_writes(session);
    if (r >= 0 && look->agent_writes)
        r = lockout_plan_ahead(session, &look->ahead);
    return r;
}

void look_done(struct look *look)
{
    peers_done(&look->peers);
    lockout_plan_done(&look->ahead);
    plan_done(&look->plan);
    reports_done(&look->reports);
    session_done(&look->session);
}

/* At what is written now, and at what a running agent writes when what is paused for a time no
 * longer is. */
static const struct plan *values_of(const struct look *look)
{
    return look->agent_writes ? &look->ahead.values : &look->plan;
}

static const struct routes_plan *routes_of(const struct look *look)
{
    return routing_plan_of(look->agent_writes ? &look->ahead.reports : &look->reports);
}

int look_at_peers(struct look *look, enum lockout_verb verb)
{
    int r = lockout_check(&look->session, values_of(look), routes_of(look), verb, &look->peers);

    look->blind = r > 0;
    return r;
}

int look_at_peers_again(struct look *look)
{
    return impact_read(&look->session, values_of(look), routes_of(look), &look->peers);
}

bool look_writes(const struct look *look)
{
    return look->plan.count > 0 || reports_changes(&look->reports) > 0;
}

bool look_has_work(const struct look *look)
{
    return look_writes(look) || look->session.acceptance != ACCEPTED_SAME;
}

/* -- shown -- */

static int show_phase(const struct engine_report *report, unsigned phase, void *data)
{
    report_show_changes(data, report, phase);
    return 0;
}

void look_print(const struct look *look, struct output *out)
{
    const struct plan *plan = &look->plan;
    _cleanup_report_ struct engine_report values = {0}, held = {0};
    int r = report_values(plan->writes, plan->count, &values);

    if (r >= 0)
        r = report_values(plan->held, plan->n_held, &held);
    if (r >= 0)
        r = reports_in_order(&look->reports, &values, show_phase, out);
    if (r < 0)
        fprintf(out->stream, "%s\n", error_text(r));
    reports_print_held(out, &look->reports, &held);
    reports_print_notes(out->stream, &look->reports);
    if (!look_writes(look) && plan->n_held == 0)
        fputs("Nothing to do.\n", out->stream);
    notes_print(out->stream, &look->session, plan);
}

/* -- compared -- */

static const struct write *find_write(const struct plan *plan, const struct write *like)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->writes[i].key == like->key && plan->writes[i].ifindex == like->ifindex &&
            plan->writes[i].new_value == like->new_value && plan->writes[i].after == like->after)
            return &plan->writes[i];
    return NULL;
}

/* Of `all` and `default`: what they are, and what becomes of them. */
static bool specials_differ(const struct look *shown, const struct look *now)
{
    const struct look *const both[] = {shown, now};
    const struct live *a = &shown->session.live, *b = &now->session.live;
    key_mask keys = shown->session.policy->keys;

    for (enum key key = 0; key < KEY_COUNT; key++)
        if (keys & KEY_BIT(key) && (a->all[key] != b->all[key] || a->def[key] != b->def[key]))
            return true;
    for (size_t k = 0; k < ELEMENTSOF(both); k++) {
        const struct plan *plan = &both[k]->plan;

        for (size_t i = 0; i < plan->count; i++)
            if (plan->writes[i].ifindex < 0 && !find_write(&both[!k]->plan, &plan->writes[i]))
                return true;
    }
    return false;
}

/* A device that is gone or new, or that somebody else has given what was shown, does not count. */
static bool targets_differ(const struct look *shown, const struct look *now)
{
    for (size_t i = 0; i < now->plan.count; i++) {
        const struct write *write = &now->plan.writes[i];

        if (write->ifindex > 0 && !find_write(&shown->plan, write) &&
            live_configured(&shown->session.live, write->key, write->ifindex))
            return true;
    }
    for (size_t i = 0; i < shown->plan.count; i++) {
        const struct write *write = &shown->plan.writes[i];
        const int32_t *value = live_configured(&now->session.live, write->key, write->ifindex);

        if (write->ifindex > 0 && value && *value != write->new_value &&
            !find_write(&now->plan, write))
            return true;
    }
    return false;
}

static bool shows(const struct engine_report *report, const struct engine_change *change)
{
    for (size_t i = 0; i < report->n_changes; i++)
        if (streq(report->changes[i].command, change->command))
            return true;
    return false;
}

static bool is_listed(const struct engine_report *report, int ifindex)
{
    for (size_t i = 0; i < report->n_changes; i++)
        if (report->changes[i].ifindex == ifindex)
            return true;
    return false;
}

/* Something else for the host, or for a device that was listed. */
static bool changes_differ(const struct engine_report *shown, const struct engine_report *now)
{
    for (size_t i = 0; i < now->n_changes; i++) {
        const struct engine_change *change = &now->changes[i];

        if (!shows(shown, change) && (change->ifindex == 0 || is_listed(shown, change->ifindex)))
            return true;
    }
    return false;
}

/* By address: the same program may have connected once more. */
static bool has_peer(const struct peers *peers, const struct peer *like)
{
    for (size_t i = 0; i < peers->count; i++)
        if (peers->items[i].ifindex == like->ifindex &&
            peers->items[i].address.s_addr == like->address.s_addr)
            return true;
    return false;
}

static bool peers_differ(const struct look *shown, const struct look *now)
{
    for (size_t i = 0; i < now->peers.count; i++)
        if (!has_peer(&shown->peers, &now->peers.items[i]))
            return true;
    return now->blind && !shown->blind;
}

const char *look_differs(const struct look *shown, const struct look *now)
{
    if (shown->session.policy->hash != now->session.policy->hash)
        return "the policy on disk";
    if (specials_differ(shown, now))
        return "what becomes of `all` or `default`";
    if (targets_differ(shown, now))
        return "what becomes of a device";
    for (size_t i = 0; i < shown->reports.count && i < now->reports.count; i++)
        if (changes_differ(&shown->reports.items[i], &now->reports.items[i]))
            return shown->reports.items[i].engine->words.title;
    return peers_differ(shown, now) ? "who would be cut" : NULL;
}
