/* `check` for people: what is not as wanted, the worst first; then warnings, the sum, and what to
 * do next. */
#include <stdio.h>

#include "agent/cli/check/check.h"
#include "agent/store/agent_state.h"
#include "agent/store/pause.h"
#include "agent/store/trial_record.h"

struct finding {
    const struct device *device; /* NULL for all and default */
    struct key_state state;
};

/* The text of a place, kept since most rows name one of a few. */
struct place {
    const char *file;
    unsigned line;
    char *text; /* owned */
};

#define PLACES 16

struct rows {
    struct finding *items;
    size_t count, capacity;
    struct place places[PLACES];
    unsigned oldest; /* of the places */
};

static bool is_listed(const struct check *check, enum state state)
{
    return cli_given(check->session->cli, OPTION_ALL) || state_info(state)->listed;
}

static int begin(struct check *check)
{
    check->data = calloc(1, sizeof(struct rows));
    return check->data ? 0 : -ENOMEM;
}

static int add(struct check *check, const struct device *device, const struct key_state *state)
{
    struct rows *rows = check->data;

    if (!is_listed(check, state->state))
        return 0;
    if (grow((void **)&rows->items, &rows->capacity, rows->count, sizeof(*rows->items)) < 0)
        return -ENOMEM;
    rows->items[rows->count++] = (struct finding){device, *state};
    return 0;
}

static int add_special(struct check *check, int which, const struct key_state *state)
{
    return add(check, NULL, state);
}

static int add_device(struct check *check, const struct device *device,
                      const struct key_state *states, unsigned n)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < n; i++)
        r = add(check, device, &states[i]);
    return r;
}

/* NULL when memory ran out. The text stays until PLACES others were asked for. */
static const char *place_again(struct rows *rows, const char *file, unsigned line)
{
    struct place *place;

    for (unsigned i = 0; i < PLACES; i++) {
        place = &rows->places[i];
        if (place->text && place->file == file && place->line == line)
            return place->text;
    }
    place = &rows->places[rows->oldest++ % PLACES];
    free(place->text);
    *place = (struct place){file, line, place_text(file, line)};
    return place->text;
}

/* Where the present value comes from, as far as it is known. */
static const char *cause_text(struct check *check, const struct finding *row,
                              char buf[static JUDGE_TEXT_SIZE])
{
    const struct key_state *state = &row->state;

    if (state->held)
        return "held back, see its routing";
    if (state->cause.file)
        return place_again(check->data, state->cause.file, state->cause.line);
    if (state->state == STATE_PAUSED)
        return "a pause, see below";
    if (state->state == STATE_IMPOSSIBLE || state->state == STATE_LATENT)
        return judge_text(check->session->judge, row->device, state, buf);
    if (state->rewritten) /* which of them, and of which key, the agent does not tell apart */
        return row->device && state->blame != BLAME_ALL
                   ? "another program keeps writing it"
                   : "another program keeps writing all or default";
    if (state->as_default)
        return "as new devices start";
    if (state->state == STATE_DRIFT && state->blame == BLAME_ALL) {
        snprintf(buf, JUDGE_TEXT_SIZE, "`all` is %d", check->session->live.all[state->key]);
        return buf;
    }
    if (state->state != STATE_DRIFT || !check->session->sysctl)
        return "";
    /* Written at run time, what `default` was when the device appeared, or as the kernel starts. */
    return "no line of sysctl.d";
}

static int print_row(struct check *check, struct table *table, const struct finding *finding)
{
    const struct rule *rule = finding->state.rule;
    char text[JUDGE_TEXT_SIZE];
    struct key_row key = {check->session->judge, finding->device, &finding->state};

    key.cause = cause_text(check, finding, text);
    if (rule)
        key.place = place_again(check->data, rule->origin.file, rule->origin.line);
    if (!key.cause || (rule && !key.place))
        return -ENOMEM;
    return key_put(&(struct row){.table = table}, &key);
}

