/* Numbers that people read. */
#include <stdio.h>

#include "agent/cli/out/output.h"

const char *count_text(unsigned long n, char buf[static 16])
{
    char digits[16];
    int length = snprintf(digits, sizeof(digits), "%lu", n);
    size_t used = 0;

    for (int i = 0; i < length && used + 2 < 16; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            buf[used++] = ',';
        buf[used++] = digits[i];
    }
    buf[used] = 0;
    return buf;
}
