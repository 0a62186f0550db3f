/* Reading everything once, and trying cure after cure on top of it. */
#include "agent/advice/advise.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>

#include "agent/advice/advise_private.h"
#include "agent/advice/culprit.h"
#include "agent/engines/routes/routes_engine.h"
#include "agent/peers/peers.h"
#include "agent/store/policy_read.h"
#include "policy/advice/impact.h"
#include "policy/base/text.h"

static void advising_done(struct advising *advising)
{
    fib_close(&advising->fib);
    conf_files_done(&advising->files);
    route_facts_done(&advising->facts);
    free(advising->bystanders);
}
#define _cleanup_advising_ _cleanup_(advising_done)

void advice_done(struct advice *advice)
{
    free(advice->finding);
    free(advice->culprit);
    free(advice->note);
    for (size_t i = 0; i < advice->n_cures; i++) {
        free(advice->cures[i].text);
        free(advice->cures[i].price);
        free(advice->cures[i].tried);
    }
    *advice = (struct advice){0};
}

/* What the routing planner wants to know where it is asked for the device, too. */
static int read_facts(struct advising *advising)
{
    const struct advice_question *q = advising->question;
    _cleanup_policy_ struct policy *policy = NULL;
    _cleanup_free_ char *lines = text_format("[routing]\n%s = auto\n", q->pattern);
    int r = lines ? 0 : -ENOMEM;

    if (r >= 0 && q->policy_usable)
        r = trial_policy(&advising->base, lines, &policy);
    if (r >= 0)
        r = routes_gather(q->nl, q->paths, policy ?: q->policy, q->live, &advising->facts);
    return r;
}

static int read_files(struct advising *advising)
{
    _cleanup_diags_ struct diags known = DIAGS_INIT; /* said before */

    if (!advising->question->policy_usable)
        return 0;
    return policy_read_files(advising->question->paths, &known, &advising->files);
}

static int judge_now(struct advising *advising)
{
    int r = complaint_judge(&advising->now, &advising->complaint, &advising->result);

    if (r < 0 || advising->result.receiver.there != ROUTE_BROADCAST)
        return r;
    advising->to = CURE_TO_GROUP;
    advising->complaint.one_way = true;
    return complaint_judge(&advising->now, &advising->complaint, &advising->result);
}

static int read_all(struct advising *advising)
{
    const struct advice_question *q = advising->question;
    int r = fib_open(q->nl, &advising->fib);

    if (r >= 0)
        r = fib_hold(&advising->fib, ADVICE_ROUTES_MAX);
    if (r >= 0)
        r = advising_settle(advising);
    if (r < 0)
        return r;
    advising->now = (struct world){.fib = &advising->fib, .live = q->live};
    advising->base = (struct trial_base){
        .paths = q->paths,
        .files = &advising->files,
        .live = q->live,
        .fib = &advising->fib,
        .facts = &advising->facts,
        .ifindex = q->device->ifindex,
    };
    return judge_now(advising);
}

/* -- trying -- */

/* How the world would be judged for everybody else. 1: nobody is cut; 0: somebody is. */
static int spares_others(const struct advising *advising, struct trial_world *trial,
                         struct peers *ret_peers)
{
    const struct advice_question *q = advising->question;
    const struct world then = {.fib = &trial->fib, .live = &trial->after};
    const struct peers_options options = {
        .nl = q->nl,
        .live = q->live,
        .after = &trial->after,
        .proc_sys_net = q->paths->proc_sys_net,
        .fib = (struct fib *)(uintptr_t)&advising->fib,
        .fib_after = trial->rerouted ? &trial->fib : NULL,
        .max = ADVICE_PEERS_MAX,
    };
    int r = bystanders_pass(advising->bystanders, &then);

    if (r <= 0)
        return r;
    r = peers_find(&options, ret_peers);
    return r < 0 ? r : ret_peers->count == 0;
}

static const char *addresses_text(const struct complaint *complaint, char buf[static 64])
{
    char peer[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN];

    snprintf(buf, 64, "%s -> %s", inet_ntop(AF_INET, &complaint->peer, peer, sizeof(peer)) ?: "?",
             inet_ntop(AF_INET, &complaint->destination, to, sizeof(to)) ?: "?");
    return buf;
}

