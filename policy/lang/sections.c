/* From lines to rules: which section a line belongs to, the [agent] section and the sections of
 * keys. Sets and exceptions are read in files of their own. */
#include "policy/lang/sections.h"

#include <stdio.h>

#include "policy/base/words.h"
#include "policy/lang/ini_lines.h"
#include "policy/lang/parser.h"
#include "policy/lang/probe.h"
#include "policy/lang/protect.h"
#include "policy/lang/routing.h"
#include "policy/lang/values.h"

#define SWEEP_MIN_USEC USEC_PER_SEC
#define SWEEP_MAX_USEC (86400 * USEC_PER_SEC)
#define TRIAL_MIN_USEC USEC_PER_SEC
#define REVISION_MAX 100

/* [agent] */

static const char *const agent_words[] = {"mode",
                                          "sweep",
                                          "flush-routes",
                                          "metrics-file",
                                          "routing-table-base",
                                          "routing-priority-base",
                                          "revision",
                                          "protect",
                                          "probe",
                                          "trial",
                                          "trial-ends",
                                          NULL};

static void agent_mode(struct parser *parser, const char *value, unsigned line)
{
    for (enum policy_mode mode = MODE_OBSERVE; mode <= MODE_ENFORCE; mode++) {
        if (streq(value, policy_mode_name(mode))) {
            parser->policy->agent.mode = mode;
            parser->policy->agent.mode_written = true;
            return;
        }
    }
    parser_error(parser, line, "unknown mode '%s': observe (report, write nothing) or enforce",
                 NAME_SHOWN(value));
}

static void agent_sweep(struct parser *parser, const char *value, unsigned line)
{
    uint64_t usec;
    int r = value_parse_time(value, &usec);

    if (r == -EINVAL)
        parser_error(parser, line, "'%s' is not a time; write 60s, 5min or 1h", NAME_SHOWN(value));
    else if (r < 0 || usec < SWEEP_MIN_USEC || usec > SWEEP_MAX_USEC)
        parser_error(parser, line, "sweep = %s is out of range: 1s to 1d", NAME_SHOWN(value));
    else
        parser->policy->agent.sweep_usec = usec;
}

static void agent_flush_routes(struct parser *parser, const char *value, unsigned line)
{
    if (value_parse_switch(value, &parser->policy->agent.flush_routes) < 0)
        parser_error(parser, line, "unknown value '%s' for flush-routes: yes or no",
                     NAME_SHOWN(value));
}

static void keep_text(struct parser *parser, const char *value, char **text)
{
    char *copy = strdup(value);

    if (!copy) {
        gather(&parser->error, -ENOMEM);
        return;
    }
    free(*text);
    *text = copy;
}

static void agent_metrics_file(struct parser *parser, const char *value, unsigned line)
{
    size_t n = strlen(value);

    if (value[0] != '/' || value[n - 1] == '/')
        parser_error(parser, line, "metrics-file = '%s' is not the absolute path of a file",
                     NAME_SHOWN(value));
    else
        keep_text(parser, value, &parser->policy->agent.metrics_file);
}

/* It goes into reports, metrics and the journal as it is. */
static void agent_revision(struct parser *parser, const char *value, unsigned line)
{
    size_t n = strlen(value), printable = 0;

    while (value[printable] >= ' ' && value[printable] <= '~')
        printable++;
    if (n == 0 || n > REVISION_MAX || printable < n)
        parser_error(parser, line, "revision = '%s' is not 1 to %u printable ASCII characters",
                     NAME_SHOWN(value), REVISION_MAX);
    else
        keep_text(parser, value, &parser->policy->agent.revision);
}

