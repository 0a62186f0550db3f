/* `check` for the textfile collector of a Prometheus node exporter. No label per device and no
 * timestamps; every state of every rule is there also when its count is zero, so that no series
 * ever ends while the policy stands. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "agent/cli/check/check.h"
#include "agent/kernel/netstat.h"
#include "policy/base/text.h"

/* One set of series: a key and a rule as people write it ("lxc*=off"), or no rule at all. Rules
 * that read the same share one. */
struct series {
    enum key key;
    char *rule; /* owned, escaped for a label */
    unsigned counts[STATE_COUNT];
};

struct metrics {
    struct series *series; /* of the rules, then one per key for "no rule" */
    unsigned *of_rule;     /* rule index to series index */
    size_t count;
    size_t unmanaged; /* index of the first "no rule" series; plus the key */
};

static char *label_text(const char *a, const char *separator, const char *b)
{
    _cleanup_free_ char *joined = text_format("%s%s%s", a, separator, b);

    return joined ? name_escape_label(joined) : NULL;
}

static int compare_series(const void *a, const void *b)
{
    const struct series *x = a, *y = b;

    return x->key != y->key ? (int)x->key - (int)y->key : strcmp(x->rule, y->rule);
}

static int fill_series(struct metrics *metrics, const struct policy *policy)
{
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i];

        metrics->series[i] = (struct series){
            .key = rule->key,
            .rule = label_text(rule->pattern.text, "=",
                               rule->unmanaged ? "unmanaged" : rule->value_text),
        };
        metrics->count++;
        if (!metrics->series[i].rule)
            return -ENOMEM;
    }
    return 0;
}

/* Sort, drop what reads the same, and find each rule's place again. */
static int share_series(struct metrics *metrics, const struct policy *policy)
{
    size_t n = 0;

    if (metrics->count > 0)
        qsort(metrics->series, metrics->count, sizeof(*metrics->series), compare_series);
    for (size_t i = 0; i < metrics->count; i++)
        if (n > 0 && compare_series(&metrics->series[n - 1], &metrics->series[i]) == 0)
            free(metrics->series[i].rule);
        else
            metrics->series[n++] = metrics->series[i];
    metrics->count = n;
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i];
        struct series wanted = {
            .key = rule->key,
            .rule = label_text(rule->pattern.text, "=",
                               rule->unmanaged ? "unmanaged" : rule->value_text),
        };
        struct series *found =
            wanted.rule ? bsearch(&wanted, metrics->series, n, sizeof(wanted), compare_series)
                        : NULL;

        free(wanted.rule);
        if (!found)
            return -ENOMEM;
        metrics->of_rule[i] = (unsigned)(found - metrics->series);
    }
    return 0;
}

static int begin(struct check *check)
{
    const struct policy *policy = check->session->policy;
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    int r;

    check->data = metrics;
    if (!metrics)
        return -ENOMEM;
    metrics->series = calloc(policy->n_rules + KEY_COUNT, sizeof(*metrics->series));
    metrics->of_rule = calloc(policy->n_rules + 1, sizeof(*metrics->of_rule));
    if (!metrics->series || !metrics->of_rule)
        return -ENOMEM;
    r = fill_series(metrics, policy);
    if (r == 0)
        r = share_series(metrics, policy);
    metrics->unmanaged = metrics->count;
    for (enum key key = 0; r == 0 && key < KEY_COUNT; key++) {
        metrics->series[metrics->count++] = (struct series){.key = key, .rule = strdup("")};
        if (!metrics->series[metrics->count - 1].rule)
            r = -ENOMEM;
    }
    return r;
}

static void count(struct check *check, const struct key_state *state)
{
    struct metrics *metrics = check->data;
    size_t i = state->rule ? metrics->of_rule[state->rule - check->session->policy->rules]
                           : metrics->unmanaged + state->key;

    metrics->series[i].counts[state->state]++;
}

static int special(struct check *check, int which, const struct key_state *state)
{
    /* `default` borrows the bare * rule; only the pins are rules of their own here. */
    if (judge_is_pinned(state))
        count(check, state);
    return 0;
}

static int device(struct check *check, const struct device *device, const struct key_state *states,
                  unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        count(check, &states[i]);
    return 0;
}

