/* What to do about it: lines to type or to paste, ready as they stand. */
#include <stdio.h>

#include "agent/cli/advice/device_pattern.h"
#include "agent/cli/explain/explain.h"
#include "agent/store/agent_state.h"
#include "agent/store/pause.h"
#include "policy/decide/plan.h"
#include "policy/lang/precedence.h"
#include "policy/sysctl/fragment.h"

/* The file of the policy that belongs to the administrator and is read last; else a new one. */
static const char *own_file(const struct policy *policy)
{
    for (size_t i = policy->n_files; i-- > 0;)
        if (startswith(policy->files[i], "/etc/") && !policy_file_is_preset(policy->files[i]))
            return policy->files[i];
    return CURE_FILE;
}

static void paste(FILE *f, const struct explain *explain, enum key key, const char *pattern,
                  int value)
{
    char word[12];

    fprintf(f, "    [%s]\n    %s = %s\n", key_info(key)->name, pattern,
            key_value_format(key, value, word, sizeof(word)));
}

static void say_where(FILE *f, const struct explain *explain, const char *what)
{
    fprintf(f, "%s, in %s:\n", what, NAME_SHOWN(own_file(explain->session->policy)));
}

static void say_commands(FILE *f, const char *apply)
{
    fprintf(f,
            "    rpfpolicy plan      # every write, in order, before anything is done\n"
            "    %s\n",
            apply);
}

static void say_apply(FILE *f, const struct explain *explain)
{
    say_commands(f, session_apply_command(explain->session));
}

/* The line of sysctl.d with another value, where it stands or in a file that beats it. */
static void say_changed_line(FILE *f, const struct cause *cause, int value)
{
    bool own = startswith(cause->file, "/etc/");
    size_t n = strcspn(cause->text, "=");
    _cleanup_free_ char *left = NULL;

    while (n > 0 && cause->text[n - 1] == ' ')
        n--;
    left = name_escape_n(cause->text, n);
    fprintf(f, "%s\n    %s = %d\n",
            own ? "To make it last, change that line to"
                : "To make it last, put into /etc/sysctl.d/99-local.conf:",
            left ?: "", value);
}

/* Of a device that is not there: will it, once `all` and `default` are as the policy wants them? */
static bool would_start_right(const struct explain *explain, const struct explain_key *key)
{
    const struct session *session = explain->session;
    const struct key_target *target = judge_target(session->judge, key->state.key);
    int own = key->add.given ? key->add.value : target->new_default;

    return explain->subject == EXPLAIN_ABSENT && explain->flavor == SYSCTL_SYSTEMD &&
           rule_accepts(key->state.rule, key_effective(key->state.key, target->new_all, own,
                                                       session->live.def_forwarding));
}

static bool agent_runs(enum agent_state state)
{
    return state == AGENT_OBSERVING || state == AGENT_ENFORCING;
}

/* Being in force is not all it takes where nothing is there that goes by it. */
static void say_what_else(FILE *f, const struct session *session)
{
    const struct paths *paths = &session->cli->paths;
    enum agent_state state = agent_state_read(paths);
    const char *start = agent_start_command(paths, state);

    if (agent_runs(state) || guard_find(paths) != GUARD_NONE)
        return;
    if (start)
        fprintf(f, "It also takes the agent, which does not run. To start it\n    %s\n", start);
    else if (paths->foreign)
        fputs("It also takes an agent that runs in this network namespace, since udev does not "
              "look into it.\n",
              f);
    else
        fputs("It also takes the package rpfpolicy-agent: neither agent nor udev hook is here.\n",
              f);
}

/* The policy on disk is not the one that agent and hook go by, or only observes. */
static void say_enforce(FILE *f, const struct explain *explain, const struct explain_key *key)
{
    const struct policy *policy = explain->session->policy;
    bool enforce = policy->agent.mode == MODE_ENFORCE;
    bool apply_said = explain->subject != EXPLAIN_ABSENT || would_start_right(explain, key);

    if (enforce)
        fputs("Devices are repaired as they appear once this policy is in force", f);
    else
        fprintf(f,
                "To have devices repaired as they appear, say in %s\n"
                "    [agent]\n    mode = enforce\nand apply the policy",
                NAME_SHOWN(own_file(policy)));
    if (key->state.state == STATE_DRIFT && (apply_said || !enforce)) {
        fputs(enforce ? "; that, too, 'apply' does.\n" : ".\n", f);
    } else {
        fputs(":\n", f);
        say_commands(f, "rpfpolicy apply"); /* the mode is enforce by then */
    }
    say_what_else(f, explain->session);
}

/* The hook alone looks at devices only as they appear. */
static void say_helper(FILE *f, const char *start)
{
    fputs("The helper repairs devices as they appear; after a full run of systemd-sysctl nothing "
          "does",
          f);
    if (start)
        fprintf(f,
                ", since the agent does not run. To start it\n    %s\nWithout it this says the "
                "policy in sysctl.d's own terms:\n",
                start);
    else
        fputs(". This says the policy in sysctl.d's own terms:\n", f);
    fputs("    rpfpolicy generate sysctl.d >/etc/sysctl.d/" FRAGMENT_NAME "\n", f);
}

