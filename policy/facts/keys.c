/* The table of managed keys, and the arithmetic by which the kernel combines `all` with a device.
 * Knows nothing of policies or of where values come from. */
#include "policy/facts/keys.h"

#include <errno.h>
#include <linux/ip.h>
#include <stdio.h>

#include "policy/base/util.h"

static const struct key_info keys[KEY_COUNT] = {
    [KEY_RP_FILTER] =
        {"rp_filter", IPV4_DEVCONF_RP_FILTER, COMBINE_MAX, VALUES_RP_FILTER, 2, .announced = true,
         .refuses = {0, 2, 1}, .networkd = "IPv4ReversePathFilter",
         .meanings = {"the source of a packet is not checked against the routes.",
                      "a packet is accepted only if a route back to its source leads through this "
                      "very device.",
                      "a packet is accepted if any route leads back to its source, through "
                      "whichever device (a default route counts)."}},
    [KEY_LOG_MARTIANS] =
        {"log_martians", IPV4_DEVCONF_LOG_MARTIANS, COMBINE_OR, VALUES_SWITCH, 1,
         .meanings = {"packets with impossible sources are dropped without a word in the log.",
                      "packets with impossible sources are logged (a few per second)."}},
    [KEY_ACCEPT_LOCAL] = {"accept_local", IPV4_DEVCONF_ACCEPT_LOCAL, COMBINE_OR, VALUES_SWITCH, 1,
                          .refuses = {1, 0}, .networkd = "IPv4AcceptLocal",
                          .meanings = {"a packet from one of this host's own addresses is dropped.",
                                       "packets from this host's own addresses are accepted."}},
    [KEY_SRC_VALID_MARK] =
        {"src_valid_mark", IPV4_DEVCONF_SRC_VMARK, COMBINE_OR, VALUES_SWITCH, 1,
         .refuses_otherwise = true,
         .meanings = {"the reverse lookup ignores the mark of a packet, so rules for marks take no "
                      "part in it.",
                      "the reverse lookup uses the mark of a packet, as rules for marks need it."}},
    [KEY_ARP_IGNORE] =
        {"arp_ignore", IPV4_DEVCONF_ARP_IGNORE, COMBINE_MAX, VALUES_NUMBER, 8,
         .meanings = {"ARP requests are answered for every address of the host, on any device.",
                      "ARP requests are answered only for addresses of the device they came in by.",
                      "as 1, and only to senders of the same subnet.",
                      [8] = "ARP requests are not answered at all."}},
    [KEY_ARP_ANNOUNCE] =
        {"arp_announce", IPV4_DEVCONF_ARP_ANNOUNCE, COMBINE_MAX, VALUES_NUMBER, 2,
         .meanings = {"ARP requests carry whichever address of the host is at hand.",
                      "ARP requests carry an address of the target's subnet where there is one.",
                      "ARP requests always carry the address that fits the target best."}},
    [KEY_ARP_FILTER] =
        {"arp_filter", IPV4_DEVCONF_ARPFILTER, COMBINE_OR, VALUES_SWITCH, 1,
         .meanings =
             {"ARP requests are answered for any address of the host.",
              "ARP requests are answered only where the answer would be routed back through "
              "this device."}},
    [KEY_ROUTE_LOCALNET] = {"route_localnet", IPV4_DEVCONF_ROUTE_LOCALNET, COMBINE_OR,
                            VALUES_SWITCH, 1, .refuses = {1, 0}, .networkd = "IPv4RouteLocalnet",
                            .meanings = {"127.0.0.0/8 never leaves or enters by this device.",
                                         "127.0.0.0/8 may be routed through this device."}},
    [KEY_SEND_REDIRECTS] = {"send_redirects", IPV4_DEVCONF_SEND_REDIRECTS, COMBINE_OR,
                            VALUES_SWITCH, 1, .boot_all = 1, .boot_default = 1,
                            .meanings = {"the host sends no ICMP redirects here.",
                                         "as a router the host may send ICMP redirects here."}},
    [KEY_ACCEPT_REDIRECTS] = {"accept_redirects", IPV4_DEVCONF_ACCEPT_REDIRECTS, COMBINE_REDIRECTS,
                              VALUES_SWITCH, 1, .boot_all = 1, .boot_default = 1,
                              .meanings = {"ICMP redirects are ignored.",
                                           "ICMP redirects may change routes of this host."}},
    [KEY_SECURE_REDIRECTS] =
        {"secure_redirects", IPV4_DEVCONF_SECURE_REDIRECTS, COMBINE_OR, VALUES_SWITCH, 1,
         .boot_all = 1, .boot_default = 1,
         .meanings = {"a redirect from any router counts, where redirects are accepted.",
                      "redirects count only when they come from a known gateway."}},
    [KEY_ACCEPT_SOURCE_ROUTE] =
        {"accept_source_route", IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE, COMBINE_AND, VALUES_SWITCH, 1,
         .boot_default = 1,
         .meanings = {"packets that carry a route of their own are dropped.",
                      "packets that carry a route of their own are forwarded along it."}},
    [KEY_PROXY_ARP] =
        {"proxy_arp", IPV4_DEVCONF_PROXY_ARP, COMBINE_OR, VALUES_SWITCH, 1,
         .meanings = {"ARP requests are answered for this host's own addresses only.",
                      "ARP requests are answered for every address that this host routes out of "
                      "another device, too."}},
    [KEY_ARP_NOTIFY] =
        {"arp_notify", IPV4_DEVCONF_ARP_NOTIFY, COMBINE_MAX, VALUES_SWITCH, 1,
         .meanings = {"no gratuitous ARP is sent when the device comes up or its hardware address "
                      "changes.",
                      "gratuitous ARP tells the neighbours when the device comes up or its "
                      "hardware address changes."}},
    /* Before Linux 5.11 `all` took no part in it. A route that no longer counts lets another one be
     * the way back. */
    [KEY_IGNORE_ROUTES_WITH_LINKDOWN] =
        {"ignore_routes_with_linkdown", IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN, COMBINE_OR,
         VALUES_SWITCH, 1, .refuses_otherwise = true,
         .meanings = {"routes through the device count also while it has no carrier.",
                      "routes through the device do not count while it has no carrier."}},
    [KEY_DROP_GRATUITOUS_ARP] =
        {"drop_gratuitous_arp", IPV4_DEVCONF_DROP_GRATUITOUS_ARP, COMBINE_OR, VALUES_SWITCH, 1,
         .meanings = {"gratuitous ARP updates the neighbours that are known.",
                      "gratuitous ARP is dropped."}},
    /* inet_forward_change() and devinet_sysctl_forward(): a write to `all` reaches every device and
     * changes redirects, and container runtimes and routers switch it as they need it. */
    [KEY_FORWARDING] = {"forwarding", IPV4_DEVCONF_FORWARDING, COMBINE_DEVICE, VALUES_SWITCH, 1,
                        .report_only = true, .networkd = "IPv4Forwarding",
                        .meanings = {"a packet for another host is dropped.",
                                     "a packet for another host is forwarded."}},
};

