/* `check` as one JSON object or as one object per line. Devices are written as they are judged;
 * what is only known afterwards (rules with matches, warnings, summary) stands behind them. */
#include <stdio.h>

#include "agent/cli/check/check.h"
#include "agent/cli/status/agent_report.h"
#include "agent/store/pause.h"

static json_t *json_summary(const struct check *check)
{
    json_t *object = json_object();

    json_object_set_new(object, "devices", json_integer(check->devices));
    for (enum state state = 0; state < STATE_COUNT; state++)
        json_object_set_new(object, state_name(state), json_integer(check->counts[state]));
    json_set(object, {"warnings", json_integer((json_int_t)check->warnings)},
             {"unmatched", json_integer(check->unmatched)});
    check_engines_json_summary(check, object);
    return object;
}

static json_t *json_rule_matches(const struct check *check, size_t i)
{
    const struct rule *rule = &check->session->policy->rules[i];

    return json_make({"file", json_bytes(rule->origin.file)},
                     {"line", json_integer(rule->origin.line)},
                     {"key", json_string(key_info(rule->key)->name)},
                     {"pattern", json_bytes(rule->pattern.text)},
                     {"value", json_bytes(rule->unmanaged ? "unmanaged" : rule->value_text)},
                     {"matches", json_integer(check->matches[i])});
}

static json_t *json_exception(const struct check *check, const struct exception *exception)
{
    json_t *devices = json_array();
    char until[16];

    for (char **pattern = exception->devices; pattern && *pattern; pattern++)
        json_array_append_new(devices, json_bytes(*pattern));
    snprintf(until, sizeof(until), "%04d-%02d-%02d", exception->until / 10000,
             exception->until / 100 % 100, exception->until % 100);
    return json_make({"name", json_bytes(exception->name)},
                     {"reason", json_bytes(exception->reason)}, {"ref", json_bytes(exception->ref)},
                     {"until", exception->until ? json_string(until) : json_null()},
                     {"expired", json_boolean(exception_expired(exception, check->session->today))},
                     {"devices", devices});
}

static json_t *json_warning(const struct warning *warning)
{
    json_t *examples = json_array();

    for (unsigned i = 0; i < warning->n_examples; i++)
        json_array_append_new(examples, json_bytes(warning->examples[i]));
    return json_make({"code", json_string(warning_name(warning->code))},
                     {"rule", json_rule(warning->rule)}, {"count", json_integer(warning->count)},
                     {"examples", examples}, {"message", json_bytes(warning->message)});
}

static json_t *json_head(const struct check *check)
{
    json_t *head = json_object();

    json_set_header(head, check->session->cli);
    json_set(head, {"policy", json_policy(check->session)},
             {"agent", agent_state_json(&check->session->cli->paths)},
             {"all", json_special(check->session, IFINDEX_ALL)},
             {"default", json_special(check->session, IFINDEX_DEFAULT)},
             {"pauses", json_pauses(&check->session->pauses, pauses_now())});
    return head;
}

static int begin(struct check *check)
{
    json_t *head = json_head(check);

    json_open_object(check->out, head);
    json_open(check->out, "devices", '[');
    return 0;
}

static int device(struct check *check, const struct device *device, const struct key_state *states,
                  unsigned n)
{
    json_element(check->out, NULL, json_device(check->session->judge, device, states, n));
    return 0;
}

static void end_lists(struct check *check)
{
    const struct policy *policy = check->session->policy;
    size_t n;
    const struct warning *warnings = judge_warnings(check->session->judge, &n);

    json_open(check->out, "rules", '[');
    for (size_t i = 0; i < policy->n_rules; i++)
        json_element(check->out, NULL, json_rule_matches(check, i));
    json_close(check->out, ']');
    json_open(check->out, "exceptions", '[');
    for (size_t i = 0; i < policy->n_exceptions; i++)
        json_element(check->out, NULL, json_exception(check, &policy->exceptions[i]));
    json_close(check->out, ']');
    json_open(check->out, "warnings", '[');
    for (size_t i = 0; i < n; i++)
        json_element(check->out, NULL, json_warning(&warnings[i]));
    json_close(check->out, ']');
}

/* One value each: they are few. */
static void end_engines(struct check *check)
{
    for (size_t i = 0; i < check->reports.count; i++) {
        const struct engine_report *report = &check->reports.items[i];
        json_t *list = json_array();

        for (size_t j = 0; j < report->n_items; j++)
            if (check_shows(check, report->items[j].ifindex))
                json_array_append_new(list, json_engine_item(report, j));
        json_element(check->out, report->engine->words.member, list);
    }
}

static int end(struct check *check)
{
    json_close(check->out, ']');
    end_lists(check);
    end_engines(check);
    json_element(check->out, "summary", json_summary(check));
    json_close(check->out, '}');
    return 0;
}

const struct check_format check_json = {
    .wants_matches = true, .begin = begin, .device = device, .end = end};

/* -- one object per line: "type" says which -- */

static void line(struct check *check, const char *type, json_t *object)
{
    json_object_set_new(object, "type", json_string(type));
    output_json(check->out, object);
}

static int begin_lines(struct check *check)
{
    line(check, "check", json_head(check));
    return 0;
}

static int device_line(struct check *check, const struct device *device,
                       const struct key_state *states, unsigned n)
{
    line(check, "device", json_device(check->session->judge, device, states, n));
    return 0;
}

static int end_lines(struct check *check)
{
    const struct policy *policy = check->session->policy;
    size_t n;
    const struct warning *warnings = judge_warnings(check->session->judge, &n);

    for (size_t i = 0; i < policy->n_rules; i++)
        line(check, "rule", json_rule_matches(check, i));
    for (size_t i = 0; i < policy->n_exceptions; i++)
        line(check, "exception", json_exception(check, &policy->exceptions[i]));
    for (size_t i = 0; i < n; i++)
        line(check, "warning", json_warning(&warnings[i]));
    for (size_t i = 0; i < check->reports.count; i++) {
        const struct engine_report *report = &check->reports.items[i];

        for (size_t j = 0; j < report->n_items; j++)
            if (check_shows(check, report->items[j].ifindex))
                line(check, report->engine->words.member, json_engine_item(report, j));
    }
    line(check, "summary", json_summary(check));
    return 0;
}

const struct check_format check_ndjson = {
    .wants_matches = true, .begin = begin_lines, .device = device_line, .end = end_lines};

void check_json_broken(struct cli *cli, const struct session *session)
{
    json_t *object = json_object(), *errors = json_array();

    json_set_header(object, cli);
    json_set(object, {"policy", json_policy(session)}, {"agent", agent_state_json(&cli->paths)});
    for (size_t i = 0; i < session->diags.count; i++)
        if (session->diags.items[i].level == DIAG_ERROR)
            json_array_append_new(errors, json_diag(&session->diags.items[i]));
    json_object_set_new(object, "errors", errors);
    if (cli->format == FORMAT_NDJSON)
        json_object_set_new(object, "type", json_string("check"));
    output_json(&cli->out, object);
}