static void print_keys(const struct check *check)
{
    const struct metrics *metrics = check->data;
    key_mask keys = report_keys(check->session->policy);
    FILE *stream = check->out->stream;

    fputs("# HELP rpfpolicy_keys Keys of devices by state and the rule that decides.\n"
          "# TYPE rpfpolicy_keys gauge\n",
          stream);
    for (size_t i = 0; i < metrics->count; i++) {
        const struct series *series = &metrics->series[i];

        for (enum state state = 0; (keys & KEY_BIT(series->key)) && state < STATE_COUNT; state++)
            fprintf(stream, "rpfpolicy_keys{key=\"%s\",state=\"%s\",rule=\"%s\"} %u\n",
                    key_info(series->key)->name, state_name(state), series->rule,
                    series->counts[state]);
    }
}

static void print_engine(FILE *stream, const struct engine_report *report,
                         const struct engine_sum *sum)
{
    const struct engine_words *words = &report->engine->words;

    if (!report->asked && sum->left == 0)
        return;
    fprintf(stream,
            "# HELP rpfpolicy_%s_devices Devices that %s is asked for, by state.\n"
            "# TYPE rpfpolicy_%s_devices gauge\n",
            words->member, words->title, words->member);
    for (unsigned state = 0; state < report->engine->n_states; state++)
        fprintf(stream, "rpfpolicy_%s_devices{state=\"%s\"} %u\n", words->member,
                report->engine->state(state)->name, sum->states[state]);
    fprintf(stream,
            "# HELP rpfpolicy_%s_held Devices whose rp_filter does not become stricter, since "
            "their %s cannot be set up.\n"
            "# TYPE rpfpolicy_%s_held gauge\n"
            "rpfpolicy_%s_held %u\n",
            words->member, words->member, words->member, words->member, sum->held);
    fprintf(stream,
            "# HELP rpfpolicy_%s_leftovers %c%s of ours that nobody asks for.\n"
            "# TYPE rpfpolicy_%s_leftovers gauge\n"
            "rpfpolicy_%s_leftovers %zu\n",
            words->member, words->parts[0] - 'a' + 'A', words->parts + 1, words->member,
            words->member, sum->left);
}

static int end(struct check *check)
{
    const struct policy *policy = check->session->policy;
    _cleanup_free_ char *revision = name_escape_label(policy->agent.revision ?: "");
    FILE *stream = check->out->stream;
    uint64_t drops;
    char hash[17];

    print_keys(check);
    for (size_t i = 0; i < check->reports.count; i++)
        print_engine(stream, &check->reports.items[i], &check->sums[i]);
    fprintf(stream,
            "# HELP rpfpolicy_policy_info The policy on disk.\n"
            "# TYPE rpfpolicy_policy_info gauge\n"
            "rpfpolicy_policy_info{hash=\"%s\",version=\"" PROJECT_VERSION "\",mode=\"%s\","
            "revision=\"%s\"} 1\n",
            policy_hash_text(policy, hash), policy_mode_name(policy->agent.mode), revision ?: "");
    if (reverse_path_counter(&drops) == 0)
        fprintf(stream,
                "# HELP rpfpolicy_reverse_path_drops_total Packets dropped by rp_filter in this "
                "network namespace.\n"
                "# TYPE rpfpolicy_reverse_path_drops_total counter\n"
                "rpfpolicy_reverse_path_drops_total %" PRIu64 "\n",
                drops);
    fprintf(stream,
            "# HELP rpfpolicy_last_update_timestamp_seconds When this was written.\n"
            "# TYPE rpfpolicy_last_update_timestamp_seconds gauge\n"
            "rpfpolicy_last_update_timestamp_seconds %lld\n",
            (long long)time(NULL));
    return 0;
}

static void done(struct check *check)
{
    struct metrics *metrics = check->data;

    for (size_t i = 0; metrics && i < metrics->count; i++)
        free(metrics->series[i].rule);
    if (metrics) {
        free(metrics->series);
        free(metrics->of_rule);
    }
    free(metrics);
}

const struct check_format check_prometheus = {
    .begin = begin, .special = special, .device = device, .end = end, .done = done};