static int print_rows(struct check *check)
{
    static const struct column columns[] = {
        {"STATE", COLUMN_STATE}, {"DEVICE", 0},          {"KEY", 0}, {"NOW", 0}, {"WANTED", 0},
        {"RULE", COLUMN_WRAP},   {"CAUSE", COLUMN_WRAP},
    };
    struct rows *rows = check->data;
    _cleanup_table_ struct table *table = table_new(columns, ELEMENTSOF(columns));
    int r = table ? 0 : -ENOMEM;

    /* The worst first; else as they were judged: all, default, then devices by ifindex. */
    for (enum state state = 0; state < STATE_COUNT; state++)
        for (size_t i = 0; r == 0 && i < rows->count; i++)
            if (rows->items[i].state.state == state)
                r = print_row(check, table, &rows->items[i]);
    if (r == 0)
        r = check_engines_rows(check, table);
    return r < 0 ? r : table_print(table, check->out);
}

static int print_warning(struct check *check, const struct warning *warning)
{
    static const char word[] = "warning";
    _cleanup_free_ char *text = check_warning_text(warning);

    if (!text)
        return -ENOMEM;
    fprintf(check->out->stream, "%s%s%s: ", output_color(check->out, word), word,
            output_color_end(check->out));
    output_words(check->out, sizeof(word) + 1, 4, text);
    fputc('\n', check->out->stream);
    return 0;
}

/* Why something cannot be had, once per key: where all or default cannot be as wanted, that is why
 * devices cannot either, and else the first device's reason stands for all. */
static void print_impossible(struct check *check)
{
    const struct rows *rows = check->data;
    bool said[KEY_COUNT] = {0};

    for (size_t i = 0; i < rows->count; i++) {
        const struct finding *row = &rows->items[i];
        char name[NAME_ESCAPED_SIZE], text[JUDGE_TEXT_SIZE];

        if (!state_info(row->state.state)->stuck || (row->device && said[row->state.key]))
            continue;
        said[row->state.key] = true;
        fprintf(check->out->stream, "note: %s of %s: %s\n", key_info(row->state.key)->name,
                name_escape_buf(key_owner(row->device, &row->state), name, sizeof(name)),
                judge_text(check->session->judge, row->device, &row->state, text));
    }
}

/* Said once, however many rows it has above. */
static void print_pauses(struct check *check)
{
    const struct pauses *pauses = &check->session->pauses;
    uint64_t now = pauses_now();
    char left[32];

    for (size_t i = 0; i < pauses->count; i++)
        fprintf(check->out->stream, "note: paused, %s, by %s: %s (%s)\n",
                pause_left_text(&pauses->items[i], now, left), NAME_SHOWN(pauses->items[i].who),
                NAME_SHOWN(pause_text(&pauses->items[i])), NAME_SHOWN(pauses->items[i].reason));
}

static void print_unmatched(struct check *check)
{
    const struct policy *policy = check->session->policy;

    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i];
        _cleanup_free_ char *place = NULL, *name = NULL;

        if (!check->unmatched_rules[i])
            continue;
        place = place_text(rule->origin.file, rule->origin.line);
        name = name_escape(rule->pattern.text);
        fprintf(check->out->stream, "note: there is no device '%s' (%s)\n", name ?: "?",
                place ?: "?");
    }
    for (size_t i = 0; i < check->reports.count; i++)
        /* How many there are is of no interest here. */
        (void)report_print_unmatched(check->out->stream, &check->reports.items[i]);
}

static void print_undecided(struct check *check)
{
    char number[16];

    if (check->undecided > 0)
        fprintf(check->out->stream,
                "note: %s %s of devices not judged: a set decides, and what it depends on is not "
                "known here (--all shows which)\n",
                count_text(check->undecided, number), PLURAL(check->undecided, "key"));
}

