/* Reading [routing] and [routing PATTERN]: text to what it says, line by line. What holds for a
 * device, and what can only be judged when all files were read, is in routing.c. */
#include <stdio.h>

#include "policy/base/words.h"
#include "policy/lang/parser.h"
#include "policy/lang/routing_private.h"

#define TABLE_COMPAT 252 /* and these four: default, main and local are the kernel's own */
#define TABLE_LOCAL 255

static struct routing *storage(struct parser *parser)
{
    if (!parser->policy->routing) {
        parser->policy->routing = calloc(1, sizeof(*parser->policy->routing));
        if (!parser->policy->routing)
            gather(&parser->error, -ENOMEM);
    }
    return parser->policy->routing;
}

/* A pattern of devices: neither a pin nor lo. */
static bool read_pattern(struct parser *parser, const char *text, unsigned line,
                         struct pattern *ret)
{
    char *message = NULL;

    if (!parser_took(parser, line, pattern_parse(text, ret, &message), &message))
        return false;
    if (pattern_is_pin(ret)) {
        parser_error(parser, line, "'%s' is not a device and has no addresses", text);
    } else if (ret->kind == PATTERN_EXACT && streq(ret->text, "lo")) {
        parser_error(parser, line,
                     "nothing leaves through lo; name the devices that replies shall "
                     "leave through");
    } else {
        if (pattern_advice(ret))
            diags_add(parser->diags, DIAG_NOTE, parser->file, line, "'%s': %s", NAME_SHOWN(text),
                      pattern_advice(ret));
        return true;
    }
    pattern_done(ret);
    return false;
}

/* [routing] */

static void line_entry(struct parser *parser, const char *name, const char *value, unsigned line)
{
    struct routing_line entry = {.origin = {.file = parser->file, .line = line}};
    struct routing *routing = storage(parser);
    bool sound = streq(value, "auto") || streq(value, "off");

    if (!sound)
        parser_error(parser, line,
                     "unknown value '%s' for routing: auto (replies leave through the device) or "
                     "off; gateway, table and the like go into [routing %s]",
                     NAME_SHOWN(value), NAME_SHOWN(name));
    if (!routing || !read_pattern(parser, name, line, &entry.pattern))
        return;
    if (!sound || grow((void **)&routing->lines, &routing->lines_capacity, routing->n_lines,
                       sizeof(*routing->lines)) < 0) {
        gather(&parser->error, sound ? -ENOMEM : 0);
        pattern_done(&entry.pattern);
        return;
    }
    entry.on = streq(value, "auto");
    routing->lines[routing->n_lines++] = entry;
}

const struct section routing_section = {.name = "routing", .entry = line_entry};

/* [routing PATTERN] */

static bool device_begin(struct parser *parser, const char *name, unsigned line)
{
    struct routing_section section = {.origin = {.file = parser->file, .line = line}};
    struct routing *routing = storage(parser);

    if (!routing || !read_pattern(parser, name, line, &section.pattern))
        return false;
    if (grow((void **)&routing->sections, &routing->sections_capacity, routing->n_sections,
             sizeof(*routing->sections)) < 0) {
        gather(&parser->error, -ENOMEM);
        pattern_done(&section.pattern);
        return false;
    }
    parser->index = routing->n_sections++;
    routing->sections[parser->index] = section;
    return true;
}

static struct routing_section *current(struct parser *parser)
{
    return &parser->policy->routing->sections[parser->index];
}

static const char *const gateway_words[] = {"auto", "first", "none"};

static bool read_gateway_word(const char *text, enum routing_gateway *ret)
{
    for (unsigned i = 0; i < ELEMENTSOF(gateway_words); i++) {
        if (streq(text, gateway_words[i])) {
            *ret = (enum routing_gateway)i;
            return true;
        }
    }
    return false;
}

static bool read_gateway_address(struct parser *parser, const char *text, unsigned line,
                                 struct ip *ret)
{
    if (ip_parse(text, ret) < 0)
        parser_error(parser, line,
                     "gateway = '%s' is not an address: auto (found), first (the first host of the "
                     "subnet), none, or an address of either family",
                     NAME_SHOWN(text));
    else if (!ip_is_host(ret) || ip_is_loopback(ret))
        parser_error(parser, line, "gateway = %s cannot be the address of a router", text);
    else
        return true;
    return false;
}

static void words_drop(char ***words)
{
    words_free(*words);
}

