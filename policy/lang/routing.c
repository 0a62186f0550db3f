/* Policy routing as the policy asks for it: which line and which section hold for a device, and
 * what is wrong or in vain once all files were read. Reading them is in routing_read.c. */
#include "policy/lang/routing.h"

#include <stdio.h>

#include "policy/lang/compile.h"
#include "policy/lang/precedence.h"
#include "policy/lang/routing_private.h"
#include "policy/lang/validate.h"

static void section_done(struct routing_section *section)
{
    pattern_done(&section->pattern);
    free(section->routes);
}

struct routing *routing_free(struct routing *routing)
{
    if (!routing)
        return NULL;
    for (size_t i = 0; i < routing->n_lines; i++)
        pattern_done(&routing->lines[i].pattern);
    for (size_t i = 0; i < routing->n_sections; i++)
        section_done(&routing->sections[i]);
    free(routing->lines);
    free(routing->sections);
    free(routing);
    return NULL;
}

/* Strongest first: what was added later stands before its equals. */
static void sort(void *items, size_t n, size_t size, const struct pattern *(*pattern)(const void *))
{
    char *bytes = items, swap[sizeof(struct routing_section)];

    for (size_t low = 0, high = n; low + 1 < high; low++, high--) {
        memcpy(swap, bytes + low * size, size);
        memcpy(bytes + low * size, bytes + (high - 1) * size, size);
        memcpy(bytes + (high - 1) * size, swap, size);
    }
    /* There are few, and mostly in order: insert each behind what is not weaker. */
    for (size_t i = 1; i < n; i++) {
        size_t k = i;

        while (k > 0 && pattern_rank(pattern(bytes + (k - 1) * size)) >
                            pattern_rank(pattern(bytes + i * size)))
            k--;
        memcpy(swap, bytes + i * size, size);
        memmove(bytes + (k + 1) * size, bytes + k * size, (i - k) * size);
        memcpy(bytes + k * size, swap, size);
    }
}

static const struct pattern *line_pattern(const void *line)
{
    return &((const struct routing_line *)line)->pattern;
}

static const struct pattern *section_pattern(const void *section)
{
    return &((const struct routing_section *)section)->pattern;
}

/* Matching */

static bool matches(const struct policy *policy, const struct pattern *pattern,
                    const struct device *device)
{
    if (pattern->kind == PATTERN_SET)
        return set_matches(policy, pattern->set, device) == 1;
    return pattern_matches_name(pattern, device->name);
}

bool routing_in_policy(const struct policy *policy)
{
    return policy && policy->routing && policy->routing->n_lines > 0;
}

/* Each word that the section says and no stronger one said. */
static void take_words(const struct routing_section *section, struct routing_settings *settings,
                       bool said[ROUTING_WORD_COUNT])
{
    for (enum routing_word word = 0; word < ROUTING_WORD_COUNT; word++) {
        if (said[word] || !section->said[word].file)
            continue;
        said[word] = true;
        switch (word) {
        case ROUTING_GATEWAY_IPV4:
        case ROUTING_GATEWAY_IPV6:
            settings->gateway[word].kind = section->gateway[word];
            settings->gateway[word].address = section->address[word];
            settings->gateway[word].origin = section->said[word];
            break;
        case ROUTING_TABLE:
            settings->table = section->table;
            break;
        case ROUTING_PRIORITY:
            settings->priority = section->priority;
            break;
        case ROUTING_MAIN_FIRST:
            settings->main_first = section->main_first;
            break;
        case ROUTING_ROUTES:
            settings->extra = section->routes;
            settings->n_extra = section->n_routes;
            break;
        case ROUTING_WORD_COUNT:
            break;
        }
    }
}

/* Put in what nobody said, and keep each rule on its side of the one for main. */
static void complete(const struct policy *policy, const struct device *device,
                     struct routing_settings *settings)
{
    uint32_t base = policy->agent.routing_priority_base, said = settings->priority;

