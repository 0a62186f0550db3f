/* Pairing of ARP requests with their answers. */
#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "agent/drops/arp_watch.h"

#define ARP_SIZE 28 /* RFC 826 with addresses of 6 and 4 bytes */

static void take(struct arp_watch *watch, uint16_t op, const char *sender, const char *target,
                 uint64_t now)
{
    unsigned char data[ARP_SIZE] = {
        0, ARPHRD_ETHER, ETH_P_IP >> 8, ETH_P_IP & 0xff, ETH_ALEN, 4, 0, (unsigned char)op};

    assert_int_equal(inet_pton(AF_INET, sender, data + 14), 1);
    assert_int_equal(inet_pton(AF_INET, target, data + 24), 1);
    assert_int_equal(arp_watch_take(watch, 2, op == ARPOP_REPLY, data, sizeof(data), now), 0);
}

static void an_answer_belongs_to_its_request(void **state)
{
    struct arp_watch watch = {.fd = -1};

    take(&watch, ARPOP_REQUEST, "192.0.2.9", "192.0.2.1", 10);
    take(&watch, ARPOP_REQUEST, "192.0.2.8", "192.0.2.1", 20);
    take(&watch, ARPOP_REPLY, "192.0.2.1", "192.0.2.8", 21);
    take(&watch, ARPOP_REQUEST, "192.0.2.9", "192.0.2.1", 1010);
    assert_int_equal(watch.count, 2);
    assert_int_equal(watch.pairs[0].asked, 2);
    assert_int_equal(watch.pairs[0].answered, 0);
    assert_int_equal(watch.pairs[0].first, 10);
    assert_int_equal(watch.pairs[0].last, 1010);
    assert_int_equal(watch.pairs[1].answered, 1);
    arp_watch_close(&watch);
}

static void announcements_and_probes_ask_nobody(void **state)
{
    struct arp_watch watch = {.fd = -1};

    take(&watch, ARPOP_REQUEST, "192.0.2.9", "192.0.2.9", 10);
    take(&watch, ARPOP_REQUEST, "0.0.0.0", "192.0.2.9", 10);
    take(&watch, ARPOP_REPLY, "192.0.2.9", "192.0.2.1", 10);
    assert_int_equal(watch.count, 0);
    arp_watch_close(&watch);
}

static void requests_of_our_own_and_answers_of_others_do_not_count(void **state)
{
    struct arp_watch watch = {.fd = -1};
    unsigned char data[ARP_SIZE] = {0, ARPHRD_ETHER, ETH_P_IP >> 8, ETH_P_IP & 0xff, ETH_ALEN, 4,
                                    0, ARPOP_REQUEST};

    memset(data + 14, 1, 4);
    memset(data + 24, 2, 4);
    assert_int_equal(arp_watch_take(&watch, 2, true, data, sizeof(data), 1), 0);
    assert_int_equal(watch.count, 0);
    assert_int_equal(arp_watch_take(&watch, 2, false, data, sizeof(data), 1), 0);
    assert_int_equal(watch.count, 1);
    data[7] = ARPOP_REPLY;
    memset(data + 14, 2, 4);
    memset(data + 24, 1, 4);
    assert_int_equal(arp_watch_take(&watch, 2, false, data, sizeof(data), 2), 0);
    assert_int_equal(watch.pairs[0].answered, 0);
    assert_int_equal(arp_watch_take(&watch, 2, true, data, sizeof(data), 2), 0);
    assert_int_equal(watch.pairs[0].answered, 1);
    arp_watch_close(&watch);
}

static void what_is_cut_short_or_of_another_kind_is_left_out(void **state)
{
    struct arp_watch watch = {.fd = -1};
    unsigned char data[ARP_SIZE] = {0, ARPHRD_ETHER, 0x86, 0xdd, ETH_ALEN, 4, 0, ARPOP_REQUEST};

    memset(data + 14, 1, 4);
    assert_int_equal(arp_watch_take(&watch, 2, false, data, sizeof(data), 1), 0);
    data[2] = ETH_P_IP >> 8;
    data[3] = ETH_P_IP & 0xff;
    for (size_t size = 0; size < sizeof(data); size++)
        assert_int_equal(arp_watch_take(&watch, 2, false, data, size, 1), 0);
    assert_int_equal(watch.count, 0);
    assert_int_equal(arp_watch_take(&watch, 2, false, data, sizeof(data), 1), 0);
    assert_int_equal(watch.count, 1);
    arp_watch_close(&watch);
}

static void a_flood_stays_bounded(void **state)
{
    struct arp_watch watch = {.fd = -1};
    char sender[INET_ADDRSTRLEN];

    for (unsigned i = 0; i < ARP_PAIRS_MAX + 5; i++) {
        struct in_addr address = {htonl(0x0a000001 + i)};

        assert_non_null(inet_ntop(AF_INET, &address, sender, sizeof(sender)));
        take(&watch, ARPOP_REQUEST, sender, "192.0.2.1", i);
    }
    assert_int_equal(watch.count, ARP_PAIRS_MAX);
    assert_int_equal(watch.unlisted, 5);
    arp_watch_close(&watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_belongs_to_its_request),
        cmocka_unit_test(announcements_and_probes_ask_nobody),
        cmocka_unit_test(requests_of_our_own_and_answers_of_others_do_not_count),
        cmocka_unit_test(what_is_cut_short_or_of_another_kind_is_left_out),
        cmocka_unit_test(a_flood_stays_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
