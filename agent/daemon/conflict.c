/* Back-off and the `writer` mark: arithmetic on times, and the words for it. */
#include "agent/daemon/conflict.h"

#include <stdio.h>
#include <string.h>

#include "policy/lang/values.h"

#define FAST_STREAK (CONFLICT_FREE_REPAIRS + 2)

uint64_t conflict_delay(const struct conflict *conflict)
{
    uint64_t delay = CONFLICT_FIRST_DELAY;

    if (conflict->streak < CONFLICT_FREE_REPAIRS)
        return 0;
    for (unsigned i = CONFLICT_FREE_REPAIRS; i < conflict->streak && delay < CONFLICT_MAX_DELAY;
         i++)
        delay *= 2;
    return delay < CONFLICT_MAX_DELAY ? delay : CONFLICT_MAX_DELAY;
}

/* A repair that held for this long ends the streak: longer than the present delay, or each repair
 * would look like a recovery. */
static uint64_t quiet_time(const struct conflict *conflict)
{
    uint64_t twice = 2 * conflict_delay(conflict);

    return twice > CONFLICT_QUIET ? twice : CONFLICT_QUIET;
}

uint64_t conflict_allowed_at(const struct conflict *conflict, uint64_t now)
{
    if (conflict->last_repair == 0 || now >= conflict->last_repair + quiet_time(conflict))
        return now;
    return conflict->last_repair + conflict_delay(conflict);
}

static bool is_slow(const struct conflict *conflict, uint64_t now)
{
    uint64_t oldest = conflict->history[CONFLICT_SLOW_REPAIRS - 1];

    return oldest != 0 && now < oldest + CONFLICT_DAY;
}

static bool set_mark(struct conflict *conflict, uint64_t now)
{
    enum conflict_mark mark = conflict->streak >= FAST_STREAK ? CONFLICT_FAST
                              : is_slow(conflict, now)        ? CONFLICT_SLOW
                                                              : CONFLICT_NONE;
    bool changed = mark != conflict->mark;

    conflict->mark = mark;
    return changed;
}

bool conflict_repaired(struct conflict *conflict, uint64_t now)
{
    if (conflict->last_repair != 0 && now >= conflict->last_repair + quiet_time(conflict))
        conflict->streak = 0;
    conflict->streak++;
    conflict->repairs++;
    conflict->last_repair = now;
    memmove(conflict->history + 1, conflict->history,
            sizeof(conflict->history) - sizeof(conflict->history[0]));
    conflict->history[0] = now;
    return set_mark(conflict, now);
}

bool conflict_settle(struct conflict *conflict, uint64_t now)
{
    if (now >= conflict->last_repair + quiet_time(conflict))
        conflict->streak = 0;
    return set_mark(conflict, now);
}

uint64_t conflict_settles_at(const struct conflict *conflict)
{
    if (conflict->streak > 0)
        return conflict->last_repair + quiet_time(conflict);
    if (conflict->mark == CONFLICT_SLOW)
        return conflict->history[CONFLICT_SLOW_REPAIRS - 1] + CONFLICT_DAY;
    return UINT64_MAX;
}

uint64_t conflict_interval(const struct conflict *conflict)
{
    unsigned n = 0;

    while (n < CONFLICT_SLOW_REPAIRS && conflict->history[n] != 0)
        n++;
    return n < 2 ? 0 : (conflict->history[0] - conflict->history[n - 1]) / (n - 1);
}

static const char *format_usec(uint64_t usec, char buf[static 24])
{
    return value_format_time((double)usec / (double)USEC_PER_SEC, buf);
}

const char *conflict_text(const struct conflict *conflict, char buf[static CONFLICT_TEXT_SIZE])
{
    char every[24], delay[24];

    snprintf(buf, CONFLICT_TEXT_SIZE, "%u repairs, the latest every %s on average; %s%s",
             conflict->repairs, format_usec(conflict_interval(conflict), every),
             conflict_delay(conflict) > 0 ? "they now wait up to " : "they are made at once",
             conflict_delay(conflict) > 0 ? format_usec(conflict_delay(conflict), delay) : "");
    return buf;
}
