/* Advice in words and as JSON: the finding, what is guilty, the cures that cure. */
#include <stdio.h>

#include "agent/cli/explain/explain.h"
#include "policy/base/text.h"

/* Each line to be pasted begins with four blanks. */
static void put_indented(FILE *out, const char *lines)
{
    while (*lines) {
        size_t n = strcspn(lines, "\n");

        fprintf(out, "    %.*s\n", (int)n, lines);
        lines += n + (lines[n] == '\n');
    }
}

static void put_cure(FILE *out, const struct advice_cure *cure)
{
    bool policy = cure->kind == CURE_POLICY;

    fprintf(out, "%s%s. The price: %s; %s\n",
            policy ? "Lines of the policy, in " CURE_FILE : "Commands of root",
            cure->modelled ? ", modelled in part" : "", cure->price, cure->tried);
    put_indented(out, cure->text);
    if (policy)
        fputs("    rpfpolicy apply\n", out);
}

char *explain_cures_text(const struct explain *explain)
{
    const struct advice *advice = &explain->replies.advice;
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (size_t i = 0; explain->replies.advised && i < advice->n_cures; i++) {
        fputs(i > 0 ? "\n" : "", out);
        put_cure(out, &advice->cures[i]);
    }
    if (explain->replies.advised && advice->n_cures == 0 && advice->culprit && advice->known)
        fputs("None of the cures that were tried cures this without cutting somebody else.\n", out);
    return fclose(out) == 0 ? TAKE_PTR(text) : NULL;
}

static json_t *json_cure(const struct advice_cure *cure)
{
    return json_make({"kind", json_string(cure_kind_name(cure->kind))},
                     {"text", json_bytes(cure->text)}, {"price", json_bytes(cure->price)},
                     {"tried", json_bytes(cure->tried)},
                     {"modelled", json_boolean(cure->modelled)});
}

/* In IPv6 whether replies leave by the device is all there is to know. */
static json_t *json_passes(const struct explain *explain)
{
    const struct explain_replies *replies = &explain->replies;

    if (replies->advised)
        return replies->advice.known ? json_boolean(replies->advice.passes) : json_null();
    if (replies->peer.family != AF_INET6 || replies->count == 0 || !replies->items[0].known)
        return json_null();
    return json_boolean(!replies->ip[1].asymmetric);
}

void explain_set_advice(json_t *object, const struct explain *explain)
{
    const struct advice *advice = &explain->replies.advice;
    json_t *list = json_array();

    for (size_t i = 0; i < advice->n_cures; i++)
        json_array_append_new(list, json_cure(&advice->cures[i]));
    json_set(object, {"passes", json_passes(explain)}, {"finding", json_bytes(advice->finding)},
             {"culprit", json_bytes(advice->culprit)}, {"note", json_bytes(advice->note)},
             {"cures", list});
}
