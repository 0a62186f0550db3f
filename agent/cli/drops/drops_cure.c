/* Which lines of a policy would have let a dropped packet pass, decided by the same function that
 * stands for the kernel's decision elsewhere. */
#include <stdio.h>

#include "agent/advice/culprit.h"
#include "agent/cli/advice/device_pattern.h"
#include "agent/cli/drops/drops_report.h"
#include "policy/base/text.h"
#include "policy/decide/plan.h"

#define KEEP (-1)

/* The settings that a packet can fail at, the smallest relaxation first. */
static const struct relaxation {
    bool accept_local, route_localnet;
    int rp_filter;
} relaxations[] = {
    {false, false, 2},  {false, false, 0}, {true, false, KEEP}, {false, true, KEEP},
    {true, false, 2},   {true, false, 0},  {false, true, 2},    {false, true, 0},
    {true, true, KEEP}, {true, true, 2},   {true, true, 0},
};

static int effective(const struct live *live, const struct device *device, enum key key)
{
    return key_effective(key, live->all[key], device->conf[key], device->forwarding);
}

/* Whatever else may happen to the packet, it is not dropped for its source. */
static bool passes(const struct packet *packet, const struct receiver *receiver, int mode)
{
    struct verdict verdict = verdict_decide(packet, receiver, mode);

    return verdict.accept || verdict.drop == DROP_OTHER;
}

static bool helps(const struct relaxation *relaxation, const struct packet *packet,
                  const struct receiver *receiver, int mode)
{
    struct receiver relaxed = *receiver;

    if ((relaxation->accept_local && receiver->accept_local) ||
        (relaxation->route_localnet && receiver->route_localnet))
        return false; /* not a change */
    relaxed.accept_local |= relaxation->accept_local;
    relaxed.route_localnet |= relaxation->route_localnet;
    if (relaxation->rp_filter != KEEP) {
        if (key_strictness(KEY_RP_FILTER, relaxation->rp_filter) >=
            key_strictness(KEY_RP_FILTER, mode))
            return false;
        mode = relaxation->rp_filter;
    }
    return passes(packet, &relaxed, mode);
}

/* A pattern that wins over, or stands in the place of, the rule that decides now. */
static void choose_pattern(const struct device *device, struct cure_line *line)
{
    const struct rule *rule = line->rule;

    if (rule && rule->pattern.kind == PATTERN_EXACT)
        snprintf(line->pattern, sizeof(line->pattern), "%s", rule->pattern.text);
    else if (rule && rule->pattern.kind == PATTERN_RANGE)
        snprintf(line->pattern, sizeof(line->pattern), "%s", device->name);
    else
        device_pattern(device->name, line->pattern);
}

static void add_line(const struct policy *policy, const struct device *device, enum key key,
                     int value, struct drop_cure *cure)
{
    struct cure_line *line = &cure->lines[cure->n_lines++];

    line->key = key;
    line->value = value;
    line->rule = policy_match(policy, key, device, NULL);
    choose_pattern(device, line);
}

/* Does the policy on disk ask for all of it already? */
static bool is_asked_for(const struct live *live, const struct device *device,
                         const struct drop_cure *cure)
{
    for (unsigned i = 0; i < cure->n_lines; i++) {
        const struct cure_line *line = &cure->lines[i];

        if (!line->rule || !plan_rule_writes(line->rule) ||
            !rule_accepts(line->rule, line->value) ||
            rule_accepts(line->rule, effective(live, device, line->key)))
            return false;
    }
    return true;
}

static void relax(const struct drop_facts *facts, const struct device *device,
                  const struct relaxation *relaxation, struct drop_cure *cure)
{
    if (relaxation->rp_filter != KEEP)
        add_line(facts->policy, device, KEY_RP_FILTER, relaxation->rp_filter, cure);
    if (relaxation->accept_local)
        add_line(facts->policy, device, KEY_ACCEPT_LOCAL, 1, cure);
    if (relaxation->route_localnet)
        add_line(facts->policy, device, KEY_ROUTE_LOCALNET, 1, cure);
    cure->kind = is_asked_for(facts->live, device, cure) ? CURE_APPLY : CURE_RULES;
}

