/* `rpfpolicy list`: configured, effective, inherited and wanted of every device. */
#include <stdio.h>

#include "agent/cli/session/report.h"

static int add_row(struct table *table, const char *device, const struct key_state *state)
{
    char name[NAME_ESCAPED_SIZE], configured[12], effective[12], inherited[12], wanted[12],
        shown[24];

    snprintf(configured, sizeof(configured), "%d", state->configured);
    snprintf(inherited, sizeof(inherited), "%d", state->inherited);
    snprintf(shown, sizeof(shown), "%s%s", wanted_text(state, wanted, sizeof(wanted)),
             state->state == STATE_PAUSED ? " (paused)" : "");
    return table_row(table, (const char *const[]){name_escape_buf(device, name, sizeof(name)),
                                                  key_info(state->key)->name, configured,
                                                  key_value_format(state->key, state->effective,
                                                                   effective, sizeof(effective)),
                                                  inherited, shown});
}

static int add_special(struct table *table, const struct session *session, int which,
                       const char *name)
{
    key_mask keys = report_keys(session->policy);
    int r = 0;

    for (enum key key = 0; r == 0 && key < KEY_COUNT; key++) {
        struct key_state state;

        if (!(keys & KEY_BIT(key)))
            continue;
        judge_special(session->judge, which, key, &state);
        r = add_row(table, name, &state);
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
        r = add_row(table, device->name, &states[i]);
    return r;
}

static int print_table(struct cli *cli, const struct session *session, const bool *selected,
                       bool specials)
{
    static const struct column columns[] = {
        {"DEVICE", 0},
        {"KEY", 0},
        {"CONFIGURED", COLUMN_RIGHT},
        {"EFFECTIVE", 0},
        {"INHERITED", COLUMN_RIGHT},
        {"WANTED", 0},
    };
    _cleanup_table_ struct table *table = table_new(columns, ELEMENTSOF(columns));
    int r = table ? 0 : -ENOMEM;

    if (r == 0 && specials)
        r = add_special(table, session, IFINDEX_ALL, "all");
    if (r == 0 && specials)
        r = add_special(table, session, IFINDEX_DEFAULT, "default");
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
