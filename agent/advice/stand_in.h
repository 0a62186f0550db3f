/* Addresses that stand for everybody in a subnet, or far away. */
#pragma once

#include "agent/kernel/fib.h"

/* Somebody in the subnet who is not this host; 0: nobody. */
struct in_addr stand_in_of_subnet(const struct fib *fib, const struct ip_prefix *prefix);

/* An address that only routes to everybody cover, if any does. The fib holds the tables. */
struct in_addr stand_in_far_away(const struct fib *fib);
