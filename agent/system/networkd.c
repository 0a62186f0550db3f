/* The conversation with systemd-networkd: one question at a time, one JSON object each way, ended
 * by NUL (varlink). What a lease in an answer means is networkd_lease.c. */
#include "agent/system/networkd.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "policy/base/text.h"
#include "policy/base/util.h"

#define PATIENCE_US 200000 /* for each step of a question */
#define FIRST_SIZE 16384   /* most answers */
#define INVOCATION "/run/systemd/units/invocation:systemd-networkd.service"

static bool exists(const char *root, const char *path)
{
    char full[4096];
    struct stat st;
    int n = snprintf(full, sizeof(full), "%s%s", root, path);

    return n > 0 && (size_t)n < sizeof(full) && lstat(full, &st) == 0;
}

/* Its state outlives it. Where a service manager is, that says which units are active. */
bool networkd_is_running(const char *root)
{
    return exists(root, "/run/systemd/netif/state") &&
           (!exists(root, "/run/systemd/units") || exists(root, INVOCATION));
}

void networkd_begin(struct networkd *networkd, const char *root)
{
    networkd->root = root;
    networkd->checked = false;
    networkd->silent = 0;
}

void networkd_done(struct networkd *networkd)
{
    if (networkd->open)
        close(networkd->fd);
    networkd->open = false;
}

/* Where no service manager is there is none, and nobody to be woken. */
static void read_invocation(const char *root, char ret[NETWORKD_INVOCATION_SIZE])
{
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s" INVOCATION, root);
    ssize_t n = length > 0 && (size_t)length < sizeof(path)
                    ? readlink(path, ret, NETWORKD_INVOCATION_SIZE - 1)
                    : 0;

    ret[n > 0 ? n : 0] = '\0';
}

static bool has_ended(struct networkd *networkd)
{
    char invocation[NETWORKD_INVOCATION_SIZE];

    read_invocation(networkd->root, invocation);
    if (networkd->ended && *invocation && streq(invocation, networkd->invocation))
        return true;
    strcpy(networkd->invocation, invocation);
    networkd->ended = false;
    return false;
}

static int open_socket(struct networkd *networkd)
{
    const struct timeval patience = {.tv_usec = PATIENCE_US};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(address.sun_path, sizeof(address.sun_path),
                     "%s/run/systemd/netif/io.systemd.Network", networkd->root);

    if (n < 0 || (size_t)n >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    if (has_ended(networkd))
        return -ECONNRESET;
    networkd->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (networkd->fd < 0)
        return -errno;
    networkd->open = true;
    if (setsockopt(networkd->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
        setsockopt(networkd->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        connect(networkd->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return 0;
}

static int ask(int fd, int ifindex)
{
    char question[128];
    int n = snprintf(question, sizeof(question),
                     "{\"method\":\"io.systemd.Network.Link.Describe\","
                     "\"parameters\":{\"InterfaceIndex\":%d}}",
                     ifindex);
    ssize_t sent = send(fd, question, (size_t)n + 1, MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    return sent == n + 1 ? 0 : -ETIMEDOUT;
}

/* Up to the NUL, which is not counted; owned. */
static int hear(int fd, char **ret, size_t *ret_n)
{
    _cleanup_text_ struct text text = {0};

    for (;;) {
        size_t room = text.n < FIRST_SIZE ? FIRST_SIZE : text.n;
        char *end = text_room(&text, room);
        ssize_t got;

        if (!end)
            return -ENOMEM;
        if (text.n >= NETWORKD_ANSWER_MAX)
            return -EMSGSIZE;
        if (room > NETWORKD_ANSWER_MAX - text.n)
            room = NETWORKD_ANSWER_MAX - text.n;
        got = recv(fd, end, room, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (got == 0)
            return -ECONNRESET;
        text.n += (size_t)got;
        if (text.bytes[text.n - 1] == '\0')
            break;
    }
    *ret_n = text.n - 1;
    *ret = TAKE_PTR(text.bytes);
    return 0;
}

/* Numbers may be larger than jansson's integers: none of them matters here. */
static int understand(const char *bytes, size_t n, json_t **ret)
{
    json_t *answer = json_loadb(bytes, n, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    json_t *interface = json_object_get(json_object_get(answer, "parameters"), "Interface");
    const char *error = json_string_value(json_object_get(answer, "error"));
    int r = 0;

    if (error && (streq(error, "org.varlink.service.MethodNotFound") ||
                  streq(error, "org.varlink.service.InterfaceNotFound")))
        r = -EOPNOTSUPP;
    else if (error && streq(error, "org.varlink.service.InvalidParameter"))
        r = -ENODEV;
    else if (error)
        r = -EREMOTEIO;
    else if (!json_is_object(interface))
        r = -EBADMSG;
    else
        *ret = json_incref(interface);
    json_decref(answer);
    return r;
}

static int converse(struct networkd *networkd, int ifindex, json_t **ret)
{
    _cleanup_free_ char *bytes = NULL;
    size_t n = 0;
    int r = ask(networkd->fd, ifindex);

    if (r >= 0)
        r = hear(networkd->fd, &bytes, &n);
    if (r < 0) {
        networkd_done(networkd); /* who knows where the next answer would begin */
        networkd->ended = r == -ECONNRESET || r == -EPIPE;
        return r;
    }
    return understand(bytes, n, ret);
}

static int describe(struct networkd *networkd, int ifindex, json_t **ret)
{
    int r;

    if (!networkd->checked) {
        networkd->checked = true;
        networkd->silent = networkd->open || networkd_is_running(networkd->root) ? 0 : -EOPNOTSUPP;
    }
    if (networkd->silent < 0)
        return networkd->silent;
    if (!networkd->open && open_socket(networkd) < 0) {
        networkd_done(networkd);
        networkd->silent = -EOPNOTSUPP;
        return networkd->silent;
    }
    r = converse(networkd, ifindex, ret);
    networkd->silent = r == -EOPNOTSUPP || r == -ETIMEDOUT ? r : 0;
    if (networkd->ended)
        networkd->checked = false; /* it may have been stopped */
    return r;
}

/* Who was restarted hung up on what was kept, and can be asked again. */
int networkd_describe(struct networkd *networkd, int ifindex, json_t **ret)
{
    bool was_open = networkd->open;
    int r = describe(networkd, ifindex, ret), again;

    if (!was_open || !networkd->ended)
        return r;
    again = describe(networkd, ifindex, ret);
    return again == -EOPNOTSUPP ? r : again;
}
