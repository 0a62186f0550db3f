/* `rpfpolicy restore`: back to what was there before the first write since boot, and then hands
 * off: what was put back is paused, before the first write, so that nobody undoes it. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agent/change/change.h"
#include "agent/cli/change/confirming.h"
#include "agent/cli/peers/lockout.h"
#include "agent/engines/sysctl/sysctl_engine.h"
#include "agent/store/before.h"
#include "agent/store/pause.h"
#include "agent/store/policy_load.h"
#include "agent/system/udevdb.h"
#include "policy/base/text.h"

struct restoring {
    struct cli *cli;
    struct sysctl_back back;
    char **names; /* of the devices that were asked for; borrowed from `live` */
    int *ifindexes;
    struct live live;       /* for the names */
    struct plan dry;        /* what --dry-run shows */
    struct reports reports; /* what else is ours, and all goes with everything; of no engine where
                               devices were asked for */
    struct writings writings;
    const struct engine *engines[ENGINES_MAX + 1]; /* that put something back */
    bool paused;
    int pause_error;
};

static void restoring_done(struct restoring *restoring)
{
    sysctl_back_done(&restoring->back);
    free(restoring->names);
    free(restoring->ifindexes);
    live_done(&restoring->live);
    plan_done(&restoring->dry);
    reports_done(&restoring->reports);
    writings_done(&restoring->writings);
}

static void json_or_text(struct restoring *restoring, json_t *object, const char *text)
{
    if (object)
        json_element(&restoring->cli->out, NULL, object);
    else
        fprintf(restoring->cli->out.stream, "%s\n", text ?: "memory ran out");
}

/* What the device had is known by the word of an agent that is another user's. */
static bool is_claimed(const struct write *write, const void *data)
{
    const struct restoring *restoring = data;

    for (size_t i = 0; i < restoring->back.n_records; i++) {
        const struct before_record *record = &restoring->back.records[i];

        if (record->claimed_value && record->key == write->key &&
            record->ifindex == write->ifindex && streq(record->name, write->name))
            return true;
    }
    return false;
}

static struct engine_writing *writing_of(struct restoring *restoring, const struct engine *engine)
{
    return &restoring->writings.items[engine_row(engine)];
}

static void report(const struct change_report *told, void *data)
{
    struct restoring *restoring = data;

    engine_tell(writing_of(restoring, told->engine), &restoring->cli->out, told);
}

static void finished(unsigned phases, const struct engine_report *found, void *data)
{
    struct restoring *restoring = data;

    engine_tell_end(writing_of(restoring, found->engine), &restoring->cli->out, phases, found);
}

static int add_pause(struct pauses *pauses, const char *name)
{
    struct pause pause = {.everything = !name,
                          .since = pauses_now(),
                          .date = time(NULL),
                          .uid = getuid(),
                          .who = pause_who(),
                          .reason = strdup("restored to what was there before")};
    int r = name ? pause_set_name(&pause, name) : 0;

    if (r == 0)
        r = pause.who && pause.reason ? pauses_add(pauses, &pause) : -ENOMEM;
    pause_done(&pause);
    return r;
}

static void record(const struct restoring *restoring)
{
    _cleanup_text_ struct text names = {0};

    for (size_t i = 0; i < restoring->back.restore.n_ifindexes; i++)
        text_add(&names, "%s%s", i > 0 ? " " : "", restoring->names[i]);
    session_record(restoring->cli, DECISION_RESTORE, NULL, names.bytes ?: "everything");
}

/* Under the lock, before the first write: agent and hook see it before they could write again. */
static int pause_them(struct restoring *restoring)
{
    const struct paths *paths = &restoring->cli->paths;
    _cleanup_pauses_ struct pauses pauses = {0};
    int r = pauses_read(paths, &pauses);

    if (r >= 0 && !restoring->back.restore.ifindexes)
        r = add_pause(&pauses, NULL);
    for (size_t i = 0; r >= 0 && i < restoring->back.restore.n_ifindexes; i++)
        r = add_pause(&pauses, restoring->names[i]);
    if (r >= 0)
        r = pauses_write(paths, &pauses);
    restoring->pause_error = r < 0 ? r : 0;
    restoring->paused = r >= 0;
    if (r >= 0)
        record(restoring);
    return r;
}

static key_mask recorded_keys(const struct restoring *restoring)
{
    key_mask keys = 0;

    for (size_t i = 0; i < restoring->back.n_records; i++)
        keys |= KEY_BIT(restoring->back.records[i].key);
    return keys;
}

