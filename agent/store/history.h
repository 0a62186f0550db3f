/* The history of decisions: which policy was accepted, refused, taken back, what was paused, by
 * whom, when. A text file beside accepted.conf, one record a line, in a directory of root's; and
 * the journal. What a decision means, and whether it was carried out, is for others. */
#pragma once

#include <sys/types.h>

#include "agent/base/paths.h"
#include "policy/lang/policy.h"

enum decision {
    DECISION_ACCEPT,
    DECISION_FORCE,  /* accepted with --force */
    DECISION_REFUSE, /* it was asked for, and refused: it would have cut an SSH session, … */
    DECISION_PAUSE,
    DECISION_RESUME,
    DECISION_RESTORE,
    DECISION_ROLLBACK, /* a trial ended, and the policy of before is in force */
    DECISION_CONFIRM,  /* what was on trial is accepted for good */
    DECISION_COUNT,
};

/* "accept" … */
const char *decision_name(enum decision what);

/* The message id of its entry in the journal: 32 hex digits. */
const char *decision_id(enum decision what);

/* Records that are kept; and bytes of each text of one. What is longer is cut. */
#define HISTORY_RECORDS 200
#define HISTORY_TEXT_SIZE 512

/* The detail of what is accepted on trial. */
#define HISTORY_ON_TRIAL "on trial"

/* Texts are "" where they are not known, and may hold any bytes but NUL. */
struct history_record {
    int64_t time; /* seconds since 1970 */
    enum decision what;
    char hash[17];                    /* of the policy that it is about */
    char revision[HISTORY_TEXT_SIZE]; /* likewise */
    char origin[HISTORY_TEXT_SIZE];   /* likewise: its files */
    char detail[HISTORY_TEXT_SIZE];   /* for people */
    int64_t uid;
    int64_t login;                    /* loginuid of the audit subsystem; -1: none */
    char sudo[HISTORY_TEXT_SIZE];     /* what $SUDO_USER claims */
    char terminal[HISTORY_TEXT_SIZE]; /* of standard input */
    char unit[HISTORY_TEXT_SIZE];     /* the last part of the control group */
};

struct history {
    struct history_record *records; /* owned, the latest last */
    size_t count, capacity;
};

/* A decision of now, taken by this process (0), or another one that runs and belongs to uid, about
 * this policy; NULL: none. */
void history_describe(enum decision what, pid_t pid, uid_t uid, const struct policy *policy,
                      const char *detail, struct history_record *ret);

/* Put it into the history and the journal. Under the lock. A negative errno: it is in the journal
 * at most; no reason to leave undone what was decided. */
int history_add(const struct paths *paths, const struct history_record *record);

/* Into the journal alone: where the lock cannot be had. */
void history_tell(const struct history_record *record);

/* What is there; lines that are not whole, or of a later version, are passed over. None where there
 * is no file. Needs no privilege. */
int history_read(const struct paths *paths, struct history *ret);
void history_done(struct history *history);
#define _cleanup_history_ _cleanup_(history_done)
