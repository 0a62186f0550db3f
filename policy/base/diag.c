/* Collecting messages about input that a person or another program wrote. */
#include "policy/base/diag.h"

#include "policy/base/text.h"

void diags_add(struct diags *diags, enum diag_level level, const char *file, unsigned line,
               const char *format, ...)
{
    _cleanup_free_ char *text = NULL, *path = NULL;
    va_list ap;

    if (!diags)
        return;
    if (level == DIAG_ERROR)
        diags->errors++;
    else if (level == DIAG_WARNING)
        diags->warnings++;
    va_start(ap, format);
    text = text_vformat(format, ap);
    va_end(ap);
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

    va_start(ap, format);
    message = text_vformat(format, ap);
    va_end(ap);
    if (!message)
        return -ENOMEM;
    *ret_message = message;
    return -EINVAL;
}

struct place {
    size_t file, before;
    const struct diag *diag;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    if (x->diag->line != y->diag->line)
        return x->diag->line < y->diag->line ? -1 : 1;
    return (x->before > y->before) - (x->before < y->before);
}

/* From 1; 0 for a file that is not in the list. `hint` is where the one before was found. */
static size_t file_place(const char *file, char *const *files, size_t n, size_t hint)
{
    if (!file)
        return 0;
    if (hint > 0 && streq(files[hint - 1], file))
        return hint;
    for (size_t i = 0; i < n; i++)
        if (streq(files[i], file))
            return i + 1;
    return 0;
}

void diags_sort(struct diags *diags, char *const *files, size_t n_files)
{
    _cleanup_free_ struct place *places = NULL;
    _cleanup_free_ struct diag *sorted = NULL;
    size_t hint = 0;

    if (diags->count < 2)
        return;
    places = calloc(diags->count, sizeof(*places));
    sorted = calloc(diags->count, sizeof(*sorted));
    if (!places || !sorted) /* they are all there, only not in order */
        return;
    for (size_t i = 0; i < diags->count; i++) {
        hint = file_place(diags->items[i].file, files, n_files, hint);
        places[i] = (struct place){.file = hint, .before = i, .diag = &diags->items[i]};
    }
    qsort(places, diags->count, sizeof(*places), by_place);
    for (size_t i = 0; i < diags->count; i++)
        sorted[i] = *places[i].diag;
    memcpy(diags->items, sorted, diags->count * sizeof(*sorted));
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
