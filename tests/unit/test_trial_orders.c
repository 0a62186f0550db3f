/* Every order in which those who accept, try, confirm, put back and read a policy can take their
 * steps, each of them killed at every step, and the power cut after every step: what is in force is
 * what the manual says, and what was told to be so. The programs' own functions over real files.
 *
 * Orders that lead to one state go on in the same ways, so that each state is looked at once; how
 * many orders that makes is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/change/confirm_private.h"
#include "agent/store/accepted_hold.h"
#include "agent/store/failed_trial.h"
#include "agent/store/history.h"
#include "agent/store/lock.h"
#include "agent/store/policy_load.h"
#include "policy/base/text.h"
#include "trial_steps.h"

/* The policies, as a set; DEAD is one of a trial that was over before all began. */
enum { NONE = 1, OLD = 2, TRIAL = 4, OTHER = 8, PLAIN = 16, DEAD = 32, UNUSABLE = 64 };
static const char *const policy_names[] = {"none",  "old",  "trial",   "other",
                                           "plain", "dead", "unusable"};

enum phase {
    NOT_YET,
    ACCEPTING, /* it may be in force */
    WAITING,   /* it is */
    KEEPING,   /* it is, and may be for good */
    KEPT,
    PUTTING_BACK, /* it may be in force */
    OVER,
};

/* A trial as it is known from outside: what was begun, and what was told. */
struct trial {
    unsigned policy;
    enum phase phase;
    struct confirm_result result;
};

/* What may be accepted for good, and what may be after a power cut. */
struct story {
    unsigned now, after_cut;
    struct trial trials[2];
    unsigned accepting; /* by a plain accept */
    int accepted;       /* what that returned */
    /* Of which policy it must be told that its trial failed, once no trial lives; 0: nothing is
     * known of that. */
    unsigned failed;
    int confirmed; /* likewise, a confirm from elsewhere */
    /* Of a reader: what was in force while it read, what it got. */
    unsigned seen, got;
    bool reads, has_read;
    struct accepted_stamp stamp;
};

struct scenario {
    const char *name;
    unsigned before;
    void (*cast)(void);
    unsigned mortal; /* actors that may be killed, one of them */
};

#define DEPTH_MAX 512
#define SEEN_SIZE (1U << 22)

struct moment {
    unsigned char choices[2 * ACTORS_MAX];
    unsigned n, at;
    unsigned value;
    double orders;
    const char *what;
};

static struct {
    const struct scenario *scenario;
    struct moment path[DEPTH_MAX];
    unsigned depth, deaths;
    struct {
        uint64_t hash;
        double orders;
    } * seen;
    size_t n_states, n_cuts;
    char root[64], cut_root[64];
    struct paths cut_paths, policy_paths[6];
    char bytes[6][CONTENT_MAX], trial_bytes[6][CONTENT_MAX];
    size_t sizes[6];
} all;

static struct story story;

static unsigned read_stamped(const struct paths *paths, const char *device,
                             struct accepted_stamp *stamp)
{
    _cleanup_policy_ struct policy *policy = NULL;
    int r = policy_load_stamped(paths, device, NULL, stamp, &policy);

    if (r < 0)
        return r == -ENOENT ? NONE : UNUSABLE;
    for (unsigned i = 1; i < ELEMENTSOF(policy_names) - 1; i++)
        if (strstr(policy->files[0], policy_names[i]))
            return 1U << i;
    return UNUSABLE;
}

static unsigned read_policy(const struct paths *paths)
{
    struct accepted_stamp stamp;

    return read_stamped(paths, NULL, &stamp);
}

/* Of which policy it is told that its trial failed. */
static unsigned read_failed(const struct paths *paths)
{
    struct failed_trial failed;

    if (accepted_failed(paths, &failed) <= 0)
        return NONE;
    for (unsigned i = 1; i < ELEMENTSOF(policy_names) - 1; i++)
        if (memcmp(all.bytes[i] + strlen(ACCEPTED_MAGIC), failed.hash, 16) == 0)
            return 1U << i;
    return UNUSABLE;
}

static const char *set_text(unsigned set)
{
    static char text[128];

    text[0] = '\0';
    for (unsigned i = 0; i < ELEMENTSOF(policy_names); i++)
        if (set & (1U << i))
            (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s",
                           policy_names[i]);
    return text;
}

