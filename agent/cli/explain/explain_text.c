/* explain for people: the conclusion first, then what to do, then the evidence. */
#include <stdio.h>

#include "agent/cli/explain/explain.h"
#include "agent/cli/session/report.h"

static int print_rules(struct output *out, const struct explain *explain,
                       const struct explain_key *key)
{
    _cleanup_table_ struct table *table = table_new(NULL, 3);
    int r = table ? 0 : -ENOMEM;

    output_heading(out, explain->subject == EXPLAIN_ALL ? "Policy: what decides about `all`"
                                                        : "Policy, in the order of precedence");
    if (explain->session->broken) {
        output_lines(out, 4, "It has errors and decides nothing; 'rpfpolicy validate' shows them.");
        return 0;
    }
    if (key->n_rules == 0) {
        output_lines(out, 4,
                     explain->session->no_policy ? "There is none." : "No rule speaks of it.");
        return 0;
    }
    for (size_t i = 0; r == 0 && i < key->n_rules; i++)
        r = explain_put_rule(&(struct row){.table = table}, explain, key, i);
    return r < 0 ? r : table_print(table, out);
}

/* What is stored by such a run, and how it then acts on a device. */
static void print_outcome(struct output *out, const struct explain *explain,
                          const struct explain_key *key, const char *when,
                          const struct sysctl_answer *answer)
{
    enum key id = key->state.key;
    int all = explain->session->live.all[id];
    char value[24], text[160] = "nothing is written";

    if (answer == &key->full && key->all.given)
        all = key->all.value;
    if (answer->given && (!explain->device || answer == &key->all))
        snprintf(text, sizeof(text), "%d is stored", answer->value);
    else if (answer->given)
        snprintf(text, sizeof(text), "%d is stored, which with `all` at %d acts as %s",
                 answer->value, all,
                 explain_value(id,
                               key_effective(id, all, answer->value, explain->device->forwarding),
                               value));
    output_words(out, (unsigned)fprintf(out->stream, "    %s: ", when), 6, text);
    fputc('\n', out->stream);
}

static int print_answer(struct output *out, const struct explain *explain,
                        const struct explain_key *key, const char *when,
                        const struct sysctl_answer *answer)
{
    _cleanup_table_ struct table *table = table_new(NULL, 3);
    int r = table ? 0 : -ENOMEM;

    print_outcome(out, explain, key, when, answer);
    for (size_t i = 0; r == 0 && i < answer->count; i++)
        r = explain_put_line(&(struct row){.table = table}, &answer->verdicts[i]);
    return r < 0 ? r : table_print(table, out);
}

static bool same_answer(const struct sysctl_answer *a, const struct sysctl_answer *b)
{
    if (a->given != b->given || a->value != b->value || a->line != b->line || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->verdicts[i].line != b->verdicts[i].line ||
            a->verdicts[i].outcome != b->verdicts[i].outcome)
            return false;
    return true;
}

static int print_procps(struct output *out, const struct explain *explain,
                        const struct explain_key *key)
{
    int r;

    output_heading(out, "sysctl.d, as `sysctl --system` of procps reads it");
    r = print_answer(out, explain, key, "each run", &key->full);
    if (r >= 0 && explain->subject != EXPLAIN_ALL)
        r = print_answer(out, explain, key, "`all` in each run", &key->all);
    output_lines(out, 4, "Without --flavor=procps: what systemd-sysctl makes of it.");
    return r;
}

/* What looks as if it spoke of the device. */
static void print_missed(struct output *out, const struct explain *explain,
                         const struct explain_key *key)
{
    const struct sysctl_line *line =
        sysctl_conf_missed(explain->sysctl, explain->name, key->state.key);

    if (line)
        fprintf(out->stream,
                "    %s:%u misses it: the dots of the name are read as slashes.\n"
                "    What would reach it:\n"
                "        net/ipv4/conf/%s/%s = %s\n",
                NAME_SHOWN(line->file), line->line, NAME_SHOWN(explain->name),
                key_info(key->state.key)->name, NAME_SHOWN(line->value ?: ""));
}

