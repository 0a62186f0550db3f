/* The agent's counters in the text format of Prometheus. */
#pragma once

struct agent;

/* Owned text in *ret; no timestamps, no label per device. */
int metrics_text(const struct agent *agent, char **ret);
