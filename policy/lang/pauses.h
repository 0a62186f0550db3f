/* Pauses: what a person told the program to leave alone for a while. Plain data, read and written
 * as text; a paused device is treated like one that no rule speaks of: its effective value is kept.
 *
 * The text is one line per pause below a line that says what it is valid for:
 * "END START DATE UID WHO KIND DEVICE REASON", START and END in microseconds since boot (END 0:
 * with the boot at the latest), DATE in seconds of the wall clock, only for people. */
#pragma once

#include "policy/facts/facts.h"
#include "policy/lang/pattern.h"

struct pause {
    bool everything;        /* all devices, `all` and `default` */
    struct pattern pattern; /* unless everything; PATTERN_ALL and PATTERN_DEFAULT are those two */
    uint64_t until, since;  /* CLOCK_BOOTTIME, microseconds; until 0: as long as the system runs */
    int64_t date;           /* when, seconds of the wall clock */
    unsigned uid;
    char *who;    /* owned, never NULL */
    char *reason; /* owned, never NULL */
};

struct pauses {
    struct pause *items;
    size_t count, capacity;
};

void pause_done(struct pause *pause);
void pauses_done(struct pauses *pauses);
#define _cleanup_pauses_ _cleanup_(pauses_done)

/* A pause of exactly this device (or `all`, `default`), whatever bytes its name has. -ENOMEM. */
int pause_set_name(struct pause *pause, const char *name);

/* What was typed: "*" for everything as `pause` without arguments shows it. */
const char *pause_text(const struct pause *pause);

/* Take over the pause, replacing one of the same devices. -ENOMEM: it stays the caller's. */
int pauses_add(struct pauses *pauses, struct pause *pause);
void pauses_remove(struct pauses *pauses, size_t i);

/* Is there a pause of the same devices? */
bool pauses_have(const struct pauses *pauses, const struct pause *pause);

/* The pause in force for a device (or "all", "default") that lasts longest; NULL for none. */
const struct pause *pauses_find(const struct pauses *pauses, const char *name, uint64_t now);
bool pause_covers(const struct pause *pause, const char *name);
static inline bool pause_is_over(const struct pause *pause, uint64_t now)
{
    return pause->until != 0 && pause->until <= now;
}

/* The next time at which a pause ends; UINT64_MAX for none. */
uint64_t pauses_next_end(const struct pauses *pauses, uint64_t now);

/* Mark what is paused in a live picture. */
void pauses_mark(const struct pauses *pauses, struct live *live, uint64_t now);

/* "for 58 s", "for 12 min", "for 3 h 20 min", "for 4 d"; "until the next boot" for 0. */
const char *pause_left_text(const struct pause *pause, uint64_t now, char buf[static 32]);

/* The text below the first line. -EBADMSG for a line that is none: what is to be left alone is not
 * known then. */
int pauses_parse(const char *text, struct pauses *ret);
/* Owned; NULL when memory ran out. */
char *pauses_format(const struct pauses *pauses);