static const char *const rp_filter_words[] = {"off", "strict", "loose"};
static const char *const switch_words[] = {"no", "yes"};

const struct key_info *key_info(enum key key)
{
    return &keys[key];
}

int key_from_name(const char *name, enum key *ret)
{
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        if (streq(keys[i].name, name)) {
            *ret = i;
            return 0;
        }
    }
    return -ENOENT;
}

/* The word of a value that is in range, NULL where the key has numbers only. */
static const char *value_word(enum key key, int value)
{
    switch (keys[key].values) {
    case VALUES_RP_FILTER:
        return rp_filter_words[value];
    case VALUES_SWITCH:
        return switch_words[value];
    case VALUES_NUMBER:
        break;
    }
    return NULL;
}

int key_value_parse(enum key key, const char *text, int *ret)
{
    for (int value = 0; value <= keys[key].max; value++) {
        const char *word = value_word(key, value);

        /* Every valid number has one digit; "01" or "+1" is not one of them. */
        if ((word && streq(text, word)) || (text[0] == '0' + value && text[1] == '\0')) {
            *ret = value;
            return 0;
        }
    }
    return -EINVAL;
}

const char *key_value_format(enum key key, int value, char *buf, size_t size)
{
    const char *word = key_out_of_range(key, value) ? NULL : value_word(key, value);

    if (word)
        return word;
    snprintf(buf, size, "%d", value);
    return buf;
}

const char *key_values_text(enum key key, char buf[static KEY_VALUES_TEXT_SIZE])
{
    size_t used = 0;

    if (keys[key].values == VALUES_NUMBER)
        snprintf(buf, KEY_VALUES_TEXT_SIZE, "a number from 0 to %d", keys[key].max);
    for (int value = 0; keys[key].values != VALUES_NUMBER && value <= keys[key].max; value++)
        used += (size_t)snprintf(buf + used, KEY_VALUES_TEXT_SIZE - used, "%s%s (%d)",
                                 value > 0 ? ", " : "", value_word(key, value), value);
    return buf;
}

const char *key_meaning(enum key key, int effective)
{
    const char *meaning = key_out_of_range(key, effective) ? NULL : keys[key].meanings[effective];

    return meaning ?: "the kernel's documentation of this setting (ip-sysctl) tells.";
}

const char *key_combine_text(enum key key, bool forwarding)
{
    switch (keys[key].combine) {
    case COMBINE_MAX:
        return "the larger of the two counts";
    case COMBINE_OR:
        return "one of the two being 1 is enough";
    case COMBINE_AND:
        return "both must be 1";
    case COMBINE_DEVICE:
        return "that of the device counts alone";
    case COMBINE_REDIRECTS:
        break;
    }
    return forwarding ? "both must be 1, since it forwards"
                      : "one of the two being 1 is enough, since it does not forward";
}

key_mask keys_announced(void)
{
    key_mask mask = 0;

    for (enum key key = 0; key < KEY_COUNT; key++)
        mask |= keys[key].announced ? KEY_BIT(key) : 0;
    return mask;
}

int key_effective(enum key key, int all, int configured, bool forwarding)
{
    int larger = all > configured ? all : configured;
    bool either = all || configured, both = all && configured;

    switch (keys[key].combine) {
    case COMBINE_MAX:
        /* __fib_validate_source() asks for "not 0" and "is 1": every other number acts as loose. */
        if (key == KEY_RP_FILTER && larger != 0 && larger != 1)
            return 2;
        return keys[key].values == VALUES_SWITCH ? larger != 0 : larger;
    case COMBINE_OR:
        return either;
    case COMBINE_AND:
        return both;
    case COMBINE_DEVICE:
        return configured != 0;
    case COMBINE_REDIRECTS:
        break;
    }
    return forwarding ? both : either;
}

bool key_reachable(enum key key, int all, int wanted, bool forwarding)
{
    return key_effective(key, all, wanted, forwarding) == wanted;
}

int key_strictness(enum key key, int effective)
{
    return key_out_of_range(key, effective) ? keys[key].refuses[keys[key].max]
                                            : keys[key].refuses[effective];
}

bool key_may_refuse(enum key key, int before, int after)
{
    return key_strictness(key, after) > key_strictness(key, before) ||
           (keys[key].refuses_otherwise && before != after);
}

bool key_out_of_range(enum key key, int configured)
{
    return configured < 0 || configured > keys[key].max;
}
