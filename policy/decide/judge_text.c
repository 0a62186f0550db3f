/* The one sentence that goes with a state, for a person who has no time. */
#include "policy/decide/judge_private.h"

#include <stdarg.h>
#include <stdio.h>

/* Room for most paths in full; a longer one is cut, its line number stays. */
#define PATH_SIZE 96

/* What is being written; cut where it does not fit. */
struct sentence {
    char *text; /* of JUDGE_TEXT_SIZE bytes */
    size_t used;
    bool told; /* before it: what the value is, and what is wanted */
    enum value_origin origin;
};

static void say(struct sentence *sentence, const char *format, ...) _printf_(2, 3);

static void say(struct sentence *sentence, const char *format, ...)
{
    size_t room = JUDGE_TEXT_SIZE - sentence->used;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(sentence->text + sentence->used, room, format, ap);
    va_end(ap);
    if (n > 0)
        sentence->used += (size_t)n < room ? (size_t)n : room - 1;
}

/* Between two parts of the sentence, where there is a first one. */
static const char *joint(const struct sentence *sentence, const char *text)
{
    return sentence->used ? text : "";
}

static void say_place(struct sentence *sentence, const char *before, const char *file,
                      unsigned line)
{
    char path[PATH_SIZE];

    say(sentence, "%s%s:%u", before, name_escape_buf(file, path, sizeof(path)), line);
}

static void say_rule(struct sentence *sentence, const char *before, const struct rule *rule)
{
    char text[PATH_SIZE];

    say(sentence, "%s%s = ", before, name_escape_buf(rule->pattern.text, text, sizeof(text)));
    say(sentence, "%s", name_escape_buf(rule->value_text, text, sizeof(text)));
    say_place(sentence, ", ", rule->origin.file, rule->origin.line);
}

/* Who stored the value that is to blame? */
static void say_writer(struct sentence *sentence, const struct key_state *state, const char *before)
{
    static const char *const words[ORIGIN_COUNT] = {
        [ORIGIN_DEFAULT] = ", as new devices start",
        [ORIGIN_WRITER] = ", which another program keeps writing",
        [ORIGIN_RUN_TIME] = ", which no line of sysctl.d gives",
        [ORIGIN_START] = ", as it was from the start",
        [ORIGIN_OURS] = ", as rpfpolicy wrote it",
    };

    if (words[sentence->origin])
        say(sentence, "%s", words[sentence->origin]);
    if (state->cause.file &&
        (sentence->origin == ORIGIN_DEFAULT || sentence->origin == ORIGIN_SYSCTL_D))
        say_place(sentence, before, state->cause.file, state->cause.line);
}

static void say_observed(struct sentence *sentence, const struct key_state *state)
{
    if (state->rule && state->rule->observe && key_info(state->key)->report_only)
        say(sentence, "%s%s is reported and never written", joint(sentence, "; "),
            key_info(state->key)->name);
    else if (state->rule && state->rule->observe)
        say(sentence, "%sthe rule only observes", joint(sentence, "; "));
}

static void say_obstacle(struct sentence *sentence, const struct judge *judge,
                         const struct key_state *state)
{
    const struct rule *rule;

    switch (judge_obstacle(judge, state, &rule)) {
    case OBSTACLE_READ_ONLY:
        say(sentence, " and cannot be written (/proc/sys/net is read-only)");
        break;
    case OBSTACLE_PAUSED:
        say(sentence, " and is paused");
        break;
    case OBSTACLE_POLICY:
        say_rule(sentence, " and the policy says ", rule);
        break;
    case OBSTACLE_UNPINNED:
        say(sentence, " and moves only when the policy pins it");
        break;
    case OBSTACLE_NONE:
    case OBSTACLE_COUNT:
        break;
    }
}

static void describe_drift(struct sentence *sentence, const struct judge *judge,
                           const struct key_state *state)
{
    char is[12], wanted[12];

    if (!sentence->told)
        say(sentence,
            "%s, wanted %s: ", key_value_format(state->key, state->effective, is, sizeof(is)),
            key_value_format(state->key, state->wanted, wanted, sizeof(wanted)));
    if (state->blame == BLAME_ALL)
        say(sentence, "`all` is %d", judge->live->all[state->key]);
    else
        say(sentence, "%d is stored", state->configured);
    say_writer(sentence, state, ", set by ");
    say_observed(sentence, state);
}

static void describe_impossible(struct sentence *sentence, const struct judge *judge,
                                const struct key_state *state)
{
    char wanted[12];

    say(sentence, "cannot be %s: `all` is %d",
        key_value_format(state->key, state->wanted, wanted, sizeof(wanted)),
        judge->targets[state->key].new_all);
    say_obstacle(sentence, judge, state);
    if (state->cause.file)
        say_place(sentence, "; set by ", state->cause.file, state->cause.line);
}

static void describe_latent(struct sentence *sentence, const struct key_state *state)
{
    char is[12], will[12];

    if (!sentence->told)
        say(sentence, "%s now, but ",
            key_value_format(state->key, state->effective, is, sizeof(is)));
    say(sentence, "%s makes it %s",
        state->blame == BLAME_ADD ? "the next `add` event" : "the next full run of systemd-sysctl",
        key_value_format(state->key, state->later, will, sizeof(will)));
    if (state->cause.file)
        say_place(sentence, ": ", state->cause.file, state->cause.line);
}

static void describe_port(struct sentence *sentence, const struct device *device)
{
    char name[NAME_ESCAPED_SIZE];

    if (device->master_name[0])
        say(sentence, "a port: what is set on its master %s decides",
            name_escape_buf(device->master_name, name, sizeof(name)));
    else
        say(sentence, "a %s port: what is set on its master decides", device->slave_kind);
}

