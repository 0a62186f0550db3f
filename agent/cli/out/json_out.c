/* JSON: strings of foreign origin made safe, and a stream that is written element by element so
 * that ten thousand devices never stand in memory at once. */
#include <string.h>
#include <unistd.h>

#include "agent/cli/out/exit_status.h"
#include "agent/cli/out/output.h"
#include "policy/base/name.h"
#include "policy/base/util.h"

static void *must_malloc(size_t n)
{
    static const char text[] = "rpfpolicy: memory ran out\n";
    void *p = malloc(n);

    if (!p) {
        (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
        _exit(EXIT_ERROR);
    }
    return p;
}

void json_prepare(void)
{
    json_set_alloc_funcs(must_malloc, free);
}

json_t *json_bytes(const char *s)
{
    _cleanup_free_ char *escaped = NULL;
    size_t n;

    if (!s)
        return json_null();
    n = strlen(s);
    if (name_is_utf8(s, n))
        return json_stringn_nocheck(s, n);
    escaped = name_escape_n(s, n);
    return escaped ? json_string(escaped) : json_null();
}

json_t *json_owned(char *text)
{
    json_t *value = json_bytes(text);

    free(text);
    return value;
}

void json_set_name(json_t *object, const char *key, const char *name)
{
    char bytes_key[64], *hex;
    size_t n = strlen(name);

    json_object_set_new(object, key, json_bytes(name));
    if (name_is_utf8(name, n))
        return;
    hex = must_malloc(2 * n + 1);
    for (size_t i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)name[i]);
    snprintf(bytes_key, sizeof(bytes_key), "%s_bytes", key);
    json_object_set_new(object, bytes_key, json_string(hex));
    free(hex);
}

json_t *json_set_members(json_t *object, const struct json_member *members)
{
    for (; members->name; members++)
        json_object_set_new(object, members->name, members->value);
    return object;
}

json_t *json_time(time_t seconds)
{
    char text[sizeof("2000-01-01T00:00:00Z") + 16];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}

/* jansson leaves DEL as it is; it can only stand inside a string. */
static void write_text(FILE *stream, const char *bytes, size_t n)
{
    const char *del;

    while ((del = memchr(bytes, 0x7f, n))) {
        fwrite_unlocked(bytes, 1, (size_t)(del - bytes), stream);
        fputs_unlocked("\\u007f", stream);
        n -= (size_t)(del - bytes) + 1;
        bytes = del + 1;
    }
    fwrite_unlocked(bytes, 1, n, stream);
}

/* Through a buffer: jansson gives single characters to callbacks, which costs more than the rest.
 */
static void dump(struct output *out, json_t *value)
{
    const size_t flags = JSON_ENSURE_ASCII | JSON_ENCODE_ANY;
    char buffer[4096];
    size_t n = json_dumpb(value, buffer, sizeof(buffer), flags);

    if (n <= sizeof(buffer)) {
        write_text(out->stream, buffer, n);
    } else {
        char *large = must_malloc(n);

        write_text(out->stream, large, json_dumpb(value, large, n, flags));
        free(large);
    }
    json_decref(value);
}

void output_json(struct output *out, json_t *value)
{
    dump(out, value);
    fputc('\n', out->stream);
}

static void begin_element(struct output *out, const char *name)
{
    if (out->comma)
        fputc(',', out->stream);
    if (out->depth > 0)
        fprintf(out->stream, "\n%*s", (int)out->depth, "");
    if (name)
        fprintf(out->stream, "\"%s\": ", name);
}

void json_open(struct output *out, const char *name, char bracket)
{
    begin_element(out, name);
    fputc(bracket, out->stream);
    out->depth++;
    out->comma = false;
}

void json_element(struct output *out, const char *name, json_t *value)
{
    begin_element(out, name);
    dump(out, value);
    out->comma = true;
}

void json_open_object(struct output *out, json_t *head)
{
    const char *name;
    json_t *value;

    json_open(out, NULL, '{');
    json_object_foreach(head, name, value) json_element(out, name, json_incref(value));
    json_decref(head);
}

void json_close(struct output *out, char bracket)
{
    out->depth--;
    if (out->comma)
        fprintf(out->stream, "\n%*s", (int)out->depth, "");
    fputc(bracket, out->stream);
    if (out->depth == 0)
        fputc('\n', out->stream);
    out->comma = out->depth > 0;
}
