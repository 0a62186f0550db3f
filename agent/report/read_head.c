/* What a report says beside its devices: whose it is, of when, of which policy, how all and default
 * are, which exceptions there are; and what it says of the keys of a device. */
#include <stdio.h>
#include <time.h>

#include "agent/report/fleet_private.h"
#include "policy/lang/values.h"

/* -- one key -- */

static int read_state(struct fleet *fleet, const json_t *key, enum state *ret)
{
    const json_t *value;
    int r = fleet_member(fleet, key, "state", JSON_STRING, &value);

    if (r < 0)
        return r;
    for (enum state state = 0; state < STATE_COUNT; state++)
        if (streq(json_string_value(value), state_name(state))) {
            *ret = state;
            return 0;
        }
    return fleet_complain(fleet, "'state' is none that this version knows");
}

/* {file, line, `text`}, or null. */
static int read_place(struct fleet *fleet, const json_t *key, const char *name, const char *text,
                      const char **ret_file, unsigned *ret_line, const char **ret_text)
{
    const json_t *place;
    int r = fleet_member_or_null(fleet, key, name, JSON_OBJECT, &place);

    if (r < 0 || !place)
        return r;
    r = fleet_string(fleet, place, "file", ret_file);
    if (r == 0)
        r = fleet_number(fleet, place, "line", ret_line);
    return r < 0 ? r : fleet_string(fleet, place, text, ret_text);
}

/* The value in words, as far as this version knows the key. */
static int read_wanted(struct fleet *fleet, const json_t *object, struct fleet_finding *finding)
{
    const json_t *value;
    char text[24];
    enum key key;
    int r = fleet_member_or_null(fleet, object, "wanted", JSON_INTEGER, &value);

    if (r < 0 || !value)
        return r;
    if (json_integer_value(value) < INT32_MIN || json_integer_value(value) > INT32_MAX)
        return fleet_complain(fleet, "'wanted' is out of range");
    if (key_from_name(finding->key, &key) == 0)
        return fleet_intern(
            fleet, key_value_format(key, (int)json_integer_value(value), text, sizeof(text)),
            &finding->wanted);
    snprintf(text, sizeof(text), "%d", (int)json_integer_value(value));
    return fleet_intern(fleet, text, &finding->wanted);
}

/* Where no line is to blame: words that are the same on every host. */
static const char *origin_words(const char *origin)
{
    if (!origin)
        return "not told";
    if (streq(origin, origin_name(ORIGIN_DEFAULT)))
        return "as new devices start";
    if (streq(origin, origin_name(ORIGIN_WRITER)))
        return "another program keeps writing it";
    if (streq(origin, origin_name(ORIGIN_RUN_TIME)))
        return "no line of sysctl.d";
    return streq(origin, origin_name(ORIGIN_UNKNOWN)) ? "not known: sysctl.d was not read"
                                                      : "not told";
}

static int read_origin(struct fleet *fleet, const json_t *key, struct fleet_finding *finding)
{
    const json_t *value;
    int r = fleet_member_or_null(fleet, key, "origin", JSON_STRING, &value);

    if (r < 0 || finding->cause_file || state_info(finding->state)->concern == CONCERN_NONE)
        return r;
    return fleet_intern(fleet, origin_words(json_string_value(value)), &finding->cause);
}

static enum obstacle obstacle_from_name(const char *name)
{
    for (enum obstacle obstacle = OBSTACLE_NONE + 1; obstacle < OBSTACLE_COUNT; obstacle++)
        if (streq(name, obstacle_name(obstacle)))
            return obstacle;
    return OBSTACLE_NONE;
}

