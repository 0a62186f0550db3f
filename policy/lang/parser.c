/* What every reader of a section does: errors at a line, names that are not known, one more rule.
 */
#include "policy/lang/parser.h"

#include "policy/base/text.h"
#include "policy/base/words.h"

void parser_error(struct parser *parser, unsigned line, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = text_vformat(format, ap);
    va_end(ap);
    if (!text) {
        gather(&parser->error, -ENOMEM);
        return;
    }
    diags_add(parser->diags, DIAG_ERROR, parser->file, line, "%s", text);
}

bool parser_took(struct parser *parser, unsigned line, int r, char **message)
{
    if (r == -EINVAL) {
        parser_error(parser, line, "%s", *message);
        free(TAKE_PTR(*message));
    } else {
        gather(&parser->error, r);
    }
    return r >= 0;
}

void parser_unknown(struct parser *parser, unsigned line, const char *section, const char *name,
                    const char *const *known)
{
    _cleanup_free_ char *hint = NULL;

    if (name[0] == '-') {
        diags_add(parser->diags, DIAG_WARNING, parser->file, line,
                  "'%s' in [%s] is not known to this version; the line is ignored",
                  NAME_SHOWN(name + 1), section);
        return;
    }
    hint = words_suggest(name, known);
    if (!hint) {
        gather(&parser->error, -ENOMEM);
        return;
    }
    parser_error(parser, line, "unknown name '%s' in [%s]; %s", NAME_SHOWN(name), section, hint);
}

bool parser_check_name(struct parser *parser, unsigned line, const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    if (n > 0 && name[n] == '\0')
        return true;
    parser_error(parser, line, "'%s' cannot be used as a name: use letters, digits, '-', '_', '.'",
                 NAME_SHOWN(name));
    return false;
}

void parser_add_rule(struct parser *parser, struct rule *rule)
{
    struct policy *policy = parser->policy;
    int r;

    r = grow((void **)&policy->rules, &policy->rules_capacity, policy->n_rules,
             sizeof(*policy->rules));
    if (r < 0) {
        gather(&parser->error, r);
        rule_done(rule);
        return;
    }
    policy->keys |= KEY_BIT(rule->key);
    policy->rules[policy->n_rules++] = *rule;
}