static int announce(const struct change_announcement *what, void *data)
{
    struct restoring *restoring = data;
    int r = confirm_check(&restoring->cli->paths, NULL);

    return r < 0 || what->engine ? r : pause_them(restoring);
}

static int read_live(struct restoring *restoring)
{
    return devices_read(restoring->cli, recorded_keys(restoring) | IMPACT_KEYS,
                        FACT_ALTNAMES | FACT_ADDRESSES, &restoring->live);
}

static int find_devices(struct restoring *restoring, int count, char **arguments)
{
    struct session session = {.cli = restoring->cli, .live = restoring->live};
    int r = 0;

    if (count == 0)
        return 0;
    restoring->names = calloc((size_t)count, sizeof(*restoring->names));
    restoring->ifindexes = calloc((size_t)count, sizeof(*restoring->ifindexes));
    if (!restoring->names || !restoring->ifindexes) {
        say("memory ran out");
        return -ENOMEM;
    }
    for (int i = 0; i < count; i++) {
        const struct device *device = session_device(&session, arguments[i]);

        if (!device) {
            r = -ENOENT;
            continue;
        }
        restoring->names[i] = (char *)device->name;
        restoring->ifindexes[i] = device->ifindex;
    }
    restoring->back.restore.ifindexes = restoring->ifindexes;
    restoring->back.restore.n_ifindexes = (size_t)count;
    return r;
}

/* Before our first write there was nothing of ours. */
static int find_others(struct restoring *restoring)
{
    struct session session = {.cli = restoring->cli, .live = restoring->live};

    writings_begin(&restoring->writings, restoring->cli);
    restoring->writings.items[values_row()].claimed = is_claimed;
    restoring->writings.items[values_row()].data = restoring;
    return restoring->back.restore.ifindexes
               ? 0
               : reports_read(&session, NULL, false, &restoring->reports);
}

/* Owned; NULL when memory ran out. */
static char *skipped_text(const struct restore_skipped *skipped)
{
    const struct before_record *record = &skipped->record;
    const char *key = key_info(record->key)->name;
    char word[12], *text;
    int n;

    if (record->noted)
        n = asprintf(&text, "%s: %s left at %d: someone has changed it since (it was %d)",
                     NAME_SHOWN(skipped->name), key, skipped->value, record->value);
    else if (skipped->why == RESTORE_CHANGED)
        n = asprintf(&text,
                     "%s: %s left at %d: someone else has changed it since (we wrote %d, "
                     "it was %d)",
                     NAME_SHOWN(skipped->name), key, skipped->value, record->wrote, record->value);
    else if (skipped->why == RESTORE_RENAMED)
        n = asprintf(&text,
                     "%s: %s left at %d: the device was called %s when it was written "
                     "(it was %d then)",
                     NAME_SHOWN(skipped->name), key, skipped->value, NAME_SHOWN(record->name),
                     record->value);
    else
        n = asprintf(
            &text, "%s: %s cannot be %s again, as it was: `all` is %d", NAME_SHOWN(skipped->name),
            key, key_value_format(record->key, skipped->before, word, sizeof(word)), skipped->all);
    return n < 0 ? NULL : text;
}

static void print_skipped(struct restoring *restoring, const struct restore_skipped *skipped)
{
    static const char *const words[] = {[RESTORE_CHANGED] = "changed",
                                        [RESTORE_RENAMED] = "renamed",
                                        [RESTORE_RULED_OUT] = "ruled-out"};
    const struct before_record *record = &skipped->record;
    _cleanup_free_ char *text = NULL;
    json_t *object = NULL;

    if (restoring->cli->format == FORMAT_JSON) {
        object = json_object();
        json_object_set_new(object, "ifindex", json_integer(record->ifindex));
        json_set_name(object, "name", skipped->name);
        json_set(object, {"key", json_string(key_info(record->key)->name)},
                 {"value", json_integer(skipped->value)},
                 {"wrote", record->noted ? json_null() : json_integer(record->wrote)},
                 {"before", json_integer(record->value)},
                 {"why", json_string(words[skipped->why])});
    } else {
        text = skipped_text(skipped);
    }
    json_or_text(restoring, object, text);
}

static void open_json(struct restoring *restoring, bool dry)
{
    struct output *out = &restoring->cli->out;
    json_t *head = json_object();

    json_set_header(head, restoring->cli);
    json_object_set_new(head, "dry_run", json_boolean(dry));
    json_open_object(out, head);
    json_open(out, "writes", '[');
}

