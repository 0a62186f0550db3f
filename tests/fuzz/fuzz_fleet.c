/* Reports of many hosts: any bytes, in one piece and in pieces of a few bytes, which must come to
 * the same; and what is printed of them must keep its shape whatever is in them: rows of Markdown
 * and of CSV have as many cells as their head, and the page holds no tag and no link but its own.
 */
#include <ctype.h>

#include "agent/report/fleet_view.h"
#include "fuzz.h"

#define NOW 1795374000 /* 2026-11-22 */

static void feed(struct fleet *fleet, const uint8_t *data, size_t size, size_t piece)
{
    require(fleet_source_begin(fleet, "source") == 0);
    while (size > 0) {
        size_t n = size < piece ? size : piece;
        struct part part = part_copy(data, n); /* what is kept of it must have been copied */

        require(fleet_feed(fleet, part.bytes, n) == 0);
        part_done(&part);
        data += n;
        size -= n;
    }
    require(fleet_source_end(fleet, NULL) == 0);
}

static void check_lines(const struct fleet_sum *sum, const struct fleet_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        const struct fleet_line *line = &lines->items[i];

        require(line->hosts > 0 && line->hosts <= sum->hosts);
        require(line->finding && line->finding->key && line->example && line->example_host);
        require(line->state <= STATE_LATENT);
        require(i == 0 || line->state >= lines->items[i - 1].state);
    }
}

static void check_sum(const struct fleet *fleet, const struct fleet_sum *sum)
{
    size_t n, total = 0, devices = 0;
    const struct fleet_host *const *hosts = fleet_hosts(fleet, &n);

    require(n > 0 && n == sum->hosts);
    for (size_t i = 0; i < n; i++) {
        bool readable = hosts[i]->state != FLEET_UNREADABLE;

        require(hosts[i]->source && hosts[i]->reports > 0);
        require(readable ? hosts[i]->name && hosts[i]->version : hosts[i]->why != NULL);
        require(i == 0 || hosts[i]->state >= hosts[i - 1]->state);
    }
    for (enum fleet_state state = 0; state < FLEET_STATES; state++)
        total += sum->states[state];
    require(total == n);
    for (enum state state = 0; state < STATE_COUNT; state++)
        devices += sum->device_states[state];
    require(devices == sum->devices);
    check_lines(sum, &sum->causes);
    check_lines(sum, &sum->rules);
    check_lines(sum, &sum->patterns);
}

/* -- what is printed -- */

static char *print(struct fleet_report *report, int (*printer)(struct fleet_report *))
{
    char *text = NULL;
    size_t size;
    struct output out = {.stream = open_memstream(&text, &size)};

    require(out.stream);
    report->out = &out;
    require(printer(report) == 0);
    require(fclose(out.stream) == 0);
    require(strlen(text) == size);
    for (const char *s = text; *s; s++)
        require(*s == '\n' || !iscntrl((unsigned char)*s));
    return text;
}

static size_t bars(const char *line, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        if (line[i] == '\\' && i + 1 < n && ispunct((unsigned char)line[i + 1]))
            i++;
        else
            count += line[i] == '|';
    return count;
}

static void check_markdown(struct fleet_report *report)
{
    _cleanup_free_ char *text = print(report, fleet_print_markdown);
    size_t wanted = 0, n;

    for (const char *line = text; *line; line += n + (line[n] != 0)) {
        n = strcspn(line, "\n");
        if (line[0] != '|')
            wanted = 0;
        else if (wanted == 0)
            wanted = bars(line, n);
        else
            require(bars(line, n) == wanted);
    }
}

static void check_csv(struct fleet_report *report)
{
    _cleanup_free_ char *text = print(report, fleet_print_csv);
    size_t cells = 1, wanted = 0;
    bool quoted = false, first = true;

    for (const char *s = text; *s; s++) {
        require(!first || !strchr("=+-@", s[*s == '"']));
        first = !quoted && (*s == ',' || *s == '\n');
        if (*s == '"')
            quoted = !quoted;
        cells += first && *s == ',';
        if (*s != '\n')
            continue;
        require(!quoted && (wanted == 0 || cells == wanted));
        wanted = cells;
        cells = 1;
    }
    require(!quoted && wanted > 0 && cells == 1);
}

