/* Bytes of foreign origin made safe to print, and what the kernel takes as a device name. */
#include "policy/base/name.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/base/util.h"

static bool stays(unsigned char c)
{
    return c >= 0x20 && c <= 0x7e && c != '\\';
}

/* How many bytes at the beginning of s stay as they are: nearly always all of them. */
static size_t plain_length(const char *s)
{
    size_t n = 0;

    while (stays((unsigned char)s[n]))
        n++;
    return n;
}

/* Write one byte escaped to out (room for 5); returns the number of characters. */
static size_t escape_byte(unsigned char c, char *out)
{
    if (stays(c)) {
        out[0] = (char)c;
        out[1] = '\0';
        return 1;
    }
    snprintf(out, 5, "\\x%02X", c);
    return 4;
}

char *name_escape_n(const char *bytes, size_t n)
{
    char *out, *p;

    if (n > (SIZE_MAX - 8) / 4)
        return NULL;
    out = p = malloc(4 * n + 5);
    if (!out)
        return NULL;
    *p = '\0';
    for (size_t i = 0; i < n; i++)
        p += escape_byte((unsigned char)bytes[i], p);
    return out;
}

char *name_escape(const char *s)
{
    size_t n = plain_length(s);

    return s[n] ? name_escape_n(s, strlen(s)) : strdup(s);
}

char *name_quote(const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/-@%+,";
    bool odd = false;
    char *word, *p;

    if (*text && *text != '-' && !text[strspn(text, plain)])
        return strdup(text);
    for (const char *c = text; *c; c++)
        odd |= *c != '\\' && !stays((unsigned char)*c);
    word = malloc(4 * strlen(text) + sizeof("$''"));
    p = word ? stpcpy(word, odd ? "$'" : "'") : NULL;
    for (const char *c = text; word && *c; c++)
        if (*c == '\'')
            p = stpcpy(p, odd ? "\\'" : "'\\''");
        else if (odd)
            p += escape_byte((unsigned char)*c, p);
        else
            *p++ = *c;
    if (word)
        stpcpy(p, "'");
    return word;
}

/* ASCII already after name_escape(); a label also escapes backslash and quote. */
char *name_escape_label(const char *s)
{
    _cleanup_free_ char *escaped = name_escape(s);
    char *label = escaped ? malloc(2 * strlen(escaped) + 1) : NULL, *to = label;

    for (const char *c = escaped; label && *c; c++) {
        if (*c == '\\' || *c == '"')
            *to++ = '\\';
        *to++ = *c;
    }
    if (label)
        *to = '\0';
    return label;
}

const char *name_escape_buf(const char *s, char *buf, size_t size)
{
    size_t used = 0, plain = plain_length(s);

    if (size == 0)
        return "";
    if (!s[plain] && plain < size)
        return memcpy(buf, s, plain + 1);
    buf[0] = '\0';
    for (; *s; s++) {
        char one[5];
        size_t n = escape_byte((unsigned char)*s, one);
        size_t reserve = s[1] ? 1 : 0; /* for the "~" while more is to come */

        if (used + n + reserve + 1 > size) {
            if (used + 2 <= size)
                memcpy(buf + used, "~", 2);
            break;
        }
        memcpy(buf + used, one, n + 1);
        used += n;
    }
    return buf;
}

bool name_unescape(char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = text;

    for (; *text; text++) {
        const char *high, *low;

        if (*text != '\\') {
            *out++ = *text;
            continue;
        }
        if (text[1] != 'x' || !text[2] || !text[3] || !(high = strchr(digits, text[2])) ||
            !(low = strchr(digits, text[3])) || (high == digits && low == digits))
            return false;
        *out++ = (char)((high - digits) << 4 | (low - digits));
        text += 3;
    }
    *out = '\0';
    return true;
}

/* Length of the sequence that a lead byte opens and the smallest code point it may carry. */
static size_t utf8_lead(unsigned char c, uint32_t *ret_bits, uint32_t *ret_min)
{
    if (c < 0x80) {
        *ret_bits = c;
        *ret_min = 0;
        return 1;
    }
    if ((c & 0xe0) == 0xc0) {
        *ret_bits = c & 0x1f;
        *ret_min = 0x80;
        return 2;
    }
    if ((c & 0xf0) == 0xe0) {
        *ret_bits = c & 0x0f;
        *ret_min = 0x800;
        return 3;
    }
    if ((c & 0xf8) == 0xf0) {
        *ret_bits = c & 0x07;
        *ret_min = 0x10000;
        return 4;
    }
    return 0;
}

bool name_is_utf8(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;

    for (size_t i = 0; i < n;) {
        uint32_t code, min;
        size_t length = utf8_lead(p[i], &code, &min);

        if (length == 0 || length > n - i)
            return false;
        for (size_t k = 1; k < length; k++) {
            if ((p[i + k] & 0xc0) != 0x80)
                return false;
            code = code << 6 | (p[i + k] & 0x3f);
        }
        if (code < min || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
        i += length;
    }
    return true;
}

bool name_byte_is_refused(unsigned char c)
{
    /* isspace() of lib/ctype.c holds for the Latin-1 no-break space too. */
    return c == '/' || c == ':' || c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0;
}

bool name_is_valid_device(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n > DEVICE_NAME_MAX)
        return false;
    if (streq(s, ".") || streq(s, "..") || streq(s, "all") || streq(s, "default"))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (name_byte_is_refused((unsigned char)s[i]))
            return false;
    }
    return true;
}
