/* The one sentence that goes with a state, for a person who has no time. */
#include "judge_private.h"

#include <stdarg.h>
#include <stdio.h>

/* Room for most paths in full; a longer one is cut, its line number stays. */
#define PATH_SIZE 96

static void say(struct key_state *state, const char *format, ...) _printf_(2, 3);

static void say(struct key_state *state, const char *format, ...)
{
    size_t used = strlen(state->message);
    va_list ap;

    va_start(ap, format);
    vsnprintf(state->message + used, sizeof(state->message) - used, format, ap);
    va_end(ap);
}

static void say_place(struct key_state *state, const char *before, const char *file, unsigned line)
{
    char path[PATH_SIZE];

    say(state, "%s%s:%u", before, name_escape_buf(file, path, sizeof(path)), line);
}

static void say_rule(struct key_state *state, const char *before, const struct rule *rule)
{
    char text[PATH_SIZE];

    say(state, "%s%s = ", before, name_escape_buf(rule->pattern.text, text, sizeof(text)));
    say(state, "%s", name_escape_buf(rule->value_text, text, sizeof(text)));
    say_place(state, ", ", rule->origin.file, rule->origin.line);
}

/* Who stored the value that is to blame? */
static void say_writer(const struct judge *judge, struct key_state *state, const char *before)
{
    if (state->as_default)
        say(state, ", as new devices start");
    if (state->cause.file)
        say_place(state, before, state->cause.file, state->cause.line);
    else if (!state->as_default && judge->context.sysctl)
        say(state, ", written at run time (no sysctl.d line says so)");
}

static void say_observed(struct key_state *state)
{
    if (state->rule && state->rule->observe)
        say(state, "; the rule only observes");
}

/* Why `all` stays where it is although it stands in the way. */
static void say_obstacle(const struct judge *judge, struct key_state *state)
{
    const struct rule *pin = policy_pin(judge->policy, state->key, PATTERN_ALL);

    if (!judge->live->all_writable)
        say(state, " and cannot be written (/proc/sys/net is read-only)");
    else if (pin)
        say_rule(state, " and the policy says ", pin);
    else
        say(state, " and moves only when the policy pins it");
}

static void describe_drift(const struct judge *judge, struct key_state *state, enum blame blame)
{
    char is[12], wanted[12];

    say(state, "%s, wanted %s: ", key_value_format(state->key, state->effective, is, sizeof(is)),
        key_value_format(state->key, state->wanted, wanted, sizeof(wanted)));
    if (blame == BLAME_ALL)
        say(state, "`all` is %d", judge->live->all[state->key]);
    else
        say(state, "%d is stored", state->configured);
    say_writer(judge, state, ", set by ");
    say_observed(state);
}

static void describe_impossible(const struct judge *judge, struct key_state *state)
{
    char wanted[12];

    say(state, "cannot be %s: `all` is %d",
        key_value_format(state->key, state->wanted, wanted, sizeof(wanted)),
        judge->targets[state->key].new_all);
    say_obstacle(judge, state);
    if (state->cause.file)
        say_place(state, "; set by ", state->cause.file, state->cause.line);
}

static void describe_latent(struct key_state *state, enum blame blame, int later)
{
    char is[12], will[12];

    say(state, "%s now, but %s makes it %s",
        key_value_format(state->key, state->effective, is, sizeof(is)),
        blame == BLAME_ADD ? "the next `add` event" : "the next full run of systemd-sysctl",
        key_value_format(state->key, later, will, sizeof(will)));
    if (state->cause.file)
        say_place(state, ": ", state->cause.file, state->cause.line);
}

static void describe_port(const struct device *device, struct key_state *state)
{
    char name[NAME_ESCAPED_SIZE];

    if (device->master_name[0])
        say(state, "a port: what is set on its master %s decides",
            name_escape_buf(device->master_name, name, sizeof(name)));
    else
        say(state, "a %s port: what is set on its master decides", device->slave_kind);
}

