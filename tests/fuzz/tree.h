/* For targets whose readers open files: a root of our own, which goes at the end, and putting files
 * below it. */
#pragma once

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/file.h"
#include "agent/base/paths.h"
#include "fuzz.h"
#include "policy/base/text.h"

static char root[] = "/tmp/rpfpolicy-fuzz-XXXXXX";
static struct paths paths;

static int tree_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static void tree_end(void)
{
    nftw(root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    paths_done(&paths);
}

static inline void tree_begin(void)
{
    if (paths.root)
        return;
    require(mkdtemp(root));
    require(paths_init(&(struct path_options){.root = root}, &paths) == 0);
    require(atexit(tree_end) == 0);
}

/* path: with the root. */
static inline void put(const char *path, const char *header, const struct part *part)
{
    _cleanup_text_ struct text text = {0}, directory = {0};

    text_put(&directory, path);
    *strrchr(directory.bytes, '/') = '\0';
    require(directory_make(directory.bytes) == 0);
    text_put(&text, header);
    text_put_bytes(&text, part->bytes, part->n);
    require(file_put(path, text.bytes, text.n, NULL) == 0);
}

static inline void put_below(const char *path, const struct part *part)
{
    _cleanup_free_ char *full = text_format("%s%s", root, path);

    require(full);
    put(full, "", part);
}
