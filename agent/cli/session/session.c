/* Loading and reading what verbs work on, in one order and with one set of messages. */
#include "agent/cli/session/session.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agent/change/confirm.h"
#include "agent/store/former.h"
#include "agent/store/lock.h"
#include "agent/store/pause.h"
#include "agent/store/policy_load.h"
#include "agent/system/sysctl_load.h"
#include "agent/system/udevdb.h"
#include "policy/facts/keys.h"
#include "policy/lang/routing.h"

/* What withdraws the accepted policy, below the same root. */
static void say_withdrawal(const struct paths *paths)
{
    _cleanup_free_ char *root = name_quote(paths->root);

    say("the policy that was accepted before stays in force; to end that\n"
        "    rpfpolicy accept --force --policy=/dev/null%s%s",
        *paths->root ? " --root=" : "", *paths->root ? root ?: "?" : "");
}

static bool is_accepted(const struct paths *paths)
{
    _cleanup_policy_ struct policy *policy = NULL;

    return policy_load_accepted(paths, NULL, &policy) != -ENOENT;
}

void session_no_policy(const struct paths *paths)
{
    if (paths->policy)
        say("there is no policy file '%s'", NAME_SHOWN(paths->policy));
    else
        say("no policy found in %s/etc/rpfpolicy.d. A first one could be:\n\n"
            "    # %s/etc/rpfpolicy.d/10-local.conf\n"
            "    [rp_filter]\n"
            "    * = strict\n\n"
            "'rpfpolicy generate policy' writes one that describes what is in effect now,\n"
            "'rpfpolicy preset list' shows ready ones.",
            NAME_SHOWN(paths->root), NAME_SHOWN(paths->root));
    if (!paths->policy && is_accepted(paths))
        say_withdrawal(paths);
}

static int empty_policy(struct session *session)
{
    session->policy = policy_new();
    return session->policy ? policy_finish(session->policy, NULL) : -ENOMEM;
}

int session_load(struct session *session, struct cli *cli, unsigned flags)
{
    bool held;
    int r;

    session->cli = cli;
    session->quiet = flags & SESSION_QUIET;
    session->late = flags & SESSION_LATE;
    session->unpaused = flags & SESSION_UNPAUSED;
    r = policy_load(&cli->paths, &session->diags, &session->policy);
    session->no_policy = r == -ENOENT;
    session->broken = r == -EBADMSG;
    held = session->quiet || (session->late && r >= 0);
    say_diags(&session->diags, held ? DIAG_ERROR : DIAG_WARNING);
    if (session->no_policy && !(flags & SESSION_POLICY_OPTIONAL)) {
        session_no_policy(&cli->paths);
        return r;
    }
    if (session->broken) {
        r = empty_policy(session);
        if (r >= 0)
            r = policy_name_files(&cli->paths, session->policy);
    }
    if (session->broken && !(flags & SESSION_BROKEN_ALLOWED)) {
        say("the policy has errors and was not used");
        return r < 0 ? r : -EBADMSG;
    }
    if (session->no_policy)
        r = empty_policy(session);
    if (r < 0)
        say("cannot read the policy: %s", error_text(r));
    return r;
}

int session_load_accepted(struct session *session, struct cli *cli)
{
    int r;

    session->cli = cli;
    session->quiet = true;
    r = policy_load_accepted(&cli->paths, NULL, &session->policy);
    if (r < 0 && r != -ENOENT)
        say("cannot use the accepted policy: %s", error_text(r));
    return r;
}

/* It is about what is in the way of a file, which says more with its name. */
static bool is_of_the_file(int error)
{
    return error == -EROFS || error == -ENOSPC || error == -EDQUOT || error == -ENOTDIR ||
           error == -ELOOP;
}

static void say_on_trial(const char *done)
{
    say("an apply --confirm or accept --trial awaits its confirmation, %s; 'rpfpolicy confirm' "
        "keeps it",
        done);
}

int session_lock(struct session *session)
{
    const struct paths *paths = &session->cli->paths;
    int fd = lock_acquire(paths, LOCK_TIMEOUT_MS), r;

    r = fd < 0 ? fd : confirm_check(paths, session->confirm);
    if (r < 0) {
        lock_release(fd);
        say_not_applied(session->cli, r, "nothing was accepted or written");
        return r;
    }
    session->lock = fd;
    session->locked = true;
    return 0;
}

void session_unlock(struct session *session)
{
    if (session->locked)
        lock_release(session->lock);
    session->locked = false;
}

