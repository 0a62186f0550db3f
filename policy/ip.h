/* IPv4 and IPv6 addresses and prefixes as values. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP_FAMILIES 2 /* IPv4 and IPv6, in this order, where something is kept for each */
#define IP_TEXT_MAX (INET6_ADDRSTRLEN + 4)

struct ip {
    uint8_t family;    /* AF_INET, AF_INET6; 0 (AF_UNSPEC) for none */
    uint8_t bytes[16]; /* network byte order; what the family does not use is 0 */
};

struct ip_prefix {
    struct ip ip;   /* host bits may be set: `ip address` has them, a route has not */
    uint8_t length; /* 0…32, 0…128 */
};

/* -EINVAL when the text is no address, or has host bits where `masked`. */
int ip_parse(const char *text, struct ip *ret);
int ip_prefix_parse(const char *text, struct ip_prefix *ret);

/* "10.0.0.1", "fe80::1", "10.0.0.0/8"; into buf, which is returned. A whole-length prefix is
 * printed as an address. */
const char *ip_text(const struct ip *ip, char buf[IP_TEXT_MAX]);
const char *ip_prefix_text(const struct ip_prefix *prefix, char buf[IP_TEXT_MAX]);

int ip_compare(const struct ip *a, const struct ip *b); /* a total order; 0: equal */
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip *ip);
struct ip_prefix ip_prefix_masked(const struct ip_prefix *prefix); /* host bits cleared */

unsigned ip_bits(uint8_t family); /* 32 or 128 */
