/* Messages to the person: always stderr, always with the program's name or a file:line before. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/cli/out/say.h"
#include "policy/base/name.h"

void say(const char *format, ...)
{
    va_list ap;

    (void)fflush(NULL); /* a failure is seen at the end; here the order of the lines counts */
    fputs("rpfpolicy: ", stderr);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
}

const char *error_text(int error)
{
    return strerrordesc_np(error < 0 ? -error : error) ?: "unknown error";
}

void say_unsafe(const char *path, int error)
{
    if (error > 0)
        say("warning: %s is in place, but not safely on the disk: %s; where the power fails, the "
            "one before it may be back",
            NAME_SHOWN(path), error_text(error));
}

void say_diags(const struct diags *diags, enum diag_level least)
{
    static const char *const words[] = {
        [DIAG_NOTE] = "note: ", [DIAG_WARNING] = "warning: ", [DIAG_ERROR] = ""};

    (void)fflush(NULL); /* output_finish() tells of it */
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];
        _cleanup_free_ char *file = NULL;

        if (diag->level < least)
            continue;
        file = diag->file ? name_escape(diag->file) : NULL;
        if (diag->file && diag->line > 0)
            fprintf(stderr, "%s:%u: ", file ?: "?", diag->line);
        else
            fprintf(stderr, "%s: ", diag->file ? file ?: "?" : "rpfpolicy");
        fprintf(stderr, "%s%s\n", words[diag->level], diag->text);
    }
    if (diags->lost)
        say("memory ran out: not every message is shown");
}
