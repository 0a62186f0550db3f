/* INI text read through inih. inih 55 joins indented lines, cuts long ones in two, takes text after
 * a header's bracket for nothing, cuts long section names and returns the first error only; so it
 * is given one stripped line per call, and each line is judged here before it gets it. */
#include "policy/lang/ini_lines.h"

#include <ini.h>
#include <string.h>

#include "policy/base/name.h"

struct reader {
    const char *path;
    const char *next, *end;
    unsigned line;
    bool skip;    /* this section's lines are passed over */
    bool pending; /* inih has a line for which it must call the handler */
    const struct ini_events *events;
    struct diags *diags;
};

/* isspace() in the C locale, which is what inih strips. */
static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The first byte of chars in the line, as inih looks for it: a ` ;` before it ends the search. */
static const char *find_before_comment(const char *s, size_t n, const char *chars)
{
    for (size_t i = 0; i < n; i++) {
        if (strchr(chars, s[i]))
            return s + i;
        if (s[i] == ';' && i > 0 && is_blank(s[i - 1]))
            return NULL;
    }
    return NULL;
}

/* Does the header make sense? On success its name is in ret_name. */
static bool read_header(struct reader *reader, const char *s, size_t n,
                        char ret_name[static INI_SECTION_MAX + 1])
{
    const char *close = find_before_comment(s + 1, n - 1, "]"), *after;
    size_t length;

    if (!close) {
        diags_add(reader->diags, DIAG_ERROR, reader->path, reader->line,
                  "a section's '[' without ']'");
        return false;
    }
    after = close + 1;
    while (after < s + n && is_blank(*after))
        after++;
    if (after < s + n && *after != '#' && *after != ';') {
        diags_add(reader->diags, DIAG_ERROR, reader->path, reader->line,
                  "text after the ']' of a section; a pattern cannot begin with '[', write '?' for "
                  "that byte");
        return false;
    }
    length = (size_t)(close - s) - 1;
    if (length > INI_SECTION_MAX) {
        diags_add(reader->diags, DIAG_ERROR, reader->path, reader->line,
                  "a section's name has %zu bytes, at most %d are allowed", length,
                  INI_SECTION_MAX);
        return false;
    }
    memcpy(ret_name, s + 1, length);
    ret_name[length] = '\0';
    return true;
}

/* Is the line fit to be looked at? room is what inih has for it. */
static bool line_is_sound(struct reader *reader, const char *s, size_t n, size_t room)
{
    /* A full buffer would make inih take the next call for the rest of this line. */
    size_t most = room < INI_LINE_MAX + 3 ? room - 2 : INI_LINE_MAX;

    if (memchr(s, '\0', n)) {
        diags_add(reader->diags, DIAG_ERROR, reader->path, reader->line,
                  "a NUL byte in the line; is this a text file?");
        return false;
    }
    if (n > most) {
        diags_add(reader->diags, DIAG_ERROR, reader->path, reader->line,
                  "the line has %zu bytes, at most %zu are allowed", n, most);
        return false;
    }
    return true;
}

/* Did somebody mean "[!e]* = 2" for a pattern? Then the section before it goes on, so that one run
 * shows what is wrong in the rest of it. */
static bool is_meant_as_pattern(const char *s, size_t n)
{
    const char *close = memchr(s, ']', n);

    return close && find_before_comment(close, n - (size_t)(close - s), "=");
}

/* Judge one stripped line; true when inih shall have it. */
static bool take_line(struct reader *reader, const char *s, size_t n, size_t room)
{
    bool header = n > 0 && s[0] == '[', sound;
    char name[INI_SECTION_MAX + 1];
    const char *separator;

    if (n == 0 || (reader->skip && !header))
        return false;
    sound = line_is_sound(reader, s, n, room);
    if (header) {
        sound = sound && read_header(reader, s, n, name);
        if (!sound && is_meant_as_pattern(s, n))
            return false;
        reader->skip =
            !reader->events->section(sound ? name : NULL, reader->line, reader->events->data);
        /* After a bad header nothing may count for the section before it. */
        reader->skip = reader->skip || !sound;
        return sound;
    }
    if (!sound || s[0] == '#' || s[0] == ';')
        return false;
    if (reader->events->pass_over && reader->events->pass_over(s, n, reader->events->data))
        return false;
    separator = find_before_comment(s, n, "=:");
    if (separator && *separator == ':') {
        diags_add(reader->diags, DIAG_ERROR, reader->path, reader->line,
                  "':' where '=' is expected; write 'name = value'");
        return false;
    }
    reader->pending = true;
    return true;
}

/* The next line without the blanks around it; there is one. */
static const char *next_line(struct reader *reader, size_t *ret_n)
{
    const char *s = reader->next, *end = memchr(s, '\n', (size_t)(reader->end - s));

    reader->next = end ? end + 1 : reader->end;
    end = end ? end : reader->end;
    reader->line++;
    while (s < end && is_blank(*s))
        s++;
    while (end > s && is_blank(end[-1]))
        end--;
    *ret_n = (size_t)(end - s);
    return s;
}

/* inih's reader, in the manner of fgets(3), without the line's end. */
static char *read_line(char *out, int room, void *stream)
{
    struct reader *reader = stream;

    if (reader->pending)
        diags_add(reader->diags, DIAG_ERROR, reader->path, reader->line,
                  "no '=' in the line; write 'name = value', or '#' before a comment");
    reader->pending = false;
    while (reader->next < reader->end && room >= 3) {
        size_t n;
        const char *s = next_line(reader, &n);

        if (!take_line(reader, s, n, (size_t)room))
            continue;
        memcpy(out, s, n);
        out[n] = '\0';
        return out;
    }
    return NULL;
}

/* inih's handler. Its idea of the section is not needed: headers were seen by the reader. */
static int take_entry(void *user, const char *section, const char *name, const char *value)
{
    struct reader *reader = user;

    if (!name || !value) /* builds of inih that report headers, or names without value */
        return 1;
    reader->pending = false;
    reader->events->entry(name, value, reader->line, reader->events->data);
    return 1;
}

int ini_read(const char *path, const char *bytes, size_t n, const struct ini_events *events,
             struct diags *diags)
{
    struct reader reader = {
        .path = path,
        .next = bytes,
        .end = bytes + n,
        .events = events,
        .diags = diags,
    };

    if (n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
        reader.next += 3;
    /* -2: no memory. A positive result, the first bad line, cannot be: none was handed over but
     * those without '=', which are reported above. */
    return ini_parse_stream(read_line, &reader, take_entry, &reader) == -2 ? -ENOMEM : 0;
}
