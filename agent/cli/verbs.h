/* The verbs of the program, each the row at the end of its own file. */
#pragma once

#include "agent/cli/frame/cli.h"

extern const struct verb verb_check;
extern const struct verb verb_plan;
extern const struct verb verb_apply;
extern const struct verb verb_accept;
extern const struct verb verb_validate;
extern const struct verb verb_list;
extern const struct verb verb_explain;
extern const struct verb verb_monitor;
extern const struct verb verb_generate;
extern const struct verb verb_verdict;
extern const struct verb verb_pause;
extern const struct verb verb_resume;
extern const struct verb verb_confirm;
extern const struct verb verb_restore;
extern const struct verb verb_preset;
extern const struct verb verb_routes;
extern const struct verb verb_status;
extern const struct verb verb_diagnose;
extern const struct verb verb_drops;
extern const struct verb verb_report;

extern const struct verb *const verbs[]; /* ends with NULL; in the order help shows */