    if (settings->table == 0)
        settings->table = policy->agent.routing_table_base + (uint32_t)device->ifindex;
    settings->priority_main = base + ROUTING_PRIORITY_MAIN;
    settings->priority_before = said && said < settings->priority_main ? said : base;
    if (settings->main_first == ROUTING_MAIN_AUTO && said && said < settings->priority_main)
        settings->main_first = ROUTING_MAIN_NO;
    if (settings->main_first == ROUTING_MAIN_NO)
        settings->priority = settings->priority_before;
    else if (said <= settings->priority_main)
        settings->priority = base + ROUTING_PRIORITY_FROM;
}

void routing_for(const struct policy *policy, const struct device *device,
                 struct routing_settings *ret)
{
    const struct routing *routing = policy->routing;
    bool said[ROUTING_WORD_COUNT] = {false};

    *ret = (struct routing_settings){0};
    for (size_t i = 0; routing && i < routing->n_lines; i++) {
        const struct routing_line *line = &routing->lines[i];

        if (!matches(policy, &line->pattern, device))
            continue;
        ret->wanted = line->on;
        ret->asked = line->pattern.kind == PATTERN_EXACT;
        ret->origin = line->origin;
        break;
    }
    for (size_t i = 0; routing && i < routing->n_sections; i++) {
        const struct routing_section *section = &routing->sections[i];

        if (!matches(policy, &section->pattern, device))
            continue;
        take_words(section, ret, said);
        ret->asked = ret->asked || section->pattern.kind == PATTERN_EXACT;
    }
    complete(policy, device, ret);
}

const struct origin *routing_next_unmatched(const struct policy *policy, const struct live *live,
                                            size_t *at, const char **ret_name)
{
    const struct routing *routing = policy ? policy->routing : NULL;

    while (routing && *at < routing->n_lines) {
        const struct routing_line *line = &routing->lines[(*at)++];

        if (!line->on || line->pattern.kind != PATTERN_EXACT ||
            live_by_name(live, line->pattern.text))
            continue;
        *ret_name = line->pattern.text;
        return &line->origin;
    }
    return NULL;
}

/* What can only be judged when all files were read */

static const char *const word_names[ROUTING_WORD_COUNT] = {"gateway",  "gateway",    "table",
                                                           "priority", "main-first", "routes"};

static void judge_lines(const struct routing *routing, struct diags *diags)
{
    for (size_t i = 1; i < routing->n_lines; i++) {
        const struct routing_line *line = &routing->lines[i];

        for (size_t k = 0; k < i; k++) {
            const struct routing_line *by = &routing->lines[k];

            if (!pattern_covers(&by->pattern, &line->pattern))
                continue;
            diags_add(diags, DIAG_WARNING, line->origin.file, line->origin.line,
                      "routing: '%s = %s' can never win: '%s = %s' in %s:%u stands before it",
                      NAME_SHOWN(line->pattern.text), line->on ? "auto" : "off",
                      NAME_SHOWN(by->pattern.text), by->on ? "auto" : "off",
                      NAME_SHOWN(by->origin.file), by->origin.line);
            break;
        }
    }
}

static void judge_words(const struct routing *routing, size_t i, struct diags *diags)
{
    const struct routing_section *section = &routing->sections[i];

    for (enum routing_word word = 0; word < ROUTING_WORD_COUNT; word++) {
        const struct origin *said = &section->said[word];

        /* A word for both families was judged with the first. */
        if (!said->file || (word == ROUTING_GATEWAY_IPV6 &&
                            said->line == section->said[ROUTING_GATEWAY_IPV4].line))
            continue;
        for (size_t k = 0; k < i; k++) {
            const struct routing_section *by = &routing->sections[k];

            if (!by->said[word].file || !pattern_covers(&by->pattern, &section->pattern))
                continue;
            diags_add(diags, DIAG_WARNING, said->file, said->line,
                      "'%s' of [routing %s] is never used: %s:%u stands before it",
                      word_names[word], NAME_SHOWN(section->pattern.text),
                      NAME_SHOWN(by->said[word].file), by->said[word].line);
            break;
        }
    }
}

