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
        json_set(object, {"value", json_string(word)}, {"rule", json_rule(line->rule)});
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

    return json_make({"kind", json_string(kinds[cure->kind])}, {"text", json_bytes(text)},
                     {"lines", json_lines(cure)});
}

static json_t *json_flow(const struct drops_report *report, const struct flow *flow)
{
    const struct drop *drop = &flow->drop;
    json_t *object = json_object();
    struct drop_cure cure;

    drop_cure(&report->facts, drop, &cure);
    json_object_set_new(object, "ifindex", json_integer(drop->ifindex));
    json_set_name(object, "device", drop->device);
    json_set(object, {"source", json_address(drop->source)},
             {"destination", json_address(drop->destination)},
             {"reason", json_string(drop_reason_name(drop->reason))},
             {"packets", json_integer((json_int_t)drop->packets)},
             {"first", json_real((double)flow->first / 1000)},
             {"last", json_real((double)flow->last / 1000)},
             {"step", cure.dropped ? json_string(verdict_step_name(cure.step)) : json_null()},
             {"why", cure.dropped ? json_string(verdict_step_text(cure.step)) : json_null()},
             {"cure", json_cure(report->facts.policy, &cure)});
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
    json_set(
        object, {"name", json_string(drops_source_name(report))},
        {"not_bpf", report->bpf ? json_null() : json_string(drops_why_not_bpf(report->bpf_error))},
        {"unseen", unseen});
    return object;
}

void drops_print_json(struct cli *cli, const struct session *session,
                      const struct drops_report *report)
{
    json_t *head = json_object();

    json_set_header(head, cli);
    json_set(head, {"policy", json_policy(session)},
             {"device", json_bytes(report->device ? report->device->name : NULL)},
             {"source", json_source(report)},
             {"seconds", json_real((double)report->milliseconds / 1000)},
             {"packets", json_counts(report->packets)}, {"unlisted", json_counts(report->unlisted)},
             {"reverse_path_counter",
              report->counted ? json_integer((json_int_t)report->counter) : json_null()});
    json_open_object(&cli->out, head);
    json_open(&cli->out, "flows", '[');
    for (size_t i = 0; i < report->n_flows; i++)
        json_element(&cli->out, NULL, json_flow(report, report->flows[i]));
    json_close(&cli->out, ']');
    json_close(&cli->out, '}');
}
