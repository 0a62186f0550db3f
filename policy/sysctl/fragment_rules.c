/* The rules of one key as lines of the fragment: globs from the weakest to the strongest, since the
 * last one written stays; then the names, each with the value of the rule that wins for it, since
 * an exact key beats every glob. */
#include <limits.h>
#include <stdio.h>

#include "policy/lang/precedence.h"
#include "policy/sysctl/fragment_private.h"

/* A policy knows no braces, glob(3) does. */
static char *escape_braces(const char *pattern)
{
    char *out = malloc(2 * strlen(pattern) + 1), *p = out;

    if (!out)
        return NULL;
    for (; *pattern; pattern++) {
        if (*pattern == '{' || *pattern == '}')
            *p++ = '\\';
        *p++ = *pattern;
        if (*pattern == '\\' && pattern[1])
            *p++ = *++pattern;
    }
    *p = '\0';
    return out;
}

/* An earlier file with the same key and value would keep the line at its old place, where later
 * globs of other files come after it. */
static bool keeps_old_place(const struct section *s, const char *key, int value)
{
    const struct entry *last = s->others ? sysctl_last(s->others, key) : NULL;
    char number[12];

    snprintf(number, sizeof(number), "%d", value);
    if (last && last->fate == FATE_REPEATED)
        last = last->by;
    return last && last->line.value && streq(last->line.value, number) && last->line.glob &&
           !section_later(&last->line);
}

void section_line(struct section *s, const char *pattern, int value)
{
    bool glob = sysctl_is_glob(pattern);
    _cleanup_free_ char *spelled = glob ? escape_braces(pattern) : strdup(pattern), *key = NULL;

    if (!spelled || asprintf(&key, SYSCTL_BASE "%s/%s", spelled, key_info(s->key)->name) < 0) {
        key = NULL;
        s->text->failed = true;
        return;
    }
    if (glob) {
        if (grow((void **)&s->lines, &s->lines_capacity, s->n_lines, sizeof(*s->lines)) < 0) {
            s->text->failed = true;
            return;
        }
        s->lines[s->n_lines++] = pattern;
    }
    if (glob && keeps_old_place(s, key, value))
        text_add(s->text, "-%s\n", key);
    text_add(s->text, "%s = %d\n", key, value);
    if (!streq(pattern, "all") && !streq(pattern, "default")) {
        s->lowest = value < s->lowest ? value : s->lowest;
        s->highest = value > s->highest ? value : s->highest;
    }
}

static bool glob_reaches(const struct section *s, const char *name)
{
    for (size_t i = 0; i < s->n_lines; i++)
        if (glob_matches(s->lines[i], name))
            return true;
    return false;
}

void section_protect(struct section *s, const char *name)
{
    struct stored stored = section_stored(s, name);
    int kept = streq(name, "all") ? stored.value : section_kept(s, stored.value);
    bool touched = glob_reaches(s, name);

    if (kept != stored.value && stored.exact && section_later(stored.exact))
        section_missing(s, name, "%s:%u comes later, and a moved `all` changes what it amounts to",
                        stored.exact->file, stored.exact->line);
    else if (kept != stored.value || (touched && stored.given && !stored.exact))
        section_line(s, name, kept);
    else if (touched && !stored.exact)
        text_add(s->text, "-" SYSCTL_BASE "%s/%s\n", name, key_info(s->key)->name);
}

static bool is_name_rule(const struct rule *rule)
{
    return pattern_rank(&rule->pattern) == RANK_NAME;
}

const struct rule *section_winner(const struct section *s, const char *name)
{
    for (size_t i = 0; i < s->n_order; i++) {
        const struct rule *rule = &s->policy->rules[s->order[i]];

        if (pattern_matches_name(&rule->pattern, name))
            return rule;
    }
    return NULL;
}

/* Could a name match both? Only the literal beginnings are looked at. */
static bool may_overlap(const char *a, const char *b)
{
    size_t n = strcspn(a, "*?[\\"), m = strcspn(b, "*?[\\");

    return strncmp(a, b, n < m ? n : m) == 0;
}

static const char *overlapping_line(const struct section *s, const char *pattern)
{
    for (size_t i = s->n_lines; i > 0; i--)
        if (may_overlap(s->lines[i - 1], pattern))
            return s->lines[i - 1];
    return NULL;
}