/* lock: it is held, or a negative errno. */
static void record_by(const struct cli *cli, int lock, enum decision what,
                      const struct policy *policy, const char *detail)
{
    struct history_record record;
    int r = lock;

    history_describe(what, 0, 0, policy, detail, &record);
    if (lock < 0)
        history_tell(&record);
    else
        r = history_add(&cli->paths, &record);
    if (r < 0)
        say("warning: %s cannot be written: %s; who decided this is in the journal only",
            NAME_SHOWN(cli->paths.history), error_text(r));
}

void session_record(const struct cli *cli, enum decision what, const struct policy *policy,
                    const char *detail)
{
    record_by(cli, 0, what, policy, detail);
}

void session_record_refusal(const struct cli *cli, const struct policy *policy, const char *detail)
{
    int fd;

    if (cli_given(cli, OPTION_DRY_RUN) || geteuid() != 0) /* who may not do it decides nothing */
        return;
    fd = lock_acquire(&cli->paths, LOCK_TIMEOUT_MS);
    record_by(cli, fd, DECISION_REFUSE, policy, detail);
    lock_release(fd);
}

/* What is accepted once more, as by a program that does so every hour, is no decision. */
static bool is_in_force(const struct session *session)
{
    _cleanup_policy_ struct policy *policy = NULL;

    return policy_load_accepted(&session->cli->paths, NULL, &policy) >= 0 &&
           policy->hash == session->policy->hash;
}

/* An agent of another user may write as soon as it is accepted: what there was root has to know by
 * itself. */
static void note_former(const struct session *session)
{
    int r = former_note(&session->cli->paths, session->policy->keys);

    if (r < 0)
        say("warning: former values could not be recorded for a restore: %s", error_text(r));
}

int session_accept(struct session *session)
{
    unsigned flags = cli_given(session->cli, OPTION_FORCE) ? ACCEPT_FORCED : 0;
    bool decided = flags || !is_in_force(session);
    struct diags shown_before = DIAGS_INIT;
    int r;

    if (session->confirm && session->confirm->fd >= 0)
        flags |= ACCEPT_ON_TRIAL;
    note_former(session);
    r = policy_accept(&session->cli->paths, session->policy->hash, flags, &shown_before);

    diags_done(&shown_before);
    if (r == -ESTALE)
        say("the policy on disk was changed just now, nothing was done; try again");
    else if (r == -ENODATA)
        say("refused: the policy has no rules, while rules are enforced.\n"
            "Nothing was written, nothing was accepted; to end that on purpose, give --force");
    else if (r == -EACCES || r == -EPERM)
        say("cannot accept the policy: %s (this needs root)", error_text(r));
    else if (is_of_the_file(r))
        say("cannot accept the policy: %s cannot be written: %s",
            NAME_SHOWN(session->cli->paths.accepted), error_text(r));
    else if (r < 0)
        say("cannot accept the policy: %s", error_text(r));
    else
        session->acceptance = ACCEPTED_SAME;
    if (r == -ENODATA)
        session_record(session->cli, DECISION_REFUSE, session->policy,
                       "it has no rules, while rules are enforced");
    else if (r >= 0 && (decided || flags & ACCEPT_ON_TRIAL))
        session_record(session->cli, flags & ACCEPT_FORCED ? DECISION_FORCE : DECISION_ACCEPT,
                       session->policy, flags & ACCEPT_ON_TRIAL ? HISTORY_ON_TRIAL : "");
    say_unsafe(session->cli->paths.accepted, r);
    return r > 0 ? 0 : r;
}

int session_accept_locked(struct session *session)
{
    int r = confirm_check(&session->cli->paths, session->confirm);

    if (r >= 0)
        return session_accept(session);
    say_not_applied(session->cli, r, "nothing was accepted or written");
    return r;
}

static void say_busy(const struct cli *cli, const char *done)
{
    pid_t holder = lock_holder(&cli->paths);

    if (holder > 0)
        say("someone else is writing right now (process %d holds %s), %s; try again", (int)holder,
            NAME_SHOWN(cli->paths.lock), done);
    else
        say("someone else is writing right now, %s; try again", done);
}

bool say_who_hinders(const struct cli *cli, int error, const char *done)
{
    switch (error) {
    case -EBUSY:
        say_busy(cli, done);
        return true;
    case -EINPROGRESS:
        say_on_trial(done);
        return true;
    case -ECANCELED:
        say("it was not confirmed and everything is put back; %s", done);
        return true;
    case -EOWNERDEAD:
        say("the process that would put everything back is gone; %s", done);
        return true;
    default:
        return false;
    }
}

