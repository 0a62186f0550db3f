/* Pieces of reports: states as JSON, values in words. What is printed where is for the verbs. */
#include "agent/cli/session/report.h"

#include <pwd.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agent/store/trial_record.h"
#include "policy/base/text.h"

char *place_text(const char *file, unsigned line)
{
    _cleanup_free_ char *escaped = name_escape(file);
    char *text;

    if (!escaped)
        return NULL;
    if (line == 0)
        return TAKE_PTR(escaped);
    return asprintf(&text, "%s:%u", escaped, line) < 0 ? NULL : text;
}

const char *value_text(enum key key, int effective, int configured, char *buf, size_t size)
{
    char number[12];

    snprintf(buf, size, "%s (%d)", key_value_format(key, effective, number, sizeof(number)),
             configured);
    return buf;
}

const char *wanted_text(const struct key_state *state, char *buf, size_t size)
{
    return state->wanted_known ? key_value_format(state->key, state->wanted, buf, size) : "-";
}

key_mask report_keys(const struct policy *policy)
{
    return policy->keys | KEY_BIT(KEY_RP_FILTER);
}

json_t *json_rule(const struct rule *rule)
{
    return !rule ? json_null()
                 : json_make({"file", json_bytes(rule->origin.file)},
                             {"line", json_integer(rule->origin.line)},
                             {"pattern", json_bytes(rule->pattern.text)});
}

static json_t *json_cause(const struct cause *cause)
{
    return !cause->file
               ? json_null()
               : json_make({"file", json_bytes(cause->file)}, {"line", json_integer(cause->line)},
                           {"text", json_bytes(cause->text)});
}

/* What `all` is and why it stays so, where that makes the state impossible. */
static json_t *json_obstacle(const struct judge *judge, const struct key_state *state)
{
    const struct rule *rule;
    enum obstacle obstacle = judge_obstacle(judge, state, &rule);

    return obstacle == OBSTACLE_NONE
               ? json_null()
               : json_make({"reason", json_string(obstacle_name(obstacle))},
                           {"all", json_integer(judge_target(judge, state->key)->new_all)},
                           {"rule", json_rule(rule)});
}

static json_t *json_accepted(const struct rule *rule)
{
    json_t *list = json_array();

    for (unsigned i = 0; rule && !rule->unmanaged && i < rule->n_values; i++)
        json_array_append_new(list, json_integer(rule->values[i]));
    return list;
}

const char *key_owner(const struct device *device, const struct key_state *state)
{
    return device ? device->name : state->which == IFINDEX_ALL ? "all" : "default";
}

