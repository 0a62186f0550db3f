/* Parsing the command line with getopt_long(3) from the tables of options, and help from them. */
#include "agent/cli/frame/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "policy/base/name.h"

const struct option_info global_options[GLOBAL_COUNT] = {
    [GLOBAL_ROOT] = {"root", "DIR", "look up policy, sysctl.d and state below DIR"},
    [GLOBAL_POLICY] = {"policy", "FILE", "this policy file instead of the directories"},
    [GLOBAL_SYSCTL_ROOT] = {"sysctl-root", "DIR", "look up sysctl.d below DIR"},
    [GLOBAL_PROC_SYS_NET] = {"proc-sys-net", "DIR", "where /proc/sys/net is mounted"},
    [GLOBAL_FORMAT] = {"format", "FORMAT", NULL},
    [GLOBAL_JSON] = {"json", NULL, "the same as --format=json"},
    [GLOBAL_COLOR] = {"color", "WHEN", "auto, always or never"},
    [GLOBAL_HELP] = {"help", NULL, "show help, also behind a command", .letter = 'h'},
    [GLOBAL_VERSION] = {"version", NULL, "show the version"},
};

const struct option_info verb_options[OPTION_COUNT] = {
    [OPTION_STRICT] = {"strict", NULL, "what is only warned of counts, too"},
    [OPTION_ALL] = {"all", NULL, "list everything, not only what is not ok"},
    [OPTION_DRY_RUN] = {"dry-run", NULL, "only print what would be done"},
    [OPTION_IMPACT] = {"impact", NULL, "list the peers whose packets would be dropped"},
    [OPTION_FORCE] = {"force", NULL, "go on where a safety check would stop"},
    [OPTION_FLAVOR] = {"flavor", "NAME", "whose reading of sysctl.d: systemd or procps"},
    [OPTION_KEY] = {"key", "KEY", "only this key, such as rp_filter"},
    [OPTION_TO] = {"to", "ADDRESS", "or PORT@ADDRESS; else an address of the device"},
    [OPTION_MARK] = {"mark", "MARK", "mark that netfilter gives the packet"},
    [OPTION_PROTO] = {"proto", "PROTOCOL", "tcp, udp, icmp or a number"},
    [OPTION_SPORT] = {"sport", "PORT", "source port, with --proto"},
    [OPTION_DPORT] = {"dport", "PORT", "destination port, with --proto"},
    [OPTION_ASK_KERNEL] = {"ask-kernel", NULL, "also let the kernel decide; may log a martian"},
    [OPTION_CONFIRM] = {"confirm", "TIME", "put back unless confirmed (60s)", true},
    [OPTION_REASON] = {"reason", "TEXT", "why, for the next person"},
    [OPTION_PEER] = {"peer", "ADDRESS", "who is replied to; else somebody far away"},
    [OPTION_FOR] = {"for", "TIME", "how long: 90s, 30min, 2h, 1d"},
    [OPTION_STALE] = {"stale", "TIME", "older reports do not count (24h)"},
    [OPTION_TRIAL] = {"trial", "TIME", "on trial, for so long (5min)", true},
    [OPTION_PROBE] = {"probe", "PROBES", "tcp/ADDRESS:PORT..., besides the policy's"},
    [OPTION_ON_TIMEOUT] = {"on-timeout", "WHAT", "keep or back, when nobody confirms (back)"},
    [OPTION_YES] = {"yes", NULL, "do not ask", .letter = 'y'},
    [OPTION_ONCE] = {"once", NULL, "write although mode is observe"},
};

static const char *const format_names[FORMAT_COUNT] = {
    [FORMAT_TABLE] = "table",       [FORMAT_JSON] = "json",     [FORMAT_NDJSON] = "ndjson",
    [FORMAT_CSV] = "csv",           [FORMAT_NAGIOS] = "nagios", [FORMAT_PROMETHEUS] = "prometheus",
    [FORMAT_MARKDOWN] = "markdown", [FORMAT_HTML] = "html",
};

/* getopt's values: above every character, so that optopt tells a long option from a short one. */
#define GLOBAL_VALUE 0x1000
#define VERB_VALUE 0x2000

const char *format_name(enum format format)
{
    return format_names[format];
}

static const struct verb *find_verb(const struct program *program, const char *name)
{
    for (const struct verb *const *verb = program->verbs; *verb; verb++)
        if (streq((*verb)->name, name))
            return *verb;
    return NULL;
}

