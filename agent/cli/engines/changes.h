/* One change of an engine, before or after it is made, as a line, as a row and as JSON: a value by
 * its device, its key, and what it was and will be; all else by its command. The same for `plan`,
 * `apply`, `restore` and `routes`. */
#pragma once

#include "agent/cli/session/report.h"
#include "agent/engines/engine.h"

/* "ip route add …: why", or of a value what stands behind the device's name: "rp_filter 2 -> 0,
 * effectively loose -> off: lxc*=off (FILE:3)". Green what comes, red what goes. Owned; NULL when
 * memory ran out. */
char *change_said(const struct engine_change *change, const struct output *out);

/* The device of which that is said; NULL: it says so itself. */
const char *change_device(const struct engine_change *change);

/* Both, and what ends the line. */
void change_print(struct output *out, const struct engine_change *change, const char *end);

/* A row; step: that of the table, title: of the column of commands, where there is one. */
int change_put(struct row *row, const struct engine_change *change, const char *title, size_t step);

/* {op, name, reason, command}: op and command are the engine's; name null for what no device has.
 * Of a value {step, ifindex, name, key, old, new, before, after, reason, rule, message}. */
json_t *json_change(const struct engine_change *change);

/* A line of what waits for what is missing: "…: held back, policy routing cannot be set up: …". */
void change_print_held(struct output *out, const struct engine_change *change,
                       const struct missing_ways *missing);

/* json_change() of that with the members `command`, `error` and `reason`. */
json_t *json_held(const struct missing_ways *missing, const struct engine_change *change);
