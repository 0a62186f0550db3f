/* `status` for people: what the agent does, with which policy, and what it has met. */
#include <stdio.h>

#include "agent/cli/session/report.h"
#include "agent/cli/status/status.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/failed_trial.h"
#include "agent/store/pause.h"
#include "agent/store/trial_record.h"
#include "policy/lang/values.h"

/* "2026-11-22 16:40:11 (8 min)" in local time; "at an unknown time" where there is none. */
static const char *moment(double at, char *buf, size_t size)
{
    time_t when = (time_t)at, now = time(NULL);
    double age = now > when ? (double)(now - when) : 0;
    char text[32], since[24];
    struct tm tm;

    if (at <= 0 || !localtime_r(&when, &tm) ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
        return "an unknown time";
    snprintf(buf, size, "%s (%s)", text, value_format_time(age, since));
    return buf;
}

static const char *word_of(const struct status *status, const char *member)
{
    const char *word = json_string_value(json_object_get(status->report.status, member));

    return word ? word : "";
}

/* Who repairs values while no agent does. */
static void print_stand_in(const struct status *status, FILE *out)
{
    if (status->guard == GUARD_HELPER)
        fputs("The udev hook stands in: it puts right what changes when a device appears.\n", out);
    else if (status->accepted && status->accepted->agent.mode == MODE_OBSERVE)
        fputs("Nothing repairs values now: mode is observe.\n", out);
    else
        fputs("Nothing repairs values now.\n", out);
}

static void print_absent(const struct status *status, FILE *out)
{
    const struct agent_report *report = &status->report;
    char text[64];

    if (!report->status)
        fputs("The agent does not run, and has not since boot.\n", out);
    else if (streq(word_of(status, "state"), "running"))
        fprintf(out,
                "The agent does not run. It ended without a word, by a crash or a kill; last heard "
                "of\n%s.\n",
                moment(report->written, text, sizeof(text)));
    else
        fprintf(out, "The agent does not run; last heard of %s.\n",
                moment(report->written, text, sizeof(text)));
    print_stand_in(status, out);
}

static void print_agent(const struct status *status, FILE *out)
{
    const struct agent_report *report = &status->report;
    char text[64];

    switch (report->state) {
    case AGENT_ABSENT:
        print_absent(status, out);
        return;
    case AGENT_STOPPED:
        fprintf(out,
                "The agent was stopped on purpose, %s.\nUntil it is started again nothing is "
                "repaired: the udev hook stands back too.\n",
                moment(report->since, text, sizeof(text)));
        return;
    case AGENT_OBSERVING:
    case AGENT_ENFORCING:
        fprintf(out, "The agent runs since %s, process %lld: %s.\n",
                moment(report->since, text, sizeof(text)), (long long)status->pid,
                report->state == AGENT_ENFORCING ? "enforcing" : "observing, writes nothing");
    }
    if (!report->status)
        fputs("It has not yet said anything of itself.\n", out);
    else if (report->stale)
        fprintf(out, "%sIt has not been heard of since %s: it hangs, or is held up.%s\n",
                output_color(&status->cli->out, "warning"),
                moment(report->written, text, sizeof(text)), output_color_end(&status->cli->out));
}

static bool is_running(const struct status *status)
{
    return status->report.state >= AGENT_OBSERVING;
}

/* Its guardian was killed, or the power failed: the record of it is no word on what is in force. */
static bool is_lost_trial(const struct status *status, const struct history_record *record)
{
    char hash[17] = "";

    if (status->accepted)
        policy_hash_text(status->accepted, hash);
    return (record->what == DECISION_ACCEPT || record->what == DECISION_FORCE) &&
           streq(record->detail, HISTORY_ON_TRIAL) && !streq(record->hash, hash) &&
           (status->accepted || status->accepted_error == -ENOENT) &&
           accepted_trial_lives(&status->cli->paths) == 0;
}

/* The last word on which policy is in force. */
static void print_decision(const struct status *status, FILE *out)
{
    static const char *const words[DECISION_COUNT] = {[DECISION_ACCEPT] = "Accepted",
                                                      [DECISION_FORCE] = "Accepted by force",
                                                      [DECISION_ROLLBACK] = "Taken back",
                                                      [DECISION_CONFIRM] = "Confirmed"};
    const struct history *history = &status->history;
    const struct history_record *record;
    char text[64], who[DECIDER_SIZE];
    size_t i = history->count;

    if (status->history_error < 0)
        fprintf(out, "Who accepted it cannot be told: %s.\n", error_text(status->history_error));
    while (i > 0 && !words[history->records[i - 1].what])
        i--;
    if (i == 0)
        return;
    record = &history->records[i - 1];
    if (is_lost_trial(status, record))
        fprintf(out, "A trial of %s, by %s, %s, ended without a word; %s.\n", record->hash,
                decider_text(record, who), moment((double)record->time, text, sizeof(text)),
                status->accepted ? "the policy of before is in force"
                                 : "before it none was accepted");
    else
        fprintf(out, "%s by %s, %s%s%s.\n", words[record->what], decider_text(record, who),
                moment((double)record->time, text, sizeof(text)), *record->detail ? ": " : "",
                NAME_SHOWN(record->detail));
}

/* False where it is another one. */
static bool print_failed(const struct status *status, FILE *out)
{
    struct failed_trial failed;
    char hash[17];

    if (accepted_failed(&status->cli->paths, &failed) <= 0 ||
        !streq(failed.hash, policy_hash_text(status->disk, hash)))
        return false;
    fprintf(out,
            "The trial of the policy on disk failed: %s; 'rpfpolicy accept' puts it into force "
            "all\nthe same.\n",
            NAME_SHOWN(failed.why));
    return true;
}

static void print_policy(const struct status *status, FILE *out)
{
    char text[64], hash[17];

    if (is_running(status) && status->hash)
        fprintf(out, "Policy in force: %s, mode %s%s%s, taken over %s.\n", NAME_SHOWN(status->hash),
                NAME_SHOWN(status->mode), status->revision ? ", revision " : "",
                NAME_SHOWN(status->revision ?: ""),
                moment(status->policy_since, text, sizeof(text)));
    print_decision(status, out);
    if (status->accepted_error == -ENOENT)
        fputs("No policy was accepted yet; 'rpfpolicy accept' or 'apply' does that.\n", out);
    else if (!status->accepted)
        fputs("The accepted policy cannot be used; 'rpfpolicy accept' replaces it.\n", out);
    else if (is_running(status) && status->report.status &&
             (!status->hash || !streq(status->hash, policy_hash_text(status->accepted, hash))))
        fputs("Another policy was accepted just now; the agent has not said yet that it took it "
              "over.\n",
              out);
    if (status->disk_error == -ENOENT)
        fputs("There is no policy on disk.\n", out);
    else if (status->disk_error == -EBADMSG)
        fputs("The policy on disk has errors; 'rpfpolicy validate' shows them.\n", out);
    else if (!status->disk)
        fprintf(out, "The policy on disk cannot be read: %s.\n", error_text(status->disk_error));
    else if (!print_failed(status, out) && status->accepted &&
             status->disk->hash != status->accepted->hash)
        fputs("The policy on disk is another one than the accepted one; 'rpfpolicy accept' puts it "
              "into\nforce.\n",
              out);
}

static void print_trial(const struct status *status, FILE *out)
{
    struct trial_record trial;
    char text[64];

    if (trial_record_read(&status->cli->paths, &trial))
        fprintf(out, "%sOn trial%s since %s: %s; 'rpfpolicy confirm' keeps it.\n",
                output_color(&status->cli->out, "paused"), output_color_end(&status->cli->out),
                moment((double)trial.since, text, sizeof(text)), NAME_SHOWN(trial.text));
}

/* They hold for agent and hook alike, also while neither runs. */
static void print_pauses(const struct status *status, FILE *out)
{
    uint64_t now = pauses_now();
    char left[32];

    if (status->pauses_error < 0)
        fprintf(out, "What is paused cannot be told: %s; nothing is written anywhere.\n",
                error_text(status->pauses_error));
    for (size_t i = 0; i < status->pauses.count; i++) {
        const struct pause *pause = &status->pauses.items[i];

        if (!pause_is_over(pause, now))
            fprintf(out, "%sPaused%s: %s, %s, by %s: %s\n",
                    output_color(&status->cli->out, "paused"), output_color_end(&status->cli->out),
                    NAME_SHOWN(pause_text(pause)), pause_left_text(pause, now, left),
                    NAME_SHOWN(pause->who), NAME_SHOWN(pause->reason));
    }
}

static void print_devices(const struct status *status, FILE *out)
{
    const char *separator = ":";

    fprintf(out, "Devices: %lld", (long long)status->total);
    for (enum state state = 0; state < STATE_COUNT; state++) {
        if (status->devices[state] == 0)
            continue;
        fprintf(out, "%s %lld %s%s%s", separator, (long long)status->devices[state],
                output_color(&status->cli->out, state_name(state)), state_name(state),
                output_color_end(&status->cli->out));
        separator = ",";
    }
    fputs("\n", out);
}

static void print_counters(const struct status *status, FILE *out)
{
    char text[24];

    fprintf(out, "Failed writes: %lld. Read everything again: %lld times. ",
            (long long)status->failed_writes, (long long)status->resyncs);
    fprintf(out, "Plans for all and default: %lld.\n", (long long)status->plans);
    if (status->median > 0)
        fprintf(out, "From a message to the finished write: half within %s",
                value_format_time(status->median, text));
    if (status->median > 0 && status->p99 > 0)
        fprintf(out, ", 99 of 100 within %s", value_format_time(status->p99, text));
    if (status->median > 0)
        fputs(".\n", out);
}

/* Who would be cut by what is only observed. */
static int print_observed(struct status *status, FILE *out)
{
    if (status->observed_count == 0)
        return 0;
    fputs("\nPeers that rules which are only observed would cut; 'rpfpolicy monitor' shows each:\n",
          out);
    if (!status->observed_all)
        fputs("(The last look did not take all connections: there are too many.)\n", out);
    if (status->observed_unseen)
        fprintf(out, "(%s. That they would not be cut is not shown.)\n", status->observed_unseen);
    return table_print(status->observed, &status->cli->out);
}

static int print_table(struct status *status, struct table *table)
{
    return table ? table_print(table, &status->cli->out) : 0;
}

int status_print(struct status *status)
{
    FILE *out = status->cli->out.stream;
    int r = 0;

    print_agent(status, out);
    print_policy(status, out);
    print_trial(status, out);
    print_pauses(status, out);
    if (!is_running(status) || !status->report.status)
        return 0;
    print_devices(status, out);
    status_print_engines(status, out);
    print_counters(status, out);
    if (json_object_size(json_object_get(status->report.status, "keys")) > 0)
        fputc('\n', out);
    gather(&r, print_table(status, status->keys));
    if (status->conflict_count > 0) {
        fputs("\nSomething keeps writing these back; 'rpfpolicy explain DEVICE' names suspects:\n",
              out);
        gather(&r, print_table(status, status->conflicts));
    }
    gather(&r, print_observed(status, out));
    fputc('\n', out);
    gather(&r, print_table(status, status->sockets));
    return r;
}
