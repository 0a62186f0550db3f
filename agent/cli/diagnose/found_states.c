/* Findings of values and engines: what is not as the policy wants it. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/cli/check/writers.h"
#include "agent/cli/diagnose/findings.h"
#include "policy/base/text.h"

static bool is_bad(enum state state)
{
    return state_info(state)->concern == CONCERN_NOW;
}

/* Another device of which the same is to be said? */
static struct finding *same_state(struct findings *findings, const struct key_state *state)
{
    for (size_t i = 0; i < findings->count; i++) {
        struct finding *finding = &findings->items[i];

        if (finding->kind == FINDING_STATE && finding->rule == state->rule &&
            finding->key == state->key && finding->sort == (int)state->state)
            return finding;
    }
    return NULL;
}

static int fill_state(const struct findings *findings, const struct device *device,
                      const struct key_state *state, struct finding *finding)
{
    const struct judge *judge = findings->session->judge;
    _cleanup_free_ char *name = name_quote(key_owner(device, state));
    char now[12], wanted[24], text[JUDGE_TEXT_SIZE];

    finding->key = state->key;
    finding->rule = state->rule;
    finding->sort = (int)state->state;
    finding->what = text_format("%s is %s, wanted %s", key_info(state->key)->name,
                                key_value_format(state->key, state->effective, now, sizeof(now)),
                                wanted_text(state, wanted, sizeof(wanted)));
    judge_reason(judge, device, state, judge_origin(judge, state), text);
    finding->cause =
        state->rule ? text_format("%s%swanted by %s:%u", text, *text ? "; " : "",
                                  NAME_SHOWN(state->rule->origin.file), state->rule->origin.line)
                    : text_format("%s", text);
    if (state->state == STATE_DRIFT && state->rule && plan_rule_writes(state->rule) && !state->held)
        finding->cure = strdup(session_apply_command(findings->session));
    finding->more = name ? text_format("rpfpolicy explain %s", name) : NULL;
    return finding->what && finding->cause && finding->more ? 0 : -ENOMEM;
}

static int add_state(struct findings *findings, const struct device *device,
                     const struct key_state *state)
{
    struct finding *finding = same_state(findings, state);
    int r = 0;

    if (!is_bad(state->state))
        return 0;
    if (!finding) {
        finding = findings_add(findings, FINDING_STATE);
        r = finding ? fill_state(findings, device, state, finding) : -ENOMEM;
    }
    if (r == 0)
        finding_add_device(finding, key_owner(device, state));
    return r;
}

static int add_specials(struct findings *findings)
{
    static const int which[] = {IFINDEX_ALL, IFINDEX_DEFAULT};
    key_mask keys = report_keys(findings->session->policy);
    int r = 0;

    for (unsigned i = 0; i < ELEMENTSOF(which); i++)
        for (enum key key = 0; r == 0 && key < KEY_COUNT; key++) {
            struct key_state state;

            if (!(keys & KEY_BIT(key)))
                continue;
            judge_special(findings->session->judge, which[i], key, &state);
            r = add_state(findings, NULL, &state);
        }
    return r;
}

static int add_writers(struct findings *findings)
{
    size_t count;
    const struct warning *warnings;

    writers_warn(findings->session, NULL);
    warnings = judge_warnings(findings->session->judge, &count);
    for (size_t i = 0; i < count; i++) {
        struct finding *finding;

        if (warnings[i].code != WARN_WRITER)
            continue;
        finding = findings_add(findings, FINDING_WRITER);
        if (!finding)
            return -ENOMEM;
        for (unsigned k = 0; k < warnings[i].n_examples; k++)
            finding_add_device(finding, warnings[i].examples[k]);
        finding->n_devices = warnings[i].count;
        finding->what = text_format("%s", warnings[i].message);
        finding->more = text_format("rpfpolicy status");
        if (!finding->what || !finding->more)
            return -ENOMEM;
    }
    return 0;
}

int findings_of_states(struct findings *findings)
{
    const struct live *live = &findings->session->live;
    struct key_state states[KEY_COUNT];
    enum state worst;
    int r;

    findings->values = calloc(live->count + 1, sizeof(*findings->values));
    r = findings->values ? add_specials(findings) : -ENOMEM;
    for (size_t i = 0; r == 0 && i < live->count; i++) {
        unsigned n = live->devices[i].ipv4
                         ? judge_device(findings->session->judge, &live->devices[i], states, &worst)
                         : 0;

        for (unsigned k = 0; r == 0 && k < n; k++) {
            if (states[k].key == KEY_RP_FILTER)
                findings->values[i] = states[k];
            r = add_state(findings, &live->devices[i], &states[k]);
        }
    }
    return r == 0 ? add_writers(findings) : r;
}

char *finding_value(const struct findings *findings, int ifindex)
{
    const struct live *live = &findings->session->live;
    const struct device *device = live_by_ifindex(live, ifindex);
    const struct key_state *state;
    char buf[12];
    const char *word;

    if (!device || !device->ipv4)
        return strdup("");
    state = &findings->values[device - live->devices];
    word = key_value_format(KEY_RP_FILTER, state->effective, buf, sizeof(buf));
    if (state->rule && state->state == STATE_OK)
        return text_format("rp_filter is %s, as %s:%u wants it", word,
                           NAME_SHOWN(state->rule->origin.file), state->rule->origin.line);
    if (state->effective != state->configured)
        return text_format("rp_filter is %s, since `all` is", word);
    if (state->cause.file)
        return text_format("rp_filter is %s, set by %s:%u", word, NAME_SHOWN(state->cause.file),
                           state->cause.line);
    return text_format("rp_filter is %s", word);
}

static int add_item(struct findings *findings, const struct engine_report *report, size_t i)
{
    const struct engine_item *item = &report->items[i];
    struct finding *finding = findings_add(findings, FINDING_ENGINE);
    const char *why = engine_item_why(item);

    if (!finding)
        return -ENOMEM;
    if (item->ifindex != 0)
        finding_add_device(finding, item->name);
    finding->what =
        text_format("%s is %s", report->engine->name, engine_item_state(report, i)->name);
    finding->cause = *why ? text_format("%s", why) : NULL;
    if (item->cure || item->todo)
        finding->cure = text_format("%s", item->cure ?: item->todo);
    finding->more = text_format("rpfpolicy %s show", report->engine->name);
    return finding->what && finding->more ? 0 : -ENOMEM;
}

int findings_of_engines(struct findings *findings, const struct reports *reports)
{
    int r = 0;

    for (size_t k = 0; k < reports->count; k++)
        for (size_t i = 0; r == 0 && i < reports->items[k].n_items; i++)
            if (engine_item_state(&reports->items[k], i)->concern == CONCERN_NOW)
                r = add_item(findings, &reports->items[k], i);
    return r;
}
