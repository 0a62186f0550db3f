/* What `status` knows: the agent's words, looked through, and what is seen from outside. */
#pragma once

#include "agent/cli/session/session.h"
#include "agent/cli/status/agent_report.h"
#include "policy/lang/pauses.h"

struct status {
    struct cli *cli; /* borrowed */
    struct agent_report report;
    enum guard guard;               /* what stands ready to repair values */
    struct policy *accepted, *disk; /* owned; NULL: none, or it cannot be used */
    int accepted_error, disk_error; /* why */

    /* From the agent's file; untouched where there is none. */
    json_int_t devices[STATE_COUNT], total;
    json_int_t resyncs, plans, failed_writes, pid;
    size_t conflict_count;
    const char *hash, *mode; /* borrowed; NULL where no policy is in force */
    const char *revision;    /* borrowed; NULL where that policy says none */
    double policy_since;
    double median, p99;                       /* of the reaction, seconds: at most; 0 without any */
    size_t observed_count;                    /* rules that are only observed */
    const char *observed_unseen;              /* borrowed: who is not seen; NULL: not told */
    bool observed_all;                        /* the last look took all that there is */
    struct table *keys, *conflicts, *sockets; /* owned */
    struct table *observed;                   /* likewise */

    struct history history;
    int history_error;

    struct pauses pauses; /* in force, whoever obeys them */
    int pauses_error;
};

/* Look through the agent's words, all of them. -EBADMSG: they are not what an agent writes, and
 * report.error says why. 0 also where there are none. */
int status_read(struct status *status);

/* For people. -ENOMEM, else 0. */
int status_print(struct status *status);

/* status_engines.c */
void status_print_engines(const struct status *status, FILE *out);
