/* How long it takes to find the winning rule for each of many devices under a long policy, in
 * process. Arguments: devices, rules. Prints the median of several passes in milliseconds. */
#include <stdio.h>
#include <time.h>

#include "policy/lang/compile.h"

#define PASSES 21

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Globs mostly, as hosts with many tenants have them; exact names and ranges among them. */
static char *policy_text(unsigned rules)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    fprintf(f, "[rp_filter]\n* = strict\n");
    for (unsigned i = 1; i < rules; i++) {
        if (i % 10 == 0)
            fprintf(f, "uplink%u = loose\n", i);
        else if (i % 10 == 1)
            fprintf(f, "bond%u.1..64 = loose\n", i);
        else
            fprintf(f, "t%03u-* = %s\n", i, i % 2 ? "off" : "loose");
    }
    return fclose(f) == 0 ? text : NULL;
}

static struct device *make_devices(unsigned count, unsigned rules)
{
    struct device *devices = calloc(count, sizeof(*devices));

    for (unsigned i = 0; devices && i < count; i++) {
        devices[i] = (struct device){.ifindex = (int)i + 2, .ipv4 = true, .known = UINT32_MAX};
        snprintf(devices[i].name, sizeof(devices[i].name), "t%03u-%u", i * 7 % (rules * 2) % 1000,
                 i % 1000000);
    }
    return devices;
}

int main(int argc, char **argv)
{
    unsigned count = argc > 2 ? (unsigned)atoi(argv[1]) : 10000;
    unsigned rules = argc > 2 ? (unsigned)atoi(argv[2]) : 1000, matched = 0;
    _cleanup_policy_ struct policy *policy = policy_new();
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_free_ struct device *devices = make_devices(count, rules);
    _cleanup_free_ char *text = policy_text(rules);
    double ms[PASSES];

    if (!policy || !devices || !text ||
        policy_add_file(policy, "bench.conf", text, strlen(text), &diags) < 0 ||
        policy_finish(policy, &diags) < 0 || diags_failed(&diags)) {
        fprintf(stderr, "match: %s\n", diags.count ? diags.items[0].text : "no memory");
        return 1;
    }
    for (unsigned pass = 0; pass < PASSES; pass++) {
        double start = now();

        for (unsigned i = 0; i < count; i++) {
            const struct rule *rule = policy_match(policy, KEY_RP_FILTER, &devices[i], NULL);

            matched += rule && rule->pattern.kind == PATTERN_GLOB;
        }
        ms[pass] = now() - start;
    }
    qsort(ms, PASSES, sizeof(*ms), compare);
    printf("{\"median\": %.4f, \"matched\": %u}\n", ms[PASSES / 2], matched / PASSES);
    return 0;
}
