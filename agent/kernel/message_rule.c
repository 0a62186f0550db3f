/* The reader of RTM_NEWRULE. */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/messages.h"

#define RULE_ATTRS_MAX 63 /* far more than there are */

/* Whether the rule looks at something that is not held in struct route_rule. */
static bool looks_at_more(const struct nlattr *const *tb, const struct fib_rule_hdr *header)
{
    static const uint16_t known[] = {
        FRA_DST, FRA_SRC, FRA_PRIORITY, FRA_TABLE, FRA_PROTOCOL, FRA_SUPPRESS_PREFIXLEN, FRA_PAD};

    if (header->tos || header->flags & (FIB_RULE_INVERT | FIB_RULE_UNRESOLVED) ||
        (header->action != FR_ACT_TO_TBL && header->action != FR_ACT_NOP &&
         header->action < FR_ACT_BLACKHOLE))
        return true;
    for (uint16_t type = 0; type <= RULE_ATTRS_MAX; type++) {
        bool is_known = false;
        uint32_t value;

        for (size_t i = 0; i < ELEMENTSOF(known); i++)
            is_known |= known[i] == type;
        if (!tb[type] || is_known)
            continue;
        /* Stated by the kernel in every rule, as "none". */
        if (type == FRA_SUPPRESS_IFGROUP && attr_u32(tb[type], &value) == 0 && value == UINT32_MAX)
            continue;
        return true;
    }
    return false;
}

static int read_rule_attrs(const struct nlattr *const *tb, const struct fib_rule_hdr *header,
                           struct route_rule *rule)
{
    int r = attr_ip_prefix(tb[FRA_SRC], header->family, header->src_len, &rule->from);

    if (r >= 0)
        r = attr_ip_prefix(tb[FRA_DST], header->family, header->dst_len, &rule->to);
    if (r >= 0 && tb[FRA_TABLE])
        r = attr_u32(tb[FRA_TABLE], &rule->table);
    if (r >= 0 && tb[FRA_PRIORITY])
        r = attr_u32(tb[FRA_PRIORITY], &rule->priority);
    if (r >= 0 && tb[FRA_SUPPRESS_PREFIXLEN])
        r = attr_s32(tb[FRA_SUPPRESS_PREFIXLEN], &rule->suppress_prefixlength);
    if (r >= 0 && tb[FRA_PROTOCOL]) {
        if (mnl_attr_get_payload_len(tb[FRA_PROTOCOL]) < 1)
            return -EBADMSG;
        rule->protocol = mnl_attr_get_u8(tb[FRA_PROTOCOL]);
    }
    return r;
}

int route_rule_read_message(const struct nlmsghdr *message, struct route_rule *ret)
{
    const struct nlattr *tb[RULE_ATTRS_MAX + 1] = {NULL};
    const struct fib_rule_hdr *header;
    struct route_rule rule;
    int r;

    header = message_body(message, sizeof(*header), tb, RULE_ATTRS_MAX);
    if (!header)
        return -EBADMSG;
    if (!ip_is_family(header->family))
        return -ENOENT;
    rule = (struct route_rule){
        .family = header->family,
        .action = header->action,
        .table = header->table,
        .suppress_prefixlength = -1,
        .special = looks_at_more(tb, header),
    };
    r = read_rule_attrs(tb, header, &rule);
    if (r >= 0)
        *ret = rule;
    return r;
}
