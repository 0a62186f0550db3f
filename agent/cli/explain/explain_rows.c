/* Rows of what explain considered: rules of the policy, lines of sysctl.d. */
#include "agent/cli/explain/explain.h"
#include "agent/cli/session/report.h"
#include "policy/base/text.h"

json_t *json_place(const char *file, unsigned line)
{
    return json_make({"file", json_bytes(file)}, {"line", line ? json_integer(line) : json_null()});
}

/* Owned; NULL when memory ran out. */
static char *rule_text(const struct rule *rule, bool winner)
{
    _cleanup_free_ char *pattern = name_escape(rule->pattern.text);
    _cleanup_free_ char *value = name_escape(rule->value_text);

    return pattern && value ? text_format("%s %s = %s%s", winner ? ">" : " ", pattern, value,
                                          rule->observe ? ", observe" : "")
                            : NULL;
}

int explain_put_rule(struct row *row, const struct explain *explain, const struct explain_key *key,
                     size_t i)
{
    const struct rule *rule = key->rules[i].rule;
    bool all = explain->subject == EXPLAIN_ALL && rule->pattern.kind != PATTERN_ALL;

    return ROW(
        row, {"file", NULL, TEXT(rule->origin.file)},
        {"line", NULL, NUMBER_IF(rule->origin.line, rule->origin.line)},
        {"pattern", NULL, TEXT(rule->pattern.text)}, {"value", NULL, TEXT(rule->value_text)},
        {"observe", NULL, TRUTH(rule->observe)}, {"wins", NULL, TRUTH(i == key->winner)},
        {"undecided", NULL, TRUTH(key->rules[i].undecided)},
        {NULL, "", FOR_TABLE(row, rule_text(rule, i == key->winner))},
        {NULL, "", FOR_TABLE(row, place_text(rule->origin.file, rule->origin.line))},
        {"verdict", all ? NULL : "", OWNED(explain_verdict(explain, key, i))},
        {NULL, all ? "" : NULL, TEXT("wants the smallest value, so `all` must not be larger")});
}

static char *line_text(const struct sysctl_line *line, bool wins)
{
    _cleanup_free_ char *shown = name_escape(line->text);

    return shown ? text_format("  %s %s", wins ? ">" : " ", shown) : NULL;
}

static char *outcome_text(const char *text, const struct sysctl_line *by)
{
    _cleanup_free_ char *place = by ? place_text(by->file, by->line) : NULL;

    return by && !place ? NULL : text_format("%s%s%s", text, by ? ": " : "", by ? place : "");
}

int explain_put_line(struct row *row, const struct sysctl_verdict *verdict)
{
    const struct sysctl_line *line = verdict->line, *by = verdict->by;
    const char *text = sysctl_outcome_text(verdict->outcome);
    bool wins = verdict->outcome == SYSCTL_WINS;

    return ROW(row, {"file", NULL, TEXT(line->file)},
               {"line", NULL, NUMBER_IF(line->line, line->line)}, {"text", NULL, TEXT(line->text)},
               {"wins", NULL, TRUTH(wins)}, {"verdict", NULL, TEXT(text)},
               {"by", NULL, FOR_JSON(row, by ? json_place(by->file, by->line) : json_null())},
               {NULL, "", FOR_TABLE(row, line_text(line, wins))},
               {NULL, "", FOR_TABLE(row, place_text(line->file, line->line))},
               {NULL, "", FOR_TABLE(row, outcome_text(text, by))});
}
