/* The words for why packets are dropped. */
#include "agent/drops/drops.h"

const char *drop_reason_name(enum drop_reason reason)
{
    static const char *const names[REASON_COUNT] = {
        [REASON_RP_FILTER] = "rp_filter",
        [REASON_LOCAL_SOURCE] = "local source",
        [REASON_INVALID_SOURCE] = "invalid source",
        [REASON_LOCALNET] = "localnet",
    };

    return names[reason];
}
