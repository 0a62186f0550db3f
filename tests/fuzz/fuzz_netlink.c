/* The readers of single netlink messages on arbitrary bytes, framed to the length they really have.
 * Input: one byte that picks the reader, then the message after its header. */
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

#include "agent/kernel/messages.h"
#include "message.h"

static void check_text(const char *text, size_t size)
{
    require(memchr(text, '\0', size));
}

static void read_link(const uint8_t *payload, size_t n)
{
    _cleanup_free_ struct nlmsghdr *message = frame(RTM_NEWLINK, payload, n);
    struct device device, poison;
    int r;

    memset(&poison, 0xa5, sizeof(poison));
    device = poison;
    r = link_read_message(message, FACT_MAC | FACT_ALTNAMES, &device);
    require(r == 0 || r == -EBADMSG);
    if (r < 0) {
        require(memcmp(&device, &poison, sizeof(device)) == 0);
        return;
    }
    check_text(device.name, sizeof(device.name));
    check_text(device.kind, sizeof(device.kind));
    check_text(device.slave_kind, sizeof(device.slave_kind));
    require(device.ifindex > 0 && device.name[0]);
    require(!device.mac || strlen(device.mac) % 3 == 2);
    require(!device.permanent_mac || strlen(device.permanent_mac) % 3 == 2);
    for (char **name = device.altnames; name && *name; name++)
        require(strlen(*name) < 128); /* ALTIFNAMSIZ */
    device_done(&device);
}

static void read_netconf(const uint8_t *payload, size_t n)
{
    _cleanup_free_ struct nlmsghdr *message = frame(RTM_NEWNETCONF, payload, n);
    struct netconf_values values, poison;
    int r;

    memset(&poison, 0xa5, sizeof(poison));
    values = poison;
    r = netconf_read_message(message, &values);
    require(r == 0 || r == -EBADMSG);
    if (r < 0)
        require(memcmp(&values, &poison, sizeof(values)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0] % 2) {
    case 0:
        read_link(data + 1, size - 1);
        break;
    case 1:
        read_netconf(data + 1, size - 1);
        break;
    }
    return 0;
}
