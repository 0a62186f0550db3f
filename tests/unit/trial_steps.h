/* Actors that take steps one at a time, in the order that a test wants, over the real files of the
 * accepted policy. A step is a system call that others can see, or that sees what others did: it is
 * made when its actor is told to go on. An actor runs on a stack of its own in this process; one
 * that is killed makes no further system call that anybody sees. What a power cut would leave is
 * kept beside: directory entries and file contents that are not synced may be lost. */
#pragma once

#include <poll.h>
#include <ucontext.h>

#include "agent/base/paths.h"

enum entry {
    ENTRY_ACCEPTED,
    ENTRY_BEFORE,
    ENTRY_FAILED,
    ENTRY_DURABLE, /* those above outlive a boot */
    ENTRY_TRIAL = ENTRY_DURABLE,
    ENTRY_CONFIRM,
    ENTRY_COUNT,
    ENTRY_NONE = ENTRY_COUNT,
};

#define ACTORS_MAX 6
#define CONTENT_MAX 512
#define FILES_MAX 64
#define PENDING_MAX 8

struct content {
    uint64_t id; /* the same in every order in which its maker saw the same */
    char bytes[CONTENT_MAX];
    size_t n;
    bool synced;
    int holder; /* the actor that has it locked, or -1 */
};

/* A change of the directory; -1: of the other entry alone. */
struct pending {
    int entries[ENTRY_DURABLE];
};

/* Indexes of files; 0: no such entry. */
struct disk {
    int now[ENTRY_COUNT], durable[ENTRY_DURABLE];
    struct pending pending[PENDING_MAX];
    unsigned n_pending, n_files;
    struct content files[FILES_MAX];
};

enum wait { WAIT_NOT, WAIT_LOCK, WAIT_FDS, WAIT_TIMER };

struct actor {
    const char *name;
    void (*run)(struct actor *actor);
    struct paths paths;
    int socket;  /* to its partner */
    void *story; /* of the test */

    int number;
    bool done, killed;
    const char *call; /* that it makes next */
    enum wait wait;
    struct pollfd *fds; /* it waits for */
    nfds_t n_fds;
    uint64_t seen;   /* a hash of all that it was told: two with the same go on in the same way */
    unsigned n_made; /* files */
    int held, timer, open[16];
    unsigned n_open;
    ucontext_t context;
    char *stack;
};

struct world {
    struct paths paths;
    struct disk disk;
    struct actor actors[ACTORS_MAX];
    int n_actors;
    int lock; /* the actor that has it, or -1 */
    bool timer_runs, time_is_up;
    struct actor *current; /* NULL: the test itself, whose calls are no steps */
};

extern struct world *world; /* the calls that are replaced know no other way to it */

uint64_t hash_mix(uint64_t hash, uint64_t value);

/* All that decides how it goes on, but the test's own story. */
uint64_t world_hash(void);

void world_put(enum entry entry, const char *bytes, size_t n, uint64_t id);
void actor_begin(struct actor *actor);
bool actor_can_go_on(const struct actor *actor);
void actor_go_on(struct actor *actor);

/* It ends at once, whatever it was about to do. */
void actor_kill(struct actor *actor);

/* For actors: wait for the timer of a guardian, and let its time be up. */
void let_time_pass(struct actor *actor);
