/* `ip rule` applied here, over dumps of the tables: for lookups that the kernel cannot be asked for
 * without making it validate a source. Mirrors fib_rules_lookup() and fib_table_lookup(). */
#include <sys/socket.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/fib_private.h"
#include "agent/kernel/messages.h"
#include "policy/lang/routing.h"

struct search {
    struct fib_search asked;
    bool found;
    struct fib_way best;
};

static void forget(void *data)
{
    ((struct search *)data)->found = false;
}

/* Routes of one prefix come in the order in which the kernel tries them. */
static int consider(const struct nlmsghdr *message, void *data)
{
    const struct rtmsg *header = message_body(message, sizeof(*header), NULL, 0);
    struct search *search = data;
    struct route route;
    int r;

    if (!header)
        return -EBADMSG;
    if (message->nlmsg_type != RTM_NEWROUTE ||
        (search->asked.not_ours && header->rtm_protocol == ROUTING_PROTOCOL))
        return 0;
    if (search->found && header->rtm_dst_len <= search->best.route.to.length)
        return 0;
    r = route_read_message(message, &route);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (route.table != search->asked.table || route.dead ||
        (route.tos && route.tos != search->asked.tos) ||
        !ip_prefix_contains(&route.to, &search->asked.to))
        return 0;
    r = fib_read_way(message, &search->best);
    search->found |= r >= 0;
    return r;
}

static int read_table(const struct fib *fib, struct search *search)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETROUTE, 0, sizeof(struct rtmsg));
    struct rtmsg *header = mnl_nlmsg_get_payload(request);
    uint32_t table = search->asked.table;
    int r;

    header->rtm_family = AF_INET;
    header->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_COMPAT;
    mnl_attr_put_u32(request, RTA_TABLE, table);
    r = netlink_dump(fib->nl, request, consider, forget, search);
    return r == -ENOENT ? 0 : r; /* no such table */
}

/* 1 found, 0 not. */
static int search_table(const struct fib *fib, const struct fib_flow *flow, uint32_t table,
                        struct search *search)
{
    int r = 0;

    *search = (struct search){.asked = {.to = flow->to,
                                        .tos = flow->tos,
                                        .table = table,
                                        .not_ours = fib_pretends_in(fib, table)}};
    if (fib->tables)
        search->found = fib_tables_search(fib->tables, &search->asked, &search->best);
    else
        r = read_table(fib, search);
    if (r < 0)
        return r;
    fib_find_pretended(fib, &search->asked, &search->best, &search->found);
    return search->found && search->best.route.type != RTN_THROW;
}

static void end_at(struct fib_way *ret, enum route_kind kind)
{
    *ret = (struct fib_way){.found = {.kind = kind}};
}

int fib_lookup_in(const struct fib *fib, const struct ip *to, uint32_t table, struct fib_way *ret)
{
    const struct fib_flow flow = {.to = *to};
    struct search search;
    int r = search_table(fib, &flow, table, &search);

    if (r > 0)
        *ret = search.best;
    else if (r == 0)
        end_at(ret, ROUTE_NONE);
    return r < 0 ? r : 0;
}

/* Kept back by suppress_prefixlength or suppress_ifgroup; a refusing route never is. */
static bool is_suppressed(const struct route_rule *rule, const struct fib_way *way)
{
    switch (way->found.kind) {
    case ROUTE_BLACKHOLE:
    case ROUTE_UNREACHABLE:
    case ROUTE_PROHIBIT:
        return false;
    default:
        return rule->suppress_prefixlength >= 0 &&
               (int)way->route.to.length <= rule->suppress_prefixlength;
    }
}

/* 1 decided, 0 go on with the next rule. */
static int apply(const struct fib *fib, const struct route_rule *rule, const struct fib_flow *flow,
                 struct fib_way *ret)
{
    struct search search;
    int r;

    switch (rule->action) {
    case FR_ACT_TO_TBL:
        break;
    case FR_ACT_NOP:
        return 0;
    case FR_ACT_UNREACHABLE:
        end_at(ret, ROUTE_UNREACHABLE);
        return 1;
    case FR_ACT_PROHIBIT:
        end_at(ret, ROUTE_PROHIBIT);
        return 1;
    default:
        end_at(ret, ROUTE_BLACKHOLE);
        return 1;
    }
    r = search_table(fib, flow, fib_rule_table(rule, flow), &search);
    if (r <= 0)
        return r;
    r = fib_resolve_nexthop(fib->nl, &search.best);
    if (r < 0)
        return r;
    if (is_suppressed(rule, &search.best))
        return 0;
    *ret = search.best;
    return 1;
}

/* Index of the first rule from `at` with the priority that a goto names; n_rules when there is
 * none: such a rule is passed over. */
static size_t goto_target(const struct fib *fib, size_t at)
{
    uint32_t target = fib->rules[at].target;

    for (size_t i = at + 1; i < fib->n_rules; i++)
        if (fib->rules[i].priority == target)
            return i;
    return at + 1;
}

int fib_lookup_by_rules(const struct fib *fib, const struct fib_flow *flow, struct fib_way *ret)
{
    for (size_t i = 0; i < fib->n_rules;) {
        const struct route_rule *rule = &fib->rules[i];
        struct fib_way way;
        bool unsure;
        int r;

        if (rule->unknown || rule->suppresses_group)
            return -EOPNOTSUPP;
        /* The rule of VRFs names no table: where there is none, and where it is not known. */
        if (rule->l3mdev && (rule->invert || (flow->vrf && !flow->vrf_table)))
            return -EOPNOTSUPP;
        unsure = fib_rule_is_unsure(rule, flow, fib->kernel);
        if (!unsure && !fib_rule_matches(rule, flow)) {
            i++;
            continue;
        }
        if (rule->action == FR_ACT_GOTO && !unsure) {
            i = goto_target(fib, i);
            continue;
        }
        r = rule->action == FR_ACT_GOTO ? 1 : apply(fib, rule, flow, &way);
        if (r > 0 && unsure) /* with it and without it are two answers */
            return -EOPNOTSUPP;
        if (r > 0) {
            *ret = way;
            ret->rule = (unsigned)i + 1;
        }
        if (r != 0)
            return r < 0 ? r : 0;
        i++;
    }
    end_at(ret, ROUTE_NONE);
    return 0;
}
