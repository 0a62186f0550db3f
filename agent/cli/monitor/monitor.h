/* `monitor`: what it keeps between messages. */
#pragma once

#include "agent/cli/session/session.h"
#include "agent/kernel/watch.h"
#include "agent/kernel/world.h"
#include "agent/peers/observed.h"

/* What a line speaks of. */
struct change {
    const char *event;
    int ifindex; /* or IFINDEX_ALL, IFINDEX_DEFAULT */
    const char *name;
    char *const *altnames; /* NULL for none */
    const char *old_name;  /* of a rename; else NULL */
    enum key key;
    bool had, has; /* whether there is a value before, after */
    int old_configured, old_effective, configured, effective;
    bool wanted_known;
    int wanted;
    const char *state; /* NULL once it is gone */
};

struct monitor {
    struct cli *cli;        /* borrowed */
    struct world world;     /* what was shown last */
    struct session session; /* session.live is lent by the world */
    struct netlink nl;
    struct watch watch, settings; /* one socket: in the order in which the kernel told it */
    char **names;                 /* borrowed; only these, or all when there are none */
    int count;
    struct observed observed; /* who would be cut; rules NULL: every rule is enforced */
    uint64_t observe_at;      /* not before */
    bool blind;               /* it was said that nobody can be told who would be cut */
    const char *reread;       /* why everything is to be read again; NULL: it is not */
    int failed;               /* of standard output; negative errno */
};

/* What is read of every device: names are looked up among the alternative ones, too. */
uint32_t monitor_facts(const struct monitor *monitor);

/* Is the device among the arguments, or are there none? */
bool monitor_is_named(const struct monitor *monitor, const char *name);

/* One line to standard output, at once, unless the arguments leave it out. */
void monitor_print(struct monitor *monitor, const struct change *change);
void monitor_print_title(struct monitor *monitor);
void monitor_print_lost(struct monitor *monitor);

/* One message of the kernel into the picture, every change printed. */
void monitor_message(const struct nlmsghdr *message, void *data);

/* One line: the present values, and who would be dropped why if the rule were enforced. */
void monitor_print_would_drop(struct monitor *monitor, const struct observed_peer *seen,
                              const struct peer *peer);

/* Who would be cut by the rules that are only observed: look once and print who was not known yet;
 * and, for people, what was seen so far per rule. */
int monitor_observe_begin(struct monitor *monitor);
void monitor_observe(struct monitor *monitor);
void monitor_print_observed(struct monitor *monitor);

/* Put a new picture in the place of the present one, every change printed. Takes over `world`. */
void monitor_take(struct monitor *monitor, struct world *world, const char *event);
