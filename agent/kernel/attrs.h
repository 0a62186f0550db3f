/* Attributes of netlink messages: first found and measured, then read. Outputs are untouched on
 * failure; what is too short or not terminated is -EBADMSG. */
#pragma once

#include <libmnl/libmnl.h>

#include "policy/base/ip.h"
#include "policy/base/util.h"

/* Find the attributes in n bytes by type. What follows the last whole attribute is ignored, as the
 * kernel does itself. The exact length is used: the libmnl walk over a message rounds it up. */
void attrs_find(const void *bytes, size_t n, const struct nlattr **attrs, unsigned max);
void attrs_find_nested(const struct nlattr *nest, const struct nlattr **attrs, unsigned max);

/* The fixed header after nlmsghdr, and the attributes after that. NULL when it is too short. */
const void *message_body(const struct nlmsghdr *message, size_t size, const struct nlattr **attrs,
                         unsigned max);

/* As many bytes as are asked for, of at least as many. */
int attr_bytes(const struct nlattr *attr, void *ret, size_t size);
int attr_u32(const struct nlattr *attr, uint32_t *ret);
int attr_s32(const struct nlattr *attr, int *ret);

/* A terminated string of at most size - 1 bytes. */
int attr_string(const struct nlattr *attr, char *ret, size_t size);

/* An address of a family that ip_is_family() knows, and a prefix: the kernel leaves the attribute
 * out (NULL) where the length is 0. */
int attr_ip(const struct nlattr *attr, uint8_t family, struct ip *ret);
int attr_ip_prefix(const struct nlattr *attr, uint8_t family, uint8_t length,
                   struct ip_prefix *ret);
