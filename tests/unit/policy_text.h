/* For tests: a policy from text, and what was said about it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "policy/lang/policy.h"

#define COUNT_RULES(policy) ((int)(policy)->n_rules)

static inline struct policy *policy_start(void)
{
    struct policy *policy = policy_new();

    assert_non_null(policy);
    return policy;
}

static inline void policy_add(struct policy *policy, const char *path, const char *text,
                              struct diags *diags)
{
    assert_int_equal(policy_add_file(policy, path, text, strlen(text), diags), 0);
}

/* One file "p.conf", read and finished. */
static inline struct policy *policy_of(const char *text, struct diags *diags)
{
    struct policy *policy = policy_start();

    policy_add(policy, "p.conf", text, diags);
    assert_int_equal(policy_finish(policy, diags), 0);
    return policy;
}

static inline void diags_show(const struct diags *diags)
{
    for (size_t i = 0; i < diags->count; i++)
        print_message("  said: %s:%u: %s\n", diags->items[i].file, diags->items[i].line,
                      diags->items[i].text);
}

/* The message of this level at file:line that contains the words. */
static inline void assert_said(const struct diags *diags, enum diag_level level, const char *file,
                               unsigned line, const char *words)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];

        if (diag->level == level && diag->line == line && streq(diag->file, file) &&
            strstr(diag->text, words))
            return;
    }
    diags_show(diags);
    fail_msg("nobody said '%s' at %s:%u", words, file, line);
}

static inline void assert_quiet(const struct diags *diags)
{
    if (diags->count == 0 && !diags->lost)
        return;
    diags_show(diags);
    fail_msg("there was nothing to say");
}

/* The text is refused with exactly one error, at this line of p.conf, containing the words. */
static inline void assert_refused(const char *text, unsigned line, const char *words)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    policy_free(policy_of(text, &diags));

    assert_said(&diags, DIAG_ERROR, "p.conf", line, words);
    if (diags.errors != 1) {
        diags_show(&diags);
        fail_msg("one error was expected for:\n%s", text);
    }
    assert_true(diags_failed(&diags));
}

/* The text is taken without a word. */
static inline void assert_taken(const char *text)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    policy_free(policy_of(text, &diags));

    assert_quiet(&diags);
}
