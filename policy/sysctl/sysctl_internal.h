/* What the parts of the sysctl.d resolver share: the lines, an index by key text, and per managed
 * key the globs that may reach it. Only sysctl_conf.c, sysctl_resolve.c and sysctl_procps.c use it.
 */
#pragma once

#include "policy/base/util.h"
#include "policy/sysctl/sysctl_conf.h"

#define SYSCTL_BASE "net/ipv4/conf/"

enum fate {
    FATE_ALIVE,
    FATE_REPLACED, /* `by` states the same key with another value */
    FATE_REPEATED, /* `by` is the line that it repeats */
};

struct entry {
    struct sysctl_line line; /* first: a borrowed line leads back to its entry */
    struct entry *same_key;  /* the line before it with the same key text */
    struct entry *by;
    size_t order; /* place among all lines */
    enum fate fate;
    int number;
    bool refused; /* the kernel takes no such value */
    char *shape;  /* procps: the path's slashes and dots where they are unusual, else NULL */
};

/* A glob, as far as one managed key is concerned. In file order, which is the order of writing. */
struct candidate {
    struct entry *entry;
    char *device;     /* pattern of the device's component */
    size_t literal;   /* bytes of it before the first special one */
    bool device_glob; /* it has a wildcard */
    bool key_exact;   /* the component of the key is the key's name */
    bool key_glob;    /* it has a wildcard */
    bool key_braces;  /* it has braces */
};

struct candidates {
    struct candidate *items;
    size_t count, capacity;
};

struct sysctl_conf {
    enum sysctl_flavor flavor;
    char **files;
    size_t n_files, files_capacity;
    struct entry **entries; /* in file order */
    size_t n_entries, entries_capacity;
    struct entry **missed; /* whose device has dots, which are taken for slashes */
    size_t n_missed, missed_capacity;
    struct entry **table; /* open addressing by key text; the latest line of each */
    size_t table_used, table_size;
    struct candidates full[KEY_COUNT]; /* as glob(3) resolves them */
    struct candidates add[KEY_COUNT];  /* as --prefix does, component by component */
};

bool sysctl_is_glob(const char *text);

/* "net/ipv4/conf/NAME/KEY" cut into its parts. */
#define SYSCTL_COMPONENTS 5
bool sysctl_split(char *path, char *components[SYSCTL_COMPONENTS]);

/* The key text of a device's key. False when the name is longer than any device's. */
#define SYSCTL_TARGET_SIZE 256
bool sysctl_target(const char *name, enum key key, char buf[SYSCTL_TARGET_SIZE]);

/* The latest line with this key text, repeated ones included; NULL for none. */
struct entry *sysctl_last(const struct sysctl_conf *conf, const char *key);

/* One assignment or exclusion (value NULL) with its key in normal form. Lines that cannot concern
 * a managed key are dropped. *ret is the new entry or NULL. */
struct sysctl_statement {
    const char *file;
    unsigned line;
    const char *text, *key, *value;
    bool ignore_errors;
};
int sysctl_add(struct sysctl_conf *conf, const struct sysctl_statement *statement,
               struct diags *diags, struct entry **ret);

/* Add one file's lines as procps reads them. file is owned by conf. */
int sysctl_procps_add(struct sysctl_conf *conf, const char *file, const char *bytes, size_t n,
                      struct diags *diags);
int sysctl_procps_resolve(const struct sysctl_conf *conf, const char *name, const char *target,
                          enum key key, bool want_verdicts, struct sysctl_answer *ret);

/* Does the candidate reach the device in this run? */
bool sysctl_candidate_matches(const struct candidate *candidate, enum sysctl_run run,
                              const char *name);

/* Enter a glob in the lists of the keys that it may reach. 1 when there are any, 0 when not. */
int sysctl_index_glob(struct sysctl_conf *conf, struct entry *entry, struct diags *diags);

/* Every line that speaks of the target, in file order: owned array of borrowed entries. */
int sysctl_collect(const struct sysctl_conf *conf, const struct candidates *globs,
                   enum sysctl_run run, const char *name, const char *target, struct entry ***ret,
                   size_t *ret_count);