static void say_guard(FILE *f, const struct session *session)
{
    const struct paths *paths = &session->cli->paths;
    enum agent_state state = agent_state_read(paths);
    const char *start = agent_start_command(paths, state);

    if (session->guard == GUARD_AGENT)
        fputs("The agent puts it right again; 'rpfpolicy status' tells whether somebody keeps "
              "writing it back.\n",
              f);
    else if (session->guard == GUARD_HELPER)
        say_helper(f, start);
    else if (start && state == AGENT_STOPPED)
        fprintf(f,
                "Nothing repairs it: the agent was stopped, and the udev hook stands back too. To "
                "go on\n    %s\n",
                start);
    else if (start)
        fprintf(f, "Nothing repairs it: the agent does not run. To start it\n    %s\n", start);
    else if (paths->foreign)
        fputs("Nothing repairs it: udev does not look into this network namespace, and no agent "
              "runs in it.\n",
              f);
    else
        fputs("Nothing repairs it: there is no agent, and the udev rule 99-zz-rpfpolicy.rules is "
              "not in place; the package rpfpolicy-agent brings both.\n",
              f);
}

/* Is there a key before this one whose drift the same command puts right? */
static bool is_done_already(const struct explain *explain, const struct explain_key *key)
{
    for (const struct explain_key *other = explain->keys; other < key; other++)
        if (other->state.state == STATE_DRIFT && !other->state.rule->observe)
            return true;
    return false;
}

/* No line of sysctl.d brings it back, but whoever wrote it may do so again. */
static void say_repaired(FILE *f, const struct explain *explain, const struct explain_key *key)
{
    const struct session *session = explain->session;
    const struct paths *paths = &session->cli->paths;
    enum agent_state state = agent_state_read(paths);
    const char *start = agent_start_command(paths, state);

    if (key->state.rule->observe)
        return;
    if (session->policy->agent.mode == MODE_ENFORCE) {
        if (start && !is_done_already(explain, key))
            fprintf(f, "%sThe agent, which keeps it so, does not run. To start it\n    %s\n",
                    ftell(f) > 0 ? "\n" : "", start);
        return;
    }
    if (explain->subject != EXPLAIN_DEVICE || key->state.as_default || key->as_written ||
        !session->sysctl)
        return;
    fputs("\nNo line of sysctl.d gives it: it was written at run time and may be again, or it is "
          "what "
          "`default` was when the device appeared. To have it put right then, ",
          f);
    if (agent_runs(state))
        fputs("say", f);
    else if (paths->foreign)
        fputs("let an agent run in this network namespace, say", f);
    else
        fprintf(f, "let the agent run (%s), say", start ?: "package rpfpolicy-agent");
    fprintf(f, " in %s\n    [agent]\n    mode = enforce\nand apply the policy.\n",
            NAME_SHOWN(own_file(session->policy)));
}

/* How to keep sysctl.d from bringing the wrong value back. */
static void say_lasting(FILE *f, const struct explain *explain, const struct explain_key *key)
{
    const struct session *session = explain->session;
    const struct cause *cause = &key->state.cause;
    const struct key_target *target = judge_target(session->judge, key->state.key);

    if (!cause->file) {
        say_repaired(f, explain, key);
        return;
    }
    if (key->state.state == STATE_LATENT)
        fprintf(f, "It will not last: %s:%u sets another value. ", NAME_SHOWN(cause->file),
                cause->line);
    else if (key->state.as_default)
        fprintf(f, "%sNew devices start with what %s:%u gives `default`. ",
                ftell(f) > 0 ? "\n" : "", NAME_SHOWN(cause->file), cause->line);
    else
        fprintf(f, "%sThe wrong value is set by %s:%u%s. ", ftell(f) > 0 ? "\n" : "",
                NAME_SHOWN(cause->file), cause->line,
                explain->subject == EXPLAIN_ABSENT ? "" : " and would come back");
    if (startswith(cause->key, "net/ipv4/conf/all/")) {
        say_changed_line(f, cause, target->new_all);
    } else if (!explain->device) {
        say_changed_line(f, cause, target->new_default);
    } else if (!session->enforcing) {
        say_enforce(f, explain, key);
    } else {
        say_guard(f, session);
    }
}

