/* The picture that `monitor` keeps, and how messages and readings change it. One comparison of
 * before and after finds what is printed, whatever the occasion. */
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
            .altnames = device->altnames,
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

uint32_t monitor_facts(const struct monitor *monitor)
{
    return session_facts(monitor->session.policy) | (monitor->count > 0 ? FACT_ALTNAMES : 0);
}

/* Every device's effective value may hang on `all`; who follows `default` is not announced. */
static void on_special(struct monitor *monitor, const struct world_change *change)
{
    bool is_all = change->ifindex == IFINDEX_ALL;
    const struct live *live = &monitor->session.live;

    judge_again(monitor);
    compare_specials(monitor, change->ifindex, change->special, is_all ? live->all : live->def,
                     "netconf");
    if (!is_all)
        monitor->reread = "default";
    for (size_t i = 0; is_all && i < live->count; i++)
        compare_devices(monitor, &live->devices[i], &live->devices[i], change->special, "all");
}

void monitor_message(const struct nlmsghdr *message, void *data)
{
    static const char *const events[] = {
        [WORLD_NEW_DEVICE] = "new device", [WORLD_LINK] = "link",
        [WORLD_RENAMED] = "rename",        [WORLD_GONE] = "gone",
        [WORLD_VALUES] = "netconf",
    };
    struct monitor *monitor = data;
    struct live *live = &monitor->session.live;
    struct world_change change;

    if (monitor->failed < 0)
        return;
    world_update(&monitor->world, message, &change);
    *live = monitor->world.live;
    if (change.event == WORLD_SPECIAL)
        on_special(monitor, &change);
    else if (change.event != WORLD_NOTHING && change.event != WORLD_UNKNOWN)
        compare_devices(monitor, change.before.ifindex ? &change.before : NULL,
                        live_by_ifindex(live, change.ifindex), live->all, events[change.event]);
    if (change.stale & WORLD_DEVICES && !monitor->reread)
        monitor->reread = "look";
    world_change_done(&change);
}

/* ------------------------------------------------------------------------------- whole readings */

void monitor_take(struct monitor *monitor, struct world *world, const char *event)
{
    struct session *session = &monitor->session;
    struct world before = monitor->world;
    const struct live old = before.live;
    size_t i = 0, j = 0;

    monitor->world = *world;
    *world = (struct world){0};
    session->live = monitor->world.live;
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
    world_done(&before);
}
