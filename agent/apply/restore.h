/* Going back to the recorded values of this boot. */
#pragma once

#include "apply.h"

enum restore_skip {
    RESTORE_CHANGED, /* someone else has changed it since we wrote it last */
    RESTORE_RENAMED, /* the device has another name than when it was written */
};

struct restore_skipped {
    enum restore_skip why;
    struct before_record record;
    int value; /* configured now */
    char name[DEVICE_NAME_MAX + 1];
};

struct restore {
    const int *ifindexes; /* only these devices; NULL: everything, `all` and `default` included */
    size_t n_ifindexes;
    /* filled by restore_plan(): */
    struct restore_skipped *skipped; /* owned */
    size_t n_skipped, skipped_capacity;
};

/* From the record and a live picture that holds its keys. Everything: exactly the values that were
 * configured. Only some devices, or an `all` that someone else has changed: what the devices
 * effectively were, under the present `all`. Devices that are gone are passed over. */
int restore_plan(struct restore *restore, const struct before_record *records, size_t n,
                 const struct live *live, struct plan *ret);
void restore_done(struct restore *restore);
