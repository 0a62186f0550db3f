/* `rpfpolicy preset`: list, show, enable, disable, compare and suggest the policies that are
 * shipped ready-made. */
#include <net/if.h>
#include <stdio.h>

#include "agent/cli/frame/options.h"
#include "agent/cli/out/row.h"
#include "agent/cli/policy/text_diff.h"
#include "agent/store/policy_load.h"
#include "agent/store/presets.h"
#include "policy/base/name.h"

static int read_presets(const struct cli *cli, struct presets *ret)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    int r = presets_read(&cli->paths, &diags, ret);

    say_diags(&diags, DIAG_WARNING);
    if (r < 0)
        say("cannot read the presets: %s", error_text(r));
    else if (ret->count == 0)
        say("no presets found in %s", NAME_SHOWN(cli->paths.presets));
    return r < 0 ? r : (ret->count == 0 ? -ENOENT : 0);
}

static const char *next_preset(unsigned i, const void *data)
{
    const struct presets *presets = data;

    return i < presets->count ? presets->items[i].name : NULL;
}

static const struct preset *find_preset(const struct presets *presets, const char *name)
{
    const struct preset *preset = presets_find(presets, name);
    const char *meant = preset ? NULL : nearest(name, next_preset, presets);

    if (meant)
        say("there is no preset '%s', did you mean '%s'?", NAME_SHOWN(name), meant);
    else if (!preset)
        say("there is no preset '%s', see 'rpfpolicy preset list'", NAME_SHOWN(name));
    return preset;
}

/* -- list -- */

static const char *state_text(const struct preset *preset, char *buf, size_t size)
{
    const char *edited = preset->copy == PRESET_EDITED ? ", edited" : "";

    if (preset->copy == PRESET_NOT_ENABLED)
        return "-";
    if (!preset->bytes)
        snprintf(buf, size, "enabled%s, shipped no more", edited);
    else if (preset->newer)
        snprintf(buf, size, "enabled (%u)%s, newer shipped", preset->copy_version, edited);
    else
        snprintf(buf, size, "enabled%s", edited);
    return buf;
}

static int put_preset(struct row *row, const struct preset *preset)
{
    bool enabled = preset->copy != PRESET_NOT_ENABLED;
    char state[64];

    return ROW(
        row, {"name", "PRESET", TEXT(preset->name)},
        {"version", "VERSION", NUMBER_IF(preset->bytes, preset->version), COLUMN_RIGHT},
        {NULL, "STATE", TEXT(state_text(preset, state, sizeof(state)))},
        {"summary", "WHAT FOR", OWNED(preset_summary(preset)), COLUMN_WRAP},
        {"enabled", NULL, TRUTH(enabled)}, {"edited", NULL, TRUTH(preset->copy == PRESET_EDITED)},
        {"newer", NULL, TRUTH(preset->newer)},
        {"enabled_version", NULL, NUMBER_IF(enabled && preset->copy_version, preset->copy_version)},
        {"file", NULL, TEXT(enabled ? preset->target : NULL)});
}

static int preset_list(struct cli *cli, const struct presets *presets, int count, char **names)
{
    bool json = cli->format == FORMAT_JSON;
    _cleanup_table_ struct table *table = json ? NULL : table_new(NULL, 0);
    int r = json || table ? 0 : -ENOMEM;

    if (json) {
        json_open(&cli->out, NULL, '{');
        json_element(&cli->out, "schema", json_integer(1));
        json_open(&cli->out, "presets", '[');
    }
    for (size_t i = 0; r >= 0 && i < presets->count; i++)
        if (json)
            json_element(&cli->out, NULL, ROW_OBJECT(row, put_preset(&row, &presets->items[i])));
        else
            r = put_preset(&(struct row){.table = table}, &presets->items[i]);
    if (json) {
        json_close(&cli->out, ']');
        json_close(&cli->out, '}');
    } else if (r >= 0) {
        r = table_print(table, &cli->out);
    }
    if (r < 0)
        say("cannot list the presets: %s", error_text(r));
    return r < 0 ? EXIT_ERROR : EXIT_OK;
}

/* -- show -- */

