/* Device patterns of the policy language: exact name, one range, glob, @set, bare *, and the two
 * pins all and default. Names are bytes and are data: matching never interprets them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/base/name.h"

#define PATTERN_RANGE_MAX 4096

enum pattern_kind {
    PATTERN_ALL,     /* the pin `all` */
    PATTERN_DEFAULT, /* the pin `default` */
    PATTERN_EXACT,
    PATTERN_RANGE,
    PATTERN_GLOB,
    PATTERN_SET,
    PATTERN_ANY, /* the bare * */
};

struct pattern {
    enum pattern_kind kind;
    char *text;      /* owned, as written; for PATTERN_SET with the @ */
    uint64_t prefix; /* first up to 8 bytes of the literal prefix, in memory order */
    uint64_t mask;   /* which of these bytes count; 0: no literal prefix */
    struct {
        char *before; /* owned */
        char *after;  /* owned */
        unsigned first, last;
        unsigned width; /* digits where an end has a leading zero, 0: no padding */
    } range;
    int set; /* PATTERN_SET: index into policy.sets or a BUILTIN_SET_…; -1 until resolved */
};

/* `all` or `default`: no device. */
static inline bool pattern_is_pin(const struct pattern *pattern)
{
    return pattern->kind == PATTERN_ALL || pattern->kind == PATTERN_DEFAULT;
}

/* Parse one pattern. On -EINVAL *ret_message is an owned, escaped sentence that says what is wrong
 * and what to write instead. -ENOMEM otherwise. */
int pattern_parse(const char *text, struct pattern *ret, char **ret_message);
void pattern_done(struct pattern *pattern);

/* A remark where the pattern is fine but probably means something else ("eth1-3", "eth{1,2}"), NULL
 * otherwise. */
const char *pattern_advice(const struct pattern *pattern);

/* Does the name match? For PATTERN_SET, PATTERN_ALL and PATTERN_DEFAULT always false (compile.h
 * judges those). `lo` matches only PATTERN_EXACT "lo". Globs: fnmatch(3) with flags 0 as
 * in the C locale. */
bool pattern_matches_name(const struct pattern *pattern, const char *name);

/* First 8 bytes of a name, as `prefix` is built: compare (name8 & mask) == prefix before all else.
 */
uint64_t pattern_name8(const char *name);

/* The pattern that means this name: itself, with `?` for every byte that a policy file or a glob
 * would misread. ret has room for the name. Returns how many `?` there are. */
unsigned pattern_of_name(const char *name, char *ret);

/* Plain glob match as used for every condition of a set: fnmatch(3), flags 0, C locale. */
bool glob_matches(const char *glob, const char *text);

/* The next element of a glob: one byte (literal or escaped), `?`, `*` or a whole `[...]`. Returns
 * its length in bytes, 0 at the end, -EINVAL where fnmatch(3) sees none (a `[` without `]`, a
 * backslash at the end). */
enum glob_element { GLOB_BYTE, GLOB_ONE, GLOB_MANY, GLOB_BRACKET };
int glob_next(const char *glob, enum glob_element *ret, unsigned char *ret_byte);

/* True when every name that `inner` can match is certainly matched by `outer` (no false positives;
 * may miss covers that are hard to see). Sets cover only the same set. */
bool pattern_covers(const struct pattern *outer, const struct pattern *inner);

/* Call fn for each name of an exact name or a range, in order. Stops when fn returns non-zero and
 * returns that. */
int pattern_each_name(const struct pattern *pattern, int (*fn)(const char *name, void *data),
                      void *data);
