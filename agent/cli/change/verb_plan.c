/* `rpfpolicy plan`: the writes that would make the policy on disk true, in order, with reasons. */
#include <stdio.h>

#include "agent/cli/change/beside.h"
#include "agent/cli/peers/impact_report.h"
#include "agent/engines/routes/routes_engine.h"

struct planned {
    const struct session *session;
    const struct plan *plan;
    const struct reports *reports;
    const struct peers *peers;         /* NULL: not asked for */
    struct engine_report values, held; /* of the plan */
};

static void planned_done(struct planned *planned)
{
    engine_report_done(&planned->values);
    engine_report_done(&planned->held);
}

struct tables {
    struct output *out;
    size_t step;
};

static int print_phase(const struct engine_report *report, unsigned phase, void *data)
{
    struct tables *tables = data;

    if (tables->step > 1)
        fputc('\n', tables->out->stream);
    return report_print_changes(tables->out, report, phase, &tables->step);
}

/* New ways, values, ways that go: as `apply` does it. */
static int print_tables(const struct planned *planned, struct output *out)
{
    const struct plan *plan = planned->plan;
    struct tables tables = {out, 1};
    int r = reports_in_order(planned->reports, &planned->values, print_phase, &tables);

    if (r < 0)
        return r;
    if (plan->count + plan->n_held == 0 && reports_changes(planned->reports) == 0)
        fputs("Nothing to do.\n", out->stream);
    reports_print_held(out, planned->reports, &planned->held);
    reports_print_notes(out->stream, planned->reports);
    notes_print(out->stream, planned->session, plan);
    return planned->peers ? impact_print(out, planned->session, planned->peers) : 0;
}

static void print_json(const struct planned *planned, struct cli *cli)
{
    const struct session *session = planned->session;
    struct output *out = &cli->out;
    json_t *head = json_object();

    json_set_header(head, cli);
    json_set(head, {"policy", json_policy(session)}, {"casualties", json_casualties(planned->plan)},
             {"stricter", json_boolean(planned->plan->stricter)});
    if (planned->peers)
        impact_set_json(head, session, planned->peers);
    json_open_object(out, head);
    json_open(out, "writes", '[');
    report_json_changes(out, &planned->values);
    json_close(out, ']');
    reports_json_changes(out, planned->reports);
    reports_json_held(out, planned->reports, &planned->held);
    json_impossible(out, session);
    reports_json(out, planned->reports);
    json_close(out, '}');
}

static int print(struct planned *planned, struct cli *cli)
{
    const struct plan *plan = planned->plan;
    int r = report_values(plan->writes, plan->count, &planned->values);

    if (r >= 0)
        r = report_values(plan->held, plan->n_held, &planned->held);
    if (r < 0)
        return r;
    if (cli->format != FORMAT_JSON)
        return print_tables(planned, &cli->out);
    print_json(planned, cli);
    return 0;
}

static int run_plan(struct cli *cli, int count, char **arguments)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_peers_ struct peers peers = {0};
    _cleanup_reports_ struct reports reports = {0};
    _cleanup_plan_ struct plan plan = {0};
    bool impact = cli_given(cli, OPTION_IMPACT);
    _cleanup_(planned_done) struct planned planned = {
        .session = &session, .plan = &plan, .reports = &reports, .peers = impact ? &peers : NULL};
    int r;

    if (session_load(&session, cli, 0) < 0 ||
        session_read(&session, IMPACT_KEYS | engines_keys(engine_rows), FACT_ADDRESSES) < 0 ||
        reports_read(&session, session.policy, false, &reports) < 0)
        return EXIT_ERROR;
    reports_mark(&reports, &session.live);
    r = plan_make(session.policy, &session.live, 0, &plan);
    if (r == 0 && impact && impact_read(&session, &plan, routing_plan_of(&reports), &peers) < 0)
        return EXIT_ERROR;
    if (r == 0)
        r = print(&planned, cli);
    if (r < 0) {
        say("cannot plan: %s", error_text(r));
        return EXIT_ERROR;
    }
    return plan_status(&session, &plan, &reports);
}

const struct verb verb_plan = {
    .name = "plan",
    .arguments = "",
    .summary = "show the writes apply would make, in order",
    .text = "Lists, with its reason, each write that would make the policy on disk true. The\n"
            "order is such that no device is at any moment stricter or looser than it was\n"
            "before or will be afterwards. Then the routes and rules that [routing] asks\n"
            "for. Exit status 2 when there is something to do.\n"
            "\n"
            "--impact lists the peers seen now (sockets, neighbours, tracked flows) whose\n"
            "packets the devices that become stricter would drop: why, of which process, and\n"
            "the line of policy that would keep each. Names of processes may need root.\n",
    .options = OPTION_BIT(OPTION_IMPACT),
    .formats = FORMATS_USUAL,
    .run = run_plan,
};
