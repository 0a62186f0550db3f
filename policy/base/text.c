/* Growing texts: allocates and formats, and does nothing else. */
#include "policy/base/text.h"

#include <stdio.h>

void text_done(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

char *text_room(struct text *text, size_t n)
{
    size_t size = text->capacity ?: 64;
    char *p;

    while (!text->failed && size - text->n <= n)
        text->failed = __builtin_mul_overflow(size, 2, &size);
    if (text->failed)
        return NULL;
    if (size > text->capacity) {
        p = realloc(text->bytes, size);
        text->failed = !p;
        if (!p)
            return NULL;
        text->bytes = p;
        text->capacity = size;
    }
    return text->bytes + text->n;
}

void text_put_bytes(struct text *text, const void *bytes, size_t n)
{
    char *end = text_room(text, n);

    if (!end)
        return;
    if (n > 0)
        memcpy(end, bytes, n);
    end[n] = '\0';
    text->n += n;
}

void text_put(struct text *text, const char *s)
{
    text_put_bytes(text, s, strlen(s));
}

void text_add(struct text *text, const char *format, ...)
{
    size_t room = 0;

    for (;;) {
        char *end = text_room(text, room);
        va_list ap;
        int n;

        if (!end)
            return;
        va_start(ap, format);
        n = vsnprintf(end, text->capacity - text->n, format, ap);
        va_end(ap);
        if (n < 0) {
            text->failed = true;
        } else if ((size_t)n < text->capacity - text->n) {
            text->n += (size_t)n;
            return;
        }
        room = (size_t)n;
    }
}

char *text_take(struct text *text)
{
    char *bytes = NULL;

    text_put_bytes(text, NULL, 0);
    if (!text->failed)
        bytes = TAKE_PTR(text->bytes);
    text_done(text);
    return bytes;
}

char *text_vformat(const char *format, va_list ap)
{
    char *text;

    return vasprintf(&text, format, ap) < 0 ? NULL : text;
}

char *text_format(const char *format, ...)
{
    va_list ap;
    char *text;

    va_start(ap, format);
    text = text_vformat(format, ap);
    va_end(ap);
    return text;
}
