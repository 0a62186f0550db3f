/* Candidates in the order in which they are tried: what keeps strict before what does not, what
 * concerns one peer or one device before what concerns more. */
#include "policy/advice/cures.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "policy/base/text.h"

const char *cure_kind_name(enum cure_kind kind)
{
    static const char *const names[] = {
        [CURE_POLICY] = "policy",
        [CURE_COMMANDS] = "commands",
        [CURE_OTHERS] = "file",
    };

    return names[kind];
}

static void cure_done(struct cure *cure)
{
    free(cure->text);
    free(cure->price);
    free(cure->lines);
}

void cures_done(struct cures *cures)
{
    for (size_t i = 0; i < cures->count; i++)
        cure_done(&cures->items[i]);
    free(cures->items);
    *cures = (struct cures){0};
}

/* Takes over what the cure owns, also on failure. */
static int add(struct cures *cures, struct cure *cure)
{
    int r = cure->text && cure->price ? 0 : -ENOMEM;

    if (r >= 0)
        r = grow((void **)&cures->items, &cures->capacity, cures->count, sizeof(*cures->items));
    if (r < 0)
        cure_done(cure);
    else
        cures->items[cures->count++] = *cure;
    return r;
}

static int add_as_is(const struct cure_question *q, struct cures *cures)
{
    struct cure cure = {.group = CURE_AS_IS};

    if (!q->has_policy)
        return 0;
    cure.text = strdup("# nothing to add: the policy on disk cures it once it is applied\n");
    cure.price = strdup("everything that the policy on disk asks for takes effect");
    return add(cures, &cure);
}

static int add_key(const struct cure_question *q, enum cure_group group, const char *key,
                   const char *value, const char *price, struct cures *cures)
{
    struct cure cure = {.group = group};

    cure.text = text_format("[%s]\n%s = %s\n", key, q->pattern, value);
    cure.price = text_format("%s %s", q->pattern, price);
    return add(cures, &cure);
}

static int add_marks(const struct cure_question *q, struct cures *cures)
{
    if (q->mark && !q->src_valid_mark)
        return add_key(q, CURE_MARK, "src_valid_mark", "yes",
                       "looks up the way back of each packet with the mark that it carries", cures);
    if (q->mark)
        return add_key(q, CURE_MARK, "src_valid_mark", "no",
                       "looks up the way back of each packet without its mark", cures);
    return 0;
}

/* One set of options of [routing]. */
struct routing_options {
    const char *gateway; /* NULL: auto */
    bool before_main, assumed;
    uint32_t base; /* 0: as it is */
};

static char *routing_text(const struct cure_question *q, const struct routing_options *options)
{
    _cleanup_text_ struct text text = {0};

    if (options->base)
        text_add(&text, "[agent]\nrouting-priority-base = %u\n", options->base);
    text_add(&text, "[routing]\n%s = auto\n", q->pattern);
    if (options->gateway || options->before_main || q->without_ipv6)
        text_add(&text, "[routing %s]\n", q->pattern);
    if (q->without_ipv6) /* IPv4 comes first */
        text_add(&text, "gateway = %s none\n", options->gateway ?: "auto");
    else if (options->gateway)
        text_add(&text, "gateway = %s\n", options->gateway);
    if (options->before_main)
        text_put(&text, "main-first = no\n");
    return text_take(&text);
}

static char *routing_price(const struct cure_question *q, const struct routing_options *options)
{
    _cleanup_text_ struct text text = {0};

    text_add(&text, "replies from the addresses of %s leave by %s", q->name, q->name);
    text_put(&text, options->before_main
                        ? ", whatever routes table main has for their destination"
                        : " where table main has nothing but a default route for them");
    if (options->base)
        text_add(&text, "; all rules of ours stand from priority %u on", options->base);
    if (options->assumed)
        text_add(&text, "; that %s is a router nothing on this host tells", options->gateway);
    return text_take(&text);
}

static int add_one_routing(const struct cure_question *q, const struct routing_options *options,
                           struct cures *cures)
{
    struct cure cure = {.group = CURE_ROUTING, .assumed = options->assumed};

    cure.text = routing_text(q, options);
    cure.price = routing_price(q, options);
    return add(cures, &cure);
}

/* One command that adds the lines to the policy, which stays whole where it is indented. */
static void put_adding(struct text *text, const char *lines)
{
    text_put(text, "printf '%s\\n'");
    for (size_t n; *lines; lines += n + 1) {
        _cleanup_free_ char *line = NULL, *word = NULL;

        n = strcspn(lines, "\n");
        line = strndup(lines, n);
        word = line ? name_quote(line) : NULL;
        text->failed |= !word;
        text_add(text, " %s", word ?: "");
    }
    text_put(text, " >>" CURE_FILE "\n");
}

