/* Reading leases: /run/systemd/netif/leases/IFINDEX as sd_dhcp_lease saves it, and the [dhcp4] part
 * of /run/NetworkManager/devices/IFINDEX. */
#include "leases.h"

#include <stdio.h>

#include "suspects_scan.h"
#include "util.h"

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
    struct words words;
} sources[] = {
    {"networkd", "/run/systemd/netif/leases", {NULL, "ROUTER=", "CLASSLESS_ROUTES="}},
    {"NetworkManager",
     "/run/NetworkManager/devices",
     {"[dhcp4]", "dhcp4.routers=", "dhcp4.rfc3442_classless_static_routes="}},
};

static int read_lease(const char *root, const struct source *source, int ifindex,
                      struct route_facts *facts)
{
    _cleanup_conf_files_ struct conf_files files = {0};
    struct route_lease lease = {.ifindex = ifindex, .source = source->name};
    char path[64];
    int r;

    snprintf(path, sizeof(path), "%s/%d", source->directory, ifindex);
    r = conf_file_read(root, path, 0, NULL, &files);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || files.count == 0 || !scan_lease(&files.files[0], &source->words, &lease.gateway))
        return 0;
    r = grow((void **)&facts->leases, &facts->leases_capacity, facts->n_leases,
             sizeof(*facts->leases));
    if (r >= 0)
        facts->leases[facts->n_leases++] = lease;
    return r;
}

int leases_read(const struct paths *paths, const struct policy *policy, const struct live *live,
                struct route_facts *facts)
{
    struct routing_settings settings;
    int r = 0;

    if ((paths->foreign && !*paths->root) || !routing_in_policy(policy))
        return 0;
    for (size_t i = 0; i < live->count; i++) {
        routing_for(policy, &live->devices[i], &settings);
        if (!settings.wanted || settings.gateway[0].kind != ROUTING_GATEWAY_AUTO)
            continue;
        for (size_t j = 0; r >= 0 && j < ELEMENTSOF(sources); j++)
            r = read_lease(paths->root, &sources[j], live->devices[i].ifindex, facts);
        if (r < 0)
            return r;
    }
    return 0;
}
