/* Which pattern certainly covers another: the ground for saying that a rule can never win. A "yes"
 * here is always true; a "no" may only mean that it is hard to see. */
#include "policy/lang/pattern.h"

#include "policy/base/util.h"

/* Far beyond every sensible pattern; a longer one is simply not judged. */
#define ELEMENTS_MAX 64

struct element {
    enum glob_element kind;
    unsigned char byte;
    const char *text; /* the whole bracket */
    size_t n;
};

struct glob {
    struct element elements[ELEMENTS_MAX];
    size_t count;
};

static bool glob_split(const char *text, struct glob *ret)
{
    int n;

    ret->count = 0;
    for (;; text += n) {
        struct element *element = &ret->elements[ret->count];

        if (ret->count == ELEMENTS_MAX)
            return false;
        n = glob_next(text, &element->kind, &element->byte);
        if (n <= 0)
            return n == 0;
        element->text = text;
        element->n = (size_t)n;
        ret->count++;
    }
}

/* Does one element of outer, standing for one byte, take every byte that inner's may stand for? */
static bool element_covers(const struct element *outer, const struct element *inner)
{
    char bracket[64], byte[2];

    if (outer->kind == GLOB_ONE)
        return true;
    if (outer->kind == GLOB_BYTE)
        return inner->kind == GLOB_BYTE && outer->byte == inner->byte;
    if (inner->kind == GLOB_BRACKET)
        return outer->n == inner->n && memcmp(outer->text, inner->text, outer->n) == 0;
    if (inner->kind != GLOB_BYTE || outer->n >= sizeof(bracket))
        return false;
    memcpy(bracket, outer->text, outer->n);
    bracket[outer->n] = '\0';
    byte[0] = (char)inner->byte;
    byte[1] = '\0';
    return glob_matches(bracket, byte);
}

/* Match the elements of inner as if they were the bytes of a name. What inner's `*` stands for is
 * taken by a `*` of outer only, so a "yes" holds for every name inner matches. */
static bool glob_covers(const struct glob *outer, const struct glob *inner)
{
    bool reach[ELEMENTS_MAX + 1] = {true}; /* outer's first i elements cover inner's first k */

    for (size_t i = 0; i < outer->count && outer->elements[i].kind == GLOB_MANY; i++)
        reach[i + 1] = true;
    for (size_t k = 0; k < inner->count; k++) {
        bool next[ELEMENTS_MAX + 1] = {false};
        bool many = inner->elements[k].kind == GLOB_MANY;

        for (size_t i = 0; i < outer->count; i++) {
            if (outer->elements[i].kind == GLOB_MANY)
                next[i + 1] = reach[i] || reach[i + 1] || next[i];
            else
                next[i + 1] =
                    !many && reach[i] && element_covers(&outer->elements[i], &inner->elements[k]);
        }
        memcpy(reach, next, sizeof(reach));
    }
    return reach[outer->count];
}

static int name_is_missed(const char *name, void *data)
{
    return !pattern_matches_name(data, name);
}

/* One comparison that spares the rest for nearly every pair: every name of a pattern begins with
 * its literal prefix, and no name begins with both of two different ones. */
static bool prefixes_differ(const struct pattern *a, const struct pattern *b)
{
    return ((a->prefix ^ b->prefix) & a->mask & b->mask) != 0;
}

bool pattern_covers(const struct pattern *outer, const struct pattern *inner)
{
    struct glob outer_glob, inner_glob;

    if (pattern_is_pin(inner))
        return outer->kind == inner->kind;
    if (outer->kind == PATTERN_SET)
        return inner->kind == PATTERN_SET && streq(outer->text, inner->text);
    if (outer->kind == PATTERN_ANY) /* lo is in no set, glob or range */
        return inner->kind != PATTERN_EXACT || !streq(inner->text, "lo");
    if (inner->kind == PATTERN_SET || inner->kind == PATTERN_ANY || prefixes_differ(outer, inner))
        return false;
    if (inner->kind == PATTERN_EXACT || inner->kind == PATTERN_RANGE)
        return pattern_each_name(inner, name_is_missed, (void *)outer) == 0;
    return outer->kind == PATTERN_GLOB && glob_split(outer->text, &outer_glob) &&
           glob_split(inner->text, &inner_glob) && glob_covers(&outer_glob, &inner_glob);
}