static char *tried_text(const struct advising *advising, enum cure_kind kind,
                        const struct peers *peers)
{
    const struct bystanders *others = advising->bystanders;
    size_t tried_with = others->count + others->n_tunnelled;
    _cleanup_text_ struct text text = {0};
    char pair[64];

    text_add(&text, "%s: %s accepted", kind == CURE_OTHERS ? "modelled, not tried" : "tried",
             addresses_text(&advising->complaint, pair));
    if (!advising->complaint.one_way)
        text_add(&text, ", replies by %s", NAME_SHOWN(advising->question->device->name));
    if (peers->kept > 0)
        text_add(&text, "; %zu %s working", peers->kept,
                 peers->kept == 1 ? "peer seen now keeps" : "peers seen now keep");
    if (peers->left_out > 0)
        text_add(&text, "; tried with %d of %zu packets of peers", ADVICE_PEERS_MAX,
                 ADVICE_PEERS_MAX + peers->left_out);
    if (others->left_out > 0)
        text_add(&text, "; tried with %zu of %zu subnets, routers and destinations in tunnels",
                 tried_with, tried_with + others->left_out);
    return text_take(&text);
}

/* Which other devices accept more then: the cure names one by a glob, or the policy asks for more.
 */
static int put_looser(const struct advising *advising, const struct trial_world *trial,
                      struct text *text)
{
    const struct live *live = advising->question->live;
    size_t n = 0;

    for (size_t i = 0; i < live->count; i++) {
        const struct device *now = &live->devices[i];
        const struct device *then = live_by_ifindex(&trial->after, now->ifindex);

        if (now == advising->question->device || !then || !impact_receives(now) ||
            !key_may_refuse(KEY_RP_FILTER, impact_effective(&trial->after, then, KEY_RP_FILTER),
                            impact_effective(live, now, KEY_RP_FILTER)))
            continue;
        if (n++ < 3)
            text_add(text, "%s%s", n == 1 ? "; looser, too: " : ", ", NAME_SHOWN(now->name));
    }
    if (n > 3)
        text_add(text, " and %zu more", n - 3);
    return text->failed ? -ENOMEM : 0;
}

static int keep(const struct advising *advising, const struct trial_world *trial,
                const struct cure *cure, const struct peers *peers, struct advice *advice)
{
    struct advice_cure *kept = &advice->cures[advice->n_cures];
    _cleanup_text_ struct text price = {0};
    int r;

    text_put(&price, cure->price);
    r = put_looser(advising, trial, &price);
    if (r < 0)
        return r;
    *kept = (struct advice_cure){
        .kind = cure->kind,
        .text = strdup(cure->text),
        .price = text_take(&price),
        .tried = tried_text(advising, cure->kind, peers),
        .modelled = cure->assumed || cure->kind == CURE_OTHERS,
        .peers_left_out = peers->left_out,
        .routes_left_out = advising->bystanders->left_out,
    };
    advice->n_cures++;
    return kept->text && kept->price && kept->tried ? 0 : -ENOMEM;
}

/* 1: it cures. */
static int try_cure(const struct advising *advising, const struct cure *cure, struct advice *advice)
{
    _cleanup_trial_world_ struct trial_world trial = {0};
    _cleanup_peers_ struct peers peers = {0};
    struct complaint_result result;
    struct world then;
    int r = trial_world_make(&advising->base, cure, &trial);

    if (r <= 0)
        return r;
    then = (struct world){.fib = &trial.fib, .live = &trial.after};
    r = complaint_judge(&then, &advising->complaint, &result);
    if (r < 0 || result.end != COMPLAINT_CURED)
        return r < 0 ? r : 0;
    r = spares_others(advising, &trial, &peers);
    if (r <= 0)
        return r;
    r = keep(advising, &trial, cure, &peers, advice);
    return r < 0 ? r : 1;
}

