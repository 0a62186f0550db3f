/* The model of the kernel: net/ipv4/devinet.c, inetdev_init(), devinet_copy_dflt_conf(),
 * devinet_conf_proc(). */
#include "kernel_sim.h"

#include <stdio.h>
#include <string.h>

struct sim_device *sim_birth(struct sim *sim, const char *name)
{
    struct sim_device *device = &sim->devices[sim->count];

    memset(device, 0, sizeof(*device));
    device->facts.ifindex = (int)sim->count + 10;
    snprintf(device->facts.name, sizeof(device->facts.name), "%s", name);
    device->facts.ipv4 = true;
    device->facts.known = FACT_ADDRESSES;
    device->facts.forwarding = sim->def_forwarding;
    device->facts.conf[sim->key] = sim->def;
    device->follows = !sim->def_written;
    sim->count++;
    return device;
}

void sim_write(struct sim *sim, int ifindex, int value)
{
    if (ifindex == -1) {
        sim->all = value;
        return;
    }
    if (ifindex == -2) {
        sim->def = value;
        sim->def_written = true;
    }
    for (size_t i = 0; i < sim->count; i++) {
        struct sim_device *device = &sim->devices[i];

        if (device->facts.ifindex == ifindex)
            device->follows = false;
        if (device->facts.ifindex == ifindex || (ifindex == -2 && device->follows))
            device->facts.conf[sim->key] = value;
    }
}

int sim_effective(const struct sim *sim, const struct sim_device *device)
{
    return key_effective(sim->key, sim->all, device->facts.conf[sim->key],
                         device->facts.forwarding);
}

void sim_picture(const struct sim *sim, struct device *devices, struct live *ret)
{
    *ret = (struct live){.devices = devices,
                         .count = sim->count,
                         .def_forwarding = sim->def_forwarding,
                         .all_writable = true,
                         .all_paused = sim->all_paused,
                         .default_paused = sim->def_paused,
                         .devconf_inherit = 2};
    ret->all[sim->key] = sim->all;
    ret->def[sim->key] = sim->def;
    for (size_t i = 0; i < sim->count; i++)
        devices[i] = sim->devices[i].facts;
}
