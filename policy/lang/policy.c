/* The policy as a whole: its life, from the first file to its end. */
#include "policy/lang/policy.h"

#include <stdio.h>

#include "policy/base/name.h"
#include "policy/lang/compile.h"
#include "policy/lang/parser.h"
#include "policy/lang/routing.h"
#include "policy/lang/sections.h"
#include "policy/lang/validate.h"

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
#define SWEEP_DEFAULT_USEC (60 * UINT64_C(1000000))

struct policy *policy_new(void)
{
    struct policy *policy = calloc(1, sizeof(*policy));

    if (!policy)
        return NULL;
    policy->agent.mode = MODE_OBSERVE;
    policy->agent.sweep_usec = SWEEP_DEFAULT_USEC;
    policy->agent.flush_routes = true;
    policy->agent.routing_table_base = ROUTING_TABLE_BASE;
    policy->agent.routing_priority_base = ROUTING_PRIORITY_BASE;
    policy->hash = FNV_OFFSET;
    return policy;
}

struct policy *policy_new_for(const char *device)
{
    struct policy *policy = policy_new();

    if (policy && device && name_is_valid_device(device))
        memcpy(policy->device, device, strlen(device));
    return policy;
}

struct policy *policy_free(struct policy *policy)
{
    if (!policy)
        return NULL;
    for (size_t i = 0; i < policy->n_files; i++)
        free(policy->files[i]);
    free(policy->files);
    for (size_t i = 0; i < policy->n_rules; i++)
        rule_done(&policy->rules[i]);
    free(policy->rules);
    for (size_t i = 0; i < policy->n_sets; i++)
        set_done(&policy->sets[i]);
    free(policy->sets);
    for (size_t i = 0; i < policy->n_exceptions; i++)
        exception_done(&policy->exceptions[i]);
    free(policy->exceptions);
    routing_free(policy->routing);
    free(policy->agent.metrics_file);
    free(policy->agent.revision);
    for (size_t i = 0; i < policy->agent.n_protect; i++)
        free(policy->agent.protect[i].text);
    free(policy->agent.protect);
    matcher_free(policy->matcher);
    free(policy);
    return NULL;
}

/* The bytes and a NUL behind them, so that "ab" + "c" is not "a" + "bc". */
static uint64_t hash_more(uint64_t hash, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * FNV_PRIME;
    return hash * FNV_PRIME;
}

int policy_add_file(struct policy *policy, const char *path, const char *bytes, size_t n,
                    struct diags *diags)
{
    char *copy = strdup(path);

    if (!copy)
        return -ENOMEM;
    if (grow((void **)&policy->files, &policy->files_capacity, policy->n_files,
             sizeof(*policy->files)) < 0) {
        free(copy);
        return -ENOMEM;
    }
    policy->files[policy->n_files++] = copy;
    policy->hash = hash_more(policy->hash, path, strlen(path));
    policy->hash = hash_more(policy->hash, bytes, n);
    return sections_read(policy, copy, bytes, n, diags);
}

int policy_finish(struct policy *policy, struct diags *diags)
{
    _cleanup_free_ bool *shadowed = NULL;
    int r;

    r = validate_sets(policy, diags);
    if (r < 0)
        return r;
    r = routing_finish(policy, diags);
    if (r < 0)
        return r;
    r = matcher_new(policy, &policy->matcher);
    if (r < 0)
        return r;
    if (!diags) /* what follows only finds words */
        return 0;
    shadowed = calloc(policy->n_rules + 1, sizeof(*shadowed));
    if (!shadowed)
        return -ENOMEM;
    validate_shadows(policy, shadowed, diags);
    validate_pins(policy, shadowed, diags);
    validate_presence(policy, diags);
    validate_blindness(policy, shadowed, diags);
    diags_sort(diags, policy->files, policy->n_files);
    return 0;
}