static void agent_number(struct parser *parser, const char *name, const char *value, unsigned line,
                         uint32_t min, uint32_t max, uint32_t *ret)
{
    size_t digits = strspn(value, "0123456789");
    unsigned long long number = strtoull(value, NULL, 10); /* ULLONG_MAX where it is too large */

    if (digits == 0 || value[digits] || number < min || number > max)
        parser_error(parser, line, "%s = '%s' is not a number from %u to %u", name,
                     NAME_SHOWN(value), min, max);
    else
        *ret = (uint32_t)number;
}

static void agent_table_base(struct parser *parser, const char *value, unsigned line)
{
    agent_number(parser, "routing-table-base", value, line, ROUTING_TABLE_BASE_MIN,
                 ROUTING_TABLE_BASE_MAX, &parser->policy->agent.routing_table_base);
}

static void agent_priority_base(struct parser *parser, const char *value, unsigned line)
{
    agent_number(parser, "routing-priority-base", value, line, 1,
                 ROUTING_PRIORITY_MAX - ROUTING_PRIORITY_FROM,
                 &parser->policy->agent.routing_priority_base);
}

static void add_protected(struct parser *parser, const char *word, unsigned line)
{
    struct policy *policy = parser->policy;
    struct protected_peer item;
    char *message = NULL;
    int r;

    if (!parser_took(parser, line, protect_parse(word, &item, &message), &message))
        return;
    item.origin = (struct origin){.file = parser->file, .line = line};
    r = grow((void **)&policy->agent.protect, &policy->agent.protect_capacity,
             policy->agent.n_protect, sizeof(item));
    if (r < 0) {
        gather(&parser->error, r);
        free(item.text);
        return;
    }
    policy->agent.protect[policy->agent.n_protect++] = item;
}

static void add_probe(struct parser *parser, const char *word, unsigned line)
{
    struct policy *policy = parser->policy;
    char *message = NULL;
    struct probe probe;

    if (!parser_took(parser, line, probe_parse(word, &probe, &message), &message))
        return;
    if (policy->agent.n_probes < PROBES_MAX)
        policy->agent.probes[policy->agent.n_probes++] = probe;
    else
        parser_error(parser, line, "'%s' is one probe too many: at most %d", probe.text,
                     PROBES_MAX);
}

/* Takes each word of a list whose lines add up: another file names more, never less. */
static void agent_list(struct parser *parser, const char *value, unsigned line, const char *empty,
                       void (*add)(struct parser *, const char *, unsigned))
{
    char **words = NULL;

    gather(&parser->error, words_append(&words, value));
    if (!words || !words[0])
        parser_error(parser, line, "%s", empty);
    for (size_t i = 0; words && words[i]; i++)
        add(parser, words[i], line);
    words_free(words);
}

static void agent_protect(struct parser *parser, const char *value, unsigned line)
{
    agent_list(parser, value, line, "protect is empty; name peers such as tcp/22 or 10.0.0.0/24",
               add_protected);
}

static void agent_probe(struct parser *parser, const char *value, unsigned line)
{
    agent_list(parser, value, line, "probe is empty; write for instance tcp/10.0.0.1:6443",
               add_probe);
}

static void agent_trial_ends(struct parser *parser, const char *value, unsigned line)
{
    if (!streq(value, "keep") && !streq(value, "back"))
        parser_error(parser, line,
                     "unknown value '%s' for trial-ends: keep or back, what becomes of a policy on "
                     "trial that nobody confirms in time",
                     NAME_SHOWN(value));
    else
        parser->policy->agent.trial_keeps = streq(value, "keep");
}

static void agent_trial(struct parser *parser, const char *value, unsigned line)
{
    uint64_t usec;

    if (value_parse_time(value, &usec) < 0 || usec < TRIAL_MIN_USEC || usec > TRIAL_MAX_USEC)
        parser_error(parser, line, "trial = %s is no time from 1s to 1d", NAME_SHOWN(value));
    else
        parser->policy->agent.trial_usec = usec;
}

