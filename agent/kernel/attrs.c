/* Finding and reading netlink attributes without ever looking outside the message. */
#include "agent/kernel/attrs.h"

struct table {
    const struct nlattr **attrs;
    unsigned max;
};

static int keep_attr(const struct nlattr *attr, void *data)
{
    const struct table *table = data;
    unsigned type = mnl_attr_get_type(attr);

    if (type <= table->max)
        table->attrs[type] = attr;
    return MNL_CB_OK;
}

void attrs_find(const void *bytes, size_t n, const struct nlattr **attrs, unsigned max)
{
    struct table table = {.attrs = attrs, .max = max};

    /* A malformed rest is no attribute. */
    (void)mnl_attr_parse_payload(bytes, n, keep_attr, &table);
}

void attrs_find_nested(const struct nlattr *nest, const struct nlattr **attrs, unsigned max)
{
    attrs_find(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), attrs, max);
}

const void *message_body(const struct nlmsghdr *message, size_t size, const struct nlattr **attrs,
                         unsigned max)
{
    const char *body = mnl_nlmsg_get_payload(message);
    size_t n, skip = MNL_ALIGN(size);

    if (message->nlmsg_len < MNL_NLMSG_HDRLEN + size)
        return NULL;
    n = message->nlmsg_len - MNL_NLMSG_HDRLEN;
    if (attrs && n > skip)
        attrs_find(body + skip, n - skip, attrs, max);
    return body;
}

int attr_bytes(const struct nlattr *attr, void *ret, size_t size)
{
    if (mnl_attr_get_payload_len(attr) < size)
        return -EBADMSG;
    memcpy(ret, mnl_attr_get_payload(attr), size);
    return 0;
}

int attr_u32(const struct nlattr *attr, uint32_t *ret)
{
    return attr_bytes(attr, ret, sizeof(*ret));
}

int attr_s32(const struct nlattr *attr, int *ret)
{
    uint32_t value;
    int r = attr_u32(attr, &value);

    if (r < 0)
        return r;
    *ret = (int)value;
    return 0;
}

int attr_string(const struct nlattr *attr, char *ret, size_t size)
{
    const char *s = mnl_attr_get_payload(attr);
    size_t n = strnlen(s, mnl_attr_get_payload_len(attr));

    if (n == mnl_attr_get_payload_len(attr) || n >= size)
        return -EBADMSG;
    memcpy(ret, s, n + 1);
    return 0;
}

int attr_ip(const struct nlattr *attr, uint8_t family, struct ip *ret)
{
    struct ip ip = {.family = family};
    int r = attr_bytes(attr, ip.bytes, ip_bits(family) / 8);

    if (r >= 0)
        *ret = ip;
    return r;
}

int attr_ip_prefix(const struct nlattr *attr, uint8_t family, uint8_t length, struct ip_prefix *ret)
{
    struct ip_prefix prefix = {.ip = {.family = family}, .length = length};
    int r = 0;

    if (length > ip_bits(family) || (length > 0 && !attr))
        return -EBADMSG;
    if (attr)
        r = attr_ip(attr, family, &prefix.ip);
    if (r >= 0)
        *ret = prefix;
    return r;
}
