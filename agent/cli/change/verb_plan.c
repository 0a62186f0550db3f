/* `rpfpolicy plan`: the writes that would make the policy on disk true, in order, with reasons. */
#include <stdio.h>

#include "agent/cli/change/writes.h"
#include "agent/cli/peers/impact_report.h"

static int print_writes(struct cli *cli, const struct plan *plan, size_t *step)
{
    _cleanup_table_ struct table *table = table_new(NULL, 0);
    int r = table ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < plan->count; i++)
        r = write_put(&(struct row){.table = table}, &plan->writes[i], (*step)++);
    return r < 0 ? r : table_print(table, &cli->out);
}

/* What any engine does in one phase; values are the writes. */
static int print_phase(struct cli *cli, const struct plan *plan, const struct reports *reports,
                       enum change_phase phase, size_t *step)
{
    for (size_t i = 0; engine_rows[i]; i++) {
        const struct engine_report *report = reports_of(reports, engine_rows[i]);
        bool writes = engine_rows[i] == &engine_sysctl && phase == CHANGE_VALUES;
        size_t n = writes ? plan->count : report ? report_count(report, phase) : 0;
        int r;

        if (n > 0 && *step > 1)
            fputc('\n', cli->out.stream);
        if (n == 0)
            continue;
        r = writes ? print_writes(cli, plan, step)
                   : report_print_changes(&cli->out, report, phase, step);
        if (r < 0)
            return r;
    }
    return 0;
}

/* New ways, values, ways that go: as `apply` does it. */
static int print_tables(struct cli *cli, const struct session *session, const struct plan *plan,
                        const struct reports *reports)
{
    struct missing_ways missing = {0};
    size_t step = 1;

    for (unsigned phase = CHANGE_ADDITIONS; phase <= CHANGE_REMOVALS; phase *= 2) {
        int r = print_phase(cli, plan, reports, phase, &step);

        if (r < 0)
            return r;
    }
    if (plan->count + plan->n_held == 0 && reports_changes(reports) == 0)
        fputs("Nothing to do.\n", cli->out.stream);
    reports_missing(reports, &missing);
    for (size_t i = 0; i < plan->n_held; i++)
        write_print_held(&missing, &cli->out, &plan->held[i]);
    missing_ways_done(&missing);
    reports_print_notes(cli->out.stream, reports);
    notes_print(cli->out.stream, session, plan);
    return 0;
}

static void print_json(struct cli *cli, const struct session *session, const struct plan *plan,
                       const struct reports *reports, const struct peers *peers)
{
    struct missing_ways missing = {0};
    json_t *head = json_object();

    json_set_header(head, cli);
    json_set(head, {"policy", json_policy(session)}, {"casualties", json_casualties(plan)},
             {"stricter", json_boolean(plan->stricter)});
    if (peers)
        impact_set_json(head, session, peers);
    json_open_object(&cli->out, head);
    json_open(&cli->out, "writes", '[');
    for (size_t i = 0; i < plan->count; i++)
        json_element(&cli->out, NULL, json_write(&plan->writes[i]));
    json_close(&cli->out, ']');
    reports_json_changes(&cli->out, reports);
    reports_missing(reports, &missing);
    json_open(&cli->out, "held", '[');
    for (size_t i = 0; i < plan->n_held; i++)
        json_element(&cli->out, NULL, json_held(&missing, &plan->held[i]));
    json_close(&cli->out, ']');
    missing_ways_done(&missing);
    json_impossible(&cli->out, session);
    reports_json(&cli->out, reports);
    json_close(&cli->out, '}');
}

static int run_plan(struct cli *cli, int count, char **arguments)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_peers_ struct peers peers = {0};
    _cleanup_reports_ struct reports reports = {0};
    _cleanup_plan_ struct plan plan = {0};
    bool impact = cli_given(cli, OPTION_IMPACT);
    int r;

    if (session_load(&session, cli, 0) < 0 ||
        session_read(&session, IMPACT_KEYS | reports_keys(), FACT_ADDRESSES) < 0 ||
        reports_read(&session, session.policy, false, &reports) < 0)
        return EXIT_ERROR;
    reports_mark(&reports, &session.live);
    r = plan_make(session.policy, &session.live, 0, &plan);
    if (r == 0 && impact && impact_read(&session, &plan, impact_routes(&reports), &peers) < 0)
        return EXIT_ERROR;
    if (r == 0 && cli->format == FORMAT_JSON)
        print_json(cli, &session, &plan, &reports, impact ? &peers : NULL);
    else if (r == 0)
        r = print_tables(cli, &session, &plan, &reports);
    if (r == 0 && impact && cli->format != FORMAT_JSON)
        r = impact_print(&cli->out, &session, &peers);
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
