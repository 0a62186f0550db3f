/* Device patterns: reading one, and matching a name against it. What covers what is in cover.c,
 * which devices a set holds in sets.c. */
#include "policy/lang/pattern.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>

#include "policy/base/diag.h"
#include "policy/base/util.h"

#define GLOB_CHARACTERS "*?["
#define DIGITS_MAX 9 /* of the ends of a range: fits an unsigned */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool glob_matches(const char *glob, const char *text)
{
    size_t literal = strcspn(glob, GLOB_CHARACTERS "\\");

    if (streq(glob + literal, "*")) /* nearly all there are */
        return strncmp(glob, text, literal) == 0;
    /* The programs never call setlocale(), so this compares bytes, as names are. */
    return fnmatch(glob, text, 0) == 0;
}

/* Length of the `[...]` that glob begins with, 0 where it is not closed. As fnmatch(3) reads it: a
 * `]` directly after `[`, `[!` or `[^` is a member, a backslash escapes, classes nest. */
static size_t bracket_length(const char *glob)
{
    size_t i = 1;

    if (glob[i] == '!' || glob[i] == '^')
        i++;
    for (bool first = true; glob[i]; first = false) {
        if (glob[i] == ']' && !first)
            return i + 1;
        if (glob[i] == '[' && glob[i + 1] && strchr(":=.", glob[i + 1])) {
            const char close[] = {glob[i + 1], ']', '\0'};
            const char *end = strstr(glob + i + 2, close);

            if (end) {
                i = (size_t)(end - glob) + 2;
                continue;
            }
        }
        if (glob[i] == '\\' && glob[i + 1])
            i++;
        i++;
    }
    return 0;
}

int glob_next(const char *glob, enum glob_element *ret, unsigned char *ret_byte)
{
    size_t n = 1;

    *ret_byte = (unsigned char)glob[0];
    switch (glob[0]) {
    case '\0':
        return 0;
    case '*':
        *ret = GLOB_MANY;
        return 1;
    case '?':
        *ret = GLOB_ONE;
        return 1;
    case '[':
        n = bracket_length(glob);
        *ret = GLOB_BRACKET;
        return n && n <= INT_MAX ? (int)n : -EINVAL;
    case '\\':
        if (!glob[1])
            return -EINVAL;
        *ret = GLOB_BYTE;
        *ret_byte = (unsigned char)glob[1];
        return 2;
    default:
        *ret = GLOB_BYTE;
        return 1;
    }
}

static void set_prefix(struct pattern *pattern, const char *literal, size_t n, bool whole)
{
    unsigned char bytes[8] = {0}, mask[8] = {0};

    /* A whole name is followed by a NUL, and pattern_name8() pads with them. */
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i < n)
            bytes[i] = (unsigned char)literal[i];
        if (i < n || whole)
            mask[i] = 0xff;
    }
    memcpy(&pattern->prefix, bytes, sizeof(bytes));
    memcpy(&pattern->mask, mask, sizeof(mask));
}

