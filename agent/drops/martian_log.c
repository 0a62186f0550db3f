/* What can be known without BPF: the lines that the kernel writes where log_martians is on
 * (ip_handle_martian_source() in net/ipv4/route.c), and the counter of all drops by rp_filter. */
#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/drops/drops.h"

/* -- /dev/kmsg: Documentation/ABI/testing/dev-kmsg -- */

/* "\xHH" of the record becomes the byte again; it is how a backslash and what cannot be printed
 * are given there. */
static bool unescape(const char *s, char *ret, size_t size)
{
    size_t n = 0;

    for (; *s && *s != '\n'; n++) {
        unsigned byte = (unsigned char)*s;

        if (*s == '\\') {
            if (s[1] != 'x' || !isxdigit((unsigned char)s[2]) || !isxdigit((unsigned char)s[3]))
                return false;
            byte = (unsigned)strtoul((const char[3]){s[2], s[3], 0}, NULL, 16);
            s += 3;
        }
        s++;
        if (byte == 0 || n + 1 >= size)
            return false;
        ret[n] = (char)byte;
    }
    ret[n] = 0;
    return n > 0;
}

static const char *take_address(const char *s, const char *end, struct in_addr *ret)
{
    const char *found = strstr(s, end);
    char text[INET_ADDRSTRLEN];
    size_t n = found ? (size_t)(found - s) : sizeof(text);

    if (n >= sizeof(text))
        return NULL;
    memcpy(text, s, n);
    text[n] = 0;
    return inet_pton(AF_INET, text, ret) == 1 ? found + strlen(end) : NULL;
}

bool martian_parse(const char *record, struct drop *ret)
{
    /* "<level>,<number>,<time>,<flags>;<text>" */
    const char *s = strchr(record, ';');
    struct drop drop = {.packets = 1};

    s = s ? startswith(s + 1, "IPv4: martian source ") : NULL;
    s = s ? take_address(s, " from ", &drop.destination) : NULL;
    s = s ? take_address(s, ", on dev ", &drop.source) : NULL;
    if (!s || !unescape(s, drop.device, sizeof(drop.device)))
        return false;
    *ret = drop;
    return true;
}

enum drop_reason martian_reason(struct in_addr source, bool own)
{
    uint32_t address = ntohl(source.s_addr);

    if (IN_MULTICAST(address) || address == INADDR_BROADCAST || address == 0)
        return REASON_INVALID_SOURCE;
    if (address >> 24 == IN_LOOPBACKNET)
        return REASON_LOCALNET;
    return own ? REASON_LOCAL_SOURCE : REASON_RP_FILTER;
}

static bool is_own(struct in_addr address)
{
    struct ifaddrs *list = NULL;
    bool own = false;

    if (getifaddrs(&list) < 0)
        return false;
    for (const struct ifaddrs *entry = list; entry && !own; entry = entry->ifa_next)
        own = entry->ifa_addr && entry->ifa_addr->sa_family == AF_INET &&
              ((const struct sockaddr_in *)(const void *)entry->ifa_addr)->sin_addr.s_addr ==
                  address.s_addr;
    freeifaddrs(list);
    return own;
}

int martian_log_open(void)
{
    int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    int r = 0;

    if (fd < 0)
        return -errno;
    /* Containers put other things in its place: mem(4) says which number the real one has. */
    if (fstat(fd, &st) < 0)
        r = -errno;
    else if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 11))
        r = -ENODEV;
    else if (lseek(fd, 0, SEEK_END) < 0) /* only what comes from now on */
        r = -errno;
    if (r < 0)
        close(fd);
    return r < 0 ? r : fd;
}

static int take_record(const char *record, drop_t fn, void *data)
{
    struct drop drop;

    if (!martian_parse(record, &drop))
        return 0;
    drop.ifindex = (int)if_nametoindex(drop.device);
    if (drop.ifindex == 0)
        return 0;
    drop.reason = martian_reason(drop.source, is_own(drop.source));
    return fn(&drop, data);
}

int martian_log_read(int fd, drop_t fn, void *data)
{
    char record[8192]; /* longer than any record */

    for (;;) {
        ssize_t n = read(fd, record, sizeof(record) - 1);
        int r;

        if (n < 0 && errno == EPIPE) /* records were overwritten before they were read */
            continue;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        if (n == 0)
            return 0;
        record[n] = 0;
        r = take_record(record, fn, data);
        if (r < 0)
            return r;
    }
}
