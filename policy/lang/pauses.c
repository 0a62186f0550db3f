/* Pauses as data: who is covered, how long, and their text. */
#include "policy/lang/pauses.h"

#include <inttypes.h>
#include <stdio.h>

#include "policy/base/text.h"
#include "policy/base/util.h"

#define USEC_PER_SEC UINT64_C(1000000)

enum kind { KIND_EVERYTHING, KIND_NAME, KIND_PATTERN, KIND_COUNT };
static const char *const kinds[KIND_COUNT] = {"everything", "name", "pattern"};

void pause_done(struct pause *pause)
{
    pattern_done(&pause->pattern);
    free(pause->who);
    free(pause->reason);
    *pause = (struct pause){0};
}

void pauses_done(struct pauses *pauses)
{
    for (size_t i = 0; i < pauses->count; i++)
        pause_done(&pauses->items[i]);
    free(pauses->items);
    *pauses = (struct pauses){0};
}

int pause_set_name(struct pause *pause, const char *name)
{
    char *text = strdup(name);

    if (!text)
        return -ENOMEM;
    pause->pattern = (struct pattern){
        .kind = streq(name, "all")       ? PATTERN_ALL
                : streq(name, "default") ? PATTERN_DEFAULT
                                         : PATTERN_EXACT,
        .text = text,
        .set = -1,
    };
    return 0;
}

const char *pause_text(const struct pause *pause)
{
    return pause->everything ? "everything" : pause->pattern.text;
}

static bool same_devices(const struct pause *a, const struct pause *b)
{
    if (a->everything || b->everything)
        return a->everything && b->everything;
    return a->pattern.kind == b->pattern.kind && streq(a->pattern.text, b->pattern.text);
}

bool pauses_have(const struct pauses *pauses, const struct pause *pause)
{
    for (size_t i = 0; i < pauses->count; i++)
        if (same_devices(&pauses->items[i], pause))
            return true;
    return false;
}

void pauses_remove(struct pauses *pauses, size_t i)
{
    pause_done(&pauses->items[i]);
    pauses->count--;
    memmove(&pauses->items[i], &pauses->items[i + 1], (pauses->count - i) * sizeof(*pauses->items));
}

int pauses_add(struct pauses *pauses, struct pause *pause)
{
    int r = grow((void **)&pauses->items, &pauses->capacity, pauses->count, sizeof(*pauses->items));

    if (r < 0)
        return r;
    for (size_t i = pauses->count; i-- > 0;)
        if (same_devices(&pauses->items[i], pause))
            pauses_remove(pauses, i);
    pauses->items[pauses->count++] = *pause;
    *pause = (struct pause){0};
    return 0;
}

bool pause_covers(const struct pause *pause, const char *name)
{
    if (pause->everything)
        return true;
    switch (pause->pattern.kind) {
    case PATTERN_ALL:
        return streq(name, "all");
    case PATTERN_DEFAULT:
        return streq(name, "default");
    case PATTERN_EXACT:
        return streq(name, pause->pattern.text);
    default:
        return !streq(name, "all") && !streq(name, "default") &&
               pattern_matches_name(&pause->pattern, name);
    }
}

const struct pause *pauses_find(const struct pauses *pauses, const char *name, uint64_t now)
{
    const struct pause *best = NULL;

    for (size_t i = 0; i < pauses->count; i++) {
        const struct pause *pause = &pauses->items[i];

        if (pause_is_over(pause, now) || !pause_covers(pause, name))
            continue;
        if (!best || (best->until != 0 && (pause->until == 0 || pause->until > best->until)))
            best = pause;
    }
    return best;
}

uint64_t pauses_next_end(const struct pauses *pauses, uint64_t now)
{
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < pauses->count; i++) {
        uint64_t until = pauses->items[i].until;

        if (until > now && until < next)
            next = until;
    }
    return next;
}

void pauses_mark(const struct pauses *pauses, struct live *live, uint64_t now)
{
    live->all_paused = pauses_find(pauses, "all", now);
    live->default_paused = pauses_find(pauses, "default", now);
    for (size_t i = 0; i < live->count; i++)
        live->devices[i].paused =
            pauses->count > 0 && pauses_find(pauses, live->devices[i].name, now);
}

