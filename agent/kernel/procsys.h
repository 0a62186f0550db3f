/* Reading and writing settings below /proc/sys/net/ipv4, safe against rename: the directory is
 * opened first, then the name is confirmed against the ifindex, then the key below the directory.
 */
#pragma once

#include <stdbool.h>

#include "agent/kernel/netlink.h"
#include "policy/facts/keys.h"

struct procsys {
    int conf_fd;            /* ipv4/conf, O_PATH */
    int ipv4_fd;            /* ipv4, O_PATH */
    bool read_only;         /* mounted read-only */
    int all_fds[KEY_COUNT]; /* of `all`, kept open once it was read: it lives as long as we do */
};

#define PROCSYS_INIT                                                                               \
    ((struct procsys){.conf_fd = -1, .ipv4_fd = -1, .all_fds = {[0 ... KEY_COUNT - 1] = -1}})

/* proc_sys_net: normally "/proc/sys/net". */
int procsys_open(const char *proc_sys_net, struct procsys *ret);
void procsys_close(struct procsys *p);
#define _cleanup_procsys_ _cleanup_(procsys_close)

/* name: "all" or "default" only. */
int procsys_read_special(struct procsys *p, const char *name, enum key key, int *ret);

/* Write to `all` or `default`. */
int procsys_write_special(const struct procsys *p, const char *name, enum key key, int value);

/* Read one key of one device; errors as procsys_write_device(). */
int procsys_read_device(const struct procsys *p, struct netlink *nl, int ifindex, const char *name,
                        enum key key, int *ret);

/* The same of a setting that is no key, by its file; of `all` where ifindex is IFINDEX_ALL. */
int procsys_read_setting(const struct procsys *p, struct netlink *nl, int ifindex, const char *name,
                         const char *setting, int *ret);

/* Write one key of one device. 0: written. -ENODEV: the device is gone (a success for callers).
 * -ESTALE: the device lives, but not, or not yet or no longer, under this name: look it up again (a
 * rename). -EINVAL for a name with a slash. Others as the kernel gives them (-EACCES, -EPERM,
 * -EROFS, -EINVAL). nl: any rtnetlink socket; it is only asked for the name. */
int procsys_write_device(const struct procsys *p, struct netlink *nl, int ifindex, const char *name,
                         enum key key, int value);

/* The same in steps, for callers that look before they write: a descriptor of the key of exactly
 * this device (to be closed), errors as above. Reading and writing give -ENOENT or -ENODEV once the
 * device is gone or renamed. */
int procsys_open_key(const struct procsys *p, struct netlink *nl, int ifindex, const char *name,
                     enum key key);
int procsys_read_fd(int fd, int *ret);
int procsys_write_fd(int fd, int value);

/* The same by RTM_SETLINK, for a read-only /proc/sys. Needs only the ifindex, and waits for a
 * rename that is under way. -EAFNOSUPPORT: the device has no IPv4 settings. */
int setlink_write_device(struct netlink *nl, int ifindex, enum key key, int value);

/* Current name of a device. -ENODEV when it is gone. ret: at least 16 bytes. */
int device_current_name(struct netlink *nl, int ifindex, char *ret);

/* Flush the IPv4 route cache. */
int procsys_flush_routes(const struct procsys *p);