static bool is_tunnel(const struct advising *advising, const struct fib_way *way)
{
    const struct device *device =
        way->found.n_hops > 0 ? live_by_ifindex(advising->question->live, way->found.hops[0])
                              : NULL;

    return device && device->flags & (IFF_POINTOPOINT | IFF_NOARP) &&
           !(device->flags & IFF_LOOPBACK);
}

/* Does a mark lead past the rule (Tailscale's 0x80000)? */
static bool has_exemption(const struct fib *fib, const struct route_rule *guard)
{
    for (size_t i = 0; i < fib->n_rules; i++) {
        const struct route_rule *rule = &fib->rules[i];

        if (rule->mask && rule->mark && !rule->invert && rule->action == FR_ACT_TO_TBL &&
            rule->priority < guard->priority && rule->table == RT_TABLE_MAIN)
            return true;
    }
    return false;
}

/* Leads the reply into a tunnel that everything without a mark is meant to take? Then a way past it
 * would show in clear what it hides. */
static bool is_guarded(const struct advising *advising)
{
    const struct complaint_result *result = &advising->result;
    const struct fib_way *way = result->end == COMPLAINT_ASTRAY ? &result->reply : &result->back;
    const struct fib *fib = &advising->fib;
    const struct route_rule *rule =
        way->rule && way->rule <= fib->n_rules ? &fib->rules[way->rule - 1] : NULL;

    if (!rule)
        return false;
    return (rule->invert && rule->mask) ||
           (way->route.to.length <= 1 && is_tunnel(advising, way) && has_exemption(fib, rule));
}

static bool is_way(const struct cure *cure)
{
    return cure->group == CURE_ROUTING || cure->group == CURE_RULE || cure->group == CURE_ROUTE ||
           cure->group == CURE_OTHER_PROGRAM;
}

/* Is there a better one of its kind already? Another program is not to blame where our routing can
 * be had beside it. */
static bool is_done(const struct cure *cure, unsigned cured)
{
    return cured & 1u << cure->group ||
           (cure->group == CURE_OTHER_PROGRAM && cured & 1u << CURE_ROUTING);
}

static int try_all(const struct advising *advising, const struct cures *cures,
                   struct advice *advice)
{
    bool guarded = is_guarded(advising);
    unsigned cured = 0, tries = 0;

    for (size_t i = 0; i < cures->count && advice->n_cures < ADVICE_CURES_MAX; i++) {
        const struct cure *cure = &cures->items[i];
        int r;

        if (is_done(cure, cured) || (guarded && is_way(cure)))
            continue;
        if (tries++ == ADVICE_TRIES_MAX) {
            advice->note = text_format("%zu more cures were not tried", cures->count - i);
            return advice->note ? 0 : -ENOMEM;
        }
        r = try_cure(advising, cure, advice);
        if (r < 0)
            return r;
        if (r > 0)
            cured |= 1u << cure->group;
        if (cured & 1u << CURE_AS_IS)
            break;
    }
    if (guarded && !advice->note)
        advice->note = strdup("what is not marked is meant to take that tunnel: no way past it is "
                              "advised, since it would be in clear");
    return 0;
}

static int find_cures(struct advising *advising, struct advice *advice)
{
    _cleanup_cures_ struct cures cures = {0};
    struct cure_question question;
    int r;

    advice->tried = true;
    advising->bystanders = calloc(1, sizeof(*advising->bystanders));
    r = advising->bystanders ? read_files(advising) : -ENOMEM;
    if (r >= 0)
        r = read_facts(advising);
    if (r >= 0)
        r = bystanders_find(&advising->now, &advising->complaint, advising->bystanders);
    if (r >= 0)
        r = advising_ask(advising, &question);
    if (r >= 0)
        r = cures_find(&question, &cures);
    return r < 0 ? r : try_all(advising, &cures, advice);
}

/* -- marks -- */

/* Does what carries this mark pass? 1: yes; 0: no, and *ret_accept tells whether with
 * src_valid_mark it would. */
