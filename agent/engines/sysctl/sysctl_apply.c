/* Carrying out a plan of values: read, plan and write. Decides nothing itself, but for what a
 * device that vanished or was renamed meanwhile means for the rest of a plan. */
#include "agent/engines/sysctl/sysctl_engine.h"

#include "agent/engines/sysctl/sysctl_write.h"
#include "agent/store/before.h"
#include "agent/store/former.h"
#include "policy/base/text.h"
#include "policy/decide/plan.h"

#define RENAMES_MAX 5

struct seen {
    int ifindex;
    key_mask followed; /* as in that picture */
};

struct apply {
    struct change *change;
    const struct change_request *request;
    const struct policy *policy; /* of the request, or the whole of it; NULL: values go back … */
    struct sysctl_back *back;    /* … by this */
    struct procsys procsys;
    bool looked;          /* the devices were read once … */
    struct former former; /* … and what `all` and `default` were before then is known … */
    struct former now;    /* … and what they are by now */
    struct seen *seen;    /* owned: devices of the picture that was first planned with */
    size_t n_seen;
    key_mask pinned; /* keys of which those devices no longer follow `default` */
    key_mask
        blocked; /* `all` or `default` could not be written: what relies on it must not follow */
    bool stricter;
};

static void apply_done(struct apply *apply)
{
    free(apply->seen);
    procsys_close(&apply->procsys);
}

static int by_ifindex(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;

    return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

/* The first part of a plan stops every device it knows from following `default`. What they followed
 * until then can no longer be seen. */
static void pin_seen(const struct apply *apply, struct live *live)
{
    for (size_t i = 0; apply->seen && i < live->count; i++) {
        struct device *device = &live->devices[i];
        const struct seen key = {.ifindex = device->ifindex};
        const struct seen *seen =
            bsearch(&key, apply->seen, apply->n_seen, sizeof(key), by_ifindex);

        if (!seen)
            continue;
        device->pinned = apply->pinned;
        device->followed |= seen->followed & apply->pinned;
    }
}

static int remember_seen(struct apply *apply, const struct live *live)
{
    if (apply->seen || live->count == 0)
        return 0;
    apply->seen = calloc(live->count, sizeof(*apply->seen));
    if (!apply->seen)
        return -ENOMEM;
    for (size_t i = 0; i < live->count; i++)
        apply->seen[i] = (struct seen){live->devices[i].ifindex, live->devices[i].followed};
    apply->n_seen = live->count;
    return 0;
}

static int take_whole(struct apply *apply)
{
    if (!apply->policy->device[0])
        return 0;
    return apply->request->by.whole(apply->request->data, &apply->policy);
}

static int read_picture(struct apply *apply, int ifindex, struct live *ret)
{
    const struct change_source *by = &apply->request->by;
    uint32_t facts = apply->policy ? apply->policy->facts : 0;
    struct picture_options picture = {
        .keys = apply->policy ? apply->policy->keys : apply->back->keys,
        .facts = (facts | by->facts) & ~by->blind,
        .ifindex = ifindex,
        .proc_sys_net = apply->request->paths->proc_sys_net,
        .procsys = &apply->procsys,
    };

    if (ifindex == 0)
        picture.facts |= FACT_ADDRESSES;
    return picture_read(&apply->change->nl, &picture, ret);
}

/* With as much of the policy as it takes; the whole one may be another one by now. */
static int read_by_policy(struct apply *apply, int ifindex, struct live *ret)
{
    _cleanup_(live_done) struct live live = {0};
    int r;

    if (!apply->policy)
        return read_picture(apply, ifindex, ret);
    r = ifindex == 0 ? take_whole(apply) : 0;
    if (r >= 0)
        r = read_picture(apply, ifindex, &live);
    if (r >= 0 && !plan_is_enough(apply->policy, &live)) {
        live_done(&live);
        r = take_whole(apply);
        if (r >= 0)
            r = read_picture(apply, ifindex, &live);
    }
    if (r < 0)
        return r;
    *ret = live;
    live = (struct live){0};
    return 0;
}

/* What the first look told counts for the whole plan: later ones see what it wrote itself. The
 * agent knows by itself what was there before. */
static int know_former(struct apply *apply, struct live *live)
{
    const struct paths *paths = apply->request->paths;
    int r;

    if (!apply->policy)
        return 0;
    if (!apply->looked) {
        r = former_read(paths, &apply->former);
        if (r < 0)
            return r;
        /* `apply --once`: by what was in force root's record was made when this was accepted. */
        if (apply->policy->agent.mode == MODE_ENFORCE)
            former_update(&apply->former, apply->policy, apply->policy->keys & apply->former.known,
                          live);
        apply->now = apply->former;
        apply->looked = true;
    }
    return former_fill(&apply->former, paths, live);
}

/* ifindex 0: all devices. */
static int read_live(struct apply *apply, int ifindex, struct live *ret)
{
    _cleanup_(live_done) struct live live = {0};
    struct device *only;
    int r;

    r = read_by_policy(apply, ifindex, &live);
    if (r < 0)
        return r;
    /* The other devices' addresses tell who follows `default`; this one's are still not judged. */
    only = live_by_ifindex(&live, apply->request->only_ifindex);
    if (only)
        only->known &= ~apply->request->by.blind;
    r = change_complete(apply->change, &live);
    if (r >= 0)
        r = know_former(apply, &live);
    if (r < 0)
        return r;
    pin_seen(apply, &live);
    *ret = live;
    live = (struct live){0};
    return 0;
}

static bool writes_all_or_default(const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->writes[i].ifindex < 0)
            return true;
    return false;
}

