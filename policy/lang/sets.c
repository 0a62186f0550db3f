/* [set NAME]: devices by what they are rather than by name. Reading the section, and asking whether
 * a device belongs; where a fact was not looked up the answer is "not known". */
#include <ctype.h>
#include <stdio.h>

#include "policy/base/words.h"
#include "policy/lang/compile.h"
#include "policy/lang/parser.h"

static const struct {
    const char *name;
    uint32_t fact; /* what it takes to judge the condition, 0: always known */
} conditions[] = {
    [SET_NAME] = {"name", 0},
    [SET_ALTNAME] = {"altname", FACT_ALTNAMES},
    [SET_KIND] = {"kind", 0},
    [SET_TYPE] = {"type", 0},
    [SET_DRIVER] = {"driver", FACT_DRIVER},
    [SET_MAC] = {"mac", FACT_MAC},
    [SET_PERMANENT_MAC] = {"permanent-mac", FACT_MAC},
    [SET_MASTER] = {"master", FACT_MASTER_NAME},
    [SET_PROPERTY] = {"property", FACT_UDEV},
};

static const struct {
    const char *name;
    uint32_t facts;
} builtins[BUILTIN_SET_COUNT] = {
    [BUILTIN_SET_PHYSICAL] = {"physical", 0},
    [BUILTIN_SET_UPLINK] = {"uplink", FACT_ROUTES},
    [BUILTIN_SET_UNNUMBERED] = {"unnumbered", FACT_ADDRESSES},
};

const char *builtin_set_name(enum builtin_set set)
{
    return builtins[set].name;
}

/* Reading */

/* Beside one bit per condition. */
#define SEEN_UNKNOWN (1u << 31)

static struct set *current(struct parser *parser)
{
    return &parser->policy->sets[parser->index];
}

static bool name_is_taken(struct parser *parser, const char *name, unsigned line)
{
    struct policy *policy = parser->policy;

    for (size_t i = 0; i < BUILTIN_SET_COUNT; i++) {
        if (streq(builtins[i].name, name)) {
            parser_error(parser, line, "@%s is built in; choose another name", name);
            return true;
        }
    }
    for (size_t i = 0; i < policy->n_sets; i++) {
        if (streq(policy->sets[i].name, name)) {
            parser_error(parser, line, "[set %s] is stated twice, first in %s:%u", name,
                         NAME_SHOWN(policy->sets[i].origin.file), policy->sets[i].origin.line);
            return true;
        }
    }
    return false;
}

static bool set_begin(struct parser *parser, const char *name, unsigned line)
{
    struct policy *policy = parser->policy;
    struct set set = {.origin = {.file = parser->file, .line = line}};

    if (!parser_check_name(parser, line, name) || name_is_taken(parser, name, line))
        return false;
    set.name = strdup(name);
    if (!set.name || grow((void **)&policy->sets, &policy->sets_capacity, policy->n_sets,
                          sizeof(*policy->sets)) < 0) {
        gather(&parser->error, -ENOMEM);
        set_done(&set);
        return false;
    }
    parser->index = policy->n_sets++;
    parser->seen = 0;
    policy->sets[parser->index] = set;
    return true;
}

static int find_condition(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(conditions); i++) {
        if (streq(conditions[i].name, name))
            return (int)i;
    }
    return -ENOENT;
}

static void unknown_condition(struct parser *parser, const char *name, unsigned line)
{
    const char *known[ELEMENTSOF(conditions) + 1] = {NULL};

    for (size_t i = 0; i < ELEMENTSOF(conditions); i++)
        known[i] = conditions[i].name;
    parser_unknown(parser, line, "set", name, known);
}

/* The KEY of "KEY=GLOB"; returns what follows the `=`, NULL where there is none. */
static const char *take_property(struct parser *parser, const char *value,
                                 struct set_condition *condition, unsigned line)
{
    size_t n = strcspn(value, "= \t");

    if (n == 0 || value[n] != '=') {
        parser_error(parser, line, "property = '%s' is not of the form KEY=VALUE",
                     NAME_SHOWN(value));
        return NULL;
    }
    condition->property = strndup(value, n);
    if (!condition->property) {
        gather(&parser->error, -ENOMEM);
        return NULL;
    }
    return value + n + 1;
}

/* What somebody writes who means something else than a glob, and would never match then. NULL: none
 * of it. */