/* One word for both families, an address for its own, or one for each: without an address IPv4
 * comes first. */
static void take_gateway(struct parser *parser, const char *value, unsigned line)
{
    struct routing_section *section = current(parser);
    _cleanup_(words_drop) char **words = NULL;
    bool taken[IP_FAMILIES] = {false};
    enum routing_gateway kind;
    struct ip address;
    size_t n;

    if (words_append(&words, value) < 0) {
        gather(&parser->error, -ENOMEM);
        return;
    }
    n = words_count(words);
    if (n == 0 || n > IP_FAMILIES) {
        parser_error(parser, line,
                     "gateway = '%s': auto, first, none or an address is expected, "
                     "or one of them for IPv4 and one for IPv6",
                     NAME_SHOWN(value));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned f;

        if (read_gateway_word(words[i], &kind))
            continue;
        if (!read_gateway_address(parser, words[i], line, &address))
            return;
        f = IP_INDEX(address.family);
        if (taken[f]) {
            parser_error(parser, line, "two gateways for %s; a device has one for each family",
                         f ? "IPv6" : "IPv4");
            return;
        }
        taken[f] = true;
        section->gateway[f] = ROUTING_GATEWAY_ADDRESS;
        section->address[f] = address;
        section->said[f] = (struct origin){.file = parser->file, .line = line};
    }
    for (size_t i = 0; i < n; i++) {
        if (!read_gateway_word(words[i], &kind))
            continue;
        for (unsigned f = 0; f < IP_FAMILIES; f++) {
            if (taken[f])
                continue;
            taken[f] = n > 1;
            section->gateway[f] = kind;
            section->said[f] = (struct origin){.file = parser->file, .line = line};
            if (n > 1)
                break;
        }
    }
}

static bool read_number(const char *text, uint64_t max, uint32_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long long number;

    if (digits == 0 || text[digits] || digits > 10)
        return false;
    number = strtoull(text, NULL, 10);
    if (number > max)
        return false;
    *ret = (uint32_t)number;
    return true;
}

static void take_table(struct parser *parser, const char *value, unsigned line)
{
    struct routing_section *section = current(parser);
    uint32_t table = 0;

    if (!streq(value, "auto") && (!read_number(value, UINT32_MAX, &table) || table == 0)) {
        parser_error(parser, line, "table = '%s' is not a number from 1 to 4294967295, or auto",
                     NAME_SHOWN(value));
        return;
    }
    if (table > TABLE_COMPAT && table <= TABLE_LOCAL) {
        parser_error(parser, line, "table = %s is the kernel's own table '%s'", value,
                     (const char *const[]){"default", "main", "local"}[table - TABLE_COMPAT - 1]);
        return;
    }
    if (table && section->pattern.kind == PATTERN_RANGE)
        parser_error(parser, line,
                     "table = %s for several devices; each has one of its own: say it in a section "
                     "for each, or leave it away",
                     value);
    section->table = table;
}

static void take_priority(struct parser *parser, const char *value, unsigned line)
{
    uint32_t priority = 0;

    if (streq(value, "auto") || (read_number(value, ROUTING_PRIORITY_MAX, &priority) && priority))
        current(parser)->priority = priority;
    else
        parser_error(parser, line,
                     "priority = '%s' is not a number from 1 to %d, or auto; 0, 32766 and 32767 "
                     "are those of the kernel's own rules",
                     NAME_SHOWN(value), ROUTING_PRIORITY_MAX);
}

static void take_main_first(struct parser *parser, const char *value, unsigned line)
{
    static const char *const words[] = {"auto", "yes", "no"};

    for (unsigned i = 0; i < ELEMENTSOF(words); i++) {
        if (streq(value, words[i])) {
            current(parser)->main_first = (enum routing_main_first)i;
            return;
        }
    }
    parser_error(parser, line, "unknown value '%s' for main-first: auto, yes or no",
                 NAME_SHOWN(value));
}

/* "PREFIX via ADDRESS" or "PREFIX"; words[0] is there. */
static bool read_route(struct parser *parser, char *const *words, unsigned line,
                       struct routing_extra *ret)
{
    size_t n = words_count(words);
    struct ip_prefix masked;
    char shown[IP_TEXT_MAX];