static int read_and_plan(struct apply *apply, int ifindex, struct plan *ret)
{
    int only = apply->request->only_ifindex, r;
    _cleanup_(live_done) struct live live = {0};

    r = read_live(apply, ifindex, &live);
    if (r < 0)
        return r;
    if (only != 0 && !live_by_ifindex(&live, only))
        return -ENODEV;
    r = apply->policy ? plan_make(apply->policy, &live, only, ret)
                      : sysctl_back_plan(apply->back, apply->request->paths, &live, ret);
    if (r >= 0 && ifindex == 0 && ret->until_reread < ret->count)
        r = remember_seen(apply, &live);
    return r;
}

/* One device is looked at alone first: hardly ever does anything else have to move for it. */
static int make_plan(struct apply *apply, struct plan *ret)
{
    int only = apply->request->only_ifindex, r;

    r = read_and_plan(apply, only, ret);
    if (r < 0 || only == 0 || !writes_all_or_default(ret))
        return r;
    plan_done(ret);
    *ret = (struct plan){0};
    return read_and_plan(apply, 0, ret);
}

struct before_record *sysctl_records(const struct write *writes, size_t n)
{
    struct before_record *records = calloc(n + 1, sizeof(*records));

    for (size_t i = 0; records && i < n; i++) {
        records[i] = (struct before_record){.key = writes[i].key,
                                            .ifindex = writes[i].ifindex,
                                            .value = writes[i].former,
                                            .all = writes[i].former_all,
                                            .all_known = true,
                                            .wrote = writes[i].new_value};
        memcpy(records[i].name, writes[i].name, sizeof(records[i].name));
    }
    return records;
}

/* Negative where these must not be written. A record that only `restore` would miss is no reason.
 */
static int record(struct apply *apply, const struct write *writes, size_t n)
{
    struct change_outcome *outcome = apply->change->outcome;
    _cleanup_free_ struct before_record *records = NULL;
    int r;

    if (n == 0)
        return 0;
    records = sysctl_records(writes, n);
    if (!records)
        return -ENOMEM;
    r = before_append(apply->request->paths, records, n);
    if (r < 0 && outcome->record_error == 0)
        outcome->record_error = r;
    return change_announce(apply->change, records, n);
}

/* `all` as it was before, and as it will be after the plan. */
static void targets_of_plan(const struct plan *plan, enum key key, int live_all, int *ret_old,
                            int *ret_new)
{
    *ret_old = *ret_new = live_all;
    for (size_t i = 0; i < plan->count; i++)
        if (plan->writes[i].key == key && plan->writes[i].ifindex == IFINDEX_ALL) {
            *ret_old = plan->writes[i].old_value;
            *ret_new = plan->writes[i].new_value;
        }
}

/* What a device wants under its new name. 1: *ret is to be written; 0: nothing. */
static int match_again(struct apply *apply, const struct plan *plan, const struct write *write,
                       struct write *ret)
{
    int only = apply->request->only_ifindex;
    _cleanup_(live_done) struct live live = {0};
    struct key_target key_target;
    struct device_target target;
    struct device *device;
    int r, configured, old_all, new_all;

