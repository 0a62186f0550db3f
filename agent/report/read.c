/* Sources and the reports in them: what the pieces of one become, in which of its two shapes it
 * came, and what is said of it where it cannot be read. */
#include <stdio.h>

#include "agent/report/fleet_private.h"

static int begin_host(struct fleet *fleet)
{
    fleet_host_free(fleet->host);
    fleet->host = calloc(1, sizeof(*fleet->host));
    fleet->groups_capacity = fleet->exceptions_size = 0;
    fleet->fault[0] = '\0';
    if (!fleet->host)
        return -ENOMEM;
    fleet->host->worst = STATE_UNMANAGED;
    return 0;
}

/* -- what cannot be read -- */

/* Whose it may be: the first member `host` in what is there. Owned, or NULL. */
static char *guess_host(const char *head, size_t n)
{
    static const char name[] = "\"host\":";
    const char *found = head ? memmem(head, n, name, sizeof(name) - 1) : NULL;
    json_t *value;
    char *host;

    if (!found)
        return NULL;
    found += sizeof(name) - 1;
    value = json_loadb(found, n - (size_t)(found - head), JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK,
                       NULL);
    host = json_is_string(value) && json_string_length(value) > 0 ? strdup(json_string_value(value))
                                                                  : NULL;
    json_decref(value);
    return host;
}

static int add_unreadable(struct fleet *fleet, const char *host, const char *why)
{
    char text[320];

    if (++fleet->unreadable > UNREADABLE_MAX)
        return 0;
    if (fleet->reports > 1)
        snprintf(text, sizeof(text), "report %lu: %s", fleet->reports, why);
    else
        snprintf(text, sizeof(text), "%s", why);
    return fleet_add_unreadable(fleet, host, text);
}

static int add_faulty(struct fleet *fleet, const char *why, const char *head, size_t n)
{
    _cleanup_free_ char *host = guess_host(head, n);

    return add_unreadable(fleet, host, why);
}

/* -- the report is complete -- */

static enum fleet_state state_of(const struct fleet_host *host)
{
    if (host->worst == STATE_IMPOSSIBLE)
        return FLEET_IMPOSSIBLE;
    if (state_info(host->worst)->concern == CONCERN_NOW)
        return FLEET_DRIFT;
    if (state_info(host->worst)->concern == CONCERN_LATER)
        return FLEET_LATENT;
    return host->counts[STATE_PAUSED] > 0 ? FLEET_PAUSED : FLEET_OK;
}

static int take_host(struct fleet *fleet)
{
    struct fleet_host *host = fleet->host;

    if (host->state != FLEET_BROKEN)
        host->state = state_of(host);
    host->source = fleet->source;
    fleet_merge_groups(host);
    fleet->host = NULL;
    return fleet_add_host(fleet, host);
}

/* After all that could be wrong was looked at. */
static int finish(struct fleet *fleet, int r, const char *head, size_t n)
{
    if (r == -EBADMSG || (r == 0 && fleet->fault[0]))
        return add_faulty(fleet, fleet->fault, head, n);
    return r < 0 ? r : take_host(fleet);
}

/* -- one object per line: check, device…, rule…, exception…, warning…, summary -- */

static int end_lines(struct fleet *fleet)
{
    int r;

    if (!fleet->in_lines)
        return 0;
    fleet->in_lines = false;
    r = add_unreadable(fleet, fleet->host->name, "it is cut off: its line `summary` is missing");
    fleet->host = fleet_host_free(fleet->host);
    return r;
}

static int first_line(struct fleet *fleet, const json_t *line, const char *text, size_t n)
{
    int r = end_lines(fleet);

    if (r == 0)
        r = begin_host(fleet);
    fleet->reports++;
    if (r == 0)
        r = fleet_read_head(fleet, line);
    if (r < 0 || fleet->host->state == FLEET_BROKEN)
        return finish(fleet, r, text, n);
    fleet->in_lines = true;
    return 0;
}

static int later_line(struct fleet *fleet, const char *type, const json_t *line)
{
    if (streq(type, "device"))
        return fleet_read_device_json(fleet, line);
    if (streq(type, "exception"))
        return fleet_read_exception(fleet, line, fleet->words ?: "");
    return streq(type, "summary") ? fleet_read_summary(fleet, line) : 0;
}

static int read_line(struct fleet *fleet, const json_t *line, const char *text, size_t n)
{
    const char *type = json_string_value(json_object_get(line, "type")) ?: "";
    int r;

    if (streq(type, "check"))
        return first_line(fleet, line, text, n);
    if (!fleet->in_lines)
        return 0; /* of a report that was said to be unreadable, or that ended */
    r = later_line(fleet, type, line);
    if (r != -EBADMSG && !streq(type, "summary"))
        return r;
    fleet->in_lines = false;
    return finish(fleet, r, text, n);
}

/* -- what the pieces become -- */

