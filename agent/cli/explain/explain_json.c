/* explain as JSON: the device as check gives it, each key with everything that was considered. */
#include "agent/cli/explain/explain.h"
#include "agent/cli/session/report.h"

static json_t *json_rules(const struct explain *explain, const struct explain_key *key)
{
    json_t *list = json_array();

    for (size_t i = 0; i < key->n_rules; i++)
        json_array_append_new(list, ROW_OBJECT(row, explain_put_rule(&row, explain, key, i)));
    return list;
}

static json_t *json_answer(const struct sysctl_answer *answer)
{
    json_t *lines = json_array();

    for (size_t i = 0; i < answer->count; i++)
        json_array_append_new(lines, ROW_OBJECT(row, explain_put_line(&row, &answer->verdicts[i])));
    return json_make({"value", answer->given ? json_integer(answer->value) : json_null()},
                     {"lines", lines});
}

static json_t *json_sysctl(const struct explain *explain, const struct explain_key *key)
{
    bool procps = explain->flavor == SYSCTL_PROCPS;
    json_t *object;

    if (!explain->sysctl)
        return json_null();
    object = json_object();
    json_object_set_new(object, "flavor", json_string(procps ? "procps" : "systemd"));
    if (explain->device && !procps)
        json_object_set_new(object, "add", json_answer(&key->add));
    json_object_set_new(object, "full", json_answer(&key->full));
    if (explain->subject != EXPLAIN_ALL)
        json_object_set_new(object, "all", json_answer(&key->all));
    return object;
}

static json_t *json_suspects(const struct explain_key *key)
{
    json_t *list = json_array();

    for (size_t i = 0; i < key->suspects.count; i++) {
        const struct suspect *suspect = &key->suspects.items[i];
        json_t *object = json_place(suspect->file, suspect->line);

        json_set(object, {"writer", json_string(suspect->writer)},
                 {"text", json_bytes(suspect->text)}, {"what", json_string(suspect->what)});
        json_array_append_new(list, object);
    }
    return list;
}

/* Put what explain adds into the object of the key. */
static void extend_key(json_t *object, const struct explain *explain, const struct explain_key *key)
{
    json_set(object, {"conclusion", json_owned(explain_headline(explain, key))},
             {"meaning", explain->subject == EXPLAIN_ALL
                             ? json_null()
                             : json_owned(explain_meaning(explain, key))},
             {"combination", json_owned(explain_combination(explain, key))},
             {"cure", json_owned(explain_cure(explain, key))},
             {"all", json_integer(explain->session->live.all[key->state.key])},
             {"rules", json_rules(explain, key)}, {"sysctl", json_sysctl(explain, key)},
             {"explained", json_boolean(key->explained && key->all_explained)},
             {"former", key->ours ? json_integer(key->former) : json_null()},
             {"suspects", json_suspects(key)});
}

static json_t *json_warnings(const struct explain *explain)
{
    json_t *list = json_array();
    size_t n;
    const struct warning *warnings = judge_warnings(explain->session->judge, &n);

    for (size_t i = 0; i < n; i++)
        if (warnings[i].message)
            json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "code",
                                                  warning_name(warnings[i].code), "rule",
                                                  json_rule(warnings[i].rule), "message",
                                                  json_bytes(warnings[i].message)));
    return list;
}

static json_t *json_passes(const struct explain_replies *replies)
{
    return replies->advised && replies->advice.known ? json_boolean(replies->advice.passes)
                                                     : json_null();
}

void explain_print_json(struct output *out, const struct explain *explain)
{
    struct device special = {0};
    struct key_state states[KEY_COUNT];
    json_t *head = json_object(), *device, *keys;

    snprintf(special.name, sizeof(special.name), "%s", explain->name);
    for (unsigned i = 0; i < explain->n_keys; i++)
        states[i] = explain->keys[i].state;
    device =
        json_device(explain->session->judge, explain->device ?: &special, states, explain->n_keys);
    keys = json_object_get(device, "keys");
    for (unsigned i = 0; i < explain->n_keys; i++)
        extend_key(json_array_get(keys, i), explain, &explain->keys[i]);
    if (explain->subject != EXPLAIN_DEVICE)
        json_object_set_new(device, "ifindex", json_null());

    json_set_header(head, explain->session->cli);
    json_set(head, {"policy", json_policy(explain->session)},
             {"exists", json_boolean(explain->subject != EXPLAIN_ABSENT)}, {"device", device},
             {"routing", explain_routing_json(explain)}, {"replies", explain_replies_json(explain)},
             {"replies_note", json_owned(explain_replies_note(explain))},
             {"replies_cure", json_owned(explain_replies_cure(explain))},
             {"warnings", json_warnings(explain)}, {"passes", json_passes(&explain->replies)},
             {"finding", json_bytes(explain->replies.advice.finding)},
             {"published", published_json(&explain->replies.packet.published)});
    advice_set_json(head, &explain->replies.advice);
    output_json(out, head);
}
