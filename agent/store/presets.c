/* Shipped presets and their copies in /etc: reading both, telling whether a copy was edited, making
 * and removing copies, and looking for signs that a preset is of use. */
#include "agent/store/presets.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/base/file.h"
#include "agent/system/conf_files.h"
#include "policy/base/text.h"
#include "policy/lang/pattern.h"
#include "policy/lang/precedence.h"

#define HEADER "# rpfpolicy preset "
#define COPY_DIRECTORY "/etc/rpfpolicy.d"

/* FNV-1a, 64 bit: tells an edit, not an attack. */
static uint64_t fingerprint(const char *bytes, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3;
    return hash;
}

/* Everything behind the first line. */
static const char *body(const char *bytes, size_t n, size_t *ret_n)
{
    const char *newline = memchr(bytes, '\n', n);
    const char *rest = newline ? newline + 1 : bytes + n;

    *ret_n = n - (size_t)(rest - bytes);
    return rest;
}

struct header {
    char name[64];
    unsigned version;
    bool has_print;
    uint64_t print;
};

static bool is_name(const char *s)
{
    return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static int parse_header(const char *bytes, size_t n, struct header *ret)
{
    const char *newline = memchr(bytes, '\n', n);
    size_t length = newline ? (size_t)(newline - bytes) : n;
    struct header header = {0};
    char line[160];
    int fields;

    if (length >= sizeof(line) || memchr(bytes, '\0', length))
        return -EINVAL;
    memcpy(line, bytes, length);
    line[length] = '\0';
    if (!startswith(line, HEADER))
        return -EINVAL;
    fields = sscanf(line + strlen(HEADER), "%63s %u %" SCNx64, header.name, &header.version,
                    &header.print);
    if (fields < 2 || header.version == 0 || !is_name(header.name))
        return -EINVAL;
    header.has_print = fields == 3;
    *ret = header;
    return 0;
}

int preset_title(const char *bytes, size_t n, char **ret)
{
    struct header header;
    size_t rest_n;
    const char *rest = body(bytes, n, &rest_n);

    if (parse_header(bytes, n, &header) < 0 ||
        (header.has_print && header.print != fingerprint(rest, rest_n)))
        return -ENOENT;
    if (asprintf(ret, "%s, version %u", header.name, header.version) < 0)
        return -ENOMEM;
    return 0;
}

static struct preset *find(struct presets *presets, const char *name)
{
    for (size_t i = 0; i < presets->count; i++)
        if (streq(presets->items[i].name, name))
            return &presets->items[i];
    return NULL;
}

const struct preset *presets_find(const struct presets *presets, const char *name)
{
    return find((struct presets *)presets, name);
}

static int add(struct presets *presets, const char *name, struct preset **ret)
{
    _cleanup_free_ char *owned = strdup(name), *target = NULL;
    int r;

    if (!owned || asprintf(&target, COPY_DIRECTORY "/" PRESET_FILE_PREFIX "%s.conf", name) < 0)
        return -ENOMEM;
    r = grow((void **)&presets->items, &presets->capacity, presets->count, sizeof(*presets->items));
    if (r < 0)
        return r;
    *ret = &presets->items[presets->count++];
    **ret = (struct preset){.name = TAKE_PTR(owned), .target = TAKE_PTR(target)};
    return 0;
}

static int add_shipped(struct presets *presets, struct conf_file *file, struct diags *diags)
{
    const char *base = strrchr(file->path, '/') + 1;
    size_t length = strlen(base) - strlen(".conf");
    struct preset *preset = NULL;
    struct header header;
    int r;

    if (parse_header(file->bytes, file->n, &header) < 0 || strlen(header.name) != length ||
        strncmp(base, header.name, length) != 0) {
        diags_add(diags, DIAG_ERROR, file->path, 1,
                  "is no preset: the first line must be \"" HEADER "NAME VERSION\", with the name "
                  "of the file");
        return 0;
    }
    r = add(presets, header.name, &preset);
    if (r < 0)
        return r;
    preset->version = header.version;
    preset->bytes = TAKE_PTR(file->bytes);
    preset->n = file->n;
    return 0;
}

static void judge_copy(struct preset *preset)
{
    struct header header;
    size_t n, shipped_n = 0;
    const char *rest = body(preset->copy_bytes, preset->copy_n, &n);
    const char *shipped = preset->bytes ? body(preset->bytes, preset->n, &shipped_n) : NULL;
    bool same = shipped && n == shipped_n && memcmp(rest, shipped, n) == 0;

    preset->copy = PRESET_EDITED;
    if (parse_header(preset->copy_bytes, preset->copy_n, &header) < 0 ||
        !streq(header.name, preset->name))
        return;
    preset->copy_version = header.version;
    /* A copy made by hand has no fingerprint. */
    if (header.has_print ? header.print == fingerprint(rest, n) : same)
        preset->copy = PRESET_ENABLED;
    preset->newer = preset->version > header.version ||
                    (preset->version == header.version && preset->copy == PRESET_ENABLED && !same);
}

/* Copies are looked up by their names: a preset that is shipped no more still counts. */
static int add_copy(const struct paths *paths, struct presets *presets, const char *path,
                    struct diags *diags)
{
    _cleanup_conf_files_ struct conf_files files = {0};
    const char *base = strrchr(path, '/') + 1 + strlen(PRESET_FILE_PREFIX);
    _cleanup_free_ char *name = strndup(base, strlen(base) - strlen(".conf"));
    struct preset *preset;
    int r;

    if (!name)
        return -ENOMEM;
    r = conf_file_read(paths->root, path, 0, diags, &files);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || files.count == 0 || !is_name(name))
        return 0;
    preset = find(presets, name);
    if (!preset) {
        r = add(presets, name, &preset);
        if (r < 0)
            return r;
    }
    preset->copy_bytes = TAKE_PTR(files.files[0].bytes);
    preset->copy_n = files.files[0].n;
    judge_copy(preset);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct preset *)a)->name, ((const struct preset *)b)->name);
}

