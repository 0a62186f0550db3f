/* What every fuzz target shares: an assertion that stays in release builds, input that is split
 * into several files, and what must hold of every message. */
#pragma once

#include <stdio.h>

#include "policy/base/diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A part of the input, copied so that a read past its end is seen. */
struct part {
    char *bytes; /* owned, no NUL is added */
    size_t n;
};

static inline void part_done(struct part *part)
{
    free(part->bytes);
}

static inline struct part part_copy(const uint8_t *bytes, size_t n)
{
    struct part part = {malloc(n ? n : 1), n};

    require(part.bytes);
    if (n > 0)
        memcpy(part.bytes, bytes, n);
    return part;
}

/* Take the bytes up to the next line that reads "----", and that line; false at the end. */
static inline bool part_next(const uint8_t **data, size_t *size, struct part *ret)
{
    static const char marker[] = "----\n";
    const size_t n = sizeof(marker) - 1;
    size_t end = 0, skip;

    if (*size == 0)
        return false;
    while (end < *size && !(*size - end >= n && memcmp(*data + end, marker, n) == 0 &&
                            (end == 0 || (*data)[end - 1] == '\n')))
        end++;
    skip = end < *size ? end + n : end;
    *ret = part_copy(*data, end);
    *data += skip;
    *size -= skip;
    return true;
}

/* Messages are one line of printable ASCII, and an error is never lost silently. */
static inline void require_diags(const struct diags *diags)
{
    size_t errors = 0;

    for (size_t i = 0; i < diags->count; i++) {
        require(diags->items[i].text[0]);
        for (const char *c = diags->items[i].text; *c; c++)
            require(*c >= 0x20 && *c <= 0x7e);
        errors += diags->items[i].level == DIAG_ERROR;
    }
    require(errors == diags->errors);
    require(!diags->lost);
}
