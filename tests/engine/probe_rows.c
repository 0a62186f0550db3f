/* The list of engines of command and agent with a third one. What its policy wants of that is told
 * by the environment. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/engines/routes/routes_engine.h"
#include "agent/engines/sysctl/sysctl_engine.h"
#include "agent/rows/engine_rows.h"
#include "probe_engine.h"

const struct engine *const engine_rows[] = {&engine_routes, &engine_probe_a, &engine_sysctl, NULL};

/* PROBE=DIRECTORY DEVICE VALUE WAY WAY-FAILS, the last three as numbers. */
__attribute__((constructor)) static void read_wish(void)
{
    const char *text = getenv("PROBE");
    int way, fails;

    if (!text || sscanf(text, "%63s %15s %d %d %d", probe_directory, probe_device,
                        &probe_wish_a.value, &way, &fails) != 5)
        exit(99);
    probe_wish_a.way = way;
    probe_wish_a.way_fails = fails;
}
