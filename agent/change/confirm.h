/* Writing on approval: a process of its own, the guardian, knows what was there and puts it back
 * unless it is told to keep the new values; also what agent or hook wrote meanwhile, as far as the
 * record of former values tells. It is told by the one who applies, through a socket
 * pair, or by anyone with privilege through the socket ORDERS/confirm. It is in a session of its
 * own, holds no terminal, and puts everything back at once when the one who applies dies, when it
 * is itself told to end, when the time is up (CLOCK_BOOTTIME), and when a probe fails. */
#pragma once

#include "agent/engines/engine.h"
#include "agent/store/trial_record.h"

enum confirm_outcome {
    CONFIRM_WAITS, /* also when it could not be kept: `error` tells why */
    CONFIRM_KEPT,
    CONFIRM_PUT_BACK,
    CONFIRM_GONE, /* the guardian ended without a word: values stay as they are, its trial is over
                   */
};

struct confirm_result {
    enum confirm_outcome outcome;
    unsigned done, failed, skipped;
    int error; /* negative errno where not everything could be put back; -ESTALE: the policy, since
                  another one is accepted. A positive one: only that the policy which is accepted
                  now is not safely on the disk */
    char why[TRIAL_TEXT_MAX]; /* why it was kept or put back, in words */
};

/* When a trial ends by itself. */
struct confirm_terms {
    uint64_t timeout_usec;
    bool keeps; /* in force for good when the time is up, if no probe fails; else it goes back */
    bool alone; /* once the time runs, the one who began it may end */
    /* What must stay reachable, borrowed. Those that fail before anything was accepted do not
     * count; where one that counts fails twice in a row everything goes back. */
    const struct probe *probes;
    size_t n_probes;
};

struct confirm {
    int fd; /* to the guardian */
    const struct engine *const *engines;
    int exposed;     /* negative errno: the kernel may end the guardian where memory runs out */
    uint32_t failed; /* one bit for each probe that does not count */
};
#define CONFIRM_INIT ((struct confirm){.fd = -1})

/* Start the guardian, which keeps the accepted policy, too: from here on what is accepted with
 * `ret` is on trial, and what these engines change. -EINPROGRESS when another apply awaits its
 * confirmation, -EBUSY when the lock cannot be had. In the guardian, `ended` is called with the
 * result before it exits. */
int confirm_begin(const struct paths *paths, const struct engine *const *engines,
                  const struct confirm_terms *terms,
                  void (*ended)(const struct confirm_result *result, void *data), void *data,
                  struct confirm *ret);

/* May this process accept a policy, or write by one? Under the lock, and for as long as it is held.
 * own: its own trial; NULL, or not begun: it has none. -EINPROGRESS: an apply of somebody else
 * awaits its confirmation; -EOWNERDEAD: the guardian of our own is gone; -ECANCELED: it has decided
 * to put everything back. */
int confirm_check(const struct paths *paths, const struct confirm *own);

/* These are about to be written. Once it returned 0, they will be put back whatever happens.
 * -EOWNERDEAD, -ECANCELED as above. */
int confirm_announce(struct confirm *confirm, const struct change_announcement *what);

/* All is written: the time starts. */
int confirm_start_time(struct confirm *confirm);

/* Keep the new values, or put the old ones back now. The answer comes by confirm_receive(). */
int confirm_answer(struct confirm *confirm, bool keep);

/* Wait for the guardian's word. */
void confirm_receive(struct confirm *confirm, struct confirm_result *ret);
void confirm_done(struct confirm *confirm);

/* From elsewhere. *ret_error: as in the result. 1: it could not be kept, *ret_error tells why, and
 * it waits on. -ENOENT: nothing awaits confirmation; -EACCES; -EKEYREJECTED: somebody else than
 * root listens there; -EAGAIN: it is still writing; -ETIMEDOUT: it was told and has not answered,
 * it may still keep it; -ECANCELED: too late, it is being put back. */
int confirm_keep(const struct paths *paths, int *ret_error);

/* 1 and the time left when an apply awaits its confirmation, 2 when one is being put back, 0 when
 * there is none. */
int confirm_pending(const struct paths *paths, uint64_t *ret_left_usec);
