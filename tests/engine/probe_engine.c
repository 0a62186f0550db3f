/* An engine in one file: its state, a way that is added and removed, a value, and the way back. */
#include "probe_engine.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policy/base/text.h"

struct probe_wish probe_wish_a, probe_wish_b;
char probe_directory[64], probe_device[DEVICE_NAME_MAX + 1];

/* A device that is not there needs no way. */
static struct probe_wish wish_of(const struct engine *engine)
{
    struct probe_wish wish = engine == &engine_probe_a ? probe_wish_a : probe_wish_b;

    wish.way = wish.way && (!probe_device[0] || if_nametoindex(probe_device) > 0);
    return wish;
}

static void path_of(const char *name, const char *file, char ret[static 128])
{
    snprintf(ret, 128, "%s/%s-%s", probe_directory, name, file);
}

static void note_down(const char *name, const char *what)
{
    char path[128];
    FILE *log;

    snprintf(path, sizeof(path), "%s/log", probe_directory);
    log = fopen(path, "ae");
    if (!log)
        return;
    fprintf(log, "%s %s\n", name, what);
    (void)fclose(log);
}

static bool is_there(const char *name, const char *file)
{
    char path[128];

    path_of(name, file, path);
    return access(path, F_OK) == 0;
}

static bool has_way(const char *name)
{
    return is_there(name, "way");
}

static int read_value(const char *name)
{
    int value = 0;
    char path[128];
    FILE *file;

    path_of(name, "value", path);
    file = fopen(path, "re");
    if (!file || fscanf(file, "%d", &value) != 1)
        value = 0;
    if (file)
        (void)fclose(file);
    return value;
}

static void write_value(const char *name, int value)
{
    char path[128];
    FILE *file;

    path_of(name, "value", path);
    file = fopen(path, "we");
    if (!file)
        return;
    fprintf(file, "%d\n", value);
    (void)fclose(file);
}

static void set_way(const char *name, bool there)
{
    char path[128];

    path_of(name, "way", path);
    if (there)
        (void)close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    else
        (void)unlink(path);
}

/* -- a change: of its own kind, and in words -- */

struct probe_change {
    enum change_phase phase;
    int from, to; /* of the value */
};

static int describe(const void *what, const struct live *live, struct engine_change *ret)
{
    const struct probe_change *change = what;
    struct engine_change text = {
        .phase = change->phase, .ifindex = (int)if_nametoindex(probe_device), .reason = "wanted"};

    if (change->phase == CHANGE_VALUES) {
        text.op = "set-value";
        text.command = text_format("probe value %d -> %d", change->from, change->to);
    } else {
        text.op = change->phase == CHANGE_ADDITIONS ? "add-way" : "remove-way";
        text.command = text_format("probe %s", text.op);
        text.needed = change->phase == CHANGE_ADDITIONS;
        memcpy(text.name, probe_device, sizeof(text.name));
    }
    if (!text.command)
        return -ENOMEM;
    *ret = text;
    return 0;
}

/* -- what it tells -- */

enum probe_state { PROBE_DRIFT, PROBE_OK };

static const struct state_info *state(unsigned state)
{
    return state_info(state == PROBE_DRIFT ? STATE_DRIFT : STATE_OK);
}

static int add_item(struct engine_report *report, const char *device, bool right, int now,
                    int wanted)
{
    struct engine_item *item = engine_report_item(report);

    if (!item)
        return -ENOMEM;
    item->ifindex = (int)if_nametoindex(device);
    snprintf(item->name, sizeof(item->name), "%s", device);
    item->state = right ? PROBE_OK : PROBE_DRIFT;
    item->now = text_format("%d", now);
    item->wanted = text_format("%d", wanted);
    if (device[0] && is_there(report->engine->name, "barred") && !(item->holds = strdup("barred")))
        return -ENOMEM;
    field_number(&item->more, "value", now);
    return item->now && item->wanted && !fields_failed(&item->more) ? 0 : -ENOMEM;
}

static int add_change(struct engine_report *report, enum change_phase phase, int from, int to)
{
    struct engine_change *change = engine_report_change(report);

    return change ? describe(&(struct probe_change){phase, from, to}, NULL, change) : -ENOMEM;
}

/* In the order in which they would be made. */
static int add_changes(struct engine_report *report, const char *name,
                       const struct probe_wish *wish)
{
    bool way = has_way(name);
    int value = read_value(name), r = 0;

    if (wish->way && !way)
        r = add_change(report, CHANGE_ADDITIONS, 0, 0);
    if (r >= 0 && wish->value != value)
        r = add_change(report, CHANGE_VALUES, value, wish->value);
    if (r >= 0 && !wish->way && way)
        r = add_change(report, CHANGE_REMOVALS, 0, 0);
    return r;
}

static int report(const struct engine *engine, const struct probe_wish *wish,
                  struct engine_report *ret)
{
    struct engine_report report = {.engine = engine, .asked = wish->value || wish->way};
    int value = read_value(engine->name), r = add_changes(&report, engine->name, wish);

