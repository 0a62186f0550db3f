/* Policy routing in `status` for people: how many devices stand how, and those that want attention.
 */
#include "agent/cli/status/status.h"

static const char *text_of(json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "";
}

static void print_device(const struct status *status, json_t *device, FILE *out)
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
        fputs(", its rp_filter does not become stricter until its routing is in place", out);
    /* the rest of a longer one is what `routes show` is for */
    if (*message)
        fprintf(out, ": %.*s", (int)strcspn(message, "\n"), message);
    fputc('\n', out);
}

void status_print_routing(const struct status *status, FILE *out)
{
    json_t *routing = json_object_get(status->report.status, "routing"), *count, *device;
    const char *separator = ":", *state;
    size_t i;

    if (!json_is_object(routing))
        return;
    fputs("Policy routing", out);
    json_object_foreach(json_object_get(routing, "states"), state, count)
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
            (long long)json_integer_value(json_object_get(routing, "changes")),
            (long long)json_integer_value(json_object_get(routing, "repairs")),
            (long long)json_integer_value(json_object_get(routing, "failures")));
    json_array_foreach(json_object_get(routing, "devices"), i, device)
        print_device(status, device, out);
}
