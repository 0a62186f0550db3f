/* IPv4 and IPv6 addresses and prefixes as values. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP_FAMILIES 2 /* IPv4 and IPv6, in this order, where something is kept for each */
#define IP_FAMILY(i) ((uint8_t)((i) ? AF_INET6 : AF_INET))
#define IP_INDEX(family) ((family) == AF_INET6 ? 1 : 0)
#define IP_TEXT_MAX (INET6_ADDRSTRLEN + 4)

struct ip {
    uint8_t family;    /* AF_INET, AF_INET6; 0 (AF_UNSPEC) for none */
    uint8_t bytes[16]; /* network byte order; what the family does not use is 0 */
};

struct ip_prefix {
    struct ip ip;   /* host bits may be set: `ip address` has them, a route has not */
    uint8_t length; /* 0…32, 0…128 */
};

/* -EINVAL when the text is none. A prefix without length is one address; host bits may be set. */
int ip_parse(const char *text, struct ip *ret);
int ip_prefix_parse(const char *text, struct ip_prefix *ret);

/* "10.0.0.1", "fe80::1", "10.0.0.0/8"; into buf, which is returned. A whole-length prefix is
 * printed as an address. */
const char *ip_text(const struct ip *ip, char buf[IP_TEXT_MAX]);
const char *ip_prefix_text(const struct ip_prefix *prefix, char buf[IP_TEXT_MAX]);

/* Total orders; 0: equal. */
int ip_compare(const struct ip *a, const struct ip *b);
int ip_prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b);

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip *ip);
struct ip_prefix ip_prefix_masked(const struct ip_prefix *prefix); /* host bits cleared */

unsigned ip_bits(uint8_t family); /* 32 or 128 */
bool ip_is_family(uint8_t family);

struct ip ip_of_ipv4(struct in_addr address);
struct in_addr ip_to_ipv4(const struct ip *ip);

bool ip_is_loopback(const struct ip *ip);   /* 127/8, ::1 */
bool ip_is_link_local(const struct ip *ip); /* 169.254/16, fe80::/10 */
bool ip_is_host(const struct ip *ip);       /* one host's: not 0/8 or ::, no multicast, not
                                            255.255.255.255. Of 240/4 Linux takes all others */
