/* Reading one word of `protect`, and what to write in the place of one that is none. */
#include "policy/lang/protect.h"

#include <netinet/in.h>
#include <stdio.h>
#include <strings.h>

#include "policy/base/name.h"

#define FORMS "write PROTO/PORT such as tcp/22, or an IPv4 prefix such as 10.0.0.0/24"

/* What is often called by its name; nothing is resolved. */
static const struct {
    const char *name, *item;
} services[] = {{"ssh", "tcp/22"},     {"bgp", "tcp/179"},    {"https", "tcp/443"},
                {"ldp", "tcp/646"},    {"isakmp", "udp/500"}, {"ike", "udp/500"},
                {"ipsec", "udp/4500"}, {"bfd", "udp/3784"}};

static const char *item_of_service(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(services); i++)
        if (strcasecmp(services[i].name, name) == 0)
            return services[i].item;
    return NULL;
}

/* 0: none. */
static uint16_t port_of(const char *text)
{
    size_t n = strlen(text);
    unsigned long port = n > 0 && n <= 5 ? strtoul(text, NULL, 10) : 0;

    return text[strspn(text, "0123456789")] || port > UINT16_MAX ? 0 : (uint16_t)port;
}

static uint8_t proto_of(const char *text)
{
    return strcasecmp(text, "tcp") == 0   ? IPPROTO_TCP
           : strcasecmp(text, "udp") == 0 ? IPPROTO_UDP
                                          : 0;
}

static const char *proto_name(uint8_t proto)
{
    return proto == IPPROTO_TCP ? "tcp" : "udp";
}

/* `left`, one of "/:", and `right`, where one of the two is a protocol. */
static int parse_port(const char *word, const char *left, const char *right,
                      struct protected_peer *ret, char **ret_message)
{
    uint8_t proto = proto_of(left);
    uint16_t port = port_of(proto ? right : left);
    const char *item = item_of_service(right);

    if (proto && item)
        return diag_refuse(ret_message, "'%s': a port is a number; write %s", NAME_SHOWN(word),
                           item);
    if (port == 0)
        return diag_refuse(ret_message, "'%s': a port is a number from 1 to 65535",
                           NAME_SHOWN(word));
    ret->proto = proto ?: proto_of(right);
    ret->port = port;
    if (!startswith(word, proto_name(ret->proto)) || word[3] != '/')
        return diag_refuse(ret_message, "'%s' is not a form of it; write %s/%u", NAME_SHOWN(word),
                           proto_name(ret->proto), port);
    return 0;
}

static int parse_prefix(const char *word, struct protected_peer *ret, char **ret_message)
{
    char text[IP_TEXT_MAX], address[IP_TEXT_MAX];
    struct ip_prefix masked;

    if (ret->prefix.ip.family != AF_INET)
        return diag_refuse(ret_message,
                           "'%s': IPv6 is not covered, since rp_filter is of IPv4 alone; leave it "
                           "out, or write the IPv4 prefix of these peers",
                           NAME_SHOWN(word));
    masked = ip_prefix_masked(&ret->prefix);
    if (ip_prefix_compare(&masked, &ret->prefix) != 0)
        return diag_refuse(
            ret_message, "'%s' has bits behind its length; write %s, or %s for the one address",
            NAME_SHOWN(word), ip_prefix_text(&masked, text), ip_text(&ret->prefix.ip, address));
    return 0;
}

static int refuse(const char *word, const char *left, char separator, char **ret_message)
{
    const char *item = item_of_service(word);
    struct ip ip;

    if (port_of(word))
        return diag_refuse(ret_message,
                           "'%s' is a port without its protocol; write tcp/%s or udp/%s", word,
                           word, word);
    if (item)
        return diag_refuse(ret_message, "'%s' is the name of a service; write %s", NAME_SHOWN(word),
                           item);
    if (separator == ':' && ip_parse(left, &ip) == 0)
        return diag_refuse(ret_message,
                           "'%s': address and port cannot be asked for together; write %s, or its "
                           "port as tcp/PORT",
                           NAME_SHOWN(word), left);
    if (separator == '/' && ip_parse(left, &ip) == 0)
        return diag_refuse(ret_message, "'%s': the length of a prefix is a number from 0 to %u",
                           NAME_SHOWN(word), ip_bits(ip.family));
    return diag_refuse(ret_message, "'%s' is nothing that can be protected; " FORMS,
                       NAME_SHOWN(word));
}

int protect_parse(const char *word, struct protected_peer *ret, char **ret_message)
{
    size_t n = strcspn(word, "/:");
    _cleanup_free_ char *left = strndup(word, n), *copy = strdup(word);
    const char *right = word[n] ? word + n + 1 : "";
    struct protected_peer item = {0};
    int r;

    if (!left || !copy)
        return -ENOMEM;
    if (strchr(word, ','))
        r = diag_refuse(ret_message, "'%s': items are separated by blanks", NAME_SHOWN(word));
    else if (proto_of(left) || (word[n] && proto_of(right)))
        r = parse_port(word, left, right, &item, ret_message);
    else if (ip_prefix_parse(word, &item.prefix) == 0)
        r = parse_prefix(word, &item, ret_message);
    else
        r = refuse(word, left, word[n], ret_message);
    if (r < 0)
        return r;
    item.text = TAKE_PTR(copy);
    *ret = item;
    return 0;
}
