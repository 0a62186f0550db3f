/* Leases as systemd-networkd 261 and later tells of them: the answers are those of 262.1, short of
 * what does not matter, and what a broken one may say; over a socket that this program serves. */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/system/leases.h"
#include "agent/system/networkd.h"
#include "files.h"
#include "policy_text.h"

#define HEAD                                                                                       \
    "{\"parameters\":{\"Interface\":{\"Index\":3,\"Name\":\"eth1\",\"Kind\":\"veth\","             \
    "\"Flags\":69699,\"HardwareAddress\":[114,223,216,97,234,39],\"OnlineState\":null,"            \
    "\"Addresses\":[{\"Family\":2,\"AddressString\":\"10.0.1.110\",\"Address\":[10,0,1,110],"      \
    "\"PrefixLength\":24,\"ConfigSource\":\"DHCPv4\",\"ConfigProvider\":[10,0,1,1],"               \
    "\"FlagsString\":null,\"ValidLifetimeUSec\":18446744073709551615}]"
#define LEASE                                                                                      \
    ",\"DHCPv4Client\":{\"Lease\":{\"LeaseTimestampUSec\":37180678309,\"Hostname\":\"vm\","        \
    "\"Message\":{\"op\":2,\"htype\":1,\"hops\":0,\"xid\":2474993673,\"secs\":4,\"flags\":0,"      \
    "\"ciaddr\":\"00000000\",\"yiaddr\":\"0a00016e\",\"siaddr\":\"0a000101\","                     \
    "\"giaddr\":\"00000000\",\"chaddr\":\"72dfd861ea27\",\"options\":["                            \
    "{\"tag\":1,\"data\":\"ffffff00\"},"
#define TAIL "{\"tag\":53,\"data\":\"05\"}]}},\"ClientIdentifier\":[255,213,66]}"
#define END "}}}"
#define ROUTER "{\"tag\":3,\"data\":\"0a0001010a000102\"},"

/* The lease with these options, or with nothing for one. */
static json_t *interface_with(const char *options)
{
    char *text;
    json_t *answer, *interface;

    assert_true(asprintf(&text, HEAD LEASE "%s" TAIL END, options) > 0);
    answer = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
    free(text);
    assert_non_null(answer);
    interface = json_incref(json_object_get(json_object_get(answer, "parameters"), "Interface"));
    json_decref(answer);
    return interface;
}

static void assert_gateway(const char *options, const char *expected)
{
    json_t *interface = interface_with(options);
    struct ip ip;
    char text[IP_TEXT_MAX];
    int r = networkd_lease_gateway(interface, &ip);

    json_decref(interface);
    if (!expected) {
        assert_int_equal(r, 0);
        return;
    }
    assert_int_equal(r, 1);
    assert_string_equal(ip_text(&ip, text), expected);
}

static void the_first_router_is_the_gateway(void **state)
{
    assert_gateway(ROUTER, "10.0.1.1");
    assert_gateway("{\"tag\":3,\"data\":\"0A0001FE\"},", "10.0.1.254");
}

static void a_default_route_counts_before_the_router(void **state)
{
    assert_gateway(ROUTER "{\"tag\":121,\"data\":\"100a090a000109000a000107\"},", "10.0.1.7");
    assert_gateway(ROUTER "{\"tag\":121,\"data\":\"100a090a000109\"},", "10.0.1.1");
    assert_gateway(ROUTER "{\"tag\":121,\"data\":\"0000000000000a000107\"},", "10.0.1.7");
    assert_gateway(ROUTER "{\"tag\":249,\"data\":\"000a000108\"},", "10.0.1.8");
    assert_gateway(ROUTER "{\"tag\":249,\"data\":\"000a000108\"},"
                          "{\"tag\":121,\"data\":\"000a000107\"},",
                   "10.0.1.7");
}

static void an_option_in_several_parts_is_one(void **state)
{
    assert_gateway("{\"tag\":121,\"data\":\"100a090a0001\"},{\"tag\":121,\"data\":\"\"},"
                   "{\"tag\":121,\"data\":\"09000a000107\"},",
                   "10.0.1.7");
}

