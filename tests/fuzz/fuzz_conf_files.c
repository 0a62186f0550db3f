/* Finding the files of sysctl.d: names, directories that mask one another, links, any bytes. Input:
 * files, divided as in fuzz.h. The first byte of each picks its directory, then comes its name up
 * to the end of the line, then what is in it; behind "->" where it is a link. */
#include <limits.h>

#include "agent/system/conf_files.h"
#include "agent/system/sysctl_load.h"
#include "policy/sysctl/fragment.h"
#include "tree.h"

#define FILES_MAX 32

static const char *const directories[] = {"/etc/sysctl.d", "/run/sysctl.d", "/usr/lib/sysctl.d",
                                          NULL};

struct put_file {
    char *path; /* owned, with the root */
    const char *name;
    unsigned directory;
    bool link, null; /* a link to /dev/null hides the name */
    struct part part;
};

static struct put_file files[FILES_MAX];
static size_t n_files;

static void remove_files(void)
{
    for (; n_files > 0; n_files--) {
        struct put_file *file = &files[n_files - 1];

        (void)unlink(file->path); /* two may have had one name */
        free(file->path);
        part_done(&file->part);
    }
}

static const struct put_file *find_file(unsigned directory, const char *name)
{
    for (size_t i = 0; i < n_files; i++)
        if (files[i].directory == directory && streq(files[i].name, name))
            return &files[i];
    return NULL;
}

static void put_link(struct put_file *file)
{
    char target[256];

    snprintf(target, sizeof(target), "%.*s", (int)(file->part.n - 2), file->part.bytes + 2);
    target[strcspn(target, "\n")] = '\0';
    file->link = *target && symlink(target, file->path) == 0;
    file->null = streq(target, "/dev/null");
    if (!file->link) /* the kernel takes no such target: a file then */
        put(file->path, "", &file->part);
}

/* Not where the name is none, or one that is there. */
static void put_file(const struct part *input)
{
    const char *end = input->n > 1 ? memchr(input->bytes + 1, '\n', input->n - 1) : NULL;
    struct put_file file = {.directory = 0};
    char name[NAME_MAX + 1];

    if (!end || n_files == FILES_MAX || end - input->bytes - 1 > 200)
        return;
    snprintf(name, sizeof(name), "%.*s", (int)(end - input->bytes - 1), input->bytes + 1);
    file.directory = (unsigned char)input->bytes[0] % (ELEMENTSOF(directories) - 1);
    if (!*name || strchr(name, '/') || streq(name, ".") || streq(name, "..") ||
        find_file(file.directory, name))
        return;
    file.path = text_format("%s%s/%s", root, directories[file.directory], name);
    require(file.path);
    file.name = strrchr(file.path, '/') + 1;
    file.part = part_copy((const uint8_t *)end + 1, input->n - (size_t)(end + 1 - input->bytes));
    if (file.part.n > 2 && memcmp(file.part.bytes, "->", 2) == 0)
        put_link(&file);
    else
        put(file.path, "", &file.part);
    files[n_files++] = file;
}

static bool counts(const char *name, unsigned flags)
{
    size_t n = strlen(name);

    return n >= 5 && streq(name + n - 5, ".conf") && (*name != '.' || (flags & CONF_FILES_HIDDEN));
}

/* The one whose bytes count for this name; NULL: masked, or a link, which may lead anywhere. */
static const struct put_file *first_of(const char *name)
{
    for (unsigned i = 0; directories[i]; i++) {
        const struct put_file *file = find_file(i, name);

        if (file)
            return file;
    }
    return NULL;
}

/* Each name once and in order, from the directory of highest precedence, with the bytes in it. */
static void check_found(const struct conf_files *found, unsigned flags)
{
    const char *before = "";

    for (size_t i = 0; i < found->count; i++) {
        const struct conf_file *is = &found->files[i];
        const char *name = strrchr(is->path, '/') + 1;
        const struct put_file *put = first_of(name);

        require(strcmp(before, name) < 0 && counts(name, flags));
        before = name;
        require(put && !put->null && streq(put->path + strlen(root), is->path));
        require(is->bytes[is->n] == '\0');
        require(put->link ||
                (put->part.n == is->n && memcmp(put->part.bytes, is->bytes, is->n) == 0));
    }
}

/* Nothing is lost silently: a name that counts was read, is masked, or is told of. */
static void check_complete(const struct conf_files *found, const struct diags *diags,
                           unsigned flags)
{
    size_t expected = 0, links = 0;

    for (size_t i = 0; i < n_files; i++) {
        const struct put_file *file = &files[i];

        if (!counts(file->name, flags) || first_of(file->name) != file || file->null)
            continue;
        expected += !file->link;
        links += file->link;
    }
    require(found->count >= expected && found->count <= expected + links);
    require(diags->count <= links);
    require(links > 0 || found->count == expected);
}

static void check_read(unsigned flags)
{
    _cleanup_conf_files_ struct conf_files found = {0};
    _cleanup_diags_ struct diags diags = DIAGS_INIT;

    require(conf_files_read(root, directories, flags, &diags, &found) == 0);
    require_diags(&diags);
    check_found(&found, flags);
    check_complete(&found, &diags, flags);
}

/* What is wrong with files of others is a warning. */
static void check_load(enum sysctl_flavor flavor)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct sysctl_conf *conf = NULL, *others = NULL;
    struct sysctl_answer answer = {0};

    require(sysctl_load(&paths, (int)flavor, &diags, &conf) == 0 && conf);
    require(sysctl_load_others(&paths, FRAGMENT_NAME, &diags, &others) == 0 && others);
    require_diags(&diags);
    require(!diags_failed(&diags));
    require(sysctl_conf_resolve(conf, SYSCTL_RUN_FULL, "eth0", KEY_RP_FILTER, false, &answer) >= 0);
    require(sysctl_conf_resolve(others, SYSCTL_RUN_FULL, "eth0", KEY_RP_FILTER, false, &answer) >=
            0);
    require(!answer.given || !strstr(answer.line->file, "/" FRAGMENT_NAME));
    sysctl_conf_free(conf);
    sysctl_conf_free(others);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct part part;

    tree_begin();
    for (unsigned i = 0; directories[i]; i++) {
        _cleanup_free_ char *path = text_format("%s%s", root, directories[i]);

        require(path && directory_make(path) == 0);
    }
    while (part_next(&data, &size, &part)) {
        put_file(&part);
        part_done(&part);
    }
    check_read(0);
    check_read(CONF_FILES_HIDDEN);
    check_load(SYSCTL_SYSTEMD);
    check_load(SYSCTL_PROCPS);
    remove_files();
    return 0;
}
