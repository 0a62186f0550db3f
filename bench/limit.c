/* The least that reading the live picture can cost: the same netlink dumps through bare libmnl,
 * each message looked at once and nothing kept or decided. Arguments: link, address, route,
 * netconf. */
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <time.h>

#include "policy/base/util.h"

struct dump {
    const char *name;
    uint16_t type, answer;
    size_t header;
};

static const struct dump dumps[] = {
    {"link", RTM_GETLINK, RTM_NEWLINK, sizeof(struct ifinfomsg)},
    {"address", RTM_GETADDR, RTM_NEWADDR, sizeof(struct ifaddrmsg)},
    {"route", RTM_GETROUTE, RTM_NEWROUTE, sizeof(struct rtmsg)},
    {"netconf", RTM_GETNETCONF, RTM_NEWNETCONF, sizeof(struct netconfmsg)},
};

static int count_message(const struct nlmsghdr *message, void *data)
{
    unsigned *attributes = data;
    const struct dump *dump = NULL;
    const struct nlattr *attr;

    for (size_t i = 0; i < ELEMENTSOF(dumps); i++)
        if (dumps[i].answer == message->nlmsg_type)
            dump = &dumps[i];
    if (dump)
        mnl_attr_for_each(attr, message, dump->header)(*attributes)++;
    return MNL_CB_OK;
}

static int run_dump(struct mnl_socket *socket, const struct dump *dump, unsigned *attributes)
{
    static char buffer[65536];
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    unsigned seq = (unsigned)time(NULL);
    ssize_t n;
    int r = MNL_CB_OK;

    request->nlmsg_type = dump->type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = seq;
    *(uint8_t *)mnl_nlmsg_put_extra_header(request, dump->header) =
        dump->type == RTM_GETLINK ? 0 : 2 /* AF_INET */;
    if (dump->type == RTM_GETLINK)
        mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
        return -errno;
    while (r > MNL_CB_STOP) {
        n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
        if (n < 0)
            return -errno;
        r = mnl_cb_run(buffer, (size_t)n, seq, mnl_socket_get_portid(socket), count_message,
                       attributes);
    }
    return r < 0 ? -errno : 0;
}

int main(int argc, char **argv)
{
    struct mnl_socket *socket = mnl_socket_open(0 /* NETLINK_ROUTE */);
    unsigned attributes = 0;

    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return 1;
    for (int i = 1; i < argc; i++)
        for (size_t d = 0; d < ELEMENTSOF(dumps); d++)
            if (streq(argv[i], dumps[d].name) && run_dump(socket, &dumps[d], &attributes) < 0)
                return 1;
    printf("%u attributes\n", attributes);
    mnl_socket_close(socket);
    return 0;
}
