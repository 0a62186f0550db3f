/* What the kernel counts in this network namespace. Needs no privilege. */
#pragma once

#include <stdint.h>

/* IPReversePathFilter: packets dropped by rp_filter since the namespace was made. -ENODATA where
 * the kernel does not count them, or the error of reading. */
int reverse_path_counter(uint64_t *ret);