/* What may be meant by a word that is not known: what the verb takes; anything without a verb. */
struct words {
    const char *words[GLOBAL_COUNT + OPTION_COUNT + 1]; /* ends with NULL */
};

static struct words known_formats(const struct verb *verb)
{
    struct words known = {0};

    for (unsigned i = 0, n = 0; i < FORMAT_COUNT; i++)
        if (!verb || verb->formats & FORMAT_BIT(i))
            known.words[n++] = format_names[i];
    return known;
}

static struct words known_options(const struct verb *verb)
{
    struct words known = {0};
    unsigned n = 0;

    for (unsigned i = 0; i < GLOBAL_COUNT; i++)
        if (i != GLOBAL_JSON || !verb || verb->formats & FORMAT_BIT(FORMAT_JSON))
            known.words[n++] = global_options[i].name;
    for (unsigned i = 0; i < OPTION_COUNT; i++)
        if (!verb || verb->options & OPTION_BIT(i))
            known.words[n++] = verb_options[i].name;
    return known;
}

static const char *next_word(unsigned i, const void *data)
{
    const struct words *known = data;

    return known->words[i];
}

static const char *next_verb(unsigned i, const void *data)
{
    const struct program *program = data;

    return program->verbs[i] ? program->verbs[i]->name : NULL;
}

static int refuse(const struct command_line *line, const char *what, const char *word,
                  const char *meant, const char *dashes)
{
    _cleanup_free_ char *escaped = name_escape(word);

    if (meant)
        say("%s '%s', did you mean '%s%s'?", what, escaped ?: "?", dashes, meant);
    else
        say("%s '%s', see 'rpfpolicy %s%s--help'", what, escaped ?: "?",
            line->verb ? line->verb->name : "", line->verb ? " " : "");
    return -EINVAL;
}

/* The only one that begins so, else the one that is nearest. */
static const char *meant_option(const struct verb *verb, const char *name)
{
    const struct words known = known_options(verb);
    const char *found = NULL;
    unsigned n = 0;

    for (unsigned i = 0; known.words[i]; i++)
        if (*name && startswith(known.words[i], name)) {
            found = known.words[i];
            n++;
        }
    return n == 1 ? found : nearest(name, next_word, &known);
}

static int refuse_option(const struct command_line *line, int code, const char *word)
{
    char letter[3] = {'-', (char)optopt, 0};
    char name[64];

    if (code == ':')
        return refuse(line, "a value is missing behind", word, NULL, "");
    if (optopt >= GLOBAL_VALUE)
        return refuse(line, "no value can be given with", word, NULL, "");
    if (optopt)
        return refuse(line, "unknown option", letter, NULL, "");
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
    return refuse(line, "unknown or ambiguous option", word, meant_option(line->verb, name), "--");
}

static int set_format(struct cli *cli, const struct command_line *line, const char *word)
{
    const struct words known = known_formats(line->verb);

    for (unsigned i = 0; i < FORMAT_COUNT; i++)
        if (streq(word, format_names[i])) {
            cli->format = (enum format)i;
            return 0;
        }
    return refuse(line, "unknown format", word, nearest(word, next_word, &known), "--format=");
}

static int set_color(struct cli *cli, const struct command_line *line, const char *word)
{
    static const char *const words[] = {"auto", "always", "never"};

    for (unsigned i = 0; i < ELEMENTSOF(words); i++)
        if (streq(word, words[i])) {
            cli->color = (enum color_when)i;
            return 0;
        }
    return refuse(line, "--color takes auto, always or never, not", word, NULL, "");
}

static int set_global(struct cli *cli, struct command_line *line, enum global_option id,
                      const char *value)
{
    const char **const texts[] = {
        [GLOBAL_ROOT] = &cli->path_options.root,
        [GLOBAL_POLICY] = &cli->path_options.policy,
        [GLOBAL_SYSCTL_ROOT] = &cli->path_options.sysctl_root,
        [GLOBAL_PROC_SYS_NET] = &cli->path_options.proc_sys_net,
    };
    char name[32];

    if (id < ELEMENTSOF(texts)) {
        if (!*value) {
            snprintf(name, sizeof(name), "--%s", global_options[id].name);
            return refuse(line, "an empty value cannot be given with", name, NULL, "");
        }
        *texts[id] = value;
        return 0;
    }
    switch (id) {
    case GLOBAL_FORMAT:
        return set_format(cli, line, value);
    case GLOBAL_JSON:
        cli->format = FORMAT_JSON;
        return 0;
    case GLOBAL_COLOR:
        return set_color(cli, line, value);
    case GLOBAL_HELP:
        line->help = true;
        return 0;
    default:
        line->version = true;
        return 0;
    }
}

