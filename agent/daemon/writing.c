/* The last look before a write. */
#include "agent/daemon/writing.h"

#include <errno.h>

int writing_check(const struct writing *writing)
{
    if (paused_is_stale(writing->paused)) {
        (void)paused_take(writing->paused); /* everything is read again in any case */
        writing->read_again("pauses were changed", writing->data);
        return -ECANCELED;
    }
    if (in_force_is_stale(writing->in_force)) {
        writing->read_again("another policy is accepted", writing->data);
        return -ESTALE;
    }
    return 0;
}

int writing_begin(const struct writing *writing)
{
    int r;

    if (!presence_lock(writing->presence))
        return -EBUSY;
    r = writing_check(writing);
    if (r < 0)
        presence_unlock(writing->presence);
    return r;
}

void writing_end(const struct writing *writing)
{
    presence_unlock(writing->presence);
}
