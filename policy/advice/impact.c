/* Before and after a change, as two pictures and two verdicts. */
#include "policy/advice/impact.h"

#include <linux/if.h>

#include "policy/base/util.h"

static int copy(const struct live *live, struct live *ret)
{
    struct device *devices = calloc(live->count + 1, sizeof(*devices));

    if (!devices)
        return -ENOMEM;
    if (live->count > 0)
        memcpy(devices, live->devices, live->count * sizeof(*devices));
    *ret = *live;
    ret->devices = devices;
    return 0;
}

int impact_after_plan(const struct live *live, const struct plan *plan, struct live *ret)
{
    int r = copy(live, ret);

    if (r < 0)
        return r;
    for (size_t i = 0; i < plan->count; i++) {
        const struct write *write = &plan->writes[i];
        struct device *device;

        if (write->ifindex == IFINDEX_ALL)
            ret->all[write->key] = write->new_value;
        if (write->ifindex <= 0)
            continue;
        device = live_by_ifindex(ret, write->ifindex);
        if (device)
            device->conf[write->key] = write->new_value;
    }
    return 0;
}

/* The effective value that the winning rule asks for. */
static int asked_for(const struct policy *policy, const struct device *device, int now)
{
    const struct rule *undecided, *rule;

    if (device_is_port(device))
        return now;
    rule = policy_match(policy, KEY_RP_FILTER, device, &undecided);
    if (!rule || undecided || rule->unmanaged || rule_accepts(rule, now))
        return now;
    return rule->values[0];
}

int impact_after_rules(const struct live *live, const struct policy *policy, struct live *ret)
{
    int r = copy(live, ret);

    if (r < 0)
        return r;
    /* Under an `all` of 0 a device acts as its own value says. */
    ret->all[KEY_RP_FILTER] = 0;
    for (size_t i = 0; i < live->count; i++)
        ret->devices[i].conf[KEY_RP_FILTER] = asked_for(
            policy, &live->devices[i], impact_effective(live, &live->devices[i], KEY_RP_FILTER));
    return 0;
}

void impact_after_done(struct live *after)
{
    free(after->devices);
    *after = (struct live){0};
}

int impact_effective(const struct live *live, const struct device *device, enum key key)
{
    return key_effective(key, live->all[key], device->conf[key], device->forwarding);
}

bool impact_receives(const struct device *device)
{
    return device->ipv4 && (device->flags & IFF_UP) && !(device->flags & IFF_LOOPBACK) &&
           !device_is_port(device) && !device_is_vrf(device);
}

bool impact_is_stricter(const struct live *live, const struct device *device,
                        const struct live *after, const struct device *device_after)
{
    if (!impact_receives(device))
        return false;
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (key_may_refuse(key, impact_effective(live, device, key),
                           impact_effective(after, device_after, key)))
            return true;
    return false;
}

static bool accepted(const struct impact_case *c, const struct receiver *receiver, int mode)
{
    return verdict_decide(c->packet, receiver, mode).accept;
}

static struct impact_cure cure_of(const struct impact_case *c)
{
    struct receiver receiver = *c->after;

    for (int mode = 2; mode >= 0; mode -= 2)
        if (mode != c->mode_after && accepted(c, c->after, mode))
            return (struct impact_cure){.known = true, .key = KEY_RP_FILTER, .value = mode};
    receiver.accept_local = c->before->accept_local;
    if (accepted(c, &receiver, c->mode_after))
        return (struct impact_cure){.known = true, .key = KEY_ACCEPT_LOCAL, .value = 1};
    receiver = *c->after;
    receiver.route_localnet = c->before->route_localnet;
    if (accepted(c, &receiver, c->mode_after))
        return (struct impact_cure){.known = true, .key = KEY_ROUTE_LOCALNET, .value = 1};
    return (struct impact_cure){0};
}

bool impact_is_cut(const struct impact_case *c, struct verdict *ret, struct impact_cure *ret_cure)
{
    struct verdict then;

    if (!accepted(c, c->before, c->mode_before))
        return false;
    then = verdict_decide(c->packet, c->after, c->mode_after);
    if (then.accept)
        return false;
    *ret = then;
    *ret_cure = cure_of(c);
    return true;
}