static void agent_entry(struct parser *parser, const char *name, const char *value, unsigned line)
{
    static void (*const take[])(struct parser *, const char *, unsigned) = {
        agent_mode,       agent_sweep,         agent_flush_routes, agent_metrics_file,
        agent_table_base, agent_priority_base, agent_revision,     agent_protect,
        agent_probe,      agent_trial,         agent_trial_ends};

    for (size_t i = 0; agent_words[i]; i++) {
        if (streq(parser_word(name), agent_words[i])) {
            take[i](parser, value, line);
            return;
        }
    }
    parser_unknown(parser, line, "agent", name, agent_words);
}

static const struct section agent_section = {.name = "agent", .entry = agent_entry};

/* [rp_filter] and its like */

static bool key_begin(struct parser *parser, const char *name, unsigned line)
{
    return key_from_name(name, &parser->key) == 0;
}

/* A pin says what is stored in one place: it has one value, or none of ours. */
static bool pin_is_plain(struct parser *parser, const struct rule *rule, unsigned line)
{
    if (!pattern_is_pin(&rule->pattern))
        return true;
    if (key_info(rule->key)->report_only && !rule->unmanaged) {
        parser_error(parser, line, "'%s' cannot be pinned: %s is reported and never written",
                     rule->pattern.text, key_info(rule->key)->name);
        return false;
    }
    if (rule->observe || rule->n_values > 1) {
        parser_error(parser, line,
                     "'%s' is pinned to one value or to unmanaged, without alternatives or observe",
                     rule->pattern.text);
        return false;
    }
    return true;
}

static void key_entry(struct parser *parser, const char *name, const char *value, unsigned line)
{
    struct rule rule = {
        .key = parser->key, .exception = -1, .origin = {.file = parser->file, .line = line}};
    char *message = NULL;
    bool ok;

    ok = parser_took(parser, line, pattern_parse(name, &rule.pattern, &message), &message);
    /* Both sides are looked at, so that one run shows what is wrong with either. */
    ok = parser_took(parser, line, value_parse_rule(rule.key, value, &rule, &message), &message) &&
         ok;
    if (!ok || !pin_is_plain(parser, &rule, line)) {
        rule_done(&rule);
        return;
    }
    if (pattern_advice(&rule.pattern))
        diags_add(parser->diags, DIAG_NOTE, parser->file, line, "'%s': %s",
                  NAME_SHOWN(rule.pattern.text), pattern_advice(&rule.pattern));
    parser_add_rule(parser, &rule);
}

static const struct section key_section = {.name = "", .begin = key_begin, .entry = key_entry};

/* Reading for one device */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

/* Bytes of which a pattern consists here: nothing but a name, a range, or a glob with stars. */
static bool is_plain(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '*';
}

/* Does `PATTERN = VALUE` certainly not speak of the device, since they begin with other letters?
 * Then *ret_value is what follows the `=`. Where that is not plain to see the answer is no. */
static bool speaks_of_others(const char *line, size_t n, const char *device, const char **ret_value)
{
    size_t i = 0, name;

    while (i < n && is_letter(line[i]) && line[i] == device[i])
        i++;
    if (i == n || !is_letter(line[i]))
        return false;
    while (i < n && is_plain(line[i]))
        i++;
    name = i;
    while (i < n && (line[i] == ' ' || line[i] == '\t'))
        i++;
    if (i == n || line[i] != '=' || (name == 3 && memcmp(line, "all", 3) == 0) ||
        (name == 7 && memcmp(line, "default", 7) == 0))
        return false;
    *ret_value = line + i + 1;
    return true;
}

/* A value that the section already has need not be read again for another device. */
static bool pass_over(const char *line, size_t n, void *data)
{
    struct parser *parser = data;
    const char *value;
    size_t length;

    if (parser->section != &key_section ||
        !speaks_of_others(line, n, parser->policy->device, &value))
        return false;
    length = (size_t)(line + n - value);
    for (size_t i = 0; i < parser->n_values; i++)
        if (parser->values[i].n == length && memcmp(parser->values[i].text, value, length) == 0)
            return true;
    if (parser->n_values < ELEMENTSOF(parser->values)) {
        parser->values[parser->n_values].text = value;
        parser->values[parser->n_values++].n = length;
    }
    return false;
}

