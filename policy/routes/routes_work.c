/* What the files of the planner share: making and freeing what a plan holds, and small questions
 * about addresses and wishes. */
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "policy/base/text.h"
#include "policy/routes/routes_private.h"

void route_facts_done(struct route_facts *facts)
{
    if (!facts)
        return;
    for (size_t i = 0; i < facts->n_meddlers; i++) {
        free(facts->meddlers[i].name);
        free(facts->meddlers[i].evidence);
        free(facts->meddlers[i].cure);
    }
    free(facts->addresses);
    free(facts->routes);
    free(facts->rules);
    free(facts->leases);
    free(facts->meddlers);
    *facts = (struct route_facts){0};
}

void routes_plan_done(struct routes_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->n_devices; i++) {
        free(plan->devices[i].conflict);
        free(plan->devices[i].cure);
        free(plan->devices[i].message);
        free(plan->devices[i].advice);
    }
    free(plan->devices);
    free(plan->routes);
    free(plan->rules);
    free(plan->changes);
    *plan = (struct routes_plan){0};
}

int routes_say(char **text, const char *format, ...)
{
    _cleanup_free_ char *sentence = NULL;
    char *both;
    va_list ap;

    va_start(ap, format);
    sentence = text_vformat(format, ap);
    va_end(ap);
    if (!sentence)
        return -ENOMEM;
    if (!*text) {
        *text = TAKE_PTR(sentence);
        return 0;
    }
    both = text_format("%s; %s", *text, sentence);
    if (!both)
        return -ENOMEM;
    free(*text);
    *text = both;
    return 0;
}

int routes_add_route(struct routes_plan *plan, uint8_t family, struct route **ret)
{
    int r =
        grow((void **)&plan->routes, &plan->routes_capacity, plan->n_routes, sizeof(*plan->routes));

    if (r < 0)
        return r;
    *ret = &plan->routes[plan->n_routes++];
    /* What the kernel puts in where nothing is said: fib6_config.fc_metric, fib_config.fc_scope. */
    **ret = (struct route){
        .family = family,
        .type = RTN_UNICAST,
        .protocol = ROUTING_PROTOCOL,
        .to.ip.family = family,
        .metric = family == AF_INET6 ? 1024 : 0,
    };
    return 0;
}

int routes_add_rule(struct routes_plan *plan, uint8_t family, struct route_rule **ret)
{
    int r = grow((void **)&plan->rules, &plan->rules_capacity, plan->n_rules, sizeof(*plan->rules));

    if (r < 0)
        return r;
    *ret = &plan->rules[plan->n_rules++];
    **ret = (struct route_rule){
        .family = family,
        .protocol = ROUTING_PROTOCOL,
        .action = FR_ACT_TO_TBL,
        .from.ip.family = family,
        .to.ip.family = family,
        .suppress_prefixlength = -1,
    };
    return 0;
}

struct ip_prefix routes_subnet_of(const struct route_address *address)
{
    struct ip_prefix prefix = address->local;

    if (address->peer.family)
        prefix.ip = address->peer;
    return ip_prefix_masked(&prefix);
}

bool routes_address_is_usable(const struct route_address *address)
{
    const struct ip *ip = &address->local.ip;

    /* An optimistic address is in use while it is still being looked for. */
    if (address->flags & IFA_F_DADFAILED ||
        (address->flags & IFA_F_TENTATIVE && !(address->flags & IFA_F_OPTIMISTIC)))
        return false;
    return address->scope != RT_SCOPE_HOST && ip_is_host(ip) && !ip_is_loopback(ip) &&
           !ip_is_link_local(ip);
}

struct routes_wish *routes_wish_of(const struct routes_work *work, int ifindex)
{
    struct routes_wish *wishes = work->wishes;
    size_t n = work->n_wishes, at = SORTED_PLACE(n, i, wishes[i].device->ifindex < ifindex);

    return at < n && wishes[at].device->ifindex == ifindex ? &wishes[at] : NULL;
}
