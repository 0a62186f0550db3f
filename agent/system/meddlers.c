/* One table of programs and their traces, per host and per device, and systemd-networkd, of which
 * the settings tell whether it leaves the rules of others alone. */
#include "agent/system/meddlers.h"

#include <stdio.h>
#include <strings.h>

#include "agent/base/directory.h"
#include "agent/system/conf_files.h"
#include "agent/system/networkd.h"
#include "agent/system/suspects_scan.h"
#include "policy/base/name.h"
#include "policy/base/util.h"

#define NETWORKD_CURE                                                                              \
    "mkdir -p /etc/systemd/networkd.conf.d\n"                                                      \
    "cat >/etc/systemd/networkd.conf.d/50-rpfpolicy.conf <<'EOF'\n"                                \
    "[Network]\n"                                                                                  \
    "ManageForeignRoutingPolicyRules=no\n"                                                         \
    "ManageForeignRoutes=no\n"                                                                     \
    "EOF\n"                                                                                        \
    "systemctl restart systemd-networkd"
#define CLOUD_INIT_CURE                                                                            \
    "echo 'network: {config: disabled}' >/etc/cloud/cloud.cfg.d/99-network.cfg\n"                  \
    "# then take routing-policy and its tables out of /etc/netplan/50-cloud-init.yaml, and:\n"     \
    "netplan apply"

struct trace {
    const char *name;
    const char *path;   /* of one file or, where it has a glob, as names_find() wants it */
    const char *needle; /* a line that holds this; NULL: the file is enough */
    const char *cure;
};

#define NM_CLOUD_SETUP_CURE "systemctl disable --now nm-cloud-setup.timer nm-cloud-setup.service"

static const struct trace host_traces[] = {
    {"nm-cloud-setup", "/etc/systemd/system/timers.target.wants/nm-cloud-setup.*", NULL,
     NM_CLOUD_SETUP_CURE},
    {"nm-cloud-setup", "/etc/systemd/system/NetworkManager.service.wants/nm-cloud-setup.*", NULL,
     NM_CLOUD_SETUP_CURE},
    {"AWS VPC CNI", "/etc/cni/net.d/*", "\"aws-cni\"",
     "# it sets up every network card itself; leave them to it in the policy:\n"
     "[routing]\n"
     "* = off"},
};

/* DEVICE stands for its name. */
static const struct trace device_traces[] = {
    {"amazon-ec2-net-utils", "/run/systemd/network/70-DEVICE.network.d/ec2net_*.conf",
     "[RoutingPolicyRule]",
     "systemctl mask --now refresh-policy-routes@DEVICE.timer policy-routes@DEVICE.service\n"
     "rm -r /run/systemd/network/70-DEVICE.network.d\n"
     "networkctl reload"},
    {"cloud-init", "/run/systemd/network/10-netplan-DEVICE.network", "[RoutingPolicyRule]",
     CLOUD_INIT_CURE},
    {"cloud-init", "/etc/systemd/network/10-cloud-init-DEVICE.network", "[RoutingPolicyRule]",
     "echo 'network: {config: disabled}' >/etc/cloud/cloud.cfg.d/99-network.cfg\n"
     "# then take [RoutingPolicyRule] and its tables out of "
     "/etc/systemd/network/10-cloud-init-DEVICE.network, and:\n"
     "networkctl reload"},
    {"cloud-init", "/etc/NetworkManager/system-connections/cloud-init-DEVICE.nmconnection",
     "routing-rule",
     "echo 'network: {config: disabled}' >/etc/cloud/cloud.cfg.d/99-network.cfg\n"
     "nmcli connection modify cloud-init-DEVICE ipv4.routing-rules '' ipv6.routing-rules ''\n"
     "nmcli connection up cloud-init-DEVICE"},
};

static int add(struct route_facts *facts, int ifindex, const char *name, const char *evidence,
               const char *cure)
{
    struct route_meddler meddler = {.ifindex = ifindex,
                                    .name = strdup(name),
                                    .evidence = strdup(evidence),
                                    .cure = strdup(cure)};
    int r = meddler.name && meddler.evidence && meddler.cure ? 0 : -ENOMEM;

    if (r >= 0)
        r = grow((void **)&facts->meddlers, &facts->meddlers_capacity, facts->n_meddlers,
                 sizeof(*facts->meddlers));
    if (r < 0) {
        free(meddler.name);
        free(meddler.evidence);
        free(meddler.cure);
        return r;
    }
    facts->meddlers[facts->n_meddlers++] = meddler;
    return 0;
}

/* The file's number of the first line with the needle; 0 where there is none. */
static unsigned find_line(const struct conf_file *file, const char *needle)
{
    const char *cursor = file->bytes;
    char line[SCAN_LINE_SIZE];
    unsigned number = 0;

    while (scan_line(file, &cursor, &number, line))
        if (strstr(line, needle))
            return number;
    return 0;
}

