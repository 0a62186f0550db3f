/* Cells of comma separated values (RFC 4180). */
#include "agent/cli/out/output.h"
#include "policy/base/name.h"
#include "policy/base/util.h"

void csv_cell(FILE *stream, const char *text, char end)
{
    _cleanup_free_ char *escaped = text ? name_escape(text) : NULL;
    const char *s = escaped ?: "";

    if (!strpbrk(s, ",\"")) {
        fputs_unlocked(s, stream);
    } else {
        putc_unlocked('"', stream);
        for (; *s; s++) {
            if (*s == '"')
                putc_unlocked('"', stream);
            putc_unlocked(*s, stream);
        }
        putc_unlocked('"', stream);
    }
    putc_unlocked(end, stream);
}
