/* What udev knows of the devices: FACT_UDEV. A library of its own, so that only programs that ask
 * for it link libudev. */
#pragma once

#include "policy/facts/facts.h"

struct udev_device;

/* Fill device.properties of every device from udev's database. A device that udev has not finished
 * yet, or does not know, stays unknown. The database is keyed by ifindex and speaks of the network
 * namespace of process 1: do not ask it from within another. -ENOMEM, else 0. */
int udevdb_read(struct live *live);

/* In the place of the properties that the device had; untouched on failure. */
int udevdb_take_properties(struct udev_device *from, struct device *device);