static int judge_marked(const struct advising *advising, uint32_t mark, bool *ret_replies)
{
    struct complaint marked = advising->complaint;
    struct complaint_result result;
    int r;

    marked.mark = mark;
    r = complaint_judge(&advising->now, &marked, &result);
    if (r < 0)
        return r;
    *ret_replies = false;
    if (result.end != COMPLAINT_CURED && result.end != COMPLAINT_DROPPED)
        return 0;
    *ret_replies = result.end == COMPLAINT_DROPPED;
    return result.end == COMPLAINT_CURED;
}

/* Packets of which no mark was told: some rule may look at one that they carry. 1: with a mark they
 * pass, so that nothing is known. */
static int look_at_marks(const struct advising *advising, struct advice *advice)
{
    const struct fib *fib = &advising->fib;
    uint32_t maybe = 0;

    for (size_t i = 0; !advising->question->marked && i < fib->n_rules; i++) {
        const struct route_rule *rule = &fib->rules[i];
        bool dropped;
        int r;

        if (!rule->mask || !rule->mark)
            continue;
        r = judge_marked(advising, rule->mark, &dropped);
        if (r < 0)
            return r;
        if (r > 0) {
            advice->note = text_format(
                "packets that carry mark 0x%x, which rule %u looks at, pass; those without do "
                "not. Tell the mark with --mark=0x%x, or --mark=0 for none",
                rule->mark, rule->priority, rule->mark);
            return advice->note ? 1 : -ENOMEM;
        }
        maybe = dropped && !maybe ? rule->mark : maybe;
    }
    if (maybe && !advice->note)
        advice->note =
            text_format("where the packets carry mark 0x%x, ask with --mark=0x%x", maybe, maybe);
    return 0;
}

/* -- all of it -- */

static const char *const ends[] = {
    [COMPLAINT_CURED] = "accepted",
    [COMPLAINT_DROPPED] = "dropped",
    [COMPLAINT_ASTRAY] = "accepted, but replies leave by another way",
    [COMPLAINT_REPLY_DROPPED] = "accepted, but the replies are dropped",
    [COMPLAINT_DEAF] = "accepted, but ARP requests of the neighbour are not answered",
    [COMPLAINT_UNKNOWN] = "not known",
};

static int tell(struct advising *advising, struct advice *advice)
{
    const struct complaint *complaint = &advising->complaint;
    const struct complaint_result *result = &advising->result;
    const char *name = advising->question->device->name;
    bool cured = result->end == COMPLAINT_CURED;
    char pair[64];

    advice->peer = complaint->peer;
    advice->destination = complaint->destination;
    advice->known = result->end != COMPLAINT_UNKNOWN;
    advice->passes = cured;
    advice->finding =
        text_format("%s by %s: %s%s%s", addresses_text(complaint, pair), NAME_SHOWN(name),
                    ends[result->end], cured && !complaint->one_way ? ", replies by " : "",
                    cured && !complaint->one_way ? NAME_SHOWN(name) : "");
    if (!advice->finding)
        return -ENOMEM;
    if (cured)
        return 0;
    advice->culprit = culprit_text(&advising->now, advising->question->policy, complaint, result);
    return advice->culprit ? 0 : -ENOMEM;
}

int advise(const struct advice_question *question, struct advice *ret)
{
    _cleanup_advising_ struct advising advising = {.question = question};
    _cleanup_advice_ struct advice advice = {0};
    int r = read_all(&advising);

    if (r == -EADDRNOTAVAIL || r == -E2BIG || (r >= 0 && !impact_receives(question->device))) {
        advice.note = strdup(r == -E2BIG ? "there are more routes than are looked at"
                             : r < 0     ? "no address could be meant"
                                         : "nothing comes in by this device itself");
        r = advice.note ? 0 : -ENOMEM;
    } else if (r >= 0) {
        r = tell(&advising, &advice);
        if (r >= 0 && advice.known && !advice.passes) {
            r = look_at_marks(&advising, &advice);
            if (r > 0)
                advice.known = false;
            else if (r == 0)
                r = find_cures(&advising, &advice);
        }
    }
    if (r < 0)
        return r;
    *ret = advice;
    advice = (struct advice){0};
    return 0;
}