/* The text with the device's name in it; owned. */
static char *fill_in(const char *text, const char *name)
{
    static const char mark[] = "DEVICE";
    size_t marks = 0;
    char *filled, *end;
    const char *at;

    for (at = text; (at = strstr(at, mark)); at += strlen(mark))
        marks++;
    end = filled = malloc(strlen(text) + marks * strlen(name) + 1);
    if (!filled)
        return NULL;
    for (; (at = strstr(text, mark)); text = at + strlen(mark))
        end = stpcpy(mempcpy(end, text, (size_t)(at - text)), name);
    strcpy(end, text);
    return filled;
}

static int add_file(struct route_facts *facts, const struct trace *trace, int ifindex,
                    const char *path, unsigned line, const char *cure)
{
    _cleanup_free_ char *evidence = NULL, *shown = name_escape(path);
    int r = !shown     ? -1
            : line > 0 ? asprintf(&evidence, "%s:%u", shown, line)
                       : asprintf(&evidence, "%s", shown);

    if (r < 0) {
        evidence = NULL;
        return -ENOMEM;
    }
    return add(facts, ifindex, trace->name, evidence, cure);
}

/* The first file that tells is enough. A file is what was meant or nothing: only where the trace
 * itself has a glob is there one, since a device may be called `*`. */
static int look_for(const char *root, const struct trace *trace, const char *path, int ifindex,
                    const char *cure, struct route_facts *facts)
{
    _cleanup_names_ struct names names = {0};
    const char *const single[] = {path};
    bool glob = strchr(trace->path, '*') != NULL;
    int r = glob ? names_find(root, path, &names) : 0;
    size_t n = glob ? names.count : 1;

    for (size_t i = 0; r >= 0 && i < n; i++) {
        const char *file = glob ? names.items[i] : single[i];
        _cleanup_conf_files_ struct conf_files files = {0};
        unsigned line = 0;

        if (trace->needle) {
            if (conf_file_read(root, file, 0, NULL, &files) < 0 || files.count == 0)
                continue;
            line = find_line(&files.files[0], trace->needle);
            if (line == 0)
                continue;
        }
        return add_file(facts, trace, ifindex, file, line, cure);
    }
    return r;
}

static int look_at_host(const char *root, struct route_facts *facts)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(host_traces); i++) {
        const struct trace *trace = &host_traces[i];

        if (facts->n_meddlers > 0 &&
            streq(facts->meddlers[facts->n_meddlers - 1].name, trace->name))
            continue; /* named already */
        r = look_for(root, trace, trace->path, 0, trace->cure, facts);
    }
    return r;
}

/* Can the name stand in a line for the shell? */
static bool is_plain(const char *name)
{
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@") ==
           strlen(name);
}

/* For each trace, what there is of it for any device: most often nothing. */
struct present {
    struct names names[ELEMENTSOF(device_traces)];
};

static void present_done(struct present *present)
{
    for (size_t i = 0; i < ELEMENTSOF(present->names); i++)
        names_done(&present->names[i]);
}

/* The part of the path up to where the device's name stands in it; owned. */
static char *fill_in_head(const char *path, const char *name)
{
    const char *mark = strstr(path, "DEVICE");
    _cleanup_free_ char *head = strndup(path, (size_t)(mark - path) + strcspn(mark, "/"));

    return head ? fill_in(head, name) : NULL;
}

static int find_present(const char *root, struct present *ret)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(device_traces); i++) {
        _cleanup_free_ char *pattern = fill_in_head(device_traces[i].path, "*");

        r = pattern ? names_find(root, pattern, &ret->names[i]) : -ENOMEM;
    }
    return r;
}

/* Does systemd-networkd go by this file, or by the one that it is a drop-in of, whatever directory
 * that is in (systemd.network(5))? By what it says of the device; where it says nothing, it would
 * when it starts. */
static bool networkd_goes_by(const char *root, const char *path, int ifindex)
{
    static const char directory[] = "/systemd/network/", suffix[] = ".network",
                      key[] = "NETWORK_FILE=";
    _cleanup_conf_files_ struct conf_files files = {0};
    const char *name = strstr(path, directory), *end = name ? strstr(name, suffix) : NULL, *cursor;
    char state[64], line[SCAN_LINE_SIZE];
    unsigned number = 0;
    size_t length;

    if (!end)
        return true;
    name += strlen(directory);
    length = (size_t)(end - name) + strlen(suffix);
    snprintf(state, sizeof(state), "/run/systemd/netif/links/%d", ifindex);
    if (conf_file_read(root, state, 0, NULL, &files) < 0 || files.count == 0)
        return true;
    cursor = files.files[0].bytes;
    while (scan_line(&files.files[0], &cursor, &number, line)) {
        const char *file = startswith(line, key), *slash = file ? strrchr(file, '/') : NULL;

        if (slash)
            return strlen(slash + 1) == length && memcmp(slash + 1, name, length) == 0;
    }
    return false;
}

