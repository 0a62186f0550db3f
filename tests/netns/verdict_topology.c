/* What random topologies are made of, and how they are built. */
#include "verdict_topology.h"

#include <stdarg.h>
#include <stdio.h>

#include "sandbox.h"

#define RULES_MAX 4

uint32_t topology_draw(struct topology *t, uint32_t n)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return (uint32_t)((t->random >> 16) % n);
}

bool topology_one_in(struct topology *t, uint32_t n)
{
    return topology_draw(t, n) == 0;
}

void topology_add(struct topology *t, const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(t->text + t->used, sizeof(t->text) - t->used, format, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(t->text) - t->used)
        abort();
    t->used += (size_t)n;
}

/* -- what there is to choose from -- */

static const char *const prefixes[] = {
    "default",        "default",         "10.0.0.0/8",      "10.1.0.0/16",
    "10.2.0.0/24",    "10.9.0.0/24",     "172.16.0.0/12",   "192.168.0.0/16",
    "192.168.2.1/32", "198.51.100.0/24", "198.51.100.7/32", "203.0.113.0/24",
};

static const char *const addresses[] = {
    "10.%u.0.1/24",    "10.%u.0.2/24",   "10.9.0.%u/24",
    "192.168.%u.1/32", "172.16.%u.1/16", "10.77.%u.1/8",
};

const char *const topology_hosts[TOPOLOGY_HOSTS] = {
    "10.0.0.1",     "10.1.0.1",    "10.2.0.1",       "10.0.0.9",   "10.1.0.9",
    "10.2.0.9",     "10.3.0.9",    "10.9.0.1",       "10.9.0.2",   "10.9.0.77",
    "10.55.5.5",    "192.168.2.1", "172.16.1.1",     "172.16.9.9", "198.51.100.7",
    "198.51.100.8", "203.0.113.9", "8.8.8.8",        "10.8.8.8",   "10.0.0.255",
    "10.1.0.255",   "10.9.0.255",  "172.16.255.255", "240.1.1.1",  "203.0.113.200",
};

/* -- a topology -- */

static void clear(struct topology *t)
{
    t->used = 0;
    for (unsigned i = 0; i < WORLD_DEVICES; i++)
        topology_add(t, "addr flush dev d%u\nlink set d%u up\n", i, i);
    topology_add(t, "addr del 10.8.8.8/32 dev lo\n");
    topology_add(t, "route flush table main\nroute flush table 100\nroute flush table 101\n");
    topology_add(t, "route del local 203.0.113.0/25 dev lo table local\n");
    for (unsigned i = 0; t->rules_allowed && i < RULES_MAX; i++)
        topology_add(t, "rule del pref %u\n", 100 + i);
    topology_add(t, "nexthop flush\n");
}

static void add_addresses(struct topology *t)
{
    for (unsigned i = 0; i < WORLD_DEVICES; i++)
        for (unsigned n = topology_one_in(t, 3) ? 0 : 1 + topology_draw(t, 2); n > 0; n--) {
            topology_add(t, "addr add ");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            topology_add(t, PICK(t, addresses), i);
#pragma GCC diagnostic pop
            topology_add(t, " dev d%u\n", i);
        }
    if (topology_one_in(t, 3))
        topology_add(t, "addr add 10.8.8.8/32 dev lo\n");
}

static void add_hop(struct topology *t, const char *word)
{
    topology_add(t, "%s", word);
    if (topology_one_in(t, 2))
        topology_add(t, " via 10.66.0.%u", 1 + topology_draw(t, 3));
    topology_add(t, " dev d%u onlink", topology_draw(t, WORLD_DEVICES));
}

/* One way, or several of the same cost. */
static void add_hops(struct topology *t)
{
    if (topology_one_in(t, 4)) {
        for (unsigned n = 2 + topology_draw(t, 2); n > 0; n--)
            add_hop(t, " nexthop");
    } else {
        add_hop(t, "");
    }
    topology_add(t, "\n");
}

static const char *draw_table(struct topology *t)
{
    static const char *const tables[] = {"main", "main", "100", "101"};

    return t->rules_allowed ? PICK(t, tables) : "main";
}

static void add_route(struct topology *t)
{
    static const char *const refusing[] = {"blackhole", "unreachable", "prohibit", "throw"};
    const char *prefix = PICK(t, prefixes), *verb = topology_one_in(t, 3) ? "append" : "add";
    bool refuses = topology_one_in(t, 4);

    topology_add(t, "route %s %s %s", verb, refuses ? PICK(t, refusing) : "", prefix);
    if (topology_one_in(t, 3))
        topology_add(t, " metric %u", 10 * (1 + topology_draw(t, 2)));
    if (topology_one_in(t, 10))
        topology_add(t, " tos 0x10");
    topology_add(t, " table %s", draw_table(t));
    /* Nothing may follow next hops: ip(8) would stop at that line for good. */
    if (refuses)
        topology_add(t, "\n");
    else if (topology_one_in(t, 5))
        topology_add(t, " nhid %u\n", 1 + topology_draw(t, 4));
    else
        add_hops(t);
}

