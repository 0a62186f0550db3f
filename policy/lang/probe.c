/* Reading one word of `probe`, and what to write in the place of one that is none. */
#include "policy/lang/probe.h"

#include <stdio.h>

#include "policy/base/name.h"

#define FORM "write tcp/ADDRESS:PORT, such as tcp/10.0.0.1:6443"

static int refuse(const char *word, const char *rest, char **ret_message)
{
    struct ip ip;

    if (strchr(word, ','))
        return diag_refuse(ret_message, "'%s': probes are separated by blanks", NAME_SHOWN(word));
    if (strchr(word, '[') || (rest && ip_parse(rest, &ip) == 0 && ip.family == AF_INET6))
        return diag_refuse(ret_message,
                           "'%s': IPv6 is not covered, since rp_filter is of IPv4 "
                           "alone; ask for an IPv4 address of it",
                           NAME_SHOWN(word));
    if (rest && ip_parse(rest, &ip) == 0)
        return diag_refuse(ret_message, "'%s' has no port; write tcp/%s:PORT", NAME_SHOWN(word),
                           rest);
    if (startswith(word, "ping") || startswith(word, "icmp") || startswith(word, "udp"))
        return diag_refuse(ret_message, "'%s': only connections by TCP are probes; " FORM,
                           NAME_SHOWN(word));
    return diag_refuse(ret_message, "'%s' is no probe, and names are not looked up; " FORM,
                       NAME_SHOWN(word));
}

/* "ADDRESS:PORT" */
static bool parse_end(const char *text, struct probe *ret)
{
    const char *colon = strrchr(text, ':'), *digits = colon ? colon + 1 : "";
    char address[INET_ADDRSTRLEN];
    unsigned long port = strtoul(digits, NULL, 10);
    struct ip ip;

    if (!colon || (size_t)(colon - text) >= sizeof(address) || !*digits || strlen(digits) > 5 ||
        digits[strspn(digits, "0123456789")] || port == 0 || port > UINT16_MAX)
        return false;
    snprintf(address, sizeof(address), "%.*s", (int)(colon - text), text);
    if (ip_parse(address, &ip) < 0 || ip.family != AF_INET)
        return false;
    ret->address = ip_to_ipv4(&ip);
    ret->port = (uint16_t)port;
    snprintf(ret->text, sizeof(ret->text), "tcp/%s:%lu", address, port);
    return true;
}

int probe_parse(const char *word, struct probe *ret, char **ret_message)
{
    const char *rest = startswith(word, "tcp/") ?: startswith(word, "tcp:");
    struct probe probe = {0};

    if (!parse_end(rest ?: word, &probe))
        return refuse(word, rest ?: word, ret_message);
    if (!startswith(word, "tcp/"))
        return diag_refuse(ret_message, "'%s' is not a form of it; write %s", NAME_SHOWN(word),
                           probe.text);
    *ret = probe;
    return 0;
}
