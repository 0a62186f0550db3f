/* `rpfpolicy pause` and `resume`: agent and udev hook stop writing, everywhere or on some devices,
 * and go on, where an agent that runs would not cut an SSH session by that. Typed names of devices
 * that are there are taken as names, everything else as patterns of the policy language, judged by
 * the name a device has at the time. */
#include <pwd.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agent/cli/peers/lockout.h"
#include "agent/kernel/links.h"
#include "agent/store/former.h"
#include "agent/store/lock.h"
#include "agent/store/pause.h"
#include "policy/base/text.h"
#include "policy/lang/values.h"

#define PATTERN_LENGTH_MAX 60 /* four times as long when escaped: what the file's reader takes */

struct pausing {
    struct cli *cli;
    struct pauses was;    /* those in force … */
    struct pauses pauses; /* … and as they will be */
    struct live live;     /* for names and altnames */
    uint64_t now;
    int lock; /* -1: not held */
};

static void pausing_done(struct pausing *pausing)
{
    lock_release(pausing->lock);
    pauses_done(&pausing->was);
    pauses_done(&pausing->pauses);
    live_done(&pausing->live);
}

static int refuse_to_write(const struct cli *cli, int error)
{
    say("cannot write %s: %s%s; nothing was changed", NAME_SHOWN(cli->paths.paused),
        error_text(error), error == -EACCES || error == -EPERM ? " (this needs root)" : "");
    return error;
}

static int read_pauses(const struct cli *cli, struct pauses *ret)
{
    int r = pauses_read(&cli->paths, ret);

    if (r < 0)
        say("cannot use %s: %s; as long as it is there nothing is written anywhere",
            NAME_SHOWN(cli->paths.paused), error_text(r));
    return r;
}

static int copy_pauses(const struct pauses *pauses, struct pauses *ret)
{
    _cleanup_free_ char *text = pauses_format(pauses);

    return text ? pauses_parse(text, ret) : -ENOMEM;
}

static int begin(struct pausing *pausing)
{
    int r;

    pausing->now = pauses_now();
    r = devices_read(pausing->cli, KEY_BIT(KEY_RP_FILTER), FACT_ALTNAMES, &pausing->live);
    if (r >= 0)
        r = read_pauses(pausing->cli, &pausing->was);
    if (r < 0)
        return r;
    r = copy_pauses(&pausing->was, &pausing->pauses);
    if (r < 0)
        say("%s", error_text(r));
    return r;
}

/* Are these the same, but for those whose time was up meanwhile? */
static bool are_the_same(struct pauses *was, const struct pauses *now)
{
    _cleanup_free_ char *a = NULL, *b = pauses_format(now);
    uint64_t time = pauses_now();

    for (size_t i = was->count; i-- > 0;)
        if (pause_is_over(&was->items[i], time))
            pauses_remove(was, i);
    a = pauses_format(was);
    return a && b && streq(a, b);
}

/* Only now, since looking for who would be cut takes its time. */
static int lock_unchanged(struct pausing *pausing)
{
    struct cli *cli = pausing->cli;
    _cleanup_pauses_ struct pauses now = {0};
    int r;

    pausing->lock = lock_acquire(&cli->paths, LOCK_TIMEOUT_MS);
    if (pausing->lock == -EBUSY) /* an error in any case */
        (void)say_who_hinders(cli, pausing->lock, "nothing was done");
    else if (pausing->lock < 0)
        return refuse_to_write(cli, pausing->lock);
    if (pausing->lock < 0)
        return pausing->lock;
    r = read_pauses(cli, &now);
    if (r < 0 || are_the_same(&pausing->was, &now))
        return r;
    say("someone else has changed just now what is paused, nothing was done; try again");
    return -EBUSY;
}

/* The device that is called so: by its name, an altname, or its name as it is printed. */
static const struct device *find_device(const struct pausing *pausing, const char *typed)
{
    struct session session = {.cli = pausing->cli, .live = pausing->live};

    return session_find_device(&session, typed);
}

