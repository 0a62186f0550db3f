/* Families of device names that programs make: a prefix, and a part that means nothing to people.
 */
#pragma once

#include <stddef.h>

/* What a family is good for; which of them are not the same everywhere. */
enum family_use {
    FAMILY_RANDOM = 1 << 0, /* what follows is no number, so that names in a row mean nothing */
    FAMILY_GLOB = 1 << 1,   /* its devices come and go: a policy speaks of them by a glob */
    FAMILY_GROUP = 1 << 2,  /* a report counts them together */
};

/* The length of the prefix of a family that is good for it; 0: the name is of none. */
size_t family_prefix(const char *name, enum family_use use);
