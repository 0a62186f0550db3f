/* Advice in words and as JSON. */
#include "agent/cli/advice/advice_report.h"

/* Each line to be pasted begins with four blanks. */
static void put_indented(FILE *out, const char *lines)
{
    while (*lines) {
        size_t n = strcspn(lines, "\n");

        fprintf(out, "    %.*s\n", (int)n, lines);
        lines += n + (lines[n] == '\n');
    }
}

static void put_cure(FILE *out, const char *apply, const struct advice_cure *cure)
{
    static const char *const words[] = {
        [CURE_POLICY] = ("Lines of the policy, in " CURE_FILE),
        [CURE_COMMANDS] = "Commands of root",
        [CURE_OTHERS] = "Commands of root, which change another program's files",
    };
    bool policy = cure->kind == CURE_POLICY;

    fprintf(out, "%s%s. The price: %s; %s\n", words[cure->kind],
            cure->modelled && cure->kind != CURE_OTHERS ? ", modelled in part" : "", cure->price,
            cure->tried);
    put_indented(out, cure->text);
    if (policy)
        fprintf(out, "    %s\n", apply);
}

char *advice_cures_text(const char *apply, const struct advice *advice)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (size_t i = 0; i < advice->n_cures; i++) {
        fputs(i > 0 ? "\n" : "", out);
        put_cure(out, apply, &advice->cures[i]);
    }
    if (advice->n_cures == 0 && advice->tried)
        fputs("None of the cures that were tried cures this without cutting somebody else.\n", out);
    return fclose(out) == 0 ? TAKE_PTR(text) : NULL;
}

int advice_print(struct output *out, const char *apply, const struct advice *advice)
{
    _cleanup_free_ char *cures = advice_cures_text(apply, advice);

    if (!cures)
        return -ENOMEM;
    output_lines(out, 2, advice->culprit);
    output_lines(out, 2, advice->note);
    if (*cures)
        output_heading(out, "What cures it");
    output_lines(out, 4, cures);
    return 0;
}

static json_t *json_cure(const struct advice_cure *cure)
{
    return json_make({"kind", json_string(cure_kind_name(cure->kind))},
                     {"text", json_bytes(cure->text)}, {"price", json_bytes(cure->price)},
                     {"tried", json_bytes(cure->tried)}, {"modelled", json_boolean(cure->modelled)},
                     {"peers_left_out", json_integer((json_int_t)cure->peers_left_out)},
                     {"routes_left_out", json_integer((json_int_t)cure->routes_left_out)});
}

void advice_set_json(json_t *object, const struct advice *advice)
{
    json_t *list = json_array();

    for (size_t i = 0; i < advice->n_cures; i++)
        json_array_append_new(list, json_cure(&advice->cures[i]));
    json_set(object, {"culprit", json_bytes(advice->culprit)}, {"note", json_bytes(advice->note)},
             {"cures", list});
}
