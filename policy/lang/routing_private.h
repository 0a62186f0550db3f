/* What [routing] and [routing PATTERN] say, as it was read: shared by their reader and by
 * routing.c, which settles what holds. */
#pragma once

#include "policy/lang/routing.h"

/* PATTERN = auto, or off */
struct routing_line {
    struct pattern pattern;
    bool on;
    struct origin origin;
};

enum routing_word {
    ROUTING_GATEWAY_IPV4,
    ROUTING_GATEWAY_IPV6,
    ROUTING_TABLE,
    ROUTING_PRIORITY,
    ROUTING_MAIN_FIRST,
    ROUTING_ROUTES,
    ROUTING_WORD_COUNT,
};

/* [routing PATTERN]. What it does not say has a `said` without file. */
struct routing_section {
    struct pattern pattern;
    struct origin origin; /* of the header */
    struct origin said[ROUTING_WORD_COUNT];
    enum routing_gateway gateway[IP_FAMILIES];
    struct ip address[IP_FAMILIES];
    uint32_t table, priority; /* 0: auto */
    enum routing_main_first main_first;
    struct routing_extra *routes;
    size_t n_routes, routes_capacity;
};

struct routing {
    struct routing_line *lines; /* as read; after routing_finish() strongest first */
    size_t n_lines, lines_capacity;
    struct routing_section *sections; /* likewise */
    size_t n_sections, sections_capacity;
};
