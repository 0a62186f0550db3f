/* Private to the readers of policy sections: where the reading of one file stands. */
#pragma once

#include "policy/lang/policy.h"

struct parser {
    struct policy *policy;
    const char *file; /* owned by policy.files */
    struct diags *diags;
    int error; /* -ENOMEM once it happened, else 0 */

    const struct section *section; /* NULL before the first header and in passed-over sections */
    enum key key;                  /* of a key section */
    unsigned seen;                 /* of the set or exception being read: its own bits */
    size_t index;                  /* of the set or exception being read */
    struct rule *drafts;           /* of the exception: rules without pattern */
    size_t n_drafts, drafts_capacity;
    struct {
        const char *text; /* into the file */
        size_t n;
    } values[8]; /* of a key section, as written, in a policy that is read for one device */
    size_t n_values;
};

/* A kind of section. begin returns false when its lines are to be passed over. */
struct section {
    const char *name;
    bool named; /* [name NAME] */
    bool (*begin)(struct parser *parser, const char *name, unsigned line);
    void (*entry)(struct parser *parser, const char *name, const char *value, unsigned line);
    void (*end)(struct parser *parser); /* may be NULL */
};

extern const struct section set_section;
extern const struct section exception_section;
extern const struct section routing_section;
extern const struct section routing_device_section;

/* An error at a line of this file. */
void parser_error(struct parser *parser, unsigned line, const char *format, ...) _printf_(3, 4);

/* Take what a function returned that hands a sentence over on -EINVAL: reports it, or keeps
 * -ENOMEM. True when r was no error. */
bool parser_took(struct parser *parser, unsigned line, int r, char **message);

/* `name` is not among `known` of the section: an error with a suggestion, or only a warning where
 * it begins with `-`. */
void parser_unknown(struct parser *parser, unsigned line, const char *section, const char *name,
                    const char *const *known);

/* The name without the `-` that allows it to be unknown. */
static inline const char *parser_word(const char *name)
{
    return name[0] == '-' ? name + 1 : name;
}

/* Is this a name that sets and exceptions may have? Reports it if not. */
bool parser_check_name(struct parser *parser, unsigned line, const char *name);

/* Append a rule: takes over everything it owns, also on failure. */
void parser_add_rule(struct parser *parser, struct rule *rule);

void rule_done(struct rule *rule);
void set_done(struct set *set);
void exception_done(struct exception *exception);
