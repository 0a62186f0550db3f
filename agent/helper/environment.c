/* Reading an event of udev out of the environment. */
#include "agent/helper/environment.h"

#include <limits.h>

#include "policy/base/util.h"

#define FIRST_SECONDS_USEC UINT64_C(5000000)

static const char *lookup(char *const *environment, const char *key)
{
    for (; *environment; environment++) {
        const char *value = startswith(*environment, key);

        if (value && *value == '=')
            return value + 1;
    }
    return NULL;
}

/* Decimal digits and nothing else, in 1..max. */
static bool parse_number(const char *text, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (!text || !*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > max)
            return false;
    }
    if (value == 0)
        return false;
    *ret = value;
    return true;
}

int event_read(char *const *environment, struct event *ret)
{
    const char *action = lookup(environment, "ACTION");
    uint64_t ifindex, initialized = 0;

    if (!action || !parse_number(lookup(environment, "IFINDEX"), INT_MAX, &ifindex))
        return -EINVAL;
    /* Then it is 0: not known. */
    (void)parse_number(lookup(environment, "USEC_INITIALIZED"), UINT64_MAX / 16, &initialized);
    *ret = (struct event){
        .ifindex = (int)ifindex,
        .name = lookup(environment, "INTERFACE"),
        .wanted = streq(action, "add") || streq(action, "move"),
        .initialized_usec = initialized,
    };
    return 0;
}

bool event_is_young(const struct event *event, uint64_t now_usec)
{
    return event->initialized_usec > 0 && now_usec < event->initialized_usec + FIRST_SECONDS_USEC;
}

int device_take_environment(struct device *device, char *const *environment)
{
    size_t n = 0;

    while (environment[n])
        n++;
    device->properties = calloc(n + 1, sizeof(char *));
    if (!device->properties)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        device->properties[i] = strdup(environment[i]);
        if (!device->properties[i])
            return -ENOMEM;
    }
    device->known |= FACT_UDEV;
    return 0;
}
