/* A cure carried out on a copy. */
#include "agent/advice/trial_world.h"

#include "agent/store/policy_read.h"
#include "policy/advice/impact.h"
#include "policy/base/text.h"
#include "policy/lang/routing.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Where the file stands, or would, in the order of sysctl.d(5): by base name. With --policy=FILE
 * that file is all there is. */
static size_t place_of_file(const struct trial_base *base, bool *ret_there)
{
    const struct conf_files *files = base->files;
    size_t at = 0;

    *ret_there = base->paths->policy && files->count > 0;
    if (*ret_there)
        return files->count - 1;
    while (at < files->count && strcmp(base_name(files->files[at].path), base_name(CURE_FILE)) < 0)
        at++;
    *ret_there = at < files->count && streq(files->files[at].path, CURE_FILE);
    return at;
}

static int join(const char *bytes, const char *lines, struct conf_file *ret)
{
    ret->bytes = text_format("%s\n%s", bytes, lines);
    if (!ret->bytes)
        return -ENOMEM;
    ret->n = strlen(ret->bytes);
    return 0;
}

int trial_policy(const struct trial_base *base, const char *lines, struct policy **ret)
{
    _cleanup_free_ struct conf_file *list = calloc(base->files->count + 1, sizeof(*list));
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct conf_files files = {.files = list, .count = base->files->count};
    struct conf_file *file;
    bool there;
    size_t at = place_of_file(base, &there);
    int r;

    if (!list)
        return -ENOMEM;
    if (base->files->count > 0)
        memcpy(list, base->files->files, base->files->count * sizeof(*list));
    file = &list[at];
    if (!there) {
        memmove(file + 1, file, (files.count++ - at) * sizeof(*list));
        *file = (struct conf_file){.path = (char *)(uintptr_t)CURE_FILE};
    }
    r = join(there ? file->bytes : "", lines, file);
    if (r < 0)
        return r;
    *ret = NULL;
    r = policy_from_files(&files, &diags, ret);
    free(file->bytes);
    return r == -EBADMSG ? 0 : r;
}

static int copy_live(const struct live *live, struct live *ret)
{
    static const struct plan nothing;

    return impact_after_plan(live, &nothing, ret);
}

static void hold(struct trial_world *trial)
{
    for (size_t i = 0; i < trial->routes.n_devices; i++) {
        struct device *device = live_by_ifindex(&trial->before, trial->routes.devices[i].ifindex);

        if (device && trial->routes.devices[i].holds_value)
            device->held = true;
    }
}

static bool reroutes(const struct routes_plan *plan)
{
    for (size_t i = 0; i < plan->n_changes; i++)
        if (routes_change_family(&plan->changes[i]) == AF_INET)
            return true;
    return false;
}

/* A rule of somebody else for an address of the device, as programs that set it up add them. */
static bool is_of_other(const struct trial_base *base, const struct route_rule *rule)
{
    if (rule->protocol == ROUTING_PROTOCOL || rule->from.length == 0)
        return false;
    for (size_t i = 0; i < base->facts->n_addresses; i++)
        if (base->facts->addresses[i].ifindex == base->ifindex &&
            ip_compare(&base->facts->addresses[i].local.ip, &rule->from.ip) == 0)
            return true;
    return false;
}

static size_t without_other(const struct trial_base *base, struct route_rule *rules, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (!is_of_other(base, &rules[i]))
            rules[kept++] = rules[i];
    return kept;
}

/* No other program sets up devices here, and its rules are gone. */
static int stop_others(const struct trial_base *base, struct trial_world *trial,
                       struct route_facts *ret)
{
    *ret = *base->facts;
    trial->rules = calloc(ret->n_rules + 1, sizeof(*trial->rules));
    if (!trial->rules)
        return -ENOMEM;
    if (ret->n_rules > 0)
        memcpy(trial->rules, ret->rules, ret->n_rules * sizeof(*trial->rules));
    ret->rules = trial->rules;
    ret->n_rules = without_other(base, trial->rules, ret->n_rules);
    ret->n_meddlers = 0;
    trial->fib.n_rules = without_other(base, trial->fib.rules, trial->fib.n_rules);
    return 0;
}

static int carry_out_policy(const struct trial_base *base, const char *lines,
                            const struct route_facts *facts, struct trial_world *trial)
{
    int r = trial_policy(base, lines, &trial->policy);

    if (r < 0 || !trial->policy)
        return r;
    r = copy_live(base->live, &trial->before);
    if (r >= 0)
        r = routes_plan(trial->policy, base->live, facts, false, &trial->routes);
    if (r < 0)
        return r;
    hold(trial);
    trial->rerouted = reroutes(&trial->routes);
    r = plan_make(trial->policy, &trial->before, 0, &trial->plan);
    if (r >= 0)
        r = impact_after_plan(&trial->before, &trial->plan, &trial->after);
    if (r >= 0 && trial->rerouted)
        r = fib_pretend(&trial->fib, &trial->routes);
    return r < 0 ? r : 1;
}

static int is_in_the_way(const struct route *route, void *data)
{
    const struct route *wanted = data;

    return route->table == wanted->table && route->metric == wanted->metric && route->tos == 0 &&
           ip_prefix_compare(&route->to, &wanted->to) == 0;
}

static int carry_out_commands(const struct trial_base *base, const struct cure *cure,
                              struct trial_world *trial)
{
    int r = copy_live(base->live, &trial->after);

    if (r < 0)
        return r;
    for (size_t i = 0; i < cure->n_routes; i++) {
        struct route route = cure->routes[i];

        if (fib_each_route(base->fib, is_in_the_way, &route) != 0)
            return 0;
    }
    trial->rerouted = true;
    trial->extra = (struct fib_extra){
        .rules = cure->rules,
        .n_rules = cure->n_rules,
        .routes = cure->routes,
        .n_routes = cure->n_routes,
    };
    r = fib_add(&trial->fib, &trial->extra);
    return r < 0 ? r : 1;
}

int trial_world_make(const struct trial_base *base, const struct cure *cure,
                     struct trial_world *ret)
{
    struct route_facts facts;
    int r;

    memset(ret, 0, sizeof(*ret));
    r = fib_copy(base->fib, &ret->fib);
    if (r < 0)
        return r;
    if (cure->kind == CURE_COMMANDS)
        return carry_out_commands(base, cure, ret);
    if (cure->kind == CURE_POLICY)
        return carry_out_policy(base, cure->text, base->facts, ret);
    r = stop_others(base, ret, &facts);
    return r < 0 ? r : carry_out_policy(base, cure->lines, &facts, ret);
}

void trial_world_done(struct trial_world *trial)
{
    if (trial->fib.copy)
        fib_close(&trial->fib);
    impact_after_done(&trial->after);
    impact_after_done(&trial->before);
    plan_done(&trial->plan);
    routes_plan_done(&trial->routes);
    free(trial->rules);
    trial->policy = policy_free(trial->policy);
}
