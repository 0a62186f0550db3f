/* The fragment as a whole: what `all` and `default` become, and one section per key. Patterns and
 * names are the matter of fragment_rules.c. */
#include <stdio.h>

#include "policy/lang/compile.h"
#include "policy/sysctl/fragment_private.h"

void section_missing(struct section *s, const char *pattern, const char *format, ...)
{
    _cleanup_free_ char *reason = NULL, *shown = name_escape(pattern), *told = NULL;
    va_list ap;

    va_start(ap, format);
    reason = text_vformat(format, ap);
    va_end(ap);
    told = reason ? name_escape(reason) : NULL; /* a file's name may hold anything */
    if (!told || !shown) {
        s->text->failed = true;
        return;
    }
    text_add(s->text, FRAGMENT_MISSING "%s %s: %s\n", key_info(s->key)->name, shown, told);
    (*s->missing)++;
}

void section_ruled_out(struct section *s, const char *pattern, const struct rule *rule)
{
    const struct sysctl_line *line = s->all_decided;
    _cleanup_free_ char *place = NULL;

    if (rule && asprintf(&place, " (%s:%u)", rule->origin.file, rule->origin.line) < 0) {
        place = NULL;
        s->text->failed = true;
    } else if (line) {
        section_missing(s, pattern, "`all` rules it out, which %s:%u decides%s", line->file,
                        line->line, place ?: "");
    } else {
        section_missing(s, pattern, "`all` rules it out, and the policy does not pin `all`%s",
                        place ?: "");
    }
}

bool section_writes(const struct rule *rule)
{
    return rule && !rule->unmanaged && !rule->observe && rule->n_values > 0;
}

/* Is the value had by storing it, whatever cannot be known here? */
static bool certain(const struct section *s, int value)
{
    bool redirects = key_info(s->key)->combine == COMBINE_REDIRECTS;

    for (int all = 0; all <= (s->all_unsure ? 1 : 0); all++)
        for (int forwarding = 0; forwarding <= (redirects ? 1 : 0); forwarding++)
            if (key_effective(s->key, s->all_unsure ? all : s->all, value, forwarding) != value)
                return false;
    return true;
}

bool section_pick(const struct section *s, const struct rule *rule, int *ret)
{
    for (unsigned i = 0; i < rule->n_values; i++)
        if (certain(s, rule->values[i])) {
            *ret = rule->values[i];
            return true;
        }
    return false;
}

bool section_later(const struct sysctl_line *line)
{
    const char *slash = strrchr(line->file, '/');

    return strcmp(slash ? slash + 1 : line->file, FRAGMENT_NAME) > 0;
}

struct stored section_stored(const struct section *s, const char *name)
{
    bool all = streq(name, "all"), def = streq(name, "default");
    const struct key_info *info = key_info(s->key);
    struct stored stored = {.value = all ? info->boot_all : info->boot_default};
    struct sysctl_answer answer = {0};

    if (s->others) {
        stored.exact = sysctl_conf_exact(s->others, name, s->key);
        /* Without an answer nothing is given. */
        (void)sysctl_conf_resolve(s->others, SYSCTL_RUN_FULL, name, s->key, false, &answer);
    }
    stored.given = answer.given;
    if (answer.given)
        stored.value = answer.value;
    else if (!all && !def)
        stored.value = section_stored(s, "default").value;
    return stored;
}

int section_kept(const struct section *s, int stored)
{
    int before = key_effective(s->key, s->all_before, stored, false);

    if (key_effective(s->key, s->all, stored, false) == before ||
        !key_reachable(s->key, s->all, before, false))
        return stored;
    return before;
}

/* The smallest value that a written rule of rp_filter may want; false when there is none. */
static bool find_minimum(const struct section *s, int *ret)
{
    bool found = false;
    int minimum = 0;

    for (size_t i = 0; i < s->n_order; i++) {
        const struct rule *rule = &s->policy->rules[s->order[i]];

        for (unsigned v = 0; section_writes(rule) && v < rule->n_values; v++)
            if (!found || rule->values[v] < minimum) {
                found = true;
                minimum = rule->values[v];
            }
    }
    if (found)
        *ret = minimum;
    return found;
}

/* As the planner does: a pin is obeyed, else rp_filter alone moves `all`, and only down. */
static void decide_all(struct section *s)
{
    const struct rule *pin = policy_pin(s->policy, s->key, PATTERN_ALL);
    struct stored stored = section_stored(s, "all");
    int minimum;

    s->all_before = s->all = stored.value;
    if (stored.exact && section_later(stored.exact)) {
        s->all_decided = stored.exact; /* it comes last, whatever the fragment says */
        s->all_stated = stored.given;
    } else if (section_writes(pin)) {
        s->all = pin->values[0];
        s->all_stated = true;
    } else if (!pin && s->key == KEY_RP_FILTER && find_minimum(s, &minimum)) {
        if (s->all > 0 && key_effective(s->key, s->all, s->all, false) > minimum)
            s->all = minimum;
        s->all_stated = true;
    }
    /* net.ipv4.ip_forward writes all/accept_redirects along the way. */
    s->all_unsure = s->key == KEY_ACCEPT_REDIRECTS && !s->all_stated && !stored.given;
}

/* The one case in which devices without a rule do not stay as they are. */
static void tell_raised(const struct section *s)
{
    for (int stored = 0; stored <= key_info(s->key)->max; stored++) {
        int before = key_effective(s->key, s->all_before, stored, false);

        if (key_effective(s->key, s->all, stored, false) != before &&
            !key_reachable(s->key, s->all, before, false)) {
            text_add(s->text, "# this pin of `all` reaches devices without a rule, too\n");
            return;
        }
    }
}

