/* `monitor`: what it keeps between messages. */
#pragma once

#include "session.h"
#include "watch.h"

/* What a line speaks of. */
struct change {
    const char *event;
    int ifindex; /* or IFINDEX_ALL, IFINDEX_DEFAULT */
    const char *name;
    const char *old_name; /* of a rename; else NULL */
    enum key key;
    bool had, has; /* whether there is a value before, after */
    int old_configured, old_effective, configured, effective;
    bool wanted_known;
    int wanted;
    const char *state; /* NULL once it is gone */
};

struct monitor {
    struct cli *cli;        /* borrowed */
    struct session session; /* session.live is what was shown last */
    struct netlink nl;
    struct watch watch; /* links and netconf in one socket: in the order the kernel told them */
    char **names;       /* borrowed; only these, or all when there are none */
    int count;
    const char *reread; /* why everything is to be read again; NULL: it is not */
    int failed;         /* of standard output; negative errno */
};

/* One line to standard output, at once, unless the arguments leave it out. */
void monitor_print(struct monitor *monitor, const struct change *change);
void monitor_print_title(struct monitor *monitor);
void monitor_print_lost(struct monitor *monitor);

/* One message of the kernel into the picture, every change printed. */
void monitor_message(const struct nlmsghdr *message, void *data);

/* Put a new picture in the place of the present one, every change printed. Takes over `live`. */
int monitor_take(struct monitor *monitor, struct live *live, const char *event);
