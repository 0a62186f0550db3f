/* Other writers: one table of where they leave traces, and what is looked for there. Those that
 * need more than one file to be understood are in suspects_files.c. */
#include "agent/system/suspects.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/base/directory.h"
#include "agent/system/suspects_scan.h"
#include "policy/base/util.h"
#include "policy/lang/pattern.h"

#define RP_FILTER KEY_BIT(KEY_RP_FILTER)
#define MARK KEY_BIT(KEY_SRC_VALID_MARK)
#define VMAC                                                                                       \
    (RP_FILTER | KEY_BIT(KEY_ACCEPT_LOCAL) | KEY_BIT(KEY_ARP_IGNORE) | KEY_BIT(KEY_ARP_FILTER))
#define FILES_MAX 4096
#define CNI "/etc/cni/net.d/*"

struct trace {
    const char *writer;
    const char *pattern; /* names_find() */
    key_mask keys;       /* 0: whichever key its lines mention */
    const char *devices; /* globs of what it writes to; NULL: anything */
    const char *needle;  /* the line to show; NULL: every line that mentions the key */
    const char *scope;   /* a line that names the only device the file is about; NULL: none */
    const char *what;
};

static const struct trace traces[] = {
    {"sysctl.conf", "/etc/sysctl.conf",
     .what = "is read by `sysctl -p` and, last of all, by "
             "`sysctl --system`; systemd-sysctl never reads it"},
    {"ufw", "/etc/ufw/sysctl.conf",
     .what = "ufw writes this whenever it starts (IPT_SYSCTL in "
             "/etc/default/ufw)"},
    {"Cilium", "/etc/sysctl.d/99-zzz-override_cilium.conf",
     .what = "Cilium's init container makes this file and restarts systemd-sysctl"},
    {"Antrea", "/etc/sysctl.d/99-zzzz-antrea.conf",
     .what = "Antrea's init container makes this file and runs `sysctl -p` on it"},
    {"Cilium", CNI, RP_FILTER, "lxc* cilium_* all", "cilium-cni",
     .what = "Cilium's agent writes 0 to `all` and to its devices, and repeats that every few "
             "minutes"},
    {"Cilium", CNI, RP_FILTER, "en* eth*", "cilium-cni",
     .what = "with AWS interfaces (ENI) Cilium's agent writes 2 to the device of the default "
             "route"},
    {"Calico", CNI, RP_FILTER, "cali* bpf*.cali", "\"calico",
     .what = "Felix writes to cali* what `default` held when it started, 0 where a pod may send "
             "from other sources and in eBPF mode"},
    {"Calico", CNI, RP_FILTER, "all en* eth* wl* bond* tunl0 vxlan.calico", "\"calico",
     .what = "in eBPF mode Felix writes 0 to `all`, and 2 to every host device that comes up"},
    {"Amazon VPC CNI", CNI, RP_FILTER, "en* eth*", "\"aws-cni\"",
     .what = "its init container writes 2 to the first network card, once"},
    {"OVN-Kubernetes", CNI, RP_FILTER, "ovn-k8s-mp*", "ovn-k8s-cni-overlay",
     .what = "ovnkube-node writes 2 to its management ports when it starts"},
    {"OVN-Kubernetes", CNI, MARK, NULL, "ovn-k8s-cni-overlay",
     .what = "with egress addresses ovnkube-node writes 1 to `all`"},
    {"Antrea", CNI, RP_FILTER, "antrea-*", "\"antrea\"",
     .what = "the agent writes 2 to its gateway and egress devices"},
    {"kube-router", CNI, RP_FILTER, "all kube-bridge kube-dummy-if en* eth*", "kube-bridge",
     .what = "kube-router turns 1 into 2 on `all`, kube-bridge, kube-dummy-if and the device of "
             "the node's address; it leaves 0 alone"},
    {"keepalived", "/etc/keepalived/*.conf", VMAC, NULL, "use_vmac",
     .what = "with use_vmac keepalived copies `all` to default and every device, sets `all` to 0, "
             "and puts it back when it stops"},
    {"NetworkManager", "/etc/NetworkManager/system-connections/*.nmconnection", RP_FILTER, NULL,
     "mptcp-flags",
     "interface-name=", "for MPTCP NetworkManager turns 1 into 2 on the device, and back"},
    {"NetworkManager", "/run/NetworkManager/system-connections/*.nmconnection", RP_FILTER, NULL,
     "mptcp-flags",
     "interface-name=", "for MPTCP NetworkManager turns 1 into 2 on the device, and back"},
    {"NetworkManager", "/etc/NetworkManager/conf.d/*.conf", RP_FILTER, NULL, "mptcp-flags",
     .what = "for MPTCP NetworkManager turns 1 into 2 on devices, and back"},
    {"NetworkManager", "/etc/NetworkManager/NetworkManager.conf", RP_FILTER, NULL, "mptcp-flags",
     .what = "for MPTCP NetworkManager turns 1 into 2 on devices, and back"},
    {"wg-quick", "/etc/wireguard/*.conf", MARK, NULL, "0.0.0.0/0",
     .what = "wg-quick writes 1 to `all` when a tunnel for all traffic comes up"},
    {"Tailscale", "/var/lib/tailscale/tailscaled.state", MARK, NULL, "",
     .what = "tailscaled writes 1 to `all` when it sets up netfilter"},
    {"wg-quick", "/etc/wireguard/*.conf", .what = "wg-quick runs this with the tunnel"},
    {"ifupdown", "/etc/network/interfaces", .what = "ifup runs this"},
    {"ifupdown", "/etc/network/interfaces.d/*", .what = "ifup runs this"},
    {"ifupdown", "/etc/network/if-pre-up.d/*", .what = "ifup runs this for every device"},
    {"ifupdown", "/etc/network/if-up.d/*", .what = "ifup runs this for every device"},
    {"NetworkManager", "/etc/NetworkManager/dispatcher.d/*",
     .what = "NetworkManager runs this when a device changes"},
    {"udev", "/etc/udev/rules.d/*.rules", .what = "udev does this for devices that appear"},
    {"a unit", "/etc/systemd/system/*.service", .what = "systemd runs this with the unit"},
    {"rc.local", "/etc/rc.local", .what = "runs once, at the end of boot"},
};

