/* The known word that was probably meant: optimal string alignment distance, small words only. */
#include <limits.h>
#include <string.h>

#include "agent/cli/frame/options.h"

#define WORD_MAX 32

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;

    return m < c ? m : c;
}

/* Insertions, deletions, replacements and swaps of neighbours. Both at most WORD_MAX long. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][WORD_MAX + 1];
    size_t n = strlen(a), m = strlen(b);

    for (unsigned j = 0; j <= m; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= n; i++) {
        unsigned *now = rows[i % 3], *last = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];

        now[0] = i;
        for (unsigned j = 1; j <= m; j++) {
            now[j] = smallest(now[j - 1] + 1, last[j] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
    }
    return rows[n % 3][m];
}

const char *nearest(const char *word, const char *(*next)(unsigned i, const void *data),
                    const void *data)
{
    size_t n = strlen(word);
    unsigned best = n < 4 ? 2 : 3; /* not reached by what is found */
    const char *found = NULL, *candidate;

    if (n == 0 || n > WORD_MAX)
        return NULL;
    for (unsigned i = 0; (candidate = next(i, data)); i++) {
        unsigned d = strlen(candidate) > WORD_MAX ? UINT_MAX : distance(word, candidate);

        if (d < best) {
            best = d;
            found = candidate;
        }
    }
    return found;
}
