/* What the agent says: structured entries to the journal where it listens, else lines on standard
 * error with the same words. */
#pragma once

#include <stdbool.h>
#include <syslog.h>

#include "policy/facts/keys.h"
#include "policy/lang/policy.h"

enum log_event {
    LOG_EVENT_PLAIN, /* trouble with what it works with: files, sockets, memory */
    LOG_EVENT_STARTED,
    LOG_EVENT_STOPPED,
    LOG_EVENT_POLICY,         /* a policy was taken into force */
    LOG_EVENT_NO_POLICY,      /* nothing is accepted: nothing is written */
    LOG_EVENT_POLICY_DAMAGED, /* the accepted policy cannot be read */
    LOG_EVENT_POLICY_REFUSED, /* the policy on disk was to be accepted and cannot be */
    LOG_EVENT_GIVEN,          /* a new device got its value */
    LOG_EVENT_REPAIRED,       /* an existing device was put right */
    LOG_EVENT_WRITER,         /* something keeps writing a key back */
    LOG_EVENT_WRITER_GONE,
    LOG_EVENT_WRITE_FAILED,
    LOG_EVENT_BLOCKED,          /* `all` or `default` should move and cannot */
    LOG_EVENT_PAUSED,           /* a person told to write nothing somewhere */
    LOG_EVENT_RESUMED,          /* that is over */
    LOG_EVENT_RESYNC,           /* messages were lost or a flood was sat out */
    LOG_EVENT_ROUTING_SET,      /* routes and rules of a device were set up or taken away */
    LOG_EVENT_ROUTING_REPAIRED, /* ... were put back */
    LOG_EVENT_ROUTING_WRITER,   /* something keeps changing them */
    LOG_EVENT_ROUTING_CONFLICT, /* a device gets none, and why */
    LOG_EVENT_ROUTING_FAILED,   /* the kernel refused one */
    LOG_EVENT_COUNT,
};

struct logger {
    bool journal;   /* journald receives the entries */
    int max_level;  /* LOG_DEBUG … for standard error */
    int probe;      /* a socket that tells whether the journal has room */
    unsigned *lost; /* entries that found none */
};

/* lost: counts entries; lives as long as the logger. */
void logger_init(struct logger *logger, bool verbose, unsigned *lost);
void logger_done(struct logger *logger);

void log_plain(const struct logger *logger, enum log_event event, int level, const char *format,
               ...) _printf_(4, 5);

/* "To hold it: rpfpolicy pause --reason=TEXT eth0": what a person can paste into a shell, whatever
 * bytes the name has. */
#define LOG_HOLD_SIZE 192
const char *log_hold_text(const char *name, char buf[static LOG_HOLD_SIZE]);

/* An entry about one key of one device (or all, default: their ifindex is 0 in the entry). */
struct log_change {
    enum log_event event;
    int level;
    enum key key;
    const char *name;
    int ifindex;
    int old_value, new_value;
    const struct rule *rule; /* may be NULL */
    const char *cause;       /* may be NULL */
    const char *message;
};
void log_change(const struct logger *logger, const struct log_change *change);