static void print_rest(struct restoring *restoring, const struct change_counts *result)
{
    struct output *out = &restoring->cli->out;
    bool json = restoring->cli->format == FORMAT_JSON;
    json_t *summary;

    if (json) {
        json_close(out, ']');
        json_open(out, "skipped", '[');
    }
    for (size_t i = 0; i < restoring->back.restore.n_skipped; i++)
        print_skipped(restoring, &restoring->back.restore.skipped[i]);
    if (!json)
        return;
    json_close(out, ']');
    if (!restoring->back.restore.ifindexes)
        writings_json(out, &restoring->writings);
    summary = json_object();
    json_set(summary, {"written", json_integer(result->done)}, {"gone", json_integer(result->gone)},
             {"failed", json_integer(result->failed)}, {"paused", json_boolean(restoring->paused)});
    json_element(out, "summary", summary);
    json_close(out, '}');
}

/* By the values as they are; they are read again under the lock. */
static int look_before(struct restoring *restoring)
{
    struct session session = {.cli = restoring->cli, .live = restoring->live};
    _cleanup_peers_ struct peers peers = {0};
    int r = restore_plan(&restoring->back.restore, restoring->back.records,
                         restoring->back.n_records, &restoring->live, &restoring->dry);

    /* For what it protects. Without one, or with a damaged one, there is no more to go by. */
    if (r >= 0 && policy_load_accepted(&restoring->cli->paths, NULL, &session.policy) < 0)
        session.policy = policy_new();
    if (!session.policy) {
        say("cannot plan: %s", error_text(r < 0 ? r : -ENOMEM));
        return -ENOMEM;
    }
    r = lockout_check(&session, &restoring->dry, routing_plan_of(&restoring->reports),
                      LOCKOUT_RESTORE, &peers);
    policy_free(session.policy);
    return r;
}

static int dry_run(struct restoring *restoring)
{
    const struct reports *reports = &restoring->reports;
    struct change_counts none = {0};

    if (restoring->cli->format == FORMAT_JSON)
        open_json(restoring, true);
    for (size_t i = 0; i < restoring->dry.count; i++)
        report(&(struct change_report){.engine = engine_rows[values_row()],
                                       .change = &restoring->dry.writes[i],
                                       .result = CHANGE_DONE},
               restoring);
    for (size_t i = 0; i < reports->count; i++)
        engine_tell_plan(writing_of(restoring, reports->items[i].engine), &restoring->cli->out,
                         &reports->items[i]);
    print_rest(restoring, &none);
    if (restoring->cli->format != FORMAT_JSON && restoring->dry.count == 0 &&
        reports_changes(reports) == 0)
        fputs("Nothing to put back.\n", restoring->cli->out.stream);
    return restoring->dry.count > 0 || restoring->back.restore.n_skipped > 0 ||
                   reports_changes(reports) > 0
               ? EXIT_DRIFT
               : EXIT_OK;
}

static int say_failure(const struct restoring *restoring, int error, const char *done)
{
    if (restoring->pause_error < 0)
        say("cannot pause what would be put back (%s: %s%s); nothing was changed",
            NAME_SHOWN(restoring->cli->paths.paused), error_text(error),
            error == -EACCES || error == -EPERM ? "; this needs root" : "");
    else if (!say_who_hinders(restoring->cli, error, done))
        say("cannot restore: %s%s; %s", error_text(error),
            error == -EPERM || error == -EACCES ? " (this needs root, or CAP_NET_ADMIN)" : "",
            done);
    if (restoring->paused)
        say("what was to be put back is paused now; 'rpfpolicy resume' ends that");
    return EXIT_ERROR;
}

/* By the engine of values, and by those that have anything to take away. */
static int run_change(struct restoring *restoring, struct change_outcome *ret)
{
    static const struct change_listener listener = {
        .announce = announce, .report = report, .finished = finished};
    void *const back[ENGINES_MAX] = {&restoring->back};
    const struct change_request request = {
        .paths = &restoring->cli->paths,
        .engines = restoring->engines,
        .back = back,
        .lock_timeout_ms = LOCK_TIMEOUT_MS,
        .listener = &listener,
        .data = restoring,
    };
    size_t n = 0;

    restoring->engines[n++] = engine_rows[values_row()];
    for (size_t i = 0; i < restoring->reports.count; i++)
        if (restoring->reports.items[i].n_changes > 0)
            restoring->engines[n++] = restoring->reports.items[i].engine;
    restoring->back.keys = recorded_keys(restoring);
    return change_run(&request, ret);
}