    r = read_live(apply, write->ifindex, &live);
    if (r < 0)
        return r;
    device = live_by_ifindex(&live, write->ifindex);
    if (!device)
        return -ENODEV;
    *ret = *write;
    memcpy(ret->name, device->name, sizeof(ret->name));
    /* Others than the one that is asked for are only kept as they are, whatever they are called. */
    if (write->step == 0 || !apply->policy || (only != 0 && write->ifindex != only))
        return 1;

    configured = device->conf[write->key];
    if (configured == write->new_value)
        device->conf[write->key] = write->old_value; /* written by us, under the old name */
    targets_of_plan(plan, write->key, live.all[write->key], &old_all, &new_all);
    live.all[write->key] = old_all;
    plan_key_target(apply->policy, &live, write->key, &key_target);
    key_target.new_all = new_all;
    plan_device_target(apply->policy, &key_target, write->key, device, &target);
    ret->old_value = ret->former = device->conf[write->key];
    ret->new_value = target.write ? target.write_value : device->conf[write->key];
    ret->before = target.before;
    ret->after = target.wanted;
    ret->rule = plan_rule_writes(target.rule) ? target.rule : NULL;
    ret->reason = ret->rule ? WRITE_RULE : WRITE_KEEP;
    return ret->new_value != configured;
}

static void know_written(struct apply *apply, const struct write *write)
{
    if (write->ifindex == IFINDEX_ALL)
        apply->now.all[write->key] = write->new_value;
    else if (write->ifindex == IFINDEX_DEFAULT)
        apply->now.def[write->key] = write->new_value;
}

static void write_one(struct apply *apply, const struct plan *plan, const struct write *planned)
{
    struct write write = *planned, again;
    int r = sysctl_write(&apply->procsys, &apply->change->nl, &write);

    for (unsigned i = 0; r == -ESTALE && i < RENAMES_MAX; i++) {
        change_tell(apply->change, &write, CHANGE_RENAMED, 0);
        r = match_again(apply, plan, &write, &again);
        if (r == 0)
            return;
        if (r < 0)
            break;
        write = again;
        r = record(apply, &write, 1);
        if (r >= 0)
            r = sysctl_write(&apply->procsys, &apply->change->nl, &write);
    }
    if (r >= 0)
        know_written(apply, &write);
    if (r == -ENODEV)
        change_tell(apply->change, &write, CHANGE_GONE, 0);
    else if (r < 0)
        change_tell(apply->change, &write, CHANGE_FAILED, r == -ESTALE ? -EAGAIN : r);
    else
        change_tell(apply->change, &write, CHANGE_DONE, 0);
}

/* Devices of step 2 are right with and without a move of `all`. What comes after it relies on it,
 * and `all` itself on `default`, which a new device would copy. */
static bool relies_on_blocked(const struct apply *apply, const struct write *write)
{
    return apply->blocked & KEY_BIT(write->key) && write->step != 2;
}

static int carry_out(struct apply *apply, const struct plan *plan, size_t from, size_t to)
{
    int r = record(apply, plan->writes + from, to - from);

    if (r < 0)
        return r;
    for (size_t i = from; i < to; i++) {
        const struct write *write = &plan->writes[i];
        unsigned failed = apply->change->counts->failed;

        if (relies_on_blocked(apply, write)) {
            change_tell(apply->change, write, CHANGE_FAILED, -ECANCELED);
            continue;
        }
        write_one(apply, plan, write);
        if (write->ifindex < 0 && apply->change->counts->failed > failed)
            apply->blocked |= KEY_BIT(write->key);
    }
    apply->stricter |= plan->stricter;
    return 0;
}

static void report_held(struct apply *apply, const struct plan *plan)
{
    for (size_t i = 0; i < plan->n_held; i++)
        change_tell(apply->change, &plan->held[i], CHANGE_HELD, 0);
}

/* Planned again after each part that asks for it; a key asks at most once, unless its write failed:
 * then the rest is carried out as it is. */
