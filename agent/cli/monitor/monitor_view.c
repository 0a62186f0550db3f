/* The picture that `monitor` keeps, and how messages and readings change it. One comparison of
 * before and after finds what is printed, whatever the occasion. */
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "agent/cli/monitor/monitor.h"
#include "agent/cli/session/report.h"

static void judge_again(struct monitor *monitor)
{
    struct session *session = &monitor->session;
    struct judge_context context = {
        .sysctl = session->sysctl,
        .guard = session->guard,
        .enforcing = session->enforcing,
        .today = session->today,
    };
    struct judge *judge = NULL;

    if (judge_new(session->policy, &session->live, &context, &judge) < 0)
        return; /* what is wanted of a device hardly changes with the others */
    judge_free(session->judge);
    session->judge = judge;
}

static void set_wanted(struct change *change, const struct key_state *state)
{
    change->wanted_known = state->wanted_known;
    change->wanted = state->wanted;
    change->state = state_name(state->state);
}

static const struct key_state *find_state(const struct key_state *states, unsigned n, enum key key)
{
    for (unsigned i = 0; i < n; i++)
        if (states[i].key == key)
            return &states[i];
    return NULL;
}

/* Either may be NULL: a device that came or went. old_all: `all` before; after is in the picture.
 */
static void compare_devices(struct monitor *monitor, const struct device *old,
                            const struct device *new, const int32_t *old_all, const char *event)
{
    const struct session *session = &monitor->session;
    const struct device *device = new ? new : old;
    bool had = old && old->ipv4, has = new &&new->ipv4;
    bool renamed = old && new && !streq(old->name, new->name);
    bool whole = had != has || (has && renamed);
    struct key_state states[KEY_COUNT];
    unsigned n = 0;

    for (enum key key = 0; (had || has) && key < KEY_COUNT; key++) {
        const struct key_state *state;
        struct change change = {
            .event = event,
            .ifindex = device->ifindex,
            .name = device->name,
            .old_name = renamed ? old->name : NULL,
            .key = key,
            .had = had,
            .has = has,
        };

        if (had) {
            change.old_configured = old->conf[key];
            change.old_effective =
                key_effective(key, old_all[key], old->conf[key], old->forwarding);
        }
        if (has) {
            change.configured = new->conf[key];
            change.effective =
                key_effective(key, session->live.all[key], new->conf[key], new->forwarding);
        }
        if (whole ? !(report_keys(session->policy) & KEY_BIT(key))
                  : change.old_configured == change.configured &&
                        change.old_effective == change.effective)
            continue;
        if (has && n == 0) {
            enum state worst;

            n = judge_device(session->judge, new, states, &worst);
        }
        state = has ? find_state(states, n, key) : NULL;
        if (state)
            set_wanted(&change, state);
        else if (has)
            change.state = state_name(STATE_UNMANAGED);
        monitor_print(monitor, &change);
    }
}

static void compare_specials(struct monitor *monitor, int which, const int32_t *old,
                             const int32_t *new, const char *event)
{
    const struct session *session = &monitor->session;

    for (enum key key = 0; key < KEY_COUNT; key++) {
        struct change change = {
            .event = event,
            .ifindex = which,
            .name = which == IFINDEX_ALL ? "all" : "default",
            .key = key,
            .had = true,
            .has = true,
            .old_configured = old[key],
            .configured = new[key],
        };
        struct key_state state;

        if (old[key] == new[key])
            continue;
        judge_special(session->judge, which, key, &state);
        set_wanted(&change, &state);
        change.effective = state.effective;
        change.old_effective = key_effective(
            key, which == IFINDEX_ALL ? old[key] : session->live.all[key], old[key], false);
        monitor_print(monitor, &change);
    }
}

/* ------------------------------------------------------------------------------ single messages */

static void insert(struct live *live, size_t at, struct device *device)
{
    struct device *devices = reallocarray(live->devices, live->count + 1, sizeof(*live->devices));

    if (!devices) {
        device_done(device);
        return; /* the next reading finds it */
    }
    live->devices = devices;
    memmove(devices + at + 1, devices + at, (live->count - at) * sizeof(*devices));
    devices[at] = *device;
    live->count++;
}

static size_t place_of(const struct live *live, int ifindex)
{
    size_t at = live->count;

    while (at > 0 && live->devices[at - 1].ifindex >= ifindex)
        at--;
    return at;
}

uint32_t monitor_facts(const struct monitor *monitor)
{
    return session_facts(monitor->session.policy) | (monitor->count > 0 ? FACT_ALTNAMES : 0);
}

