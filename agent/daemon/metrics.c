/* The lines of the exposition format that every family has. */
#include "agent/daemon/metrics.h"

void metrics_family(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_single(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
    metrics_family(out, name, type, help);
    fprintf(out, "%s %llu\n", name, (unsigned long long)value);
}