/* Words where devices are expected are those of a line about an exception: seen when it ends. */
static int keep_word(struct fleet *fleet, const char *text, size_t n)
{
    size_t used = fleet->words ? strlen(fleet->words) : 0;
    json_t *word = json_loadb(text, n, JSON_DECODE_ANY, NULL);
    char *words;

    if (!word)
        return fleet_complain(fleet, "a device is not JSON");
    n = json_string_length(word);
    if (used + n + 2 > FLEET_WORDS_SIZE)
        n = 0;
    words = realloc(fleet->words, used + n + 2);
    if (!words) {
        json_decref(word);
        return -ENOMEM;
    }
    fleet->words = words;
    snprintf(words + used, n + 2, "%s%s", used > 0 ? " " : "", json_string_value(word));
    json_decref(word);
    return 0;
}

static int device(void *data, const char *text, size_t n)
{
    struct fleet *fleet = data;
    int r;

    if (text[0] == '"')
        r = keep_word(fleet, text, n);
    else
        r = end_lines(fleet);
    if (r == 0 && text[0] != '"' && !fleet->host)
        r = begin_host(fleet);
    if (r == 0 && text[0] != '"' && !fleet->fault[0])
        r = fleet_read_device(fleet, text, n);
    return r == -EBADMSG ? 0 : r; /* said when the report is complete */
}

static int whole_report(struct fleet *fleet, const json_t *head, const char *text, size_t n)
{
    int r = end_lines(fleet);

    fleet->reports++;
    if (r == 0 && !fleet->host)
        r = begin_host(fleet);
    if (r == 0 && fleet->words)
        r = fleet_complain(fleet, "a device is not an object");
    if (r == 0)
        r = fleet->fault[0] ? -EBADMSG : fleet_read_head(fleet, head);
    return finish(fleet, r, text, n);
}

static int faulty_report(struct fleet *fleet, enum pieces_fault fault, const char *head, size_t n)
{
    static const char *const texts[] = {
        [PIECES_CUT_OFF] = "it is cut off",
        [PIECES_TOO_LARGE] = "it is too large: more than 1 MiB for a device, or 4 MiB beside them",
        [PIECES_BAD_LIST] = "it is not JSON: 'devices' is there twice, or is no list",
    };

    fleet->reports++;
    return add_faulty(fleet, texts[fault], head, n);
}

static int report(void *data, enum pieces_fault fault, const char *head, size_t n)
{
    struct fleet *fleet = data;
    json_error_t error;
    json_t *json = fault ? NULL : json_loadb(head, n, JSON_REJECT_DUPLICATES, &error);
    int r;

    if (fault) {
        r = faulty_report(fleet, fault, head, n);
    } else if (!json) {
        fleet->reports++;
        fleet->fault[0] = '\0';
        /* An error in any case. */
        (void)fleet_complain(fleet, "it is not JSON: %s", error.text);
        r = add_faulty(fleet, fleet->fault, head, n);
    } else if (json_object_get(json, "type")) {
        r = read_line(fleet, json, head, n);
    } else {
        r = whole_report(fleet, json, head, n);
    }
    json_decref(json);
    free(fleet->words);
    fleet->words = NULL;
    fleet->fault[0] = '\0';
    if (!fleet->in_lines)
        fleet->host = fleet_host_free(fleet->host);
    return r;
}

static int noise(void *data)
{
    struct fleet *fleet = data;
    int r = end_lines(fleet);

    return r < 0 ? r : add_unreadable(fleet, NULL, "something in it is not JSON");
}

static const struct pieces_handler handler = {.device = device, .report = report, .noise = noise};

struct fleet *fleet_new(void)
{
    struct fleet *fleet = calloc(1, sizeof(*fleet));

    if (fleet)
        fleet->pieces = pieces_new(&handler, fleet);
    return fleet && fleet->pieces ? fleet : fleet_free(fleet);
}

int fleet_source_begin(struct fleet *fleet, const char *name)
{
    fleet->reports = fleet->unreadable = 0;
    return fleet_intern(fleet, name, &fleet->source);
}

int fleet_feed(struct fleet *fleet, const char *bytes, size_t n)
{
    return pieces_feed(fleet->pieces, bytes, n);
}

static int add_rest(struct fleet *fleet)
{
    char text[80];

    snprintf(text, sizeof(text), "%lu more reports in it cannot be read",
             fleet->unreadable - UNREADABLE_MAX);
    return fleet_add_unreadable(fleet, NULL, text);
}

int fleet_source_end(struct fleet *fleet, const char *why)
{
    int r = pieces_end(fleet->pieces);

    if (r == 0)
        r = end_lines(fleet);
    if (r == 0 && why)
        r = add_unreadable(fleet, NULL, why);
    else if (r == 0 && fleet->reports == 0 && fleet->unreadable == 0)
        r = add_unreadable(fleet, NULL, "it is empty: `check` found no policy, or failed");
    if (r == 0 && fleet->unreadable > UNREADABLE_MAX)
        r = add_rest(fleet);
    fleet->host = fleet_host_free(fleet->host);
    return r;
}