static void set_verb_option(struct cli *cli, enum option_id id, const char *value)
{
    cli->given |= OPTION_BIT(id);
    cli->values[id] = value;
}

static void fill(struct option *options)
{
    for (unsigned i = 0; i < GLOBAL_COUNT; i++)
        options[i] = (struct option){.name = global_options[i].name,
                                     .has_arg = global_options[i].metavar != NULL,
                                     .val = GLOBAL_VALUE + (int)i};
    for (unsigned i = 0; i < OPTION_COUNT; i++)
        options[GLOBAL_COUNT + i] =
            (struct option){.name = verb_options[i].name,
                            .has_arg = verb_options[i].optional  ? optional_argument
                                       : verb_options[i].metavar ? required_argument
                                                                 : no_argument,
                            .val = VERB_VALUE + (int)i};
}

#define LETTERS "hy" /* of all options */

static int value_of_letter(int c)
{
    for (unsigned i = 0; i < GLOBAL_COUNT; i++)
        if (global_options[i].letter == c)
            return GLOBAL_VALUE + (int)i;
    for (unsigned i = 0; i < OPTION_COUNT; i++)
        if (verb_options[i].letter == c)
            return VERB_VALUE + (int)i;
    return c;
}

static int check_verb(const struct cli *cli, const struct command_line *line)
{
    const struct verb *verb = line->verb;

    for (unsigned i = 0; i < OPTION_COUNT; i++)
        if (cli_given(cli, i) && !(verb->options & OPTION_BIT(i))) {
            say("'%s' takes no option '--%s', see 'rpfpolicy %s --help'", verb->name,
                verb_options[i].name, verb->name);
            return -EINVAL;
        }
    if (!(verb->formats & FORMAT_BIT(cli->format))) {
        say("'%s' has no format '%s', see 'rpfpolicy %s --help'", verb->name,
            format_names[cli->format], verb->name);
        return -EINVAL;
    }
    if ((unsigned)line->count < verb->min_arguments) {
        say("something is missing: rpfpolicy %s %s", verb->name, verb->arguments);
        return -EINVAL;
    }
    if ((unsigned)line->count > verb->max_arguments) {
        say("one argument too many: '%s', see 'rpfpolicy %s --help'",
            NAME_SHOWN(line->arguments[verb->max_arguments]), verb->name);
        return -EINVAL;
    }
    return 0;
}

/* The verb, whatever else there is: it decides what may be meant by a word that is not known. The
 * dash leaves argv in its order: in another, an option without its value would take the verb. */
static const struct verb *typed_verb(const struct program *program, int argc, char **argv,
                                     const struct option *options)
{
    const char *word = NULL;
    int c;

    while (!word && (c = getopt_long(argc, argv, "-:" LETTERS, options, NULL)) != -1)
        if (c == 1)
            word = optarg;
    if (!word && optind < argc)
        word = argv[optind];
    optind = 0;
    return word ? find_verb(program, word) : NULL;
}

int command_line_parse(struct cli *cli, const struct program *program, int argc, char **argv,
                       struct command_line *ret)
{
    struct option options[GLOBAL_COUNT + OPTION_COUNT + 1] = {0};
    struct command_line line = {0};
    int c, r;

    fill(options);
    opterr = 0;
    line.verb = program->single ? program->verbs[0] : typed_verb(program, argc, argv, options);
    while ((c = getopt_long(argc, argv, ":" LETTERS, options, NULL)) != -1) {
        if (c == '?' || c == ':')
            return refuse_option(&line, c, argv[optind - 1]);
        c = value_of_letter(c);
        if (c >= VERB_VALUE) {
            set_verb_option(cli, (enum option_id)(c - VERB_VALUE), optarg);
            continue;
        }
        r = set_global(cli, &line, (enum global_option)(c - GLOBAL_VALUE), optarg);
        if (r < 0)
            return r;
    }
    if (!program->single && optind < argc) {
        if (!line.verb)
            return refuse(&line, "unknown command", argv[optind],
                          nearest(argv[optind], next_verb, program), "");
        optind++;
    }
    line.arguments = argv + optind;
    line.count = argc - optind;
    cli->command = argv;
    if (line.verb && !line.help && !line.version) {
        r = check_verb(cli, &line);
        if (r < 0)
            return r;
    }
    *ret = line;
    return 0;
}