/* What a message about a link does not say, of the same device. */
static void keep_facts(struct device *device, struct device *old)
{
    device->numbered = old->numbered;
    device->uplink = old->uplink;
    memcpy(device->driver, old->driver, sizeof(device->driver));
    if (device->master == old->master)
        memcpy(device->master_name, old->master_name, sizeof(device->master_name));
    device->properties = TAKE_PTR(old->properties);
    device->known |= old->known;
    if (device->master != old->master)
        device->known &= ~(uint32_t)FACT_MASTER_NAME;
}

static void on_new_link(struct monitor *monitor, const struct nlmsghdr *message)
{
    struct live *live = &monitor->session.live;
    struct device device = {0}, *old;

    if (link_read_message(message, monitor_facts(monitor), &device) < 0)
        return;
    old = live_by_ifindex(live, device.ifindex);
    if (!old) {
        compare_devices(monitor, NULL, &device, live->all, "new device");
        insert(live, place_of(live, device.ifindex), &device);
        return;
    }
    keep_facts(&device, old);
    compare_devices(monitor, old, &device, live->all,
                    streq(old->name, device.name) ? "link" : "rename");
    device_done(old);
    *old = device;
}

static void on_link(struct monitor *monitor, const struct nlmsghdr *message)
{
    struct live *live = &monitor->session.live;
    const struct ifinfomsg *info;
    struct device *old;

    if (mnl_nlmsg_get_payload_len(message) < sizeof(*info))
        return;
    info = mnl_nlmsg_get_payload(message);
    if (info->ifi_family != AF_UNSPEC)
        return; /* a bridge speaks of its port */
    if (message->nlmsg_type == RTM_NEWLINK) {
        on_new_link(monitor, message);
        return;
    }
    old = live_by_ifindex(live, info->ifi_index);
    if (!old)
        return;
    compare_devices(monitor, old, NULL, live->all, "gone");
    device_done(old);
    live->count--;
    memmove(old, old + 1, (size_t)(live->devices + live->count - old) * sizeof(*old));
}

/* Every device's effective value may hang on `all`; who follows `default` is not announced. */
static void on_special(struct monitor *monitor, const struct netconf_values *values)
{
    bool is_all = values->ifindex == NETCONFA_IFINDEX_ALL;
    struct live *live = &monitor->session.live;
    int32_t *present = is_all ? live->all : live->def, old[KEY_COUNT];

    if (!values->has_rp_filter || present[KEY_RP_FILTER] == values->rp_filter)
        return;
    memcpy(old, present, sizeof(old));
    present[KEY_RP_FILTER] = values->rp_filter;
    judge_again(monitor);
    compare_specials(monitor, is_all ? IFINDEX_ALL : IFINDEX_DEFAULT, old, present, "netconf");
    if (!is_all) {
        monitor->reread = "default";
        return;
    }
    for (size_t i = 0; i < live->count; i++)
        compare_devices(monitor, &live->devices[i], &live->devices[i], old, "all");
}

static void on_netconf(struct monitor *monitor, const struct nlmsghdr *message)
{
    struct netconf_values values = {0};
    struct device *device, old;

    if (netconf_read_message(message, &values) < 0)
        return;
    if (values.ifindex < 0) {
        on_special(monitor, &values);
        return;
    }
    device = live_by_ifindex(&monitor->session.live, values.ifindex);
    if (!device)
        return;    /* its RTM_NEWLINK comes next and carries the values */
    old = *device; /* for the comparison; what it owns stays with the device */
    if (values.has_rp_filter)
        device->conf[KEY_RP_FILTER] = values.rp_filter;
    if (values.has_forwarding)
        device->forwarding = values.forwarding != 0;
    compare_devices(monitor, &old, device, monitor->session.live.all, "netconf");
}

void monitor_message(const struct nlmsghdr *message, void *data)
{
    struct monitor *monitor = data;

    if (monitor->failed < 0)
        return;
    if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK)
        on_link(monitor, message);
    else if (message->nlmsg_type == RTM_NEWNETCONF)
        on_netconf(monitor, message);
}

/* ------------------------------------------------------------------------------- whole readings */

int monitor_take(struct monitor *monitor, struct live *live, const char *event)
{
    struct session *session = &monitor->session;
    struct live old = session->live;
    size_t i = 0, j = 0;

    session->live = *live;
    *live = (struct live){0};
    judge_again(monitor);
    compare_specials(monitor, IFINDEX_ALL, old.all, session->live.all, event);
    compare_specials(monitor, IFINDEX_DEFAULT, old.def, session->live.def, event);
    while (i < old.count || j < session->live.count) {
        const struct device *a = i < old.count ? &old.devices[i] : NULL;
        const struct device *b = j < session->live.count ? &session->live.devices[j] : NULL;

        if (a && b && a->ifindex != b->ifindex) {
            if (a->ifindex < b->ifindex)
                b = NULL;
            else
                a = NULL;
        }
        compare_devices(monitor, a, b, old.all, event);
        i += a != NULL;
        j += b != NULL;
    }
    live_done(&old);
    return 0;
}
