/* What most verbs begin with: the policy on disk, whether it is the one in force, sysctl.d, the
 * live picture, and the judge over all of it. Says on stderr what goes wrong. */
#pragma once

#include "agent/cli/frame/cli.h"
#include "agent/kernel/links.h"
#include "agent/store/agent_state.h"
#include "agent/store/history.h"
#include "policy/decide/judge.h"
#include "policy/lang/policy.h"
#include "policy/sysctl/sysctl_conf.h"

enum acceptance {
    ACCEPTED_NONE,    /* no policy was ever accepted */
    ACCEPTED_OTHER,   /* another one than that on disk */
    ACCEPTED_SAME,    /* the one on disk */
    ACCEPTED_DAMAGED, /* there is one, but it cannot be used */
    ACCEPTED_HIDDEN,  /* there may be one: this user cannot look */
};

struct session {
    struct cli *cli; /* borrowed */
    struct diags diags;
    struct policy *policy; /* never NULL once loaded: an empty one stands in where allowed */
    bool no_policy;        /* no file at all: `policy` is empty */
    bool broken;           /* it has errors: `policy` is empty but for the names of its files
                              (SESSION_BROKEN_ALLOWED) */
    bool quiet;            /* SESSION_QUIET */
    bool late;             /* SESSION_LATE */
    enum acceptance acceptance;
    struct confirm *confirm; /* our own trial, see confirm.h; NULL: none */
    bool locked;             /* session_lock() */
    int lock;
    bool unpaused;  /* SESSION_UNPAUSED */
    bool enforcing; /* the policy on disk is accepted and its mode is enforce */
    enum guard guard;
    struct sysctl_conf *sysctl; /* NULL: not this namespace's, or cannot be read */
    struct diags unread;        /* what sysctl_load() found */
    struct pauses pauses;       /* in force; marked in `live` */
    struct live live;
    struct judge *judge;
    int today; /* YYYYMMDD */
};

#define SESSION_INIT ((struct session){0})

#define SESSION_POLICY_OPTIONAL (1 << 0) /* go on with an empty policy where there is none */
#define SESSION_BROKEN_ALLOWED (1 << 1)  /* go on with an empty policy where it has errors */
#define SESSION_QUIET (1 << 2)           /* warnings of the policy are not shown, errors are */
#define SESSION_UNPAUSED (1 << 3)        /* judge as if nothing were paused */
#define SESSION_LATE (1 << 4)            /* warnings wait for session_say_warnings() */

/* Load the policy on disk and show what is wrong with it. A negative errno after saying why. */
int session_load(struct session *session, struct cli *cli, unsigned flags);

/* The policy in force in its place, without a word about its lines. -ENOENT, without a word, where
 * there is none. */
int session_load_accepted(struct session *session, struct cli *cli);

/* Take the lock, for all that is accepted and written then, unless somebody else's policy is on
 * trial; session_unlock() or session_done() gives it back. A negative errno after saying why. */
int session_lock(struct session *session);
void session_unlock(struct session *session);

/* Put a decision into history and journal, under the lock; policy may be NULL. Where that fails, it
 * is said and no reason to undo anything. */
void session_record(const struct cli *cli, enum decision what, const struct policy *policy,
                    const char *detail);

/* The same of something that was refused without the lock; not of a --dry-run. */
void session_record_refusal(const struct cli *cli, const struct policy *policy, const char *detail);

/* Put the policy that was loaded into force, with session->confirm on trial, unless another one is
 * on disk by now. Under the lock: what cannot be carried out here and now shall not be in force for
 * agent and helper either. A negative errno after saying why. */
int session_accept(struct session *session);

/* The same where the lock was taken by change_run(): it is looked, too, whether somebody else's
 * policy is on trial. */
int session_accept_locked(struct session *session);

#define LOCK_TIMEOUT_MS 10000

/* Where the error tells that another process is in the way: the holder of the lock, somebody else's
 * trial, or our own guardian. done: how far it came. False: it tells nothing of the kind. */
bool say_who_hinders(const struct cli *cli, int error, const char *done);

/* Why nothing was applied. done: how far it came. */
void say_not_applied(const struct cli *cli, int error, const char *done);

/* The live picture, for a verb that needs no session. A negative errno after saying why. */
int devices_read(const struct cli *cli, key_mask keys, uint32_t facts, struct live *ret);

/* Then: read accepted policy, sysctl.d and the live picture, and make the judge. keys and facts are
 * collected beside those that the policy uses. A negative errno after saying why. */
int session_read(struct session *session, key_mask keys, uint32_t facts);

/* Say what SESSION_LATE held back: of the policy, and of files of sysctl.d. */
void session_say_warnings(const struct session *session);

/* Say that there is no policy and what a first one could be. */
void session_no_policy(const struct paths *paths);

/* Say which files of sysctl.d could not be read, from what sysctl_load() found. */
void session_say_unread(const struct diags *diags);

/* Add to a live picture what udev knows, where the policy asks for it. */
int session_amend(const struct session *session, struct live *live);

/* What a person types to have the policy on disk written: by its mode. */
const char *session_apply_command(const struct session *session);

/* The facts that check, plan and apply need beside those of the policy's sets. */
uint32_t session_facts(const struct policy *policy);

/* The device with this name, altname, or name as it is printed (escaped); NULL when there is none.
 * Altnames are known only with FACT_ALTNAMES. */
const struct device *session_find_device(const struct session *session, const char *name);

/* The same, and NULL after saying so. */
const struct device *session_device(const struct session *session, const char *name);

/* One flag per device of the picture (owned): named by the arguments, or all when there are none.
 * -ENOENT after naming each argument that is no device. */
int session_select(const struct session *session, int count, char **arguments, bool **ret);

void session_done(struct session *session);
#define _cleanup_session_ _cleanup_(session_done)

/* What stands ready on this host to repair values: the agent, the udev hook, or nothing. */
enum guard guard_find(const struct paths *paths);

/* What starts the agent that is in this state; NULL where one runs, where none is known to be
 * there, and in a namespace that the unit's agent does not look into. */
const char *agent_start_command(const struct paths *paths, enum agent_state state);
