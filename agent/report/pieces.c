/* The cutting of reports into pieces: one pass over the bytes, most of which mean nothing here and
 * are skipped. A piece that lies within what was fed at once is handed over where it stands. */
#include "agent/report/pieces.h"

#include "policy/base/text.h"

enum where {
    BETWEEN, /* reports */
    IN_HEAD,
    IN_LIST, /* devices */
};

struct pieces {
    const struct pieces_handler *handler;
    void *data;
    enum where where;
    enum pieces_fault fault;
    size_t depth; /* open brackets: of the report, or, in the list, of the element */
    bool in_string, escaped, noisy;
    size_t begin, end; /* of the last string at depth 1, in the head */
    bool at_devices;   /* "devices": stands before */
    bool had_list;
    size_t elements;  /* of the list, finished */
    unsigned matched; /* how much of "\n{ \"schema\"" stands before, in bytes but for blanks */
    struct text head, piece;
    /* While feeding: bytes[from..at) belong to the current piece and are in no text yet. */
    const char *bytes;
    size_t from, at;
};

struct pieces *pieces_new(const struct pieces_handler *handler, void *data)
{
    struct pieces *pieces = calloc(1, sizeof(*pieces));

    if (pieces)
        *pieces = (struct pieces){.handler = handler, .data = data};
    return pieces;
}

struct pieces *pieces_free(struct pieces *pieces)
{
    if (pieces) {
        text_done(&pieces->head);
        text_done(&pieces->piece);
    }
    free(pieces);
    return NULL;
}

static int take(struct text *text, const char *bytes, size_t n)
{
    text_put_bytes(text, bytes, n);
    return text->failed ? -ENOMEM : 0;
}

/* Keep what was fed of the current piece up to here. */
static int keep(struct pieces *pieces)
{
    struct text *text = pieces->where == IN_LIST ? &pieces->piece : &pieces->head;
    size_t limit = pieces->where == IN_LIST ? PIECES_DEVICE_MAX : PIECES_HEAD_MAX;
    size_t n = pieces->at - pieces->from;
    const char *bytes = pieces->bytes + pieces->from;

    pieces->from = pieces->at;
    if (pieces->where == BETWEEN || (pieces->fault && pieces->where == IN_LIST))
        return 0;
    if (text->n + n > limit) {
        pieces->fault = pieces->fault ?: PIECES_TOO_LARGE;
        return 0;
    }
    return take(text, bytes, n);
}

static void begin_report(struct pieces *pieces)
{
    pieces->where = IN_HEAD;
    pieces->fault = PIECES_WHOLE;
    pieces->depth = 0;
    pieces->in_string = pieces->escaped = pieces->noisy = false;
    pieces->begin = pieces->end = 0;
    pieces->at_devices = pieces->had_list = false;
    pieces->head.n = pieces->piece.n = 0;
}

static int end_report(struct pieces *pieces, enum pieces_fault fault)
{
    pieces->where = BETWEEN;
    return pieces->handler->report(pieces->data, pieces->fault ?: fault, pieces->head.bytes,
                                   pieces->head.n);
}

