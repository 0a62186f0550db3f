/* Reading, planning and changing, or going back to what was noted. */
#include "agent/engines/routes/routes_row.h"

#include "agent/engines/routes/routes_snapshot.h"

static void report(const struct routes_change *change, const char *name, enum change_result result,
                   int error, void *data)
{
    change_tell(data, change, result, error);
}

static void carry_out_changes(struct change *change, const struct routes_change *changes, size_t n,
                              const struct live *live)
{
    struct change_counts *counts = change->counts;

    /* What failed in an earlier phase is tried again by a later one, which counts it. */
    counts->failed = counts->left = 0;
    counts->first_error = 0;
    routes_carry_out(&change->nl, changes, n, live, report, change);
}

static int read_live(struct change *change, struct live *ret)
{
    const struct change_request *request = change->request;
    const struct policy *policy = request->by.policy;
    struct picture_options picture = {
        .keys = KEY_BIT(KEY_RP_FILTER),
        .facts = policy ? policy->facts | FACT_ADDRESSES : 0,
        .proc_sys_net = request->paths->proc_sys_net,
    };
    _cleanup_(live_done) struct live live = {0};
    int r = picture_read(&change->nl, &picture, &live);

    if (r >= 0)
        r = change_complete(change, &live);
    if (r < 0)
        return r;
    *ret = live;
    live = (struct live){0};
    return 0;
}

/* To a listener. */
static int finish(struct change *change, const struct routing *routing, const struct live *live)
{
    const struct change_request *request = change->request;
    const struct engine_question question = {.paths = request->paths,
                                             .policy = request->by.policy,
                                             .live = live,
                                             .forced = request->by.forced};
    struct engine_report found = {0};
    int r =
        change_is_followed(change) ? routes_report(change->engine, &question, routing, &found) : 0;

    if (r < 0)
        return r;
    change_finish(change, &found);
    engine_report_done(&found);
    return 0;
}

static int carry_out_policy(struct change *change, unsigned phases)
{
    const struct change_request *request = change->request;
    const struct policy *policy = request->by.policy;
    _cleanup_(live_done) struct live live = {0};
    _cleanup_routing_ struct routing routing = {0};
    struct routes_plan *plan = &routing.plan;
    bool removes = phases & CHANGE_REMOVALS;
    int r;

    if (!removes && !routing_in_policy(policy))
        return 0; /* then there is nothing to add */
    r = read_live(change, &live);
    if (r >= 0)
        r = routes_gather(&change->nl, request->paths, policy, &live, &routing.facts);
    if (r >= 0)
        r = routes_plan_proven(&change->nl, policy, &live, &routing.facts, request->by.forced,
                               plan);
    if (r >= 0)
        r = change_announce(change, NULL, 0);
    if (r < 0)
        return r;
    change->live = &live;
    carry_out_changes(change, plan->changes,
                      removes ? plan->n_changes : routes_plan_additions(plan), &live);
    change->live = NULL;
    if (!removes)
        r = routes_prove(&change->nl, policy, &live, &routing.facts, request->by.forced, true,
                         plan);
    if (r < 0)
        return r;
    if (!removes)
        routes_hold(change, plan);
    return finish(change, &routing, &live);
}

static int note(const struct paths *paths, void **ret)
{
    struct routes_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    int r = snapshot ? routes_snapshot_take(snapshot) : -ENOMEM;

    if (r < 0) {
        free(snapshot);
        return r;
    }
    *ret = snapshot;
    return 0;
}

static int put_back(struct change *change, void *noted, unsigned phases)
{
    _cleanup_(routes_plan_done) struct routes_plan plan = {0};
    int r;

    if (!noted)
        return carry_out_policy(change, phases);
    r = routes_snapshot_plan(noted, !(phases & CHANGE_REMOVALS), &plan);
    if (r >= 0)
        carry_out_changes(change, plan.changes, plan.n_changes, NULL);
    return r;
}

static void forget(void *noted)
{
    if (noted)
        routes_snapshot_done(noted);
    free(noted);
}

static const struct state_info *state(unsigned state)
{
    return routes_state_info(state);
}

const struct engine engine_routes = {
    .name = "routes",
    .phases = CHANGE_ADDITIONS | CHANGE_REMOVALS,
    .tell = routes_tell,
    .disown = routes_disown,
    .words = {.member = "routing",
              .changes = "routes",
              .title = "policy routing",
              .many = "routes",
              .parts = "routes and rules",
              .needed = "a route or rule",
              .awaited = "a route or rule that replies need",
              .facts = "addresses, routes and rules",
              .show = "routes show",
              .plan = "routes plan"},
    .keys = ROUTING_KEYS,
    .n_states = ROUTES_STATE_COUNT,
    .state = state,
    .describe = routes_describe,
    .carry_out = carry_out_policy,
    .note = note,
    .put_back = put_back,
    .forget = forget,
};
