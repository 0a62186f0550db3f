/* The policy as an administrator saved it: found, read and validated. accepted.c keeps the one that
 * is in force. */
#include "agent/store/policy_load.h"

#include <unistd.h>

#include "agent/store/policy_read.h"

const char *const policy_directories[] = {"/etc/rpfpolicy.d", "/run/rpfpolicy.d",
                                          "/usr/local/lib/rpfpolicy.d", "/usr/lib/rpfpolicy.d",
                                          NULL};

/* Who names the null device wants no policy, on purpose, so it counts as one that says so. */
static int add_nothing_wanted(const char *path, struct conf_files *files)
{
    static const char text[] = "[agent]\nmode = observe\n";

    files->files = calloc(1, sizeof(*files->files));
    if (!files->files)
        return -ENOMEM;
    files->count = files->capacity = 1;
    files->files[0].path = strdup(path);
    files->files[0].bytes = strdup(text);
    files->files[0].n = sizeof(text) - 1;
    return files->files[0].path && files->files[0].bytes ? 0 : -ENOMEM;
}

static int read_named(const char *path, struct diags *diags, struct conf_files *ret)
{
    size_t errors = diags->errors;
    int r;

    /* Without privilege a policy steers nobody but its reader, so anybody's draft will do. */
    r = conf_file_read("", path, geteuid() == 0 ? CONF_FILES_TRUSTED : 0, diags, ret);
    if (r < 0 || ret->count > 0 || diags->errors > errors)
        return r;
    return add_nothing_wanted(path, ret);
}

int policy_read_files(const struct paths *paths, struct diags *diags, struct conf_files *ret)
{
    if (paths->policy)
        return read_named(paths->policy, diags, ret);
    return conf_files_read(paths->root, policy_directories, CONF_FILES_TRUSTED, diags, ret);
}

int policy_from_files(const struct conf_files *files, struct diags *diags, struct policy **ret)
{
    _cleanup_policy_ struct policy *policy = policy_new();
    int r;

    if (!policy)
        return -ENOMEM;
    for (size_t i = 0; i < files->count; i++) {
        const struct conf_file *f = &files->files[i];

        r = policy_add_file(policy, f->path, f->bytes, f->n, diags);
        if (r < 0)
            return r;
    }
    r = policy_finish(policy, diags);
    if (r < 0)
        return r;
    if (diags_failed(diags))
        return -EBADMSG;
    *ret = TAKE_PTR(policy);
    return 0;
}

int policy_load_files(const struct paths *paths, struct diags *diags, struct conf_files *files,
                      struct policy **ret)
{
    int r = policy_read_files(paths, diags, files);

    if (r < 0)
        return r;
    if (files->count == 0)
        return diags_failed(diags) ? -EBADMSG : -ENOENT;
    return policy_from_files(files, diags, ret);
}

int policy_load(const struct paths *paths, struct diags *diags, struct policy **ret)
{
    _cleanup_conf_files_ struct conf_files files = {};

    return policy_load_files(paths, diags, &files, ret);
}

int policy_name_files(const struct paths *paths, struct policy *policy)
{
    _cleanup_conf_files_ struct conf_files files = {};
    _cleanup_diags_ struct diags known = DIAGS_INIT; /* said before */
    int r = policy_read_files(paths, &known, &files);

    for (size_t i = 0; r >= 0 && i < files.count; i++) {
        r = grow((void **)&policy->files, &policy->files_capacity, policy->n_files,
                 sizeof(*policy->files));
        if (r >= 0)
            policy->files[policy->n_files++] = TAKE_PTR(files.files[i].path);
    }
    return r;
}
