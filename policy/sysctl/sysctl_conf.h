/* What systemd-sysctl(8) (or procps sysctl) makes of a tree of sysctl.d files, for net.ipv4.conf.
 * Pure: gets the files' bytes in the order in which they are read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/base/diag.h"
#include "policy/facts/keys.h"

enum sysctl_flavor {
    SYSCTL_SYSTEMD, /* sysctl.d(5) as systemd-sysctl reads it */
    SYSCTL_PROCPS,  /* sysctl --system of procps 4.0 */
};

enum sysctl_run {
    SYSCTL_RUN_ADD,  /* as the 99-systemd rule runs it for a device that was added */
    SYSCTL_RUN_FULL, /* as systemd-sysctl.service runs it */
};

struct sysctl_line {
    const char *file; /* owned by the conf */
    unsigned line;
    const char *text;  /* the line as written, trimmed; owned by the conf */
    const char *key;   /* normalised to slashes, "net/ipv4/conf/eth0/rp_filter"; owned */
    const char *value; /* NULL: an exclusion (a leading - without value); owned */
    bool ignore_errors;
    bool glob;
};

enum sysctl_outcome {
    SYSCTL_WINS,       /* the value that stays */
    SYSCTL_WRITTEN,    /* is written, then overwritten by a later one */
    SYSCTL_REPLACED,   /* the same key is stated again with another value */
    SYSCTL_REPEATED,   /* the same key and value again: keeps the place of the first */
    SYSCTL_EXACT_WINS, /* a glob that an exact key beats */
    SYSCTL_EXCLUDED,   /* a glob that an exclusion keeps off this key */
    SYSCTL_INVALID,    /* the kernel refuses the value */
    SYSCTL_EXCLUDES,   /* the exclusion line itself */
    SYSCTL_NO_EFFECT,  /* an exclusion with a pattern: it stands for its own text only */
};
const char *
sysctl_outcome_text(enum sysctl_outcome outcome); /* "an exact key beats every glob" … */

struct sysctl_verdict {
    const struct sysctl_line *line; /* borrowed */
    enum sysctl_outcome outcome;
    const struct sysctl_line *by; /* the line that beat it, or NULL */
};

struct sysctl_answer {
    bool given;                     /* some line gives the device a value */
    int value;                      /* what is stored at the end, as the kernel parses it */
    const struct sysctl_line *line; /* the line that gave it */
    struct sysctl_verdict
        *verdicts; /* every line that speaks of it, in file order; only when asked */
    size_t count;
};

struct sysctl_conf;
struct sysctl_conf *sysctl_conf_new(enum sysctl_flavor flavor);
struct sysctl_conf *sysctl_conf_free(struct sysctl_conf *conf);

/* Add the bytes of one file, in the order of conf_files_read(). Bad lines become warnings and are
 * skipped, as systemd does; lines about anything but the managed keys are dropped. -ENOMEM. */
int sysctl_conf_add_file(struct sysctl_conf *conf, const char *path, const char *bytes, size_t n,
                         struct diags *diags);

/* name: a device, or "all", "default". Without verdicts (want_verdicts false) nothing is allocated.
 * Call sysctl_answer_done() after want_verdicts. SYSCTL_RUN_ADD gives nothing for all, default and
 * lo, nor where udev takes the name apart (it holds a quote or !); procps knows one run only.
 *
 * The answer holds for a run that really writes: systemd-sysctl does not write a value that is
 * there already, so that a device which still follows `default` may follow it once more. A name
 * with wildcards of its own ("[a]") is taken as one that no other device's name matches. */
int sysctl_conf_resolve(const struct sysctl_conf *conf, enum sysctl_run run, const char *name,
                        enum key key, bool want_verdicts, struct sysctl_answer *ret);
void sysctl_answer_done(struct sysctl_answer *answer);

/* The last line with this exact key (not a glob) for the name, also where it only repeats an
 * earlier one: with another line between the two it counts. NULL for none. For generate sysctl.d.
 */
const struct sysctl_line *sysctl_conf_exact(const struct sysctl_conf *conf, const char *name,
                                            enum key key);

/* The last line that is meant for the device and does not reach it: in "net.ipv4.conf.vrrp.44.KEY"
 * the dots of the name are read as slashes; "net/ipv4/conf/vrrp.44/KEY" would reach it. NULL for
 * none. */
const struct sysctl_line *sysctl_conf_missed(const struct sysctl_conf *conf, const char *name,
                                             enum key key);

/* An integer as proc_dointvec() reads it: leading blanks, sign, base by prefix, rest after a blank
 * ignored ("1 2 3" is 1, "0x2" is 2). -EINVAL otherwise. */
int sysctl_parse_int(const char *text, int *ret);