int presets_read(const struct paths *paths, struct diags *diags, struct presets *ret)
{
    const char *const directories[] = {paths->presets + strlen(paths->root), NULL};
    _cleanup_conf_files_ struct conf_files shipped = {0};
    _cleanup_presets_ struct presets presets = {0};
    _cleanup_names_ struct names copies = {0};
    int r;

    r = conf_files_read(paths->root, directories, 0, diags, &shipped);
    for (size_t i = 0; r >= 0 && i < shipped.count; i++)
        r = add_shipped(&presets, &shipped.files[i], diags);
    if (r >= 0)
        r = names_find(paths->root, COPY_DIRECTORY "/" PRESET_FILE_PREFIX "*.conf", &copies);
    for (size_t i = 0; r >= 0 && i < copies.count; i++)
        r = add_copy(paths, &presets, copies.items[i], diags);
    if (r < 0)
        return r;
    if (presets.count > 0)
        qsort(presets.items, presets.count, sizeof(*presets.items), by_name);
    *ret = presets;
    presets = (struct presets){0};
    return 0;
}

void presets_done(struct presets *presets)
{
    for (size_t i = 0; i < presets->count; i++) {
        free(presets->items[i].name);
        free(presets->items[i].target);
        free(presets->items[i].bytes);
        free(presets->items[i].copy_bytes);
    }
    free(presets->items);
    *presets = (struct presets){0};
}

char *preset_summary(const struct preset *preset)
{
    const char *bytes = preset->bytes ?: preset->copy_bytes;
    size_t n;
    const char *rest = body(bytes, preset->bytes ? preset->n : preset->copy_n, &n);

    if (n < 2 || rest[0] != '#' || rest[1] != ' ')
        return strdup("");
    return strndup(rest + 2, strcspn(rest + 2, "\n"));
}

char *preset_comment(const struct preset *preset, const char *word, unsigned n)
{
    const char *line = preset->bytes ?: preset->copy_bytes;

    for (; line && *line; line = strchr(line, '\n'), line += line ? 1 : 0) {
        const char *value = startswith(line, "# ");

        value = value ? startswith(value, word) : NULL;
        value = value ? startswith(value, ": ") : NULL;
        if (value && n-- == 0)
            return strndup(value, strcspn(value, "\n"));
    }
    return NULL;
}

