/* Pieces that several verbs print: states of keys as JSON, who and what a report is about, rules
 * and numbers in words. */
#pragma once

#include "agent/cli/out/row.h"
#include "agent/cli/session/session.h"

#define REPORT_SCHEMA 1

/* "/etc/…/10-a.conf:4" escaped into an owned string; NULL when memory ran out. */
char *place_text(const char *file, unsigned line);

/* "loose (2)": the effective value in words with what is stored. */
const char *value_text(enum key key, int effective, int configured, char *buf, size_t size);

/* The word that stands for what a rule wants of the key; "-" where nothing is wanted. */
const char *wanted_text(const struct key_state *state, char *buf, size_t size);

/* The keys a report speaks of: those any rule names, and rp_filter. */
key_mask report_keys(const struct policy *policy);

/* {file, line, pattern}, null without a rule. */
json_t *json_rule(const struct rule *rule);

/* The device's name, not escaped; "all" or "default" without a device. */
const char *key_owner(const struct device *device, const struct key_state *state);

/* A row about one key of a device, or of `all` or `default`. */
struct key_row {
    const struct judge *judge;
    const struct device *device; /* NULL for all and default */
    const struct key_state *state;
    bool list; /* the table is that of `list`, not that of `check`, which also has */
    const char *place, *cause; /* where the rule stands, and where the value comes from */
};
int key_put(struct row *row, const struct key_row *key);

/* One element of `devices`; the states are what this judge gave. */
json_t *json_device(const struct judge *judge, const struct device *device,
                    const struct key_state *states, unsigned n);

/* {key: {configured, wanted, state, rule, cause, message}} of IFINDEX_ALL or IFINDEX_DEFAULT. */
json_t *json_special(const struct session *session, int which);

/* {since, text} of what is on trial now; null: nothing. */
json_t *json_trial(const struct paths *paths);

/* {hash, files, mode, valid, accepted, trial}; of a policy that could not be used, too. */
json_t *json_policy(const struct session *session);

/* A record of the history. */
json_t *json_decision(const struct history_record *record);

/* Who it was, by name where it is known: who logged in, below sudo and su, too. */
#define DECIDER_SIZE 160
const char *decider_text(const struct history_record *record, char buf[static DECIDER_SIZE]);

/* {file, line, level, message} of one message of a parser. */
json_t *json_diag(const struct diag *diag);

/* The person who types this, below sudo, too: at most 15 bytes without a space. Owned. */
char *pause_who(void);

/* {devices, everything, reason, by, uid, since, left} of one pause, and a list of those in force.
 */
json_t *json_pause(const struct pause *pause, uint64_t now);
json_t *json_pauses(const struct pauses *pauses, uint64_t now);

/* Put schema, version, host, machine_id and time into an object. */
void json_set_header(json_t *object, const struct cli *cli);