static void write_all(struct section *s)
{
    const struct rule *pin = policy_pin(s->policy, s->key, PATTERN_ALL);
    struct stored stored = section_stored(s, "all");
    bool wanted = section_writes(pin) || (!pin && s->key == KEY_RP_FILTER && s->all_stated);
    int minimum;

    if (stored.exact && section_later(stored.exact)) {
        if (section_writes(pin) ? pin->values[0] != s->all
                                : wanted && find_minimum(s, &minimum) && s->all > 0 &&
                                      key_effective(s->key, s->all, s->all, false) > minimum)
            section_missing(s, "all", "%s:%u comes later and decides", stored.exact->file,
                            stored.exact->line);
        return;
    }
    if (section_writes(pin))
        tell_raised(s);
    if (wanted)
        section_line(s, "all", s->all);
    else
        section_protect(s, "all");
}

static void write_default(struct section *s)
{
    const struct rule *pin = policy_pin(s->policy, s->key, PATTERN_DEFAULT);
    const struct rule *any = policy_any(s->policy, s->key);
    struct stored stored = section_stored(s, "default");
    int value;

    if (section_writes(pin))
        value = pin->values[0];
    else if (pin || !section_writes(any)) {
        section_protect(s, "default");
        return;
    } else if (!section_pick(s, any, &value)) {
        section_ruled_out(s, "default", NULL);
        section_protect(s, "default");
        return;
    }
    if (stored.exact && section_later(stored.exact)) {
        if (!stored.given || stored.value != value)
            section_missing(s, "default", "%s:%u comes later and decides", stored.exact->file,
                            stored.exact->line);
        return;
    }
    section_line(s, "default", value);
}

/* Globs of files that come after the fragment are written after it. */
static void tell_later_globs(struct section *s)
{
    const struct candidates *globs = s->others ? &s->others->full[s->key] : NULL;
    const struct entry *told = NULL;

    for (size_t i = 0; globs && i < globs->count; i++) {
        const struct entry *e = globs->items[i].entry;

        if (e == told || e->fate != FATE_ALIVE || !section_later(&e->line))
            continue;
        /* A refused value and an exclusion count too: they may take the place of our line. */
        if (e->line.value && !e->refused && e->number == s->lowest && e->number == s->highest)
            continue;
        told = e;
        section_missing(s, globs->items[i].device, "%s:%u comes later and is written last",
                        e->line.file, e->line.line);
    }
}

static void write_section(struct section *s)
{
    s->order = matcher_order(s->policy->matcher, s->key, &s->n_order);
    decide_all(s);
    text_add(s->text, "\n# %s\n", key_info(s->key)->name);
    section_globs(s);
    section_names(s);
    write_default(s);
    write_all(s);
    tell_later_globs(s);
    section_namesakes(s);
}

/* For one host, with the other files that it has. */
static void write_place(struct text *text)
{
    text_add(text, "# Save it under this name, so that it is read after the others:\n"
                   "#   rpfpolicy generate sysctl.d >/etc/sysctl.d/" FRAGMENT_NAME "\n"
                   "# It takes effect at boot and for every device that is added from then on; to\n"
                   "# apply it now, run systemd-sysctl. Write it anew when the policy or another\n"
                   "# file of sysctl.d changes: it answers to both as they are at this moment.\n");
}

/* For any host. */
static void write_use(struct text *text)
{
    text_add(text,
             "# To use it, copy it to /etc/sysctl.d and run: systemctl restart systemd-sysctl\n"
             "# It takes effect at boot and for every device that is added from then on.\n"
             "# It knows nothing of other files of sysctl.d. Where one sets these keys, too:\n"
             "# of two wildcards that of the later file stays, a name beats any wildcard, and\n"
             "# a device that no line reaches follows `all` where it moves.\n");
}

static void write_header(struct text *text, const struct policy *policy, const char *preset,
                         bool any_host)
{
    char hash[17];

    if (preset)
        text_add(text, "# rpfpolicy's preset %s, for systemd-sysctl alone.\n#\n", preset);
    else
        text_add(text, "# What rpfpolicy's policy %s asks for, for systemd-sysctl alone.\n#\n",
                 policy_hash_text(policy, hash));
    if (any_host)
        write_use(text);
    else
        write_place(text);
    text_add(text,
             "# A renamed device keeps the values of its old name. A wildcard reaches a name\n"
             "# with a leading dot when the device is added, not at boot. A leading minus\n"
             "# keeps wildcards of any file off a key, or takes an older line out of its\n"
             "# place. What sysctl.d cannot say is a comment, \"not expressed\".\n");
}

int fragment_generate(const struct policy *policy, const char *preset,
                      const struct sysctl_conf *others, const struct live *live, char **ret,
                      unsigned *ret_missing)
{
    _cleanup_text_ struct text text = {0};
    unsigned missing = 0;

    write_header(&text, policy, preset, preset && (!others || others->n_entries == 0));
    for (unsigned key = 0; key < KEY_COUNT; key++) {
        struct section s = {
            .text = &text,
            .missing = &missing,
            .policy = policy,
            .others = others,
            .live = live,
            .key = key,
            .lowest = INT_MAX,
            .highest = INT_MIN,
        };

        if (!(policy->keys & KEY_BIT(key)))
            continue;
        write_section(&s);
        free(s.lines);
    }
    if (text.failed)
        return -ENOMEM;
    *ret = text_take(&text);
    *ret_missing = missing;
    return 0;
}
