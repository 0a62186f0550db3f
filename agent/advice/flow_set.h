/* Which flows were looked at already: many routes have one router. */
#pragma once

#include <netinet/in.h>
#include <stddef.h>

#define FLOW_SET_MAX 32768

struct flow_set {
    struct seen_flow {
        int ifindex; /* 0: a free place */
        struct in_addr source, to;
    } * places; /* owned */
    size_t count;
};

/* 1: it is new, 0: it was there, -ENOSPC: new, and there is no room for it. Or -ENOMEM. */
int flow_set_add(struct flow_set *set, int ifindex, struct in_addr source, struct in_addr to);
void flow_set_done(struct flow_set *set);
