/* `rpfpolicy drops --json`: one object, at the end. */
#include <arpa/inet.h>

#include "agent/cli/drops/drops_report.h"
#include "agent/cli/session/report.h"

static json_t *json_address(struct in_addr address)
{
    char text[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &address, text, sizeof(text));
    return json_string(text);
}

static json_t *json_lines(const struct drop_cure *cure)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < cure->n_lines; i++) {
        const struct cure_line *line = &cure->lines[i];
        json_t *object = json_object();
        char buf[12];
        const char *word = key_value_format(line->key, line->value, buf, sizeof(buf));

        json_object_set_new(object, "key", json_string(key_info(line->key)->name));
        json_set_name(object, "pattern", line->pattern);
        json_object_set_new(object, "value", json_string(word));
        json_object_set_new(object, "rule", json_rule(line->rule));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *json_cure(const struct policy *policy, const struct drop_cure *cure)
{
    static const char *const kinds[] = {
        [CURE_RULES] = "rules", [CURE_APPLY] = "apply", [CURE_ACCEPTED] = "accepted",
        [CURE_NONE] = "none",   [CURE_GONE] = "gone",   [CURE_UNKNOWN] = "unknown",
    };
    _cleanup_free_ char *text = drop_cure_text(policy, cure);
    json_t *object = json_object();

    json_object_set_new(object, "kind", json_string(kinds[cure->kind]));
    json_object_set_new(object, "text", json_bytes(text));
    json_object_set_new(object, "lines", json_lines(cure));
    return object;
}

static json_t *json_flow(const struct drops_report *report, const struct flow *flow)
{
    const struct drop *drop = &flow->drop;
    json_t *object = json_object();
    struct drop_cure cure;

    drop_cure(&report->facts, drop, &cure);
    json_object_set_new(object, "ifindex", json_integer(drop->ifindex));
    json_set_name(object, "device", drop->device);
    json_object_set_new(object, "source", json_address(drop->source));
    json_object_set_new(object, "destination", json_address(drop->destination));
    json_object_set_new(object, "reason", json_string(drop_reason_name(drop->reason)));
    json_object_set_new(object, "packets", json_integer((json_int_t)drop->packets));
    json_object_set_new(object, "first", json_real((double)flow->first / 1000));
    json_object_set_new(object, "last", json_real((double)flow->last / 1000));
    json_object_set_new(object, "step",
                        cure.dropped ? json_string(verdict_step_name(cure.step)) : json_null());
    json_object_set_new(object, "why",
                        cure.dropped ? json_string(verdict_step_text(cure.step)) : json_null());
    json_object_set_new(object, "cure", json_cure(report->facts.policy, &cure));
    return object;
}

static json_t *json_counts(const uint64_t counts[static REASON_COUNT])
{
    json_t *object = json_object();

    for (enum drop_reason reason = 0; reason < REASON_COUNT; reason++)
        json_object_set_new(object, drop_reason_name(reason),
                            json_integer((json_int_t)counts[reason]));
    return object;
}

static void append_sentence(const char *sentence, void *data)
{
    json_array_append_new(data, json_string(sentence));
}

static json_t *json_source(const struct drops_report *report)
{
    json_t *object = json_object(), *unseen = json_array();

    drops_unseen(report, append_sentence, unseen);
    json_object_set_new(object, "name", json_string(drops_source_name(report)));
    json_object_set_new(object, "not_bpf",
                        report->bpf ? json_null()
                                    : json_string(drops_why_not_bpf(report->bpf_error)));
    json_object_set_new(object, "unseen", unseen);
    return object;
}

void drops_print_json(struct cli *cli, const struct session *session,
                      const struct drops_report *report)
{
    json_t *head = json_object(), *value;
    const char *name;

    json_set_header(head, cli);
    json_object_set_new(head, "policy", json_policy(session));
    json_object_set_new(head, "device", json_bytes(report->device ? report->device->name : NULL));
    json_object_set_new(head, "source", json_source(report));
    json_object_set_new(head, "seconds", json_real((double)report->milliseconds / 1000));
    json_object_set_new(head, "packets", json_counts(report->packets));
    json_object_set_new(head, "unlisted", json_counts(report->unlisted));
    json_object_set_new(head, "reverse_path_counter",
                        report->counted ? json_integer((json_int_t)report->counter) : json_null());
    json_open(&cli->out, NULL, '{');
    json_object_foreach(head, name, value) json_element(&cli->out, name, json_incref(value));
    json_decref(head);
    json_open(&cli->out, "flows", '[');
    for (size_t i = 0; i < report->n_flows; i++)
        json_element(&cli->out, NULL, json_flow(report, report->flows[i]));
    json_close(&cli->out, ']');
    json_close(&cli->out, '}');
}
