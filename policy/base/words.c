/* Lists of words: splitting text at blanks, and finding the word that was probably meant. */
#include "policy/base/words.h"

#include <stdio.h>

#define BLANKS " \t\n\v\f\r"
#define SUGGEST_LENGTH_MAX 32
#define SUGGEST_DISTANCE_MAX 2

void words_free(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}

static void words_freep(char ***words)
{
    words_free(*words);
}

size_t words_count(char *const *words)
{
    size_t n = 0;

    while (words && words[n])
        n++;
    return n;
}

int words_append(char ***words, const char *text)
{
    _cleanup_(words_freep) char **added = NULL;
    size_t had = words_count(*words), n = 0;
    char **all;

    /* No word is shorter than one byte and the blank after it. */
    added = calloc(strlen(text) / 2 + 2, sizeof(*added));
    if (!added)
        return -ENOMEM;
    for (const char *p = text + strspn(text, BLANKS); *p; p += strspn(p, BLANKS)) {
        size_t length = strcspn(p, BLANKS);

        added[n] = strndup(p, length);
        if (!added[n])
            return -ENOMEM;
        n++;
        p += length;
    }
    all = reallocarray(*words, had + n + 1, sizeof(*all));
    if (!all)
        return -ENOMEM;
    memcpy(all + had, added, (n + 1) * sizeof(*all));
    added[0] = NULL; /* the strings have moved */
    *words = all;
    return 0;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Number of single-byte edits between two words. */
static size_t distance(const char *a, const char *b)
{
    size_t row[SUGGEST_LENGTH_MAX + 1], b_length = strlen(b);

    if (strlen(a) > SUGGEST_LENGTH_MAX || b_length > SUGGEST_LENGTH_MAX)
        return SIZE_MAX;
    for (size_t k = 0; k <= b_length; k++)
        row[k] = k;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t corner = row[0];

        row[0] = i;
        for (size_t k = 1; k <= b_length; k++) {
            size_t changed = corner + (a[i - 1] != b[k - 1]);

            corner = row[k];
            row[k] = smallest(row[k] + 1, row[k - 1] + 1, changed);
        }
    }
    return row[b_length];
}

char *words_suggest(const char *word, const char *const *known)
{
    size_t best = SUGGEST_DISTANCE_MAX + 1, total = sizeof("known here are ");
    const char *nearest = NULL;
    char *text, *p;

    for (size_t i = 0; known[i]; i++) {
        size_t d = distance(word, known[i]);

        total += strlen(known[i]) + 2;
        if (d < best && d < strlen(word)) {
            best = d;
            nearest = known[i];
        }
    }
    if (nearest)
        return asprintf(&text, "did you mean '%s'?", nearest) < 0 ? NULL : text;
    text = malloc(total);
    if (!text)
        return NULL;
    p = stpcpy(text, "known here are ");
    for (size_t i = 0; known[i]; i++)
        p = stpcpy(stpcpy(p, i ? ", " : ""), known[i]);
    return text;
}
