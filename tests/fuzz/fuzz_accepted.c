/* The accepted policy: any bytes; and bytes put into its format as `accept` would, which must read
 * back as the same policy, or as none when one bit of them is changed. What only `accept` judges is
 * not judged again, so that a policy it would refuse may be read, and must be safe to use. */
#include "agent/store/policy_load.h"
#include "fuzz.h"
#include "policy/lang/compile.h"
#include "policy/lang/policy.h"

static void use(const struct policy *policy)
{
    struct device device = {.ifindex = 2, .name = "eth0", .ipv4 = true, .known = FACT_ADDRESSES};

    for (enum key key = 0; key < KEY_COUNT; key++) {
        const struct rule *undecided, *rule = policy_match(policy, key, &device, &undecided);

        require(!rule || rule->key == key);
    }
}

/* Read for one device the same rules win for it, where the whole could be read. */
static void check_for_device(const char *bytes, size_t n, const struct policy *whole)
{
    struct device device = {.ifindex = 2, .name = "eth0", .ipv4 = true, .known = FACT_ADDRESSES};
    _cleanup_policy_ struct policy *part = NULL;
    int r = policy_parse_accepted(bytes, n, device.name, NULL, &part);

    require(r == 0 || (r == -EBADMSG && !whole));
    for (enum key key = 0; whole && key < KEY_COUNT; key++) {
        const struct rule *a = policy_match(whole, key, &device, NULL);
        const struct rule *b = policy_match(part, key, &device, NULL);

        require(!a == !b);
        require(!a || (a->origin.line == b->origin.line && streq(a->origin.file, b->origin.file)));
    }
    if (part)
        use(part);
}

static void check_bytes(const uint8_t *data, size_t size)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;
    struct part part = part_copy(data, size);
    int r = policy_parse_accepted(part.bytes, part.n, NULL, &diags, &policy);

    require(r == 0 || r == -EBADMSG);
    require((r == 0) == (policy != NULL));
    require(r < 0 || !diags_failed(&diags));
    if (policy)
        use(policy);
    check_for_device(part.bytes, part.n, policy);
    require_diags(&diags);
    part_done(&part);
}

/* The same files read as a policy directly; what is put between the headers goes to f. */
static bool read_directly(const uint8_t *data, size_t size, FILE *f, unsigned *ret_files,
                          struct policy *policy)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    struct part part;
    unsigned n = 0;

    for (; part_next(&data, &size, &part); n++) {
        char path[40];

        snprintf(path, sizeof(path), "/etc/rpfpolicy.d/%03u.conf", n);
        require(policy_add_file(policy, path, part.bytes, part.n, &diags) == 0);
        fprintf(f, "file %zu %s\n", part.n, path);
        fwrite(part.bytes, 1, part.n, f);
        fputc('\n', f);
        part_done(&part);
    }
    require(policy_finish(policy, &diags) == 0);
    *ret_files = n;
    return !diags_failed(&diags);
}

static void check_changed(char *bytes, size_t n, size_t at)
{
    _cleanup_policy_ struct policy *policy = NULL;

    bytes[at] ^= 1;
    require(policy_parse_accepted(bytes, n, NULL, NULL, &policy) == -EBADMSG);
    bytes[at] ^= 1;
}

static void check_round_trip(const uint8_t *data, size_t size)
{
    _cleanup_policy_ struct policy *direct = policy_new(), *policy = NULL;
    _cleanup_free_ char *body = NULL, *bytes = NULL;
    size_t body_size, n;
    char hash[17];
    unsigned files;
    bool valid;
    int r;
    FILE *f = open_memstream(&body, &body_size);

    require(direct && f);
    valid = read_directly(data, size, f, &files, direct);
    require(fclose(f) == 0);

    f = open_memstream(&bytes, &n);
    require(f);
    fprintf(f, "rpfpolicy-accepted 1 %s %u\n", policy_hash_text(direct, hash), files);
    fwrite(body, 1, body_size, f);
    require(fclose(f) == 0);

    r = policy_parse_accepted(bytes, n, NULL, NULL, &policy);
    require(r == 0 || (!valid && r == -EBADMSG));
    check_for_device(bytes, n, policy);
    if (r < 0)
        return;
    use(policy);
    require(policy->hash == direct->hash && policy->n_rules == direct->n_rules);
    for (size_t i = 0; i < policy->n_rules; i++)
        require(policy->rules[i].origin.line == direct->rules[i].origin.line &&
                streq(policy->rules[i].origin.file, direct->rules[i].origin.file));
    /* one bit of the contents of the last file, and one of the hash */
    if (files > 0 && n >= 2)
        check_changed(bytes, n, n - 2);
    check_changed(bytes, n, strlen("rpfpolicy-accepted 1 "));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_bytes(data, size);
    check_round_trip(data, size);
    return 0;
}