static void judge_numbers(const struct policy *policy, const struct routing *routing, size_t i,
                          struct diags *diags)
{
    const struct routing_section *section = &routing->sections[i];
    uint32_t main_rule = policy->agent.routing_priority_base + ROUTING_PRIORITY_MAIN;
    const struct origin *at = &section->said[ROUTING_PRIORITY];

    if (section->priority == main_rule)
        diags_add(diags, DIAG_ERROR, at->file, at->line,
                  "priority = %u is that of our rule for main", section->priority);
    else if (section->priority > main_rule && section->main_first == ROUTING_MAIN_NO)
        diags_add(diags, DIAG_ERROR, at->file, at->line,
                  "priority = %u stands behind the rule for main at %u, and main-first is no",
                  section->priority, main_rule);
    else if (section->priority && section->priority < main_rule &&
             section->main_first == ROUTING_MAIN_YES)
        diags_add(diags, DIAG_ERROR, at->file, at->line,
                  "priority = %u stands before the rule for main at %u, and main-first is yes",
                  section->priority, main_rule);
    for (size_t k = i + 1; section->table && k < routing->n_sections; k++) {
        const struct routing_section *other = &routing->sections[k];

        if (other->table == section->table && section->pattern.kind == PATTERN_EXACT &&
            other->pattern.kind == PATTERN_EXACT &&
            !streq(other->pattern.text, section->pattern.text))
            diags_add(diags, DIAG_ERROR, section->said[ROUTING_TABLE].file,
                      section->said[ROUTING_TABLE].line,
                      "table = %u is that of [routing %s] in %s:%u; each device has one of its own",
                      section->table, NAME_SHOWN(other->pattern.text),
                      NAME_SHOWN(other->said[ROUTING_TABLE].file), other->said[ROUTING_TABLE].line);
    }
}

/* Could [routing] ask for a device of this name? What a set holds is not known here. */
static int name_may_be_asked(const char *name, void *data)
{
    const struct routing *routing = data;

    for (size_t i = 0; i < routing->n_lines; i++) {
        const struct routing_line *line = &routing->lines[i];

        if (line->pattern.kind == PATTERN_SET) {
            if (line->on)
                return 1;
        } else if (pattern_matches_name(&line->pattern, name)) {
            return line->on;
        }
    }
    return 0;
}

static bool may_be_asked(const struct routing *routing, const struct pattern *pattern)
{
    if (pattern->kind == PATTERN_EXACT || pattern->kind == PATTERN_RANGE)
        return pattern_each_name(pattern, name_may_be_asked, (void *)routing) != 0;
    for (size_t i = 0; i < routing->n_lines; i++) {
        if (routing->lines[i].on)
            return true;
    }
    return false;
}

static void judge(const struct policy *policy, struct diags *diags)
{
    const struct routing *routing = policy->routing;

    judge_lines(routing, diags);
    for (size_t i = 0; i < routing->n_sections; i++) {
        const struct routing_section *section = &routing->sections[i];

        judge_words(routing, i, diags);
        judge_numbers(policy, routing, i, diags);
        if (!may_be_asked(routing, &section->pattern))
            diags_add(diags, DIAG_WARNING, section->origin.file, section->origin.line,
                      "[routing %s] is never used: [routing] does not ask for it; add '%s = auto' "
                      "there",
                      NAME_SHOWN(section->pattern.text), NAME_SHOWN(section->pattern.text));
    }
}

int routing_finish(struct policy *policy, struct diags *diags)
{
    struct routing *routing = policy->routing;
    int r = 0;

    if (!routing)
        return 0;
    for (size_t i = 0; i < routing->n_lines; i++)
        gather(&r, validate_pattern_set(policy, &routing->lines[i].pattern,
                                        &routing->lines[i].origin, diags));
    for (size_t i = 0; i < routing->n_sections; i++)
        gather(&r, validate_pattern_set(policy, &routing->sections[i].pattern,
                                        &routing->sections[i].origin, diags));
    sort(routing->lines, routing->n_lines, sizeof(*routing->lines), line_pattern);
    sort(routing->sections, routing->n_sections, sizeof(*routing->sections), section_pattern);
    if (r >= 0 && diags)
        judge(policy, diags);
    return r;
}
