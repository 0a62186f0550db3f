/* What the parts of the fragment writer share: what one key is up against. */
#pragma once

#include <limits.h>

#include "policy/base/text.h"
#include "policy/sysctl/fragment.h"
#include "policy/sysctl/sysctl_internal.h"

/* One key of the policy on its way into the fragment. */
struct section {
    struct text *text;
    unsigned *missing;
    const struct policy *policy;
    const struct sysctl_conf *others; /* may be NULL */
    const struct live *live;          /* may be NULL */
    enum key key;
    const uint32_t *order; /* matcher_order(): strongest first */
    size_t n_order;
    int all_before;  /* what `all` is without the fragment, as far as files tell */
    int all;         /* what it is with the fragment */
    bool all_stated; /* the fragment or another file says so */
    bool all_unsure; /* something at run time may have changed it: accept_redirects */
    const struct sysctl_line *all_decided; /* by a file that comes later; NULL: by none */
    const char **lines;                    /* patterns of the globs that were written, borrowed */
    size_t n_lines, lines_capacity;
    int lowest, highest; /* of the values that were written */
};

/* "# not expressed: KEY PATTERN: " and the reason. */
void section_missing(struct section *s, const char *pattern, const char *format, ...)
    _printf_(3, 4);
/* The same, where `all` rules it out; rule NULL: none is named. */
void section_ruled_out(struct section *s, const char *pattern, const struct rule *rule);
void section_line(struct section *s, const char *pattern, int value);

/* Is the rule one that is written, not merely judged? */
bool section_writes(const struct rule *rule);

/* A stored value that gives the first alternative that can be had under `all`. False when there is
 * none that is sure. */
bool section_pick(const struct section *s, const struct rule *rule, int *ret);

/* The strongest rule that matches the name, sets left aside. */
const struct rule *section_winner(const struct section *s, const char *name);

/* What the other files store for the name: by any line, or in its absence what default holds. */
struct stored {
    bool given;
    int value;
    const struct sysctl_line *exact; /* the line with this very key, or NULL */
};
struct stored section_stored(const struct section *s, const char *name);

/* Does another file that comes after the fragment hold the line? */
bool section_later(const struct sysctl_line *line);

/* A stored value under the new `all` that amounts to what `stored` did under the old one. */
int section_kept(const struct section *s, int stored);

/* Keep our own globs off a key that the fragment is not to change: `all`, `default`, lo or a device
 * that is left alone. */
void section_protect(struct section *s, const char *name);

/* Tell of devices whose name is the text of a glob: systemd-sysctl takes its line for one of their
 * own, writes no glob to them, and does not write that line either since it is a glob. */
void section_namesakes(struct section *s);

/* Globs, then names; the parts of one section in their order. */
void section_globs(struct section *s);
void section_names(struct section *s);
