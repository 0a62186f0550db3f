/* What engines tell in `status` for people: how many devices stand how, and those that want
 * attention. */
#include "agent/cli/status/status.h"
#include "agent/rows/engine_rows.h"

static const char *text_of(json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "";
}

static void print_device(const struct status *status, const struct engine *engine, json_t *device,
                         FILE *out)
{
    const char *state = text_of(device, "state"), *message = text_of(device, "message");
    json_int_t repairs = json_integer_value(json_object_get(device, "repairs"));

    if (streq(state, "ok") && !json_is_true(json_object_get(device, "writer")) &&
        !json_is_true(json_object_get(device, "held")))
        return;
    fprintf(out, "  %s: %s%s%s", NAME_SHOWN(text_of(device, "device")),
            output_color(&status->cli->out, state), NAME_SHOWN(state),
            output_color_end(&status->cli->out));
    if (json_is_true(json_object_get(device, "writer")))
        fprintf(out, ", something keeps changing it, %lld repairs", (long long)repairs);
    if (json_is_true(json_object_get(device, "held")))
        fprintf(out, ", its rp_filter does not become stricter until its %s is in place",
                engine->words.member);
    /* the rest of a longer one is what `routes show` is for */
    if (*message)
        fprintf(out, ": %.*s", (int)strcspn(message, "\n"), message);
    fputc('\n', out);
}

static void print_engine(const struct status *status, const struct engine *engine, json_t *told,
                         FILE *out)
{
    const char *title = engine->words.title, *separator = ":", *state;
    json_t *count, *device;
    size_t i;

    fprintf(out, "%c%s", title[0] - 'a' + 'A', title + 1);
    json_object_foreach(json_object_get(told, "states"), state, count)
    {
        if (json_integer_value(count) == 0)
            continue;
        fprintf(out, "%s %lld %s%s%s", separator, (long long)json_integer_value(count),
                output_color(&status->cli->out, state), NAME_SHOWN(state),
                output_color_end(&status->cli->out));
        separator = ",";
    }
    fprintf(out, "%s Changes: %lld, repairs: %lld, refused: %lld.\n",
            *separator == ':' ? ": no device." : ".",
            (long long)json_integer_value(json_object_get(told, "changes")),
            (long long)json_integer_value(json_object_get(told, "repairs")),
            (long long)json_integer_value(json_object_get(told, "failures")));
    json_array_foreach(json_object_get(told, "devices"), i, device)
        print_device(status, engine, device, out);
}

/* Those that the agent follows by itself have a member of their own, others one of `engines`. */
void status_print_engines(const struct status *status, FILE *out)
{
    json_t *others = json_object_get(status->report.status, "engines");

    for (size_t i = 0; engine_rows[i]; i++) {
        const struct engine *engine = engine_rows[i];
        json_t *told;

        if (!engine->tell)
            continue;
        told = json_object_get(status->report.status, engine->words.member);
        told = told ?: json_object_get(others, engine->name);
        if (json_is_object(told))
            print_engine(status, engine, told, out);
    }
}
