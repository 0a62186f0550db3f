/* The row of `report` in the table of verbs: the command and the program that it starts know the
 * same options and say the same help. */
#pragma once

#include "agent/cli/frame/cli.h"

/* Beside rpfpolicy-agent and rpfpolicy-helper. */
#define REPORT_PROGRAM "rpfpolicy-report"

#define VERB_REPORT                                                                                \
    {                                                                                              \
        .name = "report", .arguments = "[FILE|DIR|-...]", .max_arguments = ARGUMENTS_ANY,          \
        .summary = "sum up the reports of many hosts",                                             \
        .text =                                                                                    \
            "Reads what 'rpfpolicy check --json' printed on any number of hosts: files,\n"         \
            "directories with *.json at any depth, or '-' for one after the other from\n"          \
            "standard input, as without arguments. Shows the hosts by state, policy and\n"         \
            "version, what is not as wanted by cause, rule and names of devices, the worst\n"      \
            "first, and the exceptions. Reports that are too old, or that cannot be read, are\n"   \
            "listed with the reason; of two reports of one host the later one counts. Lists\n"     \
            "are cut to 20 lines in table and markdown without --all. csv is a line per host.\n"   \
            "html is one page for a browser that needs no network. Runs anywhere, without\n"       \
            "privilege.\n"                                                                         \
            "\n"                                                                                   \
            "Exit status 0 when every host is as wanted, 2 when one is not, or is not known\n"     \
            "to be (stale, unreadable, or without a valid policy), 1 when no report can be\n"      \
            "read. With --strict also latent findings and expired exceptions give 2.\n",           \
        .options = OPTION_BIT(OPTION_ALL) | OPTION_BIT(OPTION_STALE) | OPTION_BIT(OPTION_STRICT),  \
        .formats = FORMATS_USUAL | FORMAT_BIT(FORMAT_CSV) | FORMATS_PAGES, .run = run_report,      \
    }