void say_not_applied(const struct cli *cli, int error, const char *done)
{
    if (say_who_hinders(cli, error, done))
        return;
    if (is_of_the_file(error))
        say("cannot apply: %s cannot be written: %s; %s", NAME_SHOWN(cli->paths.lock),
            error_text(error), done);
    else
        say("cannot apply: %s%s; %s", error_text(error),
            error == -EPERM || error == -EACCES ? " (this needs root, or CAP_NET_ADMIN)" : "",
            done);
}

static void read_acceptance(struct session *session)
{
    _cleanup_policy_ struct policy *accepted = NULL;
    int r = policy_load_accepted(&session->cli->paths, NULL, &accepted);

    if (r < 0)
        session->acceptance = r == -ENOENT                  ? ACCEPTED_NONE
                              : r == -EACCES || r == -EPERM ? ACCEPTED_HIDDEN
                                                            : ACCEPTED_DAMAGED;
    else
        session->acceptance =
            accepted->hash == session->policy->hash ? ACCEPTED_SAME : ACCEPTED_OTHER;
    session->enforcing =
        session->acceptance == ACCEPTED_SAME && session->policy->agent.mode == MODE_ENFORCE;
    session->guard = session->enforcing ? guard_find(&session->cli->paths) : GUARD_NONE;
}

const char *session_apply_command(const struct session *session)
{
    return session->policy->agent.mode == MODE_OBSERVE ? "rpfpolicy apply --once"
                                                       : "rpfpolicy apply";
}

uint32_t session_facts(const struct policy *policy)
{
    /* Who follows `default`, and whether loose can work, depends on having an address. */
    return policy->facts | (policy->keys ? FACT_ADDRESSES : 0) |
           (routing_in_policy(policy) ? FACT_ADDRESSES | FACT_ROUTES : 0);
}

int session_amend(const struct session *session, struct live *live)
{
    if (!(session->policy->facts & FACT_UDEV) || session->cli->paths.foreign)
        return 0;
    return udevdb_read(live);
}

static void say_no_devices(const char *proc_sys_net, int error)
{
    _cleanup_free_ char *path = NULL;

    if (asprintf(&path, "%s/ipv4/conf", proc_sys_net) < 0)
        path = NULL;
    if (path && access(path, R_OK) < 0)
        say("cannot read the settings of devices below %s: %s", NAME_SHOWN(path),
            error_text(errno));
    else
        say("cannot read the devices of this network namespace: %s", error_text(error));
}

int devices_read(const struct cli *cli, key_mask keys, uint32_t facts, struct live *ret)
{
    const struct picture_options options = {
        .keys = keys, .facts = facts, .proc_sys_net = cli->paths.proc_sys_net};
    int r = picture_read(NULL, &options, ret);

    if (r < 0)
        say_no_devices(options.proc_sys_net, r);
    return r;
}

static int read_live(struct session *session, key_mask keys, uint32_t facts)
{
    const struct policy *policy = session->policy;
    int r = devices_read(session->cli, policy->keys | keys | KEY_BIT(KEY_RP_FILTER),
                         session_facts(policy) | facts, &session->live);

    if (r < 0)
        return r;
    r = session_amend(session, &session->live);
    if (r < 0)
        say_no_devices(session->cli->paths.proc_sys_net, r);
    return r;
}

/* So that what is shown is what would be done. Whoever may not know what was there before sees what
 * the moment asks for. */
static int read_former(struct session *session)
{
    int r = former_look(&session->cli->paths, session->policy->keys, &session->live);

    return r == -ENOMEM ? r : 0;
}

static int read_pauses(struct session *session)
{
    const struct paths *paths = &session->cli->paths;
    int r = session->unpaused ? 0 : pauses_read(paths, &session->pauses);

    if (r < 0)
        say("cannot tell what is paused: %s: %s", NAME_SHOWN(paths->paused), error_text(r));
    else
        pauses_mark(&session->pauses, &session->live, pauses_now());
    return r;
}

/* A bad line is skipped by systemd-sysctl too. A file that cannot be read here may well be read by
 * it: then what is said of causes and of what comes is not complete. */
void session_say_unread(const struct diags *diags)
{
    for (size_t i = 0; i < diags->count; i++)
        if (diags->items[i].line == 0)
            say("warning: not known to this report: %s: %s", NAME_SHOWN(diags->items[i].file),
                diags->items[i].text);
}

