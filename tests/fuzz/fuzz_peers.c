/* The readers of addresses, neighbours, connections and tracked flows on arbitrary bytes, framed to
 * the length they really have, and of SSH_CONNECTION. Input: one byte that picks the reader, then
 * the message after its header, or the text. */
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include "agent/kernel/conntrack.h"
#include "agent/kernel/neigh.h"
#include "agent/kernel/sockdiag.h"
#include "agent/peers/ssh.h"
#include "message.h"

#define POISON 0xa5

/* What is not told to be there, and what failed, was not touched. */
static void check_untouched(int r, bool is, const void *result, size_t size)
{
    require(r == 0 || r == -EBADMSG);
    for (size_t i = 0; i < size && (r < 0 || !is); i++)
        require(((const uint8_t *)result)[i] == POISON);
}

static void read_neighbour(const struct nlmsghdr *message)
{
    struct neighbour neighbour;
    int r;

    memset(&neighbour, POISON, sizeof(neighbour));
    r = neighbour_read_message(message, &neighbour);
    check_untouched(r == -ENOENT ? 0 : r, r == 0, &neighbour, sizeof(neighbour));
}

static void read_connection(const struct nlmsghdr *message)
{
    struct connection connection;
    bool is = false;
    int r;

    memset(&connection, POISON, sizeof(connection));
    r = connection_read_message(message, IPPROTO_TCP, &connection, &is);
    check_untouched(r, is, &connection, sizeof(connection));
    require(r < 0 || !is || (connection.proto == IPPROTO_TCP && connection.peer.s_addr != 0));
}

static void read_flow(const struct nlmsghdr *message)
{
    struct tracked_flow flow;
    bool is = false;
    int r;

    memset(&flow, POISON, sizeof(flow));
    r = conntrack_read_message(message, &flow, &is);
    check_untouched(r, is, &flow, sizeof(flow));
    require(r < 0 || !is || flow.answered == 0 || flow.answered == 1);
}

static void read_session(const uint8_t *bytes, size_t n)
{
    _cleanup_free_ char *text = malloc(n + 1);
    struct session_peer session;
    bool is;

    require(text);
    if (n > 0)
        memcpy(text, bytes, n);
    text[n] = '\0';
    memset(&session, POISON, sizeof(session));
    is = ssh_parse_connection(text, &session);
    check_untouched(0, is, &session, sizeof(session));
    require(!is || (session.peer_port != 0 && session.local_port != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        uint16_t type;
        void (*read)(const struct nlmsghdr *message);
    } readers[] = {
        {RTM_NEWNEIGH, read_neighbour},
        {SOCK_DIAG_BY_FAMILY, read_connection},
        {NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW, read_flow},
    };
    _cleanup_free_ struct nlmsghdr *message = NULL;
    size_t which;

    if (size == 0)
        return 0;
    which = data[0] % (ELEMENTSOF(readers) + 1);
    if (which == ELEMENTSOF(readers)) {
        read_session(data + 1, size - 1);
        return 0;
    }
    message = frame(readers[which].type, data + 1, size - 1);
    readers[which].read(message);
    return 0;
}
