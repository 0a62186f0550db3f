/* The reader of RTM_NEWRULE. */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/messages.h"

/* Later than the headers of older systems. */
#define ATTR_FRA_DSCP 25
#define ATTR_FRA_SPORT_MASK 28
#define ATTR_FRA_DPORT_MASK 29
#define ATTR_FRA_DSCP_MASK 30
#define RULE_ATTRS_MAX 63 /* far more than there are */
#define DSCP_MASK 0xfc

static int read_places(const struct nlattr *const *tb, const struct fib_rule_hdr *header,
                       struct route_rule *rule)
{
    int r = attr_ip_prefix(tb[FRA_SRC], header->family, header->src_len, &rule->from);

    if (r >= 0)
        r = attr_ip_prefix(tb[FRA_DST], header->family, header->dst_len, &rule->to);
    if (r >= 0 && tb[FRA_IIFNAME])
        r = attr_string(tb[FRA_IIFNAME], rule->iif_name, sizeof(rule->iif_name));
    if (r >= 0 && tb[FRA_OIFNAME])
        r = attr_string(tb[FRA_OIFNAME], rule->oif_name, sizeof(rule->oif_name));
    rule->detached = header->flags & (FIB_RULE_IIF_DETACHED | FIB_RULE_OIF_DETACHED);
    return r;
}

static int read_ports(const struct nlattr *range, const struct nlattr *mask,
                      struct route_ports *ports)
{
    int r = range ? attr_bytes(range, &ports->first, 2 * sizeof(ports->first)) : 0;

    if (r >= 0 && mask)
        r = attr_bytes(mask, &ports->mask, sizeof(ports->mask));
    return r;
}

static int read_byte(const struct nlattr *attr, unsigned shift, uint8_t *ret)
{
    uint8_t byte;
    int r;

    if (!attr)
        return 0;
    r = attr_bytes(attr, &byte, sizeof(byte));
    if (r >= 0)
        *ret = (uint8_t)(byte << shift);
    return r;
}

/* What a packet must have beside addresses and devices. */
static int read_selectors(const struct nlattr *const *tb, struct route_rule *rule)
{
    uint8_t l3mdev = 0;
    int r = 0;

    if (tb[FRA_FWMARK])
        r = attr_u32(tb[FRA_FWMARK], &rule->mark);
    rule->mask = rule->mark ? UINT32_MAX : 0;
    if (r >= 0 && tb[FRA_FWMASK])
        r = attr_u32(tb[FRA_FWMASK], &rule->mask);
    if (r >= 0)
        r = read_byte(tb[FRA_IP_PROTO], 0, &rule->proto);
    if (r >= 0)
        r = read_byte(tb[ATTR_FRA_DSCP], 2, &rule->tos);
    if (r >= 0)
        r = read_byte(tb[ATTR_FRA_DSCP_MASK], 2, &rule->tos_mask);
    if (r >= 0)
        r = read_byte(tb[FRA_L3MDEV], 0, &l3mdev);
    rule->l3mdev = l3mdev != 0;
    if (r >= 0)
        r = read_ports(tb[FRA_SPORT_RANGE], tb[ATTR_FRA_SPORT_MASK], &rule->sport);
    if (r >= 0)
        r = read_ports(tb[FRA_DPORT_RANGE], tb[ATTR_FRA_DPORT_MASK], &rule->dport);
    rule->has_uid = tb[FRA_UID_RANGE] != NULL;
    if (r >= 0 && tb[FRA_UID_RANGE])
        r = attr_bytes(tb[FRA_UID_RANGE], rule->uid, sizeof(rule->uid));
    return r;
}

static int read_action(const struct nlattr *const *tb, struct route_rule *rule)
{
    int group = -1, r = 0; /* -1: stated by the kernel in every rule, as "none" */

    if (tb[FRA_PRIORITY])
        r = attr_u32(tb[FRA_PRIORITY], &rule->priority);
    if (r >= 0 && tb[FRA_TABLE])
        r = attr_u32(tb[FRA_TABLE], &rule->table);
    if (r >= 0 && tb[FRA_GOTO])
        r = attr_u32(tb[FRA_GOTO], &rule->target);
    if (r >= 0 && tb[FRA_SUPPRESS_PREFIXLEN])
        r = attr_s32(tb[FRA_SUPPRESS_PREFIXLEN], &rule->suppress_prefixlength);
    if (r >= 0 && tb[FRA_SUPPRESS_IFGROUP])
        r = attr_s32(tb[FRA_SUPPRESS_IFGROUP], &group);
    rule->suppresses_group = group != -1;
    return r < 0 ? r : read_byte(tb[FRA_PROTOCOL], 0, &rule->protocol);
}

static bool is_plain(unsigned type)
{
    static const uint16_t plain[] = {FRA_DST,
                                     FRA_SRC,
                                     FRA_PRIORITY,
                                     FRA_TABLE,
                                     FRA_PROTOCOL,
                                     FRA_SUPPRESS_PREFIXLEN,
                                     FRA_SUPPRESS_IFGROUP,
                                     FRA_PAD};

    for (size_t i = 0; i < ELEMENTSOF(plain); i++)
        if (plain[i] == type)
            return true;
    return false;
}

static bool is_known(unsigned type)
{
    return type != FRA_TUN_ID &&
           (type <= ATTR_FRA_DSCP || (type >= ATTR_FRA_SPORT_MASK && type <= ATTR_FRA_DSCP_MASK));
}

/* Does it look at more than addresses, or at what struct route_rule does not hold? */
static void look_at_rest(const struct nlattr *const *tb, const struct fib_rule_hdr *header,
                         struct route_rule *rule)
{
    rule->special = header->tos || header->flags & (FIB_RULE_INVERT | FIB_RULE_UNRESOLVED) ||
                    rule->suppresses_group ||
                    (header->action != FR_ACT_TO_TBL && header->action != FR_ACT_NOP &&
                     header->action < FR_ACT_BLACKHOLE);
    for (unsigned type = 0; type <= RULE_ATTRS_MAX; type++) {
        rule->special |= tb[type] && !is_plain(type);
        rule->unknown |= tb[type] && !is_known(type);
    }
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
        .tos = header->tos,
        .tos_mask = DSCP_MASK,
        .table = header->table,
        .invert = header->flags & FIB_RULE_INVERT,
        .suppress_prefixlength = -1,
    };
    r = read_places(tb, header, &rule);
    if (r >= 0)
        r = read_selectors(tb, &rule);
    if (r >= 0)
        r = read_action(tb, &rule);
    if (r < 0)
        return r;
    look_at_rest(tb, header, &rule);
    *ret = rule;
    return 0;
}
