/* Where things are: one struct filled once from the global options; nothing else builds paths.
 *
 * `policy` is taken as the caller wrote it, not below root, as file arguments of systemd's tools
 * are. In a foreign namespace state is kept apart per namespace even with a root: ifindexes in
 * `before` mean nothing elsewhere. Not below ROOT/run/rpfpolicy, whose owner, the agent's user,
 * could lead root elsewhere by a link in the place of a directory.
 *
 * Trust runs one way: what root's programs and the helper obey is in directories that only root may
 * write, and the agent reads it there. What the agent tells is in its own. */
#pragma once

#include <stdbool.h>

#include "policy/base/util.h"

#define LOCK_NAME "rpfpolicy.lock"

struct path_options {
    const char *root;         /* --root, NULL for none */
    const char *policy;       /* --policy=FILE, NULL for none */
    const char *sysctl_root;  /* --sysctl-root, NULL for none */
    const char *proc_sys_net; /* --proc-sys-net, NULL for /proc/sys/net */
};

struct paths {
    char *root;        /* "" or a directory without trailing slash */
    char *policy;      /* NULL: the directories */
    char *sysctl_root; /* as root; NULL when sysctl.d is not this namespace's */
    char *proc_sys_net;
    char *run;     /* ROOT/run/rpfpolicy, in a foreign namespace ROOT/run/rpfpolicy-netns/INODE:
                      the agent's, what it tells */
    char *orders;  /* ROOT/run/rpfpolicy-root, in a foreign namespace INODE below it: root's, what
                      agent, helper and commands obey */
    char *lock;    /* ROOT/run/rpfpolicy.lock, or ORDERS/rpfpolicy.lock in a foreign namespace */
    char *before;  /* ORDERS/before: values before our first write since boot, by root … */
    char *claims;  /* RUN/before: … and by an agent that is another user's */
    char *former;  /* ORDERS/former: `all` and `default` as they are to be kept */
    char *paused;  /* ORDERS/paused: what is not to be written for now */
    char *flushed; /* ORDERS/flushed of root, RUN/flushed of others */
    char *agent;   /* RUN/agent: held by the agent while it lives, see agent_state.h */
    char *stand_back;      /* ORDERS/stand-back: while it exists the helper does nothing */
    char *confirm;         /* ORDERS/confirm: the socket of an apply that awaits its confirmation */
    char *trial;           /* ORDERS/trial: what is on trial now, see trial_record.h */
    char *accepted;        /* ROOT/var/lib/rpfpolicy/accepted.conf, or in ORDERS in a foreign one */
    char *accepted_before; /* what was in force before that apply, see accepted_hold.h */
    char *accepted_trial;  /* held by its guardian while it lives */
    char *failed_trial;    /* beside accepted.conf: the last that went back, see failed_trial.h */
    char *history;         /* beside accepted.conf: who decided what, see history.h */
    char *presets; /* ROOT, then where the build installs them: PREFIX/share/rpfpolicy/presets */
    bool foreign;  /* this network namespace is not the one of process 1 */
};

/* A namespace is foreign when it is seen to be another one than that of process 1, with or without
 * privilege. Then sysctl.d is only used when root or sysctl_root was given. */
int paths_init(const struct path_options *options, struct paths *ret);

/* Can the roots that were given be looked into? Else the error of open(2) on the directory, most
 * likely -ENOENT, and which one it is, borrowed from options. */
int paths_check_roots(const struct path_options *options, const char **ret_which);
void paths_done(struct paths *paths);
#define _cleanup_paths_ _cleanup_(paths_done)
