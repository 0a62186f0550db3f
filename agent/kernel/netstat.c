/* /proc/net/netstat: two lines for each group, names, then values. */
#include "agent/kernel/netstat.h"

#include <stdio.h>

#include "policy/base/util.h"

static unsigned column_of(char *names, const char *name)
{
    char *rest = NULL;
    unsigned column = 0;

    for (char *word = strtok_r(names, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
        if (streq(word, name))
            return column;
        column++;
    }
    return 0; /* the group's own name: not a number */
}

static int read_column(char *values, unsigned column, uint64_t *ret)
{
    char *rest = NULL, *end, *word = strtok_r(values, " \n", &rest);
    uint64_t value;

    while (word && column-- > 0)
        word = strtok_r(NULL, " \n", &rest);
    value = word ? strtoull(word, &end, 10) : 0;
    if (!word || *end)
        return -ENODATA;
    *ret = value;
    return 0;
}

int reverse_path_counter(uint64_t *ret)
{
    _cleanup_free_ char *names = NULL, *values = NULL;
    size_t names_size = 0, values_size = 0;
    FILE *file = fopen("/proc/self/net/netstat", "re");
    int r = -ENODATA;

    if (!file)
        return -errno;
    while (r == -ENODATA && getline(&names, &names_size, file) > 0 &&
           getline(&values, &values_size, file) > 0)
        if (startswith(names, "TcpExt:"))
            r = read_column(values, column_of(names, "IPReversePathFilter"), ret);
    fclose(file);
    return r;
}
