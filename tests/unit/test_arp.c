/* The kernel's decision about an ARP request: each step, and what it has of the sender's verdict.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/rtnetlink.h>

#include "policy/base/util.h"
#include "policy/verdict/arp.h"

#define OFF 0
#define STRICT 1
#define LOOSE 2

#define HERE 2
#define ELSEWHERE 3

/* One card with 192.0.2.1/24; the way back to the sender leaves by it. */
struct scene {
    struct device devices[2];
    struct live live;
    struct route_address addresses[2];
    struct arp_receiver arp;
};

static void set_up(struct scene *scene)
{
    *scene = (struct scene){
        .devices = {{.ifindex = HERE}, {.ifindex = ELSEWHERE}},
        .live = {.devices = scene->devices, .count = 2},
        .addresses = {{.ifindex = HERE, .local = {.length = 24}},
                      {.ifindex = ELSEWHERE, .local = {.length = 24}}},
        .arp = {.receiver = {.ifindex = HERE,
                             .numbered = true,
                             .there = ROUTE_LOCAL,
                             .reverse = {.kind = ROUTE_UNICAST, .hops = {HERE}, .n_hops = 1}},
                .live = &scene->live,
                .addresses = scene->addresses,
                .n_addresses = 2},
    };
    assert_int_equal(ip_parse("192.0.2.1", &scene->addresses[0].local.ip), 0);
    assert_int_equal(ip_parse("198.51.100.1", &scene->addresses[1].local.ip), 0);
}

static void expect(const struct scene *scene, const char *sender, const char *target, int mode,
                   bool answered, enum arp_step step)
{
    struct packet request;
    struct arp_verdict verdict;

    assert_int_equal(inet_pton(AF_INET, sender, &request.source), 1);
    assert_int_equal(inet_pton(AF_INET, target, &request.destination), 1);
    verdict = arp_decide(&request, &scene->arp, mode);
    assert_string_equal(arp_step_name(verdict.step), arp_step_name(step));
    assert_int_equal(verdict.answered, answered);
}

static void strict_leaves_those_unanswered_whose_way_back_is_another(void **state)
{
    struct scene scene;

    set_up(&scene);
    expect(&scene, "192.0.2.9", "192.0.2.1", STRICT, true, ARP_OWN);
    scene.arp.receiver.reverse.hops[0] = ELSEWHERE;
    expect(&scene, "192.0.2.9", "192.0.2.1", OFF, true, ARP_OWN);
    expect(&scene, "192.0.2.9", "192.0.2.1", LOOSE, true, ARP_OWN);
    expect(&scene, "192.0.2.9", "192.0.2.1", STRICT, false, ARP_SOURCE);
    /* Without an own address nobody is a source that could be dropped. */
    scene.arp.target_local = true;
    expect(&scene, "0.0.0.0", "192.0.2.1", STRICT, true, ARP_OWN);
}

static void arp_ignore_asks_where_the_address_is(void **state)
{
    struct scene scene;

    set_up(&scene);
    scene.arp.arp_ignore = 1;
    expect(&scene, "192.0.2.9", "192.0.2.1", OFF, true, ARP_OWN);
    expect(&scene, "192.0.2.9", "198.51.100.1", OFF, false, ARP_IGNORE);
    scene.arp.arp_ignore = 2;
    expect(&scene, "192.0.2.9", "192.0.2.1", OFF, true, ARP_OWN);
    expect(&scene, "203.0.113.9", "192.0.2.1", OFF, false, ARP_IGNORE);
    scene.arp.arp_ignore = 3;
    expect(&scene, "192.0.2.9", "198.51.100.1", OFF, true, ARP_OWN);
    scene.addresses[1].scope = RT_SCOPE_HOST;
    expect(&scene, "192.0.2.9", "198.51.100.1", OFF, false, ARP_IGNORE);
    scene.devices[1].conf[KEY_ROUTE_LOCALNET] = 1;
    expect(&scene, "192.0.2.9", "198.51.100.1", OFF, true, ARP_OWN);
    for (int value = 4; value < 10; value++) {
        scene.arp.arp_ignore = value;
        expect(&scene, "192.0.2.9", "192.0.2.1", OFF, value != 8,
               value == 8 ? ARP_IGNORE : ARP_OWN);
    }
}