/* What was typed, as a pause without time and reason. */
static int set_devices(const struct pausing *pausing, const char *typed, struct pause *pause)
{
    const struct device *device = find_device(pausing, typed);
    _cleanup_free_ char *message = NULL;
    int r;

    if (device)
        return pause_set_name(pause, device->name);
    r = pattern_parse(typed, &pause->pattern, &message);
    if (r == -EINVAL)
        say("'%s': %s", NAME_SHOWN(typed), message ?: "no device name and no pattern");
    else if (r < 0)
        say("%s", error_text(r));
    if (r < 0)
        return r;
    if (pause->pattern.kind != PATTERN_SET && strlen(typed) <= PATTERN_LENGTH_MAX)
        return 0;
    say("'%s': %s", NAME_SHOWN(typed),
        pause->pattern.kind == PATTERN_SET ? "sets cannot be named here, only names and patterns"
                                           : "too long");
    return -EINVAL;
}

static unsigned count_covered(const struct pausing *pausing, const struct pause *pause)
{
    unsigned n = 0;

    for (size_t i = 0; i < pausing->live.count; i++)
        n += pause_covers(pause, pausing->live.devices[i].name);
    return n;
}

/* Who types this: below sudo the person, not root. */
char *pause_who(void)
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *passwd = sudo && *sudo ? NULL : getpwuid(getuid());
    char number[16], *who;

    snprintf(number, sizeof(number), "%u", getuid());
    who = strndup(sudo && *sudo ? sudo : passwd ? passwd->pw_name : number, 15);
    for (char *c = who; c && *c; c++)
        if (*c == ' ')
            *c = '_';
    return who;
}

static int add_pause(struct pausing *pausing, const char *typed, uint64_t duration)
{
    struct pause pause = {
        .everything = !typed,
        .since = pausing->now,
        .until = duration ? pausing->now + duration : 0,
        .date = time(NULL),
        .uid = getuid(),
    };
    int r = typed ? set_devices(pausing, typed, &pause) : 0;

    if (r == 0) {
        pause.who = pause_who();
        pause.reason = strdup(pausing->cli->values[OPTION_REASON]);
        if (typed && !(pause.pattern.kind <= PATTERN_DEFAULT) &&
            count_covered(pausing, &pause) == 0)
            say("note: no device is called '%s' now; it counts for one that comes",
                NAME_SHOWN(typed));
        r = pause.who && pause.reason ? pauses_add(&pausing->pauses, &pause) : -ENOMEM;
        if (r < 0)
            say("%s", error_text(r));
    }
    pause_done(&pause);
    return r;
}

static void print_pause(const struct pausing *pausing, const struct pause *pause)
{
    char left[32];

    fprintf(pausing->cli->out.stream, "Paused: %s, %s, by %s: %s\n", NAME_SHOWN(pause_text(pause)),
            pause_left_text(pause, pausing->now, left), NAME_SHOWN(pause->who),
            NAME_SHOWN(pause->reason));
}

/* Each pause that is not there any more; a wider one may still hold. Returns their number. */
static unsigned print_resumed(const struct pausing *pausing)
{
    FILE *stream = pausing->cli->out.stream;
    unsigned n = 0;

    for (size_t i = 0; i < pausing->was.count; i++) {
        const struct pause *was = &pausing->was.items[i];
        const char *text = pause_text(was);

        if (pauses_have(&pausing->pauses, was))
            continue;
        if (pauses_find(&pausing->pauses, text, pausing->now))
            fprintf(stream, "Ended: the pause of %s, which stays paused by a wider one.\n",
                    NAME_SHOWN(text));
        else
            fprintf(stream, "Resumed: %s.\n", NAME_SHOWN(text));
        n++;
    }
    return n;
}

/* What was ended, or what is paused now. */
static void record(const struct pausing *pausing, enum decision what)
{
    const struct pauses *from = what == DECISION_PAUSE ? &pausing->pauses : &pausing->was;
    _cleanup_text_ struct text text = {0};

    for (size_t i = 0; i < from->count; i++) {
        const struct pause *pause = &from->items[i];

        if (what == DECISION_PAUSE ? pause->since == pausing->now
                                   : !pauses_have(&pausing->pauses, pause))
            text_add(&text, "%s%s, %s", text.n > 0 ? "; " : "", pause_text(pause), pause->reason);
    }
    if (text.n > 0)
        session_record(pausing->cli, what, NULL, text.bytes);
}

