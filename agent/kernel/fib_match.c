/* What an `ip rule` looks at, and whether it applies to a flow. Pure. */
#include "agent/kernel/fib_private.h"

static bool port_matches(const struct route_ports *ports, uint16_t port)
{
    if (ports->mask)
        return ((ports->first ^ port) & ports->mask) == 0;
    return ports->first == 0 || (port >= ports->first && port <= ports->last);
}

static bool devices_match(const struct route_rule *rule, const struct fib_flow *flow)
{
    if (rule->iif && rule->iif != flow->iif && (flow->oif || rule->iif != flow->vrf))
        return false;
    if (rule->oif && rule->oif != flow->oif)
        return false;
    return !rule->l3mdev || flow->vrf;
}

static bool selects(const struct route_rule *rule, const struct fib_flow *flow)
{
    if (rule->detached || !devices_match(rule, flow))
        return false;
    if ((rule->mark ^ flow->mark) & rule->mask)
        return false;
    /* The kernel looks up for nobody: sock_net_uid(net, NULL). */
    if (rule->has_uid && rule->uid[0] > 0)
        return false;
    if ((rule->to.length && !ip_prefix_contains(&rule->to, &flow->to)) ||
        (rule->from.length && !ip_prefix_contains(&rule->from, &flow->from)))
        return false;
    if (rule->tos && ((rule->tos ^ flow->tos) & rule->tos_mask))
        return false;
    if (rule->proto && rule->proto != flow->proto)
        return false;
    return port_matches(&rule->sport, flow->sport) && port_matches(&rule->dport, flow->dport);
}

bool fib_rule_matches(const struct route_rule *rule, const struct fib_flow *flow)
{
    return selects(rule, flow) != rule->invert;
}

bool fib_rule_is_unsure(const struct route_rule *rule, const struct fib_flow *flow, unsigned kernel)
{
    if (!flow->vrf || kernel >= KERNEL(6, 15) || !selects(rule, flow))
        return false;
    return rule->iif == flow->vrf || rule->oif || (rule->iif && kernel < KERNEL(5, 18));
}

uint32_t fib_rule_table(const struct route_rule *rule, const struct fib_flow *flow)
{
    return rule->l3mdev ? flow->vrf_table : rule->table;
}

/* from all lookup TABLE */
static bool is_bare(const struct route_rule *rule, uint32_t priority, uint32_t table)
{
    return rule->priority == priority && rule->table == table && rule->action == FR_ACT_TO_TBL &&
           rule->to.length == 0 && rule->from.length == 0 && rule->suppress_prefixlength < 0 &&
           !rule->special;
}

void fib_look_at_rules(struct fib *fib)
{
    fib->selects_from = fib->selects_mark = fib->selects_ports = false;
    fib->dissects = fib->names_device = fib->unknown_rules = false;
    fib->plain_rules = fib->n_rules == 3 && is_bare(&fib->rules[0], 0, RT_TABLE_LOCAL) &&
                       is_bare(&fib->rules[1], 32766, RT_TABLE_MAIN) &&
                       is_bare(&fib->rules[2], 32767, RT_TABLE_DEFAULT);
    for (size_t i = 0; i < fib->n_rules; i++) {
        const struct route_rule *rule = &fib->rules[i];

        if (rule->from.length || rule->iif || rule->detached)
            fib->selects_from = true;
        if (rule->iif || rule->oif)
            fib->names_device = true;
        if (rule->mask)
            fib->selects_mark = true;
        if (rule->proto || rule->sport.first || rule->dport.first) {
            fib->selects_ports = true;
            fib->dissects |= rule->detached || rule->iif != LOOPBACK_IFINDEX;
        }
        if (rule->unknown)
            fib->unknown_rules = true;
    }
}