/* Who said so, why, and what ends it. */
static void describe_paused(struct sentence *sentence, const struct judge *judge, const char *name,
                            const struct key_state *state)
{
    const struct pauses *pauses = judge->context.pauses;
    const struct pause *pause = pauses ? pauses_find(pauses, name, judge->context.boottime) : NULL;
    char wanted[12], left[32], text[PATH_SIZE];

    if (state->wanted_known && state->wanted != state->effective)
        say(sentence, "wanted %s, but ",
            key_value_format(state->key, state->wanted, wanted, sizeof(wanted)));
    say(sentence, "left alone");
    if (!pause)
        return;
    say(sentence, " %s", pause_left_text(pause, judge->context.boottime, left));
    say(sentence, ", by %s", name_escape_buf(pause->who, text, sizeof(text)));
    say(sentence, ": %s", name_escape_buf(pause->reason, text, sizeof(text)));
}

static void describe_device(struct sentence *sentence, const struct judge *judge,
                            const struct device *device, const struct key_state *state)
{
    switch (state->state) {
    case STATE_IMPOSSIBLE:
        describe_impossible(sentence, judge, state);
        break;
    case STATE_DRIFT:
        describe_drift(sentence, judge, state);
        break;
    case STATE_LATENT:
        describe_latent(sentence, state);
        break;
    case STATE_MOOT:
        describe_port(sentence, device);
        break;
    case STATE_UNMANAGED:
        if (state->undecided)
            say(sentence, "not judged: a stronger rule depends on what is not known here");
        else if (!state->rule)
            say(sentence, "no rule speaks of it");
        else
            say_rule(sentence, "left alone by ", state->rule);
        break;
    case STATE_PAUSED:
        describe_paused(sentence, judge, device->name, state);
        break;
    case STATE_OK:
    case STATE_COUNT:
        break;
    }
}

static void describe_special_value(struct sentence *sentence, const struct judge *judge,
                                   const struct key_state *state)
{
    char is[12], wanted[12];

    if (judge_is_pinned(state)) {
        if (!sentence->told)
            say(sentence, "stored %d, ", state->configured);
        say(sentence, "pinned to %d", state->wanted);
        say_place(sentence, " by ", state->rule->origin.file, state->rule->origin.line);
    } else if (state->which == IFINDEX_ALL) {
        say_rule(sentence, "too large for ", state->rule);
    } else {
        if (!sentence->told)
            say(sentence, "new devices start %s, wanted %s",
                key_value_format(state->key, state->effective, is, sizeof(is)),
                key_value_format(state->key, state->wanted, wanted, sizeof(wanted)));
        if (state->blame == BLAME_ALL)
            say(sentence, "%s`all` is %d", joint(sentence, ": "), judge->live->all[state->key]);
    }
}

static void describe_special_drift(struct sentence *sentence, const struct judge *judge,
                                   const struct key_state *state)
{
    describe_special_value(sentence, judge, state);
    if (state->state == STATE_IMPOSSIBLE && !judge->live->all_writable)
        say(sentence, "%s/proc/sys/net is read-only", joint(sentence, "; "));
    else if (state->state == STATE_IMPOSSIBLE)
        say_obstacle(sentence, judge, state);
    else if (state->rewritten)
        say(sentence, "%sanother program keeps writing it", joint(sentence, "; "));
    else if (state->cause.file)
        say_place(sentence, sentence->used ? "; set by " : "set by ", state->cause.file,
                  state->cause.line);
    else if (judge->context.sysctl) /* the kernel starts so, or it was written at run time */
        say(sentence, "%sno sysctl.d line says so", joint(sentence, "; "));
    say_observed(sentence, state);
}

static void describe_special(struct sentence *sentence, const struct judge *judge,
                             const struct key_state *state)
{
    switch (state->state) {
    case STATE_IMPOSSIBLE:
    case STATE_DRIFT:
        describe_special_drift(sentence, judge, state);
        break;
    case STATE_LATENT:
        say(sentence, "%sthe next full run of systemd-sysctl stores %d",
            sentence->told ? "" : "right as it is, but ", state->later);
        if (state->cause.file)
            say_place(sentence, ": ", state->cause.file, state->cause.line);
        break;
    case STATE_UNMANAGED:
        if (state->rule && state->rule->unmanaged)
            say_rule(sentence, "left alone by ", state->rule);
        else
            say(sentence, "no rule speaks of it");
        break;
    case STATE_PAUSED:
        describe_paused(sentence, judge, state->which == IFINDEX_ALL ? "all" : "default", state);
        break;
    case STATE_OK:
    case STATE_MOOT:
    case STATE_COUNT:
        break;
    }
}

static const char *describe(struct sentence *sentence, const struct judge *judge,
                            const struct device *device, const struct key_state *state)
{
    sentence->text[0] = '\0';
    if (state->which != 0)
        describe_special(sentence, judge, state);
    else
        describe_device(sentence, judge, device, state);
    return sentence->text;
}

const char *judge_text(const struct judge *judge, const struct device *device,
                       const struct key_state *state, char buf[static JUDGE_TEXT_SIZE])
{
    struct sentence sentence = {.text = buf, .origin = judge_origin(judge, state)};

    return describe(&sentence, judge, device, state);
}

const char *judge_reason(const struct judge *judge, const struct device *device,
                         const struct key_state *state, enum value_origin origin,
                         char buf[static JUDGE_TEXT_SIZE])
{
    struct sentence sentence = {.text = buf, .told = true, .origin = origin};

    return describe(&sentence, judge, device, state);
}