/* Where `all` moves, devices without a rule are to stay what they are; without a bare * that is
 * written, a line of ours says so. */
static bool write_keeping_line(struct section *s)
{
    const struct candidates *globs = s->others ? &s->others->full[s->key] : NULL;
    int stored = section_stored(s, "default").value, kept = section_kept(s, stored);
    int effective = key_effective(s->key, s->all, kept, false);
    bool differs = kept != stored, uniform = true;

    if (s->all == s->all_before)
        return false;
    for (size_t i = 0; i < s->n_order; i++) {
        const struct rule *rule = &s->policy->rules[s->order[i]];

        if (rule->pattern.kind != PATTERN_ANY)
            continue;
        if (section_writes(rule))
            return false;
        break; /* the strongest of them makes the others void */
    }
    for (size_t i = 0; globs && i < globs->count; i++) {
        const struct entry *e = globs->items[i].entry;
        int other;

        if (e->fate != FATE_ALIVE || !e->line.value || e->refused)
            continue;
        other = section_kept(s, e->number);
        differs = differs || other != e->number;
        uniform = uniform && key_effective(s->key, s->all, other, false) == effective;
    }
    if (!differs)
        return false;
    if (!uniform) {
        section_missing(s, "*",
                        "`all` moves, and what other files give devices without a rule differs: "
                        "say in a * rule what they shall be");
        return false;
    }
    text_add(s->text, "# keeps devices without a rule as they are, since `all` moves\n");
    section_line(s, "*", kept);
    return true;
}

/* A rule that is not written: its devices must not be caught by a weaker line. */
static void write_hands_off(struct section *s, const struct rule *rule, bool keeping)
{
    const char *pattern = rule->pattern.text, *wider;
    const char *why = rule->unmanaged ? "unmanaged" : "only observed";
    _cleanup_free_ char *comment = NULL, *shown = NULL;

    wider = overlapping_line(s, rule->pattern.kind == PATTERN_SET ? "*" : pattern);
    if (wider && !(keeping && wider == s->lines[0])) {
        section_missing(s, pattern, "%s (%s:%u), but a wider line reaches it: %s", why,
                        rule->origin.file, rule->origin.line, wider);
        return;
    }
    if (asprintf(&comment, "%s: %s (%s:%u)", pattern, why, rule->origin.file, rule->origin.line) <
        0)
        comment = NULL;
    shown = comment ? name_escape(comment) : NULL;
    if (shown)
        text_add(s->text, "# %s\n", shown);
    else
        s->text->failed = true;
}

/* A stronger rule with the same pattern makes this one void. */
static bool is_repeated(const struct section *s, size_t at)
{
    const struct rule *rule = &s->policy->rules[s->order[at]];

    for (size_t i = 0; i < at; i++)
        if (streq(s->policy->rules[s->order[i]].pattern.text, rule->pattern.text))
            return true;
    return false;
}

void section_globs(struct section *s)
{
    bool keeping = write_keeping_line(s);

    for (size_t i = s->n_order; i > 0; i--) {
        const struct rule *rule = &s->policy->rules[s->order[i - 1]];
        int value;

        if (is_name_rule(rule) || is_repeated(s, i - 1))
            continue;
        if (!section_writes(rule))
            write_hands_off(s, rule, keeping);
        else if (rule->pattern.kind == PATTERN_SET)
            section_missing(s, rule->pattern.text, "sysctl.d knows names only (%s:%u)",
                            rule->origin.file, rule->origin.line);
        else if (!section_pick(s, rule, &value))
            section_ruled_out(s, rule->pattern.text, rule);
        else
            section_line(s, rule->pattern.text, value);
    }
}

struct names {
    char **items;
    size_t count, capacity;
};

static void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

