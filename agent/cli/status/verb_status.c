/* `rpfpolicy status`: is the agent at work, with which policy, and what has it met so far. Its file
 * is looked through as a whole before the first line is printed. */
#include <stdio.h>

#include "agent/cli/session/report.h"
#include "agent/cli/status/agent_report.h"
#include "agent/cli/status/status.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/failed_trial.h"
#include "agent/store/pause.h"
#include "agent/store/policy_load.h"

/* Below the agent's own words: what is accepted, and what lies on disk. */
static void load_policies(struct status *status)
{
    const struct paths *paths = &status->cli->paths;
    _cleanup_diags_ struct diags diags = DIAGS_INIT;

    status->accepted_error = policy_load_accepted(paths, NULL, &status->accepted);
    status->disk_error = policy_load(paths, &diags, &status->disk);
}

static json_t *json_policy_hash(const struct policy *policy)
{
    char hash[17];

    return policy ? json_string(policy_hash_text(policy, hash)) : json_null();
}

static json_t *json_failed_trial(const struct paths *paths)
{
    struct failed_trial failed;

    if (accepted_failed(paths, &failed) <= 0)
        return json_null();
    return json_make({"hash", json_string(failed.hash)},
                     {"time", failed.time ? json_time((time_t)failed.time) : json_null()},
                     {"why", json_bytes(failed.why)});
}

/* The object of the file with what can only be seen from outside. The head is that of every report;
 * when and by which version the file was written is told beside the agent's state. */
static void print_json(struct status *status)
{
    struct agent_report *report = &status->report;
    json_t *object = json_object(), *agent = agent_report_json(report);

    if (report->status)
        json_object_update(object, report->status);
    json_set_header(object, status->cli);
    json_set(agent,
             {"heard", report->written > 0 ? json_time((time_t)report->written) : json_null()},
             {"version", json_bytes(report->version)}, {"stale", json_boolean(report->stale)},
             {"standing_by",
              status->guard == GUARD_NONE ? json_null() : json_string(guard_name(status->guard))});
    json_set(object, {"agent", agent},
             {"pauses",
              status->pauses_error < 0 ? json_null() : json_pauses(&status->pauses, pauses_now())},
             {"decision", status->history.count > 0
                              ? json_decision(&status->history.records[status->history.count - 1])
                              : json_null()},
             {"trial", json_trial(&status->cli->paths)},
             {"failed_trial", json_failed_trial(&status->cli->paths)},
             {"accepted", json_policy_hash(status->accepted)},
             {"on_disk", json_policy_hash(status->disk)});
    output_json(&status->cli->out, object);
}

/* EXIT_OK: at work, writing, and nothing is left to do or to look into. */
static int exit_status(const struct status *status)
{
    const struct agent_report *report = &status->report;

    if (report->state != AGENT_ENFORCING || report->stale || !report->status)
        return EXIT_DRIFT;
    if (status->conflict_count > 0 ||
        STATES_SUM(status->devices, state_info, it->concern == CONCERN_NOW) > 0)
        return EXIT_DRIFT;
    return EXIT_OK;
}

static int show(struct status *status)
{
    struct agent_report *report = &status->report;
    int r;

    r = report->damaged ? -EBADMSG : status_read(status);
    if (r < 0) {
        say("%s/status.json cannot be used: %s", NAME_SHOWN(status->cli->paths.run),
            r == -EBADMSG ? report->error : error_text(r));
        return EXIT_ERROR;
    }
    load_policies(status);
    status->history_error = history_read(&status->cli->paths, &status->history);
    status->pauses_error = pauses_read(&status->cli->paths, &status->pauses);
    status->guard = guard_find(&status->cli->paths);
    if (status->guard == GUARD_HELPER &&
        (!status->accepted || status->accepted->agent.mode != MODE_ENFORCE))
        status->guard = GUARD_NONE; /* the hook is there and writes nothing */
    if (status->cli->format == FORMAT_JSON)
        print_json(status);
    else if (status_print(status) < 0) {
        say("memory ran out");
        return EXIT_ERROR;
    }
    return exit_status(status);
}

static int run_status(struct cli *cli, int count, char **arguments)
{
    struct status status = {.cli = cli};
    int result;

    agent_report_read(&cli->paths, &status.report);
    result = show(&status);
    table_free(status.keys);
    table_free(status.conflicts);
    table_free(status.sockets);
    table_free(status.observed);
    pauses_done(&status.pauses);
    history_done(&status.history);
    agent_report_done(&status.report);
    policy_free(status.accepted);
    policy_free(status.disk);
    return result;
}

const struct verb verb_status = {
    .name = "status",
    .arguments = "",
    .summary = "tell what the agent does and has met",
    .text = "Is the agent at work, with which policy, what did it repair, what writes values\n"
            "back, were messages of the kernel lost. Exit status 0 when it runs, enforces,\n"
            "and no device is otherwise than wanted; 2 when it does not run, only observes,\n"
            "hangs, has a conflict, or cannot put a device right; 1 when what it wrote of\n"
            "itself cannot be used.\n",
    .formats = FORMATS_USUAL,
    .run = run_status,
};