static void print_count(struct check *check, enum state state, const char **separator)
{
    char number[16];

    if (check->counts[state] == 0)
        return;
    fprintf(check->out->stream, "%s%s %s%s%s", *separator, count_text(check->counts[state], number),
            output_color(check->out, state_name(state)), state_name(state),
            output_color_end(check->out));
    *separator = ", ";
}

static void print_sum(struct check *check)
{
    const char *separator = ": ";
    char number[16];

    fprintf(check->out->stream, "%s %s", count_text(check->devices, number),
            PLURAL(check->devices, "device"));
    print_count(check, STATE_OK, &separator);
    for (enum state state = 0; state < STATE_COUNT; state++)
        if (state != STATE_OK)
            print_count(check, state, &separator);
    if (STATES_SUM(check->specials, state_info, it->concern == CONCERN_NOW) > 0)
        fputs("; all or default not as wanted", check->out->stream);
    fputc('\n', check->out->stream);
    if (check->session->policy->agent.revision)
        fprintf(check->out->stream, "Revision of the policy on disk: %s\n",
                check->session->policy->agent.revision);
}

/* What a person should know or do next. */
static void print_next(struct check *check)
{
    const struct session *session = check->session;
    FILE *stream = check->out->stream;
    struct trial_record trial;

    if (session->acceptance == ACCEPTED_OTHER)
        fputs("Another policy is in force than the one on disk; 'rpfpolicy accept' changes that.\n",
              stream);
    else if (session->acceptance == ACCEPTED_DAMAGED)
        fputs("The accepted policy cannot be used; 'rpfpolicy accept' replaces it.\n", stream);
    else if (session->acceptance == ACCEPTED_HIDDEN)
        fputs("Which policy is in force is not known: this user cannot read it.\n", stream);
    else if (session->acceptance == ACCEPTED_NONE && session->policy->agent.mode == MODE_ENFORCE)
        fputs("No policy is in force yet; 'rpfpolicy accept' or 'apply' accepts this one.\n",
              stream);
    if (trial_record_read(&session->cli->paths, &trial))
        fprintf(stream, "A policy is on trial, %s; 'rpfpolicy confirm' keeps it.\n",
                NAME_SHOWN(trial.text));
    if (agent_state_read(&session->cli->paths) == AGENT_STOPPED)
        fputs("The agent was stopped: until it is started again nothing is repaired, and the udev\n"
              "hook stands back too.\n",
              stream);
    else if (session->enforcing && session->guard == GUARD_NONE)
        fputs("Mode is enforce, but nothing is there to keep it: neither the agent nor the\n"
              "udev hook (package rpfpolicy-agent).\n",
              stream);
    if (check->writable > 0 || reports_changes(&check->reports) > 0)
        fprintf(stream, "'rpfpolicy plan' shows what would be written, '%s' writes it.\n",
                session_apply_command(session));
    if (session->policy->agent.mode == MODE_OBSERVE)
        fputs("Mode is observe: nothing is kept this way. To enforce, put 'mode = enforce' into\n"
              "[agent] of the policy and run 'rpfpolicy apply'.\n",
              stream);
}

static int end(struct check *check)
{
    const struct warning *warnings = judge_warnings(check->session->judge, &check->warnings);
    int r = print_rows(check);

    if (r < 0)
        return r;
    if (((struct rows *)check->data)->count > 0 || check_engines_bad(check) > 0)
        fputc('\n', check->out->stream);
    session_say_warnings(check->session);
    for (size_t i = 0; r == 0 && i < check->warnings; i++)
        r = print_warning(check, &warnings[i]);
    print_impossible(check);
    print_pauses(check);
    print_unmatched(check);
    print_undecided(check);
    print_sum(check);
    check_engines_sum(check);
    print_next(check);
    return r;
}

static void done(struct check *check)
{
    struct rows *rows = check->data;

    if (rows) {
        for (unsigned i = 0; i < PLACES; i++)
            free(rows->places[i].text);
        free(rows->items);
    }
    free(rows);
}

const struct check_format check_table = {
    .begin = begin, .special = add_special, .device = add_device, .end = end, .done = done};
