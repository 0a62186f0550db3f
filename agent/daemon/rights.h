/* What the agent may do: its capability, and the system calls that the kernel takes from it. Once
 * it is set up it needs few, so that who gets hold of it, by a message or a file, gets hold of
 * little. */
#pragma once

#include <stdbool.h>

struct rights {
    bool returns;  /* it comes back by itself, without being started again; else its manager
                    * starts it, when it ends with status 75 */
    bool filtered; /* by rights_filter() … */
    bool tracks;   /* … which lets it ask connection tracking */
};

struct rights rights_at_start(void);

/* The right to write, CAP_NET_ADMIN. Taken up again where it was put down and can be had. */
bool rights_take_up(void);
/* To be called when nothing is to be written. -errno of capset(2). */
int rights_put_down(const struct rights *rights);

/* From now on what is not needed fails with EPERM, for ever; the first call counts. -ENOMEM, or
 * those of libseccomp: then there is no filter. `tracks`: it asks connection tracking, to put the
 * policy on disk into force, or to see whom one that is only observed would cut. */
int rights_filter(struct rights *rights, bool tracks);