const char *pause_left_text(const struct pause *pause, uint64_t now, char buf[static 32])
{
    uint64_t seconds;

    if (pause->until == 0)
        return strcpy(buf, "until the next boot");
    seconds = pause->until > now ? (pause->until - now + USEC_PER_SEC - 1) / USEC_PER_SEC : 0;
    if (seconds <= 120)
        snprintf(buf, 32, "for %" PRIu64 " s", seconds);
    else if (seconds <= 120 * 60)
        snprintf(buf, 32, "for %" PRIu64 " min", (seconds + 59) / 60);
    else if (seconds <= 48 * 3600)
        snprintf(buf, 32, "for %" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
    else
        snprintf(buf, 32, "for %" PRIu64 " d", (seconds + 86399) / 86400);
    return buf;
}

static int set_devices(struct pause *pause, const char *kind, const char *text)
{
    _cleanup_free_ char *message = NULL;

    if (streq(kind, kinds[KIND_EVERYTHING])) {
        pause->everything = true;
        return 0;
    }
    if (streq(kind, kinds[KIND_NAME]))
        return pause_set_name(pause, text);
    if (!streq(kind, kinds[KIND_PATTERN]))
        return -EBADMSG;
    return pattern_parse(text, &pause->pattern, &message) == -ENOMEM ? -ENOMEM
           : message || pause->pattern.kind == PATTERN_SET           ? -EBADMSG
                                                                     : 0;
}

static int parse_line(char *line, struct pauses *pauses)
{
    char who[64], kind[16], devices[256];
    struct pause pause = {0};
    int at = 0, r;

    if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNd64 " %u %63s %15s %255s %n", &pause.until,
               &pause.since, &pause.date, &pause.uid, who, kind, devices, &at) != 7 ||
        at == 0 || !name_unescape(who) || !name_unescape(devices) || !name_unescape(line + at))
        return -EBADMSG;
    r = set_devices(&pause, kind, devices);
    pause.who = strdup(who);
    pause.reason = strdup(line + at);
    if (r >= 0)
        r = pause.who && pause.reason ? pauses_add(pauses, &pause) : -ENOMEM;
    pause_done(&pause);
    return r;
}

int pauses_parse(const char *text, struct pauses *ret)
{
    _cleanup_pauses_ struct pauses pauses = {0};
    _cleanup_free_ char *copy = strdup(text);
    char *rest = copy, *line;

    if (!copy)
        return -ENOMEM;
    while ((line = strsep(&rest, "\n"))) {
        int r = *line ? parse_line(line, &pauses) : 0;

        if (r < 0)
            return r;
    }
    *ret = pauses;
    pauses = (struct pauses){0};
    return 0;
}

/* How a pause is written down: a name that means something else as a pattern is marked as a name.
 */
static enum kind kind_of(const struct pause *pause)
{
    if (pause->everything)
        return KIND_EVERYTHING;
    return pause->pattern.kind == PATTERN_EXACT || pattern_is_pin(&pause->pattern) ? KIND_NAME
                                                                                   : KIND_PATTERN;
}

static int format_line(struct text *out, const struct pause *pause)
{
    _cleanup_free_ char *who = name_escape(pause->who), *reason = name_escape(pause->reason);
    _cleanup_free_ char *devices = name_escape(pause_text(pause));

    if (!who || !reason || !devices)
        return -ENOMEM;
    text_add(out, "%" PRIu64 " %" PRIu64 " %" PRId64 " %u %s %s %s %s\n", pause->until,
             pause->since, pause->date, pause->uid, who, kinds[kind_of(pause)], devices, reason);
    return 0;
}

char *pauses_format(const struct pauses *pauses)
{
    _cleanup_text_ struct text text = {0};
    int r = 0;

    for (size_t i = 0; i < pauses->count; i++)
        gather(&r, format_line(&text, &pauses->items[i]));
    return r < 0 ? NULL : text_take(&text);
}