static void check_tag(const char *tag)
{
    static const char *const known[] = {
        "!DOCTYPE", "html",    "head",  "meta",  "title", "style", "body", "header",
        "h1",       "p",       "nav",   "a",     "ul",    "li",    "span", "i",
        "b",        "section", "svg",   "desc",  "g",     "rect",  "main", "div",
        "h2",       "table",   "thead", "tbody", "tr",    "th",    "td",   "script"};
    size_t n, end = strcspn(tag, ">");
    bool found = false;

    tag += *tag == '/';
    n = strcspn(tag, " >");
    for (size_t i = 0; i < ELEMENTSOF(known); i++)
        found |= strlen(known[i]) == n && strncmp(tag, known[i], n) == 0;
    require(found);
    for (size_t i = 0; i + 3 < end; i++) {
        require(!(tag[i] == ' ' && tag[i + 1] == 'o' && tag[i + 2] == 'n'));
        require(strncmp(tag + i, "href=\"", 6) != 0 || tag[i + 6] == '#');
    }
}

static void check_html(struct fleet_report *report)
{
    _cleanup_free_ char *text = print(report, fleet_print_html);
    char *body = strstr(text, "</style>"), *script = body ? strstr(body, "<script>") : NULL;

    require(script && !strstr(script + 1, "<script"));
    script[1] = '\0'; /* what follows is ours */
    for (const char *s = body; (s = strchr(s, '<')) && s[1]; s++)
        check_tag(s + 1);
}

static void check_json(struct fleet_report *report)
{
    _cleanup_free_ char *text = print(report, fleet_print_json);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    require(json);
    json_decref(json);
}

static void check_printed(const struct fleet *fleet, const struct fleet_sum *sum)
{
    struct fleet_report report = {.fleet = fleet, .sum = sum, .now = NOW, .all = true};

    report.hosts = fleet_hosts(fleet, &report.n_hosts);
    free(print(&report, fleet_print_table));
    check_markdown(&report);
    check_csv(&report);
    check_html(&report);
    check_json(&report);
}

static void compare(const struct fleet *a, const struct fleet *b)
{
    size_t n, m;
    const struct fleet_host *const *x = fleet_hosts(a, &n);
    const struct fleet_host *const *y = fleet_hosts(b, &m);

    require(n == m && fleet_superseded(a) == fleet_superseded(b));
    for (size_t i = 0; i < n; i++) {
        require(x[i]->state == y[i]->state && x[i]->devices == y[i]->devices);
        require(x[i]->n_groups == y[i]->n_groups && x[i]->n_exceptions == y[i]->n_exceptions);
        require((x[i]->name != NULL) == (y[i]->name != NULL));
        require(!x[i]->name || streq(x[i]->name, y[i]->name));
        require((x[i]->why != NULL) == (y[i]->why != NULL));
        require(!x[i]->why || streq(x[i]->why, y[i]->why));
    }
}

/* What is one object of JSON is one report, readable or not. */
static void check_one(const struct fleet *fleet, const uint8_t *data, size_t size)
{
    json_t *json = size > 0 && data[0] == '{' && !memmem(data, size, "\n", 1)
                       ? json_loadb((const char *)data, size, 0, NULL)
                       : NULL;
    size_t n;

    if (!json)
        return;
    fleet_hosts(fleet, &n);
    require(n == 1);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_fleet_ struct fleet *whole = fleet_new(), *pieces = fleet_new();
    _cleanup_fleet_sum_ struct fleet_sum sum = {0}, other = {0};

    require(whole && pieces);
    feed(whole, data, size, size + 1);
    feed(pieces, data, size, size > 0 ? 1 + data[size - 1] % 16u : 1);
    check_one(whole, data, size);
    require(fleet_judge(whole, NOW, 86400, &sum) == 0);
    require(fleet_judge(pieces, NOW, 86400, &other) == 0);
    check_sum(whole, &sum);
    compare(whole, pieces);
    check_printed(whole, &sum);
    return 0;
}
