/* verdict for people: the conclusion, the way back, each mode, and what to know besides. */
#include <arpa/inet.h>
#include <stdio.h>

#include "agent/cli/verdict/verdict_report.h"
#include "policy/base/text.h"

static void print_hop(struct text *out, const struct live *live, const struct fib_way *way,
                      size_t i)
{
    const struct device *hop = live_by_ifindex(live, way->found.hops[i]);
    char text[IP_TEXT_MAX];

    if (way->found.n_hops > 1)
        text_put(out, " nexthop");
    if (way->gateways[i].family)
        text_add(out, " via %s", ip_text(&way->gateways[i], text));
    if (hop)
        text_add(out, " dev %s", NAME_SHOWN(hop->name));
    else
        text_add(out, " dev %d", way->found.hops[i]);
}

static void print_way(struct text *out, const struct live *live, const struct fib_way *way)
{
    const struct route *route = &way->route;
    char text[IP_TEXT_MAX], table[12];

    if (way->found.kind == ROUTE_NONE) {
        text_put(out, "none");
        return;
    }
    if (way->found.kind != ROUTE_UNICAST)
        text_add(out, "%s ", route_kind_name(way->found.kind));
    /* A refusing route, or rule, is not told by the kernel. */
    if (route->table == 0) {
        text_put(out, "route or rule");
        return;
    }
    if (route->to.length == 0)
        text_put(out, "default");
    else
        text_add(out, "%s/%u", ip_text(&route->to.ip, text), route->to.length);
    for (size_t i = 0; i < way->found.n_hops; i++)
        print_hop(out, live, way, i);
    if (route->metric)
        text_add(out, " metric %u", route->metric);
    text_add(out, " table %s", route_table_name(route->table, table));
}

char *verdict_way_text(const struct live *live, const struct fib_way *way)
{
    _cleanup_text_ struct text text = {0};

    print_way(&text, live, way);
    return text_take(&text);
}

static const char *result_text(bool accept)
{
    return accept ? "accepted" : "dropped";
}

static const char *mode_name(int mode, char buf[static 12])
{
    return key_value_format(KEY_RP_FILTER, mode, buf, 12);
}

/* What it would change about the verdict, as the end of the headline. */
static void print_change(struct output *out, const struct verdict_report *report)
{
    const struct verdict_planned *policy = &report->policy;
    char mode[12];

    if (!policy->given)
        return;
    if (!policy->known) {
        fputs("; under the policy that is not known", out->stream);
        return;
    }
    if (policy->mode == report->mode &&
        policy->verdict.accept == report->verdicts[report->mode].accept)
        return;
    fprintf(out->stream, "; %s under the policy, which wants %s%s%s",
            result_text(policy->verdict.accept), policy->rule ? mode_name(policy->mode, mode) : "",
            policy->rule && policy->rerouted ? " and " : "",
            policy->rerouted ? "other routes" : "");
}

static void print_headline(struct output *out, const struct verdict_report *report)
{
    const struct packet *packet = &report->packet.packet;
    char source[INET_ADDRSTRLEN], destination[INET_ADDRSTRLEN], mode[12];
    bool accept = report->verdicts[report->mode].accept;

    fprintf(out->stream, "From %s to %s by %s: %s%s%s, rp_filter is %s",
            inet_ntop(AF_INET, &packet->source, source, sizeof(source)) ?: "?",
            inet_ntop(AF_INET, &packet->destination, destination, sizeof(destination)) ?: "?",
            NAME_SHOWN(report->device->name), output_color(out, accept ? "ok" : "drift"),
            result_text(accept), output_color_end(out), mode_name(report->mode, mode));
    print_change(out, report);
    fputc('\n', out->stream);
}

static void print_modes(struct output *out, const struct verdict_report *report)
{
    char name[12];

    for (int mode = 0; mode < VERDICT_MODES; mode++) {
        const struct verdict *verdict = &report->verdicts[mode];

        fprintf(out->stream, "  %-12s %-8s  %s%s\n", mode_name(mode, name),
                result_text(verdict->accept), verdict_step_text(verdict->step),
                mode == report->mode ? "  <- now" : "");
    }
}

static int print_policy(struct output *out, const struct verdict_report *report)
{
    const struct verdict_planned *policy = &report->policy;
    _cleanup_free_ char *place = NULL, *route = NULL;
    char name[12];

    if (!policy->given)
        return 0;
    if (policy->rule) {
        place = place_text(policy->rule->origin.file, policy->rule->origin.line);
        if (!place)
            return -ENOMEM;
    }
    fprintf(out->stream, "  policy       %-8s  %s%s%s%s: %s\n",
            policy->known ? result_text(policy->verdict.accept) : "unknown",
            mode_name(policy->mode, name), place ? " (" : "", place ?: "", place ? ")" : "",
            policy->known ? verdict_step_text(policy->verdict.step)
                          : "an ip rule looks at something that is not known here");
    if (!policy->known || !policy->rerouted)
        return 0;
    route = verdict_way_text(&report->session->live, &policy->back);
    if (!route)
        return -ENOMEM;
    fprintf(out->stream, "  way then     %s, by rules and routes as the policy would have them\n",
            route);
    return 0;
}

static int print_arp(struct output *out, const char *title, const struct arp_verdict *arp)
{
    _cleanup_free_ char *why = verdict_arp_why(arp);

    if (!why)
        return -ENOMEM;
    fprintf(out->stream, "  %-12s %s: %s\n", title, verdict_arp_result(arp), why);
    return 0;
}

static int print_advice(struct output *out, const struct verdict_report *report)
{
    if (!report->advised || (!report->advice.culprit && !report->advice.note))
        return 0;
    fputc('\n', out->stream);
    return advice_print(out, session_apply_command(report->session), &report->advice);
}

int verdict_print(struct output *out, const struct verdict_report *report)
{
    _cleanup_free_ char *route = verdict_way_text(&report->session->live, &report->back);
    int r;

    if (!route)
        return -ENOMEM;
    print_headline(out, report);
    published_print(out, &report->asked.published);
    fprintf(out->stream, "\n  way back     %s\n", route);
    print_modes(out, report);
    r = print_policy(out, report);
    if (r >= 0)
        r = print_arp(out, "ARP now", &report->arp[report->mode]);
    if (r >= 0 && report->policy.known)
        r = print_arp(out, "ARP then", &report->policy.arp);
    if (r < 0)
        return r;
    if (report->kernel_asked)
        fprintf(out->stream, "  the kernel   %-8s  asked for a packet like this, now\n",
                result_text(report->answer == 0));
    r = print_advice(out, report);
    fputs("\n  Routers call strict \"rx allow-default\", loose \"any allow-default\".\n"
          "  What cannot be seen here:\n",
          out->stream);
    for (size_t i = 0; i < VERDICT_UNSEEN; i++)
        fprintf(out->stream, "  - %s\n", verdict_unseen[i].text);
    for (size_t i = 0; i < report->n_warnings; i++)
        fprintf(out->stream, "%s%swarning:%s %s\n", i == 0 ? "\n" : "",
                output_color(out, "warning"), output_color_end(out), report->warnings[i]);
    return r;
}