/* The exit status as far as other engines go. */
static int status_of_others(struct restoring *restoring, const struct change_outcome *outcome,
                            int r)
{
    char done[WRITTEN_TEXT_SIZE];
    int status = EXIT_OK;

    if (r < 0 && outcome->broke && !engine_has_values(outcome->broke))
        return engine_say_error(restoring->cli, outcome->broke, r,
                                written_text(restoring->engines, outcome, done));
    for (size_t i = 1; restoring->engines[i]; i++) {
        int own = engine_status(writing_of(restoring, restoring->engines[i]), &outcome->counts[i]);

        status = status == EXIT_OK ? own : status;
    }
    return status;
}

static int carry_out(struct restoring *restoring)
{
    struct change_outcome outcome;
    struct change_counts result;
    char done[WRITTEN_TEXT_SIZE];
    int r, status;

    if (restoring->cli->format == FORMAT_JSON)
        open_json(restoring, false);
    r = run_change(restoring, &outcome);
    result = outcome.counts[0];
    status = status_of_others(restoring, &outcome, r);
    print_rest(restoring, &result);
    if (r < 0 && (!outcome.broke || engine_has_values(outcome.broke)))
        return say_failure(restoring, r, written_text(restoring->engines, &outcome, done));
    if (restoring->cli->format != FORMAT_JSON && reports_changes(&restoring->reports) == 0 &&
        result.done + result.gone + result.failed == 0)
        fputs("Nothing to put back.\n", restoring->cli->out.stream);
    if (outcome.flush_error < 0)
        say("warning: the route cache could not be flushed, old verdicts may live on: %s",
            error_text(outcome.flush_error));
    if (restoring->back.restore.ifindexes)
        say("paused, so that it stays so; 'rpfpolicy resume DEVICE' ends that");
    else
        say("everything is paused, so that it stays so; 'rpfpolicy resume' ends that");
    if (result.failed > 0) {
        say("%u %s failed: %s", result.failed, PLURAL(result.failed, "write"),
            error_text(result.first_error));
        return EXIT_WRITES;
    }
    if (status != EXIT_OK)
        return status;
    return restoring->back.restore.n_skipped > 0 ? EXIT_DRIFT : EXIT_OK;
}

static int run_restore(struct cli *cli, int count, char **arguments)
{
    _cleanup_(restoring_done) struct restoring restoring = {.cli = cli};
    int r = before_read(&cli->paths, &restoring.back.records, &restoring.back.n_records);
    bool nothing;

    if (r < 0 && r != -ENOENT) {
        say("cannot read %s: %s", NAME_SHOWN(cli->paths.before), error_text(r));
        return EXIT_ERROR;
    }
    if ((!cli_given(cli, OPTION_DRY_RUN) && confirming_refuse(cli) < 0) ||
        read_live(&restoring) < 0 || find_devices(&restoring, count, arguments) < 0 ||
        find_others(&restoring) < 0 || look_before(&restoring) < 0)
        return EXIT_ERROR;
    nothing = r == -ENOENT && reports_changes(&restoring.reports) == 0;
    if (nothing)
        say("nothing was written here since boot");
    return cli_given(cli, OPTION_DRY_RUN) || nothing ? dry_run(&restoring) : carry_out(&restoring);
}

const struct verb verb_restore = {
    .name = "restore",
    .arguments = "[DEVICE...]",
    .max_arguments = ARGUMENTS_ANY,
    .summary = "go back to what was there before",
    .text = "Puts back the values that were there before the first write of this boot, in\n"
            "the same safe order as 'apply'. What someone else has changed since is left and\n"
            "listed. With DEVICE only these devices become effectively what they were, and\n"
            "'all' stays; without, routes and rules of ours go, too. What was put back is\n"
            "paused before the first write, so that agent and udev hook do not undo it:\n"
            "without DEVICE everything. 'resume' ends that. Like 'apply' it refuses to cut an\n"
            "SSH session or a protected peer, unless --force is given.\n"
            "Exit status 2 when something was left, and with --dry-run when there is\n"
            "something to do.\n",
    .options = OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_FORCE),
    .formats = FORMATS_USUAL,
    .run = run_restore,
};
