/* Collecting messages about input that a person or another program wrote. */
#include "diag.h"

#include <stdio.h>

void diags_add(struct diags *diags, enum diag_level level, const char *file, unsigned line,
               const char *format, ...)
{
    _cleanup_free_ char *text = NULL, *path = NULL;
    va_list ap;
    int n;

    if (!diags)
        return;
    if (level == DIAG_ERROR)
        diags->errors++;
    else if (level == DIAG_WARNING)
        diags->warnings++;
    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0)
        text = NULL; /* undefined after a failure */
    if (file)
        path = strdup(file);
    if (!text || (file && !path) ||
        grow((void **)&diags->items, &diags->capacity, diags->count, sizeof(*diags->items)) < 0) {
        diags->lost = true;
        return;
    }
    diags->items[diags->count++] =
        (struct diag){.level = level, .file = TAKE_PTR(path), .line = line, .text = TAKE_PTR(text)};
}

int diag_refuse(char **ret_message, const char *format, ...)
{
    va_list ap;
    char *message;
    int n;

    va_start(ap, format);
    n = vasprintf(&message, format, ap);
    va_end(ap);
    if (n < 0)
        return -ENOMEM;
    *ret_message = message;
    return -EINVAL;
}

bool diags_failed(const struct diags *diags)
{
    return diags->errors > 0 || diags->lost;
}

void diags_done(struct diags *diags)
{
    if (!diags)
        return;
    for (size_t i = 0; i < diags->count; i++) {
        free(diags->items[i].file);
        free(diags->items[i].text);
    }
    free(diags->items);
    *diags = DIAGS_INIT;
}