static void an_option_that_is_cut_short_means_nothing(void **state)
{
    static const char *const routes[] = {"000a0001", "00", "100a", "210a090a090a090a0001",
                                         "000a00010720"};
    char options[200];

    for (size_t i = 0; i < ELEMENTSOF(routes); i++) {
        snprintf(options, sizeof(options), ROUTER "{\"tag\":121,\"data\":\"%s\"},", routes[i]);
        assert_gateway(options, "10.0.1.1");
    }
    assert_gateway("{\"tag\":3,\"data\":\"0a00010109\"},", NULL);
    assert_gateway("{\"tag\":3,\"data\":\"\"},", NULL);
    assert_gateway("{\"tag\":3,\"data\":\"00000000\"},", NULL);
    assert_gateway("", NULL);
}

static void what_networkd_does_not_write_is_an_error(void **state)
{
    static const char *const options[] = {"7,",
                                          "{\"tag\":3},",
                                          "{\"data\":\"0a000101\"},",
                                          "{\"tag\":\"3\",\"data\":\"0a000101\"},",
                                          "{\"tag\":3,\"data\":[10,0,1,1]},",
                                          "{\"tag\":3,\"data\":\"0a00010\"},",
                                          "{\"tag\":3,\"data\":\"0a0001zz\"},",
                                          "{\"tag\":121,\"data\":\"+1-1\"},"};
    static const char *const clients[] = {"{\"Lease\":{}}", "{\"Lease\":7}",
                                          "{\"Lease\":{\"Message\":null}}",
                                          "{\"Lease\":{\"Message\":{\"options\":{}}}}"};
    static const char *const without[] = {"7", "null", "{}", "{\"Lease\":null}"};
    struct ip ip;

    for (size_t i = 0; i < ELEMENTSOF(options); i++) {
        json_t *interface = interface_with(options[i]);

        assert_int_equal(networkd_lease_gateway(interface, &ip), -EBADMSG);
        json_decref(interface);
    }
    for (size_t i = 0; i < ELEMENTSOF(clients) + ELEMENTSOF(without); i++) {
        bool broken = i < ELEMENTSOF(clients);
        json_t *interface = json_object();

        json_object_set_new(interface, "DHCPv4Client",
                            json_loads(broken ? clients[i] : without[i - ELEMENTSOF(clients)],
                                       JSON_DECODE_ANY, NULL));
        assert_int_equal(networkd_lease_gateway(interface, &ip), broken ? -EBADMSG : 0);
        json_decref(interface);
    }
}

/* The conversation */

struct answer {
    const char *text; /* NULL: none; "": the connection ends */
    size_t filler;    /* so many blanks before it */
};

struct counts {
    int connections, questions;
};

struct world {
    char *root;
    struct paths paths;
    struct policy *policy;
    struct live live;
    struct device devices[3];
    struct networkd *kept; /* NULL: one conversation each time */
    struct counts *counts; /* shared with the server */
    int listener;
    pid_t server;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    world->root = files_root_new();
    world->paths.root = world->root;
    world->live = (struct live){.devices = world->devices, .count = ELEMENTSOF(world->devices)};
    for (size_t i = 0; i < ELEMENTSOF(world->devices); i++) {
        world->devices[i].ifindex = (int)i + 2;
        snprintf(world->devices[i].name, sizeof(world->devices[i].name), "eth%zu", i);
    }
    world->policy = policy_of("[routing]\neth* = auto\n", &diags);
    world->counts = mmap(NULL, sizeof(*world->counts), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(world->counts, MAP_FAILED);
    files_put_text(world->root, "/run/systemd/netif/state", "OPER_STATE=routable\n");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/run/systemd/netif/io.systemd.Network",
             world->root);
    world->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(world->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(world->listener, 10), 0);
    *state = world;
    return 0;
}

