/* What the program in the kernel and the one that reads it say to each other. Included by both, so
 * that it names types as the kernel does and includes nothing. */
#pragma once

/* Why a packet was dropped; the names of the kernel are in drops_reasons.c. */
enum drop_reason {
    REASON_RP_FILTER,
    REASON_LOCAL_SOURCE,
    REASON_INVALID_SOURCE,
    REASON_LOCALNET,
    REASON_COUNT,
};

/* Flows that one map holds between two readings. What does not fit is only counted. */
#define DROP_FLOWS_MAX 4096

#define DROP_DEVICE_SIZE 16 /* IFNAMSIZ */

struct drop_key {
    __u32 ifindex;
    __u32 source, destination; /* network byte order */
    __u32 reason;              /* enum drop_reason */
};

/* What rules of policy routing may look at, of the first packet; ports in host order, 0 for none.
 */
struct drop_sample {
    __u32 mark;
    __u16 source_port, destination_port;
    __u8 tos, protocol;
    __u8 unused[2];
};

struct drop_value {
    __u64 packets;
    struct drop_sample sample;
    __u32 unused;
    char device[DROP_DEVICE_SIZE]; /* its name when the first packet was dropped; "" for the port of
                                      a VRF */
};

/* Set before the program is loaded, read-only afterwards. */
struct drop_settings {
    __u32 reasons[REASON_COUNT]; /* the kernel's numbers; 0 where it knows no such reason */
    __u32 namespace;             /* inode number of the network namespace */
    __u32 ifindex;               /* only this device; 0: all */
};
