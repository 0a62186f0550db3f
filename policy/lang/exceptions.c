/* [exception NAME]: devices that are treated differently, with the reason why and until when. Their
 * keys become rules when the section ends, since `devices` may stand below them. */
#include <stdio.h>

#include "policy/base/text.h"
#include "policy/base/words.h"
#include "policy/lang/parser.h"
#include "policy/lang/values.h"

/* What was said at all, also where it was wrong: one message about it is enough. */
enum {
    SEEN_REASON = 1 << 0,
    SEEN_DEVICES = 1 << 1,
    SEEN_KEY = 1 << 2,
};

static struct exception *current(struct parser *parser)
{
    return &parser->policy->exceptions[parser->index];
}

static bool exception_begin(struct parser *parser, const char *name, unsigned line)
{
    struct policy *policy = parser->policy;
    struct exception *exception;
    int r;

    if (!parser_check_name(parser, line, name))
        return false;
    for (size_t i = 0; i < policy->n_exceptions; i++) {
        exception = &policy->exceptions[i];
        if (streq(exception->name, name)) {
            parser_error(parser, line, "[exception %s] is stated twice, first in %s:%u", name,
                         NAME_SHOWN(exception->origin.file), exception->origin.line);
            return false;
        }
    }
    r = grow((void **)&policy->exceptions, &policy->exceptions_capacity, policy->n_exceptions,
             sizeof(*policy->exceptions));
    if (r < 0) {
        gather(&parser->error, r);
        return false;
    }
    exception = &policy->exceptions[policy->n_exceptions];
    *exception = (struct exception){.origin = {.file = parser->file, .line = line}};
    exception->name = strdup(name);
    if (!exception->name) {
        gather(&parser->error, -ENOMEM);
        return false;
    }
    parser->index = policy->n_exceptions++;
    parser->seen = 0;
    return true;
}

/* A text that is said once. */
static void take_text(struct parser *parser, char **text, const char *name, const char *value,
                      unsigned line)
{
    if (*text) {
        parser_error(parser, line, "'%s' stands twice in [exception %s]", name,
                     current(parser)->name);
    } else if (text_is_blank(value)) {
        parser_error(parser, line, "'%s' is empty", name);
    } else {
        *text = strdup(value);
        if (!*text)
            gather(&parser->error, -ENOMEM);
    }
}

static void take_reason(struct parser *parser, const char *value, unsigned line)
{
    parser->seen |= SEEN_REASON;
    take_text(parser, &current(parser)->reason, "reason", value, line);
}

static void take_ref(struct parser *parser, const char *value, unsigned line)
{
    take_text(parser, &current(parser)->ref, "ref", value, line);
}

static void take_until(struct parser *parser, const char *value, unsigned line)
{
    struct exception *exception = current(parser);

    if (exception->until)
        parser_error(parser, line, "'until' stands twice in [exception %s]", exception->name);
    else if (value_parse_date(value, &exception->until) < 0)
        parser_error(parser, line, "until = '%s' is not a day of the calendar; write YYYY-MM-DD",
                     NAME_SHOWN(value));
}

static bool device_is_sound(struct parser *parser, const char *text, unsigned line)
{
    struct pattern pattern;
    char *message = NULL;
    bool pin;

    if (text[strlen(text) - 1] == ',') {
        parser_error(
            parser, line,
            "'%s': patterns are separated by blanks; where a name ends with a comma, write "
            "'?' for it",
            NAME_SHOWN(text));
        return false;
    }
    if (!parser_took(parser, line, pattern_parse(text, &pattern, &message), &message))
        return false;
    pin = pattern_is_pin(&pattern);
    if (pin)
        parser_error(parser, line,
                     "'%s' is not a device and cannot be in an exception; pin it in the section of "
                     "the key",
                     text);
    else if (pattern_advice(&pattern))
        diags_add(parser->diags, DIAG_NOTE, parser->file, line, "'%s': %s", NAME_SHOWN(text),
                  pattern_advice(&pattern));
    pattern_done(&pattern);
    return !pin;
}