uint64_t pattern_name8(const char *name)
{
    char bytes[8] = {0};
    uint64_t word;

    memcpy(bytes, name, strnlen(name, sizeof(bytes)));
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* Bytes that no device name holds. In a glob they may stand between brackets ("[[:digit:]]"). */
static int refuse_bytes(const char *text, char **ret_message)
{
    for (const char *p = text; *p; p++) {
        if (*p == '/')
            return diag_refuse(ret_message, "'%s': no device name contains '/'", NAME_SHOWN(text));
        if (*p != ':' && name_byte_is_refused((unsigned char)*p))
            return diag_refuse(
                ret_message,
                "'%s': no device name contains white space; write one pattern per line",
                NAME_SHOWN(text));
    }
    return 0;
}

static int parse_set(const char *text, char **ret_message)
{
    if (!text[1])
        return diag_refuse(ret_message,
                           "'@' without the name of a set; a device whose name begins with '@' is "
                           "written with '?' for that byte");
    return 0;
}

static int parse_exact(const char *text, struct pattern *pattern, char **ret_message)
{
    size_t n = strlen(text);

    if (n > DEVICE_NAME_MAX)
        return diag_refuse(
            ret_message, "'%s' can never match: it has %zu bytes, and device names have at most %d",
            NAME_SHOWN(text), n, DEVICE_NAME_MAX);
    if (strchr(text, ':'))
        return diag_refuse(ret_message, "'%s': no device name contains ':'", NAME_SHOWN(text));
    if (!name_is_valid_device(text))
        return diag_refuse(ret_message, "'%s' is not a name a device can have", NAME_SHOWN(text));
    pattern->kind = PATTERN_EXACT;
    set_prefix(pattern, text, n, true);
    return 0;
}

static int parse_glob(const char *text, struct pattern *pattern, char **ret_message)
{
    size_t shortest = 0, literal = 0;
    enum glob_element element;
    unsigned char byte;
    int n;

    for (const char *p = text; (n = glob_next(p, &element, &byte)) != 0; p += n) {
        if (n < 0)
            return diag_refuse(
                ret_message, "'%s': %s; write '?' where a name contains that byte itself",
                NAME_SHOWN(text),
                *p == '[' ? "there is no ']' after the '['" : "a backslash at the end");
        if (element == GLOB_BYTE && byte == ':')
            return diag_refuse(ret_message, "'%s': no device name contains ':'", NAME_SHOWN(text));
        if (element != GLOB_MANY)
            shortest++;
    }
    if (shortest > DEVICE_NAME_MAX)
        return diag_refuse(
            ret_message,
            "'%s' can never match: it asks for %zu bytes or more, and device names have "
            "at most %d",
            NAME_SHOWN(text), shortest, DEVICE_NAME_MAX);
    literal = strcspn(text, GLOB_CHARACTERS "\\");
    pattern->kind = streq(text, "*") ? PATTERN_ANY : PATTERN_GLOB;
    set_prefix(pattern, text, literal, false);
    return 0;
}

/* The two dots of the last `A..B` with digits on both sides, or NULL. */
static const char *find_range(const char *text)
{
    const char *found = NULL;

    for (const char *p = text; (p = strstr(p, "..")); p++) {
        if (p > text && is_digit(p[-1]) && is_digit(p[2]))
            found = p;
    }
    return found;
}

static int refuse_dots(const char *text, char **ret_message)
{
    _cleanup_free_ char *instead = strdup(text);

    if (!instead)
        return -ENOMEM;
    for (char *p = instead; (p = strstr(p, ".."));) {
        while (*p == '.')
            *p++ = '?';
    }
    return diag_refuse(
        ret_message,
        "'%s': '..' belongs to a range such as eth1..3, with one range per pattern; where "
        "the dots are part of a name, write '%s'",
        NAME_SHOWN(text), NAME_SHOWN(instead));
}

/* Both ends as numbers and their common width; says what is wrong with them. */
static int parse_ends(const char *text, const char *from, size_t from_n, const char *to,
                      size_t to_n, struct pattern *pattern, char **ret_message)
{
    bool padded = (from_n > 1 && from[0] == '0') || (to_n > 1 && to[0] == '0');
    unsigned long first, last;

    if (from_n > DIGITS_MAX || to_n > DIGITS_MAX)
        return diag_refuse(ret_message, "range '%s': numbers may have at most %d digits",
                           NAME_SHOWN(text), DIGITS_MAX);
    if (padded && from_n != to_n)
        return diag_refuse(
            ret_message,
            "range '%s': with leading zeros both ends need the same number of digits, "
            "such as eth01..12",
            NAME_SHOWN(text));
    first = strtoul(from, NULL, 10);
    last = strtoul(to, NULL, 10);
    if (first > last)
        return diag_refuse(ret_message,
                           "range '%s': the first number is larger than the last; swap them",
                           NAME_SHOWN(text));
    if (last - first >= PATTERN_RANGE_MAX)
        return diag_refuse(
            ret_message, "range '%s' has %lu names, at most %d are allowed; use a glob or a [set]",
            NAME_SHOWN(text), last - first + 1, PATTERN_RANGE_MAX);
    pattern->range.first = (unsigned)first;
    pattern->range.last = (unsigned)last;
    pattern->range.width = padded ? (unsigned)to_n : 0;
    return 0;
}

static int parse_range(const char *text, const char *dots, struct pattern *pattern,
                       char **ret_message)
{
    const char *from = dots, *to = dots + 2;
    size_t to_n = strspn(to, "0123456789"), from_n = 0, common = 0, longest;
    int r;

    for (; from > text && is_digit(from[-1]); from--)
        from_n++;
    if (strpbrk(text, GLOB_CHARACTERS))
        return diag_refuse(
            ret_message,
            "'%s': a range cannot be combined with '*', '?' or '['; use one or the other",
            NAME_SHOWN(text));
    pattern->range.before = strndup(text, (size_t)(from - text));
    pattern->range.after = strdup(to + to_n);
    if (!pattern->range.before || !pattern->range.after)
        return -ENOMEM;
    if (strstr(pattern->range.before, "..") || strstr(pattern->range.after, ".."))
        return refuse_dots(text, ret_message);
    if (strchr(text, ':'))
        return diag_refuse(ret_message, "'%s': no device name contains ':'", NAME_SHOWN(text));
    r = parse_ends(text, from, from_n, to, to_n, pattern, ret_message);
    if (r < 0)
        return r;
    longest = strlen(pattern->range.before) + to_n + strlen(pattern->range.after);
    if (longest > DEVICE_NAME_MAX)
        return diag_refuse(
            ret_message,
            "range '%s': its last name would have %zu bytes, and device names have at "
            "most %d",
            NAME_SHOWN(text), longest, DEVICE_NAME_MAX);
    pattern->kind = PATTERN_RANGE;
    /* Digits that both ends begin with belong to every number between them. */
    while (from_n == to_n && common < to_n && from[common] == to[common])
        common++;
    set_prefix(pattern, text, (size_t)(from - text) + common, false);
    return 0;
}

static int parse_kind(const char *text, struct pattern *pattern, char **ret_message)
{
    const char *dots;
    int r;

    if (!text[0])
        return diag_refuse(ret_message, "a pattern is missing");
    r = refuse_bytes(text, ret_message);
    if (r < 0)
        return r;
    if (text[0] == '[')
        return diag_refuse(ret_message,
                           "'%s': a pattern cannot begin with '['; write '?' for that byte",
                           NAME_SHOWN(text));
    if (streq(text, "all") || streq(text, "default")) {
        pattern->kind = text[0] == 'a' ? PATTERN_ALL : PATTERN_DEFAULT;
        return 0;
    }
    if (text[0] == '@') {
        pattern->kind = PATTERN_SET;
        return parse_set(text, ret_message);
    }
    dots = find_range(text);
    if (dots)
        return parse_range(text, dots, pattern, ret_message);
    if (strstr(text, ".."))
        return refuse_dots(text, ret_message);
    if (strpbrk(text, GLOB_CHARACTERS))
        return parse_glob(text, pattern, ret_message);
    return parse_exact(text, pattern, ret_message);
}

int pattern_parse(const char *text, struct pattern *ret, char **ret_message)
{
    struct pattern pattern = {.set = -1};
    int r;

    pattern.text = strdup(text);
    r = pattern.text ? parse_kind(text, &pattern, ret_message) : -ENOMEM;
    if (r < 0) {
        pattern_done(&pattern);
        return r;
    }
    *ret = pattern;
    return 0;
}

void pattern_done(struct pattern *pattern)
{
    if (!pattern)
        return;
    free(pattern->text);
    free(pattern->range.before);
    free(pattern->range.after);
    *pattern = (struct pattern){.set = -1};
}

/* Digits, a dash and larger digits at the end of a name, such as "eth1-3"? */
static bool looks_like_range(const char *name)
{
    const char *dash = strrchr(name, '-'), *from = dash;
    size_t n = dash ? strspn(dash + 1, "0123456789") : 0;

    if (n == 0 || dash[1 + n] != '\0')
        return false;
    while (from > name && is_digit(from[-1]))
        from--;
    return from > name && from < dash && strtoul(from, NULL, 10) < strtoul(dash + 1, NULL, 10);
}

const char *pattern_advice(const struct pattern *pattern)
{
    if (pattern->kind != PATTERN_EXACT)
        return NULL;
    if (pattern->text[0] == '!')
        return "this is one device's name: '!' negates in the conditions of a [set] only; "
               "'unmanaged' leaves a device alone";
    if (strpbrk(pattern->text, "{},"))
        return "this is one device's name: braces and commas mean nothing here; a range is written "
               "eth1..3, anything else on lines of its own";
    return looks_like_range(pattern->text) ? "this is one device's name; a range is written eth1..3"
                                           : NULL;
}

static bool range_matches(const struct pattern *pattern, const char *name)
{
    const char *digits = startswith(name, pattern->range.before);
    unsigned long number;
    size_t n;

    if (!digits)
        return false;
    n = strspn(digits, "0123456789");
    if (n == 0 || n > DIGITS_MAX || !streq(digits + n, pattern->range.after))
        return false;
    if (pattern->range.width ? n != pattern->range.width : n > 1 && digits[0] == '0')
        return false;
    number = strtoul(digits, NULL, 10);
    return number >= pattern->range.first && number <= pattern->range.last;
}

bool pattern_matches_name(const struct pattern *pattern, const char *name)
{
    switch (pattern->kind) {
    case PATTERN_EXACT:
        return streq(pattern->text, name);
    case PATTERN_RANGE:
        return !streq(name, "lo") && range_matches(pattern, name);
    case PATTERN_GLOB:
        return !streq(name, "lo") && glob_matches(pattern->text, name);
    case PATTERN_ANY:
        return !streq(name, "lo");
    case PATTERN_ALL:
    case PATTERN_DEFAULT:
    case PATTERN_SET:
        break;
    }
    return false;
}

int pattern_each_name(const struct pattern *pattern, int (*fn)(const char *name, void *data),
                      void *data)
{
    char name[DEVICE_NAME_MAX + 1];
    int r = 0;

    if (pattern->kind == PATTERN_EXACT)
        return fn(pattern->text, data);
    if (pattern->kind != PATTERN_RANGE)
        return 0;
    for (unsigned i = pattern->range.first; i <= pattern->range.last && r == 0; i++) {
        snprintf(name, sizeof(name), "%s%0*u%s", pattern->range.before, (int)pattern->range.width,
                 i, pattern->range.after);
        r = fn(name, data);
    }
    return r;
}

/* Printable, and without meaning in a policy file or in fnmatch(3). */
static bool plain_byte(char c)
{
    return c > ' ' && c <= '~' && !strchr("=:;*?[\\", c);
}

unsigned pattern_of_name(const char *name, char *ret)
{
    unsigned wild = 0;
    size_t i;

    for (i = 0; name[i]; i++) {
        bool dots = i > 0 && name[i] == '.' && ret[i - 1] == '.';
        bool head = i == 0 && strchr("@#", name[0]);

        ret[i] = plain_byte(name[i]) && !dots && !head ? name[i] : '?';
        wild += ret[i] == '?';
    }
    ret[i] = '\0';
    return wild;
}
