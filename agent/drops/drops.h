/* Packets that the kernel drops for their source, as they are dropped: from a BPF program at the
 * place where packets are freed, or else from the kernel log and a counter. Only this network
 * namespace. Only `rpfpolicy drops` uses this. No logging. */
#pragma once

#include <linux/types.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/drops/drops_shared.h"
#include "policy/base/util.h"

/* "rp_filter", "local source", "invalid source", "localnet". */
const char *drop_reason_name(enum drop_reason reason);

/* Packets of one flow: same device, addresses and reason. */
struct drop {
    int ifindex; /* 0 where only the name is known */
    char device[IFNAMSIZ];
    struct in_addr source, destination;
    enum drop_reason reason;
    uint64_t packets;
    struct drop_sample sample; /* all 0 where nothing is known */
};

/* Is given each flow; 0 to go on, a negative errno to stop with it. */
typedef int (*drop_t)(const struct drop *drop, void *data);

/* -- BPF -- */

struct drops_bpf;

/* Start counting; on one device or, with 0, all. Needs CAP_BPF and CAP_PERFMON. -ENOSYS where this
 * program was built without BPF, -EPERM, -EOPNOTSUPP where the kernel does not say why it drops;
 * others as the kernel gives them. */
int drops_bpf_open(int ifindex, struct drops_bpf **ret);
struct drops_bpf *drops_bpf_free(struct drops_bpf *bpf); /* returns NULL; NULL is fine */

/* Does this kernel tell the reason apart from others? */
bool drops_bpf_knows(const struct drops_bpf *bpf, enum drop_reason reason);

/* What was dropped until the last call but one: each packet is given exactly once, a moment late.
 */
int drops_bpf_read(struct drops_bpf *bpf, drop_t fn, void *data);

/* Stop counting and give the rest. */
int drops_bpf_finish(struct drops_bpf *bpf, drop_t fn, void *data);

/* Packets per reason since the beginning that are in no flow, as there were too many of them. */
int drops_bpf_unlisted(const struct drops_bpf *bpf, uint64_t ret[static REASON_COUNT]);

/* -- the kernel log -- */

/* One record of /dev/kmsg. True when it is about a martian source; reason and ifindex are not set.
 */
bool martian_parse(const char *record, struct drop *ret);

/* Why such a packet was probably dropped: the log does not say. own: the source is an address of
 * this host. */
enum drop_reason martian_reason(struct in_addr source, bool own);

/* A descriptor that becomes readable with each new record. -EPERM, -ENOENT … */
int martian_log_open(void);

/* Read what is there. Records about devices that are not in this namespace are left out; of those
 * that only share a name with one of ours that cannot be seen. */
int martian_log_read(int fd, drop_t fn, void *data);
