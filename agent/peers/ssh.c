/* Telling SSH sessions from other connections. */
#include "agent/peers/ssh.h"

#include <arpa/inet.h>
#include <stdio.h>

#define SSH_PORT 22

static bool parse_address(const char *text, struct in_addr *ret)
{
    struct in6_addr six;

    if (inet_pton(AF_INET, text, ret) == 1)
        return true;
    if (inet_pton(AF_INET6, text, &six) != 1 || !IN6_IS_ADDR_V4MAPPED(&six))
        return false;
    memcpy(&ret->s_addr, &six.s6_addr[12], sizeof(ret->s_addr));
    return true;
}

static bool parse_port(const char *text, uint16_t *ret)
{
    unsigned long port;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    port = strtoul(text, &end, 10);
    if (errno || *end || port == 0 || port > UINT16_MAX)
        return false;
    *ret = (uint16_t)port;
    return true;
}

bool ssh_parse_connection(const char *text, struct session_peer *ret)
{
    char words[4][INET6_ADDRSTRLEN];
    struct session_peer session = {.peer_port = 0};
    int end = 0;

    if (sscanf(text, "%45s %45s %45s %45s%n", words[0], words[1], words[2], words[3], &end) != 4 ||
        text[end] != '\0')
        return false;
    if (!parse_address(words[0], &session.peer) || !parse_port(words[1], &session.peer_port) ||
        !parse_address(words[2], &session.local) || !parse_port(words[3], &session.local_port))
        return false;
    *ret = session;
    return true;
}

bool ssh_is_session(const struct peer *peer, const struct session_peer *own)
{
    static const char *const programs[] = {"sshd", "sshd-session", "dropbear", "dropbearmulti"};

    if (peer->source == PEER_SESSION)
        return true;
    if (peer->proto != IPPROTO_TCP || peer->source == PEER_NEIGHBOUR || peer->passing ||
        peer->half_open)
        return false;
    if (peer->local_port == SSH_PORT || (own && peer->local_port == own->local_port))
        return true;
    /* By what no ordinary user can imitate: a socket of root's, held by a program of root's. */
    for (size_t i = 0; peer->uid == 0 && i < ELEMENTSOF(programs); i++)
        if (streq(peer->program, programs[i]))
            return true;
    return false;
}

bool ssh_own_session(struct session_peer *ret)
{
    const char *text = getenv("SSH_CONNECTION");

    return text && ssh_parse_connection(text, ret);
}