/* Which section? */

static const struct section *const fixed_sections[] = {
    &agent_section, &set_section, &exception_section, &routing_section, &routing_device_section};

static void unknown_section(struct parser *parser, const char *name, unsigned line)
{
    const char *known[KEY_COUNT + 6];
    _cleanup_free_ char *hint = NULL;
    size_t n = 0;

    if (name[0] == '-') {
        diags_add(parser->diags, DIAG_WARNING, parser->file, line,
                  "section [%s] is not known to this version; its lines are ignored",
                  NAME_SHOWN(name + 1));
        return;
    }
    known[n++] = "agent";
    for (enum key key = 0; key < KEY_COUNT; key++)
        known[n++] = key_info(key)->name;
    known[n++] = "set NAME";
    known[n++] = "exception NAME";
    known[n++] = "routing";
    known[n++] = "routing DEVICE";
    known[n] = NULL;
    hint = words_suggest(name, known);
    if (!hint) {
        gather(&parser->error, -ENOMEM);
        return;
    }
    parser_error(parser, line, "unknown section [%s]; %s", NAME_SHOWN(name), hint);
}

/* The kind of section that `name` asks for, and its own name in *ret_name, "" for none. */
static const struct section *find_section(const char *name, const char **ret_name)
{
    enum key key;

    *ret_name = name;
    if (key_from_name(name, &key) == 0)
        return &key_section;
    for (size_t i = 0; i < ELEMENTSOF(fixed_sections); i++) {
        const char *rest = startswith(name, fixed_sections[i]->name);

        if (!rest)
            continue;
        *ret_name = rest + strspn(rest, " \t");
        if (fixed_sections[i]->named ? rest[0] == ' ' || rest[0] == '\t' || !rest[0] : !rest[0])
            return fixed_sections[i];
    }
    return NULL;
}

static void end_section(struct parser *parser)
{
    const struct section *section = parser->section;

    parser->section = NULL;
    if (section && section->end)
        section->end(parser);
}

static bool take_section(const char *name, unsigned line, void *data)
{
    struct parser *parser = data;
    const struct section *section;
    const char *own_name;

    end_section(parser);
    parser->n_values = 0;
    if (!name)
        return false;
    section = find_section(parser_word(name), &own_name);
    if (!section) {
        unknown_section(parser, name, line);
        return false;
    }
    if (section->named && !own_name[0]) {
        parser_error(parser, line, "[%s] without a name; write [%s NAME]", section->name,
                     section->name);
        return false;
    }
    if (section->begin && !section->begin(parser, own_name, line))
        return false;
    parser->section = section;
    return true;
}

static void take_entry(const char *name, const char *value, unsigned line, void *data)
{
    struct parser *parser = data;

    if (!parser->section)
        parser_error(parser, line, "'%s' stands before any section; write [rp_filter] above it",
                     NAME_SHOWN(name));
    else if (!name[0])
        parser_error(parser, line, "nothing stands before the '='");
    else
        parser->section->entry(parser, name, value, line);
}

int sections_read(struct policy *policy, const char *file, const char *bytes, size_t n,
                  struct diags *diags)
{
    struct parser parser = {.policy = policy, .file = file, .diags = diags};
    const struct ini_events events = {.section = take_section,
                                      .entry = take_entry,
                                      .pass_over = policy->device[0] ? pass_over : NULL,
                                      .data = &parser};
    int r;

    r = ini_read(file, bytes, n, &events, diags);
    end_section(&parser);
    for (size_t i = 0; i < parser.n_drafts; i++)
        rule_done(&parser.drafts[i]);
    free(parser.drafts);
    gather(&r, parser.error);
    return r;
}