static void stop(struct world *world)
{
    if (world->server > 0) {
        kill(world->server, SIGKILL);
        waitpid(world->server, NULL, 0);
    }
    world->server = 0;
    *world->counts = (struct counts){0};
}

static int tear_down(void **state)
{
    struct world *world = *state;

    stop(world);
    close(world->listener);
    munmap(world->counts, sizeof(*world->counts));
    policy_free(world->policy);
    files_root_remove(world->root);
    free(world);
    return 0;
}

static void write_all(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t written = send(fd, text, n, MSG_NOSIGNAL);

        if (written <= 0)
            return;
        text += written;
        n -= (size_t)written;
    }
}

static bool give(int fd, const struct answer *answer)
{
    static char blanks[65536];

    if (!answer->text)
        return true;
    memset(blanks, ' ', sizeof(blanks));
    for (size_t left = answer->filler; left > 0;) {
        size_t n = left < sizeof(blanks) ? left : sizeof(blanks);

        write_all(fd, blanks, n);
        left -= n;
    }
    if (!*answer->text)
        return false;
    write_all(fd, answer->text, strlen(answer->text) + 1);
    return true;
}

static void converse(int fd, const struct answer answers[3], struct counts *counts)
{
    static const char before[] = "\"InterfaceIndex\":";
    char question[500];
    ssize_t n;

    while ((n = recv(fd, question, sizeof(question), 0)) > 0) {
        const char *number = memmem(question, (size_t)n, before, sizeof(before) - 1);

        counts->questions++;
        if (!strstr(question, "\"method\":\"io.systemd.Network.Link.Describe\"") || !number ||
            !give(fd, &answers[atoi(number + sizeof(before) - 1) - 2]))
            return;
    }
}

/* One answer each for the devices 2, 3 and 4. */
static void serve(struct world *world, const struct answer answers[3])
{
    stop(world);
    world->server = fork();
    assert_true(world->server >= 0);
    if (world->server > 0)
        return;
    for (;;) {
        int fd = accept(world->listener, NULL, NULL);

        world->counts->connections++;
        converse(fd, answers, world->counts);
        close(fd);
    }
}

/* facts: what was found before, replaced. */
static void assert_leases_now(struct world *world, struct route_facts *facts, const char *expected)
{
    char text[500] = "", ip[IP_TEXT_MAX];
    size_t n = 0;

    assert_int_equal(leases_read(&world->paths, world->policy, &world->live, world->kept, facts),
                     0);
    for (size_t i = 0; i < facts->n_leases; i++) {
        const struct route_lease *lease = &facts->leases[i];

        n +=
            (size_t)snprintf(text + n, sizeof(text) - n, "%d %s\n", lease->ifindex,
                             lease->gateway.family ? ip_text(&lease->gateway, ip) : lease->trouble);
        assert_string_equal(lease->source, "networkd");
    }
    assert_string_equal(text, expected);
}

static void assert_leases(struct world *world, const char *expected)
{
    struct route_facts facts = {0};

    assert_leases_now(world, &facts, expected);
    free(facts.leases);
}

#define NO_LEASE HEAD END
#define GOOD HEAD LEASE ROUTER TAIL END
#define ERROR(name) "{\"error\":\"" name "\",\"parameters\":{\"parameter\":\"InterfaceIndex\"}}"

static void networkd_is_asked_for_every_device_in_one_conversation(void **state)
{
    struct world *world = *state;

    files_put_text(world->root, "/run/systemd/netif/leases/2", "ROUTER=172.16.4.1\n");
    files_put_text(world->root, "/run/systemd/netif/leases/4", "ROUTER=172.16.6.1\n");
    serve(world, (struct answer[]){
                     {NO_LEASE}, {GOOD, 300000}, {ERROR("org.varlink.service.InvalidParameter")}});
    assert_leases(world, "3 10.0.1.1\n"); /* files of an earlier version say nothing */
    assert_int_equal(world->counts->connections, 1);
    assert_int_equal(world->counts->questions, 3);
}

