/* What `apply` tells of what has changed: by itself, by an agent or another program since it began,
 * values and what other engines have. As lines, devices alike in one, and as JSON. */
#pragma once

#include "agent/cli/change/look.h"

struct told {
    struct cli *cli;
    struct alike lines; /* of values, until something else is to be printed */
    struct writings writings;
};

void told_begin(struct told *told, struct cli *cli);
void told_done(struct told *told);

/* Put out the head of JSON: what the look shows, before anything is written. */
void told_open(struct told *told, const struct look *look, bool observes);

/* As members of struct change_listener. */
void told_change(struct told *told, const struct change_report *report);
void told_finished(struct told *told, unsigned phases, const struct engine_report *found);

/* What has changed besides. engines: as told when it began, by the policy that was carried out. */
void told_others(struct told *told, const struct live *began, const struct look *look,
                 const struct look *now);

/* What would be written, by --dry-run and where the policy only observes. */
void told_instead(struct told *told, const struct look *look);

/* The last lines, or the rest of JSON. True where nothing was to be told. */
bool told_end(struct told *told, const struct look *look, const struct change_outcome *outcome);
