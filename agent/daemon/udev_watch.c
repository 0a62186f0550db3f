/* udev's own events: they come after the RUN list of a device has finished, which is the moment to
 * look again after systemd-sysctl. */
#include <errno.h>
#include <libudev.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/daemon/agent.h"

struct udev_watch {
    struct agent *agent;
    struct udev *udev;
    struct udev_monitor *monitor;
    sd_event_source *source;
    bool active;
    uint64_t spoke; /* when it last said something, of whatever device */
};

/* What udev knows of the device, for sets that ask for properties. */
static void take_properties(struct agent *agent, struct entry *entry, struct udev_device *device)
{
    struct udev_list_entry *property;
    size_t count = 0, capacity = 0;
    char **list = NULL;

    if (!policy_of(agent) || !(policy_of(agent)->facts & FACT_UDEV))
        return;
    udev_list_entry_foreach(property, udev_device_get_properties_list_entry(device))
    {
        char *text;

        if (grow((void **)&list, &capacity, count + 1, sizeof(*list)) < 0)
            break;
        if (asprintf(&text, "%s=%s", udev_list_entry_get_name(property),
                     udev_list_entry_get_value(property)) < 0)
            break;
        list[count++] = text;
    }
    if (list)
        list[count] = NULL;
    for (char **p = entry->device.properties; p && *p; p++)
        free(*p);
    free(entry->device.properties);
    entry->device.properties = list;
    entry->device.known |= FACT_UDEV;
}

static int on_udev(sd_event_source *source, int fd, uint32_t events, void *data)
{
    struct udev_watch *watch = data;
    struct agent *agent = watch->agent;
    struct udev_device *device;

    watch->spoke = loop_take_up(agent->loop);
    errno = 0;
    while ((device = udev_monitor_receive_device(watch->monitor))) {
        const char *text = udev_device_get_property_value(device, "IFINDEX");
        struct entry *entry = text ? table_get(&agent->table, atoi(text)) : NULL;

        watch->active = true; /* somebody is at work who was not there at the start */
        if (entry && !streq(udev_device_get_action(device) ?: "", "remove")) {
            entry->unsettled_until = 0;
            take_properties(agent, entry, device);
            agent_read_values(agent, entry); /* systemd-sysctl was at work */
            agent_device_changed(agent, entry, "udev");
        }
        udev_device_unref(device);
        errno = 0;
    }
    if (errno == ENOBUFS)
        agent_schedule_resync(agent, "udev's messages were lost");
    return 0;
}

int udev_watch_new(struct agent *agent, struct udev_watch **ret)
{
    struct udev_watch *watch = calloc(1, sizeof(*watch));
    int r;

    if (!watch)
        return -ENOMEM;
    watch->agent = agent;
    watch->active = access("/run/udev/control", F_OK) == 0;
    watch->udev = udev_new();
    watch->monitor = watch->udev ? udev_monitor_new_from_netlink(watch->udev, "udev") : NULL;
    if (!watch->monitor) {
        udev_watch_free(watch);
        return -ENOMEM;
    }
    (void)udev_monitor_filter_add_match_subsystem_devtype(watch->monitor, "net", NULL);
    (void)udev_monitor_set_receive_buffer_size(watch->monitor, agent->receive_buffer);
    r = udev_monitor_enable_receiving(watch->monitor);
    if (r >= 0)
        r = sd_event_add_io(loop_event(agent->loop), &watch->source,
                            udev_monitor_get_fd(watch->monitor), EPOLLIN, on_udev, watch);
    /* New devices come first: what udev is finished with has its value. */
    if (r >= 0)
        r = sd_event_source_set_priority(watch->source, SD_EVENT_PRIORITY_NORMAL + 10);
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

bool udev_watch_active(const struct udev_watch *watch)
{
    return watch && watch->active;
}

bool agent_may_be_on_bus(const struct agent *agent, const char *name)
{
    char path[64], parentless[64], target[256];
    ssize_t n;

    if (agent->paths.foreign)
        return true; /* /sys may be that of another namespace */
    snprintf(path, sizeof(path), "/sys/class/net/%s", name);
    n = readlink(path, target, sizeof(target) - 1);
    if (n < 0)
        return true;
    target[n] = '\0';
    snprintf(parentless, sizeof(parentless), "../../devices/virtual/net/%s", name);
    return !streq(target, parentless);
}

bool agent_may_be_renamed(const struct agent *agent, const struct device *device,
                          const struct entry *entry)
{
    if (!device->bus_parent || !udev_watch_active(agent->udev))
        return false;
    return entry ? entry->unsettled_until != 0
                 : !udev_watch_is_initialized(agent->udev, device->ifindex);
}

uint64_t udev_ask_time(uint64_t at)
{
    return (at + UDEV_ASK_TOGETHER - 1) / UDEV_ASK_TOGETHER * UDEV_ASK_TOGETHER;
}

uint64_t udev_watch_silent_at(const struct udev_watch *watch)
{
    return udev_watch_active(watch) ? watch->spoke + UDEV_ASK_AFTER : 0;
}

bool udev_watch_is_initialized(const struct udev_watch *watch, int ifindex)
{
    struct udev_device *device;
    char id[16];
    bool initialized;

    if (!udev_watch_active(watch))
        return true;
    snprintf(id, sizeof(id), "n%d", ifindex);
    device = udev_device_new_from_device_id(watch->udev, id);
    if (!device)
        return true; /* not in this /sys: nobody will ever say more of it */
    initialized = udev_device_get_is_initialized(device) > 0;
    udev_device_unref(device);
    return initialized;
}