static int look_at_device(const char *root, const struct present *present,
                          const struct device *device, struct route_facts *facts)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(device_traces); i++) {
        const struct trace *trace = &device_traces[i];
        _cleanup_free_ char *head = fill_in_head(trace->path, device->name), *path = NULL,
                            *cure = NULL;

        if (head && !names_may_have(&present->names[i], head))
            continue;
        path = fill_in(trace->path, device->name);
        if (path && !networkd_goes_by(root, path, device->ifindex))
            continue;
        cure = fill_in(trace->cure, is_plain(device->name) ? device->name : "DEVICE");
        r = head && path && cure ? look_for(root, trace, path, device->ifindex, cure, facts)
                                 : -ENOMEM;
    }
    return r;
}

/* systemd-networkd */

static const char *const networkd_directories[] = {
    "/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", NULL};
static const char *const networkd_drop_ins[] = {
    "/etc/systemd/networkd.conf.d", "/run/systemd/networkd.conf.d",
    "/usr/local/lib/systemd/networkd.conf.d", "/usr/lib/systemd/networkd.conf.d", NULL};

struct networkd_conf {
    bool manages_rules, manages_routes;
};

/* As systemd takes a boolean; what is none changes nothing. */
static void take_boolean(const char *text, bool *value)
{
    static const char *const yes[] = {"1", "yes", "y", "true", "t", "on"};
    static const char *const no[] = {"0", "no", "n", "false", "f", "off"};

    for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0)
            *value = true;
        if (strcasecmp(text, no[i]) == 0)
            *value = false;
    }
}

static const char *assigned(const char *line, const char *name)
{
    const char *p = startswith(line, name);

    if (!p)
        return NULL;
    p += strspn(p, " \t");
    return *p == '=' ? p + 1 + strspn(p + 1, " \t") : NULL;
}

static void take_networkd_conf(const struct conf_file *file, struct networkd_conf *networkd)
{
    const char *cursor = file->bytes, *value;
    char line[SCAN_LINE_SIZE];
    bool inside = false;
    unsigned number = 0;

    while (scan_line(file, &cursor, &number, line)) {
        if (*line == '[')
            inside = streq(line, "[Network]");
        if (!inside)
            continue;
        value = assigned(line, "ManageForeignRoutingPolicyRules");
        if (value)
            take_boolean(value, &networkd->manages_rules);
        value = assigned(line, "ManageForeignRoutes");
        if (value)
            take_boolean(value, &networkd->manages_routes);
    }
}

/* networkd.conf of the first directory that has one, then the drop-ins. */
static int read_networkd_conf(const char *root, struct networkd_conf *ret)
{
    _cleanup_conf_files_ struct conf_files files = {0};
    struct networkd_conf networkd = {.manages_rules = true, .manages_routes = true};
    int r = 0;

    for (size_t i = 0; networkd_directories[i] && files.count == 0 && r != -ENOMEM; i++) {
        char path[64];

        snprintf(path, sizeof(path), "%s/networkd.conf", networkd_directories[i]);
        r = conf_file_read(root, path, 0, NULL, &files);
    }
    if (r != -ENOMEM)
        r = conf_files_read(root, networkd_drop_ins, 0, NULL, &files);
    if (r < 0)
        return r;
    for (size_t i = 0; i < files.count; i++)
        take_networkd_conf(&files.files[i], &networkd);
    *ret = networkd;
    return 0;
}

static int look_at_networkd(const char *root, struct route_facts *facts)
{
    struct networkd_conf networkd;
    int r;

    if (!networkd_is_running(root))
        return 0;
    r = read_networkd_conf(root, &networkd);
    if (r < 0 || !(networkd.manages_rules || networkd.manages_routes))
        return r;
    return add(facts, 0, "systemd-networkd",
               networkd.manages_rules
                   ? "it runs with ManageForeignRoutingPolicyRules=yes, the default: it removes "
                     "rules that it did not make"
                   : "it runs with ManageForeignRoutes=yes, the default: it removes routes that it "
                     "did not make",
               NETWORKD_CURE);
}

int meddlers_read(const struct paths *paths, const struct policy *policy, const struct live *live,
                  struct route_facts *facts)
{
    _cleanup_(present_done) struct present present = {0};
    struct routing_settings settings;
    bool any = false;
    int r = 0;

    if ((paths->foreign && !*paths->root) || !routing_in_policy(policy))
        return 0;
    for (size_t i = 0; r >= 0 && i < live->count; i++) {
        routing_for(policy, &live->devices[i], &settings);
        if (!settings.wanted)
            continue;
        if (!any)
            r = find_present(paths->root, &present);
        any = true;
        if (r >= 0)
            r = look_at_device(paths->root, &present, &live->devices[i], facts);
    }
    if (r >= 0 && any)
        r = look_at_networkd(paths->root, facts);
    if (r >= 0 && any)
        r = look_at_host(paths->root, facts);
    return r;
}