bool scan_read(struct search *search, const char *path, struct conf_files *ret)
{
    _cleanup_conf_files_ struct conf_files files = {0};

    if (search->files_left == 0)
        return false;
    search->files_left--;
    if (conf_file_read(search->root, path, 0, NULL, &files) < 0 || files.count == 0 ||
        files.files[0].n == 0)
        return false;
    *ret = files;
    files = (struct conf_files){0};
    return true;
}

bool scan_line(const struct conf_file *file, const char **cursor, unsigned *number,
               char line[SCAN_LINE_SIZE])
{
    const char *end = file->bytes + file->n;

    while (*cursor < end) {
        const char *start = *cursor;
        const char *newline = memchr(start, '\n', (size_t)(end - start));
        const char *stop = newline ?: end;
        size_t n;

        *cursor = newline ? newline + 1 : end;
        (*number)++;
        while (start < stop && isspace((unsigned char)*start))
            start++;
        while (stop > start && isspace((unsigned char)stop[-1]))
            stop--;
        n = (size_t)(stop - start);
        if (n == 0 || *start == '#' || *start == ';')
            continue;
        if (n >= SCAN_LINE_SIZE)
            n = SCAN_LINE_SIZE - 1;
        memcpy(line, start, n);
        line[n] = '\0'; /* a NUL inside cuts the line here, which is as good as any place */
        return true;
    }
    return false;
}

bool scan_globs_match(const char *globs, const char *name)
{
    while (*globs) {
        size_t n = strcspn(globs, " \t");
        char glob[128];

        if (n > 0 && n < sizeof(glob)) {
            memcpy(glob, globs, n);
            glob[n] = '\0';
            if (glob_matches(glob, name))
                return true;
        }
        globs += n;
        globs += strspn(globs, " \t");
    }
    return false;
}

int scan_add(struct search *search, const char *writer, const char *file, unsigned line,
             const char *text, const char *what)
{
    _cleanup_free_ char *path = strdup(file), *copy = strdup(text);
    struct suspects *found = search->found;
    int r;

    if (found->count >= SUSPECTS_MAX)
        return 0;
    if (!path || !copy)
        return -ENOMEM;
    r = grow((void **)&found->items, &found->capacity, found->count, sizeof(*found->items));
    if (r < 0)
        return r;
    found->items[found->count++] = (struct suspect){.writer = writer,
                                                    .file = TAKE_PTR(path),
                                                    .line = line,
                                                    .text = TAKE_PTR(copy),
                                                    .what = what};
    return 0;
}

