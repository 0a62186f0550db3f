/* The lines of sysctl.d files: read as systemd-sysctl reads them, kept in order and indexed. Which
 * of them wins for a device is the business of sysctl_resolve.c; how procps reads a line, of
 * sysctl_procps.c. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>

#include "policy/base/name.h"
#include "policy/sysctl/sysctl_internal.h"

#define BLANKS " \t\n\r"
#define LINE_SIZE_MAX ((size_t)1 << 20)

struct sysctl_conf *sysctl_conf_new(enum sysctl_flavor flavor)
{
    struct sysctl_conf *conf = calloc(1, sizeof(*conf));

    if (conf)
        conf->flavor = flavor;
    return conf;
}

static void candidates_done(struct candidates *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].device);
    free(list->items);
}

static void entry_free(struct entry *entry)
{
    if (!entry)
        return;
    free((char *)entry->line.text);
    free((char *)entry->line.key);
    free((char *)entry->line.value);
    free(entry->shape);
    free(entry);
}

static void entry_freep(struct entry **entry)
{
    entry_free(*entry);
}

struct sysctl_conf *sysctl_conf_free(struct sysctl_conf *conf)
{
    if (!conf)
        return NULL;
    for (size_t i = 0; i < conf->n_files; i++)
        free(conf->files[i]);
    free(conf->files);
    for (size_t i = 0; i < conf->n_entries; i++)
        entry_free(conf->entries[i]);
    free(conf->entries);
    for (size_t i = 0; i < conf->n_missed; i++)
        entry_free(conf->missed[i]);
    free(conf->missed);
    free(conf->table);
    for (unsigned key = 0; key < KEY_COUNT; key++) {
        candidates_done(&conf->full[key]);
        candidates_done(&conf->add[key]);
    }
    free(conf);
    return NULL;
}

/* FNV-1a, 32 bits. */
static size_t hash(const char *text)
{
    uint32_t h = 2166136261u;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h;
}

/* The slot of a key text: the one that holds it, or the free one where it belongs. */
static struct entry **table_slot(struct entry **table, size_t size, const char *key)
{
    size_t i = hash(key) & (size - 1);

    while (table[i] && !streq(table[i]->line.key, key))
        i = (i + 1) & (size - 1);
    return &table[i];
}

static int table_reserve(struct sysctl_conf *conf)
{
    size_t size = conf->table_size ? conf->table_size * 2 : 64;
    struct entry **table;

    if (conf->table_size && conf->table_used < conf->table_size / 2)
        return 0;
    table = calloc(size, sizeof(struct entry *));
    if (!table)
        return -ENOMEM;
    for (size_t i = 0; i < conf->table_size; i++)
        if (conf->table[i])
            *table_slot(table, size, conf->table[i]->line.key) = conf->table[i];
    free(conf->table);
    conf->table = table;
    conf->table_size = size;
    return 0;
}

struct entry *sysctl_last(const struct sysctl_conf *conf, const char *key)
{
    return conf->table_size ? *table_slot(conf->table, conf->table_size, key) : NULL;
}

bool sysctl_target(const char *name, enum key key, char buf[SYSCTL_TARGET_SIZE])
{
    const char *key_name = key_info(key)->name;
    size_t n = strlen(name), m = strlen(key_name);

    if (strlen(SYSCTL_BASE) + n + 1 + m >= SYSCTL_TARGET_SIZE)
        return false;
    memcpy(buf, SYSCTL_BASE, strlen(SYSCTL_BASE));
    buf += strlen(SYSCTL_BASE);
    memcpy(buf, name, n);
    buf[n] = '/';
    memcpy(buf + n + 1, key_name, m + 1);
    return true;
}

const struct sysctl_line *sysctl_conf_exact(const struct sysctl_conf *conf, const char *name,
                                            enum key key)
{
    char target[SYSCTL_TARGET_SIZE];
    const struct entry *entry;

    if (!sysctl_target(name, key, target) || sysctl_is_glob(name))
        return NULL;
    entry = sysctl_last(conf, target);
    return entry ? &entry->line : NULL;
}

/* isspace() as the kernel's: a no-break space of Latin-1 is one too. */
static bool kernel_space(char c)
{
    return isspace((unsigned char)c) || (unsigned char)c == 0xa0;
}