static int plan_and_carry_out(struct apply *apply)
{
    for (unsigned i = 0; i <= KEY_COUNT; i++) {
        _cleanup_plan_ struct plan plan = {0};
        int r = make_plan(apply, &plan);

        if (r < 0)
            return r;
        r = carry_out(apply, &plan, 0, plan.until_reread);
        if (r < 0)
            return r;
        if (plan.until_reread < plan.count) /* keys are planned in their order */
            apply->pinned |= 2 * KEY_BIT(plan.writes[plan.until_reread - 1].key) - 1;
        if (apply->blocked)
            r = carry_out(apply, &plan, plan.until_reread, plan.count);
        if (r < 0)
            return r;
        if (apply->blocked || plan.until_reread == plan.count) {
            report_held(apply, &plan);
            return 0;
        }
    }
    return -EAGAIN;
}

/* A trial is not told to be undone where somebody undid that meanwhile. */
static int look_again(struct apply *apply)
{
    struct sysctl_back *back = apply->back;
    struct change_counts *counts = apply->change->counts;
    _cleanup_plan_ struct plan plan = {0};
    int r;

    counts->skipped = (unsigned)back->restore.n_skipped;
    if (!back->trial || counts->failed > 0)
        return 0;
    r = make_plan(apply, &plan);
    for (size_t i = 0; i < plan.count; i++)
        change_tell(apply->change, &plan.writes[i], CHANGE_FAILED, -EAGAIN);
    return r;
}

/* Also where not all came to its end. Without it `all` is taken for moved by others the next time.
 */
static void remember_former(const struct apply *apply)
{
    struct change_outcome *outcome = apply->change->outcome;
    int r = former_write(apply->request->paths, &apply->now);

    if (r < 0 && outcome->record_error == 0)
        outcome->record_error = r;
}

static int apply(struct change *change, const struct policy *policy, struct sysctl_back *back)
{
    _cleanup_(apply_done) struct apply apply = {.change = change,
                                                .request = change->request,
                                                .policy = policy,
                                                .back = back,
                                                .procsys = PROCSYS_INIT};
    int r = procsys_open(apply.request->paths->proc_sys_net, &apply.procsys);

    if (r >= 0 && back)
        r = former_read(apply.request->paths, &apply.now);
    if (r >= 0 && back && back->trial) /* what stayed by the policy on trial goes, too */
        former_update(&apply.now, NULL, back->was.kept, &back->was);
    if (r >= 0)
        r = plan_and_carry_out(&apply);
    if (apply.looked || back)
        remember_former(&apply);
    if (r >= 0 && back)
        r = look_again(&apply);
    change->outcome->stricter |= apply.stricter && change->counts->done > 0;
    return r;
}

static int carry_out_policy(struct change *change, unsigned phases)
{
    return apply(change, change->request->by.policy, NULL);
}

static int put_back(struct change *change, void *noted, unsigned phases)
{
    struct sysctl_back *back = noted;
    int r = apply(change, NULL, back);

    change->counts->skipped += back->unrecorded;
    return r;
}

static int describe(const void *change, const struct live *live, struct engine_change *ret)
{
    static const char *const reasons[] = {
        [WRITE_RULE] = "rule",
        [WRITE_PIN] = "pin",
        [WRITE_MAKE_ROOM] = "make-room",
        [WRITE_KEEP] = "keep",
        [WRITE_STOP_FOLLOW] = "stop-follow",
        [WRITE_NEW_DEVICES] = "new-devices",
        [WRITE_RESTORE] = "restore",
        [WRITE_UNPLANNED] = "unplanned",
    };
    const struct write *write = change;
    struct engine_change text = {
        .phase = CHANGE_VALUES,
        .ifindex = write->ifindex,
        .op = "write",
        .reason = reasons[write->reason],
        .command = text_format("%s %d -> %d", key_info(write->key)->name, write->old_value,
                               write->new_value),
        .value = write,
    };

    if (!text.command)
        return -ENOMEM;
    memcpy(text.name, write->name, sizeof(text.name));
    *ret = text;
    return 0;
}

const struct engine engine_sysctl = {
    .name = "sysctl",
    .phases = CHANGE_VALUES,
    .describe = describe,
    .carry_out = carry_out_policy,
    .note = sysctl_back_note,
    .remember = sysctl_back_remember,
    .record_size = sizeof(struct before_record),
    .put_back = put_back,
    .forget = sysctl_back_forget,
};
_Static_assert(sizeof(struct before_record) <= ENGINE_RECORD_MAX, "a trial remembers it");