    if (r >= 0 && wish->value)
        r = add_item(&report, "", value == wish->value, value, wish->value);
    if (r >= 0 && wish->way)
        r = add_item(&report, probe_device, has_way(engine->name), has_way(engine->name), 1);
    if (r < 0) {
        engine_report_done(&report);
        return r;
    }
    *ret = report;
    return 0;
}

static int tell(const struct engine *engine, const struct engine_question *question,
                struct engine_report *ret)
{
    struct probe_wish wish;

    if (is_there(engine->name, "unread"))
        return -EIO;
    wish = question->policy ? wish_of(engine) : (struct probe_wish){0};
    return report(engine, &wish, ret);
}

/* -- what it does -- */

/* What it goes back to, and what it carries out, are the same thing here. */
struct probe_state_noted {
    int value;
    bool way, way_fails;
};

/* Would a device be held back that its values are for? */
static bool is_held(struct change *change)
{
    struct device device = {.ifindex = (int)if_nametoindex(probe_device)};
    struct live live = {.devices = &device, .count = 1};

    return change_complete(change, &live) < 0 || device.held;
}

static void change_value(struct change *change, const struct probe_state_noted *wanted,
                         enum change_result result)
{
    const char *name = change->engine->name;
    struct probe_change what = {CHANGE_VALUES, read_value(name), wanted->value};

    if (what.from == what.to)
        return;
    note_down(name, is_held(change) ? "held" : "value");
    if (is_held(change))
        result = CHANGE_HELD;
    if (result == CHANGE_DONE)
        write_value(name, wanted->value);
    change_tell(change, &what, result, result == CHANGE_FAILED ? -EPERM : 0);
}

static void change_way(struct change *change, const struct probe_state_noted *wanted, bool there)
{
    const char *name = change->engine->name;
    struct probe_change what = {there ? CHANGE_ADDITIONS : CHANGE_REMOVALS, 0, 0};
    bool fails = there && (wanted->way_fails || is_there(name, "refused"));

    if (wanted->way != there || has_way(name) == there)
        return;
    if (there && is_there(name, "barred")) {
        missing_ways_hold(&change->missing, change->engine, (int)if_nametoindex(probe_device),
                          strdup("barred"));
        return;
    }
    note_down(name, fails ? "add fails" : there ? "add" : "remove");
    if (!fails)
        set_way(name, there);
    change_tell(change, &what, fails ? CHANGE_FAILED : CHANGE_DONE, fails ? -EINVAL : 0);
}

static int bring(struct change *change, const struct probe_state_noted *wanted,
                 enum change_result result, unsigned phases)
{
    struct engine_report found = {0};
    int r = change_announce(change, NULL, 0);

    if (r >= 0 && change_is_followed(change))
        r = report(change->engine, &(struct probe_wish){.value = wanted->value, .way = wanted->way},
                   &found);
    if (r < 0)
        return r;
    if (phases & CHANGE_ADDITIONS)
        change_way(change, wanted, true);
    if (phases & CHANGE_VALUES)
        change_value(change, wanted, result);
    if (phases & CHANGE_REMOVALS)
        change_way(change, wanted, false);
    change_finish(change, &found);
    engine_report_done(&found);
    return 0;
}

static int carry_out(struct change *change, unsigned phases)
{
    const struct probe_wish wish = wish_of(change->engine);
    struct probe_state_noted wanted = {wish.value, wish.way, wish.way_fails};

    for (size_t i = 0; i < ELEMENTSOF(wish.error); i++)
        if (phases & 1U << i && wish.error[i] < 0)
            return wish.error[i];
    return bring(change, &wanted, wish.last, phases);
}

static int note(const char *name, void **ret)
{
    struct probe_state_noted *state = calloc(1, sizeof(*state));

    if (!state)
        return -ENOMEM;
    *state = (struct probe_state_noted){read_value(name), has_way(name), false};
    *ret = state;
    return 0;
}

static int note_a(const struct paths *paths, void **ret)
{
    return note("a", ret);
}

static int note_b(const struct paths *paths, void **ret)
{
    return note("b", ret);
}

static int put_back(struct change *change, void *noted, unsigned phases)
{
    static const struct probe_state_noted nothing;

    return bring(change, noted ?: (void *)&nothing, CHANGE_DONE, phases);
}

#define PROBE_ROW(its_name, its_note)                                                              \
    {                                                                                              \
        .name = its_name, .phases = CHANGE_ALL_PHASES, .tell = tell,                               \
        .words = {.member = "probe",                                                               \
                  .changes = "probe-changes",                                                      \
                  .title = "the probe",                                                            \
                  .many = "probes",                                                                \
                  .parts = "ways and values",                                                      \
                  .needed = "a way",                                                               \
                  .awaited = "a way of the probe",                                                 \
                  .facts = "the probe",                                                            \
                  .show = "check",                                                                 \
                  .plan = "plan"},                                                                 \
        .n_states = 2, .state = state, .describe = describe, .carry_out = carry_out,               \
        .note = its_note, .put_back = put_back, .forget = free,                                    \
    }

const struct engine engine_probe_a = PROBE_ROW("a", note_a);
const struct engine engine_probe_b = PROBE_ROW("b", note_b);