static int look_up(const struct drop_facts *facts, const struct device *device,
                   const struct drop *drop, struct fib_packet *packet, struct receiver *ret)
{
    if (!facts->fib)
        return -EOPNOTSUPP;
    *packet = (struct fib_packet){
        .packet = {.source = drop->source, .destination = drop->destination},
        .mark = drop->sample.mark,
        .tos = drop->sample.tos,
        .proto = drop->sample.protocol,
        .sport = drop->sample.source_port,
        .dport = drop->sample.destination_port,
    };
    return fib_receiver(facts->fib, facts->live, device, packet, ret, NULL);
}

/* Accepted is not answered: the line is no cure where the network expects the reply by the device.
 */
static void look_at_reply(const struct drop_facts *facts, const struct device *device,
                          const struct fib_packet *packet, const struct receiver *receiver,
                          struct drop_cure *cure)
{
    const struct world world = {.fib = facts->fib, .live = facts->live};
    const struct complaint complaint = {
        .ifindex = device->ifindex,
        .peer = packet->packet.source,
        .destination = packet->packet.destination,
        .mark = packet->mark,
        .one_way = complaint_is_one_way(facts->fib, &packet->packet, receiver->there),
    };
    bool leaves = true;

    if (cure->kind == CURE_RULES || cure->kind == CURE_APPLY)
        cure->astray = complaint_reply(&world, &complaint, &leaves, &cure->reply) >= 0 && !leaves;
}

void drop_cure(const struct drop_facts *facts, const struct drop *drop, struct drop_cure *ret)
{
    const struct device *device = drop->ifindex ? live_by_ifindex(facts->live, drop->ifindex)
                                                : live_by_name(facts->live, drop->device);
    struct drop_cure cure = {.kind = CURE_NONE};
    struct receiver receiver;
    struct fib_packet packet;
    struct verdict verdict;
    int mode;

    *ret = (struct drop_cure){.kind = device ? CURE_UNKNOWN : CURE_GONE};
    if (!device || look_up(facts, device, drop, &packet, &receiver) < 0)
        return;
    mode = effective(facts->live, device, KEY_RP_FILTER);
    verdict = verdict_decide(&packet.packet, &receiver, mode);
    cure.dropped = !verdict.accept;
    cure.step = verdict.step;
    if (passes(&packet.packet, &receiver, mode))
        cure.kind = CURE_ACCEPTED;
    for (unsigned i = 0; cure.kind == CURE_NONE && i < ELEMENTSOF(relaxations); i++)
        if (helps(&relaxations[i], &packet.packet, &receiver, mode))
            relax(facts, device, &relaxations[i], &cure);
    look_at_reply(facts, device, &packet, &receiver, &cure);
    *ret = cure;
}

static void print_line(struct text *out, const struct policy *policy, const struct cure_line *line)
{
    const struct rule *rule = line->rule;
    const char *key = key_info(line->key)->name, *word;
    char buf[12], pattern[2 * NAME_ESCAPED_SIZE];

    word = key_value_format(line->key, line->value, buf, sizeof(buf));
    if (rule && rule->exception >= 0)
        text_add(out, "[exception %s] %s = %s",
                 NAME_SHOWN(policy->exceptions[rule->exception].name), key, word);
    else
        text_add(out, "[%s] %s = %s", key, name_escape_buf(line->pattern, pattern, sizeof(pattern)),
                 word);
}

static char *lines_text(const struct policy *policy, const struct drop_cure *cure)
{
    _cleanup_text_ struct text text = {0};

    for (unsigned i = 0; i < cure->n_lines; i++) {
        text_put(&text, i > 0 ? " and " : "");
        print_line(&text, policy, &cure->lines[i]);
    }
    return text_take(&text);
}

char *drop_cure_text(const struct policy *policy, const struct drop_cure *cure)
{
    static const char *const words[] = {
        [CURE_APPLY] = "rpfpolicy apply",
        [CURE_ACCEPTED] = "what is in effect now",
        [CURE_NONE] = "no setting",
        [CURE_GONE] = "not known: the device is gone",
        [CURE_UNKNOWN] = "not known: the routing rules cannot be judged",
    };

    return cure->kind == CURE_RULES ? lines_text(policy, cure) : strdup(words[cure->kind]);
}

char *drop_reply_text(const struct drop_facts *facts, const struct drop_cure *cure)
{
    const struct world world = {.fib = facts->fib, .live = facts->live};

    return cure->astray ? culprit_way_text(&world, &cure->reply) : NULL;
}
