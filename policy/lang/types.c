/* Hardware types of devices, as the words that `ip link` prints after "link/". */
#include <linux/if_arp.h>
#include <stdio.h>

#include "policy/lang/policy.h"

static const struct {
    uint16_t type;
    const char *name;
} types[] = {
    {ARPHRD_ETHER, "ether"},
    {ARPHRD_LOOPBACK, "loopback"},
    {ARPHRD_NONE, "none"},
    {ARPHRD_PPP, "ppp"},
    {ARPHRD_TUNNEL, "ipip"},
    {ARPHRD_TUNNEL6, "tunnel6"},
    {ARPHRD_SIT, "sit"},
    {ARPHRD_IPGRE, "gre"},
    {ARPHRD_IP6GRE, "gre6"},
    {ARPHRD_INFINIBAND, "infiniband"},
    {ARPHRD_IEEE80211, "ieee802.11"},
    {ARPHRD_IEEE80211_RADIOTAP, "ieee802.11/radiotap"},
    {ARPHRD_IEEE802154, "ieee802.15.4"},
    {ARPHRD_6LOWPAN, "6lowpan"},
    {ARPHRD_IEEE1394, "ieee1394"},
    {ARPHRD_CAN, "can"},
    {ARPHRD_RAWIP, "rawip"},
    {ARPHRD_NETLINK, "netlink"},
    {ARPHRD_VSOCKMON, "vsockmon"},
    {ARPHRD_SLIP, "slip"},
    {ARPHRD_PHONET, "phonet"},
    {ARPHRD_VOID, "void"},
};

const char *device_type_name(uint16_t type, char *buf, size_t size)
{
    for (size_t i = 0; i < ELEMENTSOF(types); i++) {
        if (types[i].type == type)
            return types[i].name;
    }
    snprintf(buf, size, "%u", type);
    return buf;
}
