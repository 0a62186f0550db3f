/* What every verb is given and what it returns: parsed options, where things are, where output
 * goes. A verb's file ends with its row; verbs.c has them in
 * order. Common work is in session.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/paths.h"
#include "agent/cli/out/exit_status.h"
#include "agent/cli/out/output.h"
#include "agent/cli/out/say.h"

enum format {
    FORMAT_TABLE,
    FORMAT_JSON,
    FORMAT_NDJSON,
    FORMAT_CSV,
    FORMAT_NAGIOS,
    FORMAT_PROMETHEUS,
    FORMAT_MARKDOWN,
    FORMAT_HTML,
    FORMAT_COUNT,
};
#define FORMAT_BIT(format) (1u << (format))
#define FORMATS_TEXT FORMAT_BIT(FORMAT_TABLE)
#define FORMATS_USUAL (FORMAT_BIT(FORMAT_TABLE) | FORMAT_BIT(FORMAT_JSON))
#define FORMATS_PAGES (FORMAT_BIT(FORMAT_MARKDOWN) | FORMAT_BIT(FORMAT_HTML))
#define FORMATS_CHECK (FORMAT_BIT(FORMAT_MARKDOWN) - 1)

/* Options beside the global ones, which every verb takes. One row each in options.c. */
enum option_id {
    OPTION_STRICT,
    OPTION_ALL,
    OPTION_DRY_RUN,
    OPTION_IMPACT,
    OPTION_FORCE,
    OPTION_FLAVOR,
    OPTION_KEY,
    OPTION_TO,
    OPTION_MARK,
    OPTION_PROTO,
    OPTION_SPORT,
    OPTION_DPORT,
    OPTION_ASK_KERNEL,
    OPTION_CONFIRM,
    OPTION_REASON,
    OPTION_FOR,
    OPTION_PEER,
    OPTION_STALE,
    OPTION_TRIAL,
    OPTION_PROBE,
    OPTION_ON_TIMEOUT,
    OPTION_YES,
    OPTION_ONCE,
    OPTION_COUNT,
};
#define OPTION_BIT(id) (1u << (id))

struct cli {
    struct path_options path_options; /* borrowed from the command line */
    struct paths paths;
    enum format format;
    enum color_when color;
    struct output out;
    char **command;                   /* argv: options, the verb, its arguments */
    uint32_t given;                   /* OPTION_BIT of every option that was given */
    const char *values[OPTION_COUNT]; /* what was given with each, NULL for nothing */
};

static inline bool cli_given(const struct cli *cli, enum option_id id)
{
    return cli->given & OPTION_BIT(id);
}

/* EXIT_ERROR; a monitoring system reads 1 as "warning", what is not known is 3 there. */
static inline int cli_error(const struct cli *cli)
{
    return cli->format == FORMAT_NAGIOS ? 3 : EXIT_ERROR;
}

#define ARGUMENTS_ANY 0xffffffffu

struct verb {
    const char *name;
    const char *arguments; /* as help shows them, "[DEVICE...]"; "" for none */
    unsigned min_arguments, max_arguments;
    const char *summary; /* one line of help, at most 48 bytes */
    const char *text;    /* the long help: paragraphs of at most 80 columns, "\n" at the end */
    uint32_t options;    /* OPTION_BIT of each it takes */
    uint32_t formats;    /* FORMAT_BIT of each it speaks */
    /* Returns an enum exit_status. `arguments` holds `count` strings, the verb not among them. */
    int (*run)(struct cli *cli, int count, char **arguments);
};
