/* What engines tell and are asked, the same for all. */
#include "agent/engines/engine.h"

#include "agent/store/pause.h"

int change_announce(struct change *change, const void *records, size_t n)
{
    const struct change_listener *listener = change->request->listener;
    struct change_announcement what = {.engine = change->engine, .records = records, .n = n};

    return listener && listener->announce ? listener->announce(&what, change->request->data) : 0;
}

/* The same addition failed again, or was left out again for it. */
static bool was_told(const struct change *change, const struct engine_change *again,
                     enum change_result result, int error)
{
    const struct missing_way *way = again->phase == CHANGE_ADDITIONS
                                        ? missing_ways_of(&change->missing, change->engine, again)
                                        : NULL;

    if (!way || result == CHANGE_LEFT)
        return way;
    return result == CHANGE_FAILED && way->error == error && again->command &&
           streq(way->command, again->command);
}

/* The first one of a part of a device tells why. True where it need not be told again. */
static bool note_missing(struct change *change, const void *what, enum change_result result,
                         int error)
{
    const struct engine *engine = change->engine;
    struct engine_change text = {0};
    bool told;

    if ((result != CHANGE_FAILED && result != CHANGE_LEFT) || !engine->describe)
        return false;
    if (engine->describe(what, change->live, &text) < 0) {
        change->missing.unknown = true;
        return false;
    }
    told = was_told(change, &text, result, error);
    if (!told && change->phases == CHANGE_ADDITIONS &&
        !missing_ways_of(&change->missing, engine, &text))
        missing_ways_add(&change->missing, engine, &text, error);
    engine_change_done(&text);
    return told;
}

void change_tell(struct change *change, const void *what, enum change_result result, int error)
{
    const struct change_listener *listener = change->request->listener;
    struct change_report report = {.engine = change->engine,
                                   .phases = change->phases,
                                   .change = what,
                                   .result = result,
                                   .error = error,
                                   .live = change->live,
                                   .missing = &change->missing};
    struct change_counts *counts = change->counts;
    bool told = note_missing(change, what, result, error);

    switch (result) {
    case CHANGE_DONE:
        counts->done++;
        break;
    case CHANGE_GONE:
        counts->gone++;
        break;
    case CHANGE_RENAMED:
        break;
    case CHANGE_FAILED:
        counts->failed++;
        if (counts->first_error == 0)
            counts->first_error = error;
        break;
    case CHANGE_HELD:
        counts->held++;
        break;
    case CHANGE_LEFT:
        counts->left++;
        break;
    }
    if (!told && listener && listener->report)
        listener->report(&report, change->request->data);
}

bool change_is_followed(const struct change *change)
{
    return change->request->listener && change->request->listener->finished;
}

void change_finish(struct change *change, const struct engine_report *found)
{
    if (change_is_followed(change))
        change->request->listener->finished(change->phases, found, change->request->data);
}

int change_complete(struct change *change, struct live *live)
{
    const struct change_request *request = change->request;
    _cleanup_pauses_ struct pauses pauses = {0};
    int r = 0;

    if (!request->by.ignore_pauses && !request->back) {
        r = pauses_read(request->paths, &pauses);
        if (r >= 0)
            pauses_mark(&pauses, live, pauses_now());
    }
    if (!request->back)
        missing_ways_mark(&change->missing, live);
    if (r >= 0 && request->by.complete)
        r = request->by.complete(live, request->data);
    return r;
}

int engines_ask(const struct engine *const *engines, const struct engine_question *question,
                struct reports *ret, const struct engine **ret_broke)
{
    struct reports reports = {0};

    for (const struct engine *const *row = engines; *row; row++) {
        int r = (*row)->tell ? (*row)->tell(*row, question, &reports.items[reports.count]) : 0;

        if (r < 0) {
            if (ret_broke)
                *ret_broke = *row;
            reports_done(&reports);
            return r;
        }
        reports.count += (*row)->tell != NULL;
    }
    *ret = reports;
    return 0;
}

key_mask engines_keys(const struct engine *const *engines)
{
    key_mask keys = 0;

    for (size_t i = 0; engines[i]; i++)
        keys |= engines[i]->keys;
    return keys;
}
