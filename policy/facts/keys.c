/* The table of managed keys, and the arithmetic by which the kernel combines `all` with a device.
 * Knows nothing of policies or of where values come from. */
#include "policy/facts/keys.h"

#include <errno.h>
#include <linux/ip.h>
#include <stdio.h>

#include "policy/base/util.h"

static const struct key_info keys[KEY_COUNT] = {
    [KEY_RP_FILTER] = {"rp_filter", IPV4_DEVCONF_RP_FILTER, COMBINE_MAX, VALUES_RP_FILTER, 2},
    [KEY_LOG_MARTIANS] = {"log_martians", IPV4_DEVCONF_LOG_MARTIANS, COMBINE_OR, VALUES_SWITCH, 1},
    [KEY_ACCEPT_LOCAL] = {"accept_local", IPV4_DEVCONF_ACCEPT_LOCAL, COMBINE_OR, VALUES_SWITCH, 1},
    [KEY_SRC_VALID_MARK] = {"src_valid_mark", IPV4_DEVCONF_SRC_VMARK, COMBINE_OR, VALUES_SWITCH, 1},
    [KEY_ARP_IGNORE] = {"arp_ignore", IPV4_DEVCONF_ARP_IGNORE, COMBINE_MAX, VALUES_NUMBER, 8},
    [KEY_ARP_ANNOUNCE] = {"arp_announce", IPV4_DEVCONF_ARP_ANNOUNCE, COMBINE_MAX, VALUES_NUMBER, 2},
    [KEY_ARP_FILTER] = {"arp_filter", IPV4_DEVCONF_ARPFILTER, COMBINE_OR, VALUES_SWITCH, 1},
    [KEY_ROUTE_LOCALNET] = {"route_localnet", IPV4_DEVCONF_ROUTE_LOCALNET, COMBINE_OR,
                            VALUES_SWITCH, 1},
    [KEY_SEND_REDIRECTS] = {"send_redirects", IPV4_DEVCONF_SEND_REDIRECTS, COMBINE_OR,
                            VALUES_SWITCH, 1, .boot_all = 1, .boot_default = 1},
    [KEY_ACCEPT_REDIRECTS] = {"accept_redirects", IPV4_DEVCONF_ACCEPT_REDIRECTS, COMBINE_REDIRECTS,
                              VALUES_SWITCH, 1, .boot_all = 1, .boot_default = 1},
    [KEY_SECURE_REDIRECTS] = {"secure_redirects", IPV4_DEVCONF_SECURE_REDIRECTS, COMBINE_OR,
                              VALUES_SWITCH, 1, .boot_all = 1, .boot_default = 1},
    [KEY_ACCEPT_SOURCE_ROUTE] = {"accept_source_route", IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE,
                                 COMBINE_AND, VALUES_SWITCH, 1, .boot_default = 1},
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

const char *key_values_text(enum key key)
{
    switch (keys[key].values) {
    case VALUES_RP_FILTER:
        return "off (0), strict (1), loose (2)";
    case VALUES_SWITCH:
        return "no (0), yes (1)";
    case VALUES_NUMBER:
        break;
    }
    return keys[key].max == 8 ? "a number from 0 to 8" : "a number from 0 to 2";
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
        return larger;
    case COMBINE_OR:
        return either;
    case COMBINE_AND:
        return both;
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
    static const int rp_filter_strictness[] = {[0] = 0, [1] = 2, [2] = 1};

    if (key == KEY_RP_FILTER)
        return effective < 0 || effective > 2 ? 1 : rp_filter_strictness[effective];
    if (key == KEY_ACCEPT_LOCAL || key == KEY_ROUTE_LOCALNET)
        return !effective;
    return 0;
}

bool key_may_refuse(enum key key, int before, int after)
{
    return key_strictness(key, after) > key_strictness(key, before) ||
           (key == KEY_SRC_VALID_MARK && before != after);
}

bool key_out_of_range(enum key key, int configured)
{
    return configured < 0 || configured > keys[key].max;
}