/* Who said so, why, and what ends it. */
static void describe_paused(const struct judge *judge, const char *name, struct key_state *state)
{
    const struct pauses *pauses = judge->context.pauses;
    const struct pause *pause = pauses ? pauses_find(pauses, name, judge->context.boottime) : NULL;
    char wanted[12], left[32], text[PATH_SIZE];

    if (state->wanted_known && state->wanted != state->effective)
        say(state, "wanted %s, but ",
            key_value_format(state->key, state->wanted, wanted, sizeof(wanted)));
    say(state, "left alone");
    if (!pause)
        return;
    say(state, " %s", pause_left_text(pause, judge->context.boottime, left));
    say(state, ", by %s", name_escape_buf(pause->who, text, sizeof(text)));
    say(state, ": %s", name_escape_buf(pause->reason, text, sizeof(text)));
}

void judge_describe(const struct judge *judge, const struct device *device, struct key_state *state,
                    enum blame blame, int later)
{
    state->message[0] = '\0';
    switch (state->state) {
    case STATE_IMPOSSIBLE:
        describe_impossible(judge, state);
        break;
    case STATE_DRIFT:
        describe_drift(judge, state, blame);
        break;
    case STATE_LATENT:
        describe_latent(state, blame, later);
        break;
    case STATE_MOOT:
        describe_port(device, state);
        break;
    case STATE_UNMANAGED:
        if (state->undecided)
            say(state, "not judged: a stronger rule depends on what is not known here");
        else if (!state->rule)
            say(state, "no rule speaks of it");
        else
            say_rule(state, "left alone by ", state->rule);
        break;
    case STATE_PAUSED:
        describe_paused(judge, device->name, state);
        break;
    case STATE_OK:
    case STATE_COUNT:
        break;
    }
}

static void describe_special_drift(const struct judge *judge, int which, struct key_state *state,
                                   enum blame blame)
{
    bool pinned =
        state->rule->pattern.kind == PATTERN_ALL || state->rule->pattern.kind == PATTERN_DEFAULT;
    char is[12], wanted[12];

    if (pinned) {
        say(state, "stored %d, pinned to %d", state->configured, state->wanted);
        say_place(state, " by ", state->rule->origin.file, state->rule->origin.line);
    } else if (which == IFINDEX_ALL) {
        say_rule(state, "too large for ", state->rule);
    } else {
        say(state, "new devices start %s, wanted %s",
            key_value_format(state->key, state->effective, is, sizeof(is)),
            key_value_format(state->key, state->wanted, wanted, sizeof(wanted)));
        if (blame == BLAME_ALL)
            say(state, ": `all` is %d", judge->live->all[state->key]);
    }
    if (state->state == STATE_IMPOSSIBLE && !judge->live->all_writable)
        say(state, "; /proc/sys/net is read-only");
    else if (state->state == STATE_IMPOSSIBLE)
        say_obstacle(judge, state);
    else if (state->cause.file)
        say_place(state, "; set by ", state->cause.file, state->cause.line);
    else if (judge->context.sysctl) /* the kernel starts so, or it was written at run time */
        say(state, "; no sysctl.d line says so");
    say_observed(state);
}

void judge_describe_special(const struct judge *judge, int which, struct key_state *state,
                            enum blame blame, int later)
{
    state->message[0] = '\0';
    switch (state->state) {
    case STATE_IMPOSSIBLE:
    case STATE_DRIFT:
        describe_special_drift(judge, which, state, blame);
        break;
    case STATE_LATENT:
        say(state, "right as it is, but the next full run of systemd-sysctl stores %d", later);
        if (state->cause.file)
            say_place(state, ": ", state->cause.file, state->cause.line);
        break;
    case STATE_UNMANAGED:
        if (state->rule && state->rule->unmanaged)
            say_rule(state, "left alone by ", state->rule);
        else
            say(state, "no rule speaks of it");
        break;
    case STATE_PAUSED:
        describe_paused(judge, which == IFINDEX_ALL ? "all" : "default", state);
        break;
    case STATE_OK:
    case STATE_MOOT:
    case STATE_COUNT:
        break;
    }
}