/* The same where another program sets up the device, once that has stopped. */
static int add_one_other(const struct cure_question *q, const struct routing_options *options,
                         struct cures *cures)
{
    struct cure cure = {
        .kind = CURE_OTHERS, .group = CURE_OTHER_PROGRAM, .assumed = options->assumed};
    _cleanup_free_ char *price = routing_price(q, options);
    _cleanup_text_ struct text text = {0};

    cure.lines = routing_text(q, options);
    if (cure.lines && price) {
        text_add(&text, "%s\n", q->stop_other);
        put_adding(&text, cure.lines);
        text_add(&text, "%s\n", q->apply);
        cure.text = text_take(&text);
        cure.price = text_format("%s (%s) does not set up %s any more, and its rules are gone; %s",
                                 q->other, q->evidence, q->name, price);
    }
    return add(cures, &cure);
}

typedef int (*add_way_t)(const struct cure_question *, const struct routing_options *,
                         struct cures *);

/* With every gateway that may be meant, behind main and before it. */
static int add_gateways(const struct cure_question *q, uint32_t base, add_way_t add_way,
                        struct cures *cures)
{
    struct routing_options options = {.base = base};
    int r = 0;

    for (size_t i = 0; r >= 0 && i < q->n_gateways + 2; i++) {
        const struct cure_gateway *gateway = i >= 2 ? &q->gateways[i - 2] : NULL;
        char text[IP_TEXT_MAX];

        if (i == 1 && !q->on_link)
            continue;
        options.gateway = gateway ? ip_text(&gateway->address, text) : i == 1 ? "none" : NULL;
        options.assumed = gateway && !gateway->seen;
        options.before_main = false;
        r = add_way(q, &options, cures);
        options.before_main = true;
        if (r >= 0)
            r = add_way(q, &options, cures);
    }
    return r;
}

static int add_routing(const struct cure_question *q, struct cures *cures)
{
    int r = q->to == CURE_TO_DEVICE ? add_gateways(q, 0, add_one_routing, cures) : 0;

    for (size_t i = 0; r >= 0 && q->to == CURE_TO_DEVICE && i < q->n_bases; i++)
        r = add_gateways(q, q->bases[i], add_one_routing, cures);
    return r;
}

static int add_other(const struct cure_question *q, struct cures *cures)
{
    return q->stop_other && q->to == CURE_TO_DEVICE ? add_gateways(q, 0, add_one_other, cures) : 0;
}

static void put_route(struct text *text, const struct cure_question *q, const struct route *route)
{
    char to[IP_TEXT_MAX], via[IP_TEXT_MAX];
    _cleanup_free_ char *name = name_quote(q->name);

    text->failed |= !name;
    text_add(text, "ip route add %s", ip_text(&route->to.ip, to));
    if (route->via.family)
        text_add(text, " via %s", ip_text(&route->via, via));
    text_add(text, " dev %s", name ?: "");
    if (route->table != RT_TABLE_MAIN)
        text_add(text, " table %u", route->table);
    text_put(text, "\n");
}

/* gateway NULL: on the link. */
static void command_route(const struct cure_question *q, uint32_t table, const struct ip *to,
                          const struct cure_gateway *gateway, struct cure *cure, struct text *text)
{
    struct route *route = &cure->routes[cure->n_routes++];

    *route = (struct route){
        .family = AF_INET,
        .type = RTN_UNICAST,
        .scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
        .table = table,
        .oif = q->ifindex,
        .to = {.ip = *to, .length = 32},
    };
    if (gateway)
        route->via = gateway->address;
    put_route(text, q, route);
}

static void command_rule(const struct cure_question *q, const struct ip *to, struct cure *cure,
                         struct text *text)
{
    struct route_rule *rule = &cure->rules[cure->n_rules++];
    char from[IP_TEXT_MAX], shown[IP_TEXT_MAX];

    *rule = (struct route_rule){
        .family = AF_INET,
        .action = FR_ACT_TO_TBL,
        .priority = q->before - 1,
        .table = q->table,
        .from = {.ip = q->destination, .length = 32},
        .to = {.ip = *to, .length = 32},
        .suppress_prefixlength = -1,
    };
    text_add(text, "ip rule add priority %u from %s to %s lookup %u\n", rule->priority,
             ip_text(&q->destination, from), ip_text(to, shown), q->table);
}

static const char *assumed_text(const struct cure *cure)
{
    return cure->assumed ? "; that its gateway is a router nothing on this host tells" : "";
}

