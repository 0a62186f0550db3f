/* The one table of managed keys: name, values, and how the kernel combines `all` with a device.
 * Enumerators of combining rules mirror the macros of include/linux/inetdevice.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key {
    KEY_RP_FILTER,
    KEY_LOG_MARTIANS,
    KEY_ACCEPT_LOCAL,
    KEY_SRC_VALID_MARK,
    KEY_ARP_IGNORE,
    KEY_ARP_ANNOUNCE,
    KEY_ARP_FILTER,
    KEY_ROUTE_LOCALNET,
    KEY_SEND_REDIRECTS,
    KEY_ACCEPT_REDIRECTS,
    KEY_SECURE_REDIRECTS,
    KEY_ACCEPT_SOURCE_ROUTE,
    KEY_PROXY_ARP,
    KEY_ARP_NOTIFY,
    KEY_IGNORE_ROUTES_WITH_LINKDOWN,
    KEY_DROP_GRATUITOUS_ARP,
    KEY_FORWARDING,
    KEY_COUNT,
};

typedef uint32_t key_mask; /* bit (1u << enum key) */
#define KEY_BIT(key) (1u << (key))
#define KEY_MASK_ALL ((key_mask)(KEY_BIT(KEY_COUNT) - 1))

enum key_combine {
    COMBINE_MAX,       /* IN_DEV_MAXCONF: signed maximum */
    COMBINE_OR,        /* IN_DEV_ORCONF */
    COMBINE_AND,       /* IN_DEV_ANDCONF */
    COMBINE_REDIRECTS, /* IN_DEV_RX_REDIRECTS: AND where the device forwards, else OR */
    COMBINE_DEVICE,    /* IN_DEV_CONF_GET: `all` takes no part */
};

enum key_values {
    VALUES_RP_FILTER, /* off strict loose */
    VALUES_SWITCH,    /* no yes */
    VALUES_NUMBER,    /* 0..max */
};

#define KEY_VALUES_MAX 9 /* 0..8 */

struct key_info {
    const char *name;
    unsigned devconf; /* IPV4_DEVCONF_… of linux/ip.h: index in IFLA_INET_CONF is this minus 1 */
    enum key_combine combine;
    enum key_values values;
    int max; /* largest valid value */
    /* What `all` and `default` hold before anything writes them: ipv4_devconf and
     * ipv4_devconf_dflt in net/ipv4/devinet.c. A new network namespace starts with these only where
     * net.core.devconf_inherit_init_net is 2; else it copies those of the initial namespace (0, 1)
     * or of the one that it is made in (3): devinet_init_net(). */
    int boot_all, boot_default;
    bool announced; /* each change is taken from its RTM_NEWNETCONF, inet_netconf_notify_devconf();
                       the kernel tells of forwarding, proxy_arp and ignore_routes_with_linkdown,
                       too: these are read as all the others are */
    bool report_only;            /* judged and reported, never written */
    int refuses[KEY_VALUES_MAX]; /* by effective value: key_strictness() */
    bool refuses_otherwise; /* its values have no order: any change may refuse another packet */
    const char *networkd;   /* its option in [Network] of systemd.network(5); NULL for none */
    const char *meanings[KEY_VALUES_MAX]; /* what an effective value does, a sentence without its
                                             capital; NULL: what ip-sysctl.rst says */
};

const struct key_info *key_info(enum key key);

/* -ENOENT for an unknown name. */
int key_from_name(const char *name, enum key *ret);

/* Parse one value word of a policy: names or numbers. -EINVAL if it is not one of this key. */
int key_value_parse(enum key key, const char *text, int *ret);

/* The word for an effective value ("strict", "yes", "2"); buf (>= 12 bytes) serves numbers. */
const char *key_value_format(enum key key, int value, char *buf, size_t size);

/* A sentence fragment listing the valid values, for error messages: "off (0), strict (1) …". */
#define KEY_VALUES_TEXT_SIZE 48
const char *key_values_text(enum key key, char buf[static KEY_VALUES_TEXT_SIZE]);

/* What the effective value does, and how the kernel combines `all` with a device: parts of
 * sentences, never NULL. */
const char *key_meaning(enum key key, int effective);
const char *key_combine_text(enum key key, bool forwarding);

/* The keys of which the kernel tells each change; the others are to be read again. */
key_mask keys_announced(void);

/* What the kernel acts on. rp_filter gives 0, 1 or 2 (every other non-zero is loose, negative ones
 * included, after the signed maximum); switches give 0 or 1; the rest give the combined number. */
int key_effective(enum key key, int all, int configured, bool forwarding);

/* Is `wanted` (an effective value) reached by writing it to the device under this `all`? */
bool key_reachable(enum key key, int all, int wanted, bool forwarding);

/* Order of strictness of an effective value: a larger result refuses more packets; 0 throughout
 * where a key refuses none. */
int key_strictness(enum key key, int effective);

/* May a packet be refused after this change of the effective value that was accepted before?
 * Where values have no order (src_valid_mark: with another mark another way back counts) either
 * way.
 */
bool key_may_refuse(enum key key, int before, int after);

/* Is a stored value outside what the key documents (rp_filter 3, -5 …)? */
bool key_out_of_range(enum key key, int configured);
