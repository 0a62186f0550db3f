/* sysctl.d of this namespace, found as its reader finds it. Its files are other people's: whatever
 * is wrong with them is a warning here and never stands in the way. */
#include "agent/system/sysctl_load.h"
#include "agent/system/conf_files.h"
#include "policy/sysctl/sysctl_conf.h"

/* Both programs look into the same directories; /lib adds nothing where it is /usr/lib. */
static const char *const directories[] = {"/etc/sysctl.d",           "/run/sysctl.d",
                                          "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d",
                                          "/lib/sysctl.d",           NULL};

static void sysctl_conf_freep(struct sysctl_conf **conf)
{
    sysctl_conf_free(*conf);
}

static void pass_on(const struct diags *from, struct diags *to)
{
    for (size_t i = 0; i < from->count; i++)
        diags_add(to, DIAG_WARNING, from->items[i].file, from->items[i].line, "%s",
                  from->items[i].text);
    if (from->lost && to)
        to->lost = true;
}

static int read_files(const char *root, enum sysctl_flavor flavor, struct diags *diags,
                      struct conf_files *ret)
{
    bool procps = flavor == SYSCTL_PROCPS;
    int r;

    r = conf_files_read(root, directories, procps ? CONF_FILES_HIDDEN : 0, diags, ret);
    if (r < 0 || !procps)
        return r;
    r = conf_file_read(root, "/etc/sysctl.conf", 0, diags, ret);
    return r == -ENOENT ? 0 : r;
}

static bool has_name(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');

    return name && streq(slash ? slash + 1 : path, name);
}

static int load(const struct paths *paths, enum sysctl_flavor flavor, const char *without,
                struct diags *diags, struct sysctl_conf **ret)
{
    _cleanup_(sysctl_conf_freep) struct sysctl_conf *conf = NULL;
    _cleanup_conf_files_ struct conf_files files = {0};
    _cleanup_diags_ struct diags found = DIAGS_INIT;
    int r;

    if (!paths->sysctl_root) {
        *ret = NULL;
        return 0;
    }
    conf = sysctl_conf_new(flavor);
    if (!conf)
        return -ENOMEM;
    r = read_files(paths->sysctl_root, flavor, &found, &files);
    for (size_t i = 0; i < files.count && r >= 0; i++) {
        const struct conf_file *file = &files.files[i];

        if (!has_name(file->path, without))
            r = sysctl_conf_add_file(conf, file->path, file->bytes, file->n, &found);
    }
    if (r < 0)
        return r;
    pass_on(&found, diags);
    *ret = TAKE_PTR(conf);
    return 0;
}

int sysctl_load(const struct paths *paths, int flavor, struct diags *diags,
                struct sysctl_conf **ret)
{
    return load(paths, (enum sysctl_flavor)flavor, NULL, diags, ret);
}

int sysctl_load_others(const struct paths *paths, const char *without, struct diags *diags,
                       struct sysctl_conf **ret)
{
    return load(paths, SYSCTL_SYSTEMD, without, diags, ret);
}