static int add_name(const char *name, void *data)
{
    struct names *names = data;
    _cleanup_free_ char *copy = strdup(name);

    if (!copy ||
        grow((void **)&names->items, &names->capacity, names->count, sizeof(*names->items)) < 0)
        return -ENOMEM;
    names->items[names->count++] = TAKE_PTR(copy);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool names_has(const struct names *names, const char *name)
{
    return names->count > 0 &&
           bsearch(&name, names->items, names->count, sizeof(*names->items), compare_names) != NULL;
}

/* The names that the policy itself states. lo is one: in sysctl.d a wildcard reaches it. */
static int collect_names(const struct section *s, struct names *ret)
{
    size_t unique = 0;
    int r;

    r = add_name("lo", ret);
    for (size_t i = 0; i < s->n_order && r >= 0; i++) {
        const struct rule *rule = &s->policy->rules[s->order[i]];

        if (is_name_rule(rule))
            r = pattern_each_name(&rule->pattern, add_name, ret);
    }
    if (r < 0)
        return r;
    qsort(ret->items, ret->count, sizeof(*ret->items), compare_names);
    for (size_t i = 0; i < ret->count; i++) {
        if (unique > 0 && streq(ret->items[unique - 1], ret->items[i]))
            free(ret->items[i]);
        else
            ret->items[unique++] = ret->items[i];
    }
    ret->count = unique;
    return 0;
}

static void write_name(struct section *s, const char *name)
{
    const struct rule *rule = section_winner(s, name);
    struct stored stored;
    int value;

    if (!section_writes(rule)) {
        section_protect(s, name);
        return;
    }
    if (!section_pick(s, rule, &value)) {
        section_ruled_out(s, name, rule);
        return;
    }
    stored = section_stored(s, name);
    if (!stored.exact || !section_later(stored.exact))
        section_line(s, name, value);
    else if (!stored.given ||
             !rule_accepts(rule, key_effective(s->key, s->all, stored.value, false)))
        section_missing(s, name, "%s:%u comes later and decides", stored.exact->file,
                        stored.exact->line);
}

/* A name that only another file states: our globs do not reach it. */
static void tell_other_name(struct section *s, const char *name)
{
    const struct rule *rule = section_winner(s, name);
    struct stored stored = section_stored(s, name);
    int effective = key_effective(s->key, s->all, stored.value, false);

    if (section_writes(rule)) {
        if (!stored.given || !rule_accepts(rule, effective))
            section_missing(s, name, "%s:%u names this key exactly: no wildcard reaches it",
                            stored.exact->file, stored.exact->line);
    } else if (section_kept(s, stored.value) != stored.value) {
        section_missing(s, name, "%s:%u states it, and a moved `all` changes what it amounts to",
                        stored.exact->file, stored.exact->line);
    }
}

static int tell_other_names(struct section *s, const struct names *own)
{
    const char *key = key_info(s->key)->name;

    for (size_t i = 0; s->others && i < s->others->n_entries; i++) {
        const struct entry *e = s->others->entries[i];
        _cleanup_free_ char *name = NULL;
        const char *rest, *slash;

        if (e->line.glob || e->fate != FATE_ALIVE)
            continue;
        rest = startswith(e->line.key, SYSCTL_BASE);
        slash = rest ? strchr(rest, '/') : NULL;
        if (!slash || !streq(slash + 1, key))
            continue;
        name = strndup(rest, (size_t)(slash - rest));
        if (!name)
            return -ENOMEM;
        if (!streq(name, "all") && !streq(name, "default") && !names_has(own, name))
            tell_other_name(s, name);
    }
    return 0;
}

void section_names(struct section *s)
{
    _cleanup_(names_done) struct names names = {0};

    if (collect_names(s, &names) < 0) {
        s->text->failed = true;
        return;
    }
    for (size_t i = 0; i < names.count; i++)
        write_name(s, names.items[i]);
    if (tell_other_names(s, &names) < 0)
        s->text->failed = true;
}

void section_namesakes(struct section *s)
{
    for (size_t i = 0; s->live && i < s->live->count; i++) {
        const char *name = s->live->devices[i].name;

        if (!sysctl_is_glob(name) || !section_writes(section_winner(s, name)))
            continue;
        for (size_t k = 0; k < s->n_lines; k++) {
            _cleanup_free_ char *spelled = escape_braces(s->lines[k]);

            if (!spelled)
                s->text->failed = true;
            else if (streq(spelled, name))
                section_missing(s, name,
                                "no wildcard is written to the device with this name, since the "
                                "line with the same text is taken for its own");
        }
    }
}
