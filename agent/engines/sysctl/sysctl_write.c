/* One write, safe against a rename and where /proc/sys is read-only. */
#include "agent/engines/sysctl/sysctl_write.h"

/* 0 when the device has the name that the plan knows. */
static int check_name(struct netlink *nl, const struct write *write)
{
    char now[DEVICE_NAME_MAX + 1];
    int r = device_current_name(nl, write->ifindex, now);

    if (r < 0)
        return r;
    return streq(now, write->name) ? 0 : -ESTALE;
}

/* By ifindex alone, so the name is looked at before and after: a rename in between is then handled
 * like any other. A device without IPv4 settings has nothing to write, as if it were gone. */
static int write_by_setlink(struct netlink *nl, const struct write *write)
{
    int r = check_name(nl, write);

    if (r < 0)
        return r;
    r = setlink_write_device(nl, write->ifindex, write->key, write->new_value);
    if (r < 0)
        return r == -EAFNOSUPPORT ? -ENODEV : r;
    r = check_name(nl, write);
    return r == -ENODEV ? 0 : r;
}

int sysctl_write(const struct procsys *procsys, struct netlink *nl, const struct write *write)
{
    int r;

    if (write->ifindex < 0)
        return procsys_write_special(procsys, write->ifindex == IFINDEX_ALL ? "all" : "default",
                                     write->key, write->new_value);
    if (!procsys->read_only) {
        r = procsys_write_device(procsys, nl, write->ifindex, write->name, write->key,
                                 write->new_value);
        if (r != -ESTALE)
            return r;
        r = check_name(nl, write);
        if (r < 0)
            return r;
        /* It has this name but no directory: created or renamed a moment ago, or without IPv4.
         * SETLINK waits until the kernel is through with it. */
    }
    return write_by_setlink(nl, write);
}