/* `file` and `line` are those of the rule for `all`; NULL without one. Interned. */
static int intern_obstacle(struct fleet *fleet, enum obstacle obstacle, long long all,
                           const char *file, unsigned line, struct fleet_finding *finding)
{
    static const char *const words[OBSTACLE_COUNT] = {
        [OBSTACLE_NONE] = "stays so", /* for a reason that this version does not know */
        [OBSTACLE_READ_ONLY] = "cannot be written (/proc/sys/net is read-only)",
        [OBSTACLE_PAUSED] = "is paused",
        [OBSTACLE_POLICY] = "the policy says so",
        [OBSTACLE_UNPINNED] = "moves only when the policy pins it",
    };
    bool told = obstacle == OBSTACLE_POLICY && file;
    char *text, number[16];
    int r;

    snprintf(number, sizeof(number), ":%u", line);
    if (asprintf(&text, "cannot be %s: `all` is %lld and %s%s%s%s", finding->wanted ?: "as wanted",
                 all, words[obstacle], told ? ", " : "", told ? file : "", told ? number : "") < 0)
        return -ENOMEM;
    r = fleet_intern(fleet, text, &finding->cause);
    free(text);
    return r;
}

static int read_obstacle(struct fleet *fleet, const json_t *key, struct fleet_finding *finding)
{
    const json_t *obstacle, *reason, *all;
    const char *file = NULL, *pattern;
    unsigned line = 0;
    int r = fleet_member_or_null(fleet, key, "obstacle", JSON_OBJECT, &obstacle);

    if (r < 0 || !obstacle)
        return r;
    r = fleet_member(fleet, obstacle, "reason", JSON_STRING, &reason);
    if (r == 0)
        r = fleet_member(fleet, obstacle, "all", JSON_INTEGER, &all);
    if (r == 0)
        r = read_place(fleet, obstacle, "rule", "pattern", &file, &line, &pattern);
    if (r < 0 || finding->cause_file || state_info(finding->state)->concern == CONCERN_NONE)
        return r;
    return intern_obstacle(fleet, obstacle_from_name(json_string_value(reason)),
                           json_integer_value(all), file, line, finding);
}

/* *ret is NULL where nothing is to be found. */
static int read_key(struct fleet *fleet, const json_t *object, const char *key,
                    enum state *ret_state, const struct fleet_finding **ret)
{
    struct fleet_finding finding = {0};
    int r = json_is_object(object) ? fleet_intern(fleet, key, &finding.key)
                                   : fleet_complain(fleet, "a key is not an object");

    *ret = NULL;
    if (r == 0 && !key)
        r = fleet_string(fleet, object, "key", &finding.key);
    if (r == 0)
        r = read_state(fleet, object, &finding.state);
    if (r == 0)
        r = read_wanted(fleet, object, &finding);
    if (r == 0)
        r = read_place(fleet, object, "rule", "pattern", &finding.rule_file, &finding.rule_line,
                       &finding.pattern);
    if (r == 0)
        r = read_place(fleet, object, "cause", "text", &finding.cause_file, &finding.cause_line,
                       &finding.cause);
    if (r == 0)
        r = read_origin(fleet, object, &finding);
    if (r == 0)
        r = read_obstacle(fleet, object, &finding);
    if (r < 0)
        return r;
    *ret_state = finding.state;
    return state_info(finding.state)->concern != CONCERN_NONE ? fleet_finding(fleet, &finding, ret)
                                                              : 0;
}

/* Devices are counted by their worst key, in the order of enum state. */
int fleet_read_verdict(struct fleet *fleet, const json_t *keys, struct verdict **ret)
{
    size_t n = json_array_size(keys);
    _cleanup_free_ struct verdict *verdict =
        calloc(1, sizeof(*verdict) + n * sizeof(verdict->findings[0]));
    int r = 0;

    if (!verdict)
        return -ENOMEM;
    verdict->worst = STATE_UNMANAGED;
    for (size_t i = 0; r == 0 && i < n; i++) {
        const struct fleet_finding *finding;
        enum state state;

        r = read_key(fleet, json_array_get(keys, i), NULL, &state, &finding);
        if (r < 0)
            break;
        if (state < verdict->worst)
            verdict->worst = state;
        if (finding)
            verdict->findings[verdict->n_findings++] = finding;
    }
    if (r == 0)
        *ret = TAKE_PTR(verdict);
    return r;
}

