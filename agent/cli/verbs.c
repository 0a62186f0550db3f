/* The order in which help shows the verbs. */
#include "agent/cli/verbs.h"

const struct verb *const verbs[] = {
    &verb_check,   &verb_plan,    &verb_apply,    &verb_accept,  &verb_validate, &verb_list,
    &verb_explain, &verb_monitor, &verb_generate, &verb_verdict, &verb_pause,    &verb_resume,
    &verb_confirm, &verb_restore, &verb_preset,   &verb_routes,  &verb_status,   &verb_diagnose,
    &verb_drops,   &verb_report,  NULL,
};
