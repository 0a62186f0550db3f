/* Findings as text and as JSON. */
#include <stdio.h>
#include <string.h>

#include "agent/cli/diagnose/findings.h"
#include "policy/lang/values.h"

/* Lines below a heading, each indented. */
static void print_lines(struct output *out, const char *heading, const char *text)
{
    while (text && *text) {
        size_t n = strcspn(text, "\n");

        fprintf(out->stream, "   %-6s ", heading);
        output_wrapped(out, out->width, 10, 10, text, n);
        fputc('\n', out->stream);
        heading = "";
        text += n + (text[n] == '\n');
    }
}

static void print_devices(FILE *f, const struct finding *finding)
{
    for (size_t i = 0; i < finding->n_devices && i < FINDING_EXAMPLES; i++)
        fprintf(f, "%s%s", i > 0 ? ", " : "", NAME_SHOWN(finding->devices[i]));
    if (finding->n_devices > FINDING_EXAMPLES)
        fprintf(f, " and %zu more", finding->n_devices - FINDING_EXAMPLES);
    if (finding->n_devices > 0)
        fputs(": ", f);
}

static void print_finding(struct output *out, size_t number, const struct finding *finding)
{
    FILE *f = out->stream;
    char text[16];

    fprintf(f, "\n%zu. ", number);
    print_devices(f, finding);
    fputs(finding->what, f);
    if (finding->others > 0)
        fprintf(f, ", and %zu more", finding->others);
    if (finding->packets > 0)
        fprintf(f, " (%s %s lost)", count_text((unsigned long)finding->packets, text),
                PLURAL(finding->packets, "packet"));
    fputc('\n', f);
    print_lines(out, "cause", finding->cause);
    print_lines(out, "cure", finding->cure);
    print_lines(out, "more", finding->more);
}

static void print_unseen(const char *sentence, void *data)
{
    const struct output *out = data;

    fprintf(out->stream, "Not seen: %s.\n", sentence);
}

static void print_end(struct output *out, const struct findings *findings)
{
    FILE *f = out->stream;

    if (findings->count == 0)
        fputs("\nNothing was found.\n", f);
    else
        fprintf(f, "\n%zu %s.\n", findings->count, PLURAL(findings->count, "finding"));
    if (findings->arp_unlisted > 0)
        fprintf(f, "Of %lu ARP requests no account was kept: there were too many.\n",
                (unsigned long)findings->arp_unlisted);
    if (findings->unknown > 0)
        fprintf(f,
                "Of %zu packets of peers it is not known whether they pass: an ip rule looks at "
                "something that is not known here.\n",
                findings->unknown);
}

void findings_print_head(struct output *out, const struct drops_report *report,
                         uint64_t milliseconds)
{
    char text[24];

    fprintf(out->stream, "Watching for %s, by %s.\n",
            value_format_time((double)milliseconds / 1000, text), drops_source_name(report));
    if (!report->bpf)
        fprintf(out->stream, "BPF cannot be used: %s.\n", drops_why_not_bpf(report->bpf_error));
    drops_unseen(report, print_unseen, out);
}

void findings_print(struct output *out, const struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++)
        print_finding(out, i + 1, &findings->items[i]);
    ways_print(out, findings);
    print_end(out, findings);
}

static json_t *json_finding(const struct finding *finding)
{
    json_t *devices = json_array();

    for (size_t i = 0; i < finding->n_devices && i < FINDING_EXAMPLES; i++)
        json_array_append_new(devices, json_bytes(finding->devices[i]));
    return json_make({"kind", json_string(finding_kind_name(finding->kind))},
                     {"packets", json_integer((json_int_t)finding->packets)}, {"devices", devices},
                     {"n_devices", json_integer((json_int_t)finding->n_devices)},
                     {"others", json_integer((json_int_t)finding->others)},
                     {"what", json_bytes(finding->what)}, {"cause", json_bytes(finding->cause)},
                     {"cure", json_bytes(finding->cure)}, {"more", json_bytes(finding->more)});
}

static void append_sentence(const char *sentence, void *data)
{
    json_array_append_new(data, json_string(sentence));
}

void findings_print_json(struct cli *cli, const struct findings *findings,
                         const struct drops_report *report)
{
    json_t *head = json_object(), *unseen = json_array();

    drops_unseen(report, append_sentence, unseen);
    json_set_header(head, cli);
    json_set(head, {"policy", json_policy(findings->session)},
             {"seconds", json_real((double)report->milliseconds / 1000)},
             {"source", json_string(drops_source_name(report))}, {"unseen", unseen},
             {"unknown", json_integer((json_int_t)findings->unknown)},
             {"arp_unlisted", json_integer((json_int_t)findings->arp_unlisted)});
    json_open_object(&cli->out, head);
    json_open(&cli->out, "findings", '[');
    for (size_t i = 0; i < findings->count; i++)
        json_element(&cli->out, NULL, json_finding(&findings->items[i]));
    json_close(&cli->out, ']');
    json_open(&cli->out, "ways", '[');
    for (size_t i = 0; i < findings->n_ways; i++)
        json_element(&cli->out, NULL, json_way(findings, &findings->ways[i]));
    json_close(&cli->out, ']');
    json_close(&cli->out, '}');
}
