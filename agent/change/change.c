/* Accept, add, set, remove, flush. Decides nothing but whether to go on after a failure. */
#include "agent/change/change.h"

#include "agent/change/flush.h"
#include "agent/store/lock.h"

/* Nothing could be added for want of privilege: then nothing that comes later is tried either. */
static bool is_forbidden(const struct change *change)
{
    const struct change_counts *counts = change->counts;

    return change->phases == CHANGE_ADDITIONS && !change->request->back && counts->done == 0 &&
           counts->first_error == -EPERM;
}

static int run_engine(struct change *change, size_t i, unsigned phases)
{
    const struct change_request *request = change->request;
    const struct engine *engine = request->engines[i];
    struct change_outcome *outcome = change->outcome;
    int r;

    if (!(engine->phases & phases))
        return 0;
    change->engine = engine;
    change->phases = phases;
    change->counts = &outcome->counts[i];
    change->live = NULL;
    r = request->back ? engine->put_back(change, request->back[i], phases)
                      : engine->carry_out(change, phases);
    if (r >= 0 && is_forbidden(change))
        r = -EPERM;
    if (r < 0 && !outcome->broke) {
        outcome->broke = engine;
        outcome->phases = phases;
    }
    return r;
}

static int run_phase(struct change *change, unsigned phase)
{
    int first = 0;

    for (size_t i = 0; change->request->engines[i]; i++) {
        int r = run_engine(change, i, phase);

        first = first < 0 ? first : r;
        if (r < 0 && !change->request->back)
            break;
    }
    return first;
}

/* One engine alone does all its phases at once. */
static int run_phases(struct change *change)
{
    unsigned phases = change->request->phases ?: CHANGE_ALL_PHASES, failed;
    int ways, r;

    if (!change->request->engines[1])
        return run_engine(change, 0, phases);
    ways = run_phase(change, phases & CHANGE_ADDITIONS);
    if (ways < 0 && !change->request->back)
        return ways;
    failed = change_total(change->outcome).failed;
    r = run_phase(change, phases & CHANGE_VALUES);
    /* What a value that could not be written relies on stays. */
    if (r >= 0 && change_total(change->outcome).failed == failed)
        r = run_phase(change, phases & CHANGE_REMOVALS);
    return ways < 0 ? ways : r;
}

static int run_locked(struct change *change)
{
    const struct change_request *request = change->request;
    int fd = lock_acquire(request->paths, request->lock_timeout_ms), r;

    if (fd < 0)
        return fd;
    r = netlink_open(&change->nl);
    if (r >= 0)
        r = change_announce(change, NULL, 0);
    if (r >= 0)
        r = run_phases(change);
    lock_release(fd);
    return r;
}

/* Not under the lock: it may have to wait. */
static void flush(const struct change_request *request, struct change_outcome *outcome)
{
    _cleanup_procsys_ struct procsys procsys = PROCSYS_INIT;
    bool by_us;
    int r;

    if (!outcome->stricter || (request->by.policy && !request->by.policy->agent.flush_routes))
        return;
    r = procsys_open(request->paths->proc_sys_net, &procsys);
    if (r >= 0)
        r = flush_request(request->paths, &procsys, &by_us);
    outcome->flush_error = r;
    outcome->flushed = r == 0;
}

int change_run(const struct change_request *request, struct change_outcome *ret)
{
    struct change change = {.request = request, .outcome = ret};
    int r;

    *ret = (struct change_outcome){0};
    if (request->missing)
        change.missing = *request->missing;
    r = run_locked(&change);
    netlink_close(&change.nl);
    if (request->missing)
        *request->missing = change.missing;
    else
        missing_ways_done(&change.missing);
    if (!request->no_flush)
        flush(request, ret);
    return r;
}

struct change_counts change_total(const struct change_outcome *outcome)
{
    struct change_counts total = {0};

    for (size_t i = 0; i < ENGINES_MAX; i++) {
        const struct change_counts *counts = &outcome->counts[i];

        total.done += counts->done;
        total.gone += counts->gone;
        total.failed += counts->failed;
        total.held += counts->held;
        total.left += counts->left;
        total.skipped += counts->skipped;
        if (total.first_error == 0)
            total.first_error = counts->first_error;
    }
    return total;
}