static int print_sysctl(struct output *out, const struct explain *explain,
                        const struct explain_key *key)
{
    int r;

    if (!explain->sysctl) {
        output_heading(out, "sysctl.d");
        output_lines(out, 4,
                     explain->session->cli->paths.sysctl_root
                         ? "It cannot be read."
                         : "Not looked at: this network namespace is not the host's "
                           "(--sysctl-root=DIR says where its sysctl.d is).");
        return 0;
    }
    if (explain->flavor == SYSCTL_PROCPS)
        return print_procps(out, explain, key);
    output_heading(out, "sysctl.d, as systemd-sysctl reads it");
    print_missed(out, explain, key);
    if (key->add.count + key->full.count + key->all.count == 0) {
        output_lines(out, 4,
                     explain->device ? "No line speaks of it, nor of `all`."
                                     : "No line speaks of it.");
        return 0;
    }
    if (!explain->device)
        r = print_answer(out, explain, key, "in a full run (boot, restart)", &key->full);
    else if (same_answer(&key->add, &key->full))
        r = print_answer(out, explain, key, "when it appears, and in a full run", &key->full);
    else {
        r = print_answer(out, explain, key, "when it appears", &key->add);
        if (r >= 0)
            r = print_answer(out, explain, key, "in a full run (boot, restart)", &key->full);
    }
    if (r >= 0 && explain->subject != EXPLAIN_ALL)
        r = print_answer(out, explain, key, "`all`, in a full run", &key->all);
    return r;
}

static void print_record(struct output *out, const struct explain_key *key)
{
    if (!key->ours || !key->explained || !key->all_explained)
        return;
    output_heading(out, "Who wrote it");
    fprintf(out->stream, "    rpfpolicy has written it since boot; before that it was %d.\n",
            key->former);
}

static int print_suspects(struct output *out, const struct explain *explain,
                          const struct explain_key *key)
{
    const char *name = key->explained ? "`all`" : "it";
    int value = key->explained ? explain->session->live.all[key->state.key] : key->state.configured;

    if ((key->explained && key->all_explained) || !explain->session->cli->paths.sysctl_root)
        return 0;
    output_heading(out, "Who else may have written it");
    if (key->ours)
        fprintf(out->stream, "    rpfpolicy has written it since boot; before that it was %d.\n",
                key->former);
    if (key->state.rewritten)
        fprintf(out->stream, "    Another program keeps writing %s, as the agent sees.\n", name);
    else
        fprintf(out->stream, "    No line of sysctl.d gives %s the %d that is stored now.\n", name,
                value);
    if (key->suspects.count == 0)
        output_lines(out, 4,
                     "Nothing on disk tells of another writer: a person or a program at "
                     "run time.");
    for (size_t i = 0; i < key->suspects.count; i++) {
        const struct suspect *suspect = &key->suspects.items[i];
        _cleanup_free_ char *place = place_text(suspect->file, suspect->line);
        _cleanup_free_ char *text = name_escape(suspect->text);

        if (!place || !text)
            return -ENOMEM;
        fprintf(out->stream, "    %s  %s  %s\n", suspect->writer, place, text);
        output_lines(out, 6, suspect->what);
    }
    return 0;
}

/* Warnings that count devices belong to the device, if it was counted and is not told already;
 * those about `all` and `default` belong there. */
static bool is_shown(const struct explain *explain, const struct warning *warning)
{
    bool about_devices = warning->code == WARN_LOOSE_UNNUMBERED || warning->code == WARN_EXPIRED ||
                         warning->code == WARN_WRITER || warning->code == WARN_SUBNET;

    if (!warning->message || warning->code == WARN_LOOSE_UNNUMBERED)
        return false;
    if (warning->code == WARN_OUT_OF_RANGE)
        return warning->count > 0;
    return explain->device ? about_devices && warning->count > 0 : !about_devices;
}

static void print_warnings(struct output *out, const struct explain *explain)
{
    size_t n;
    const struct warning *warnings = judge_warnings(explain->session->judge, &n);
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        const struct warning *warning = &warnings[i];

        if (!is_shown(explain, warning))
            continue;
        if (!any)
            output_heading(out, "Warnings");
        any = true;
        fprintf(out->stream, "    %s%s%s", output_color(out, "warning"),
                warning_name(warning->code), output_color_end(out));
        for (unsigned k = 0; warning->code == WARN_OUT_OF_RANGE && k < warning->n_examples; k++)
            fprintf(out->stream, "%s %s", k ? "," : ":", NAME_SHOWN(warning->examples[k]));
        fputc('\n', out->stream);
        output_lines(out, 6, warning->message);
    }
}