static int finish(struct pausing *pausing, enum decision what)
{
    struct cli *cli = pausing->cli;
    unsigned resumed;
    json_t *object;
    int r;

    if (lock_unchanged(pausing) < 0)
        return EXIT_ERROR;
    r = what == DECISION_RESUME ? former_refresh(&cli->paths) : 0;
    if (r < 0)
        say("warning: what was written during the pause cannot be recorded: %s", error_text(r));
    r = pauses_write(&cli->paths, &pausing->pauses);
    if (r < 0) {
        (void)refuse_to_write(cli, r); /* it is an error in any case */
        return EXIT_ERROR;
    }
    record(pausing, what);
    if (cli->format == FORMAT_JSON) {
        object = json_object();
        json_set_header(object, cli);
        json_object_set_new(object, "pauses", json_pauses(&pausing->pauses, pausing->now));
        output_json(&cli->out, object);
        return EXIT_OK;
    }
    resumed = print_resumed(pausing);
    for (size_t i = 0; i < pausing->pauses.count; i++)
        print_pause(pausing, &pausing->pauses.items[i]);
    if (pausing->pauses.count == 0 && resumed == 0)
        fputs("Nothing is paused.\n", cli->out.stream);
    return EXIT_OK;
}

/* Paused also when what this command brings about is through: it does not end now, and has no end
 * where it had none. */
static bool stays_paused(const struct pausing *pausing, const char *name)
{
    return pauses_find(&pausing->pauses, name, pausing->now) &&
           (pauses_find(&pausing->pauses, name, UINT64_MAX) ||
            !pauses_find(&pausing->was, name, UINT64_MAX));
}

static bool is_released(const struct pausing *pausing, const char *name)
{
    return pauses_find(&pausing->was, name, pausing->now) && !stays_paused(pausing, name);
}

/* Does this command release anything at all, now or with an end where there was none? */
static bool releases(const struct pausing *pausing)
{
    bool any = is_released(pausing, "all") || is_released(pausing, "default");

    for (size_t i = 0; i < pausing->live.count && !any; i++)
        any = is_released(pausing, pausing->live.devices[i].name);
    return any;
}

static void mark(const struct pausing *pausing, struct live *live)
{
    live->all_paused = stays_paused(pausing, "all");
    live->default_paused = stays_paused(pausing, "default");
    for (size_t i = 0; i < live->count; i++)
        live->devices[i].paused = stays_paused(pausing, live->devices[i].name);
}

/* An agent that is at work writes at once what is released, by the policy in force. */
static int look_before(const struct pausing *pausing, enum lockout_verb verb)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_peers_ struct peers peers = {0};
    _cleanup_lockout_plan_ struct lockout_plan plan = {0};
    int r;

    if (!releases(pausing))
        return 0;
    r = session_load_accepted(&session, pausing->cli);
    if (r == -ENOENT || (r >= 0 && !lockout_agent_writes(&session)))
        return 0;
    if (r >= 0)
        r = session_read(&session, IMPACT_KEYS | engines_keys(engine_rows), FACT_ADDRESSES);
    if (r >= 0) {
        mark(pausing, &session.live);
        r = lockout_plan(&session, &plan);
    }
    if (r < 0)
        return cli_given(pausing->cli, OPTION_FORCE) ? 0 : r;
    return lockout_check(&session, &plan.values, routing_plan_of(&plan.reports), verb, &peers);
}

static int run_pause(struct cli *cli, int count, char **arguments)
{
    _cleanup_(pausing_done) struct pausing pausing = {.cli = cli, .lock = -1};
    uint64_t duration = 0;
    int r = 0;

    if (!cli->values[OPTION_REASON] || text_is_blank(cli->values[OPTION_REASON])) {
        say("a pause needs a reason for the next person: --reason=TEXT");
        return EXIT_ERROR;
    }
    if (cli->values[OPTION_FOR] &&
        (value_parse_time(cli->values[OPTION_FOR], &duration) < 0 || duration == 0)) {
        say("--for takes a time such as 90s, 30min, 2h or 1d, not '%s'",
            NAME_SHOWN(cli->values[OPTION_FOR]));
        return EXIT_ERROR;
    }
    if (begin(&pausing) < 0)
        return EXIT_ERROR;
    for (int i = 0; i < count; i++)
        gather(&r, add_pause(&pausing, arguments[i], duration));
    if (count == 0)
        r = add_pause(&pausing, NULL, duration);
    return r < 0 || look_before(&pausing, LOCKOUT_PAUSE) < 0 ? EXIT_ERROR
                                                             : finish(&pausing, DECISION_PAUSE);
}

