/* What was seen, per rule, for status.json and the metrics file. */
#include <arpa/inet.h>

#include "agent/daemon/evidence.h"
#include "agent/daemon/metrics.h"
#include "agent/peers/observed.h"
#include "policy/base/name.h"

#define EXAMPLES_MAX 5

static json_t *time_or_null(double seconds)
{
    return seconds > 0 ? json_real(seconds) : json_null();
}

static json_t *example_json(const struct observed_peer *peer)
{
    char address[INET_ADDRSTRLEN], name[NAME_ESCAPED_SIZE];

    return json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:f, s:f}", "device",
                     name_escape_buf(peer->device, name, sizeof(name)), "peer",
                     inet_ntop(AF_INET, &peer->address, address, sizeof(address)) ?: "?",
                     "protocol", peer->proto ? json_integer(peer->proto) : json_null(),
                     "local_port", peer->local_port ? json_integer(peer->local_port) : json_null(),
                     "step", verdict_step_name(peer->step), "text", verdict_step_text(peer->step),
                     "first", peer->first, "last", peer->last);
}

/* Those seen last. */
static json_t *examples_json(const struct observed *observed, size_t rule)
{
    const struct observed_peer *newest[EXAMPLES_MAX];
    json_t *list = json_array();
    size_t n = 0;

    for (size_t i = 0; i < observed->count; i++) {
        const struct observed_peer *peer = &observed->peers[i];
        size_t at = n;

        if (peer->rule != rule)
            continue;
        while (at > 0 && newest[at - 1]->look < peer->look)
            at--;
        if (at == EXAMPLES_MAX)
            continue;
        n += n < EXAMPLES_MAX;
        memmove(&newest[at + 1], &newest[at], (n - at - 1) * sizeof(*newest));
        newest[at] = peer;
    }
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, example_json(newest[i]));
    return list;
}

static json_t *rule_json(const struct observed *observed, size_t i)
{
    const struct rule *rule = &observed->policy->rules[i];
    const struct observed_rule *seen = &observed->rules[i];
    _cleanup_free_ char *file = name_escape(rule->origin.file);
    _cleanup_free_ char *pattern = name_escape(rule->pattern.text);
    _cleanup_free_ char *value = name_escape(rule->value_text);

    return json_pack("{s:s, s:i, s:s, s:s, s:I, s:i, s:o, s:o}", "file", file ?: "", "line",
                     (int)rule->origin.line, "pattern", pattern ?: "", "value", value ?: "",
                     "peers", (json_int_t)seen->peers, "now", (int)seen->now, "last",
                     time_or_null(seen->last), "examples", examples_json(observed, i));
}

static json_t *servers_json(const struct observed *observed)
{
    json_t *list = json_array();
    char address[INET_ADDRSTRLEN];

    for (size_t i = 0; i < observed->n_servers; i++) {
        const struct unseen_server *server = &observed->servers[i];

        json_array_append_new(
            list, json_pack("{s:s, s:i}", "address",
                            inet_ntop(AF_INET, &server->local, address, sizeof(address)) ?: "?",
                            "port", (int)server->port));
    }
    return list;
}

json_t *evidence_json(const struct evidence *evidence)
{
    const struct observed *observed = evidence ? evidence_observed(evidence) : NULL;
    _cleanup_free_ char *unseen = NULL;
    json_t *rules;

    if (!observed)
        return json_null();
    rules = json_array();
    for (size_t i = 0; i < observed->policy->n_rules; i++)
        if (observed_counts(observed->policy, &observed->policy->rules[i]))
            json_array_append_new(rules, rule_json(observed, i));
    unseen = unseen_text(observed->tracking, observed->servers, observed->n_servers);
    return json_pack(
        "{s:I, s:o, s:b, s:o, s:o, s:s?, s:o}", "looks", (json_int_t)observed->looks, "last_look",
        time_or_null(observed->last_look), "truncated", observed->truncated, "tracking",
        observed->looks > 0 ? json_string(tracking_name(observed->tracking)) : json_null(),
        "unseen", servers_json(observed), "unseen_text", unseen, "rules", rules);
}

/* The label of a rule: "FILE:LINE", escaped for the exposition format. */
static void print_label(FILE *out, const struct rule *rule)
{
    _cleanup_free_ char *file = name_escape_label(rule->origin.file);

    fprintf(out, "%s:%u", file ?: "", rule->origin.line);
}

static void print_family(FILE *out, const struct observed *observed, const char *name,
                         const char *type, const char *help)
{
    bool total = streq(type, "counter");

    metrics_family(out, name, type, help);
    for (size_t i = 0; i < observed->policy->n_rules; i++) {
        const struct observed_rule *seen = &observed->rules[i];

        if (!observed_counts(observed->policy, &observed->policy->rules[i]))
            continue;
        fprintf(out, "%s{rule=\"", name);
        print_label(out, &observed->policy->rules[i]);
        fprintf(out, "\"} %llu\n", (unsigned long long)(total ? seen->peers : seen->now));
    }
}

void evidence_metrics(FILE *out, const struct evidence *evidence)
{
    if (!evidence)
        return;
    print_family(out, evidence_observed(evidence), "rpfpolicy_agent_would_drop_peers", "gauge",
                 "Peers seen at the last look that a rule which is only observed would cut.");
    print_family(out, evidence_observed(evidence), "rpfpolicy_agent_would_drop_peers_total",
                 "counter", "Peers that a rule which is only observed would have cut so far.");
}
