/* From an ARP request that comes in to all that the decision about it depends on: the lookups in
 * the order of arp_process(), the settings of the device, and what it answers for others. */
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "agent/kernel/attrs.h"
#include "agent/kernel/fib_private.h"
#include "agent/kernel/procsys.h"

/* Is the setting on for the device or for all (IN_DEV_ORCONF)? */
static int read_either(const struct procsys *procsys, struct netlink *nl,
                       const struct device *device, const char *setting, bool *ret)
{
    int own = 0, all = 0;
    int r = procsys_read_setting(procsys, nl, IFINDEX_ALL, NULL, setting, &all);

    if (r >= 0)
        r = procsys_read_setting(procsys, nl, device->ifindex, device->name, setting, &own);
    if (r >= 0)
        *ret = all || own;
    return r;
}

static int read_medium(const struct procsys *procsys, struct netlink *nl,
                       const struct device *device, int *ret)
{
    return procsys_read_setting(procsys, nl, device->ifindex, device->name, "medium_id", ret);
}

static int read_settings(const struct procsys *procsys, struct netlink *nl,
                         const struct device *device, struct arp_settings *ret)
{
    int r = read_either(procsys, nl, device, "proxy_arp", &ret->proxy_arp);

    if (r >= 0)
        r = read_either(procsys, nl, device, "proxy_arp_pvlan", &ret->proxy_arp_pvlan);
    if (r >= 0)
        r = read_either(procsys, nl, device, "drop_gratuitous_arp", &ret->drop_gratuitous);
    if (r >= 0)
        r = read_medium(procsys, nl, device, &ret->medium_id);
    return r;
}

/* inet_addr_type_dev_table(): the table `local`, or that of the VRF. */
static int look_local(const struct fib *fib, const struct device *device, struct in_addr target,
                      bool *ret)
{
    struct ip ip = ip_of_ipv4(target);
    struct fib_way way;
    int r = fib_lookup_in(fib, &ip, device_vrf(device) ? device->vrf_table : RT_TABLE_LOCAL, &way);

    if (r >= 0)
        *ret = way.found.kind == ROUTE_LOCAL;
    return r;
}

/* ip_route_output() from the target to the sender: refused from an address that is in no table
 * `local` (__ip_dev_find()). */
static int look_answer(struct fib *fib, const struct device *device, const struct packet *request,
                       struct fib_way *ret)
{
    const struct fib_flow flow = {
        .to = ip_of_ipv4(request->source),
        .from = ip_of_ipv4(request->destination),
        .iif = LOOPBACK_IFINDEX,
        .oif = device_vrf(device),
        .vrf = device_vrf(device),
        .vrf_table = device->vrf_table,
    };
    struct fib_way way;
    int r = 0;

    *ret = (struct fib_way){.found = {.kind = ROUTE_NONE}};
    if (!fib_is_own(fib, &flow.from)) {
        r = fib_lookup_in(fib, &flow.from, RT_TABLE_LOCAL, &way);
        if (r < 0 || way.found.kind != ROUTE_LOCAL)
            return r;
    }
    return fib_lookup(fib, &flow, ret);
}

struct proxy_search {
    struct ip address;
    int ifindex;
    bool found;
};

static void forget_proxy(void *data)
{
    ((struct proxy_search *)data)->found = false;
}

/* An entry without device is for all of them. */
static int take_proxy(const struct nlmsghdr *message, void *data)
{
    const struct nlattr *attrs[NDA_DST + 1] = {0};
    const struct ndmsg *body = message_body(message, sizeof(*body), attrs, NDA_DST);
    struct proxy_search *search = data;
    struct ip address;
    int r;

    if (!body)
        return -EBADMSG;
    if (message->nlmsg_type != RTM_NEWNEIGH || body->ndm_family != AF_INET || !attrs[NDA_DST] ||
        !(body->ndm_flags & NTF_PROXY))
        return 0;
    r = attr_ip(attrs[NDA_DST], AF_INET, &address);
    if (r >= 0 && ip_compare(&address, &search->address) == 0 &&
        (body->ndm_ifindex == 0 || body->ndm_ifindex == search->ifindex))
        search->found = true;
    return r;
}

static int look_for_proxy(struct netlink *nl, const struct device *device, struct in_addr target,
                          bool *ret)
{
    _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
    struct nlmsghdr *request = netlink_request(buffer, RTM_GETNEIGH, 0, sizeof(struct ndmsg));
    struct proxy_search search = {.address = ip_of_ipv4(target), .ifindex = device->ifindex};
    struct ndmsg *header = mnl_nlmsg_get_payload(request);
    int r;

    header->ndm_family = AF_INET;
    header->ndm_flags = NTF_PROXY;
    r = netlink_dump(nl, request, take_proxy, forget_proxy, &search);
    if (r >= 0)
        *ret = search.found;
    return r;
}

/* What is asked only of a target that is not ours. */
static int look_beyond(struct fib *fib, const struct live *live, const struct device *device,
                       const struct procsys *procsys, const struct packet *request,
                       struct arp_receiver *ret)
{
    const struct device *out = live_by_ifindex(live, ret->out);
    int r = look_for_proxy(fib->nl, device, request->destination, &ret->proxied);

    if (r >= 0 && out && ret->settings.medium_id != 0)
        r = read_medium(procsys, fib->nl, out, &ret->out_medium_id);
    return r;
}

int fib_arp_receiver(struct fib *fib, const struct live *live, const struct device *device,
                     const struct procsys *procsys, const struct packet *request,
                     struct arp_receiver *ret)
{
    const struct fib_packet packet = {.packet = *request};
    struct arp_receiver arp = {
        .no_arp = device->flags & IFF_NOARP,
        .arp_ignore = key_effective(KEY_ARP_IGNORE, live->all[KEY_ARP_IGNORE],
                                    device->conf[KEY_ARP_IGNORE], device->forwarding),
        .arp_filter = key_effective(KEY_ARP_FILTER, live->all[KEY_ARP_FILTER],
                                    device->conf[KEY_ARP_FILTER], device->forwarding),
        .out_medium_id = -1,
        .live = live,
        .addresses = fib->addresses,
        .n_addresses = fib->n_addresses,
    };
    struct fib_way there = {0}, answer;
    int r = fib_receive(fib, live, device, &packet, &arp.receiver, &there, NULL);

    if (r >= 0)
        r = read_settings(procsys, fib->nl, device, &arp.settings);
    if (r >= 0 && request->source.s_addr == 0)
        r = look_local(fib, device, request->destination, &arp.target_local);
    if (r >= 0 && arp.arp_filter && arp.receiver.there == ROUTE_LOCAL) {
        r = look_answer(fib, device, request, &answer);
        if (r >= 0)
            arp.answer = answer.found;
    }
    if (r >= 0 && there.found.kind == ROUTE_UNICAST) {
        arp.out = there.found.n_hops > 0 ? there.found.hops[0] : 0;
        r = look_beyond(fib, live, device, procsys, request, &arp);
    }
    if (r >= 0)
        *ret = arp;
    return r;
}