static void take_devices(struct parser *parser, const char *value, unsigned line)
{
    struct exception *exception = current(parser);
    size_t had = words_count(exception->devices), kept = had;
    int r;

    parser->seen |= SEEN_DEVICES;
    r = words_append(&exception->devices, value);
    if (r < 0) {
        gather(&parser->error, r);
        return;
    }
    if (!exception->devices[had])
        parser_error(parser, line, "'devices' is empty");
    /* Only what can be used stays; the rest was reported. */
    for (size_t i = had; exception->devices[i]; i++) {
        if (device_is_sound(parser, exception->devices[i], line))
            exception->devices[kept++] = exception->devices[i];
        else
            free(exception->devices[i]);
    }
    exception->devices[kept] = NULL;
}

/* Remember the rule; its devices come later. */
static void take_key(struct parser *parser, enum key key, const char *value, unsigned line)
{
    struct rule rule = {.key = key,
                        .exception = (int)parser->index,
                        .origin = {.file = parser->file, .line = line}};
    char *message = NULL;
    int r;

    parser->seen |= SEEN_KEY;
    for (size_t i = 0; i < parser->n_drafts; i++) {
        if (parser->drafts[i].key == key) {
            parser_error(parser, line, "'%s' stands twice in [exception %s], first in line %u",
                         key_info(key)->name, current(parser)->name, parser->drafts[i].origin.line);
            return;
        }
    }
    if (!parser_took(parser, line, value_parse_rule(key, value, &rule, &message), &message))
        return;
    r = grow((void **)&parser->drafts, &parser->drafts_capacity, parser->n_drafts,
             sizeof(*parser->drafts));
    if (r < 0) {
        gather(&parser->error, r);
        rule_done(&rule);
        return;
    }
    parser->drafts[parser->n_drafts++] = rule;
}

static void unknown_word(struct parser *parser, const char *name, unsigned line)
{
    const char *known[4 + KEY_COUNT + 1] = {"devices", "reason", "ref", "until"};

    for (enum key key = 0; key < KEY_COUNT; key++)
        known[4 + key] = key_info(key)->name;
    parser_unknown(parser, line, "exception", name, known);
}

static void exception_entry(struct parser *parser, const char *name, const char *value,
                            unsigned line)
{
    static const struct {
        const char *name;
        void (*take)(struct parser *parser, const char *value, unsigned line);
    } words[] = {
        {"devices", take_devices},
        {"reason", take_reason},
        {"ref", take_ref},
        {"until", take_until},
    };
    enum key key;

    if (key_from_name(parser_word(name), &key) == 0) {
        take_key(parser, key, value, line);
        return;
    }
    for (size_t i = 0; i < ELEMENTSOF(words); i++) {
        if (streq(parser_word(name), words[i].name)) {
            words[i].take(parser, value, line);
            return;
        }
    }
    unknown_word(parser, name, line);
}

/* One rule for one of the exception's devices. */
static int add_rule(struct parser *parser, const struct rule *draft, const char *device)
{
    struct rule rule = *draft;
    char *message = NULL;
    int r;

    rule.value_text = strdup(draft->value_text);
    if (!rule.value_text)
        return -ENOMEM;
    r = pattern_parse(device, &rule.pattern, &message);
    if (r < 0) {
        free(message);
        rule_done(&rule);
        return r;
    }
    parser_add_rule(parser, &rule);
    return 0;
}

static void exception_end(struct parser *parser)
{
    struct exception *exception = current(parser);
    unsigned line = exception->origin.line;

    if (!(parser->seen & SEEN_REASON))
        parser_error(parser, line, "[exception %s] says no reason; add 'reason = TEXT'",
                     exception->name);
    if (!(parser->seen & SEEN_DEVICES))
        parser_error(parser, line, "[exception %s] names no devices; add 'devices = PATTERN'",
                     exception->name);
    if (!(parser->seen & SEEN_KEY))
        parser_error(parser, line,
                     "[exception %s] names no key; add for instance 'rp_filter = loose'",
                     exception->name);
    for (size_t i = 0; i < parser->n_drafts; i++) {
        for (size_t k = 0; exception->devices && exception->devices[k]; k++)
            gather(&parser->error, add_rule(parser, &parser->drafts[i], exception->devices[k]));
        rule_done(&parser->drafts[i]);
    }
    parser->n_drafts = 0;
}

void exception_done(struct exception *exception)
{
    free(exception->name);
    free(exception->reason);
    free(exception->ref);
    words_free(exception->devices);
}

const struct section exception_section = {
    .name = "exception",
    .named = true,
    .begin = exception_begin,
    .entry = exception_entry,
    .end = exception_end,
};
