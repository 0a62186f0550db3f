/* What engines tell and ask, the same for all. */
#include "agent/engines/engine.h"

#include "agent/store/pause.h"

int change_announce(struct change *change, const void *records, size_t n)
{
    const struct change_listener *listener = change->request->listener;
    struct change_announcement what = {.engine = change->engine, .records = records, .n = n};

    return listener && listener->announce ? listener->announce(&what, change->request->data) : 0;
}

void change_tell(struct change *change, const void *what, enum change_result result, int error)
{
    const struct change_listener *listener = change->request->listener;
    struct change_report report = {.engine = change->engine,
                                   .phases = change->phases,
                                   .change = what,
                                   .result = result,
                                   .error = error};
    struct change_counts *counts = change->counts;

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
    if (listener && listener->report)
        listener->report(&report, change->request->data);
}

void change_finish(struct change *change, const void *plan)
{
    const struct change_listener *listener = change->request->listener;

    if (listener && listener->finished)
        listener->finished(change->engine, change->phases, plan, change->request->data);
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
    if (r >= 0 && request->by.complete)
        r = request->by.complete(live, request->data);
    return r;
}