/* The name of the device that is called so, else what was typed. */
static const char *name_typed(const struct pausing *pausing, const char *typed)
{
    const struct device *device = find_device(pausing, typed);

    return device ? device->name : typed;
}

/* Is this the pause that was typed so, of the device of this name? */
static bool is_typed(const struct pause *pause, const char *typed, const char *name)
{
    return !pause->everything &&
           (streq(pause_text(pause), typed) || streq(pause_text(pause), name));
}

static void remove_pause(struct pausing *pausing, const char *typed)
{
    const char *name = name_typed(pausing, typed);

    for (size_t i = pausing->pauses.count; i-- > 0;)
        if (is_typed(&pausing->pauses.items[i], typed, name))
            pauses_remove(&pausing->pauses, i);
}

/* When all that were typed are removed: a part of a wider one cannot be ended. */
static int look_for_wider(const struct pausing *pausing, const char *typed)
{
    const char *name = name_typed(pausing, typed);
    const struct pause *wider = pauses_find(&pausing->pauses, name, pausing->now);
    bool found = false;

    for (size_t i = 0; i < pausing->was.count; i++)
        found |= is_typed(&pausing->was.items[i], typed, name);
    if (wider && wider->everything)
        say("'%s' stays paused, since everything is; 'rpfpolicy resume' ends that",
            NAME_SHOWN(name));
    else if (wider)
        say("'%s' stays paused as part of '%s'; \"rpfpolicy resume '%s'\" ends that",
            NAME_SHOWN(name), NAME_SHOWN(pause_text(wider)), NAME_SHOWN(pause_text(wider)));
    else if (!found)
        say("'%s' was not paused", NAME_SHOWN(name));
    return wider ? -EBUSY : 0;
}

static int run_resume(struct cli *cli, int count, char **arguments)
{
    _cleanup_(pausing_done) struct pausing pausing = {.cli = cli, .lock = -1};
    int r = 0, status;

    if (begin(&pausing) < 0)
        return EXIT_ERROR;
    for (int i = 0; i < count; i++)
        remove_pause(&pausing, arguments[i]);
    for (int i = 0; i < count; i++)
        gather(&r, look_for_wider(&pausing, arguments[i]));
    if (count == 0)
        pauses_done(&pausing.pauses);
    if (look_before(&pausing, LOCKOUT_RESUME) < 0)
        return EXIT_ERROR;
    status = finish(&pausing, DECISION_RESUME);
    return r < 0 ? EXIT_ERROR : status;
}

const struct verb verb_pause = {
    .name = "pause",
    .arguments = "[DEVICE...]",
    .max_arguments = ARGUMENTS_ANY,
    .summary = "stop writing there for a while",
    .text = "Agent and udev hook write nothing there, and 'apply' leaves it out, until\n"
            "'rpfpolicy resume', the end of --for, or the next boot. Without DEVICE nothing\n"
            "is written anywhere. DEVICE is a name, 'all', 'default', or a pattern of the\n"
            "policy language such as 'lxc*' or eth1..3; it counts for devices that come\n"
            "later, too, and by the name a device has at the time. A pause of the same\n"
            "DEVICE is replaced. Where another rule makes 'all' move, a paused device is\n"
            "written so that it stays effectively as it is. The time is independent of the\n"
            "clock and runs in suspend. 'check' shows what is paused, by whom and why.\n"
            "\n"
            "At the end of --for a running agent goes on unasked. So where that puts an end\n"
            "to a pause that had none, 'pause' looks and refuses as 'resume' does.\n",
    .options = OPTION_BIT(OPTION_REASON) | OPTION_BIT(OPTION_FOR) | OPTION_BIT(OPTION_FORCE),
    .formats = FORMATS_USUAL,
    .run = run_pause,
};

const struct verb verb_resume = {
    .name = "resume",
    .arguments = "[DEVICE...]",
    .max_arguments = ARGUMENTS_ANY,
    .summary = "end pauses",
    .text = "Ends the pauses of exactly these devices or patterns; without DEVICE all of\n"
            "them. A running agent then puts right at once what is not as the policy wants\n"
            "it; without one 'rpfpolicy apply' does. So where one runs, and enforces,\n"
            "'resume' refuses, like 'accept', to cut an SSH session or a protected peer,\n"
            "unless --force is given.\n",
    .options = OPTION_BIT(OPTION_FORCE),
    .formats = FORMATS_USUAL,
    .run = run_resume,
};
