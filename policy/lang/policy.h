/* A policy: what the files say, parsed and validated, before it meets any device.
 * Life: policy_new(), policy_add_file() per file in order, policy_finish(), then read-only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "policy/base/diag.h"
#include "policy/base/ip.h"
#include "policy/facts/keys.h"
#include "policy/lang/pattern.h"

#define RULE_VALUES_MAX KEY_VALUES_MAX

enum policy_mode { MODE_OBSERVE, MODE_ENFORCE };
const char *policy_mode_name(enum policy_mode mode);

struct origin {
    const char *file; /* owned by policy.files; as given to policy_add_file() */
    unsigned line;
};

struct rule {
    enum key key;
    struct pattern pattern;
    bool unmanaged;
    bool observe;                /* ", observe": judged and reported, never written */
    int values[RULE_VALUES_MAX]; /* accepted effective values, the first is written */
    unsigned n_values;           /* 0 when unmanaged */
    char *value_text;            /* owned, as written without ", observe" */
    int exception;               /* index into policy.exceptions, -1 for none */
    struct origin origin;
};

enum set_condition_kind {
    SET_NAME,
    SET_ALTNAME,
    SET_KIND,
    SET_TYPE,
    SET_DRIVER,
    SET_MAC,
    SET_PERMANENT_MAC,
    SET_MASTER,
    SET_PROPERTY,
};

struct set_condition {
    enum set_condition_kind kind;
    bool negated;
    char *property; /* owned, SET_PROPERTY: the KEY */
    char **globs;   /* owned, NULL-terminated alternatives */
    struct origin origin;
};

struct set {
    char *name; /* owned, without @ */
    struct set_condition *conditions;
    size_t count, capacity;
    struct origin origin;
};

/* Built-in sets stand before the named ones: pattern.set is one of these or
 * BUILTIN_SET_COUNT + index into policy.sets. */
enum builtin_set {
    BUILTIN_SET_PHYSICAL,
    BUILTIN_SET_UPLINK,
    BUILTIN_SET_UNNUMBERED,
    BUILTIN_SET_COUNT
};
const char *builtin_set_name(enum builtin_set set);

struct exception {
    char *name, *reason, *ref; /* owned; ref may be NULL */
    int until;                 /* YYYYMMDD, 0 for none */
    char **devices;            /* owned, NULL-terminated patterns as written */
    struct origin origin;
};

/* One item of `protect`: a port, or where that is 0 a prefix of IPv4. */
struct protected_peer {
    uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP */
    uint16_t port;
    struct ip_prefix prefix;
    char *text; /* owned, as written */
    struct origin origin;
};

/* One item of `probe`: a connection by TCP. */
#define PROBES_MAX 32
struct probe {
    struct in_addr address;
    uint16_t port;
    char text[32]; /* as written */
};

/* How long a policy may be on trial. */
#define TRIAL_MAX_USEC (UINT64_C(86400) * 1000000)

struct policy {
    char **files; /* owned, in the order they were added */
    size_t n_files, files_capacity;
    struct rule *rules; /* in file order; exceptions' rules among them */
    size_t n_rules, rules_capacity;
    struct set *sets;
    size_t n_sets, sets_capacity;
    struct exception *exceptions;
    size_t n_exceptions, exceptions_capacity;
    struct {
        enum policy_mode mode;
        bool mode_written; /* by a file; else it is the default */
        uint64_t sweep_usec;
        bool flush_routes;
        char *metrics_file; /* owned, NULL for none */
        char *revision;     /* owned, printable ASCII; NULL where no file says one */
        uint32_t routing_table_base, routing_priority_base;
        struct protected_peer *protect; /* all lines together */
        size_t n_protect, protect_capacity;
        struct probe probes[PROBES_MAX]; /* of all lines */
        size_t n_probes;
        uint64_t trial_usec; /* how long a trial of it is; 0: an agent with --accept begins none */
        bool trial_keeps;    /* trial-ends = keep: a trial that nobody confirms stays */
    } agent;
    struct routing *routing; /* routing.h; NULL where no file speaks of it */
    /* "", or read for devices of this name alone: of rules that cannot match it only as many are
     * here as it takes to know every value that is asked for. plan_is_enough() tells what that is
     * good for. */
    char device[DEVICE_NAME_MAX + 1];
    key_mask keys;           /* keys that any rule names */
    uint32_t facts;          /* mask of enum fact that its sets use */
    uint64_t hash;           /* FNV-1a over names and contents of the files */
    struct matcher *matcher; /* compile.h; built by policy_finish() */
};

struct policy *policy_new(void);
struct policy *policy_new_for(const char *device); /* NULL: for all, as policy_new() */
struct policy *policy_free(struct policy *policy); /* returns NULL; NULL is fine */
static inline void policy_freep(struct policy **p)
{
    policy_free(*p);
}
#define _cleanup_policy_ _cleanup_(policy_freep)

/* Parse the bytes of one file through inih. `path` is how origins name it. Adds what is wrong to
 * diags and goes on; returns 0 also when errors were found (diags_failed() tells), -ENOMEM else. */
int policy_add_file(struct policy *policy, const char *path, const char *bytes, size_t n,
                    struct diags *diags);

/* Judge what needs all files: unknown sets, rules that a pin rules out, and no rule at all where
 * nobody wrote 'mode = observe' (errors); rules that can never win (warnings, with the line that
 * shadows them; a note for a `* = unmanaged` that another file replaces); and where the udev hook's
 * blindness for sets leaves a device looser (warnings). All messages are then in the order of files
 * and lines. With diags NULL, for a policy that was judged before, none of that. And build the
 * matcher. -ENOMEM, else 0. */
int policy_finish(struct policy *policy, struct diags *diags);

/* "5f0c…": 16 hex digits of policy.hash. */
const char *policy_hash_text(const struct policy *policy, char buf[17]);

/* Does any line ask for something: a rule of a key, of an exception too, or a line of [routing]? */
bool policy_has_rules(const struct policy *policy);

/* Would `next` in the place of this policy, NULL for none, end that anything is enforced, and ask
 * for nothing instead? Hardly ever is that meant: who accepts a policy asks first. */
bool policy_disarms(const struct policy *in_force, const struct policy *next);

/* The pin of a key, or NULL. which: PATTERN_ALL or PATTERN_DEFAULT. The later line wins. */
const struct rule *policy_pin(const struct policy *policy, enum key key, enum pattern_kind which);

/* The winning bare * rule of a key among plain rules (not exceptions), or NULL. */
const struct rule *policy_any(const struct policy *policy, enum key key);

/* Does the rule accept this effective value? False when unmanaged. */
bool rule_accepts(const struct rule *rule, int effective);

/* Exception past its date? today is YYYYMMDD. */
bool exception_expired(const struct exception *exception, int today);

/* ARPHRD number to the word `ip link` prints after "link/" ("ether", "loopback", "ppp" …); numbers
 * without a word print as a number into buf. */
const char *device_type_name(uint16_t type, char *buf, size_t size);
