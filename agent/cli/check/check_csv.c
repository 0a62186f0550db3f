/* `check` as comma separated values (RFC 4180, lines end with a newline only): one line per key of
 * a device, and of all and default. */
#include <stdio.h>

#include "agent/cli/check/check.h"

static int end(struct check *check)
{
    for (size_t i = 0; i < check->reports.count; i++)
        for (size_t j = 0; j < check->reports.items[i].n_items; j++)
            if (check_shows(check, check->reports.items[i].items[j].ifindex))
                /* CSV needs no memory. */
                (void)check_put_item(check, &check->row, &check->reports.items[i], j);
    return 0;
}

static int special(struct check *check, int which, const struct key_state *state)
{
    check->row.csv = check->out->stream;
    return key_put(&check->row, &(struct key_row){check->session->judge, NULL, state});
}

static int device(struct check *check, const struct device *device, const struct key_state *states,
                  unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        /* CSV needs no memory. */
        (void)key_put(&check->row, &(struct key_row){check->session->judge, device, &states[i]});
    return 0;
}

const struct check_format check_csv = {.special = special, .device = device, .end = end};
