/* udev's monitor, and the questions for what it may not have told. */
#include "agent/daemon/udev_watch.h"

#include <errno.h>
#include <libudev.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ASK_AFTER USEC_PER_SEC
#define ASK_AT_ONCE 16 /* questions in a row: each reads files, and devices wait meanwhile */
#define ASK_REST (5 * USEC_PER_MSEC)
#define ASK_TOGETHER (100 * USEC_PER_MSEC) /* each time all devices are gone through */
#define AT_MOST (200 * USEC_PER_SEC)

struct udev_watch {
    struct udev_watch_options options;
    struct udev *udev;
    struct udev_monitor *monitor;
    sd_event_source *source;
    bool active;     /* udevd manages this namespace */
    uint64_t spoke;  /* when it last said something, of whatever device */
    uint64_t asking; /* the event, by loop_taken_up(), in which these questions were asked */
    unsigned questions;
};

static int on_udev(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct udev_watch *watch = data;
    const struct udev_watch_options *options = &watch->options;
    struct udev_device *device;

    watch->spoke = loop_take_up(options->loop);
    errno = 0;
    while ((device = udev_monitor_receive_device(watch->monitor))) {
        const char *text = udev_device_get_property_value(device, "IFINDEX");

        watch->active = true; /* somebody is at work who was not there at the start */
        if (text && !streq(udev_device_get_action(device) ?: "", "remove"))
            options->finished(atoi(text), device, options->data);
        udev_device_unref(device);
        errno = 0;
    }
    if (errno == ENOBUFS)
        options->lost(options->data);
    return 0;
}

static int open_monitor(struct udev_watch *watch)
{
    const struct udev_watch_options *options = &watch->options;
    int r;

    watch->active = access("/run/udev/control", F_OK) == 0;
    watch->udev = udev_new();
    watch->monitor = watch->udev ? udev_monitor_new_from_netlink(watch->udev, "udev") : NULL;
    if (!watch->monitor)
        return -ENOMEM;
    /* Then there are events of other devices, too, which are passed over. */
    (void)udev_monitor_filter_add_match_subsystem_devtype(watch->monitor, "net", NULL);
    /* Losses are noticed with any size. */
    (void)udev_monitor_set_receive_buffer_size(watch->monitor, options->receive_buffer);
    r = udev_monitor_enable_receiving(watch->monitor);
    if (r >= 0)
        r = sd_event_add_io(loop_event(options->loop), &watch->source,
                            udev_monitor_get_fd(watch->monitor), EPOLLIN, on_udev, watch);
    /* New devices come first: what udev is finished with has its value. */
    return r < 0 ? r : sd_event_source_set_priority(watch->source, SD_EVENT_PRIORITY_NORMAL + 10);
}

int udev_watch_new(const struct udev_watch_options *options, struct udev_watch **ret)
{
    struct udev_watch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    watch->options = *options;
    r = options->foreign ? 0 : open_monitor(watch);
    if (r < 0) {
        udev_watch_free(watch);
        return r;
    }
    *ret = watch;
    return 0;
}

struct udev_watch *udev_watch_free(struct udev_watch *watch)
{
    if (!watch)
        return NULL;
    sd_event_source_disable_unref(watch->source);
    if (watch->monitor)
        udev_monitor_unref(watch->monitor);
    if (watch->udev)
        udev_unref(watch->udev);
    free(watch);
    return NULL;
}

bool udev_watch_is_initialized(const struct udev_watch *watch, int ifindex)
{
    struct udev_device *device;
    char id[16];
    bool initialized;

    if (!watch->active)
        return true;
    snprintf(id, sizeof(id), "n%d", ifindex);
    device = udev_device_new_from_device_id(watch->udev, id);
    if (!device)
        return true; /* not in this /sys: nobody will ever say more of it */
    initialized = udev_device_get_is_initialized(device) > 0;
    udev_device_unref(device);
    return initialized;
}

bool udev_watch_may_be_on_bus(const struct udev_watch *watch, const char *name)
{
    char path[64], parentless[64], target[256];
    ssize_t n;

    if (watch->options.foreign)
        return true; /* /sys may be that of another namespace */
    snprintf(path, sizeof(path), "/sys/class/net/%s", name);
    n = readlink(path, target, sizeof(target) - 1);
    if (n < 0)
        return true;
    target[n] = '\0';
    snprintf(parentless, sizeof(parentless), "../../devices/virtual/net/%s", name);
    return !streq(target, parentless);
}

/* Then or a little later, together with others. */
static uint64_t ask_time(uint64_t at)
{
    return (at + ASK_TOGETHER - 1) / ASK_TOGETHER * ASK_TOGETHER;
}

uint64_t udev_wait_begin(const struct udev_watch *watch, struct udev_wait *wait)
{
    uint64_t now = loop_taken_up(watch->options.loop);

    if (!watch->active)
        return UINT64_MAX;
    *wait = (struct udev_wait){.until = now + AT_MOST, .ask_at = ask_time(now + ASK_AFTER)};
    return wait->ask_at;
}

static bool may_ask(struct udev_watch *watch, uint64_t now)
{
    if (watch->asking != now)
        watch->questions = 0;
    watch->asking = now;
    return watch->questions++ < ASK_AT_ONCE;
}

/* When to ask again; 0: no need to. Where udev goes on working it is asked more and more seldom. */
static uint64_t ask(struct udev_watch *watch, const struct udev_wait *wait, int ifindex)
{
    uint64_t now = loop_taken_up(watch->options.loop), began = wait->until - AT_MOST;
    uint64_t next = now + (now - began);

    if (now >= wait->until)
        return 0;
    if (now < watch->spoke + ASK_AFTER)
        return ask_time(watch->spoke + ASK_AFTER);
    if (!may_ask(watch, now))
        return now + ASK_REST;
    if (udev_watch_is_initialized(watch, ifindex))
        return 0;
    return ask_time(next < wait->until ? next : wait->until);
}

bool udev_wait_ended(struct udev_watch *watch, struct udev_wait *wait, int ifindex)
{
    if (wait->until == 0 || wait->ask_at > loop_taken_up(watch->options.loop))
        return false;
    wait->ask_at = ask(watch, wait, ifindex);
    if (wait->ask_at != 0)
        return false;
    wait->until = 0;
    return true;
}

bool udev_watch_may_rename(const struct udev_watch *watch, const struct device *device,
                           const struct udev_wait *wait)
{
    if (!device->bus_parent || !watch->active)
        return false;
    return wait ? wait->until != 0 : !udev_watch_is_initialized(watch, device->ifindex);
}