static void say_missed(const struct session *session)
{
    const struct live *live = &session->live;

    for (size_t i = 0; session->sysctl && i < live->count; i++)
        for (enum key key = 0; key < KEY_COUNT; key++) {
            const char *name = live->devices[i].name;
            const struct sysctl_line *line = session->policy->keys & KEY_BIT(key)
                                                 ? sysctl_conf_missed(session->sysctl, name, key)
                                                 : NULL;

            if (line)
                say("warning: %s:%u misses %s, whose dots it has read as slashes; what would reach "
                    "it: net/ipv4/conf/%s/%s = %s",
                    NAME_SHOWN(line->file), line->line, NAME_SHOWN(name), NAME_SHOWN(name),
                    key_info(key)->name, NAME_SHOWN(line->value ?: ""));
        }
}

void session_say_warnings(const struct session *session)
{
    say_diags(&session->diags, DIAG_WARNING);
    session_say_unread(&session->unread);
    say_missed(session);
}

static int read_sysctl(struct session *session)
{
    int r = sysctl_load(&session->cli->paths, SYSCTL_SYSTEMD, &session->unread, &session->sysctl);

    if (!session->quiet && !session->late) {
        session_say_unread(&session->unread);
        say_missed(session);
    }
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        say("cannot read sysctl.d, causes are not known: %s", error_text(r));
    return 0;
}

static int date_of_today(void)
{
    time_t now = time(NULL);
    struct tm tm;

    if (!localtime_r(&now, &tm))
        return 0;
    return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

int session_read(struct session *session, key_mask keys, uint32_t facts)
{
    struct judge_context context;
    int r;

    session->today = date_of_today();
    read_acceptance(session);
    r = read_live(session, keys, facts);
    if (r == 0)
        r = read_former(session);
    if (r == 0)
        r = read_pauses(session);
    if (r < 0)
        return r;
    r = read_sysctl(session);
    if (r == 0) {
        context = (struct judge_context){
            .sysctl = session->sysctl,
            .guard = session->guard,
            .enforcing = session->enforcing,
            .today = session->today,
            .pauses = &session->pauses,
            .boottime = pauses_now(),
        };
        r = judge_new(session->policy, &session->live, &context, &session->judge);
    }
    if (r < 0)
        say("cannot judge the devices: %s", error_text(r));
    return r;
}

static bool has_altname(const struct device *device, const char *name)
{
    for (char **altname = device->altnames; altname && *altname; altname++)
        if (streq(*altname, name))
            return true;
    return false;
}

const struct device *session_find_device(const struct session *session, const char *name)
{
    const struct live *live = &session->live;
    const struct device *device = live_by_name(live, name);
    char escaped[NAME_ESCAPED_SIZE];

    if (device)
        return device;
    for (size_t i = 0; i < live->count; i++)
        if (has_altname(&live->devices[i], name))
            return &live->devices[i];
    for (size_t i = 0; strchr(name, '\\') && i < live->count; i++)
        if (streq(name_escape_buf(live->devices[i].name, escaped, sizeof(escaped)), name))
            return &live->devices[i];
    return NULL;
}

const struct device *session_device(const struct session *session, const char *name)
{
    const struct device *device = session_find_device(session, name);

    if (!device)
        say("there is no device '%s'%s", NAME_SHOWN(name),
            strpbrk(name, "*?[") || strstr(name, "..") ? "; patterns are not known here" : "");
    return device;
}

/* Somebody may mean every device, or the two directories that are none. */
static bool is_special(const char *name)
{
    if (!streq(name, "all") && !streq(name, "default"))
        return false;
    say("'%s' is no device. Every device is meant where none is named; 'rpfpolicy explain %s' "
        "tells "
        "about net.ipv4.conf.%s",
        name, name, name);
    return true;
}

int session_select(const struct session *session, int count, char **arguments, bool **ret)
{
    _cleanup_free_ bool *selected = calloc(session->live.count + 1, sizeof(*selected));
    int r = 0;

    if (!selected) {
        say("memory ran out");
        return -ENOMEM;
    }
    for (size_t i = 0; count == 0 && i < session->live.count; i++)
        selected[i] = true;
    for (int i = 0; i < count; i++) {
        const struct device *device =
            is_special(arguments[i]) ? NULL : session_device(session, arguments[i]);

        if (device && !device->ipv4)
            say("%s has no IPv4 settings (its MTU is below 68) and is left out",
                NAME_SHOWN(device->name));
        else if (device)
            selected[device - session->live.devices] = true;
        else
            r = -ENOENT;
    }
    if (r == 0)
        *ret = TAKE_PTR(selected);
    return r;
}

void session_done(struct session *session)
{
    session_unlock(session);
    session->judge = judge_free(session->judge);
    live_done(&session->live);
    pauses_done(&session->pauses);
    session->sysctl = sysctl_conf_free(session->sysctl);
    session->policy = policy_free(session->policy);
    diags_done(&session->unread);
    diags_done(&session->diags);
}
