/* verdict as one JSON object. */
#include <arpa/inet.h>

#include "agent/cli/verdict/verdict_report.h"

static json_t *json_address(struct in_addr address)
{
    char text[INET_ADDRSTRLEN];

    return json_string(inet_ntop(AF_INET, &address, text, sizeof(text)) ?: "?");
}

static json_t *json_mode(int mode)
{
    char buf[12];

    return json_string(key_value_format(KEY_RP_FILTER, mode, buf, sizeof(buf)));
}

static json_t *json_result(bool accept)
{
    return json_string(accept ? "accept" : "drop");
}

static json_t *json_hops(const struct live *live, const struct fib_way *way)
{
    json_t *hops = json_array();
    char text[IP_TEXT_MAX];

    for (size_t i = 0; i < way->found.n_hops; i++) {
        const struct device *device = live_by_ifindex(live, way->found.hops[i]);
        json_t *hop = json_object();

        json_object_set_new(hop, "ifindex", json_integer(way->found.hops[i]));
        if (device)
            json_set_name(hop, "device", device->name);
        else
            json_object_set_new(hop, "device", json_null());
        json_object_set_new(hop, "gateway",
                            way->gateways[i].family ? json_string(ip_text(&way->gateways[i], text))
                                                    : json_null());
        json_array_append_new(hops, hop);
    }
    return hops;
}

/* Null when there is none. What a refusing route is called is known, not where it stands. */
static json_t *json_way(const struct live *live, const struct fib_way *way)
{
    _cleanup_free_ char *text = verdict_way_text(live, way);
    json_t *object;
    char prefix[IP_TEXT_MAX + 4], address[IP_TEXT_MAX], table[12];

    if (way->found.kind == ROUTE_NONE)
        return json_null();
    object = json_object();
    json_object_set_new(object, "type", json_string(route_kind_name(way->found.kind)));
    if (way->route.table) {
        snprintf(prefix, sizeof(prefix), "%s/%u", ip_text(&way->route.to.ip, address),
                 way->route.to.length);
        json_set(object, {"prefix", json_string(prefix)},
                 {"metric", json_integer(way->route.metric)},
                 {"table", json_string(route_table_name(way->route.table, table))});
    }
    json_set(object, {"next_hops", json_hops(live, way)}, {"text", json_bytes(text)});
    return object;
}

/* {result, step, text}. */
static json_t *json_arp(const struct arp_verdict *arp)
{
    _cleanup_free_ char *why = verdict_arp_why(arp);

    return json_make({"result", json_string(verdict_arp_result(arp))},
                     {"step", json_string(arp_step_name(arp->step))}, {"text", json_bytes(why)});
}

static json_t *json_verdicts(const struct verdict_report *report)
{
    json_t *object = json_object();
    char name[12];

    for (int mode = 0; mode < VERDICT_MODES; mode++) {
        const struct verdict *verdict = &report->verdicts[mode];
        json_t *one = json_object();

        json_set(
            one, {"result", json_result(verdict->accept)},
            {"step", json_string(verdict_step_name(verdict->step))},
            {"text", json_string(verdict_step_text(verdict->step))},
            {"drop", verdict->accept ? json_null() : json_string(drop_kind_name(verdict->drop))},
            {"arp", json_arp(&report->arp[mode])});
        json_object_set_new(object, key_value_format(KEY_RP_FILTER, mode, name, sizeof(name)), one);
    }
    return object;
}

/* {mode, result, arp}. */
static json_t *json_in_mode(int mode, bool accept, const struct arp_verdict *arp)
{
    return json_make({"mode", json_mode(mode)}, {"result", json_result(accept)},
                     {"arp", json_string(verdict_arp_result(arp))});
}

/* Result, step and route are null where they are not known. */
static json_t *json_wanted(const struct verdict_report *report)
{
    const struct verdict_planned *policy = &report->policy;
    const struct verdict *verdict = &policy->verdict;
    bool known = policy->known;
    json_t *object;

    if (!policy->given)
        return json_null();
    object = json_in_mode(policy->mode, verdict->accept, &policy->arp);
    if (!known) {
        json_object_set_new(object, "result", json_null());
        json_object_set_new(object, "arp", json_null());
    }
    json_set(object, {"step", known ? json_string(verdict_step_name(verdict->step)) : json_null()},
             {"rule", json_rule(policy->rule)}, {"rerouted", json_boolean(policy->rerouted)},
             {"route", known ? json_way(&report->session->live, &policy->back) : json_null()});
    return object;
}

static json_t *json_unseen(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < VERDICT_UNSEEN; i++)
        json_array_append_new(list, json_string(verdict_unseen[i].name));
    return list;
}

void verdict_print_json(struct output *out, const struct verdict_report *report)
{
    json_t *object = json_object(), *warnings = json_array();

    json_set_header(object, report->session->cli);
    json_set(object, {"source", json_address(report->packet.packet.source)},
             {"destination", json_address(report->packet.packet.destination)},
             {"published", published_json(&report->asked.published)});
    json_set_name(object, "device", report->device->name);
    json_set(object, {"route", json_way(&report->session->live, &report->back)},
             {"verdicts", json_verdicts(report)},
             {"now", json_in_mode(report->mode, report->verdicts[report->mode].accept,
                                  &report->arp[report->mode])},
             {"policy", json_wanted(report)},
             {"kernel", report->kernel_asked ? json_result(report->answer == 0) : json_null()},
             {"unseen", json_unseen()});
    for (size_t i = 0; i < report->n_warnings; i++)
        json_array_append_new(warnings, json_bytes(report->warnings[i]));
    json_object_set_new(object, "warnings", warnings);
    advice_set_json(object, &report->advice);
    output_json(out, object);
}