_Noreturn static void wrong(const char *what, unsigned is, unsigned may_be)
{
    print_error("%s: %s:%s", all.scenario->name, what, set_text(is));
    print_error(", may be:%s\n", set_text(may_be));
    for (unsigned i = 0; i < all.depth; i++) {
        const struct moment *state = &all.path[i];
        unsigned choice = state->choices[state->at], number = choice % ACTORS_MAX;

        print_error("  %s %s%s\n", world->actors[number].name,
                    choice >= ACTORS_MAX ? "is killed before: " : "", state->what ?: "");
    }
    fail();
    abort();
}

/* --- What the actors do, as the programs do, and what is known of it. */

static struct trial *trial_of(const struct actor *actor)
{
    return actor->story;
}

static int accept_policy(struct actor *actor, unsigned flags)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    int r = policy_load(&actor->paths, &diags, &policy);

    return r < 0 ? r : policy_accept(&actor->paths, policy->hash, flags, &diags);
}

static void end_accept(unsigned policy, int r)
{
    story.accepting = 0;
    story.accepted = r;
    if (r >= 0) {
        story.now = story.after_cut = policy;
        story.failed = NONE;
    }
}

/* `accept`. */
static void accept_plainly(struct actor *actor)
{
    int lock = lock_acquire(&actor->paths, 1), r = confirm_check(&actor->paths, NULL);

    if (r >= 0) {
        story.accepting = PLAIN;
        story.failed = 0;
        story.after_cut |= PLAIN;
        r = accept_policy(actor, 0);
    }
    if (!actor->killed)
        end_accept(PLAIN, r);
    lock_release(lock);
}

/* `apply --confirm`, but for the values. What it says at the end is asked for in `decide`. */
static int try_policy(struct actor *actor, struct confirm *confirm)
{
    struct trial *trial = trial_of(actor);
    struct confirm_packet packet;
    int r = confirm_receive_packet(confirm->fd, &packet), lock;

    if (r < 0 || packet.error < 0)
        return r < 0 ? r : packet.error;
    lock = lock_acquire(&actor->paths, 1);
    r = lock < 0 ? lock : confirm_check(&actor->paths, confirm);
    if (r >= 0) {
        trial->phase = trial->phase == OVER ? OVER : ACCEPTING;
        story.failed = 0;
        r = accept_policy(actor, ACCEPT_ON_TRIAL);
    }
    if (!actor->killed && trial->phase == ACCEPTING)
        trial->phase = r >= 0 ? WAITING : OVER;
    if (!actor->killed && r >= 0 && trial->phase == WAITING)
        story.failed = trial->policy;
    lock_release(lock);
    return r < 0 ? r : confirm_start_time(confirm);
}

static void apply(struct actor *actor, int answer)
{
    struct confirm confirm = {.fd = actor->socket};
    struct trial *trial = trial_of(actor);
    int r = try_policy(actor, &confirm);

    if (r < 0)
        (void)confirm_answer(&confirm, false);
    else if (answer >= 0)
        (void)confirm_answer(&confirm, answer > 0);
    do
        confirm_receive(&confirm, &trial->result);
    while (!actor->killed && trial->result.outcome == CONFIRM_WAITS);
    confirm_done(&confirm);
}

static void apply_and_keep(struct actor *actor)
{
    apply(actor, 1);
}

static void apply_and_put_back(struct actor *actor)
{
    apply(actor, 0);
}

static void apply_and_wait(struct actor *actor)
{
    apply(actor, -1);
}

static int note_nothing(const struct paths *paths, void **ret)
{
    *ret = NULL;
    return 0;
}

static int put_nothing_back(struct change *change, void *noted, unsigned phases)
{
    return 0;
}

static void forget_nothing(void *noted)
{
}

static const struct engine engine_none = {.name = "none",
                                          .phases = CHANGE_VALUES,
                                          .note = note_nothing,
                                          .put_back = put_nothing_back,
                                          .forget = forget_nothing};

static void guard(struct actor *actor)
{
    static const struct engine *const engines[] = {&engine_none, NULL};
    static const struct confirm_terms terms = {.timeout_usec = 1000000};
    const struct guardian_options options = {
        .paths = &actor->paths, .engines = engines, .terms = &terms, .parent = actor->socket};

    guardian_run(&options);
}

/* `confirm` in another terminal. */
static void confirm_from_elsewhere(struct actor *actor)
{
    int error, r = confirm_keep(&actor->paths, &error);

    if (!actor->killed)
        story.confirmed = r;
}