/* Is the value of this name of interest? That of `all` and `default` is, for every device. */
static bool speaks_of(const struct search *search, const char *name)
{
    if (streq(search->device, "all") || streq(search->device, "default"))
        return streq(name, search->device);
    if (streq(name, "all") || streq(name, "default") || strpbrk(name, "$%{"))
        return true;
    return glob_matches(name, search->device);
}

/* "…conf.eth0/100.rp_filter", "…conf/eth0.100/rp_filter" or a bare "rp_filter" somewhere. */
static bool mentions(const struct search *search, const char *line)
{
    const char *key = key_info(search->key)->name, *at = strstr(line, key), *start;
    char name[64];
    size_t n;

    if (!at || at == line)
        return false;
    start = NULL;
    for (const char *p = line; (p = strstr(p, "conf")) && p < at; p++)
        if (p[4] == '.' || p[4] == '/')
            start = p + 5;
    if (!start || at - start < 2)
        return !start;
    n = (size_t)(at - start) - 1;
    if (n >= sizeof(name))
        return false;
    memcpy(name, start, n);
    name[n] = '\0';
    for (char *p = name; start[-1] == '.' && *p; p++)
        *p = *p == '/' ? '.' : *p;
    return speaks_of(search, name);
}

int scan_mentions(struct search *search, const char *writer, const struct conf_file *file,
                  const char *what)
{
    const char *cursor = file->bytes;
    char line[SCAN_LINE_SIZE];
    unsigned number = 0;
    int r = 0;

    while (r >= 0 && scan_line(file, &cursor, &number, line))
        if (mentions(search, line))
            r = scan_add(search, writer, file->path, number, line, what);
    return r;
}

/* The first line with the needle, unless the file says that it is about another device. */
static int scan_needle(struct search *search, const struct trace *trace,
                       const struct conf_file *file)
{
    const char *cursor = file->bytes;
    char line[SCAN_LINE_SIZE], hit[SCAN_LINE_SIZE] = "";
    unsigned number = 0, hit_number = 0;

    if (!*trace->needle)
        return scan_add(search, trace->writer, file->path, 0, "", trace->what);
    while (scan_line(file, &cursor, &number, line)) {
        const char *scope = trace->scope ? startswith(line, trace->scope) : NULL;

        if (scope && !streq(scope, search->device))
            return 0;
        if (!hit_number && strstr(line, trace->needle)) {
            memcpy(hit, line, sizeof(hit));
            hit_number = number;
        }
    }
    if (!hit_number)
        return 0;
    return scan_add(search, trace->writer, file->path, hit_number, hit, trace->what);
}

static int scan_trace(struct search *search, const struct trace *trace)
{
    _cleanup_names_ struct names names = {0};
    int r;

    if (trace->keys && !(trace->keys & KEY_BIT(search->key)))
        return 0;
    if (trace->devices && !scan_globs_match(trace->devices, search->device))
        return 0;
    r = names_find(search->root, trace->pattern, &names);
    for (size_t i = 0; r >= 0 && i < names.count; i++) {
        _cleanup_conf_files_ struct conf_files files = {0};

        if (!scan_read(search, names.items[i], &files))
            continue;
        r = trace->needle ? scan_needle(search, trace, &files.files[0])
                          : scan_mentions(search, trace->writer, &files.files[0], trace->what);
    }
    return r;
}

int suspects_find(const char *root, const char *device, enum key key, struct suspects *ret)
{
    _cleanup_suspects_ struct suspects found = {0};
    struct search search = {
        .root = root, .device = device, .key = key, .found = &found, .files_left = FILES_MAX};
    int r;

    r = suspects_networkd(&search);
    if (r >= 0)
        r = suspects_tuned(&search);
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(traces); i++)
        r = scan_trace(&search, &traces[i]);
    if (r < 0)
        return r;
    *ret = found;
    found = (struct suspects){0};
    return 0;
}

void suspects_done(struct suspects *suspects)
{
    for (size_t i = 0; i < suspects->count; i++) {
        free(suspects->items[i].file);
        free(suspects->items[i].text);
    }
    free(suspects->items);
    *suspects = (struct suspects){0};
}
