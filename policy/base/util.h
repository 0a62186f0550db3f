/* Small helpers every file may use: clean-up on scope exit, hand-over of ownership, string tests.
 * Nothing in here does I/O, logs or allocates behind the caller's back.
 *
 * The error contract of the whole project: a negative errno means failure and is forwarded
 * unchanged; outputs are named ret_… and are untouched on failure; only programs log. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))

/* Take the pointer out of a variable that is cleaned up on scope exit. */
#define TAKE_PTR(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) *_pp = &(p);                                                                 \
        __typeof__(p) _v = *_pp;                                                                   \
        *_pp = NULL;                                                                               \
        _v;                                                                                        \
    })

static inline void freep(void *p)
{
    free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(freep)

static inline bool streq(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* The rest of s after prefix, or NULL where s does not begin with it. */
static inline const char *startswith(const char *s, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* Keep the first error, as in "one bad key never stops the others". */
static inline void gather(int *first, int r)
{
    if (r < 0 && *first >= 0)
        *first = r;
}

/* Where in n sorted places the first is that does not stand before what is looked for; n where all
 * do. before: says so of place i. */
#define SORTED_PLACE(n, i, before)                                                                 \
    ({                                                                                             \
        size_t _low = 0, _high = (n);                                                              \
        while (_low < _high) {                                                                     \
            const size_t i = _low + (_high - _low) / 2;                                            \
            if (before)                                                                            \
                _low = i + 1;                                                                      \
            else                                                                                   \
                _high = i;                                                                         \
        }                                                                                          \
        _low;                                                                                      \
    })

/* Make room for one more element of an array that grows by doubling.
 * Returns 0 or -ENOMEM; *items is unchanged on failure. count is the number in use. */
static inline int grow(void **items, size_t *capacity, size_t count, size_t size)
{
    size_t n = *capacity ? *capacity * 2 : 8;
    void *p;

    if (count < *capacity)
        return 0;
    p = reallocarray(*items, n, size);
    if (!p)
        return -ENOMEM;
    *items = p;
    *capacity = n;
    return 0;
}
