/* SSH sessions: every shape of SSH_CONNECTION, and which peers count as sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "agent/peers/ssh.h"

static void expect_session(const char *text, const char *peer, unsigned peer_port,
                           const char *local, unsigned local_port)
{
    struct session_peer session;
    char address[INET_ADDRSTRLEN];

    if (!ssh_parse_connection(text, &session))
        fail_msg("not taken: '%s'", text);
    assert_string_equal(inet_ntop(AF_INET, &session.peer, address, sizeof(address)), peer);
    assert_string_equal(inet_ntop(AF_INET, &session.local, address, sizeof(address)), local);
    assert_int_equal(session.peer_port, peer_port);
    assert_int_equal(session.local_port, local_port);
}

static void a_session_over_ipv4_is_taken_in_every_notation(void **state)
{
    expect_session("203.0.113.1 40022 192.0.2.1 22", "203.0.113.1", 40022, "192.0.2.1", 22);
    expect_session("203.0.113.1 1 192.0.2.1 65535", "203.0.113.1", 1, "192.0.2.1", 65535);
    expect_session("  203.0.113.1\t40022  192.0.2.1 22", "203.0.113.1", 40022, "192.0.2.1", 22);
    expect_session("::ffff:203.0.113.1 40022 ::ffff:192.0.2.1 22", "203.0.113.1", 40022,
                   "192.0.2.1", 22);
    expect_session("::FFFF:cb00:7101 40022 192.0.2.1 22", "203.0.113.1", 40022, "192.0.2.1", 22);
    expect_session("0:0:0:0:0:ffff:203.0.113.1 40022 192.0.2.1 22", "203.0.113.1", 40022,
                   "192.0.2.1", 22);
}

static void everything_else_is_no_session_and_touches_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "UNKNOWN 65535 UNKNOWN 65535", /* sshd's words for a socket that is no internet socket */
        "203.0.113.1",
        "203.0.113.1 40022",
        "203.0.113.1 40022 192.0.2.1",
        "203.0.113.1 40022 192.0.2.1 22 5",
        "203.0.113.1 40022 192.0.2.1 22 ",
        "203.0.113.1 40022 192.0.2.1 22\n",
        "203.0.113.1 0 192.0.2.1 22",
        "203.0.113.1 40022 192.0.2.1 0",
        "203.0.113.1 65536 192.0.2.1 22",
        "203.0.113.1 99999999999999999999 192.0.2.1 22",
        "203.0.113.1 -1 192.0.2.1 22",
        "203.0.113.1 +5 192.0.2.1 22",
        "203.0.113.1 0x16 192.0.2.1 22",
        "203.0.113.1 22; 192.0.2.1 22",
        "203.0.113 40022 192.0.2.1 22",
        "203.0.113.256 40022 192.0.2.1 22",
        "203.0.113.1/32 40022 192.0.2.1 22",
        "2001:db8::1 40022 2001:db8::2 22",
        "fe80::1%eth0 40022 fe80::2%eth0 22",
        "::203.0.113.1 40022 192.0.2.1 22",
        "203.0.113.1 40022 2001:db8::2 22",
        "::1 40022 ::1 22",
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1 "
         "192.0.2.1 2"),
        "%s%n%s%n 1 192.0.2.1 22",
        "\xff\xfe 1 192.0.2.1 22",
    };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        struct session_peer session, before;

        memset(&before, 0xa5, sizeof(before));
        session = before;
        if (ssh_parse_connection(texts[i], &session))
            fail_msg("taken: '%s'", texts[i]);
        assert_memory_equal(&session, &before, sizeof(before));
    }
}

static struct peer connection(uint16_t local_port, const char *program)
{
    struct peer peer = {
        .source = PEER_SOCKET, .proto = IPPROTO_TCP, .port = 40022, .local_port = local_port};

    strcpy(peer.program, program);
    return peer;
}

static void sessions_are_known_by_port_and_by_program(void **state)
{
    const struct session_peer own = {.peer_port = 5000, .local_port = 2222};
    struct peer peer = connection(22, "");

    assert_true(ssh_is_session(&peer, NULL));
    peer = connection(2222, "");
    assert_false(ssh_is_session(&peer, NULL));
    assert_true(ssh_is_session(&peer, &own));
    peer = connection(2200, "sshd");
    assert_true(ssh_is_session(&peer, NULL));
    peer = connection(2200, "sshd-session");
    assert_true(ssh_is_session(&peer, NULL));
    peer = connection(2200, "dropbear");
    assert_true(ssh_is_session(&peer, NULL));
    peer.uid = 1000; /* root's program, but not run by root */
    assert_false(ssh_is_session(&peer, NULL));
    peer = connection(2200, "");
    strcpy(peer.process, "sshd"); /* only calls itself so */
    assert_false(ssh_is_session(&peer, NULL));
    peer = connection(22, "sshd");
    peer.half_open = true;
    assert_false(ssh_is_session(&peer, &own));
    peer = connection(443, "webserver");
    assert_false(ssh_is_session(&peer, &own));
    peer = connection(40000, "ssh"); /* out from here */
    peer.port = 22;
    assert_false(ssh_is_session(&peer, NULL));
    peer = connection(22, "");
    peer.proto = IPPROTO_UDP;
    assert_false(ssh_is_session(&peer, NULL));
    peer.proto = 0;
    peer.source = PEER_NEIGHBOUR;
    assert_false(ssh_is_session(&peer, &own));
    peer.source = PEER_SESSION;
    assert_true(ssh_is_session(&peer, NULL));
    peer = connection(22, "");
    peer.source =
        PEER_TRACKED; /* a session of a container behind this host, by its published port */
    assert_true(ssh_is_session(&peer, NULL));
    peer.passing = true; /* out of a container, to somebody else */
    assert_false(ssh_is_session(&peer, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_over_ipv4_is_taken_in_every_notation),
        cmocka_unit_test(everything_else_is_no_session_and_touches_nothing),
        cmocka_unit_test(sessions_are_known_by_port_and_by_program),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
