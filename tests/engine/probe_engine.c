/* An engine in one file: a way that is added and removed, a value, and the way back. */
#include "probe_engine.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct probe_wish probe_wish_a, probe_wish_b;
char probe_directory[64];

static bool is_a(const char *name)
{
    return streq(name, "a");
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

static bool has_way(const char *name)
{
    char path[128];

    path_of(name, "way", path);
    return access(path, F_OK) == 0;
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

/* What it goes back to, and what it carries out, are the same thing here. */
struct probe_state {
    int value;
    bool way;
};

static void change_value(struct change *change, const struct probe_state *wanted,
                         enum change_result result)
{
    const char *name = change->engine->name;

    if (read_value(name) == wanted->value)
        return;
    note_down(name, "value");
    if (result == CHANGE_DONE)
        write_value(name, wanted->value);
    change_tell(change, wanted, result, result == CHANGE_FAILED ? -EPERM : 0);
}

static void change_way(struct change *change, const struct probe_state *wanted, bool there)
{
    const char *name = change->engine->name;

    if (wanted->way != there || has_way(name) == there)
        return;
    note_down(name, there ? "add" : "remove");
    set_way(name, there);
    change_tell(change, wanted, CHANGE_DONE, 0);
}

static int bring(struct change *change, const struct probe_state *wanted, enum change_result result,
                 unsigned phases)
{
    int r = change_announce(change, NULL, 0);

    if (r < 0)
        return r;
    if (phases & CHANGE_ADDITIONS)
        change_way(change, wanted, true);
    if (phases & CHANGE_VALUES)
        change_value(change, wanted, result);
    if (phases & CHANGE_REMOVALS)
        change_way(change, wanted, false);
    change_finish(change, wanted);
    return 0;
}

static int carry_out(struct change *change, unsigned phases)
{
    const struct probe_wish *wish = is_a(change->engine->name) ? &probe_wish_a : &probe_wish_b;
    struct probe_state wanted = {wish->value, wish->way};

    for (size_t i = 0; i < ELEMENTSOF(wish->error); i++)
        if (phases & 1U << i && wish->error[i] < 0)
            return wish->error[i];
    return bring(change, &wanted, wish->last, phases);
}

static int note(const char *name, void **ret)
{
    struct probe_state *state = calloc(1, sizeof(*state));

    if (!state)
        return -ENOMEM;
    *state = (struct probe_state){read_value(name), has_way(name)};
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
    static const struct probe_state nothing;

    return bring(change, noted ?: (void *)&nothing, CHANGE_DONE, phases);
}

const struct engine engine_probe_a = {
    .name = "a",
    .phases = CHANGE_ALL_PHASES,
    .carry_out = carry_out,
    .note = note_a,
    .put_back = put_back,
    .forget = free,
};

const struct engine engine_probe_b = {
    .name = "b",
    .phases = CHANGE_ALL_PHASES,
    .carry_out = carry_out,
    .note = note_b,
    .put_back = put_back,
    .forget = free,
};
