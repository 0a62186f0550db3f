/* What the agent may do: its capability, and the system calls that the kernel takes from it. Once
 * it is set up it needs few, so that who gets hold of it, by a message or a file, gets hold of
 * little. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct policy;

struct rights {
    bool returns;       /* it comes back by itself, without being started again; else its manager
                         * starts it, when it ends with status 75 */
    uint64_t protocols; /* those of netlink that the filter lets through; 0: there is no filter */
};

struct rights rights_at_start(void);

/* The right to write, CAP_NET_ADMIN. Taken up again where it was put down and can be had. */
bool rights_take_up(void);
/* To be called when nothing is to be written. -errno of capset(2). */
int rights_put_down(const struct rights *rights);

/* From now on what is not needed under this policy (NULL: none) fails with EPERM, for ever; the
 * first call counts. -ENOMEM, or those of libseccomp: then there is no filter. */
int rights_filter(struct rights *rights, const struct policy *policy);
/* Another policy needs other protocols of netlink than the filter lets through. Then only a new
 * process helps. */
bool rights_outgrown(struct rights *rights, const struct policy *policy);