static void begin_read(void)
{
    story.reads = true;
    story.seen = all.path[all.depth - 1].value;
}

/* The agent: it looks again where the stamp tells so. */
static void read_as_agent(struct actor *actor)
{
    begin_read();
    story.got = read_stamped(&actor->paths, NULL, &story.stamp);
    story.reads = false;
    story.has_read = true;
}

/* The hook: it writes only what is in force while it has the lock. */
static void read_as_hook(struct actor *actor)
{
    struct accepted_stamp stamp;
    int lock;

    story.got = read_stamped(&actor->paths, "eth0", &stamp);
    lock = lock_acquire(&actor->paths, 1);
    begin_read();
    if (accepted_is_stale(&actor->paths, &stamp))
        story.got = 0;
    story.reads = false;
    lock_release(lock);
}

/* --- What guardians do with the accepted policy is seen here: linked in the place of the others.
 */

int __real_policy_keep(const struct paths *paths);
int __wrap_policy_keep(const struct paths *paths);
int __real_accepted_put_back(const struct paths *paths, const char *why);
int __wrap_accepted_put_back(const struct paths *paths, const char *why);
int __wrap_history_add(const struct paths *paths, const struct history_record *record);
void __wrap_history_tell(const struct history_record *record);
void __wrap_history_describe(enum decision what, pid_t pid, uid_t uid, const struct policy *policy,
                             const char *detail, struct history_record *ret);

int __wrap_policy_keep(const struct paths *paths)
{
    struct actor *actor = world->current;
    struct trial *trial = trial_of(actor);
    int r;

    trial->phase = KEEPING;
    story.failed = 0;
    story.after_cut |= trial->policy;
    r = __real_policy_keep(paths);
    if (actor->killed)
        return r;
    trial->phase = r >= 0 ? KEPT : WAITING;
    story.failed = r >= 0 ? NONE : trial->policy;
    if (r >= 0)
        story.now = story.after_cut = trial->policy;
    return r;
}

int __wrap_accepted_put_back(const struct paths *paths, const char *why)
{
    struct actor *actor = world->current;
    struct trial *trial = trial_of(actor);
    int r;

    trial->phase = PUTTING_BACK;
    r = __real_accepted_put_back(paths, why);
    if (!actor->killed)
        trial->phase = OVER;
    return r;
}

int __wrap_history_add(const struct paths *paths, const struct history_record *record)
{
    return 0;
}

void __wrap_history_tell(const struct history_record *record)
{
}

void __wrap_history_describe(enum decision what, pid_t pid, uid_t uid, const struct policy *policy,
                             const char *detail, struct history_record *ret)
{
}

/* --- The cast. */

static unsigned index_of(unsigned policy)
{
    return (unsigned)__builtin_ctz(policy);
}

static struct actor *cast(const char *name, void (*run)(struct actor *), unsigned policy)
{
    struct actor *actor = &world->actors[world->n_actors++];

    actor->name = name;
    actor->run = run;
    actor->paths = all.policy_paths[index_of(policy)];
    return actor;
}

static void cast_trial(struct trial *trial, unsigned policy, void (*run)(struct actor *))
{
    bool other = policy == OTHER;
    struct actor *apply = cast(other ? "other apply" : "apply", run, policy);
    struct actor *guardian = cast(other ? "other guardian" : "guardian", guard, policy);
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    apply->socket = fds[0];
    guardian->socket = fds[1];
    apply->open[apply->n_open++] = fds[0];
    guardian->open[guardian->n_open++] = fds[1];
    *trial = (struct trial){.policy = policy};
    apply->story = guardian->story = trial;
}

static void cast_keep_agent(void)
{
    cast_trial(&story.trials[0], TRIAL, apply_and_keep);
    cast("agent", read_as_agent, TRIAL);
}

static void cast_put_back_agent(void)
{
    cast_trial(&story.trials[0], TRIAL, apply_and_put_back);
    cast("agent", read_as_agent, TRIAL);
}

static void cast_keep_hook(void)
{
    cast_trial(&story.trials[0], TRIAL, apply_and_keep);
    cast("hook", read_as_hook, TRIAL);
}

static void cast_put_back_hook(void)
{
    cast_trial(&story.trials[0], TRIAL, apply_and_put_back);
    cast("hook", read_as_hook, TRIAL);
}

