/* The one table of families of device names. */
#include "policy/facts/families.h"

#include "policy/base/util.h"

static const struct {
    const char *prefix;
    unsigned uses; /* mask of enum family_use */
} families[] = {
    {"lxc", FAMILY_RANDOM | FAMILY_GLOB | FAMILY_GROUP},
    {"cali", FAMILY_RANDOM | FAMILY_GLOB | FAMILY_GROUP},
    {"veth", FAMILY_RANDOM | FAMILY_GLOB | FAMILY_GROUP},
    {"tap", FAMILY_RANDOM | FAMILY_GLOB | FAMILY_GROUP},
    {"vnet", FAMILY_RANDOM | FAMILY_GLOB | FAMILY_GROUP},
    {"eni", FAMILY_RANDOM | FAMILY_GLOB | FAMILY_GROUP},
    {"azv", FAMILY_RANDOM | FAMILY_GROUP},
    {"gke", FAMILY_RANDOM | FAMILY_GROUP},
    {"tunl", FAMILY_RANDOM},
    {"cilium_", FAMILY_GLOB},
    {"ppp", FAMILY_GLOB},
    {"tun", FAMILY_GLOB},
    {"ovn-k8s-mp", FAMILY_GLOB},
    {"vif", FAMILY_GROUP},
    {"enx", FAMILY_GROUP},
    {"br-", FAMILY_GROUP},
    {"fwbr", FAMILY_GROUP},
    {"fwpr", FAMILY_GROUP},
    {"fwln", FAMILY_GROUP},
    {"dummy", FAMILY_GROUP},
};

size_t family_prefix(const char *name, enum family_use use)
{
    for (size_t i = 0; i < ELEMENTSOF(families); i++)
        if ((families[i].uses & use) && startswith(name, families[i].prefix))
            return strlen(families[i].prefix);
    return 0;
}
