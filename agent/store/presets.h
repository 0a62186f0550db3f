/* Presets: policy files that are shipped and copied by name. What is enforced is always the copy,
 * so that an upgrade of the package never changes it.
 *
 * A preset's first line is "# rpfpolicy preset NAME VERSION", the next comment line says in one
 * line what it is for. The copy's first line also holds a fingerprint of the rest, so that it can
 * be told whether somebody edited it. Lines "# suggest-device: GLOB" and "# suggest-file: PATHGLOB"
 * say what gives away that the preset is of use here; "# suggest-needs-file:" must be there as
 * well, and "# suggest-unless-device:" must not. "# next: TEXT" is printed after enabling. */
#pragma once

#include "agent/base/directory.h"
#include "agent/base/paths.h"
#include "policy/base/diag.h"

enum preset_copy {
    PRESET_NOT_ENABLED,
    PRESET_ENABLED,
    PRESET_EDITED, /* enabled, and not (or no longer) what was shipped */
};

struct preset {
    char *name;
    char *target; /* where its copy stands, below root and without it */
    /* As shipped; bytes is NULL for a copy of what is shipped no more. */
    unsigned version;
    char *bytes;
    size_t n;
    /* The copy. */
    enum preset_copy copy;
    unsigned copy_version; /* 0: cannot be told */
    char *copy_bytes;
    size_t copy_n;
    bool newer; /* what is shipped is another version than the copy was made of */
};

struct presets {
    struct preset *items; /* by name */
    size_t count, capacity;
};

/* What is shipped and what is enabled. Files that are not presets become errors in diags and are
 * left out. -ENOMEM, else 0. */
int presets_read(const struct paths *paths, struct diags *diags, struct presets *ret);
void presets_done(struct presets *presets);
#define _cleanup_presets_ _cleanup_(presets_done)

const struct preset *presets_find(const struct presets *presets, const char *name);

/* What a file is where it is a preset, as shipped or copied and not edited: "cilium, version 1",
 * owned. -ENOENT where it is none. */
int preset_title(const char *bytes, size_t n, char **ret);

/* The line that says what the preset is for, owned; "" where there is none. NULL: no memory. */
char *preset_summary(const struct preset *preset);

/* The value of the n-th comment line "# WORD: VALUE", owned; NULL when there is none (or no memory,
 * which costs a hint and nothing else). */
char *preset_comment(const struct preset *preset, const char *word, unsigned n);

/* The bytes that enabling writes: the shipped file with a fingerprint in its first line. Owned. */
int preset_copy_bytes(const struct preset *preset, char **ret, size_t *ret_n);

/* Make or replace the copy; remove it. The caller decides whether an edited one may go. */
int preset_enable(const struct paths *paths, const struct preset *preset);
int preset_disable(const struct paths *paths, const struct preset *preset);

/* What gives away that the preset is of use here, one entry per comment line that finds something:
 * "device cilium_host", "file /etc/cni/net.d/05-cilium.conflist". devices: NULL-terminated names of
 * the devices of this namespace. */
int preset_look(const struct paths *paths, const struct preset *preset, const char *const *devices,
                struct names *ret_evidence);
