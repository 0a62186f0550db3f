/* Globs in keys of sysctl.d: which devices and keys they reach in either run. glob(3) and --prefix
 * differ on leading dots and braces, so each glob stands in two lists. No file system is looked at.
 */
#include <fnmatch.h>
#include <stdio.h>

#include "policy/base/text.h"
#include "policy/sysctl/sysctl_internal.h"

#define ALTERNATIVES_MAX 1024

bool sysctl_is_glob(const char *text)
{
    return strpbrk(text, "*?[") != NULL;
}

bool sysctl_split(char *path, char *components[SYSCTL_COMPONENTS])
{
    unsigned n = 0;

    for (char *p = path, *slash; p; p = slash) {
        slash = strchr(p, '/');
        if (slash)
            *slash++ = '\0';
        if (!*p || streq(p, "."))
            continue;
        if (n == SYSCTL_COMPONENTS || streq(p, ".."))
            return false;
        components[n++] = p;
    }
    return n == SYSCTL_COMPONENTS;
}

/* The alternatives of "{a,b}" as glob(3) with GLOB_BRACE expands them. */
struct alternatives {
    char **items;
    size_t count, capacity;
};

static void alternatives_done(struct alternatives *alternatives)
{
    for (size_t i = 0; i < alternatives->count; i++)
        free(alternatives->items[i]);
    free(alternatives->items);
}

/* The comma or brace that ends the alternative that begins at p, NULL when nothing does. */
static const char *alternative_end(const char *p)
{
    unsigned depth = 0;

    for (; *p; p++) {
        if (*p == '\\' && p[1])
            p++;
        else if ((*p == '}' && depth-- == 0) || (*p == ',' && depth == 0))
            return p;
        else if (*p == '{')
            depth++;
    }
    return NULL;
}

static const char *brace_begin(const char *p)
{
    for (; *p && *p != '{'; p++)
        if (*p == '\\' && p[1])
            p++;
    return *p ? p : NULL;
}

static int expand_braces(const char *text, struct alternatives *ret)
{
    const char *begin = brace_begin(text), *rest, *p, *end;
    _cleanup_free_ char *copy = NULL;
    int r;

    /* glob(3) takes all of the text literally when its first brace is not closed. */
    rest = begin ? alternative_end(begin + 1) : NULL;
    while (rest && *rest != '}')
        rest = alternative_end(rest + 1);
    if (!rest) {
        copy = strdup(text);
        if (!copy ||
            grow((void **)&ret->items, &ret->capacity, ret->count, sizeof(*ret->items)) < 0)
            return -ENOMEM;
        ret->items[ret->count++] = TAKE_PTR(copy);
        return ret->count > ALTERNATIVES_MAX ? -E2BIG : 0;
    }
    for (p = begin + 1;; p = end + 1) {
        _cleanup_free_ char *one = NULL;

        end = alternative_end(p);
        one = text_format("%.*s%.*s%s", (int)(begin - text), text, (int)(end - p), p, rest + 1);
        if (!one)
            return -ENOMEM;
        r = expand_braces(one, ret);
        if (r < 0 || *end == '}')
            return r;
    }
}

static int add_candidate(struct candidates *list, struct entry *entry, enum key key,
                         char *components[SYSCTL_COMPONENTS])
{
    const char *device = components[3], *text = components[4];
    _cleanup_free_ char *copy = strdup(device);

    if (!copy || grow((void **)&list->items, &list->capacity, list->count, sizeof(*list->items)))
        return -ENOMEM;
    list->items[list->count++] = (struct candidate){
        .entry = entry,
        .device = TAKE_PTR(copy),
        .literal = strcspn(device, "*?[\\"),
        .device_glob = sysctl_is_glob(device),
        .key_exact = streq(text, key_info(key)->name),
        .key_glob = sysctl_is_glob(text),
        .key_braces = brace_begin(text) != NULL,
    };
    return 0;
}

static const char *const base_components[] = {"net", "ipv4", "conf"};

static bool base_matches(char *components[SYSCTL_COMPONENTS], int flags)
{
    for (size_t i = 0; i < ELEMENTSOF(base_components); i++)
        if (fnmatch(components[i], base_components[i], flags) != 0)
            return false;
    return true;
}

