/* The pattern of a device: its name, or the glob of its family. */
#include "agent/cli/advice/device_pattern.h"

#include <stdio.h>
#include <string.h>

#include "policy/facts/families.h"

bool device_name_is_plain(const char *name)
{
    return *name != '-' &&
           name[strspn(
               name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] == '\0';
}

const char *device_pattern(const char *name, char buf[static NAME_ESCAPED_SIZE + 1])
{
    size_t prefix = family_prefix(name, FAMILY_GLOB);

    if (prefix > 0) {
        snprintf(buf, NAME_ESCAPED_SIZE + 1, "%.*s*", (int)prefix, name);
        return buf;
    }
    if (device_name_is_plain(name) && !strstr(name, "..")) {
        snprintf(buf, NAME_ESCAPED_SIZE + 1, "%s", name);
        return buf;
    }
    /* Odd bytes are written as ? */
    for (size_t i = 0; i <= strlen(name); i++) {
        unsigned char c = (unsigned char)name[i];
        bool odd = c && (c <= ' ' || c > '~' || strchr("*?[]=;@#\\", c) ||
                         (c == '.' && (name[i + 1] == '.' || (i > 0 && name[i - 1] == '.'))));

        buf[i] = odd ? '?' : (char)c;
    }
    return buf;
}
