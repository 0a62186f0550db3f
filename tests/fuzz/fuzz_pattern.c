/* Patterns: parsing, matching, the literal prefix that is compared first, covering, and the names
 * of a range, held against each other. Input: two patterns and then names, one per line. */
#include <fnmatch.h>

#include "fuzz.h"
#include "policy/lang/pattern.h"

#define NAMES_MAX 16

static char *line_next(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size > 0 ? memchr(*data, '\n', *size) : NULL;
    size_t n = end ? (size_t)(end - *data) : *size;
    char *line = strndup((const char *)*data, n);

    require(line);
    *data += end ? n + 1 : n;
    *size -= end ? n + 1 : n;
    return line;
}

static void check_matches(const struct pattern *pattern, const char *name)
{
    bool matches = pattern_matches_name(pattern, name);

    if (matches)
        require((pattern_name8(name) & pattern->mask) == pattern->prefix);
    switch (pattern->kind) {
    case PATTERN_ALL:
    case PATTERN_DEFAULT:
    case PATTERN_SET:
        require(!matches);
        break;
    case PATTERN_EXACT:
        require(matches == streq(pattern->text, name));
        break;
    case PATTERN_ANY:
        require(matches == !streq(name, "lo"));
        break;
    case PATTERN_GLOB:
        require(matches == (!streq(name, "lo") && fnmatch(pattern->text, name, 0) == 0));
        break;
    case PATTERN_RANGE:
        break; /* held against the list of its names below */
    }
}

struct range_state {
    const struct pattern *pattern;
    unsigned count;
    const char *wanted;
    bool seen;
};

static int check_range_name(const char *name, void *data)
{
    struct range_state *state = data;

    state->count++;
    require(state->count <= PATTERN_RANGE_MAX);
    require(pattern_matches_name(state->pattern, name) != streq(name, "lo") ||
            state->pattern->kind == PATTERN_EXACT);
    state->seen = state->seen || streq(name, state->wanted);
    return 0;
}

/* A range matches a name exactly when it lists it. */
static void check_range(const struct pattern *pattern, const char *name)
{
    struct range_state state = {.pattern = pattern, .wanted = name};

    if (pattern->kind != PATTERN_EXACT && pattern->kind != PATTERN_RANGE)
        return;
    require(pattern_each_name(pattern, check_range_name, &state) == 0);
    require(state.count >= 1);
    require(state.seen == pattern_matches_name(pattern, name));
}

static void check_patterns(const struct pattern patterns[2], const bool valid[2], char **names,
                           size_t n_names)
{
    for (size_t i = 0; i < n_names; i++) {
        for (unsigned p = 0; p < 2; p++) {
            if (!valid[p])
                continue;
            check_matches(&patterns[p], names[i]);
            check_range(&patterns[p], names[i]);
        }
        if (valid[0] && valid[1] && pattern_covers(&patterns[0], &patterns[1]) &&
            pattern_matches_name(&patterns[1], names[i]))
            require(pattern_matches_name(&patterns[0], names[i]));
    }
    /* what is far longer than a name is not judged */
    for (unsigned p = 0; p < 2; p++)
        require(!valid[p] || strlen(patterns[p].text) >= 64 ||
                pattern_covers(&patterns[p], &patterns[p]));
}

static bool parse_one(const char *text, struct pattern *ret)
{
    _cleanup_free_ char *message = NULL;
    int r = pattern_parse(text, ret, &message);

    require(r == 0 || r == -EINVAL);
    if (r == 0) {
        require(streq(ret->text, text));
        require((ret->prefix & ~ret->mask) == 0);
        return true;
    }
    require(message && message[0]);
    for (const char *c = message; *c; c++)
        require(*c >= 0x20 && *c <= 0x7e);
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pattern patterns[2] = {{0}};
    char *names[NAMES_MAX];
    bool valid[2];
    size_t n_names = 0;

    for (unsigned p = 0; p < 2; p++) {
        _cleanup_free_ char *text = line_next(&data, &size);

        valid[p] = parse_one(text, &patterns[p]);
    }
    while (size > 0 && n_names < NAMES_MAX) {
        char *name = line_next(&data, &size);

        if (strlen(name) <= DEVICE_NAME_MAX)
            names[n_names++] = name;
        else
            free(name);
    }
    check_patterns(patterns, valid, names, n_names);
    for (size_t i = 0; i < n_names; i++)
        free(names[i]);
    for (unsigned p = 0; p < 2; p++)
        if (valid[p])
            pattern_done(&patterns[p]);
    return 0;
}
