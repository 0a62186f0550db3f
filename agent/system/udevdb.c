/* udev's properties of devices, through libudev. */
#include "agent/system/udevdb.h"

#include <libudev.h>
#include <stdio.h>

#include "policy/base/util.h"

static void udev_done(struct udev **udev)
{
    udev_unref(*udev);
}

static void udev_device_done(struct udev_device **device)
{
    udev_device_unref(*device);
}

static void strings_done(char ***strings)
{
    for (size_t i = 0; *strings && (*strings)[i]; i++)
        free((*strings)[i]);
    free(*strings);
}

int udevdb_take_properties(struct udev_device *from, struct device *device)
{
    struct udev_list_entry *entry, *first = udev_device_get_properties_list_entry(from);
    _cleanup_(strings_done) char **properties = NULL;
    size_t n = 0;

    udev_list_entry_foreach(entry, first) n++;
    properties = calloc(n + 1, sizeof(*properties));
    if (!properties)
        return -ENOMEM;
    n = 0;
    udev_list_entry_foreach(entry, first)
    {
        const char *value = udev_list_entry_get_value(entry);

        if (asprintf(&properties[n], "%s=%s", udev_list_entry_get_name(entry), value ?: "") < 0) {
            properties[n] = NULL; /* undefined after a failure */
            return -ENOMEM;
        }
        n++;
    }
    strings_done(&device->properties);
    device->properties = TAKE_PTR(properties);
    device->known |= FACT_UDEV;
    return 0;
}

static int read_device(struct udev *udev, struct device *device)
{
    _cleanup_(udev_device_done) struct udev_device *found = NULL;
    char id[16];

    snprintf(id, sizeof(id), "n%d", device->ifindex);
    found = udev_device_new_from_device_id(udev, id);
    if (!found)
        return errno == ENOMEM ? -ENOMEM : 0;
    if (udev_device_get_is_initialized(found) <= 0)
        return 0;
    return udevdb_take_properties(found, device);
}

int udevdb_read(struct live *live)
{
    _cleanup_(udev_done) struct udev *udev = udev_new();

    if (!udev)
        return -ENOMEM;
    for (size_t i = 0; i < live->count; i++) {
        int r;

        errno = 0;
        r = read_device(udev, &live->devices[i]);
        if (r < 0)
            return r;
    }
    return 0;
}
