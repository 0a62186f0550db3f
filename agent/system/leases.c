/* Reading leases: what systemd-networkd answers or, up to version 260, saves as
 * /run/systemd/netif/leases/IFINDEX; [dhcp4] of what NetworkManager has for it in its devices/. */
#include "agent/system/leases.h"

#include <stdio.h>

#include "agent/base/directory.h"
#include "agent/system/networkd.h"
#include "agent/system/suspects_scan.h"
#include "policy/base/util.h"

/* The first word, as an address that can be a gateway. */
static bool first_address(const char *text, struct ip *ret)
{
    char word[IP_TEXT_MAX];
    size_t n = strcspn(text, " \t,");
    struct ip ip;

    if (n == 0 || n >= sizeof(word))
        return false;
    memcpy(word, text, n);
    word[n] = '\0';
    if (ip_parse(word, &ip) < 0 || ip_compare(&ip, &(struct ip){.family = ip.family}) == 0)
        return false;
    *ret = ip;
    return true;
}

/* "0.0.0.0/0,10.0.0.1 10.9.0.0/16,10.0.0.9", or with a blank for each comma: where these are,
 * DHCP's other gateway does not count (RFC 3442). */
static bool default_of_routes(const char *text, struct ip *ret)
{
    static const char any[] = "0.0.0.0/0";

    for (const char *p = text; (p = strstr(p, any)); p += strlen(any)) {
        char end = p[strlen(any)];

        if ((p == text || p[-1] == ' ') && (end == ',' || end == ' '))
            return first_address(p + strlen(any) + 1, ret);
    }
    return false;
}

struct words {
    const char *group;  /* "[dhcp4]"; NULL: the file has none */
    const char *router; /* "ROUTER=" */
    const char *routes; /* "CLASSLESS_ROUTES=" */
};

static bool scan_lease(const struct conf_file *file, const struct words *words, struct ip *ret)
{
    const char *cursor = file->bytes, *value;
    bool inside = !words->group, found = false, by_routes = false;
    char line[SCAN_LINE_SIZE];
    unsigned number = 0;

    while (scan_line(file, &cursor, &number, line)) {
        if (words->group && *line == '[')
            inside = streq(line, words->group);
        if (!inside)
            continue;
        value = startswith(line, words->router);
        if (value && !by_routes)
            found = first_address(value, ret);
        value = startswith(line, words->routes);
        if (value && default_of_routes(value, ret))
            found = by_routes = true;
    }
    return found;
}

static const struct source {
    const char *name, *directory;
    bool asked; /* before its file is looked at */
    struct words words;
} sources[] = {
    {"networkd", "/run/systemd/netif/leases", true, {NULL, "ROUTER=", "CLASSLESS_ROUTES="}},
    {"NetworkManager",
     "/run/NetworkManager/devices",
     false,
     {"[dhcp4]", "dhcp4.routers=", "dhcp4.rfc3442_classless_static_routes="}},
};

/* One run's search. */
struct search_leases {
    const char *root;
    struct networkd *networkd;
    struct names files[ELEMENTSOF(sources)];
    struct route_lease *before; /* owned */
    size_t n_before;
};

static void search_done(struct search_leases *search)
{
    for (size_t i = 0; i < ELEMENTSOF(search->files); i++)
        names_done(&search->files[i]);
    free(search->before);
}

static int find_files(struct search_leases *search)
{
    char pattern[64];
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(sources); i++) {
        snprintf(pattern, sizeof(pattern), "%s/*", sources[i].directory);
        r = names_find(search->root, pattern, &search->files[i]);
    }
    return r;
}

static int add(struct route_facts *facts, const struct route_lease *lease)
{
    int r = grow((void **)&facts->leases, &facts->leases_capacity, facts->n_leases,
                 sizeof(*facts->leases));

    if (r >= 0)
        facts->leases[facts->n_leases++] = *lease;
    return r;
}