/* The subnet of a point-to-point address is that of the other end. */
static void arp_ignore_does_not_confirm_a_point_to_point_address(void **state)
{
    struct scene scene;

    set_up(&scene);
    scene.arp.arp_ignore = 1;
    scene.addresses[0].local.length = 32;
    assert_int_equal(ip_parse("203.0.113.1", &scene.addresses[0].peer), 0);
    expect(&scene, "203.0.113.1", "192.0.2.1", OFF, false, ARP_IGNORE);
}

static void arp_filter_asks_by_which_device_the_answer_would_leave(void **state)
{
    struct scene scene;

    set_up(&scene);
    scene.arp.arp_filter = true;
    scene.arp.answer = (struct route_found){.kind = ROUTE_UNICAST, .hops = {HERE}, .n_hops = 1};
    expect(&scene, "192.0.2.9", "192.0.2.1", OFF, true, ARP_OWN);
    scene.arp.answer.hops[0] = ELSEWHERE;
    expect(&scene, "192.0.2.9", "192.0.2.1", OFF, false, ARP_FILTER);
    scene.arp.answer.kind = ROUTE_NONE;
    expect(&scene, "192.0.2.9", "192.0.2.1", OFF, false, ARP_FILTER);
}

static void only_a_router_answers_for_others(void **state)
{
    struct scene scene;

    set_up(&scene);
    scene.arp.receiver.there = ROUTE_UNICAST;
    scene.arp.out = ELSEWHERE;
    scene.arp.settings.proxy_arp = true;
    expect(&scene, "192.0.2.9", "203.0.113.7", OFF, false, ARP_OTHER);
    scene.arp.receiver.forwards = true;
    expect(&scene, "192.0.2.9", "203.0.113.7", OFF, true, ARP_PROXY);
    scene.arp.settings.medium_id = 1;
    scene.arp.out_medium_id = 1;
    expect(&scene, "192.0.2.9", "203.0.113.7", OFF, false, ARP_OTHER);
    scene.arp.proxied = true;
    expect(&scene, "192.0.2.9", "203.0.113.7", OFF, true, ARP_PROXY);
    /* Back to where it came from: private VLANs only. */
    scene.arp.out = HERE;
    expect(&scene, "192.0.2.9", "203.0.113.7", OFF, false, ARP_OTHER);
    scene.arp.settings.proxy_arp_pvlan = true;
    expect(&scene, "192.0.2.9", "203.0.113.7", OFF, true, ARP_PROXY);
    expect(&scene, "203.0.113.7", "203.0.113.7", OFF, false, ARP_OTHER);
}

static void some_requests_nobody_answers(void **state)
{
    struct scene scene;

    set_up(&scene);
    expect(&scene, "192.0.2.9", "224.0.0.1", OFF, false, ARP_TARGET);
    expect(&scene, "192.0.2.9", "127.0.0.1", OFF, false, ARP_TARGET);
    expect(&scene, "0.0.0.0", "192.0.2.77", OFF, false, ARP_OTHER);
    scene.arp.settings.drop_gratuitous = true;
    expect(&scene, "192.0.2.1", "192.0.2.1", OFF, false, ARP_GRATUITOUS);
    scene.arp.no_arp = true;
    expect(&scene, "192.0.2.9", "192.0.2.1", OFF, false, ARP_NO_ARP);
}

static void every_step_has_a_name_of_its_own(void **state)
{
    for (enum arp_step i = 0; i < ARP_STEP_COUNT; i++) {
        assert_non_null(arp_step_text(i));
        for (enum arp_step j = 0; j < i; j++)
            assert_string_not_equal(arp_step_name(i), arp_step_name(j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_leaves_those_unanswered_whose_way_back_is_another),
        cmocka_unit_test(arp_ignore_asks_where_the_address_is),
        cmocka_unit_test(arp_ignore_does_not_confirm_a_point_to_point_address),
        cmocka_unit_test(arp_filter_asks_by_which_device_the_answer_would_leave),
        cmocka_unit_test(only_a_router_answers_for_others),
        cmocka_unit_test(some_requests_nobody_answers),
        cmocka_unit_test(every_step_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
