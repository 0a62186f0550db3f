/* The rows of this program. */
#include "agent/cli/change/engine_rows.h"

const struct engine *const engine_rows[ROW_COUNT + 1] = {
    [ROW_ROUTES] = &engine_routes, [ROW_SYSCTL] = &engine_sysctl};