static void cast_time_and_confirm(void)
{
    cast_trial(&story.trials[0], TRIAL, apply_and_wait);
    cast("time", let_time_pass, TRIAL);
    cast("confirm", confirm_from_elsewhere, TRIAL);
}

static void cast_keep_accept(void)
{
    cast_trial(&story.trials[0], TRIAL, apply_and_keep);
    cast("accept", accept_plainly, PLAIN);
}

static void cast_put_back_accept(void)
{
    cast_trial(&story.trials[0], TRIAL, apply_and_put_back);
    cast("accept", accept_plainly, PLAIN);
}

static void cast_two(void)
{
    cast_trial(&story.trials[0], TRIAL, apply_and_keep);
    cast_trial(&story.trials[1], OTHER, apply_and_put_back);
}

/* --- The world of a scenario. */

static void remove_all(const struct paths *paths)
{
    (void)unlink(paths->accepted);
    (void)unlink(paths->accepted_before);
    (void)unlink(paths->accepted_trial);
    (void)unlink(paths->failed_trial);
    (void)unlink(paths->confirm);
}

static void write_bytes(const char *path, const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    (void)close(fd);
}

static void put(enum entry entry, const char *path, const char *bytes, size_t n, uint64_t id)
{
    write_bytes(path, bytes, n);
    world_put(entry, bytes, n, id);
}

static void begin_world(void)
{
    unsigned before = all.scenario->before, old = index_of(OLD), dead = index_of(DEAD);
    const struct paths *paths = &world->paths;

    remove_all(paths);
    memset(&world->disk, 0, sizeof(world->disk));
    world->n_actors = 0;
    world->lock = -1;
    world->timer_runs = world->time_is_up = false;
    story = (struct story){.now = before & DEAD ? OLD : before, .accepted = 1, .confirmed = -1};
    story.after_cut = story.now;
    story.failed = before & DEAD ? DEAD : NONE;
    if (before == OLD)
        put(ENTRY_ACCEPTED, paths->accepted, all.bytes[old], all.sizes[old], 1);
    if (before & DEAD) {
        put(ENTRY_ACCEPTED, paths->accepted, all.trial_bytes[dead], all.sizes[dead], 2);
        put(ENTRY_BEFORE, paths->accepted_before, all.bytes[old], all.sizes[old], 1);
        put(ENTRY_TRIAL, paths->accepted_trial, "", 0, 3);
    }
    for (unsigned i = 0; i < ACTORS_MAX; i++) {
        struct actor *actor = &world->actors[i];

        *actor = (struct actor){.stack = actor->stack};
    }
    all.deaths = 0;
    all.scenario->cast();
    all.depth = 0;
    for (int i = 0; i < world->n_actors; i++)
        actor_begin(&world->actors[i]);
}

static void end_world(void)
{
    for (int i = 0; i < world->n_actors; i++)
        actor_kill(&world->actors[i]);
}

/* --- What must hold. */

/* Which one is in force while trials go on. */
static unsigned expected(void)
{
    unsigned set = story.now | story.accepting;

    for (unsigned i = 0; i < ELEMENTSOF(story.trials); i++) {
        const struct trial *trial = &story.trials[i];

        if (trial->phase == WAITING || trial->phase == KEEPING)
            return trial->policy;
        if (trial->phase == ACCEPTING || trial->phase == PUTTING_BACK)
            set |= trial->policy;
    }
    return set;
}

static void put_cut(enum entry entry, int file, const char *path, bool lost)
{
    const struct content *content = &world->disk.files[file];

    if (file > 0)
        write_bytes(path, content->bytes, lost && !content->synced ? 0 : content->n);
}

/* What is told of a trial that failed; there is none while one lives. */
static void check_failed(const char *what, const struct paths *paths, unsigned in_force)
{
    unsigned is = read_failed(paths);

    if (is & in_force & ~(unsigned)NONE || (story.failed && is != story.failed))
        wrong(what, is, story.failed);
}

