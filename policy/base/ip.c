/* IPv4 and IPv6 addresses and prefixes: text, order, masks. */
#include "policy/base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "policy/base/util.h"

unsigned ip_bits(uint8_t family)
{
    return family == AF_INET6 ? 128 : 32;
}

bool ip_is_family(uint8_t family)
{
    return family == AF_INET || family == AF_INET6;
}

struct ip ip_of_ipv4(struct in_addr address)
{
    struct ip ip = {.family = AF_INET};

    memcpy(ip.bytes, &address.s_addr, sizeof(address.s_addr));
    return ip;
}

struct in_addr ip_to_ipv4(const struct ip *ip)
{
    struct in_addr address;

    memcpy(&address.s_addr, ip->bytes, sizeof(address.s_addr));
    return address;
}

int ip_parse(const char *text, struct ip *ret)
{
    struct ip ip = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};

    if (inet_pton(ip.family, text, ip.bytes) != 1)
        return -EINVAL;
    *ret = ip;
    return 0;
}

int ip_prefix_parse(const char *text, struct ip_prefix *ret)
{
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    struct ip_prefix prefix;
    char address[IP_TEXT_MAX];
    unsigned length;

    if (n >= sizeof(address))
        return -EINVAL;
    memcpy(address, text, n);
    address[n] = '\0';
    if (ip_parse(address, &prefix.ip) < 0)
        return -EINVAL;
    length = ip_bits(prefix.ip.family);
    if (slash) {
        size_t digits = strspn(slash + 1, "0123456789");

        if (digits == 0 || digits > 3 || slash[1 + digits] || (slash[1] == '0' && digits > 1) ||
            strtoul(slash + 1, NULL, 10) > length)
            return -EINVAL;
        length = (unsigned)strtoul(slash + 1, NULL, 10);
    }
    prefix.length = (uint8_t)length;
    *ret = prefix;
    return 0;
}

const char *ip_text(const struct ip *ip, char buf[IP_TEXT_MAX])
{
    if (ip->family == AF_UNSPEC || !inet_ntop(ip->family, ip->bytes, buf, IP_TEXT_MAX))
        strcpy(buf, "none");
    return buf;
}

const char *ip_prefix_text(const struct ip_prefix *prefix, char buf[IP_TEXT_MAX])
{
    char address[IP_TEXT_MAX];

    if (prefix->length == ip_bits(prefix->ip.family))
        return ip_text(&prefix->ip, buf);
    snprintf(buf, IP_TEXT_MAX, "%.45s/%u", ip_text(&prefix->ip, address), prefix->length);
    return buf;
}

int ip_compare(const struct ip *a, const struct ip *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int ip_prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b)
{
    int r = ip_compare(&a->ip, &b->ip);

    return r != 0 ? r : (a->length > b->length) - (a->length < b->length);
}

struct ip_prefix ip_prefix_masked(const struct ip_prefix *prefix)
{
    struct ip_prefix masked = *prefix;
    unsigned whole = prefix->length / 8, rest = prefix->length % 8;

    for (unsigned i = whole; i < sizeof(masked.ip.bytes); i++)
        masked.ip.bytes[i] &= i == whole ? (uint8_t)(0xff00 >> rest) : 0;
    return masked;
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip *ip)
{
    unsigned whole = prefix->length / 8, rest = prefix->length % 8;

    return prefix->ip.family == ip->family && memcmp(prefix->ip.bytes, ip->bytes, whole) == 0 &&
           (rest == 0 || (prefix->ip.bytes[whole] ^ ip->bytes[whole]) >> (8 - rest) == 0);
}

bool ip_is_loopback(const struct ip *ip)
{
    static const struct ip one = {.family = AF_INET6, .bytes = {[15] = 1}};

    return ip->family == AF_INET ? ip->bytes[0] == 127 : ip_compare(ip, &one) == 0;
}

bool ip_is_link_local(const struct ip *ip)
{
    return ip->family == AF_INET ? ip->bytes[0] == 169 && ip->bytes[1] == 254
                                 : ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80;
}

bool ip_is_host(const struct ip *ip)
{
    static const uint8_t zero[16], all[4] = {255, 255, 255, 255};

    if (ip->family == AF_UNSPEC || memcmp(ip->bytes, zero, sizeof(zero)) == 0)
        return false;
    if (ip->family == AF_INET)
        return ip->bytes[0] != 0 && ip->bytes[0] >> 4 != 0xe && memcmp(ip->bytes, all, 4) != 0;
    return ip->bytes[0] != 0xff;
}
