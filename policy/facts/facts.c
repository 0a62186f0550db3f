/* Look-ups in the live picture and freeing it. */
#include "policy/facts/facts.h"

#include "policy/base/words.h"

void device_done(struct device *device)
{
    if (!device)
        return;
    words_free(device->altnames);
    words_free(device->properties);
    free(device->mac);
    free(device->permanent_mac);
    device->altnames = device->properties = NULL;
    device->mac = device->permanent_mac = NULL;
}

void live_done(struct live *live)
{
    if (!live)
        return;
    for (size_t i = 0; i < live->count; i++)
        device_done(&live->devices[i]);
    free(live->devices);
    live->devices = NULL;
    live->count = 0;
}

struct device *live_by_ifindex(const struct live *live, int ifindex)
{
    struct device *devices = live->devices;
    size_t n = live->count, at = SORTED_PLACE(n, i, devices[i].ifindex < ifindex);

    return at < n && devices[at].ifindex == ifindex ? &devices[at] : NULL;
}

struct device *live_by_name(const struct live *live, const char *name)
{
    for (size_t i = 0; i < live->count; i++) {
        if (streq(live->devices[i].name, name))
            return &live->devices[i];
    }
    return NULL;
}

const int32_t *live_configured(const struct live *live, enum key key, int ifindex)
{
    const struct device *device;

    if (ifindex == IFINDEX_ALL)
        return &live->all[key];
    if (ifindex == IFINDEX_DEFAULT)
        return &live->def[key];
    device = live_by_ifindex(live, ifindex);
    return device && device->ipv4 ? &device->conf[key] : NULL;
}

bool device_is_port(const struct device *device)
{
    return streq(device->slave_kind, "bridge") || streq(device->slave_kind, "bond") ||
           streq(device->slave_kind, "team");
}

bool device_is_vrf(const struct device *device)
{
    return streq(device->kind, "vrf");
}

int device_vrf(const struct device *device)
{
    if (streq(device->slave_kind, "vrf"))
        return device->master;
    return device_is_vrf(device) ? device->ifindex : 0;
}