static int preset_show(struct cli *cli, const struct presets *presets, int count, char **names)
{
    for (int i = 0; i < count; i++) {
        const struct preset *preset = find_preset(presets, names[i]);

        if (!preset)
            return EXIT_ERROR;
        if (preset->bytes)
            fwrite(preset->bytes, 1, preset->n, cli->out.stream);
        else
            fwrite(preset->copy_bytes, 1, preset->copy_n, cli->out.stream);
    }
    return EXIT_OK;
}

/* -- enable, disable -- */

/* What the policy on disk now says of itself: a new preset may stand in the shadow of older lines,
 * or the other way round. */
static void say_what_policy_says(const struct cli *cli)
{
    _cleanup_diags_ struct diags diags = DIAGS_INIT;
    _cleanup_policy_ struct policy *policy = NULL;

    /* What is wrong is in the diags, which are said. */
    (void)policy_load(&cli->paths, &diags, &policy);
    say_diags(&diags, DIAG_WARNING);
}

static void print_notes(struct cli *cli, const struct preset *preset)
{
    for (unsigned i = 0;; i++) {
        _cleanup_free_ char *line = preset_comment(preset, "next", i), *shown = NULL;

        if (!line)
            return;
        shown = name_escape(line);
        fprintf(cli->out.stream, "Note: %s\n", shown ?: "");
    }
}

static int cannot(const struct cli *cli, const char *what, const struct preset *preset, int error)
{
    say("cannot %s %s%s: %s", what, NAME_SHOWN(cli->paths.root), preset->target, error_text(error));
    return EXIT_ERROR;
}

/* May the copy be replaced or removed? Says why not. */
static bool may_touch(const struct cli *cli, const struct preset *preset)
{
    if (preset->copy != PRESET_EDITED || cli_given(cli, OPTION_FORCE))
        return true;
    say("%s was edited and is kept; 'rpfpolicy preset diff %s' shows how, --force goes on",
        preset->target, preset->name);
    return false;
}

static int enable_one(struct cli *cli, const struct preset *preset, bool *ret_changed)
{
    int r;

    if (!preset->bytes) {
        say("the preset '%s' is shipped no more", preset->name);
        return EXIT_ERROR;
    }
    if (preset->copy == PRESET_ENABLED && !preset->newer) {
        fprintf(cli->out.stream, "%s is enabled already (version %u)\n", preset->name,
                preset->version);
        return EXIT_OK;
    }
    if (!may_touch(cli, preset))
        return EXIT_ERROR;
    r = preset_enable(&cli->paths, preset);
    if (r < 0)
        return cannot(cli, "write", preset, r);
    say_unsafe(preset->target, r);
    *ret_changed = true;
    if (preset->copy != PRESET_NOT_ENABLED)
        fprintf(cli->out.stream, "%s replaced by version %u\n", preset->target, preset->version);
    else
        fprintf(cli->out.stream, "%s written (version %u)\n", preset->target, preset->version);
    print_notes(cli, preset);
    return EXIT_OK;
}

static int preset_enable_all(struct cli *cli, const struct presets *presets, int count,
                             char **names)
{
    int status = EXIT_OK;
    bool changed = false;

    for (int i = 0; i < count; i++)
        if (!find_preset(presets, names[i]))
            return EXIT_ERROR;
    for (int i = 0; i < count; i++) {
        bool one_changed = false;
        const struct preset *preset = presets_find(presets, names[i]);
        int one = enable_one(cli, preset, &one_changed);

        status = one == EXIT_OK ? status : one;
        changed |= one_changed;
    }
    if (!changed)
        return status;
    say_what_policy_says(cli);
    fputs("Nothing is changed yet. Next: 'rpfpolicy plan' shows what would be, 'rpfpolicy apply' "
          "does it.\n",
          cli->out.stream);
    return status;
}

static int preset_disable_all(struct cli *cli, const struct presets *presets, int count,
                              char **names)
{
    bool changed = false;

    for (int i = 0; i < count; i++) {
        const struct preset *preset = find_preset(presets, names[i]);
        int r;

        if (!preset || !may_touch(cli, preset))
            return EXIT_ERROR;
        if (preset->copy == PRESET_NOT_ENABLED) {
            fprintf(cli->out.stream, "%s is not enabled\n", preset->name);
            continue;
        }
        r = preset_disable(&cli->paths, preset);
        if (r < 0)
            return cannot(cli, "remove", preset, r);
        changed = true;
        fprintf(cli->out.stream, "%s removed\n", preset->target);
    }
    if (!changed)
        return EXIT_OK;
    say_what_policy_says(cli);
    fputs("Devices keep their values. Next: 'rpfpolicy plan', then 'rpfpolicy apply' puts the "
          "rest of the policy into force.\n",
          cli->out.stream);
    return EXIT_OK;
}

