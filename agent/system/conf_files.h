/* Configuration files as sysctl.d(5) orders and masks them: by basename over all directories, a
 * file in an earlier directory masks the same name in later ones, a link to /dev/null masks. An
 * empty file masks nothing of its own: like any file it replaces the same name further down. */
#pragma once

#include <stddef.h>

#include "policy/base/diag.h"

struct conf_file {
    char *path;  /* owned, as shown: below root, without it */
    char *bytes; /* owned, NUL-terminated after n */
    size_t n;
};

struct conf_files {
    struct conf_file *files;
    size_t count, capacity;
};

#define CONF_FILES_TRUSTED (1 << 0) /* refuse a file that others than root may write */
#define CONF_FILES_HIDDEN (1 << 1)  /* take names with a leading dot too, as procps does */

#define CONF_FILE_SIZE_MAX ((size_t)16 << 20)

/* Read every *.conf below dirs: NULL-terminated, absolute, highest precedence first. A missing
 * directory is fine. What cannot be read is an error in diags, and still masks its name.
 * Directories named x.conf, dangling links and files over CONF_FILE_SIZE_MAX are errors too.
 * Returns 0 also then, -ENOMEM else. Opens each file once and checks that descriptor (no race).
 * root: "" or NULL for none, else links are followed as if root were /. Adds to *ret, which starts
 * as {0}. */
int conf_files_read(const char *root, const char *const *dirs, unsigned flags, struct diags *diags,
                    struct conf_files *ret);

/* One named file, the same checks; a relative path counts from the current directory where there is
 * no root. A missing file is -ENOENT without a message. */
int conf_file_read(const char *root, const char *path, unsigned flags, struct diags *diags,
                   struct conf_files *ret);
void conf_files_done(struct conf_files *files);
#define _cleanup_conf_files_ _cleanup_(conf_files_done)
