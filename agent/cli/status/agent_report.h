/* What can be told of the agent from outside: whether it lives, by the lock it holds, and what it
 * last wrote of itself into RUN/status.json. Needs no privilege. */
#pragma once

#include <jansson.h>

#include "agent/store/agent_state.h"

/* A running agent writes at least twice in this time; seconds. */
#define AGENT_STALE_AFTER 65

struct agent_report {
    enum agent_state state;
    json_t *status;      /* the object of the file, its head checked; NULL where there is none */
    double since;        /* in this state, seconds since 1970; 0: not known */
    double written;      /* when the file was; 0: never */
    double boottime;     /* likewise, seconds of the clock that nobody sets */
    const char *version; /* of the program that wrote it; borrowed from status, NULL: not known */
    bool stale;          /* it holds its lock, but has not written for a while */
    bool damaged;        /* there is a file, and it cannot be used */
    char error[200];     /* why not; printable */
};

void agent_report_read(const struct paths *paths, struct agent_report *ret);
void agent_report_done(struct agent_report *report);
#define _cleanup_agent_report_ _cleanup_(agent_report_done)

/* {state, since}: since as RFC 3339, null where it is not known. */
json_t *agent_report_json(const struct agent_report *report);

/* The same in one go, for reports about something else. */
json_t *agent_state_json(const struct paths *paths);