static int print_key(struct output *out, const struct explain *explain,
                     const struct explain_key *key)
{
    _cleanup_free_ char *meaning = explain_meaning(explain, key);
    _cleanup_free_ char *combination = explain_combination(explain, key);
    _cleanup_free_ char *cure = explain_cure(explain, key);
    int r;

    if (!meaning || !combination || !cure)
        return -ENOMEM;
    if (explain->n_keys > 1)
        fprintf(out->stream, "\n%s%s%s\n", output_color(out, "heading"),
                key_info(key->state.key)->name, output_color_end(out));
    if (*cure) {
        output_heading(out, "What to do");
        output_lines(out, 4, cure);
    }
    output_heading(out, "What it means");
    if (explain->subject != EXPLAIN_ALL)
        output_lines(out, 4, meaning);
    output_lines(out, 4, combination);
    r = print_rules(out, explain, key);
    if (r >= 0)
        r = print_sysctl(out, explain, key);
    if (r >= 0)
        print_record(out, key);
    return r < 0 ? r : print_suspects(out, explain, key);
}

/* A rule for a set that may yet win when the device is there. */
static void print_absent(struct output *out, const struct explain *explain)
{
    const struct policy *policy = explain->session->policy;

    for (size_t i = 0; explain->subject == EXPLAIN_ABSENT && i < policy->n_rules; i++)
        if (policy->rules[i].pattern.kind == PATTERN_SET) {
            fputc('\n', out->stream);
            output_lines(out, 2,
                         "Judged by its name alone. Whether it belongs to a set (@...) can only be "
                         "told when it is there.");
            return;
        }
}

#define REPLIES_MAX 8 /* of each family */

static int print_family(struct output *out, const struct explain *explain, uint8_t family)
{
    const struct explain_replies *replies = &explain->replies;
    size_t n = 0;

    for (size_t i = 0; i < replies->count; i++) {
        _cleanup_free_ char *text = NULL;

        if (replies->items[i].address.family != family || ++n > REPLIES_MAX)
            continue;
        text = explain_reply_text(explain, &replies->items[i]);
        if (!text)
            return -ENOMEM;
        output_lines(out, 4, text);
    }
    if (n > REPLIES_MAX)
        fprintf(out->stream, "    and from %zu more addresses\n", n - REPLIES_MAX);
    return 0;
}

static int print_replies(struct output *out, const struct explain *explain)
{
    _cleanup_free_ char *cure = NULL, *note = explain_replies_note(explain);
    int r = 0;

    if (explain->replies.count == 0 && !note)
        return 0;
    output_heading(out, "Replies, by the routing tables now");
    output_lines(out, 4, note);
    for (unsigned f = 0; r >= 0 && f < IP_FAMILIES; f++)
        r = print_family(out, explain, IP_FAMILY(f));
    if (r < 0)
        return r;
    cure = explain_replies_cure(explain);
    if (!cure)
        return -ENOMEM;
    if (*cure) {
        output_heading(out, "What to do about them");
        output_lines(out, 4, cure);
    }
    return 0;
}

/* Of one state, in its colour. */
static int print_headline(struct output *out, const char *state, const char *line)
{
    if (!line)
        return -ENOMEM;
    fputs(output_color(out, state), out->stream);
    output_words(out, 0, 4, line);
    fprintf(out->stream, "%s\n", output_color_end(out));
    return 0;
}

/* The finding, what is guilty, and the cures. */
static int print_advice(struct output *out, const struct explain *explain)
{
    const struct advice *advice = &explain->replies.advice;
    int r = 0;

    if (!explain->replies.advised)
        return 0;
    if (advice->finding)
        r = print_headline(out, advice->passes ? "ok" : "drift", advice->finding);
    published_print(out, &explain->replies.packet.published);
    if (r >= 0)
        r = advice_print(out, session_apply_command(explain->session), advice);
    fputc('\n', out->stream);
    return r;
}

int explain_print(struct output *out, const struct explain *explain)
{
    _cleanup_free_ char *routing = explain_routing_text(explain);
    bool asked = explain->replies.peer.family;
    int r = asked ? print_advice(out, explain) : 0;

    for (unsigned i = 0; r >= 0 && i < explain->n_keys; i++) {
        _cleanup_free_ char *line = explain_headline(explain, &explain->keys[i]);

        r = print_headline(out, state_name(explain->keys[i].state.state), line);
    }
    if (r >= 0 && routing)
        r = print_headline(out, routes_state_name(explain->replies.state), routing);
    print_absent(out, explain);
    for (unsigned i = 0; r >= 0 && i < explain->n_keys; i++)
        r = print_key(out, explain, &explain->keys[i]);
    if (r >= 0)
        r = print_replies(out, explain);
    if (r >= 0)
        print_warnings(out, explain);
    return r;
}