/* Mirrors proc_get_long() and do_proc_dointvec_conv(), kernel/sysctl.c. */
int sysctl_parse_int(const char *text, int *ret)
{
    const char *start, *p = text;
    unsigned base = 10;
    unsigned long n = 0;
    bool negative;

    while (kernel_space(*p))
        p++;
    start = p;
    negative = *p == '-';
    p += negative;
    if (!isdigit((unsigned char)*p))
        return -EINVAL;
    if (p[0] == '0') {
        bool hex = (p[1] == 'x' || p[1] == 'X') && isxdigit((unsigned char)p[2]);

        base = hex ? 16 : 8;
        p += hex ? 2 : 0;
    }
    for (; isxdigit((unsigned char)*p); p++) {
        unsigned digit =
            isdigit((unsigned char)*p) ? (unsigned)(*p - '0') : (unsigned)((*p | 0x20) - 'a') + 10;

        if (digit >= base)
            break;
        if (n > (unsigned long)INT_MAX + 1)
            return -EINVAL;
        n = n * base + digit;
    }
    /* The kernel looks at 21 characters: a longer number might go on behind them. */
    if (p - start >= 21 || !strchr(" \t\n", *p) || n > (unsigned long)INT_MAX + negative)
        return -EINVAL;
    *ret = negative ? (int)-(long)n : (int)n;
    return 0;
}

/* An exact key that is none of the managed ones. */
static bool is_foreign(const char *key)
{
    _cleanup_free_ char *copy = strdup(key);
    char *components[SYSCTL_COMPONENTS];
    enum key ignored;

    if (!copy || !sysctl_split(copy, components))
        return copy != NULL;
    return !streq(components[0], "net") || !streq(components[1], "ipv4") ||
           !streq(components[2], "conf") || key_from_name(components[4], &ignored) < 0;
}

static bool same_value(const char *a, const char *b)
{
    return a && b ? streq(a, b) : a == b;
}

/* systemd keeps one option per key text: stating it again with the same value changes nothing, with
 * another value moves it to the end. */
static void settle(struct entry *entry)
{
    struct entry *last = entry->same_key;

    if (last && last->fate == FATE_REPEATED)
        last = last->by;
    if (!last)
        return;
    if (same_value(last->line.value, entry->line.value)) {
        entry->fate = FATE_REPEATED;
        entry->by = last;
    } else {
        last->fate = FATE_REPLACED;
        last->by = entry;
    }
}

static int entry_new(const struct sysctl_statement *s, struct entry **ret)
{
    _cleanup_(entry_freep) struct entry *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return -ENOMEM;
    entry->line = (struct sysctl_line){
        .file = s->file,
        .line = s->line,
        .text = strdup(s->text),
        .key = strdup(s->key),
        .value = s->value ? strdup(s->value) : NULL,
        .ignore_errors = s->ignore_errors,
        .glob = sysctl_is_glob(s->key),
    };
    if (!entry->line.text || !entry->line.key || (s->value && !entry->line.value))
        return -ENOMEM;
    entry->refused = s->value && sysctl_parse_int(s->value, &entry->number) < 0;
    *ret = TAKE_PTR(entry);
    return 0;
}

/* "net/ipv4/conf/vrrp/44/accept_local": who wrote that meant vrrp.44. */
static bool misses_device(const char *key)
{
    const char *device = startswith(key, SYSCTL_BASE) ? key + strlen(SYSCTL_BASE) : "";
    const char *end = strrchr(device, '/');
    enum key ignored;

    return end && memchr(device, '/', (size_t)(end - device)) &&
           key_from_name(end + 1, &ignored) >= 0;
}

static int keep_missed(struct sysctl_conf *conf, const struct sysctl_statement *statement)
{
    _cleanup_(entry_freep) struct entry *entry = NULL;
    int r = entry_new(statement, &entry);

    if (r >= 0)
        r = grow((void **)&conf->missed, &conf->missed_capacity, conf->n_missed,
                 sizeof(*conf->missed));
    if (r >= 0)
        conf->missed[conf->n_missed++] = TAKE_PTR(entry);
    return r;
}

const struct sysctl_line *sysctl_conf_missed(const struct sysctl_conf *conf, const char *name,
                                             enum key key)
{
    char wanted[sizeof(SYSCTL_BASE) + DEVICE_NAME_MAX + 64];
    size_t base = strlen(SYSCTL_BASE);

    if (!strchr(name, '.') || strlen(name) > DEVICE_NAME_MAX)
        return NULL;
    snprintf(wanted, sizeof(wanted), SYSCTL_BASE "%s/%s", name, key_info(key)->name);
    for (char *p = wanted + base; *p; p++)
        if (*p == '.')
            *p = '/';
    for (size_t i = conf->n_missed; i-- > 0;)
        if (streq(conf->missed[i]->line.key, wanted))
            return &conf->missed[i]->line;
    return NULL;
}

int sysctl_add(struct sysctl_conf *conf, const struct sysctl_statement *statement,
               struct diags *diags, struct entry **ret)
{
    _cleanup_(entry_freep) struct entry *owned = NULL;
    struct entry *entry, **slot;
    int r;