/* As glob(3) sees it: leading dots must be written out. */
static int index_full(struct sysctl_conf *conf, struct entry *entry, const char *text)
{
    _cleanup_free_ char *copy = strdup(text);
    char *components[SYSCTL_COMPONENTS];

    if (!copy)
        return -ENOMEM;
    if (!sysctl_split(copy, components) || !base_matches(components, FNM_PERIOD))
        return 0;
    for (unsigned key = 0; key < KEY_COUNT; key++) {
        if (fnmatch(components[4], key_info(key)->name, FNM_PERIOD) == 0 &&
            add_candidate(&conf->full[key], entry, key, components) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* As --prefix sees it: one component after the other, braces are ordinary there. What stands behind
 * the device goes through glob(3) together with the device's own name, but only if either has a
 * wildcard. */
static int index_add(struct sysctl_conf *conf, struct entry *entry, const char *text)
{
    _cleanup_(alternatives_done) struct alternatives names = {0};
    _cleanup_free_ char *copy = strdup(text);
    char *components[SYSCTL_COMPONENTS];
    int r;

    if (!copy)
        return -ENOMEM;
    if (!sysctl_split(copy, components) || !base_matches(components, 0))
        return 0;
    r = expand_braces(components[4], &names);
    if (r < 0 && r != -E2BIG)
        return r;
    for (unsigned key = 0; key < KEY_COUNT; key++) {
        bool match = false;

        for (size_t i = 0; i < names.count && !match; i++)
            match = fnmatch(names.items[i], key_info(key)->name, FNM_PERIOD) == 0;
        if (match && add_candidate(&conf->add[key], entry, key, components) < 0)
            return -ENOMEM;
    }
    return 0;
}

static bool reaches_anything(const struct sysctl_conf *conf, const struct entry *entry)
{
    for (unsigned key = 0; key < KEY_COUNT; key++) {
        const struct candidates *lists[] = {&conf->full[key], &conf->add[key]};

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
            if (lists[i]->count > 0 && lists[i]->items[lists[i]->count - 1].entry == entry)
                return true;
    }
    return false;
}

int sysctl_index_glob(struct sysctl_conf *conf, struct entry *entry, struct diags *diags)
{
    _cleanup_(alternatives_done) struct alternatives alternatives = {0};
    const char *text = entry->line.key;
    int r;

    if (conf->flavor == SYSCTL_PROCPS)
        r = index_full(conf, entry, text);
    else {
        r = expand_braces(text, &alternatives);
        if (r == -E2BIG)
            diags_add(diags, DIAG_WARNING, entry->line.file, entry->line.line,
                      "more than %d alternatives in braces: the rest is not looked at",
                      ALTERNATIVES_MAX);
        if (r == -E2BIG)
            r = 0;
        for (size_t i = 0; i < alternatives.count && r >= 0; i++)
            r = index_full(conf, entry, alternatives.items[i]);
        /* Where no alternative finds anything, GLOB_NOCHECK makes it look for the braces as such.
         */
        if (r >= 0 && brace_begin(text))
            r = index_full(conf, entry, text);
        if (r >= 0)
            r = index_add(conf, entry, text);
    }
    return r < 0 ? r : reaches_anything(conf, entry);
}

/* glob(3) is given the device's name as part of its pattern when the component of the key has a
 * wildcard too: does the name, read as a pattern, find itself? */
static bool name_finds_itself(const char *name, bool braces)
{
    _cleanup_(alternatives_done) struct alternatives alternatives = {0};

    if (!strpbrk(name, "*?[{\\"))
        return true;
    if (!braces && fnmatch(name, name, FNM_PERIOD) == 0)
        return true; /* braces that find nothing are looked for as such: GLOB_NOCHECK */
    (void)expand_braces(name, &alternatives);
    for (size_t i = 0; i < alternatives.count; i++)
        if (fnmatch(alternatives.items[i], name, FNM_PERIOD) == 0)
            return true;
    return false;
}

bool sysctl_candidate_matches(const struct candidate *candidate, enum sysctl_run run,
                              const char *name)
{
    if (candidate->literal > 0 && strncmp(candidate->device, name, candidate->literal) != 0)
        return false;
    if (run == SYSCTL_RUN_FULL)
        return fnmatch(candidate->device, name, FNM_PERIOD) == 0;
    if (!streq(candidate->device, name) &&
        !(candidate->device_glob && fnmatch(candidate->device, name, 0) == 0))
        return false;
    if (candidate->key_exact)
        return true; /* also without a match: GLOB_NOCHECK gives the name as it is */
    return (candidate->key_glob || sysctl_is_glob(name)) &&
           name_finds_itself(name, candidate->key_braces);
}