static void a_version_that_cannot_be_asked_keeps_files(void **state)
{
    struct world *world = *state;

    files_put_text(world->root, "/run/systemd/netif/leases/3", "ROUTER=172.16.5.1\n");
    for (int i = 0; i < 2; i++) {
        const char *error = i ? ERROR("org.varlink.service.MethodNotFound")
                              : ERROR("org.varlink.service.InterfaceNotFound");

        serve(world, (struct answer[]){{error}, {GOOD}, {GOOD}});
        assert_leases(world, "3 172.16.5.1\n");
        assert_int_equal(world->counts->questions, 1);
    }
}

static void networkd_that_does_not_run_is_not_woken(void **state)
{
    struct world *world = *state;
    char *path;

    serve(world, (struct answer[]){{GOOD}, {GOOD}, {GOOD}});
    files_put_text(world->root, "/run/systemd/netif/leases/3", "ROUTER=172.16.5.1\n");
    files_put_text(world->root, "/run/systemd/units/log-level-max:x.service", "");
    assert_leases(world, "3 172.16.5.1\n");
    assert_true(asprintf(&path, "%s/run/systemd/netif/state", world->root) > 0);
    assert_int_equal(unlink(path), 0);
    free(path);
    assert_leases(world, "3 172.16.5.1\n");
    assert_int_equal(world->counts->connections, 0);
}

#define ALL_GOOD "2 10.0.1.1\n3 10.0.1.1\n4 10.0.1.1\n"

static void set_invocation(struct world *world, const char *id)
{
    char path[200];

    files_put_text(world->root, "/run/systemd/units/log-level-max:x.service", "");
    snprintf(path, sizeof(path), "%s/run/systemd/units/invocation:systemd-networkd.service",
             world->root);
    (void)unlink(path);
    if (id)
        assert_int_equal(symlink(id, path), 0);
}

static void start_conversation(struct world *world, struct networkd *kept)
{
    set_invocation(world, "0123456789abcdef0123456789abcdef");
    world->kept = kept;
    serve(world, (struct answer[]){{GOOD}, {GOOD}, {GOOD}});
    assert_leases(world, ALL_GOOD);
    assert_leases(world, ALL_GOOD);
    assert_int_equal(world->counts->connections, 1);
    serve(world, (struct answer[]){{GOOD}, {GOOD}, {GOOD}}); /* and hangs up */
}

/* To connect while it stops would start it again; one that was started anew has another id. */
static void an_invocation_that_ended_the_conversation_is_left_alone(void **state)
{
    struct world *world = *state;
    _cleanup_networkd_ struct networkd kept = {0};

    start_conversation(world, &kept);
    assert_leases(world, "2 it hung up\n");
    assert_leases(world, "");
    assert_int_equal(world->counts->connections, 0);
    set_invocation(world, "fedcba9876543210fedcba9876543210");
    assert_leases(world, ALL_GOOD);
    assert_int_equal(world->counts->connections, 1);
}

static void one_that_was_stopped_meanwhile_is_not_woken(void **state)
{
    struct world *world = *state;
    _cleanup_networkd_ struct networkd kept = {0};

    start_conversation(world, &kept);
    set_invocation(world, NULL);
    assert_leases(world, "2 it hung up\n");
    assert_int_equal(world->counts->connections, 0);
}

static void one_that_was_restarted_meanwhile_is_asked_again(void **state)
{
    struct world *world = *state;
    _cleanup_networkd_ struct networkd kept = {0};

    start_conversation(world, &kept);
    set_invocation(world, "fedcba9876543210fedcba9876543210");
    assert_leases(world, ALL_GOOD);
    assert_int_equal(world->counts->connections, 1);
}