int key_put(struct row *row, const struct key_row *key)
{
    const struct key_state *state = key->state;
    const struct rule *rule = state->rule;
    const struct cause *cause = &state->cause;
    /* JSON has less of `all` and `default`. */
    unsigned own = key->device ? CELL_CSV : CELL_CSV_ONLY;
    char value[32], wanted[12], shown[24] = "", text[JUDGE_TEXT_SIZE] = "";
    const char *now = NULL;

    if (!row->table)
        judge_text(key->judge, key->device, state, text);
    else if (key->list)
        now = key_value_format(state->key, state->effective, value, sizeof(value));
    else
        now = value_text(state->key, state->effective, state->configured, value, sizeof(value));
    if (row->table)
        snprintf(shown, sizeof(shown), "%s%s", wanted_text(state, wanted, sizeof(wanted)),
                 key->list && state->state == STATE_PAUSED ? " (paused)" : "");
    return ROW(
        row, {NULL, key->list ? NULL : "STATE", TEXT(state_name(state->state)), COLUMN_STATE},
        {"ifindex", NULL, NUMBER(key->device ? key->device->ifindex : state->which), CELL_CSV_ONLY},
        {"device", "DEVICE", NAME(key_owner(key->device, state)), CELL_CSV_ONLY},
        {"key", "KEY", TEXT(key_info(state->key)->name), own},
        {"state", NULL, TEXT(state_name(state->state)), CELL_CSV_ONLY},
        {"configured", key->list ? "CONFIGURED" : NULL, NUMBER(state->configured),
         CELL_CSV | COLUMN_RIGHT},
        {"effective", NULL, NUMBER(state->effective), own},
        {NULL, key->list ? "EFFECTIVE" : "NOW", TEXT(now)},
        {"wanted", NULL, NUMBER_IF(state->wanted_known, state->wanted), CELL_CSV},
        {key->device ? "accepted" : NULL, NULL,
         key->device ? FOR_JSON(row, json_accepted(rule)) : TEXT(NULL)},
        {"enforced", NULL, TRUTH(state->enforced), own},
        {"inherited", key->list ? "INHERITED" : NULL, NUMBER(state->inherited), own | COLUMN_RIGHT},
        {NULL, "WANTED", TEXT(shown)}, {"state", NULL, TEXT(state_name(state->state))},
        {"guard", NULL, TEXT(guard_name(state->guard)), own},
        {"rule", NULL, FOR_JSON(row, json_rule(rule))},
        {"rule_file", NULL, TEXT(rule ? rule->origin.file : NULL), CELL_CSV_ONLY},
        {"rule_line", NULL, NUMBER_IF(rule, rule ? rule->origin.line : 0), CELL_CSV_ONLY},
        {"pattern", NULL, TEXT(rule ? rule->pattern.text : NULL), CELL_CSV_ONLY},
        {NULL, key->list ? NULL : "RULE", TEXT(key->place), COLUMN_WRAP},
        {"cause", NULL, FOR_JSON(row, json_cause(cause))},
        {"cause_file", NULL, TEXT(cause->file), CELL_CSV_ONLY},
        {"cause_line", NULL, NUMBER_IF(cause->file, cause->line), CELL_CSV_ONLY},
        {NULL, key->list ? NULL : "CAUSE", TEXT(key->cause), COLUMN_WRAP},
        {"origin", NULL, TEXT(origin_name(judge_origin(key->judge, state)))},
        {"obstacle", NULL, FOR_JSON(row, json_obstacle(key->judge, state))},
        {"message", NULL, TEXT(text), CELL_CSV});
}

static json_t *json_key_state(const struct judge *judge, const struct device *device,
                              const struct key_state *state)
{
    return ROW_OBJECT(row, key_put(&row, &(struct key_row){judge, device, state}));
}

json_t *json_device(const struct judge *judge, const struct device *device,
                    const struct key_state *states, unsigned n)
{
    json_t *object = json_object(), *keys = json_array();

    json_object_set_new(object, "ifindex", json_integer(device->ifindex));
    json_set_name(object, "name", device->name);
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(keys, json_key_state(judge, device, &states[i]));
    json_object_set_new(object, "keys", keys);
    return object;
}

json_t *json_special(const struct session *session, int which)
{
    key_mask keys = report_keys(session->policy);
    json_t *object = json_object();

    for (enum key key = 0; key < KEY_COUNT; key++) {
        struct key_state state;

        if (!(keys & KEY_BIT(key)))
            continue;
        judge_special(session->judge, which, key, &state);
        json_object_set_new(object, key_info(key)->name,
                            json_key_state(session->judge, NULL, &state));
    }
    return object;
}

json_t *json_trial(const struct paths *paths)
{
    struct trial_record trial;

    if (!trial_record_read(paths, &trial))
        return json_null();
    return json_make({"since", json_time((time_t)trial.since)}, {"text", json_bytes(trial.text)});
}