/* At the first bracket or quote behind the colon: is it the list of devices that begins? */
static int begin_list(struct pieces *pieces)
{
    int r;

    pieces->at++;
    r = keep(pieces);
    pieces->at--;
    if (pieces->had_list)
        pieces->fault = pieces->fault ?: PIECES_BAD_LIST;
    pieces->had_list = true;
    pieces->where = IN_LIST;
    pieces->depth = 0;
    pieces->elements = 0;
    pieces->piece.n = 0;
    return r;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int hand_over(struct pieces *pieces, const char *text, size_t n)
{
    while (n > 0 && is_blank(text[0])) {
        text++;
        n--;
    }
    while (n > 0 && is_blank(text[n - 1]))
        n--;
    /* nothing between the brackets is an empty list, nothing before or behind a comma is not */
    if (n == 0 && (pieces->bytes[pieces->at] == ',' || pieces->elements > 0))
        pieces->fault = PIECES_BAD_LIST;
    if (n == 0)
        return 0;
    if (n > PIECES_DEVICE_MAX) {
        pieces->fault = PIECES_TOO_LARGE;
        return 0;
    }
    pieces->elements++;
    return pieces->handler->device(pieces->data, text, n);
}

/* At the comma or bracket behind an element. */
static int end_element(struct pieces *pieces)
{
    int r = 0;

    if (!pieces->fault && pieces->piece.n == 0) {
        r = hand_over(pieces, pieces->bytes + pieces->from, pieces->at - pieces->from);
    } else if (!pieces->fault) {
        r = keep(pieces);
        if (r == 0 && !pieces->fault)
            r = hand_over(pieces, pieces->piece.bytes, pieces->piece.n);
    }
    pieces->piece.n = 0;
    pieces->from = pieces->at + 1;
    return r;
}

static int list_byte(struct pieces *pieces, char c)
{
    int r;

    if (c == '{' || c == '[') {
        pieces->depth++;
        return 0;
    }
    if (c == '}' && pieces->depth == 0) {
        pieces->fault = pieces->fault ?: PIECES_BAD_LIST;
        pieces->from = pieces->at + 1;
        return end_report(pieces, PIECES_BAD_LIST);
    }
    if (pieces->depth > 0) {
        pieces->depth -= c == '}' || c == ']';
        return 0;
    }
    if (c != ',' && c != ']')
        return 0;
    r = end_element(pieces);
    if (c == ']') {
        pieces->from = pieces->at;
        pieces->where = IN_HEAD;
        pieces->depth = 1;
    }
    return r;
}

static int head_byte(struct pieces *pieces, char c)
{
    bool at_devices = pieces->at_devices;
    int r = 0;

    if (c != '\n')
        pieces->at_devices = false;
    if (c == ':' && pieces->depth == 1) {
        static const char name[] = "devices";

        r = keep(pieces);
        pieces->at_devices =
            pieces->end - pieces->begin == sizeof(name) - 1 && pieces->end < pieces->head.n &&
            memcmp(pieces->head.bytes + pieces->begin, name, sizeof(name) - 1) == 0;
    } else if (c == '[' && at_devices) {
        return begin_list(pieces);
    } else if (c == '{' || c == '[') {
        pieces->depth++;
    } else if ((c == '}' || c == ']') && --pieces->depth == 0) {
        pieces->at++;
        r = keep(pieces);
        pieces->at--;
        return r < 0 ? r : end_report(pieces, PIECES_WHOLE);
    }
    return r;
}

static size_t head_position(const struct pieces *pieces)
{
    return pieces->head.n + pieces->at - pieces->from;
}

static void string_byte(struct pieces *pieces, char c)
{
    if (pieces->escaped) {
        pieces->escaped = false;
    } else if (c == '\\') {
        pieces->escaped = true;
    } else if (c == '"') {
        pieces->in_string = false;
        if (pieces->where == IN_HEAD && pieces->depth == 1)
            pieces->end = head_position(pieces);
    }
}

static int between_byte(struct pieces *pieces, char c)
{
    static const char passed[] = " \t\r\n,[]\x1e\xef\xbb\xbf";

    if (c == '{') {
        begin_report(pieces);
        pieces->from = pieces->at;
        pieces->depth = 1;
        return 0;
    }
    if (pieces->noisy || (c && strchr(passed, c)))
        return 0;
    pieces->noisy = true;
    return pieces->handler->noise(pieces->data);
}

static int byte(struct pieces *pieces, char c)
{
    if (pieces->where == BETWEEN)
        return between_byte(pieces, c);
    if (pieces->in_string) {
        string_byte(pieces, c);
        return 0;
    }
    if (c == '"') {
        pieces->in_string = true;
        if (pieces->where == IN_HEAD && pieces->depth == 1)
            pieces->begin = head_position(pieces) + 1;
        return 0;
    }
    return pieces->where == IN_LIST ? list_byte(pieces, c) : head_byte(pieces, c);
}

static const char start[] = "\n{\"schema\"";

/* Within a report: does a line begin as a report does? */
static bool is_start(struct pieces *pieces, char c)
{
    if (c == '\n' && pieces->matched != 2) {
        pieces->matched = 1;
        return false;
    }
    if (pieces->matched == 2 && is_blank(c))
        return false;
    pieces->matched = pieces->matched > 0 && c == start[pieces->matched] ? pieces->matched + 1 : 0;
    if (pieces->matched < sizeof(start) - 1)
        return false;
    pieces->matched = 0;
    return true;
}

/* The report was cut off by one whose first words were just read. */
static int restart(struct pieces *pieces)
{
    int r = keep(pieces);

    if (r == 0)
        r = end_report(pieces, PIECES_CUT_OFF);
    begin_report(pieces);
    pieces->depth = 1;
    if (r == 0)
        r = take(&pieces->head, start + 1, sizeof(start) - 2);
    pieces->begin = pieces->end = 0;
    pieces->from = pieces->at + 1;
    return r;
}

/* Bytes that mean nothing inside a string, and outside of one. The latter holds quotes, brackets,
 * commas and colons; both hold the end of a line, where a report may begin. */
static size_t skip(const struct pieces *pieces, const char *bytes, size_t at, size_t n)
{
    static const bool in_string[256] = {['"'] = true, ['\\'] = true, ['\n'] = true};
    static const bool outside[256] = {['"'] = true, ['{'] = true, ['}'] = true, ['['] = true,
                                      [']'] = true, [','] = true, [':'] = true, ['\n'] = true};
    const bool *means = pieces->in_string ? in_string : outside;

    while (at < n && !means[(unsigned char)bytes[at]])
        at++;
    return at;
}

int pieces_feed(struct pieces *pieces, const char *bytes, size_t n)
{
    int r = 0;

    pieces->bytes = bytes;
    pieces->from = 0;
    for (pieces->at = 0; r == 0 && pieces->at < n; pieces->at++) {
        if (pieces->where != BETWEEN && pieces->matched == 0 && !pieces->escaped)
            pieces->at = skip(pieces, bytes, pieces->at, n);
        if (pieces->at == n)
            break;
        if (pieces->where != BETWEEN && is_start(pieces, bytes[pieces->at]))
            r = restart(pieces);
        else
            r = byte(pieces, bytes[pieces->at]);
    }
    return r < 0 ? r : keep(pieces);
}

int pieces_end(struct pieces *pieces)
{
    int r = pieces->where == BETWEEN ? 0 : end_report(pieces, PIECES_CUT_OFF);

    pieces->where = BETWEEN;
    pieces->noisy = false;
    pieces->matched = 0;
    return r;
}