static void cure_drift(FILE *f, const struct explain *explain, const struct explain_key *key)
{
    const struct rule *rule = key->state.rule;

    if (key_info(rule->key)->report_only) {
        fprintf(f,
                "%s is reported and never written: set it where your other sysctl settings are.\n",
                key_info(rule->key)->name);
        return;
    }
    if (rule->observe)
        fprintf(f, "The rule only observes. Take \", observe\" from %s:%u, then\n",
                NAME_SHOWN(rule->origin.file), rule->origin.line);
    else if (is_done_already(explain, key) && explain->subject != EXPLAIN_ABSENT)
        fprintf(f, "The same '%s' puts it right.\n", session_apply_command(explain->session));
    else if (explain->subject != EXPLAIN_ABSENT)
        fputs("To put it right now\n", f);
    if (explain->subject == EXPLAIN_ABSENT && key->state.guard != GUARD_NONE) {
        fputs("Nothing: it is repaired as it appears.\n", f);
        return;
    }
    if (would_start_right(explain, key)) {
        fputs("So that it starts right\n", f);
        say_apply(f, explain);
    }
    if (rule->observe || (explain->subject != EXPLAIN_ABSENT && !is_done_already(explain, key)))
        say_apply(f, explain);
    say_lasting(f, explain, key);
}

static void cure_impossible(FILE *f, const struct explain *explain, const struct explain_key *key)
{
    const struct session *session = explain->session;
    const struct key_state *state = &key->state;
    const struct rule *pin = policy_pin(session->policy, state->key, PATTERN_ALL);

    if (!session->live.all_writable) {
        fputs("`all` must move and cannot: /proc/sys/net is read-only here. Do it where it is "
              "writable; in a container, the one who starts it must mount it so.\n",
              f);
        return;
    }
    if (pin) {
        fprintf(f, "The pin of `all` stands in the way: remove or change %s:%u, then\n",
                NAME_SHOWN(pin->origin.file), pin->origin.line);
    } else {
        say_where(f, explain, "`all` stands in the way and moves only when it is pinned. Pin it");
        paste(f, explain, state->key, "all", state->wanted);
        fputs("This concerns every device. Then\n", f);
    }
    say_apply(f, explain);
}

static void cure_unmanaged(FILE *f, const struct explain *explain, const struct explain_key *key)
{
    const struct key_state *state = &key->state;
    const struct device *device = explain->device;
    char pattern[NAME_ESCAPED_SIZE + 1];
    int value = state->effective;
    bool unnumbered = device && (device->known & FACT_ADDRESSES) && !device->numbered;

    if (!device || streq(device->name, "lo") || explain->session->broken || state->undecided ||
        (state->rule && state->rule->unmanaged))
        return;
    if (state->key == KEY_RP_FILTER && value == 2 && unnumbered)
        value = 0;
    say_where(f, explain, "To have it managed");
    paste(f, explain, state->key, device_pattern(explain->name, pattern), value);
    fputs("and then\n", f);
    say_apply(f, explain);
}

static void cure_port(FILE *f, const struct device *device)
{
    const char *master = device->master_name;
    char shown[NAME_ESCAPED_SIZE];

    if (!*master)
        return;
    fprintf(f, "Look at its master %s.\n", name_escape_buf(master, shown, sizeof(shown)));
    if (device_name_is_plain(master))
        fprintf(f, "    rpfpolicy explain %s\n", master);
}

/* Loose asked for where it cannot work. */
static void cure_loose(FILE *f, const struct explain *explain, const struct explain_key *key)
{
    const struct device *device = explain->device;
    char pattern[NAME_ESCAPED_SIZE + 1];

    if (key->state.key != KEY_RP_FILTER || explain->subject != EXPLAIN_DEVICE ||
        device_is_port(device) || device_is_vrf(device) || !key->state.wanted_known ||
        key->state.wanted != 2 || !(device->known & FACT_ADDRESSES) || device->numbered)
        return;
    fputs(ftell(f) > 0 ? "\n" : "", f);
    say_where(f, explain,
              "If packets are dropped here although loose is meant to let them pass: without an "
              "IPv4 address only off does. Say so");
    paste(f, explain, KEY_RP_FILTER, device_pattern(explain->name, pattern), 0);
}

static void cure_paused(FILE *f, const struct explain *explain)
{
    const struct pause *pause = pauses_find(&explain->session->pauses, explain->name, pauses_now());

    if (pause && pause->everything)
        fputs("Everything is paused. To end that: rpfpolicy resume\n", f);
    else if (pause)
        fprintf(f, "To end the pause: rpfpolicy resume '%s'\n", NAME_SHOWN(pause_text(pause)));
}

char *explain_cure(const struct explain *explain, const struct explain_key *key)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    switch (key->state.state) {
    case STATE_DRIFT:
        cure_drift(f, explain, key);
        break;
    case STATE_IMPOSSIBLE:
        cure_impossible(f, explain, key);
        break;
    case STATE_LATENT:
        say_lasting(f, explain, key);
        break;
    case STATE_UNMANAGED:
        cure_unmanaged(f, explain, key);
        break;
    case STATE_MOOT:
        cure_port(f, explain->device);
        break;
    case STATE_PAUSED:
        cure_paused(f, explain);
        break;
    default:
        break;
    }
    cure_loose(f, explain, key);
    return fclose(f) == 0 ? TAKE_PTR(text) : NULL;
}