json_t *json_policy(const struct session *session)
{
    const struct policy *policy = session->policy;
    json_t *object = json_object(), *files = json_array();
    bool valid = policy && !session->no_policy && !session->broken;
    char hash[17];

    json_object_set_new(object, "hash",
                        valid ? json_string(policy_hash_text(policy, hash)) : json_null());
    for (size_t i = 0; policy && i < policy->n_files; i++)
        json_array_append_new(files, json_bytes(policy->files[i]));
    json_set(object, {"files", files},
             {"mode", valid ? json_string(policy_mode_name(policy->agent.mode)) : json_null()},
             {"revision", valid ? json_bytes(policy->agent.revision) : json_null()},
             {"valid", json_boolean(valid)},
             {"accepted", json_boolean(session->acceptance == ACCEPTED_SAME)},
             {"trial", json_trial(&session->cli->paths)});
    return object;
}

static json_t *bytes_or_null(const char *text)
{
    return *text ? json_bytes(text) : json_null();
}

json_t *json_decision(const struct history_record *record)
{
    return json_make(
        {"time", json_time((time_t)record->time)},
        {"what", json_string(decision_name(record->what))}, {"hash", bytes_or_null(record->hash)},
        {"revision", bytes_or_null(record->revision)}, {"origin", bytes_or_null(record->origin)},
        {"detail", bytes_or_null(record->detail)}, {"uid", json_integer(record->uid)},
        {"login_uid", record->login < 0 ? json_null() : json_integer(record->login)},
        {"sudo_user", bytes_or_null(record->sudo)}, {"terminal", bytes_or_null(record->terminal)},
        {"unit", bytes_or_null(record->unit)});
}

const char *decider_text(const struct history_record *record, char buf[static DECIDER_SIZE])
{
    uid_t uid = (uid_t)(record->login >= 0 ? record->login : record->uid);
    const struct passwd *passwd = getpwuid(uid);

    if (passwd)
        name_escape_buf(passwd->pw_name, buf, DECIDER_SIZE);
    else
        snprintf(buf, DECIDER_SIZE, "user %u", uid);
    return buf;
}

json_t *json_diag(const struct diag *diag)
{
    static const char *const levels[] = {
        [DIAG_NOTE] = "note", [DIAG_WARNING] = "warning", [DIAG_ERROR] = "error"};

    return json_make({"file", json_bytes(diag->file)},
                     {"line", diag->line ? json_integer(diag->line) : json_null()},
                     {"level", json_string(levels[diag->level])},
                     {"message", json_bytes(diag->text)});
}

json_t *json_pause(const struct pause *pause, uint64_t now)
{
    json_t *object = json_object();

    json_set_name(object, "devices", pause_text(pause));
    json_set(object, {"everything", json_boolean(pause->everything)},
             {"reason", json_bytes(pause->reason)}, {"by", json_bytes(pause->who)},
             {"uid", json_integer(pause->uid)}, {"since", json_integer(pause->date)},
             {"left", pause->until ? json_integer((json_int_t)((pause->until - now) / 1000000))
                                   : json_null()});
    return object;
}

json_t *json_pauses(const struct pauses *pauses, uint64_t now)
{
    json_t *list = json_array();

    for (size_t i = 0; i < pauses->count; i++)
        if (!pause_is_over(&pauses->items[i], now))
            json_array_append_new(list, json_pause(&pauses->items[i], now));
    return list;
}

/* The machine's identity below root; null where it has none (machine-id(5)). */
static json_t *json_machine_id(const char *root)
{
    _cleanup_free_ char *path = NULL;
    char id[33] = "";
    FILE *file;

    path = text_format("%s/etc/machine-id", root);
    if (!path)
        return json_null();
    file = fopen(path, "re");
    if (file) {
        if (!fgets(id, sizeof(id), file))
            id[0] = 0;
        fclose(file);
    }
    return strspn(id, "0123456789abcdef") == 32 ? json_string(id) : json_null();
}

void json_set_header(json_t *object, const struct cli *cli)
{
    char host[256] = "";

    gethostname(host, sizeof(host) - 1);
    json_set(object, {"schema", json_integer(REPORT_SCHEMA)},
             {"version", json_string(PROJECT_VERSION)}, {"host", json_bytes(host)},
             {"machine_id", json_machine_id(cli->paths.root)}, {"time", json_time(time(NULL))});
}
