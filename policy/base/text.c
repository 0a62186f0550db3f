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

bool text_is_blank(const char *s)
{
    /* no-break, en quad to zero width, narrow no-break, mathematical, ideographic, byte order mark
     */
    static const struct {
        const char *lead;
        unsigned char first, last;
    } blanks[] = {{"\xc2", 0xa0, 0xa0},     {"\xe2\x80", 0x80, 0x8f}, {"\xe2\x80", 0xa8, 0xaf},
                  {"\xe2\x81", 0x9f, 0xa0}, {"\xe3\x80", 0x80, 0x80}, {"\xef\xbb", 0xbf, 0xbf}};

    while (*s) {
        size_t n = (unsigned char)*s <= ' ' || *s == 0x7f ? 1 : 0;

        for (size_t i = 0; n == 0 && i < ELEMENTSOF(blanks); i++) {
            size_t lead = strlen(blanks[i].lead);

            if (startswith(s, blanks[i].lead) && (unsigned char)s[lead] >= blanks[i].first &&
                (unsigned char)s[lead] <= blanks[i].last)
                n = lead + 1;
        }
        if (n == 0)
            return false;
        s += n;
    }
    return true;
}