/* The narrowest: of one destination to one peer. arp: and to its router, which asks by ARP. */
static int add_rule(const struct cure_question *q, const struct cure_gateway *gateway, bool arp,
                    struct cures *cures)
{
    struct cure cure = {.kind = CURE_COMMANDS, .group = CURE_RULE};
    _cleanup_text_ struct text text = {0};
    char peer[IP_TEXT_MAX], from[IP_TEXT_MAX];

    if (q->before < 2 || q->to == CURE_TO_GROUP)
        return 0;
    cure.assumed = gateway && !gateway->seen;
    if (arp)
        command_route(q, q->table, &gateway->address, NULL, &cure, &text);
    command_route(q, q->table, &q->peer, gateway, &cure, &text);
    command_rule(q, &q->peer, &cure, &text);
    if (arp)
        command_rule(q, &gateway->address, &cure, &text);
    cure.text = text_take(&text);
    cure.price =
        text_format("what goes from %s to %s%s leaves by %s; to be run again at each boot%s",
                    ip_text(&q->destination, from), ip_text(&q->peer, peer),
                    arp ? " and its router" : "", q->name, assumed_text(&cure));
    return add(cures, &cure);
}

static int add_route(const struct cure_question *q, const struct cure_gateway *gateway,
                     struct cures *cures)
{
    struct cure cure = {.kind = CURE_COMMANDS, .group = CURE_ROUTE};
    _cleanup_text_ struct text text = {0};
    char peer[IP_TEXT_MAX];

    cure.assumed = gateway && !gateway->seen;
    command_route(q, RT_TABLE_MAIN, &q->peer, gateway, &cure, &text);
    cure.text = text_take(&text);
    cure.price = text_format("all that this host sends or forwards to %s leaves by %s; to be run "
                             "again at each boot%s",
                             ip_text(&q->peer, peer), q->name, assumed_text(&cure));
    return add(cures, &cure);
}

static int add_commands(const struct cure_question *q, struct cures *cures)
{
    bool direct = q->on_link || q->direct;
    int r = 0;

    if (q->stand_in) /* they would serve its address alone */
        return 0;
    if (direct)
        r = add_rule(q, NULL, false, cures);
    for (size_t i = 0; r >= 0 && !direct && i < q->n_gateways; i++) {
        r = add_rule(q, &q->gateways[i], false, cures);
        if (r >= 0)
            r = add_rule(q, &q->gateways[i], true, cures);
    }
    if (r >= 0 && direct)
        r = add_route(q, NULL, cures);
    for (size_t i = 0; r >= 0 && !direct && i < q->n_gateways; i++)
        r = add_route(q, &q->gateways[i], cures);
    return r;
}

/* An own address comes back by another way than it goes: rp_filter has to let that pass, too. */
static int add_accept_local(const struct cure_question *q, const char *mode, struct cures *cures)
{
    struct cure cure = {.group = CURE_LOCAL};

    cure.text = text_format("[accept_local]\n%s = yes\n[rp_filter]\n%s = %s\n", q->pattern,
                            q->pattern, mode);
    cure.price = text_format(
        "%s accepts packets that claim to come from this host itself, and %s", q->pattern,
        streq(mode, "off") ? "every source" : "every source that it has any route to");
    return add(cures, &cure);
}

static int add_local(const struct cure_question *q, struct cures *cures)
{
    int r = 0;

    if (q->loopback && !q->route_localnet)
        r = add_key(q, CURE_LOCAL, "route_localnet", "yes",
                    "lets 127.0.0.0/8 in and out: what listens there only can be reached", cures);
    if (r >= 0 && q->own_source && !q->accept_local)
        r = add_key(q, CURE_LOCAL, "accept_local", "yes",
                    "accepts packets that claim to come from this host itself", cures);
    if (r >= 0 && q->own_source && q->mode == 1)
        r = add_accept_local(q, "loose", cures);
    if (r >= 0 && q->own_source && q->mode != 0)
        r = add_accept_local(q, "off", cures);
    return r;
}

static int add_values(const struct cure_question *q, struct cures *cures)
{
    int r = 0;

    if (q->mode == 1)
        r = add_key(q, CURE_VALUE, "rp_filter", "loose",
                    "accepts every source that this host has any route to", cures);
    if (r >= 0 && q->mode != 0)
        r = add_key(q, CURE_VALUE, "rp_filter", "off", "accepts every source", cures);
    return r;
}

int cures_find(const struct cure_question *question, struct cures *ret)
{
    static int (*const steps[])(const struct cure_question *, struct cures *) = {
        add_as_is, add_marks, add_routing, add_commands, add_other, add_local, add_values,
    };
    _cleanup_cures_ struct cures cures = {0};

    for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
        int r = question->policy || steps[i] == add_commands ? steps[i](question, &cures) : 0;

        if (r < 0)
            return r;
    }
    *ret = cures;
    cures = (struct cures){0};
    return 0;
}
