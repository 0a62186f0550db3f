/* Other writers whose configuration is spread over several files: systemd-networkd, which picks one
 * .network file per device and adds drop-ins, and tuned, whose active profile includes others. */
#include <stdio.h>

#include "agent/base/directory.h"
#include "agent/system/suspects_scan.h"
#include "policy/base/text.h"
#include "policy/base/util.h"

#define NETWORKD_SAYS "systemd-networkd writes this whenever it configures the device"
#define TUNED_SAYS "tuned writes this when the profile is started or switched"

static const char *const network_directories[] = {"/etc/systemd/network", "/run/systemd/network",
                                                  "/usr/local/lib/systemd/network",
                                                  "/usr/lib/systemd/network"};

/* "NAME = value": the value, or NULL. Blanks around the sign are allowed. */
static const char *assigned(const char *line, const char *name)
{
    const char *p = startswith(line, name);

    if (!p)
        return NULL;
    p += strspn(p, " \t");
    if (*p != '=')
        return NULL;
    p++;
    return p + strspn(p, " \t");
}

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };

/* Name= of [Match] is judged: globs, any of which may match; "!" before the first negates. Other
 * conditions are not, so with them the file only may match. */
static enum match match_file(const struct search *search, const struct conf_file *file)
{
    const char *cursor = file->bytes;
    char line[SCAN_LINE_SIZE];
    bool in_match = false, named = false, matched = false, others = false;
    unsigned number = 0;

    while (scan_line(file, &cursor, &number, line)) {
        const char *value;
        bool negated;

        if (*line == '[') {
            in_match = streq(line, "[Match]");
            continue;
        }
        value = in_match ? assigned(line, "Name") : NULL;
        others |= in_match && !value;
        if (!value)
            continue;
        negated = *value == '!';
        named = *value != '\0';
        matched |= named && scan_globs_match(value + negated, search->device) != negated;
        matched &= named; /* an empty value forgets what stood before */
    }
    if (named && !matched)
        return MATCH_NO;
    return others || !named ? MATCH_MAYBE : MATCH_YES;
}

static int scan_option(struct search *search, const struct conf_file *file, const char *option)
{
    const char *cursor = file->bytes;
    char line[SCAN_LINE_SIZE];
    unsigned number = 0;
    int r = 0;

    while (r >= 0 && scan_line(file, &cursor, &number, line))
        if (assigned(line, option))
            r = scan_add(search, "systemd-networkd", file->path, number, line, NETWORKD_SAYS);
    return r;
}

static int scan_drop_ins(struct search *search, const char *name, const char *option)
{
    for (size_t i = 0; i < ELEMENTSOF(network_directories); i++) {
        _cleanup_names_ struct names names = {0};
        _cleanup_free_ char *pattern = NULL;
        int r;

        pattern = text_format("%s/%s.d/*.conf", network_directories[i], name);
        if (!pattern)
            return -ENOMEM;
        r = names_find(search->root, pattern, &names);
        for (size_t j = 0; r >= 0 && j < names.count; j++) {
            _cleanup_conf_files_ struct conf_files files = {0};

            if (scan_read(search, names.items[j], &files))
                r = scan_option(search, &files.files[0], option);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static const char *base_name(const char *path)
{
    return strrchr(path, '/') + 1;
}

static int by_base_name(const void *a, const void *b)
{
    return strcmp(base_name(*(char *const *)a), base_name(*(char *const *)b));
}

/* All .network files in the order in which networkd tries them; the same name in an earlier
 * directory masks the file. */
static int find_network_files(const struct search *search, struct names *ret)
{
    size_t kept = 0;

    for (size_t i = 0; i < ELEMENTSOF(network_directories); i++) {
        char pattern[96];
        int r;

        snprintf(pattern, sizeof(pattern), "%s/*.network", network_directories[i]);
        r = names_find(search->root, pattern, ret);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < ret->count; i++) {
        bool masked = false;

        for (size_t j = 0; j < kept; j++)
            masked |= streq(base_name(ret->items[j]), base_name(ret->items[i]));
        if (masked)
            free(ret->items[i]);
        else
            ret->items[kept++] = ret->items[i];
    }
    ret->count = kept;
    if (kept > 0)
        qsort(ret->items, kept, sizeof(*ret->items), by_base_name);
    return 0;
}

int suspects_networkd(struct search *search)
{
    const char *option = key_info(search->key)->networkd;
    _cleanup_names_ struct names names = {0};
    enum match match = MATCH_NO;
    int r;

    if (!option || streq(search->device, "all") || streq(search->device, "default"))
        return 0;
    r = find_network_files(search, &names);
    for (size_t i = 0; r >= 0 && match != MATCH_YES && i < names.count; i++) {
        _cleanup_conf_files_ struct conf_files files = {0};

        if (!scan_read(search, names.items[i], &files))
            continue;
        match = match_file(search, &files.files[0]);
        if (match == MATCH_NO)
            continue;
        r = scan_option(search, &files.files[0], option);
        if (r >= 0)
            r = scan_drop_ins(search, base_name(names.items[i]), option);
    }
    return r;
}

#define TUNED_DEPTH 8 /* of includes; a circle ends here */

static int scan_profiles(struct search *search, char *list, unsigned depth);

static int scan_profile(struct search *search, const char *profile, unsigned depth)
{
    static const char *const directories[] = {"/etc/tuned/profiles", "/etc/tuned",
                                              "/usr/lib/tuned/profiles", "/usr/lib/tuned"};

    if (depth > TUNED_DEPTH || strchr(profile, '/') || *profile == '.')
        return 0;
    for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
        _cleanup_conf_files_ struct conf_files files = {0};
        char path[256], line[SCAN_LINE_SIZE];
        const char *cursor;
        unsigned number = 0;
        int r;

        snprintf(path, sizeof(path), "%s/%s/tuned.conf", directories[i], profile);
        if (!scan_read(search, path, &files))
            continue;
        r = scan_mentions(search, "tuned", &files.files[0], TUNED_SAYS);
        cursor = files.files[0].bytes;
        while (r >= 0 && scan_line(&files.files[0], &cursor, &number, line)) {
            const char *include = assigned(line, "include");

            if (include)
                r = scan_profiles(search, line + (include - line), depth + 1);
        }
        return r; /* the first directory that has it wins */
    }
    return 0;
}

static int scan_profiles(struct search *search, char *list, unsigned depth)
{
    char *rest = list, *profile;
    int r = 0;

    while (r >= 0 && (profile = strsep(&rest, " \t,")))
        if (*profile)
            r = scan_profile(search, profile, depth);
    return r;
}

int suspects_tuned(struct search *search)
{
    _cleanup_conf_files_ struct conf_files files = {0};
    char line[SCAN_LINE_SIZE];
    const char *cursor;
    unsigned number = 0;

    if (!scan_read(search, "/etc/tuned/active_profile", &files))
        return 0;
    cursor = files.files[0].bytes;
    if (!scan_line(&files.files[0], &cursor, &number, line))
        return 0;
    return scan_profiles(search, line, 0);
}