static const char *misunderstanding(enum set_condition_kind kind, const char *glob)
{
    size_t n = strlen(glob);

    if (glob[0] == '"' && !streq(glob, "\"\""))
        return "quotes would be part of the value; only \"\" has a meaning, \"has none\"";
    if (kind != SET_PROPERTY && strchr(glob, ','))
        return "values are separated by blanks; where a comma is part of one, write '?' for it";
    if (kind != SET_NAME && kind != SET_MASTER)
        return NULL;
    if (glob[0] == '@')
        return "a set is not made of sets; where a name begins with '@', write '?' for it";
    if (strstr(glob, ".."))
        return "there are no ranges in a [set], write a glob such as eth[1-3]; where dots are part "
               "of a name, write '?' for each";
    if (strchr(glob, '/'))
        return "no device name contains '/'";
    return n > DEVICE_NAME_MAX && !strpbrk(glob, "*?[\\") ? "device names have at most 15 bytes"
                                                          : NULL;
}

/* A glob of a condition may hold every byte; it only has to be one. */
static bool glob_is_sound(struct parser *parser, enum set_condition_kind kind, const char *glob,
                          unsigned line)
{
    const char *wrong = misunderstanding(kind, glob);
    enum glob_element element;
    unsigned char byte;
    int n;

    if (glob[0] == '!') {
        parser_error(parser, line,
                     "'%s': '!' negates the whole list and stands once, right after the first '='",
                     NAME_SHOWN(glob));
        return false;
    }
    if (wrong) {
        parser_error(parser, line, "'%s': %s", NAME_SHOWN(glob), wrong);
        return false;
    }
    for (; (n = glob_next(glob, &element, &byte)) > 0; glob += n)
        ;
    if (n < 0)
        parser_error(parser, line, "'%s' is not closed: a '[' without ']' or a '\\' at the end",
                     NAME_SHOWN(glob));
    return n == 0;
}

/* `""` stands for "has none"; MAC addresses are compared in lower case. */
static void normalise(struct set_condition *condition)
{
    for (size_t i = 0; condition->globs[i]; i++) {
        char *glob = condition->globs[i];

        if (streq(glob, "\"\""))
            glob[0] = '\0';
        if (condition->kind != SET_MAC && condition->kind != SET_PERMANENT_MAC)
            continue;
        for (; *glob; glob++)
            *glob = (char)tolower((unsigned char)*glob);
    }
}

static void condition_done(struct set_condition *condition)
{
    free(condition->property);
    words_free(condition->globs);
}

static bool read_condition(struct parser *parser, const char *value,
                           struct set_condition *condition)
{
    unsigned line = condition->origin.line;
    int r;

    condition->negated = value[0] == '!';
    if (condition->negated)
        value += 1 + strspn(value + 1, " \t");
    if (condition->kind == SET_PROPERTY)
        value = take_property(parser, value, condition, line);
    if (!value)
        return false;
    r = words_append(&condition->globs, value);
    if (r < 0) {
        gather(&parser->error, r);
        return false;
    }
    if (!condition->globs[0]) {
        parser_error(parser, line, "'%s' is empty; write \"\" for \"has none\"",
                     conditions[condition->kind].name);
        return false;
    }
    for (size_t i = 0; condition->globs[i]; i++) {
        if (!glob_is_sound(parser, condition->kind, condition->globs[i], line))
            return false;
    }
    normalise(condition);
    return true;
}

static void set_entry(struct parser *parser, const char *name, const char *value, unsigned line)
{
    struct set *set = current(parser);
    struct set_condition condition = {.origin = {.file = parser->file, .line = line}};
    int kind = find_condition(parser_word(name)), r;

    if (kind < 0) {
        unknown_condition(parser, name, line);
        /* One that may be unknown is as if it were not there: alone it makes an empty set. */
        parser->seen |= name[0] == '-' ? 0 : SEEN_UNKNOWN;
        return;
    }
    if (kind != SET_PROPERTY && parser->seen & 1u << kind) {
        parser_error(parser, line, "'%s' stands twice in [set %s]; alternatives go on one line",
                     conditions[kind].name, set->name);
        return;
    }
    parser->seen |= 1u << kind;
    condition.kind = (enum set_condition_kind)kind;
    if (!read_condition(parser, value, &condition)) {
        condition_done(&condition);
        return;
    }
    r = grow((void **)&set->conditions, &set->capacity, set->count, sizeof(*set->conditions));
    if (r < 0) {
        gather(&parser->error, r);
        condition_done(&condition);
        return;
    }
    set->conditions[set->count++] = condition;
}