static void add_routes(struct topology *t)
{
    topology_add(t, "nexthop add id 1 dev d%u\n", topology_draw(t, WORLD_DEVICES));
    topology_add(t, "nexthop add id 2 dev d%u\n", topology_draw(t, WORLD_DEVICES));
    topology_add(t, "nexthop add id 3 group 1/2\n");
    topology_add(t, "nexthop add id 4 blackhole\n");
    for (unsigned n = 1 + topology_draw(t, 6); n > 0; n--)
        add_route(t);
    if (t->rules_allowed && topology_one_in(t, 12))
        topology_add(t, "route add local 203.0.113.0/25 dev lo table %s\n",
                     topology_one_in(t, 2) ? "local" : "100");
}

static void add_rule(struct topology *t, unsigned pref)
{
    static const char *const actions[] = {
        "lookup main",
        "lookup 100",
        "lookup 101",
        "lookup 100",
        "lookup 101",
        "lookup local",
        "blackhole",
        "prohibit",
        "unreachable",
        "goto 32766",
        "lookup main suppress_prefixlength 0",
        "nop",
    };

    topology_add(t, "rule add pref %u%s", pref, topology_one_in(t, 10) ? " not" : "");
    if (topology_one_in(t, 3))
        topology_add(t, " from %s",
                     topology_one_in(t, 2) ? PICK(t, topology_hosts) : PICK(t, prefixes));
    if (topology_one_in(t, 3))
        topology_add(t, " to %s",
                     topology_one_in(t, 2) ? PICK(t, topology_hosts) : PICK(t, prefixes));
    if (topology_one_in(t, 4))
        topology_add(t, " iif %s",
                     topology_one_in(t, 2) ? "lo"
                                           : ((const char *const[]){"d0", "d1", "d2", "d3",
                                                                    "nil0"})[topology_draw(t, 5)]);
    if (topology_one_in(t, 12))
        topology_add(t, " oif d%u", topology_draw(t, WORLD_DEVICES));
    if (topology_one_in(t, 3))
        topology_add(t, " fwmark %u%s", topology_draw(t, WORLD_MARKS),
                     topology_one_in(t, 3) ? "/1" : "");
    if (topology_one_in(t, 10))
        topology_add(t, " tos 0x10");
    if (topology_one_in(t, 6))
        topology_add(t, " ipproto %s", topology_one_in(t, 3) ? "tcp" : "udp");
    if (topology_one_in(t, 8))
        topology_add(t, " sport %u-%u", WORLD_DPORT, WORLD_DPORT + topology_draw(t, 2));
    if (topology_one_in(t, 8))
        topology_add(t, " dport %u", WORLD_SPORT + topology_draw(t, WORLD_MARKS));
    if (topology_one_in(t, 16))
        topology_add(t, " uidrange %u-10", topology_draw(t, 2));
    topology_add(t, " %s\n", PICK(t, actions));
}

static void take_down(struct topology *t)
{
    memset(t->down, 0, sizeof(t->down));
    if (!topology_one_in(t, 6))
        return;
    t->down[WORLD_DEVICES - 1] = true;
    topology_add(t, "link set d%u down\n", WORLD_DEVICES - 1);
}

void topology_make(struct topology *t)
{
    clear(t);
    add_addresses(t);
    add_routes(t);
    for (unsigned i = 0, n = topology_draw(t, RULES_MAX + 1); t->rules_allowed && i < n; i++)
        add_rule(t, 100 + i);
    take_down(t);
}

void topology_build(const struct topology *t)
{
    FILE *pipe = popen("ip -force -batch - >/dev/null 2>&1", "we");
    int status = -1;

    if (pipe && fwrite(t->text, 1, t->used, pipe) == t->used)
        status = pclose(pipe);
    /* What the kernel refuses counts as 1; at what it does not understand ip stops. */
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
        printf("failed: ip -batch\n%s", t->text);
        exit(1);
    }
}

void topology_choose_settings(struct topology *t)
{
    static const char *const keys[] = {"accept_local", "src_valid_mark", "route_localnet",
                                       "send_redirects"};
    char name[8];

    for (unsigned k = 0; k < ELEMENTSOF(keys); k++) {
        conf_write("all", keys[k], topology_one_in(t, 6));
        for (unsigned i = 0; i < WORLD_DEVICES; i++) {
            snprintf(name, sizeof(name), "d%u", i);
            conf_write(name, keys[k], topology_one_in(t, 3));
        }
    }
    for (unsigned i = 0; i < WORLD_DEVICES; i++) {
        snprintf(name, sizeof(name), "d%u", i);
        conf_write(name, "forwarding", !topology_one_in(t, 3));
    }
}
