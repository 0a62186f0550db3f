/* Policy files: any bytes in several files must parse or be refused with messages; a policy that is
 * taken must judge and plan consistently. Input: files split by lines that read "----"; the live
 * values are drawn from the bytes, and the last file is also taken as a device's name. */
#include "fuzz.h"
#include "policy/decide/plan.h"
#include "policy/lang/compile.h"
#include "policy/routes/routes.h"

#define DEVICES 7

/* What the kernel holds while a plan is carried out. */
struct world {
    struct device devices[DEVICES];
    struct live live;
    int before[DEVICES][KEY_COUNT];
};

static void make_world(struct world *world, const char *last, uint64_t seed)
{
    static const char *const names[DEVICES] = {"lo", "eth0", "eth1", "lxc12", "cilium_host", "br0"};
    static const int values[] = {0, 1, 2, 0, 1, -5, 3, 2};

    *world = (struct world){0};
    for (int i = 0; i < DEVICES; i++) {
        struct device *device = &world->devices[i];

        *device = (struct device){.ifindex = i + 1, .type = 1, .ipv4 = true, .known = UINT32_MAX};
        device->flags = i % 2 ? 1 : 0;
        device->numbered = i % 3 == 0;
        device->uplink = i == 1;
        device->bus_parent = i == 1 || i == 2;
        device->forwarding = i == 5;
        device->master = i == 2 ? 6 : 0;
        snprintf(device->slave_kind, sizeof(device->slave_kind), "%s", i == 2 ? "bridge" : "");
        snprintf(device->kind, sizeof(device->kind), "%s", i == 3 ? "veth" : "");
        snprintf(device->name, sizeof(device->name), "%s", names[i] ? names[i] : last);
    }
    world->live = (struct live){.devices = world->devices, .count = DEVICES, .all_writable = true};
    for (enum key key = 0; key < KEY_COUNT; key++) {
        bool wide = key_info(key)->values != VALUES_SWITCH;
        int mask = wide ? 7 : 1;

        for (int i = 0; i < DEVICES; i++, seed = seed * 6364136223846793005U + 1442695040888963407U)
            world->devices[i].conf[key] = values[(seed >> 33) & (unsigned)mask];
        world->live.all[key] = values[(seed >> 40) & (unsigned)mask];
        world->live.def[key] = values[(seed >> 45) & (unsigned)mask];
    }
}

static int effective(const struct world *world, int i, enum key key)
{
    return key_effective(key, world->live.all[key], world->devices[i].conf[key],
                         world->devices[i].forwarding);
}

static void carry_out(struct world *world, const struct write *write)
{
    int *value;

    require(write->ifindex >= IFINDEX_DEFAULT && write->ifindex <= DEVICES && write->ifindex != 0);
    if (write->ifindex == IFINDEX_ALL)
        value = &world->live.all[write->key];
    else if (write->ifindex == IFINDEX_DEFAULT)
        value = &world->live.def[write->key];
    else
        value = &world->devices[write->ifindex - 1].conf[write->key];
    require(*value == write->old_value);
    require(write->old_value != write->new_value || write->step == 0);
    *value = write->new_value;
}

/* A device is at every step at its before or its after value, and a second plan is empty. */
static void check_plan(const struct policy *policy, struct world *world)
{
    _cleanup_plan_ struct plan plan = {0}, again = {0};
    struct world end = *world;

    end.live.devices = end.devices;
    require(plan_make(policy, &world->live, 0, &plan) == 0);
    for (size_t n = 0; n < plan.count; n++)
        carry_out(&end, &plan.writes[n]);
    for (int i = 0; i < DEVICES; i++)
        for (enum key key = 0; key < KEY_COUNT; key++)
            world->before[i][key] = effective(world, i, key);
    for (size_t n = 0; n < plan.count; n++) {
        enum key key = plan.writes[n].key;

        require(n == 0 || plan.writes[n - 1].key != key ||
                plan.writes[n - 1].step <= plan.writes[n].step);
        carry_out(world, &plan.writes[n]);
        for (int i = 0; i < DEVICES; i++) {
            int now = effective(world, i, key);

            require(now == world->before[i][key] || now == effective(&end, i, key));
        }
    }
    require(plan_make(policy, &world->live, 0, &again) == 0);
    require(again.count == 0);
}

/* Exception, exact name or range, glob or set, bare *: the smaller wins. */
static int rule_class(const struct rule *rule)
{
    if (rule->exception >= 0)
        return 0;
    switch (rule->pattern.kind) {
    case PATTERN_EXACT:
    case PATTERN_RANGE:
        return 1;
    case PATTERN_GLOB:
    case PATTERN_SET:
        return 2;
    default:
        return 3;
    }
}