static void set_end(struct parser *parser)
{
    struct set *set = current(parser);

    if (!parser->seen)
        parser_error(parser, set->origin.line,
                     "[set %s] has no condition; add for instance 'kind = veth'", set->name);
}

void set_done(struct set *set)
{
    free(set->name);
    for (size_t i = 0; i < set->count; i++)
        condition_done(&set->conditions[i]);
    free(set->conditions);
}

const struct section set_section = {
    .name = "set",
    .named = true,
    .begin = set_begin,
    .entry = set_entry,
    .end = set_end,
};

/* Membership */

/* Is the text, NULL or "" for none, one of the alternatives? */
static bool text_matches(const struct set_condition *condition, const char *text)
{
    if (!text)
        text = "";
    for (size_t i = 0; condition->globs[i]; i++) {
        if (!text[0] ? !condition->globs[i][0] : glob_matches(condition->globs[i], text))
            return true;
    }
    return false;
}

static bool altnames_match(const struct set_condition *condition, char *const *names)
{
    if (!names || !names[0])
        return text_matches(condition, NULL);
    for (size_t i = 0; names[i]; i++) {
        if (text_matches(condition, names[i]))
            return true;
    }
    return false;
}

static bool property_matches(const struct set_condition *condition, char *const *properties)
{
    for (size_t i = 0; properties && properties[i]; i++) {
        const char *rest = startswith(properties[i], condition->property);

        if (rest && *rest == '=')
            return text_matches(condition, rest + 1);
    }
    return text_matches(condition, NULL);
}

static bool condition_matches(const struct set_condition *condition, const struct device *device)
{
    char buf[8];

    switch (condition->kind) {
    case SET_NAME:
        return text_matches(condition, device->name);
    case SET_ALTNAME:
        return altnames_match(condition, device->altnames);
    case SET_KIND:
        return text_matches(condition, device->kind);
    case SET_TYPE:
        return text_matches(condition, device_type_name(device->type, buf, sizeof(buf)));
    case SET_DRIVER:
        return text_matches(condition, device->driver);
    case SET_MAC:
        return text_matches(condition, device->mac);
    case SET_PERMANENT_MAC:
        return text_matches(condition, device->permanent_mac);
    case SET_MASTER:
        return text_matches(condition, device->master_name);
    case SET_PROPERTY:
        return property_matches(condition, device->properties);
    }
    return false;
}

/* What is known of a condition. Some facts are known without having been looked up. */
static int condition_judge(const struct set_condition *condition, const struct device *device)
{
    uint32_t fact = conditions[condition->kind].fact;
    bool known = (device->known & fact) == fact;

    if (condition->kind == SET_MASTER && device->master == 0)
        known = true;
    if (device->unseen && condition->kind != SET_NAME)
        known = false;
    if (!known)
        return -1;
    return condition_matches(condition, device) != condition->negated;
}

static int builtin_matches(enum builtin_set set, const struct device *device)
{
    if ((device->known & builtins[set].facts) != builtins[set].facts)
        return -1;
    switch (set) {
    case BUILTIN_SET_PHYSICAL:
        if (device->unseen)
            return device->bus_parent ? -1 : 0;
        return device->bus_parent && !device->kind[0];
    case BUILTIN_SET_UPLINK:
        return device->uplink;
    case BUILTIN_SET_UNNUMBERED:
        return !device->numbered;
    case BUILTIN_SET_COUNT:
        break;
    }
    return 0;
}

int set_matches(const struct policy *policy, int set, const struct device *device)
{
    const struct set *named;
    int result = 1;

    if (set < 0 || streq(device->name, "lo"))
        return 0;
    if (set < BUILTIN_SET_COUNT)
        return builtin_matches((enum builtin_set)set, device);
    named = &policy->sets[set - BUILTIN_SET_COUNT];
    for (size_t i = 0; i < named->count; i++) {
        int r = condition_judge(&named->conditions[i], device);

        if (r == 0) /* one that fails decides, whatever the others would say */
            return 0;
        if (r < 0)
            result = -1;
    }
    return result;
}

uint32_t set_facts(const struct policy *policy, int set)
{
    const struct set *named;
    uint32_t facts = 0;

    if (set < 0)
        return 0;
    if (set < BUILTIN_SET_COUNT)
        return builtins[set].facts;
    named = &policy->sets[set - BUILTIN_SET_COUNT];
    for (size_t i = 0; i < named->count; i++)
        facts |= conditions[named->conditions[i].kind].fact;
    return facts;
}