/* 1: it names a gateway. */
static int read_file(const struct search_leases *search, size_t which, struct route_lease *lease)
{
    const struct source *source = &sources[which];
    _cleanup_conf_files_ struct conf_files files = {0};
    char path[64];
    int r;

    snprintf(path, sizeof(path), "%s/%d", source->directory, lease->ifindex);
    if (!names_may_have(&search->files[which], path))
        return 0;
    r = conf_file_read(search->root, path, 0, NULL, &files);
    if (r == -ENOMEM)
        return r;
    if (r >= 0 && files.count == 0)
        lease->trouble = "its file cannot be read";
    return r >= 0 && files.count > 0 &&
           scan_lease(&files.files[0], &source->words, &lease->gateway);
}

static const char *trouble_text(int error)
{
    switch (error) {
    case -ETIMEDOUT:
        return "it does not answer";
    case -EMSGSIZE:
        return "its answer is too long";
    case -EREMOTEIO:
        return "it answers with an error";
    case -ECONNRESET:
    case -EPIPE:
        return "it hung up";
    default:
        return "its answer cannot be understood";
    }
}

/* 1: it names a gateway. -EOPNOTSUPP: there may be a file. */
static int ask_networkd(struct networkd *networkd, struct route_lease *lease)
{
    json_t *interface;
    int r = networkd_describe(networkd, lease->ifindex, &interface);

    if (r >= 0) {
        r = networkd_lease_gateway(interface, &lease->gateway);
        json_decref(interface);
    }
    if (r >= 0 || r == -ENOMEM || r == -EOPNOTSUPP)
        return r;
    if (r == -ENODEV)
        return 0;
    lease->trouble = trouble_text(r);
    return -EOPNOTSUPP;
}

/* Who is too busy to tell has not given up the lease. */
static void recall(const struct search_leases *search, struct route_lease *lease)
{
    for (size_t i = 0; i < search->n_before; i++) {
        const struct route_lease *before = &search->before[i];

        if (before->ifindex != lease->ifindex || before->source != lease->source ||
            !before->gateway.family)
            continue;
        lease->gateway = before->gateway;
        lease->trouble = NULL;
    }
}

static int read_lease(struct search_leases *search, size_t which, int ifindex,
                      struct route_facts *facts)
{
    struct route_lease lease = {.ifindex = ifindex, .source = sources[which].name};
    int r = sources[which].asked ? ask_networkd(search->networkd, &lease) : -EOPNOTSUPP;

    if (r == -EOPNOTSUPP)
        r = read_file(search, which, &lease);
    if (r > 0)
        lease.trouble = NULL;
    else if (r == 0 && lease.trouble && sources[which].asked)
        recall(search, &lease);
    return r < 0 || (!lease.gateway.family && !lease.trouble) ? r : add(facts, &lease);
}

int leases_read(const struct paths *paths, const struct policy *policy, const struct live *live,
                struct networkd *networkd, struct route_facts *facts)
{
    _cleanup_networkd_ struct networkd once = {0};
    _cleanup_(search_done) struct search_leases search = {
        .root = paths->root,
        .networkd = networkd ?: &once,
    };
    struct routing_settings settings;
    bool any = false;
    int r = 0;

    search.before = TAKE_PTR(facts->leases);
    search.n_before = facts->n_leases;
    facts->n_leases = facts->leases_capacity = 0;
    if ((paths->foreign && !*paths->root) || !routing_in_policy(policy))
        return 0;
    networkd_begin(search.networkd, paths->root);
    for (size_t i = 0; r >= 0 && i < live->count; i++) {
        routing_for(policy, &live->devices[i], &settings);
        if (!settings.wanted || settings.gateway[0].kind != ROUTING_GATEWAY_AUTO)
            continue;
        if (!any)
            r = find_files(&search);
        any = true;
        for (size_t j = 0; r >= 0 && j < ELEMENTSOF(sources); j++)
            r = read_lease(&search, j, live->devices[i].ifindex, facts);
    }
    return r < 0 ? r : 0;
}
