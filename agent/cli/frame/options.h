/* The command line: global options, those of the verbs, and what to say when one is not known. */
#pragma once

#include "agent/cli/frame/cli.h"

struct option_info {
    const char *name;
    const char *metavar; /* NULL: takes no value */
    const char *help;    /* at most 50 bytes */
    bool optional;       /* the value may be left out */
    char letter;         /* that means the same; 0: none */
};

extern const struct option_info verb_options[OPTION_COUNT];

enum global_option {
    GLOBAL_ROOT,
    GLOBAL_POLICY,
    GLOBAL_SYSCTL_ROOT,
    GLOBAL_PROC_SYS_NET,
    GLOBAL_FORMAT,
    GLOBAL_JSON,
    GLOBAL_COLOR,
    GLOBAL_HELP,
    GLOBAL_VERSION,
    GLOBAL_COUNT,
};
extern const struct option_info global_options[GLOBAL_COUNT];

struct command_line {
    const struct verb *verb; /* NULL: none given */
    char **arguments;        /* behind the verb */
    int count;
    bool help, version;
};

/* What a program is asked for, and what it does about it. */
struct program {
    const struct verb *const *verbs; /* ends with NULL */
    bool single;                     /* the only verb, which is not typed */
    int (*run)(struct cli *cli, const struct command_line *line); /* returns the exit status */
};

/* Fill cli's options and *ret. Permutes argv. -EINVAL after the reason was said on stderr. */
int command_line_parse(struct cli *cli, const struct program *program, int argc, char **argv,
                       struct command_line *ret);

/* What every program does around its work: program->run is called unless help or the version was
 * asked for. Returns the exit status. */
int program_run(const struct program *program, int argc, char **argv);

const char *format_name(enum format format);

void help_print(FILE *stream, const struct verb *const *verbs);
void help_print_verb(FILE *stream, const struct verb *verb);

/* The candidate that differs from `word` in at most two letters (one in short words), or NULL.
 * next(i, data) gives candidates until NULL. */
const char *nearest(const char *word, const char *(*next)(unsigned i, const void *data),
                    const void *data);