/* The machine starts again with this on its disk; then others work there. */
static void check_next_boot(const int entries[ENTRY_DURABLE], bool lost)
{
    const struct paths *paths = &all.cut_paths;
    unsigned is, trial = index_of(OTHER), plain = index_of(PLAIN);
    int held;

    all.n_cuts++;
    remove_all(paths);
    put_cut(ENTRY_ACCEPTED, entries[ENTRY_ACCEPTED], paths->accepted, lost);
    if (entries[ENTRY_ACCEPTED] == entries[ENTRY_BEFORE] && entries[ENTRY_BEFORE] > 0)
        assert_int_equal(link(paths->accepted, paths->accepted_before), 0);
    else
        put_cut(ENTRY_BEFORE, entries[ENTRY_BEFORE], paths->accepted_before, lost);
    put_cut(ENTRY_FAILED, entries[ENTRY_FAILED], paths->failed_trial, lost);
    is = read_policy(paths);
    if (!(is & story.after_cut))
        wrong("after a power cut", is, story.after_cut);
    check_failed("after a power cut, the failed one", paths, is);
    held = accepted_hold(paths);
    assert_true(held >= 0);
    if (read_policy(paths) != is)
        wrong("another trial after a power cut", read_policy(paths), is);
    (void)unlink(paths->accepted);
    write_bytes(paths->accepted, all.trial_bytes[trial], all.sizes[trial]);
    if (read_policy(paths) != OTHER)
        wrong("while another trial goes on", read_policy(paths), OTHER);
    (void)close(held);
    if (read_policy(paths) != is)
        wrong("after another trial after a power cut", read_policy(paths), is);
    (void)unlink(paths->accepted);
    write_bytes(paths->accepted, all.bytes[plain], all.sizes[plain]);
    if (read_policy(paths) != PLAIN)
        wrong("accepted after a power cut", read_policy(paths), PLAIN);
}

/* One outcome of a power cut is looked at once for what may be in force then. */
static bool is_known_cut(const int entries[ENTRY_DURABLE], bool lost)
{
    static uint64_t known[1U << 16];
    uint64_t hash =
        hash_mix((story.after_cut * 256 + story.failed) * 2 + lost, (uintptr_t)all.scenario);
    unsigned at;

    for (int i = 0; i < ENTRY_DURABLE; i++)
        hash = hash_mix(hash, entries[i] ? world->disk.files[entries[i]].id : 0);
    hash |= 1;
    for (at = (unsigned)hash & 0xffff; known[at]; at = (at + 1) & 0xffff)
        if (known[at] == hash)
            return true;
    known[at] = hash;
    return false;
}

/* Any of the changes that are not synced may be lost, each as a whole. */
static void check_power_cut(void)
{
    const struct disk *disk = &world->disk;

    for (unsigned kept = 0; kept < 1U << disk->n_pending; kept++) {
        int entries[ENTRY_DURABLE];

        memcpy(entries, disk->durable, sizeof(entries));
        for (unsigned i = 0; i < disk->n_pending; i++)
            for (int j = 0; j < ENTRY_DURABLE && kept & 1U << i; j++)
                if (disk->pending[i].entries[j] >= 0)
                    entries[j] = disk->pending[i].entries[j];
        for (int lost = 0; lost < 2; lost++)
            if (!is_known_cut(entries, lost))
                check_next_boot(entries, lost);
    }
}

static void check_reader(unsigned is)
{
    if (story.reads)
        story.seen |= is;
    else if (story.got && story.seen && !(story.got & story.seen))
        wrong("what was read", story.got, story.seen);
    if (story.has_read && story.got != is && !accepted_is_stale(&world->paths, &story.stamp))
        wrong("the stamp is the same, what was read", story.got, is);
}

static unsigned check_state(void)
{
    unsigned is = read_policy(&world->paths), set = expected();

    if (!(is & set))
        wrong("in force", is, set);
    if (accepted_trial_lives(&world->paths) == 0)
        check_failed("the failed one", &world->paths, is);
    check_power_cut();
    return is;
}

static void check_told(void)
{
    bool kept = false;

    for (unsigned i = 0; i < ELEMENTSOF(story.trials); i++) {
        const struct trial *trial = &story.trials[i];

        kept |= trial->phase == KEPT;
        if (trial->result.outcome == CONFIRM_KEPT && trial->phase != KEPT)
            wrong("it was told to be kept", trial->policy, 0);
        if (trial->result.outcome == CONFIRM_PUT_BACK && trial->result.error == 0 &&
            trial->phase != OVER && trial->phase != NOT_YET)
            wrong("it was told to be put back", trial->policy, 0);
    }
    if (story.confirmed == 0 && !kept)
        wrong("it was confirmed from elsewhere", story.now, 0);
    if (story.accepted < 0 && story.accepted != -EINPROGRESS)
        wrong("accept failed", story.now, 0);
}

