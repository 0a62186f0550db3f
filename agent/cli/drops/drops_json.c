/* `rpfpolicy drops --json`: one object, at the end; and the row of a flow, for all formats. */
#include <arpa/inet.h>

#include "agent/cli/drops/drops_report.h"
#include "agent/cli/session/report.h"
#include "policy/base/text.h"

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

int drops_put_flow(struct row *row, const struct drops_report *report, const struct flow *flow)
{
    static const char *const kinds[] = {
        [CURE_RULES] = "rules", [CURE_APPLY] = "apply", [CURE_ACCEPTED] = "accepted",
        [CURE_NONE] = "none",   [CURE_GONE] = "gone",   [CURE_UNKNOWN] = "unknown",
    };
    const struct drop *drop = &flow->drop;
    char source[INET_ADDRSTRLEN], destination[INET_ADDRSTRLEN];
    _cleanup_free_ char *text = NULL, *reply = NULL, *shown = NULL;
    struct drop_cure cure;

    drop_cure(&report->facts, drop, &cure);
    text = drop_cure_text(report->facts.policy, &cure);
    reply = drop_reply_text(&report->facts, &cure);
    if (!text || (cure.astray && !reply))
        return -ENOMEM;
    shown = text_format("%s%s%s", text, reply ? ", but replies leave by " : "", reply ?: "");
    inet_ntop(AF_INET, &drop->source, source, sizeof(source));
    inet_ntop(AF_INET, &drop->destination, destination, sizeof(destination));
    return ROW(row, {"ifindex", NULL, NUMBER(drop->ifindex)},
               {"device", "DEVICE", NAME(drop->device)}, {"source", "SOURCE", TEXT(source)},
               {"destination", "DESTINATION", TEXT(destination)},
               {"reason", "REASON", TEXT(drop_reason_name(drop->reason))},
               {"packets", "PACKETS", NUMBER(drop->packets), COLUMN_RIGHT | CELL_COUNT},
               {"first", NULL, REAL((double)flow->first / 1000)},
               {"last", NULL, REAL((double)flow->last / 1000)},
               {"step", NULL, TEXT(cure.dropped ? verdict_step_name(cure.step) : NULL)},
               {"why", NULL, TEXT(cure.dropped ? verdict_step_text(cure.step) : NULL)},
               {"cure", NULL,
                FOR_JSON(row, json_make({"kind", json_string(kinds[cure.kind])},
                                        {"text", json_bytes(text)}, {"lines", json_lines(&cure)},
                                        {"replies", json_bytes(reply)}))},
               {NULL, "ACCEPTED BY", TEXT(shown), COLUMN_WRAP});
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
        json_element(&cli->out, NULL,
                     ROW_OBJECT(row, drops_put_flow(&row, report, report->flows[i])));
    json_close(&cli->out, ']');
    json_close(&cli->out, '}');
}
