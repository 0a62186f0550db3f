/* `rpfpolicy list`: configured, effective, inherited and wanted of every device. */
#include <stdio.h>

#include "agent/cli/session/report.h"

static int put(struct table *table, const struct session *session, const struct device *device,
               const struct key_state *state)
{
    return key_put(&(struct row){.table = table},
                   &(struct key_row){session->judge, device, state, .list = true});
}

static int add_special(struct table *table, const struct session *session, int which)
{
    key_mask keys = report_keys(session->policy);
    int r = 0;

    for (enum key key = 0; r == 0 && key < KEY_COUNT; key++) {
        struct key_state state;

        if (!(keys & KEY_BIT(key)))
            continue;
        judge_special(session->judge, which, key, &state);
        r = put(table, session, NULL, &state);
    }
    return r;
}

static int add_device(struct table *table, const struct session *session,
                      const struct device *device)
{
    struct key_state states[KEY_COUNT];
    enum state worst;
    unsigned n = judge_device(session->judge, device, states, &worst);
    int r = 0;

    for (unsigned i = 0; r == 0 && i < n; i++)
        r = put(table, session, device, &states[i]);
    return r;
}

static int print_table(struct cli *cli, const struct session *session, const bool *selected,
                       bool specials)
{
    _cleanup_table_ struct table *table = table_new(NULL, 0);
    int r = table ? 0 : -ENOMEM;

    if (r == 0 && specials)
        r = add_special(table, session, IFINDEX_ALL);
    if (r == 0 && specials)
        r = add_special(table, session, IFINDEX_DEFAULT);
    for (size_t i = 0; r == 0 && i < session->live.count; i++)
        if (selected[i] && session->live.devices[i].ipv4)
            r = add_device(table, session, &session->live.devices[i]);
    return r < 0 ? r : table_print(table, &cli->out);
}

static void print_json(struct cli *cli, const struct session *session, const bool *selected)
{
    json_t *head = json_object();

    json_set_header(head, cli);
    json_set(head, {"policy", json_policy(session)}, {"all", json_special(session, IFINDEX_ALL)},
             {"default", json_special(session, IFINDEX_DEFAULT)});
    json_open_object(&cli->out, head);
    json_open(&cli->out, "devices", '[');
    for (size_t i = 0; i < session->live.count; i++) {
        const struct device *device = &session->live.devices[i];
        struct key_state states[KEY_COUNT];
        enum state worst;
        unsigned n;

        if (!selected[i] || !device->ipv4)
            continue;
        n = judge_device(session->judge, device, states, &worst);
        json_element(&cli->out, NULL, json_device(session->judge, device, states, n));
    }
    json_close(&cli->out, ']');
    json_close(&cli->out, '}');
}

static int run_list(struct cli *cli, int count, char **arguments)
{
    _cleanup_session_ struct session session = SESSION_INIT;
    _cleanup_free_ bool *selected = NULL;
    int r;

    if (session_load(&session, cli, SESSION_POLICY_OPTIONAL | SESSION_BROKEN_ALLOWED) < 0 ||
        session_read(&session, 0, count > 0 ? FACT_ALTNAMES : 0) < 0 ||
        session_select(&session, count, arguments, &selected) < 0)
        return EXIT_ERROR;
    if (cli->format == FORMAT_JSON) {
        print_json(cli, &session, selected);
    } else {
        r = print_table(cli, &session, selected, count == 0);
        if (r < 0) {
            say("cannot list: %s", error_text(r));
            return EXIT_ERROR;
        }
    }
    return session.broken ? EXIT_ERROR : EXIT_OK;
}

const struct verb verb_list = {
    .name = "list",
    .arguments = "[DEVICE...]",
    .max_arguments = ARGUMENTS_ANY,
    .summary = "show configured, effective, inherited and wanted",
    .text = "Configured is what is stored for the device, effective what the kernel acts on\n"
            "after combining it with 'all', inherited what the device would get if it were\n"
            "created now, wanted what the policy asks for. Works without a policy, too.\n",
    .formats = FORMATS_USUAL,
    .run = run_list,
};