static void check_end(void)
{
    const struct paths *paths = &world->paths;
    unsigned is = read_policy(paths);

    for (int i = 0; i < world->n_actors; i++)
        if (!world->actors[i].done && world->actors[i].wait != WAIT_TIMER)
            wrong("somebody waits for ever", is, 0);
    check_told();
    if (!(is & story.now))
        wrong("at the end", is, story.now);
    if (all.deaths == 0 && !(all.scenario->before & DEAD) &&
        (access(paths->accepted_before, F_OK) == 0 || access(paths->accepted_trial, F_OK) == 0 ||
         access(paths->confirm, F_OK) == 0))
        wrong("something of a trial is left", is, 0);
}

/* --- Going through them. */

/* What it was about may be done, or not: from now on that does not change. */
static void kill_actor(struct actor *actor)
{
    struct trial *trial = trial_of(actor);
    unsigned is;

    all.deaths++;
    actor_kill(actor);
    is = read_policy(&world->paths);
    if (actor->run == guard && trial->phase != KEPT) {
        if (trial->phase == KEEPING) {
            story.now = is;
            if (is != trial->policy)
                story.after_cut &= ~trial->policy;
        }
        trial->phase = OVER;
    }
    if (actor->run == accept_plainly && story.accepting) {
        story.now = is & (story.now | PLAIN) ? is : story.now;
        if (is != PLAIN)
            story.after_cut &= ~(unsigned)PLAIN;
        story.accepting = 0;
    }
}

static uint64_t state_hash(void)
{
    uint64_t hash =
        hash_mix(world_hash(), (story.now * 128 + story.after_cut) * 256 + story.failed);

    for (unsigned i = 0; i < ELEMENTSOF(story.trials); i++)
        hash = hash_mix(hash, story.trials[i].phase);
    hash = hash_mix(hash, story.seen * 4 + story.reads * 2U + story.has_read);
    return hash_mix(hash, story.got) | 1;
}

static size_t slot_of(uint64_t hash)
{
    size_t at = hash & (SEEN_SIZE - 1);

    while (all.seen[at].hash && all.seen[at].hash != hash)
        at = (at + 1) & (SEEN_SIZE - 1);
    return at;
}

static void choose(const struct moment *state)
{
    unsigned choice = state->choices[state->at];
    struct actor *actor = &world->actors[choice % ACTORS_MAX];

    if (choice >= ACTORS_MAX)
        kill_actor(actor);
    else
        actor_go_on(actor);
}

static void list_choices(struct moment *ret)
{
    ret->n = ret->at = 0;
    ret->orders = 0;
    for (int i = 0; i < world->n_actors; i++)
        if (actor_can_go_on(&world->actors[i]))
            ret->choices[ret->n++] = (unsigned char)i;
    if (ret->n == 0)
        return;
    for (int i = 0; i < world->n_actors && all.deaths == 0; i++)
        if (all.scenario->mortal & 1U << i && !world->actors[i].done)
            ret->choices[ret->n++] = (unsigned char)(i + ACTORS_MAX);
}

/* One order, from the choices that are made already to its end, or to a state that was seen. Gives
 * how many orders lead on from there. */
static double follow(unsigned made, uint64_t hashes[DEPTH_MAX])
{
    begin_world();
    for (;;) {
        struct moment *state = &all.path[all.depth];

        if (all.depth < made) {
            all.depth++;
        } else {
            uint64_t hash = state_hash();
            size_t slot = slot_of(hash);

            if (all.seen[slot].hash)
                return all.seen[slot].orders;
            if (++all.n_states > SEEN_SIZE / 2 || all.depth + 1 == DEPTH_MAX)
                fail_msg("%s: too many states", all.scenario->name);
            state->value = check_state();
            check_reader(state->value);
            hashes[all.depth] = hash;
            list_choices(state);
            if (state->n == 0) {
                check_end();
                all.seen[slot].hash = hash;
                all.seen[slot].orders = 1;
                return 1;
            }
            all.depth++;
        }
        if (story.reads)
            story.seen |= state->value;
        state->what = world->actors[state->choices[state->at] % ACTORS_MAX].call;
        choose(state);
    }
}