static int read_special(struct fleet *fleet, const json_t *head, const char *name)
{
    const json_t *keys, *value;
    const char *key;
    int r = fleet_member(fleet, head, name, JSON_OBJECT, &keys);

    if (r < 0)
        return r;
    json_object_foreach((json_t *)keys, key, value)
    {
        const struct fleet_finding *finding;
        enum state state;

        r = read_key(fleet, value, key, &state, &finding);
        if (r == 0 && finding)
            r = fleet_count_special(fleet, finding, name);
        if (r < 0)
            return r;
        if (state < fleet->host->worst)
            fleet->host->worst = state;
    }
    return 0;
}

/* -- the rest -- */

/* RFC 3339 in UTC, as `check` writes it. */
static int read_time(struct fleet *fleet, const json_t *head, int64_t *ret)
{
    const json_t *value;
    struct tm tm = {0};
    const char *end;
    int r = fleet_member(fleet, head, "time", JSON_STRING, &value);

    if (r < 0)
        return r;
    end = strptime(json_string_value(value), "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (!end || *end || strlen(json_string_value(value)) != strlen("2000-01-01T00:00:00Z"))
        return fleet_complain(fleet, "'time' is not of the form 2000-01-01T00:00:00Z");
    *ret = timegm(&tm);
    return 0;
}

static int read_broken(struct fleet *fleet, const json_t *head)
{
    const json_t *error = json_array_get(json_object_get(head, "errors"), 0);
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *file = json_string_value(json_object_get(error, "file"));
    json_int_t line = json_integer_value(json_object_get(error, "line"));
    _cleanup_free_ char *why = NULL;
    int r;

    fleet->host->state = FLEET_BROKEN;
    if (!message)
        return fleet_intern(fleet, "the policy of the host is not valid", &fleet->host->why);
    if (!file || line <= 0)
        r = asprintf(&why, "%s%s%s", file ?: "", file ? ": " : "", message);
    else
        r = asprintf(&why, "%s:%lld: %s", file, (long long)line, message);
    if (r < 0) {
        why = NULL; /* undefined after a failure */
        return -ENOMEM;
    }
    return fleet_intern(fleet, why, &fleet->host->why);
}

static int read_policy(struct fleet *fleet, const json_t *head, bool *ret_valid)
{
    const json_t *policy, *valid, *accepted;
    struct fleet_host *host = fleet->host;
    int r = fleet_member(fleet, head, "policy", JSON_OBJECT, &policy);

    if (r == 0)
        r = fleet_string_or_null(fleet, policy, "hash", &host->hash);
    if (r == 0)
        r = fleet_string_or_null(fleet, policy, "mode", &host->mode);
    if (r == 0)
        r = fleet_string_or_null(fleet, policy, "revision", &host->revision);
    if (r == 0)
        r = fleet_member(fleet, policy, "valid", JSON_TRUE, &valid);
    if (r == 0)
        r = fleet_member(fleet, policy, "accepted", JSON_TRUE, &accepted);
    if (r < 0)
        return r;
    host->accepted = json_is_true(accepted);
    *ret_valid = json_is_true(valid);
    return 0;
}

static int read_identity(struct fleet *fleet, const json_t *head)
{
    struct fleet_host *host = fleet->host;
    const json_t *agent;
    unsigned schema;
    int r = fleet_number(fleet, head, "schema", &schema);

    if (r == 0 && schema != FLEET_SCHEMA)
        return fleet_complain(fleet, "it is of schema %u, this version reads %u", schema,
                              FLEET_SCHEMA);
    if (r == 0)
        r = fleet_string(fleet, head, "host", &host->name);
    if (r == 0 && !*host->name)
        r = fleet_complain(fleet, "'host' is empty");
    if (r == 0)
        r = fleet_string_or_null(fleet, head, "machine_id", &host->machine_id);
    if (r == 0)
        r = fleet_string(fleet, head, "version", &host->version);
    if (r == 0)
        r = read_time(fleet, head, &host->time);
    if (r == 0)
        r = fleet_member_or_null(fleet, head, "agent", JSON_OBJECT, &agent);
    if (r == 0 && agent)
        r = fleet_string(fleet, agent, "state", &host->agent);
    return r;
}

/* "lxc* eth0" */
static int read_words(struct fleet *fleet, const json_t *list, char *buf, size_t size)
{
    size_t used = 0, i;
    const json_t *word;

    buf[0] = '\0';
    json_array_foreach(list, i, word)
    {
        if (!json_is_string(word))
            return fleet_complain(fleet, "an element of 'devices' of an exception is not a string");
        if (used < size)
            used += (size_t)snprintf(buf + used, size - used, "%s%s", i == 0 ? "" : " ",
                                     json_string_value(word));
    }
    return 0;
}

int fleet_read_exception(struct fleet *fleet, const json_t *json, const char *devices)
{
    struct fleet_exception exception = {0}, *same;
    struct fleet_host *host = fleet->host;
    const char *until;
    int r = json_is_object(json) ? 0 : fleet_complain(fleet, "an exception is not an object");

    if (r == 0)
        r = fleet_string(fleet, json, "name", &exception.name);
    if (r == 0)
        r = fleet_string(fleet, json, "reason", &exception.reason);
    if (r == 0)
        r = fleet_string_or_null(fleet, json, "ref", &exception.ref);
    if (r == 0)
        r = fleet_string_or_null(fleet, json, "until", &until);
    if (r == 0 && until && value_parse_date(until, &exception.until) < 0)
        r = fleet_complain(fleet, "'until' of an exception is no day");
    if (r == 0)
        r = fleet_intern(fleet, devices, &exception.devices);
    if (r == 0)
        r = fleet_exception(fleet, &exception, &same);
    if (r < 0)
        return r;
    if (grow((void **)&host->exceptions, &fleet->exceptions_size, host->n_exceptions,
             sizeof(*host->exceptions)) < 0)
        return -ENOMEM;
    host->exceptions[host->n_exceptions++] = same;
    return 0;
}

static int read_exceptions(struct fleet *fleet, const json_t *head)
{
    const json_t *list, *exception, *devices;
    size_t i;
    int r = fleet_member(fleet, head, "exceptions", JSON_ARRAY, &list);

    if (r < 0)
        return r;
    json_array_foreach(list, i, exception)
    {
        char words[1024];

        r = fleet_member(fleet, exception, "devices", JSON_ARRAY, &devices);
        if (r == 0)
            r = read_words(fleet, devices, words, sizeof(words));
        if (r == 0)
            r = fleet_read_exception(fleet, exception, words);
        if (r < 0)
            return r;
    }
    return 0;
}

int fleet_read_summary(struct fleet *fleet, const json_t *summary)
{
    unsigned devices;
    int r = fleet_number(fleet, summary, "devices", &devices);

    if (r == 0 && devices != fleet->host->devices)
        return fleet_complain(fleet, "it says that it has %u devices, and has %lu", devices,
                              fleet->host->devices);
    return r;
}

int fleet_read_head(struct fleet *fleet, const json_t *head)
{
    bool lines = json_object_get(head, "type") != NULL, valid;
    const json_t *value;
    int r = read_identity(fleet, head);

    if (r == 0)
        r = read_policy(fleet, head, &valid);
    if (r == 0 && !valid)
        return read_broken(fleet, head);
    if (r == 0)
        r = read_special(fleet, head, "all");
    if (r == 0)
        r = read_special(fleet, head, "default");
    if (r < 0 || lines)
        return r;
    r = fleet_member(fleet, head, "devices", JSON_ARRAY, &value);
    if (r == 0)
        r = read_exceptions(fleet, head);
    if (r == 0)
        r = fleet_member(fleet, head, "summary", JSON_OBJECT, &value);
    return r < 0 ? r : fleet_read_summary(fleet, value);
}