int preset_copy_bytes(const struct preset *preset, char **ret, size_t *ret_n)
{
    size_t n;
    const char *rest;
    int length;

    if (!preset->bytes)
        return -ENOENT;
    rest = body(preset->bytes, preset->n, &n);
    length = asprintf(ret, HEADER "%s %u %016" PRIx64 "\n%.*s", preset->name, preset->version,
                      fingerprint(rest, n), (int)n, rest);
    if (length < 0)
        return -ENOMEM;
    *ret_n = (size_t)length;
    return 0;
}

int preset_enable(const struct paths *paths, const struct preset *preset)
{
    _cleanup_free_ char *bytes = NULL;
    size_t n;
    int r = preset_copy_bytes(preset, &bytes, &n);

    return r < 0 ? r : file_replace(paths->root, preset->target, bytes, n);
}

int preset_disable(const struct paths *paths, const struct preset *preset)
{
    _cleanup_free_ char *path = NULL;

    path = text_format("%s%s", paths->root, preset->target);
    if (!path)
        return -ENOMEM;
    return unlink(path) < 0 ? -errno : 0;
}

/* -- evidence -- */

static int add_evidence(struct names *evidence, const char *what, const char *name)
{
    _cleanup_free_ char *text = NULL;
    int r;

    text = text_format("%s %s", what, name);
    if (!text)
        return -ENOMEM;
    r = grow((void **)&evidence->items, &evidence->capacity, evidence->count,
             sizeof(*evidence->items));
    if (r >= 0)
        evidence->items[evidence->count++] = TAKE_PTR(text);
    return r;
}

static const char *device_like(const char *glob, const char *const *devices)
{
    for (; *devices; devices++)
        if (glob_matches(glob, *devices))
            return *devices;
    return NULL;
}

static int look_for_devices(const struct preset *preset, const char *const *devices,
                            struct names *ret)
{
    for (unsigned i = 0;; i++) {
        _cleanup_free_ char *glob = preset_comment(preset, "suggest-device", i);
        const char *found = glob ? device_like(glob, devices) : NULL;
        int r = found ? add_evidence(ret, "device", found) : 0;

        if (!glob || r < 0)
            return r;
    }
}

static int look_for_files(const struct paths *paths, const struct preset *preset, const char *word,
                          struct names *ret)
{
    for (unsigned i = 0;; i++) {
        _cleanup_free_ char *glob = preset_comment(preset, word, i);
        _cleanup_names_ struct names names = {0};
        int r = glob ? names_find_any_case(paths->root, glob, &names) : 0;

        if (r >= 0 && names.count > 0)
            r = add_evidence(ret, "file", names.items[0]);
        if (!glob || r < 0)
            return r;
    }
}

/* Is one of the devices there that the lines of this word name? */
static bool names_present(const struct preset *preset, const char *word, const char *const *devices)
{
    for (unsigned i = 0;; i++) {
        _cleanup_free_ char *glob = preset_comment(preset, word, i);

        if (!glob || device_like(glob, devices))
            return glob != NULL;
    }
}

int preset_look(const struct paths *paths, const struct preset *preset, const char *const *devices,
                struct names *ret_evidence)
{
    _cleanup_free_ char *needs = preset_comment(preset, "suggest-needs-file", 0);
    _cleanup_free_ char *needs_device = preset_comment(preset, "suggest-needs-device", 0);
    _cleanup_names_ struct names found = {0};
    int r;

    if (names_present(preset, "suggest-unless-device", devices) ||
        (needs_device && !names_present(preset, "suggest-needs-device", devices)))
        return 0;
    r = look_for_devices(preset, devices, &found);
    if (r >= 0)
        r = look_for_files(paths, preset, "suggest-file", &found);
    if (r < 0)
        return r;
    if (needs && found.count > 0) {
        size_t before = found.count;

        r = look_for_files(paths, preset, "suggest-needs-file", &found);
        if (r < 0 || found.count == before)
            return r;
    }
    *ret_evidence = found;
    found = (struct names){0};
    return 0;
}
