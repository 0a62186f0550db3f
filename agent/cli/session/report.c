/* Pieces of reports: states as JSON, values in words. What is printed where is for the verbs. */
#include "agent/cli/session/report.h"

#include <pwd.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

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

/* For names of members that stand in this file: no need to look at their bytes each time. */
static void put(json_t *object, const char *name, json_t *value)
{
    json_object_set_new_nocheck(object, name, value);
}

static json_t *number_or_null(bool known, int n)
{
    return known ? json_integer(n) : json_null();
}

json_t *json_rule(const struct rule *rule)
{
    json_t *object;

    if (!rule)
        return json_null();
    object = json_object();
    put(object, "file", json_bytes(rule->origin.file));
    put(object, "line", json_integer(rule->origin.line));
    put(object, "pattern", json_bytes(rule->pattern.text));
    return object;
}

static json_t *json_cause(const struct cause *cause)
{
    json_t *object;

    if (!cause->file)
        return json_null();
    object = json_object();
    put(object, "file", json_bytes(cause->file));
    put(object, "line", json_integer(cause->line));
    put(object, "text", json_bytes(cause->text));
    return object;
}

static json_t *string_or_null(const char *text)
{
    return text ? json_string_nocheck(text) : json_null();
}

/* What `all` is and why it stays so, where that makes the state impossible. */
static json_t *json_obstacle(const struct judge *judge, const struct key_state *state)
{
    const struct rule *rule;
    enum obstacle obstacle = judge_obstacle(judge, state, &rule);
    json_t *object;

    if (obstacle == OBSTACLE_NONE)
        return json_null();
    object = json_object();
    put(object, "reason", json_string_nocheck(obstacle_name(obstacle)));
    put(object, "all", json_integer(judge_target(judge, state->key)->new_all));
    put(object, "rule", json_rule(rule));
    return object;
}

/* Why it is so, for programs and, in one sentence, for people. */
static void put_reasons(json_t *object, const struct judge *judge, const struct device *device,
                        const struct key_state *state)
{
    char text[JUDGE_TEXT_SIZE];

    put(object, "cause", json_cause(&state->cause));
    put(object, "origin", string_or_null(origin_name(judge_origin(judge, state))));
    put(object, "obstacle", json_obstacle(judge, state));
    put(object, "message", json_bytes(judge_text(judge, device, state, text)));
}

static json_t *json_accepted(const struct rule *rule)
{
    json_t *list = json_array();

    for (unsigned i = 0; rule && !rule->unmanaged && i < rule->n_values; i++)
        json_array_append_new(list, json_integer(rule->values[i]));
    return list;
}

json_t *json_key_state(const struct judge *judge, const struct device *device,
                       const struct key_state *state)
{
    json_t *object = json_object();

    put(object, "key", json_string_nocheck(key_info(state->key)->name));
    put(object, "configured", json_integer(state->configured));
    put(object, "effective", json_integer(state->effective));
    put(object, "wanted", number_or_null(state->wanted_known, state->wanted));
    put(object, "accepted", json_accepted(state->rule));
    put(object, "enforced", json_boolean(state->enforced));
    put(object, "inherited", json_integer(state->inherited));
    put(object, "state", json_string_nocheck(state_name(state->state)));
    put(object, "guard", string_or_null(guard_name(state->guard)));
    put(object, "rule", json_rule(state->rule));
    put_reasons(object, judge, device, state);
    return object;
}

json_t *json_device(const struct judge *judge, const struct device *device,
                    const struct key_state *states, unsigned n)
{
    json_t *object = json_object(), *keys = json_array();

    put(object, "ifindex", json_integer(device->ifindex));
    json_set_name(object, "name", device->name);
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(keys, json_key_state(judge, device, &states[i]));
    put(object, "keys", keys);
    return object;
}

json_t *json_special_state(const struct judge *judge, const struct key_state *state)
{
    json_t *object = json_object();

    put(object, "configured", json_integer(state->configured));
    put(object, "wanted", number_or_null(state->wanted_known, state->wanted));
    put(object, "state", json_string(state_name(state->state)));
    put(object, "rule", json_rule(state->rule));
    put_reasons(object, judge, NULL, state);
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
        put(object, key_info(key)->name, json_special_state(session->judge, &state));
    }
    return object;
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
             {"accepted", json_boolean(session->acceptance == ACCEPTED_SAME)});
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
        {"login_uid", number_or_null(record->login >= 0, (int)record->login)},
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
