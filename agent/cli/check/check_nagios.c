/* `check` as a monitoring plugin: one line, up to ten more on what is wrong, performance data, and
 * its exit codes (0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN). */
#include <stdio.h>

#include "agent/cli/check/check.h"

#define LINES_MAX 10

struct found {
    unsigned lines;
    char *text; /* of open_memstream */
    size_t size;
    FILE *stream;
};

/* What follows from the policy being what it is: worth knowing, and nothing to be called for. */
static bool is_note(const struct warning *warning)
{
    return warning->code == WARN_SCANNER || warning->code == WARN_CONTAINERS;
}

static unsigned count_warnings(const struct check *check)
{
    size_t n;
    const struct warning *warnings = judge_warnings(check->session->judge, &n);
    unsigned count = 0;

    for (size_t i = 0; i < n; i++)
        count += !is_note(&warnings[i]);
    return count;
}

int check_nagios_status(const struct check *check)
{
    bool strict = cli_given(check->session->cli, OPTION_STRICT);

    if (check_bad(check) > 0)
        return 2;
    return check_later(check) > 0 || count_warnings(check) > 0 || (strict && check->unmatched > 0);
}

/* A bar would begin the performance data. */
static void print_safely(FILE *stream, const char *s)
{
    for (; *s; s++)
        if (*s == '|')
            fputs("\\x7C", stream);
        else
            fputc(*s, stream);
}

static int begin(struct check *check)
{
    struct found *found = calloc(1, sizeof(*found));

    check->data = found;
    if (found)
        found->stream = open_memstream(&found->text, &found->size);
    return found && found->stream ? 0 : -ENOMEM;
}

static void note(struct check *check, const char *name, const struct device *device,
                 const struct key_state *state)
{
    struct found *found = check->data;
    char text[JUDGE_TEXT_SIZE], now[12], wanted[12];

    if (state_info(state->state)->concern == CONCERN_NONE || found->lines++ >= LINES_MAX)
        return;
    fprintf(found->stream, "%s: ", state_name(state->state));
    print_safely(found->stream, name_escape_buf(name, text, sizeof(text)));
    fprintf(found->stream, " %s", key_info(state->key)->name);
    if (state_info(state->state)->concern == CONCERN_LATER) {
        fputs(": ", found->stream);
        print_safely(found->stream, judge_text(check->session->judge, device, state, text));
        fputc('\n', found->stream);
    } else {
        fprintf(found->stream, " is %s, wanted %s\n",
                key_value_format(state->key, state->effective, now, sizeof(now)),
                wanted_text(state, wanted, sizeof(wanted)));
    }
}

static int special(struct check *check, int which, const struct key_state *state)
{
    note(check, which == IFINDEX_ALL ? "all" : "default", NULL, state);
    return 0;
}

static int device(struct check *check, const struct device *device, const struct key_state *states,
                  unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        note(check, device->name, device, &states[i]);
    return 0;
}

static void print_counts(struct check *check, enum concern concern)
{
    for (enum state state = STATE_COUNT; state-- > 0;)
        if (state_info(state)->concern == concern)
            fprintf(check->out->stream, ", %u %s", check->counts[state], state_name(state));
}

static void print_head(struct check *check)
{
    static const char *const words[] = {"OK", "WARNING", "CRITICAL"};
    FILE *stream = check->out->stream;
    unsigned warnings = count_warnings(check);

    fprintf(stream, "RPFPOLICY %s - %u %s: %u ok", words[check_nagios_status(check)],
            check->devices, PLURAL(check->devices, "device"), check->counts[STATE_OK]);
    print_counts(check, CONCERN_NOW);
    print_counts(check, CONCERN_LATER);
    fprintf(stream, ", %u %s", warnings, PLURAL(warnings, "warning"));
    if (STATES_SUM(check->specials, state_info, it->concern == CONCERN_NOW) > 0)
        fputs("; all or default not as wanted", stream);
    for (size_t i = 0; i < check->reports.count; i++)
        if (check->sums[i].bad > 0)
            fprintf(stream, "; %s not as wanted", check->reports.items[i].engine->words.member);
    fprintf(stream, " | devices=%u;;;0", check->devices);
    for (enum state state = 0; state < STATE_COUNT; state++)
        fprintf(stream, " %s=%u;%s;%s;0", state_name(state), check->counts[state],
                state_info(state)->concern == CONCERN_LATER ? "0" : "",
                state_info(state)->concern == CONCERN_NOW ? "0" : "");
    fprintf(stream, " warnings=%u;0;;0 unmatched=%u;;;0", warnings, check->unmatched);
    for (size_t i = 0; i < check->reports.count; i++)
        fprintf(stream, " %s=%u;;0;0", check->reports.items[i].engine->words.member,
                check->sums[i].bad);
    fputc('\n', stream);
}

static void note_engine(struct check *check, const struct engine_report *report)
{
    struct found *found = check->data;

    for (size_t i = 0; i < report->n_items; i++) {
        const struct engine_item *item = &report->items[i];
        char escaped[NAME_ESCAPED_SIZE];

        if (!check_shows(check, item->ifindex) ||
            engine_item_state(report, i)->concern != CONCERN_NOW || found->lines++ >= LINES_MAX)
            continue;
        fprintf(found->stream, "%s: ", engine_item_state(report, i)->name);
        print_safely(found->stream, name_escape_buf(item->name, escaped, sizeof(escaped)));
        fprintf(found->stream, "%s%s: ", item->name[0] ? " " : "", report->engine->words.member);
        print_safely(found->stream, engine_item_why(item));
        fputc('\n', found->stream);
    }
}

static int end(struct check *check)
{
    size_t n;
    const struct warning *warnings = judge_warnings(check->session->judge, &n);
    struct found *found = check->data;

    for (size_t i = 0; i < check->reports.count; i++)
        note_engine(check, &check->reports.items[i]);
    print_head(check);
    if (fflush(found->stream) != 0)
        return -ENOMEM;
    fputs(found->text, check->out->stream);
    if (found->lines > LINES_MAX)
        fprintf(check->out->stream, "and %u more\n", found->lines - LINES_MAX);
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *text = check_warning_text(&warnings[i]);

        if (!text)
            return -ENOMEM;
        fputs(is_note(&warnings[i]) ? "note: " : "warning: ", check->out->stream);
        print_safely(check->out->stream, text);
        fputc('\n', check->out->stream);
    }
    return 0;
}

static void done(struct check *check)
{
    struct found *found = check->data;

    if (found && found->stream) {
        fclose(found->stream);
        free(found->text);
    }
    free(found);
}

const struct check_format check_nagios = {
    .begin = begin, .special = special, .device = device, .end = end, .done = done};

void check_nagios_unknown(struct cli *cli, const struct session *session)
{
    const char *why = session->no_policy ? "no policy found"
                      : session->broken  ? "the policy has errors"
                                         : "nothing could be checked, see the messages on stderr";

    fprintf(cli->out.stream, "RPFPOLICY UNKNOWN - %s\n", why);
}
