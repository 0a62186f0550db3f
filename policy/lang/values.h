/* The right-hand sides of a policy: values of keys, times, dates, words. Text to number, with a
 * sentence for the person who wrote it where it is wrong. */
#pragma once

#include "policy/lang/policy.h"

/* Fill values, n_values, unmanaged, observe and value_text (owned) of a rule. On -EINVAL
 * *ret_message is an owned sentence. -ENOMEM otherwise. */
int value_parse_rule(enum key key, const char *text, struct rule *rule, char **ret_message);

/* "60s", "5min", "1h", "1d" or a plain number of seconds. -EINVAL for anything else, -ERANGE
 * beyond what 64 bits of microseconds hold. */
int value_parse_time(const char *text, uint64_t *ret_usec);

/* "12 ms", "1.5 s", "20 min", "2.5 h", "3 days": two digits, or whole units. Returns buf. */
const char *value_format_time(double seconds, char buf[static 24]);

/* "YYYY-MM-DD", a day that exists, as the number YYYYMMDD. -EINVAL otherwise. */
int value_parse_date(const char *text, int *ret);

/* "yes" or "no". -EINVAL otherwise. */
int value_parse_switch(const char *text, bool *ret);
