/* A policy on trial: accepted by an apply that awaits its confirmation.
 *
 * accepted.conf then begins with another word, and accepted.conf.before, a second name of the file
 * of before, is what goes back: by one rename(2) that needs no room on the disk. Every step from
 * one policy to another is the replacement of accepted.conf, so that no reader sees a half of one.
 *
 * The guardian of the trial holds accepted.conf.trial while it lives. A trial whose guardian is
 * dead, or of an earlier boot, is over: accepted.conf.before is in force. Both files mean nothing
 * once accepted.conf has its usual first word: what is accepted later is in force at once, and for
 * good. Which policy is in force is told by policy_load_accepted() alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "agent/base/paths.h"

#define ACCEPTED_MAGIC "rpfpolicy-accepted 1 "
#define ACCEPTED_TRIAL_MAGIC "rpfpolicy-on-trial 1 "

/* Is what accepted.conf has on trial? */
bool accepted_is_on_trial(const char *bytes, size_t n);

/* 1: somebody's trial goes on, the guardian of it lives; 0: not. Where that decides what may be
 * accepted or written, the lock is held. */
int accepted_trial_lives(const struct paths *paths);

/* Which accepted policy a program has read: of the file itself, so that a later one is noticed
 * whenever it came. All zero: there was no file. */
struct accepted_stamp {
    uint64_t inode, size;
    struct timespec modified; /* ctim also changes where the file gets another name */
    bool on_trial;            /* and its guardian lives */
};
struct stat;
struct accepted_stamp accepted_stamp_of(const struct stat *st);

/* Is another one in force by now? Nothing tells of the end of a guardian that is killed. */
bool accepted_is_stale(const struct paths *paths, const struct accepted_stamp *stamp);

/* Keep what is in force now, and begin a trial; an empty file stands for "nothing is accepted".
 * Under the lock, when none lives. Returns a descriptor: the trial lives while it is open. */
int accepted_hold(const struct paths *paths);

/* Bring back what was kept: the same bytes, or nothing accepted at all; and remember of what was
 * tried, and does not stay, why: see accepted_failed(). -ESTALE where accepted.conf
 * is not what was tried, but something newer, which stays. A positive errno: it is back, but not
 * safely on the disk. */
int accepted_put_back(const struct paths *paths, const char *why);

/* 1: the last policy that was on trial is not in force any more, however that came, and none was
 * accepted since: which one, and why. 0: there is none such; also while a trial lives. Who accepts
 * by itself does not try it again. */
struct failed_trial;
int accepted_failed(const struct paths *paths, struct failed_trial *ret);

/* Remove what is of no use any more, when no trial lives or the caller's ends. */
void accepted_let_go(const struct paths *paths);
