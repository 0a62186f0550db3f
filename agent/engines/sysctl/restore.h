/* Going back to the recorded values of this boot: our writes are undone, and nobody else's.
 *
 *   `all`      goes back to what it was before our first write to it, where what is there now is
 *              ours. One that somebody else has moved stays, whether or not we ever wrote it.
 *              What somebody else had moved `all` or `default` to, and the agent undid, is not in
 *              the record, nor what that made of devices.
 *   a device   that we wrote becomes effectively what it was at our first write to it, under the
 *   `default`  `all` of that moment; an `all` that was ours by then counts as what was there before
 *              us. With the same `all` again that is exactly the configured value. With another one
 *              (somebody else has moved it, or only some devices were asked for) it is the value
 *              that has the same effect; so what is put back was there at one moment, and not
 *              half of it at another.
 *   ruled out  Where no value has that effect under the present `all`, the configured value comes
 *              back, and the device is listed.
 *   others     A device that we never wrote is written only where it is asked for by name, and an
 *              `all` of ours made it effectively something else. */
#pragma once

#include "agent/store/before.h"
#include "policy/decide/plan.h"

enum restore_skip {
    RESTORE_CHANGED,   /* someone else has changed it since we wrote it last */
    RESTORE_RENAMED,   /* the device has another name than when it was written */
    RESTORE_RULED_OUT, /* the present `all` makes it effectively something else than it was */
};

struct restore_skipped {
    enum restore_skip why;
    struct before_record record;
    int value;  /* configured now; ruled out: as it will be */
    int all;    /* as it will be … */
    int before; /* … and what the device or `default` was effectively: only where ruled out */
    char name[DEVICE_NAME_MAX + 1];
};

struct restore {
    const int *ifindexes; /* only these devices; NULL: everything, `all` and `default` included */
    size_t n_ifindexes;
    /* filled by restore_plan(): */
    struct restore_skipped *skipped; /* owned */
    size_t n_skipped, skipped_capacity;
};

/* From the record, as before_read() or before_merge() gives it, and a live picture that holds its
 * keys. Devices that are gone are passed over. -ENOMEM. */
int restore_plan(struct restore *restore, const struct before_record *records, size_t n,
                 const struct live *live, struct plan *ret);
void restore_done(struct restore *restore);