    if (ip_prefix_parse(words[0], &ret->to) < 0) {
        parser_error(parser, line, "'%s' is not a prefix; write 'routes = PREFIX via ADDRESS'",
                     NAME_SHOWN(words[0]));
        return false;
    }
    masked = ip_prefix_masked(&ret->to);
    if (ip_prefix_compare(&masked, &ret->to) != 0) {
        parser_error(parser, line, "%s has host bits; did you mean %s?", words[0],
                     ip_prefix_text(&masked, shown));
        return false;
    }
    if (ret->to.length == 0) {
        parser_error(parser, line, "%s is the default route; write 'gateway = ADDRESS'", words[0]);
        return false;
    }
    if (n == 1 || (n == 2 && streq(words[1], "onlink")))
        return true;
    if (n != 3 || !streq(words[1], "via")) {
        parser_error(parser, line,
                     "after %s: 'via ADDRESS' is expected, or nothing for a prefix "
                     "that is on the link",
                     words[0]);
    } else if (ip_parse(words[2], &ret->via) < 0 || !ip_is_host(&ret->via) ||
               ip_is_loopback(&ret->via)) {
        parser_error(parser, line, "via '%s' is not the address of a router", NAME_SHOWN(words[2]));
    } else if (ret->via.family != ret->to.ip.family) {
        parser_error(parser, line, "%s via %s: an IPv4 and an IPv6 address do not fit", words[0],
                     words[2]);
    } else {
        return true;
    }
    return false;
}

static void take_route(struct parser *parser, const char *text, unsigned line)
{
    struct routing_section *section = current(parser);
    struct routing_extra extra = {.origin = {.file = parser->file, .line = line}};
    _cleanup_(words_drop) char **words = NULL;

    if (words_append(&words, text) < 0) {
        gather(&parser->error, -ENOMEM);
        return;
    }
    if (!words[0]) {
        parser_error(parser, line, "a route is missing; write 'routes = PREFIX via ADDRESS'");
        return;
    }
    if (!read_route(parser, words, line, &extra))
        return;
    for (size_t i = 0; i < section->n_routes; i++) {
        if (ip_prefix_compare(&section->routes[i].to, &extra.to) == 0) {
            parser_error(parser, line, "%s stands twice, first in line %u", words[0],
                         section->routes[i].origin.line);
            return;
        }
    }
    if (grow((void **)&section->routes, &section->routes_capacity, section->n_routes,
             sizeof(*section->routes)) < 0)
        gather(&parser->error, -ENOMEM);
    else
        section->routes[section->n_routes++] = extra;
}

static void take_routes(struct parser *parser, const char *value, unsigned line)
{
    _cleanup_free_ char *copy = strdup(value);
    char *rest = copy, *text;

    if (!copy) {
        gather(&parser->error, -ENOMEM);
        return;
    }
    while ((text = strsep(&rest, ",")))
        take_route(parser, text, line);
}

static void device_entry(struct parser *parser, const char *name, const char *value, unsigned line)
{
    static const struct {
        const char *name;
        enum routing_word word;
        void (*take)(struct parser *parser, const char *value, unsigned line);
    } words[] = {
        {"gateway", ROUTING_GATEWAY_IPV4, take_gateway},
        {"table", ROUTING_TABLE, take_table},
        {"priority", ROUTING_PRIORITY, take_priority},
        {"main-first", ROUTING_MAIN_FIRST, take_main_first},
        {"routes", ROUTING_ROUTES, take_routes},
    };
    const char *known[ELEMENTSOF(words) + 1] = {NULL};
    struct routing_section *section = current(parser);

    for (size_t i = 0; i < ELEMENTSOF(words); i++) {
        struct origin *said = &section->said[words[i].word];
        bool again = said->file || (i == 0 && section->said[ROUTING_GATEWAY_IPV6].file);

        known[i] = words[i].name;
        if (!streq(parser_word(name), words[i].name))
            continue;
        if (again && words[i].word != ROUTING_ROUTES) {
            parser_error(parser, line, "'%s' stands twice in [routing %s], first in line %u",
                         words[i].name, NAME_SHOWN(section->pattern.text),
                         said->file ? said->line : section->said[ROUTING_GATEWAY_IPV6].line);
            return;
        }
        if (words[i].word != ROUTING_GATEWAY_IPV4 && !said->file)
            *said = (struct origin){.file = parser->file, .line = line};
        words[i].take(parser, value, line);
        return;
    }
    parser_unknown(parser, line, "routing", name, known);
}

const struct section routing_device_section = {
    .name = "routing", .named = true, .begin = device_begin, .entry = device_entry};
