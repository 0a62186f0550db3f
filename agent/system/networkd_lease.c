/* What a lease says of the gateway, in the words of systemd-networkd: the DHCPv4 message itself,
 * its options as pairs of a tag and bytes in hexadecimal. */
#include <ctype.h>

#include "agent/system/networkd.h"
#include "policy/base/text.h"

/* RFC 2132, RFC 3442, and what some servers sent before that. */
enum { OPTION_ROUTER = 3, OPTION_ROUTES = 121, OPTION_OLD_ROUTES = 249 };

#define IPV4_SIZE 4

static int nibble(char c)
{
    if (!isxdigit((unsigned char)c))
        return -1;
    return isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

static int append_hex(struct text *bytes, const char *text, size_t length)
{
    if (length % 2 != 0)
        return -EBADMSG;
    for (size_t i = 0; i < length; i += 2) {
        int high = nibble(text[i]), low = nibble(text[i + 1]);

        if (high < 0 || low < 0)
            return -EBADMSG;
        text_put_bytes(bytes, &(uint8_t){(uint8_t)(high << 4 | low)}, 1);
    }
    return bytes->failed ? -ENOMEM : 0;
}

/* All parts of one option. */
static int collect(const json_t *options, unsigned tag, struct text *ret)
{
    const json_t *option;
    size_t i;
    int r = 0;

    json_array_foreach(options, i, option)
    {
        const json_t *number = json_object_get(option, "tag"),
                     *data = json_object_get(option, "data");

        if (!json_is_number(number) || !json_is_string(data))
            return -EBADMSG;
        if (json_number_value(number) != (double)tag)
            continue;
        r = append_hex(ret, json_string_value(data), json_string_length(data));
        if (r < 0)
            return r;
    }
    return 0;
}

static bool take_address(const uint8_t *data, struct ip *ret)
{
    struct ip ip = {.family = AF_INET};

    memcpy(ip.bytes, data, IPV4_SIZE);
    if (ip_compare(&ip, &(struct ip){.family = AF_INET}) == 0)
        return false;
    *ret = ip;
    return true;
}

/* Length of the prefix, as many bytes of it as count, the router; again. One that is cut short
 * means nothing as a whole, as for networkd. 1: it has a default route. */
static int default_of_routes(const struct text *bytes, struct ip *ret)
{
    const uint8_t *data = (const uint8_t *)bytes->bytes;
    struct ip found;
    int any = 0;

    for (size_t at = 0; at < bytes->n;) {
        unsigned length = data[at];
        size_t gateway = at + 1 + (length + 7) / 8;

        if (length > 32 || gateway + IPV4_SIZE > bytes->n)
            return -EBADMSG;
        if (length == 0 && !any)
            any = take_address(data + gateway, &found);
        at = gateway + IPV4_SIZE;
    }
    if (any)
        *ret = found;
    return any;
}

/* 1: this option names it. */
static int find_in(const json_t *options, unsigned tag, struct ip *ret)
{
    _cleanup_text_ struct text bytes = {0};
    int r = collect(options, tag, &bytes);

    if (r < 0 || bytes.n == 0)
        return r;
    if (tag == OPTION_ROUTER)
        return bytes.n % IPV4_SIZE == 0 && take_address((const uint8_t *)bytes.bytes, ret);
    r = default_of_routes(&bytes, ret);
    return r < 0 ? 0 : r;
}

int networkd_lease_gateway(const json_t *interface, struct ip *ret)
{
    static const unsigned tags[] = {OPTION_ROUTES, OPTION_OLD_ROUTES, OPTION_ROUTER};
    const json_t *lease = json_object_get(json_object_get(interface, "DHCPv4Client"), "Lease");
    const json_t *options = json_object_get(json_object_get(lease, "Message"), "options");
    int r = 0;

    if (!lease || json_is_null(lease))
        return 0;
    if (!json_is_array(options))
        return -EBADMSG;
    for (size_t i = 0; r == 0 && i < ELEMENTSOF(tags); i++)
        r = find_in(options, tags[i], ret);
    return r;
}