/* The winner as the manual says it, without any table. */
static const struct rule *slow_match(const struct policy *policy, enum key key,
                                     const struct device *device)
{
    const struct rule *best = NULL;

    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i];

        if (rule->key != key)
            continue;
        if (rule->pattern.kind == PATTERN_SET ? set_matches(policy, rule->pattern.set, device) != 1
                                              : !pattern_matches_name(&rule->pattern, device->name))
            continue;
        if (!best || rule_class(rule) <= rule_class(best))
            best = rule;
    }
    return best;
}

static void check_match(const struct policy *policy, const struct world *world)
{
    for (enum key key = 0; key < KEY_COUNT; key++) {
        for (int i = 0; i < DEVICES; i++) {
            const struct rule *undecided = NULL, *winner;

            winner = policy_match(policy, key, &world->devices[i], &undecided);
            require(!undecided);
            require(winner == slow_match(policy, key, &world->devices[i]));
        }
    }
}

static void check_rules(const struct policy *policy)
{
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct rule *rule = &policy->rules[i];
        bool known = false;

        require(rule->key < KEY_COUNT && (policy->keys & KEY_BIT(rule->key)));
        require(rule->unmanaged == (rule->n_values == 0));
        require(rule->n_values <= RULE_VALUES_MAX);
        for (unsigned v = 0; v < rule->n_values; v++) {
            require(!key_out_of_range(rule->key, rule->values[v]));
            require(rule_accepts(rule, rule->values[v]));
        }
        require(rule->exception >= -1 && rule->exception < (int)policy->n_exceptions);
        require(rule->pattern.kind != PATTERN_SET || rule->pattern.set >= 0);
        require(rule->pattern.kind != PATTERN_SET ||
                rule->pattern.set < BUILTIN_SET_COUNT + (int)policy->n_sets);
        require(rule->origin.line > 0);
        for (size_t f = 0; f < policy->n_files; f++)
            known = known || policy->files[f] == rule->origin.file;
        require(known);
    }
}

/* Whatever is asked of routing: once it is there, there is nothing left to do, and nothing is left
 * when it is taken away. */
static void check_routing(const struct policy *policy, struct world *world)
{
    static const char *const texts[] = {"10.0.0.2/24",    "10.0.1.2/24", "10.0.1.3/24",
                                        "2001:db8::2/64", "fe80::1/64",  "10.3.0.1/32"};
    struct route_address addresses[ELEMENTSOF(texts)] = {0};
    struct route_facts facts = {.addresses = addresses, .n_addresses = ELEMENTSOF(texts)};
    struct routes_plan plan = {0}, again = {0}, none = {0};

    for (int i = 0; i < (int)ELEMENTSOF(texts); i++) {
        addresses[i].ifindex = 2 + i % (DEVICES - 1);
        require(ip_prefix_parse(texts[i], &addresses[i].local) == 0);
    }
    for (int i = 0; i < DEVICES; i++)
        world->devices[i].flags |= 1; /* up */
    require(routes_plan(policy, &world->live, &facts, false, &plan) == 0);
    require(routing_in_policy(policy) || plan.n_devices == 0);
    require(plan.n_changes == plan.n_routes + plan.n_rules);
    for (size_t i = 0; i < plan.n_routes; i++)
        require(plan.routes[i].protocol == ROUTING_PROTOCOL && plan.routes[i].oif > 1 &&
                plan.routes[i].table != 0 &&
                (plan.routes[i].table < 253 || plan.routes[i].table > 255));
    for (size_t i = 0; i < plan.n_rules; i++)
        require(plan.rules[i].protocol == ROUTING_PROTOCOL && plan.rules[i].priority > 0 &&
                plan.rules[i].priority <= ROUTING_PRIORITY_MAX);
    facts.routes = plan.routes;
    facts.n_routes = plan.n_routes;
    facts.rules = plan.rules;
    facts.n_rules = plan.n_rules;
    require(routes_plan(policy, &world->live, &facts, false, &again) == 0);
    require(again.n_changes == 0);
    require(routes_plan(NULL, &world->live, &facts, false, &none) == 0);
    require(none.n_changes == plan.n_routes + plan.n_rules);
    routes_plan_done(&none);
    routes_plan_done(&again);
    routes_plan_done(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_policy_ struct policy *policy = policy_new();
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    char last[DEVICE_NAME_MAX + 1] = "x";
    struct world world;
    struct part part;

    require(policy);
    for (unsigned i = 0; part_next(&data, &size, &part); i++) {
        char path[40];

        snprintf(path, sizeof(path), "/etc/rpfpolicy.d/%03u.conf", i);
        require(policy_add_file(policy, path, part.bytes, part.n, &diags) == 0);
        snprintf(last, sizeof(last), "%.*s", (int)(part.n < 15 ? part.n : 15), part.bytes);
        part_done(&part);
    }
    require(policy_finish(policy, &diags) == 0);
    require_diags(&diags);
    if (diags_failed(&diags))
        return 0;
    check_rules(policy);
    make_world(&world, name_is_valid_device(last) ? last : "x", policy->hash);
    check_match(policy, &world);
    check_plan(policy, &world);
    check_routing(policy, &world);
    return 0;
}
