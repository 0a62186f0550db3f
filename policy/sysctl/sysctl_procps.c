/* sysctl.d as `sysctl --system` of procps 4.0.2 reads and applies it: every line is written in its
 * turn, exact keys or not; a glob skips the paths that some line, anywhere, states or excludes by
 * the very same text. */
#include <ctype.h>

#include "policy/sysctl/sysctl_internal.h"

static char *skip_blanks(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    return s;
}

static void strip_end(char *s)
{
    for (size_t n = strlen(s); n > 0 && isspace((unsigned char)s[n - 1]); n--)
        s[n - 1] = '\0';
}

/* Paths are compared by text, so "net//ipv4" and "net/ipv4" are two: keep what makes this one
 * unusual, with each proper component reduced to one letter. NULL in *ret for a usual path. */
static int take_shape(char *path, char **ret)
{
    _cleanup_free_ char *shape = malloc(strlen(path) + 1);
    char *out = shape, *to = path;
    bool usual = true;

    if (!shape)
        return -ENOMEM;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");

        if (n == 0 || (n == 1 && *p == '.')) {
            usual = false;
            *out++ = n ? '.' : '/';
        } else {
            *out++ = 'c';
            if (to != path)
                *to++ = '/';
            memmove(to, p, n);
            to += n;
        }
        p += n;
        p += *p == '/';
    }
    *to = *out = '\0';
    *ret = usual ? NULL : TAKE_PTR(shape);
    return 0;
}

static int add_line(struct sysctl_conf *conf, const char *file, unsigned number, char *bytes,
                    struct diags *diags)
{
    _cleanup_free_ char *text = NULL, *shape = NULL;
    char *key = skip_blanks(bytes), *value, *first;
    struct entry *entry = NULL;
    bool dash;
    int r;

    strip_end(key);
    if (!*key || key[0] == '#' || key[0] == ';')
        return 0;
    text = strdup(key);
    if (!text)
        return -ENOMEM;
    dash = *key == '-';
    value = strchr(key, '=');
    if (!value && !dash) {
        diags_add(diags, DIAG_WARNING, file, number, "not an assignment: the line is ignored");
        return 0;
    }
    if (value) {
        *value++ = '\0';
        value = skip_blanks(value);
    }
    key += dash;
    key += *key == '-'; /* a second one is dropped without a word */
    strip_end(key);
    first = strpbrk(key, "/.");
    if (first && *first == '.')
        for (char *p = first; p; p = strpbrk(p + 1, "/."))
            *p = *p == '.' ? '/' : '.';
    if (*key && key[strlen(key) - 1] == '/')
        return 0; /* no setting is a directory */
    r = take_shape(key, &shape);
    if (r < 0)
        return r;
    r = sysctl_add(conf,
                   &(struct sysctl_statement){.file = file,
                                              .line = number,
                                              .text = text,
                                              .key = key,
                                              .value = value,
                                              .ignore_errors = value && dash},
                   diags, &entry);
    if (r >= 0 && entry)
        entry->shape = TAKE_PTR(shape);
    return r;
}

int sysctl_procps_add(struct sysctl_conf *conf, const char *file, const char *bytes, size_t n,
                      struct diags *diags)
{
    unsigned number = 0;

    for (size_t at = 0; at < n;) {
        const char *end = memchr(bytes + at, '\n', n - at);
        size_t length = end ? (size_t)(end - bytes) - at : n - at;
        _cleanup_free_ char *line = strndup(bytes + at, length);
        int r;

        if (!line)
            return -ENOMEM;
        r = add_line(conf, file, ++number, line, diags);
        if (r < 0)
            return r;
        at += length + 1;
    }
    return 0;
}

static bool same_shape(const struct entry *a, const struct entry *b)
{
    return a->shape && b->shape ? streq(a->shape, b->shape) : a->shape == b->shape;
}

/* The first line that states or excludes the path under which this glob finds the key. */
static const struct entry *find_blocker(const struct entry *chain, const struct entry *glob)
{
    const struct entry *first = NULL;

    for (const struct entry *e = chain; e; e = e->same_key)
        if (same_shape(e, glob))
            first = e;
    return first;
}

static bool writes(const struct entry *e)
{
    return e->line.value && !e->refused;
}

static const struct entry *find_winner(const struct entry *chain, const struct candidates *globs,
                                       const char *name)
{
    const struct entry *winner = NULL;

    for (const struct entry *e = chain; e && !winner; e = e->same_key)
        if (writes(e) && !e->line.glob)
            winner = e;
    for (size_t i = globs->count; i > 0; i--) {
        const struct candidate *c = &globs->items[i - 1];

        if (winner && winner->order > c->entry->order)
            break;
        if (writes(c->entry) && sysctl_candidate_matches(c, SYSCTL_RUN_FULL, name) &&
            !find_blocker(chain, c->entry))
            return c->entry;
    }
    return winner;
}

static struct sysctl_verdict judge(const struct entry *e, const struct entry *chain,
                                   const char *target, const struct entry *winner)
{
    const struct entry *by = e->line.glob ? find_blocker(chain, e) : NULL;
    struct sysctl_verdict v = {.line = &e->line};

    if (!e->line.value)
        v.outcome = streq(e->line.key, target) ? SYSCTL_EXCLUDES : SYSCTL_NO_EFFECT;
    else if (e == winner)
        v.outcome = SYSCTL_WINS;
    else if (by == e)
        v.outcome = SYSCTL_NO_EFFECT; /* the name reads as a pattern, which finds other devices */
    else if (by)
        v.outcome = by->line.value ? SYSCTL_EXACT_WINS : SYSCTL_EXCLUDED;
    else if (e->refused)
        v.outcome = SYSCTL_INVALID;
    else {
        v.outcome = SYSCTL_WRITTEN;
        by = winner;
    }
    v.by = by && by != e && e->line.value ? &by->line : NULL;
    return v;
}

int sysctl_procps_resolve(const struct sysctl_conf *conf, const char *name, const char *target,
                          enum key key, bool want_verdicts, struct sysctl_answer *ret)
{
    const struct candidates *globs = &conf->full[key];
    const struct entry *chain = sysctl_last(conf, target), *winner;
    _cleanup_free_ struct entry **lines = NULL;
    struct sysctl_answer answer = {0};
    size_t n;
    int r;

    winner = find_winner(chain, globs, name);
    if (winner) {
        answer.given = true;
        answer.value = winner->number;
        answer.line = &winner->line;
    }
    if (want_verdicts) {
        r = sysctl_collect(conf, globs, SYSCTL_RUN_FULL, name, target, &lines, &n);
        if (r < 0)
            return r;
        answer.verdicts = n > 0 ? calloc(n, sizeof(*answer.verdicts)) : NULL;
        if (n > 0 && !answer.verdicts)
            return -ENOMEM;
        for (size_t i = 0; i < n; i++)
            answer.verdicts[i] = judge(lines[i], chain, target, winner);
        answer.count = n;
    }
    *ret = answer;
    return 0;
}