static void a_broken_answer_is_told_and_loses_nothing_else(void **state)
{
    static const struct {
        struct answer answer;
        const char *told;
    } cases[] = {
        {{""}, "it hung up"},
        {{" "}, "its answer cannot be understood"},
        {{"nonsense"}, "its answer cannot be understood"},
        {{"[]"}, "its answer cannot be understood"},
        {{"{\"parameters\":{}}"}, "its answer cannot be understood"},
        {{"{\"parameters\":{\"Interface\":7}}"}, "its answer cannot be understood"},
        {{HEAD LEASE ROUTER}, "its answer cannot be understood"},
        {{HEAD LEASE "7," TAIL END}, "its answer cannot be understood"},
        {{ERROR("io.systemd.System")}, "it answers with an error"},
        {{GOOD, NETWORKD_ANSWER_MAX}, "its answer is too long"},
        {{"", NETWORKD_ANSWER_MAX}, "its answer is too long"},
    };
    struct world *world = *state;
    char expected[200];

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        serve(world, (struct answer[]){{GOOD}, cases[i].answer, {GOOD}});
        snprintf(expected, sizeof(expected), "2 10.0.1.1\n3 %s\n4 10.0.1.1\n", cases[i].told);
        assert_leases(world, expected);
    }
    files_put_text(world->root, "/run/systemd/netif/leases/3", "ROUTER=172.16.5.1\n");
    assert_leases(world, "2 10.0.1.1\n3 172.16.5.1\n4 10.0.1.1\n");
}

static void networkd_that_does_not_answer_is_asked_once(void **state)
{
    struct world *world = *state;

    files_put_text(world->root, "/run/systemd/netif/leases/4", "ROUTER=172.16.6.1\n");
    serve(world, (struct answer[]){{GOOD}, {NULL}, {GOOD}});
    assert_leases(world, "2 10.0.1.1\n3 it does not answer\n4 172.16.6.1\n");
    assert_int_equal(world->counts->questions, 2);
}

static void one_that_is_busy_takes_no_lease_away(void **state)
{
    struct world *world = *state;
    struct route_facts facts = {0};

    serve(world, (struct answer[]){{GOOD}, {GOOD}, {GOOD}});
    assert_leases_now(world, &facts, ALL_GOOD);
    serve(world, (struct answer[]){{NULL}, {GOOD}, {GOOD}});
    assert_leases_now(world, &facts, ALL_GOOD);
    assert_leases_now(world, &facts, ALL_GOOD);
    assert_int_equal(world->counts->questions, 2); /* one each time */
    serve(world, (struct answer[]){{NO_LEASE}, {NO_LEASE}, {GOOD}});
    assert_leases_now(world, &facts, "4 10.0.1.1\n");
    free(facts.leases);
}

static void a_lease_file_that_cannot_be_read_is_told(void **state)
{
    struct world *world = *state;

    stop(world);
    close(world->listener); /* refused */
    files_put_text(world->root, "/run/systemd/netif/leases/2", "ROUTER=172.16.4.1\n");
    files_put_text(world->root, "/run/systemd/netif/leases/3/odd", "");
    files_put_text(world->root, "/run/systemd/netif/leases/4", "");
    assert_leases(world, "2 172.16.4.1\n3 its file cannot be read\n");
    world->listener = -1;
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_router_is_the_gateway),
        cmocka_unit_test(a_default_route_counts_before_the_router),
        cmocka_unit_test(an_option_in_several_parts_is_one),
        cmocka_unit_test(an_option_that_is_cut_short_means_nothing),
        cmocka_unit_test(what_networkd_does_not_write_is_an_error),
        in_world(networkd_is_asked_for_every_device_in_one_conversation),
        in_world(a_version_that_cannot_be_asked_keeps_files),
        in_world(networkd_that_does_not_run_is_not_woken),
        in_world(an_invocation_that_ended_the_conversation_is_left_alone),
        in_world(one_that_was_stopped_meanwhile_is_not_woken),
        in_world(one_that_was_restarted_meanwhile_is_asked_again),
        in_world(a_broken_answer_is_told_and_loses_nothing_else),
        in_world(networkd_that_does_not_answer_is_asked_once),
        in_world(one_that_is_busy_takes_no_lease_away),
        in_world(a_lease_file_that_cannot_be_read_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
