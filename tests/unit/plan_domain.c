/* Every combination of small domains: policies as texts that are read, states as numbers. */
#include "plan_domain.h"

#include <stdio.h>

#include "policy_text.h"

static void line(char *text, size_t size, const char *pattern, const char *value)
{
    size_t used = strlen(text);

    if (*value)
        snprintf(text + used, size - used, "%s = %s\n", pattern, value);
}

/* A rule that a pin rules out is refused: no such plan is ever made. */
static struct policy *parse(const char *text)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct policy *policy = policy_of(text, &diags);

    return diags_failed(&diags) ? policy_free(policy) : policy;
}

void domain_each_policy(const struct domain *domain,
                        void (*use)(const struct domain *domain, const char *text,
                                    struct policy *policy, void *data),
                        void *data)
{
    char text[512];

    for (const char *const *rule = domain->rules; *rule; rule++)
        for (const char *const *any = domain->any; *any; any++)
            for (const char *const *all = domain->pins; *all; all++)
                for (const char *const *def = domain->pins; *def; def++) {
                    _cleanup_policy_ struct policy *policy = NULL;

                    if (!**rule && !**any && !**all && !**def)
                        continue;
                    snprintf(text, sizeof(text), "[%s]\n", key_info(domain->key)->name);
                    line(text, sizeof(text), "a*", *rule);
                    line(text, sizeof(text), "*", *any);
                    line(text, sizeof(text), "all", *all);
                    line(text, sizeof(text), "default", *def);
                    policy = parse(text);
                    if (policy)
                        use(domain, text, policy, data);
                }
}

void domain_each_start(const struct domain *domain,
                       void (*use)(const struct domain *domain, const struct sim *start,
                                   bool forwarding, void *data),
                       void *data)
{
    for (size_t i = 0; i < domain->n_stored * domain->n_stored; i++)
        for (int bits = 0; bits < 4; bits++) {
            bool forwarding = bits & 2;
            struct sim start = {.key = domain->key,
                                .all = domain->stored[i / domain->n_stored],
                                .def = domain->stored[i % domain->n_stored],
                                .def_forwarding = forwarding,
                                .def_written = bits & 1};

            if (!forwarding || domain->key == KEY_ACCEPT_REDIRECTS)
                use(domain, &start, forwarding, data);
        }
}