    if (conf->flavor == SYSCTL_SYSTEMD && statement->value && !sysctl_is_glob(statement->key) &&
        misses_device(statement->key))
        return keep_missed(conf, statement);
    if (!sysctl_is_glob(statement->key) && is_foreign(statement->key))
        return 0;
    r = entry_new(statement, &owned);
    if (r < 0)
        return r;
    if (table_reserve(conf) < 0 || grow((void **)&conf->entries, &conf->entries_capacity,
                                        conf->n_entries, sizeof(*conf->entries)) < 0)
        return -ENOMEM;
    entry = TAKE_PTR(owned);
    entry->order = conf->n_entries;
    conf->entries[conf->n_entries++] = entry;
    slot = table_slot(conf->table, conf->table_size, entry->line.key);
    conf->table_used += !*slot;
    entry->same_key = *slot;
    *slot = entry;
    if (conf->flavor == SYSCTL_SYSTEMD)
        settle(entry);
    r = entry->line.glob ? sysctl_index_glob(conf, entry, diags) : 1;
    if (r < 0)
        return r;
    if (r > 0 && entry->refused)
        diags_add(diags, DIAG_WARNING, entry->line.file, entry->line.line,
                  "the kernel refuses this value: it wants a number");
    if (ret)
        *ret = entry;
    return 0;
}

static char *strip(char *s)
{
    size_t n;

    s += strspn(s, BLANKS);
    for (n = strlen(s); n > 0 && strchr(BLANKS, s[n - 1]); n--)
        s[n - 1] = '\0';
    return s;
}

/* The first separator tells how the key is meant: after a dot, dots are slashes and slashes are
 * dots. Then empty and "." components go. */
static void normalise(char *key)
{
    char *first = strpbrk(key, "/."), *out = key;

    if (first && *first == '.')
        for (char *p = first; p; p = strpbrk(p + 1, "/."))
            *p = *p == '.' ? '/' : '.';
    for (const char *p = key; *p;) {
        size_t n = strcspn(p, "/");

        if (n > 0 && !(n == 1 && *p == '.')) {
            if (out != key)
                *out++ = '/';
            memmove(out, p, n);
            out += n;
        }
        p += n;
        p += *p == '/';
    }
    *out = '\0';
}

static int add_line(struct sysctl_conf *conf, const char *file, unsigned number, char *bytes,
                    struct diags *diags)
{
    char *text = strip(bytes), *key, *value;
    _cleanup_free_ char *copy = NULL;
    bool dash;

    if (!*text || strchr("#;", *text))
        return 0;
    copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    dash = copy[0] == '-';
    value = strchr(copy, '=');
    if (!value && !dash) {
        diags_add(diags, DIAG_WARNING, file, number, "not an assignment: the line is ignored");
        return 0;
    }
    if (value) {
        *value++ = '\0';
        value = strip(value);
    }
    key = strip(copy + dash);
    normalise(key);
    return sysctl_add(conf,
                      &(struct sysctl_statement){.file = file,
                                                 .line = number,
                                                 .text = text,
                                                 .key = key,
                                                 .value = value,
                                                 .ignore_errors = value && dash},
                      diags, NULL);
}

enum { EOL_ZERO = 1, EOL_LF = 2, EOL_CR = 4 };

static unsigned eol_kind(char c)
{
    return c == '\n' ? EOL_LF : c == '\r' ? EOL_CR : c == '\0' ? EOL_ZERO : 0;
}

/* LF, CR, NUL and their combinations end a line, as in systemd's read_line(). Returns its length;
 * *ret_next is where the next one begins. */
static size_t next_line(const char *bytes, size_t n, size_t *ret_next)
{
    size_t length = 0, i;
    unsigned seen = 0;

    for (i = 0; i < n; i++) {
        unsigned kind = eol_kind(bytes[i]);

        if ((seen & EOL_ZERO) || (!kind && seen) || (kind & seen))
            break;
        seen |= kind;
        length += !kind;
    }
    *ret_next = i;
    return length;
}

int sysctl_conf_add_file(struct sysctl_conf *conf, const char *path, const char *bytes, size_t n,
                         struct diags *diags)
{
    _cleanup_free_ char *owned = strdup(path);
    unsigned number = 0;
    const char *file;

    if (!owned ||
        grow((void **)&conf->files, &conf->files_capacity, conf->n_files, sizeof(*conf->files)) < 0)
        return -ENOMEM;
    file = conf->files[conf->n_files++] = TAKE_PTR(owned);
    if (conf->flavor == SYSCTL_PROCPS)
        return sysctl_procps_add(conf, file, bytes, n, diags);
    for (size_t at = 0, next; at < n; at += next) {
        _cleanup_free_ char *line = NULL;
        size_t length = next_line(bytes + at, n - at, &next);
        int r;

        number++;
        if (length >= LINE_SIZE_MAX) {
            diags_add(diags, DIAG_WARNING, file, number,
                      "line too long: it and the rest of the file are ignored");
            return 0;
        }
        line = strndup(bytes + at, length);
        if (!line)
            return -ENOMEM;
        r = add_line(conf, file, number, line, diags);
        if (r < 0)
            return r;
    }
    return 0;
}