static void look_at_all(const struct scenario *scenario)
{
    static uint64_t hashes[DEPTH_MAX];
    unsigned made = 0;
    double orders = 0;

    all.scenario = scenario;
    all.n_states = all.n_cuts = 0;
    memset(all.seen, 0, SEEN_SIZE * sizeof(*all.seen));
    for (;;) {
        orders = follow(made, hashes);
        made = all.depth;
        end_world();
        while (made > 0) {
            struct moment *state = &all.path[made - 1];

            state->orders += orders;
            if (++state->at < state->n)
                break;
            orders = state->orders;
            all.seen[slot_of(hashes[made - 1])].hash = hashes[made - 1];
            all.seen[slot_of(hashes[made - 1])].orders = orders;
            made--;
        }
        if (made == 0)
            break;
    }
    print_message("%s: %.3g orders in %zu states, %zu kinds of power cuts\n", scenario->name,
                  orders, all.n_states, all.n_cuts);
}

static void what_is_in_force_is_what_was_told_in_every_order(void **unused)
{
    static const struct scenario scenarios[] = {
        {"kept, an agent reads", OLD, cast_keep_agent, 3},
        {"put back, an agent reads", OLD, cast_put_back_agent, 3},
        {"put back to nothing, an agent reads", NONE, cast_put_back_agent, 3},
        {"kept, the hook reads", OLD, cast_keep_hook, 3},
        {"put back, the hook reads", OLD, cast_put_back_hook, 3},
        {"kept after a dead trial, the hook reads", OLD | DEAD, cast_keep_hook, 2},
        {"time is up, and confirm", OLD, cast_time_and_confirm, 2},
        {"kept, beside accept", OLD, cast_keep_accept, 7},
        {"put back, beside accept", OLD, cast_put_back_accept, 7},
        {"put back to nothing, beside accept", NONE, cast_put_back_accept, 7},
        {"kept after a dead trial, beside accept", OLD | DEAD, cast_keep_accept, 7},
        {"two trials", OLD, cast_two, 10},
    };
    const char *only = getenv("SCENARIO");

    for (size_t i = 0; i < ELEMENTSOF(scenarios); i++)
        if (!only || strstr(scenarios[i].name, only))
            look_at_all(&scenarios[i]);
}

/* --- Before and after. */

static void make_bytes(unsigned number, bool on_trial)
{
    char *bytes = on_trial ? all.trial_bytes[number] : all.bytes[number];
    struct actor actor = {.paths = all.policy_paths[number]};
    int fd;

    write_bytes(actor.paths.policy, "[rp_filter]\neth0 = loose\n", 25);
    assert_int_equal(accept_policy(&actor, on_trial ? ACCEPT_ON_TRIAL : 0), 0);
    fd = open(actor.paths.accepted, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    all.sizes[number] = (size_t)read(fd, bytes, CONTENT_MAX);
    assert_true(all.sizes[number] < CONTENT_MAX);
    (void)close(fd);
    remove_all(&actor.paths);
}

static void make_root(char root[static 64], struct paths *paths)
{
    char command[256];

    strcpy(root, access("/dev/shm", W_OK) == 0 ? "/dev/shm/rpfpolicy-orders-XXXXXX"
                                               : "/tmp/rpfpolicy-orders-XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_int_equal(paths_init(&(struct path_options){.root = root}, paths), 0);
    (void)snprintf(command, sizeof(command), "mkdir -p %s %s/var/lib/rpfpolicy", paths->orders,
                   root);
    assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
    static struct world the_world;

    world = &the_world;
    all.seen = calloc(SEEN_SIZE, sizeof(*all.seen));
    assert_non_null(all.seen);
    make_root(all.root, &world->paths);
    make_root(all.cut_root, &all.cut_paths);
    for (unsigned i = index_of(OLD); i <= index_of(DEAD); i++) {
        _cleanup_free_ char *path = text_format("%s/%s.conf", all.root, policy_names[i]);

        assert_int_equal(paths_init(&(struct path_options){.root = all.root, .policy = path},
                                    &all.policy_paths[i]),
                         0);
        make_bytes(i, false);
        make_bytes(i, true);
    }
    return 0;
}

static int teardown(void **state)
{
    char command[256];

    (void)snprintf(command, sizeof(command), "rm -rf %s %s", all.root, all.cut_root);
    assert_int_equal(system(command), 0);
    for (unsigned i = 0; i < ACTORS_MAX; i++) {
        free(world->actors[i].stack);
        paths_done(&all.policy_paths[i]);
    }
    paths_done(&world->paths);
    paths_done(&all.cut_paths);
    free(all.seen);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_in_force_is_what_was_told_in_every_order, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
