/* The text format of Prometheus: one series per line, HELP and TYPE before each family. No
 * timestamps, no label per device. */
#pragma once

#include <stdint.h>
#include <stdio.h>

void metrics_family(FILE *out, const char *name, const char *type, const char *help);

/* A family of one series without labels. */
void metrics_single(FILE *out, const char *name, const char *type, const char *help,
                    uint64_t value);