/* -- diff -- */

static int diff_one(struct cli *cli, const struct preset *preset)
{
    _cleanup_free_ char *bytes = NULL, *old_name = NULL, *new_name = NULL;
    size_t n;
    int r = preset_copy_bytes(preset, &bytes, &n);

    if (r == -ENOENT) {
        say("the preset '%s' is shipped no more", preset->name);
        return r;
    }
    if (r >= 0 &&
        (asprintf(&old_name, "%s (enabled)", preset->target) < 0 ||
         asprintf(&new_name, "%s (shipped, version %u)", preset->name, preset->version) < 0))
        r = -ENOMEM;
    if (r >= 0)
        r = text_diff_print(&cli->out, old_name, preset->copy_bytes, new_name, bytes);
    if (r == -ENOENT)
        say("cannot compare '%s': there is no " DIFF_PROGRAM " here: install the package diffutils",
            preset->name);
    else if (r < 0)
        say("cannot compare '%s': %s", preset->name, error_text(r));
    return r;
}

static int preset_diff(struct cli *cli, const struct presets *presets, int count, char **names)
{
    int status = EXIT_OK;

    for (int i = 0; i < count; i++) {
        const struct preset *preset = find_preset(presets, names[i]);

        if (!preset)
            return EXIT_ERROR;
        if (preset->copy == PRESET_NOT_ENABLED) {
            say("the preset '%s' is not enabled", preset->name);
            return EXIT_ERROR;
        }
    }
    for (size_t i = 0; i < presets->count; i++) {
        const struct preset *preset = &presets->items[i];
        bool wanted = count == 0 && preset->bytes;
        int r;

        for (int j = 0; j < count; j++)
            wanted |= streq(names[j], preset->name);
        if (!wanted || preset->copy == PRESET_NOT_ENABLED)
            continue;
        r = diff_one(cli, preset);
        if (r < 0)
            return EXIT_ERROR;
        if (r > 0)
            status = EXIT_DRIFT;
    }
    return status;
}

/* -- suggest -- */

struct devices {
    struct if_nameindex *index;
    const char **names; /* NULL-terminated; borrowed from index */
};

static void devices_done(struct devices *devices)
{
    if (devices->index)
        if_freenameindex(devices->index);
    free(devices->names);
}

static int devices_read(struct devices *ret)
{
    size_t n = 0;

    ret->index = if_nameindex();
    if (!ret->index)
        return -errno;
    while (ret->index[n].if_index != 0 || ret->index[n].if_name)
        n++;
    ret->names = calloc(n + 1, sizeof(*ret->names));
    if (!ret->names)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        ret->names[i] = ret->index[i].if_name;
    return 0;
}

static int print_suggestion(struct cli *cli, const struct preset *preset,
                            const struct names *evidence)
{
    _cleanup_free_ char *summary = preset_summary(preset);
    bool enabled = preset->copy != PRESET_NOT_ENABLED;

    if (!summary)
        return -ENOMEM;
    if (cli->format == FORMAT_JSON) {
        json_t *list = json_array();

        for (size_t i = 0; i < evidence->count; i++)
            json_array_append_new(list, json_bytes(evidence->items[i]));
        json_element(&cli->out, NULL,
                     json_pack("{s:o, s:o, s:b, s:o}", "name", json_bytes(preset->name), "summary",
                               json_bytes(summary), "enabled", enabled, "evidence", list));
        return 0;
    }
    fprintf(cli->out.stream, "%s%s%s%s\n", output_color(&cli->out, "heading"), preset->name,
            output_color_end(&cli->out), enabled ? "  (enabled)" : "");
    fprintf(cli->out.stream, "    %s\n", NAME_SHOWN(summary));
    for (size_t i = 0; i < evidence->count; i++) {
        _cleanup_free_ char *shown = name_escape(evidence->items[i]);

        fprintf(cli->out.stream, "    because of %s\n", shown ?: "?");
    }
    return 0;
}

