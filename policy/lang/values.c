/* The right-hand sides of a policy: text to numbers. */
#include "policy/lang/values.h"

#include <stdio.h>

#define BLANKS " \t\n\v\f\r"

/* Cut blanks off both ends, in place; returns the new beginning. */
static char *trim(char *s)
{
    char *end;

    s += strspn(s, BLANKS);
    end = s + strlen(s);
    while (end > s && strchr(BLANKS, end[-1]))
        *--end = '\0';
    return s;
}

/* One alternative of a rule. */
static int add_value(enum key key, const char *word, struct rule *rule, char **ret_message)
{
    char known[KEY_VALUES_TEXT_SIZE];
    int value;

    if (streq(word, "unmanaged"))
        return diag_refuse(ret_message, "'unmanaged' cannot be combined with other values");
    if (key_value_parse(key, word, &value) < 0 && strchr(word, '#'))
        return diag_refuse(ret_message,
                           "unknown value '%s': behind a value '#' begins no comment, ' ;' does",
                           NAME_SHOWN(word));
    if (key_value_parse(key, word, &value) < 0)
        return diag_refuse(ret_message, "unknown value '%s' for %s: %s, or unmanaged",
                           NAME_SHOWN(word), key_info(key)->name, key_values_text(key, known));
    for (unsigned i = 0; i < rule->n_values; i++) {
        if (rule->values[i] == value)
            return diag_refuse(ret_message, "'%s' stands twice among the alternatives",
                               NAME_SHOWN(word));
    }
    /* Values differ, and no key has more than RULE_VALUES_MAX of them. */
    rule->values[rule->n_values++] = value;
    return 0;
}

/* What stands behind the comma. */
static int parse_modifier(char *text, struct rule *rule, char **ret_message)
{
    text = trim(text);
    if (!streq(text, "observe"))
        return diag_refuse(ret_message, "unknown word '%s' after ',': only observe is known",
                           NAME_SHOWN(text));
    rule->observe = true;
    return 0;
}

int value_parse_rule(enum key key, const char *text, struct rule *rule, char **ret_message)
{
    _cleanup_free_ char *copy = strdup(text), *shown = NULL;
    char known[KEY_VALUES_TEXT_SIZE];
    struct rule parsed = {0};
    char *comma, *values;
    int r;

    if (!copy)
        return -ENOMEM;
    comma = strchr(copy, ',');
    if (comma) {
        *comma = '\0';
        r = parse_modifier(comma + 1, &parsed, ret_message);
        if (r < 0)
            return r;
    }
    values = trim(copy);
    shown = strdup(values);
    if (!shown)
        return -ENOMEM;
    if (!values[0])
        return diag_refuse(ret_message, "a value is missing: %s, or unmanaged",
                           key_values_text(key, known));
    if (streq(values, "unmanaged")) {
        if (parsed.observe)
            return diag_refuse(ret_message, "'unmanaged' cannot be combined with observe");
        parsed.unmanaged = true;
    } else {
        char *word;

        while ((word = strsep(&values, "|"))) {
            r = add_value(key, trim(word), &parsed, ret_message);
            if (r < 0)
                return r;
        }
    }
    memcpy(rule->values, parsed.values, sizeof(rule->values));
    rule->n_values = parsed.n_values;
    rule->unmanaged = parsed.unmanaged;
    rule->observe = parsed.observe || (key_info(key)->report_only && !parsed.unmanaged);
    rule->value_text = TAKE_PTR(shown);
    return 0;
}

int value_parse_time(const char *text, uint64_t *ret_usec)
{
    static const struct {
        const char *name;
        uint64_t seconds;
    } units[] = {
        {"", 1}, {"s", 1}, {"sec", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400},
    };
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits + strspn(text + digits, " \t");
    unsigned long long number;

    if (digits == 0)
        return -EINVAL;
    for (size_t i = 0; i < ELEMENTSOF(units); i++) {
        if (!streq(unit, units[i].name))
            continue;
        if (digits > 12)
            return -ERANGE;
        number = strtoull(text, NULL, 10);
        if (number > UINT64_MAX / USEC_PER_SEC / units[i].seconds)
            return -ERANGE;
        *ret_usec = number * units[i].seconds * USEC_PER_SEC;
        return 0;
    }
    return -EINVAL;
}

const char *value_format_time(double seconds, char buf[static 24])
{
    static const struct {
        const char *name;
        double seconds, end; /* the unit, and where the next one begins, in seconds */
    } units[] = {
        {"ms", 1e-3, 1}, {"s", 1, 120}, {"min", 60, 7200}, {"h", 3600, 172800}, {"days", 86400, 0},
    };
    size_t i = seconds == 0 ? 1 : 0;
    double number;

    /* What would be rounded to the end belongs to the next unit, too. */
    while (i + 1 < ELEMENTSOF(units) && seconds >= units[i].end - units[i].seconds / 2)
        i++;
    number = seconds / units[i].seconds;
    snprintf(buf, 24, number < 9.95 ? "%.2g %s" : "%.0f %s", number, units[i].name);
    return buf;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

int value_parse_date(const char *text, int *ret)
{
    int year, month, day;

    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
        return -EINVAL;
    for (size_t i = 0; i < 10; i++) {
        if (i != 4 && i != 7 && (text[i] < '0' || text[i] > '9'))
            return -EINVAL;
    }
    year = atoi(text);
    month = atoi(text + 5);
    day = atoi(text + 8);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return -EINVAL;
    *ret = year * 10000 + month * 100 + day;
    return 0;
}

int value_parse_switch(const char *text, bool *ret)
{
    if (!streq(text, "yes") && !streq(text, "no"))
        return -EINVAL;
    *ret = text[0] == 'y';
    return 0;
}