static int preset_suggest(struct cli *cli, const struct presets *presets, int count, char **names)
{
    _cleanup_(devices_done) struct devices devices = {0};
    bool json = cli->format == FORMAT_JSON, open = false;
    int r = devices_read(&devices);

    if (json) {
        json_open(&cli->out, NULL, '{');
        json_element(&cli->out, "schema", json_integer(1));
        json_open(&cli->out, "suggestions", '[');
    }
    for (size_t i = 0; r >= 0 && i < presets->count; i++) {
        const struct preset *preset = &presets->items[i];
        _cleanup_names_ struct names evidence = {0};

        r = preset_look(&cli->paths, preset, devices.names, &evidence);
        if (r < 0 || evidence.count == 0)
            continue;
        r = print_suggestion(cli, preset, &evidence);
        open |= preset->copy == PRESET_NOT_ENABLED;
    }
    if (json) {
        json_close(&cli->out, ']');
        json_close(&cli->out, '}');
    } else if (r >= 0 && open) {
        fputs("\n'rpfpolicy preset show NAME' says why and what, 'rpfpolicy preset enable NAME' "
              "takes it.\n",
              cli->out.stream);
    } else if (r >= 0) {
        fputs("Nothing to suggest beyond what is enabled.\n", cli->out.stream);
    }
    if (r < 0)
        say("cannot look for what is present: %s", error_text(r));
    return r < 0 ? EXIT_ERROR : EXIT_OK;
}

/* -- which -- */

static const struct action {
    const char *name;
    int min_names, max_names; /* max_names -1: any number */
    bool json;
    int (*run)(struct cli *cli, const struct presets *presets, int count, char **names);
} actions[] = {
    {"list", 0, 0, true, preset_list},           {"show", 1, -1, false, preset_show},
    {"enable", 1, -1, false, preset_enable_all}, {"disable", 1, -1, false, preset_disable_all},
    {"diff", 0, -1, false, preset_diff},         {"suggest", 0, 0, true, preset_suggest},
};

static const char *next_action(unsigned i, const void *data)
{
    return i < ELEMENTSOF(actions) ? actions[i].name : NULL;
}

static const struct action *find_action(const struct cli *cli, const char *name, int count)
{
    const struct action *action = NULL;
    const char *meant;

    for (size_t i = 0; i < ELEMENTSOF(actions); i++)
        if (streq(actions[i].name, name))
            action = &actions[i];
    if (!action) {
        meant = nearest(name, next_action, NULL);
        if (meant)
            say("unknown command 'preset %s', did you mean 'preset %s'?", NAME_SHOWN(name), meant);
        else
            say("unknown command 'preset %s', see 'rpfpolicy preset --help'", NAME_SHOWN(name));
    } else if (count < action->min_names) {
        say("the name of a preset is missing: rpfpolicy preset %s NAME", action->name);
    } else if (action->max_names >= 0 && count > action->max_names) {
        say("'preset %s' takes no name", action->name);
    } else if (cli->format != FORMAT_TABLE && !action->json) {
        say("'preset %s' has no format '%s'", action->name, format_name(cli->format));
    } else {
        return action;
    }
    return NULL;
}

static int run_preset(struct cli *cli, int count, char **arguments)
{
    _cleanup_presets_ struct presets presets = {0};
    const struct action *action = find_action(cli, arguments[0], count - 1);

    if (!action || read_presets(cli, &presets) < 0)
        return EXIT_ERROR;
    return action->run(cli, &presets, count - 1, arguments + 1);
}

const struct verb verb_preset = {
    .name = "preset",
    .arguments = "list|show|enable|disable|diff|suggest [NAME...]",
    .min_arguments = 1,
    .max_arguments = ARGUMENTS_ANY,
    .summary = "use ready-made policies for network plugins",
    .text = "list         what there is, what is enabled, edited, or outdated\n"
            "show NAME    the policy and its reasons\n"
            "enable NAME  copy it to /etc/rpfpolicy.d/20-preset-NAME.conf, so that an\n"
            "             upgrade of the package never changes what is enforced; with\n"
            "             --force also over a copy that was edited\n"
            "disable NAME remove that copy\n"
            "diff [NAME]  how enabled ones differ from what is shipped now; exit status 2\n"
            "             when they do\n"
            "suggest      the presets whose devices or files are present, with the evidence\n",
    .options = OPTION_BIT(OPTION_FORCE),
    .formats = FORMATS_USUAL,
    .run = run_preset,
};
