#!/usr/bin/env python3
"""The manual pages against the program, in both directions: what it knows is described, and what is
described it knows. Arguments: the programs that were built, rpfpolicy and, if any, rpfpolicy-agent.

What the command line and the policy language know is asked of the program itself; names that it only
prints are looked for in the sources."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from schema_tools import paths

TOP = pathlib.Path(__file__).resolve().parents[2]
FOREIGN_OPTIONS = {"--now", "--system", "--since"}
failures = 0


def same(what, described, known):
    global failures
    described, known = list(described), list(known)
    only_described = [word for word in described if word not in known]
    only_known = [word for word in known if word not in described]
    twice = sorted({word for word in described if described.count(word) > 1})
    if only_described or only_known or twice:
        failures += 1
        print(f"FAILED: {what}: not described: {only_known}; described, but unknown: {only_described}; "
              f"described twice: {twice}", file=sys.stderr)
    else:
        print(f"ok: {what}: {len(known)}")


def expect(what, condition):
    global failures
    if not condition:
        failures += 1
        print("FAILED:", what, file=sys.stderr)


# --- reading pages

def plain(text):
    """Without the marks of scdoc(5)."""
    text = re.sub(r"(?<!\\)\*|(?<![\w\\])_|(?<!\\)_(?!\w)", "", text)
    return re.sub(r"\\(.)", r"\1", text)


class Page:
    def __init__(self, name):
        self.text = (TOP / "packaging/man" / (name + ".scd")).read_text(encoding="utf-8")
        self.sections = {}
        for part in re.split(r"^# ", self.text, flags=re.M)[1:]:
            title, _, body = part.partition("\n")
            self.sections[title] = body

    def terms(self, section):
        """Bold words that stand above an indented text, each as (word, text)."""
        return terms(self.sections[section])

    def subsections(self, section):
        parts = re.split(r"^## ", self.sections[section], flags=re.M)[1:]
        return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}

    def literals(self):
        return re.findall(r"^```\n(.*?)^```", self.text, re.M | re.S)


def terms(body):
    found = []
    lines = body.split("\n") + [""]
    for i, line in enumerate(lines):
        if not line.startswith("*"):
            continue
        end = i + 1
        while end < len(lines) and (lines[end].startswith("\t") or
                                    (not lines[end] and lines[end + 1:end + 2] and
                                     lines[end + 1].startswith("\t"))):
            end += 1
        if end == i + 1 and not re.fullmatch(r"(\*[^*]+\*(, )?)+", line):
            continue
        found.append((line, plain(" ".join(lines[i + 1:end]))))
    return found


def words(found):
    """The bold words of terms, one by one."""
    return [plain(word) for line, _ in found for word in re.findall(r"(?<!\\)\*((?:\\.|[^*\\])+)\*", line)]


def option_terms(body):
    return [word for line, _ in terms(body) for word in plain(line).split(", ") if word.startswith("-")]


# --- asking the program

def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def help_options(text):
    """"--for=TIME" of each line that describes an option, "-h" as a word of its own."""
    found = []
    for line in re.findall(r"^  +(-.*)", text, re.M):
        found += re.split(r"[ ,]+", re.split(r"  +", line)[0])
    return found


def complaint(program, policy):
    """What validate has to say about the last line that is not well."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as draft:
        draft.write(policy)
        draft.flush()
        return run(program, "validate", draft.name)


def known_here(program, policy):
    return re.search(r"known here are (.*)", complaint(program, policy))[1].split(", ")


def source(path):
    return (TOP / path).read_text(encoding="utf-8")


def table(path, prefix):
    """The words of a table such as `[STATE_OK] = "ok",`, or `{"ok", …`."""
    return re.findall(rf'\[{prefix}_\w+\] =\s+\{{?"([^"]+)"', source(path))


def csv_columns(path, function):
    """The names of the cells that a function puts into csv."""
    body = re.search(rf"^int {function}\(.*?^}}", source(path), re.S | re.M)[0]
    return re.findall(r'{"(\w+)",[^{}]*\b(?:CELL_CSV|CELL_CSV_ONLY|own)\b[^{}]*}', body)


# --- the pages

def check_command(program, page):
    text = run(program, "--help")
    verbs = re.findall(r"^  ([a-z]+) ?", text.split("Commands:")[1].split("Global")[0], re.M)
    helps = {verb: run(program, verb, "--help") for verb in verbs}
    usages = {}
    for verb, own in helps.items():
        usage = own.split("\n\n")[0].split("[OPTION...]")[1]
        usages[(verb + " " + " ".join(usage.split())).strip()] = verb
    described = page.subsections("COMMANDS")
    same("commands and their arguments", described, usages)
    for usage, body in described.items():
        if usage not in usages:
            continue
        own = helps[usages[usage]]
        own_options = own.split("\nOptions:\n")[1].split("\n\n")[0] if "\nOptions:\n" in own else ""
        same(f"options of {usages[usage]}", option_terms(body), help_options(own_options))
        formats = re.search(r"--format=FORMAT +(.*)", own)[1]
        same(f"formats of {usages[usage]}", re.findall(r"^Formats: (.*)", body, re.M), [formats])
    same("global options", option_terms(page.sections["GLOBAL OPTIONS"]),
         help_options(text.split("Global options:")[1]))
    same("exit status", words(page.terms("EXIT STATUS")),
         re.findall(r"EXIT_[A-Z]+ = (\d)", source("agent/cli/out/exit_status.h")))
    same("states", words(page.terms("STATES")), table("policy/facts/states.c", "STATE"))
    rows = source("README.md").partition("| state | meaning |")[2].partition("\n\n")[0]
    same("states of the README", re.findall(r"^\| `(\w+)`", rows, re.M), table("policy/facts/states.c", "STATE"))
    same("warnings", words(page.terms("WARNINGS")), table("policy/decide/warnings.c", "WARN"))
    return verbs


def check_policy(program, page):
    keys = [word for word in known_here(program, "[exception x]\nno-such-word = 1\n")
            if word not in words(page.terms("EXCEPTIONS"))]
    sections = known_here(program, "[no-such-section]\n")
    same("sections", [word[1:-1] for word in words(page.terms("SECTIONS"))], sections)
    same("names in [agent]", words(page.terms("AGENT")),
         known_here(program, "[agent]\nno-such-word = 1\n"))
    same("names in [set] and built-in sets", words(page.terms("SETS")),
         known_here(program, "[set x]\nno-such-word = 1\n") +
         ["@" + name for name in known_here(program, "[rp_filter]\n@no-such-set-at-all = off\n")])
    same("names in [exception]", words(page.terms("EXCEPTIONS")) + keys,
         known_here(program, "[exception x]\nno-such-word = 1\n"))
    same("names in [routing DEVICE]", words(page.terms("ROUTING")),
         known_here(program, "[routing eth0]\nno-such-word = 1\n"))
    same("keys", words(page.terms("KEYS")), [word for word in sections if word in keys])
    check_values(program, page, keys)
    for section, title, name in (("agent", "AGENT", "mode"), ("agent", "AGENT", "flush-routes"),
                                 ("routing eth0", "ROUTING", "main-first")):
        said = complaint(program, f"[{section}]\n{name} = nonsense\n")
        said = re.search(name + r"(?: 'nonsense')?: (.*)", said)[1]
        known = re.findall(r"(?:^|, | or )([a-z]+)", re.sub(r" \(.*?\)", "", said))
        text = dict((plain(line), text) for line, text in page.terms(title))[name]
        expect(f"values of {name}", len(known) >= 2 and
               all(re.search(rf"\b{word}\b", text) for word in known))


def check_values(program, page, keys):
    combined = dict(re.findall(r'\{"(\w+)",\s+IPV4_DEVCONF_\w+,\s+COMBINE_(\w+)', source("policy/facts/keys.c")))
    for line, text in page.terms("KEYS"):
        key = plain(line)
        said = complaint(program, f"[{key}]\neth0 = nonsense\n")
        known = re.search(r"for \w+: (.*), or unmanaged", said)
        found = re.search(r"Values: (.*)\. Combined: (.*)\.", text)
        how = {"REDIRECTS": "and where the device forwards, else or"}
        expect(f"values of {key}", known and found and found[1] == known[1])
        expect(f"how {key} is combined",
               found and found[2] == how.get(combined[key], combined[key].lower()))
    same("keys in the table", combined, keys)
    said = complaint(program, "[rp_filter]\neth0 = off, nonsense\n")
    only = re.search(r"only (\w+) is known", said)[1]
    same("words that every key takes", words(page.terms("VALUES")), ["unmanaged", only])


def check_report(program, page):
    formats = re.search(r"--format=FORMAT +(.*)", run(program, "check", "--help"))[1].split(", ")
    same("formats of check", re.findall(r"^\|  (\w+)$", page.sections["DESCRIPTION"], re.M), formats)
    for verb in "check", "routes", "status":
        schema = json.loads(source(f"packaging/schemas/{verb}.json"))
        same(f"members of {verb} --json", words(page.terms(f"{verb.upper()} AS JSON")), paths(schema))
    columns = csv_columns("agent/cli/session/report.c", "key_put")
    expect("what engines tell has the same columns of csv",
           csv_columns("agent/cli/check/check_engines.c", "check_put_item") == columns)
    expect("columns of csv in their order", words(page.terms("CHECK AS CSV")) == columns)
    same("states of routing", check_routing_states(), table("policy/facts/states.c", "ROUTES"))
    members = [match for path in TOP.glob("agent/engines/*/*.c")
               for match in re.findall(r'\.member = "(\w+)"', path.read_text())]
    labels = re.findall(r" (\w+)=%z?u;", source("agent/cli/check/check_nagios.c")) + members
    described = re.search(r"Performance data: (.*?)\n\n", page.sections["CHECK FOR NAGIOS"], re.S)[1]
    same("performance data", re.findall(r"_(\w+)_", described),
         labels + table("policy/facts/states.c", "STATE"))
    for section, files in (("METRICS OF CHECK", ["agent/cli/check/check_prometheus.c"]),
                           ("METRICS OF THE AGENT",
                            [f"agent/daemon/{path.name}" for path in TOP.glob("agent/daemon/*.c")])):
        text = " ".join(map(source, files))
        known = {name.replace("%s", member)
                 for name in re.findall(r"\brpfpolicy_(?:\w|%s)+", text) for member in members}
        known = {name for name in known if not re.search(r"_(bucket|sum|count)$", name)}
        same(section.lower(), words(page.terms(section)), known)
    log = source("agent/daemon/log.c") + source("agent/store/history.c")
    same("message ids", re.findall(r"^\|  ([0-9a-f]{32})$", page.text, re.M),
         re.findall(r'"([0-9a-f]{32})"', log))
    fields = re.findall(r'entry_add\(&?entry, "([A-Z_]+)=', log)
    fields += re.findall(r'(RPF_[A-Z_]+)(?:=|", record)', source("agent/store/history.c"))
    same("fields of the journal", words(page.terms("JOURNAL")),
         set(fields) - {"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "MESSAGE_ID"})


def check_routing_states():
    schema = json.loads(source("packaging/schemas/routes.json"))
    return schema["properties"]["devices"]["items"]["properties"]["state"]["enum"]


def check_schemas(program):
    keys = [word for word in known_here(program, "[exception x]\nno-such-word = 1\n")
            if word not in ("devices", "reason", "ref", "until")]
    check = json.loads(source("packaging/schemas/check.json"))
    status = json.loads(source("packaging/schemas/status.json"))
    same("keys of check.json", check["$defs"]["key"]["enum"], keys)
    same("keys of status.json", status["properties"]["keys"]["propertyNames"]["enum"], keys)
    same("origins of check.json", check["$defs"]["origin"]["enum"], table("policy/decide/judge.c", "ORIGIN") + [None])
    same("obstacles of check.json", check["$defs"]["obstacle"]["properties"]["reason"]["enum"],
         table("policy/decide/judge.c", "OBSTACLE"))
    same("states of check.json", check["$defs"]["state"]["enum"], table("policy/facts/states.c", "STATE"))
    codes = check["properties"]["warnings"]["items"]["properties"]["code"]
    same("warnings of check.json", codes["examples"], table("policy/decide/warnings.c", "WARN"))
    same("sockets of status.json", status["properties"]["sockets"]["propertyNames"]["enum"],
         re.findall(r'\[WATCH_\w+\] = \{"(\w+)"', source("agent/kernel/watch.c")))
    agent = table("agent/store/agent_state.c", "AGENT")
    for schema in check, status:
        same("states of the agent", schema["properties"]["agent"]["properties"]["state"]["enum"], agent)


def check_agent(agent, page):
    same("options of the agent", option_terms(page.sections["OPTIONS"]), help_options(run(agent, "--help")))
    restart = re.search(r"EXIT_RESTART (\d+)", source("agent/daemon/main.c"))[1]
    same("exit status of the agent", words(page.terms("EXIT STATUS")), ["0", "1", restart])
    same("signals", words(page.terms("SIGNALS")),
         re.findall(r"add_signal\(agent, (SIG\w+)", source("agent/daemon/agent.c")))


def check_mentions(program, agent, pages, verbs):
    """Nothing is named in passing that is not there."""
    known = {re.split(r"[\[=]", word)[0] for verb in [[]] + [[verb] for verb in verbs]
             for word in help_options(run(program, *verb, "--help"))} | FOREIGN_OPTIONS
    if agent:
        known |= {re.split("=", word)[0] for word in help_options(run(agent, "--help"))}
    known |= set(re.findall(r'streq\(argv\[1\], "(--[a-z-]+)"', source("agent/helper/helper.c")))
    for name, page in pages.items():
        text = plain(page.text)
        unknown = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", text)) - known if agent else set()
        expect(f"{name} speaks of options that are none: {sorted(unknown)}", not unknown)
        unknown = set(re.findall(r"\*rpfpolicy ([a-z]+)", page.text)) - set(verbs)
        for literal in page.literals():
            unknown |= set(re.findall(r"(?:^|[#$&(] )rpfpolicy ([a-z]+)", literal, re.M)) - set(verbs)
        expect(f"{name} speaks of commands that are none: {sorted(unknown)}", not unknown)
    others = [source("packaging/systemd/rpfpolicy.catalog"),
              source("packaging/systemd/rpfpolicy-agent.service.in")]
    for text in [plain(page.text) for page in pages.values()] + others:
        for name, section in re.findall(r"\b(rpfpolicy[a-z.-]*)\((\d)\)", text):
            expect(f"there is no page {name}({section})", f"{name}.{section}" in pages)


def check_examples(program, pages):
    texts = [literal for page in pages.values() for literal in page.literals()]
    readme = source("README.md")
    texts += re.findall(r"^```\n(.*?)^```", readme, re.M | re.S)
    examples = [text for text in texts if re.match(r"\[\w", text) and "=" in text]
    expect("policies among the examples", len(examples) >= 4)
    for text in examples:
        said = complaint(program, text)
        expect(f"an example is not valid:\n{text}{said}", said.endswith(", valid\n"))


def main():
    program, agent = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    names = [path.name[:-4] for path in (TOP / "packaging/man").glob("*.scd")]
    pages = {name: Page(name) for name in names}
    verbs = check_command(program, pages["rpfpolicy.1"])
    check_policy(program, pages["rpfpolicy.d.5"])
    check_report(program, pages["rpfpolicy-report.7"])
    check_schemas(program)
    if agent:
        check_agent(agent, pages["rpfpolicy-agent.8"])
    check_mentions(program, agent, pages, verbs)
    check_examples(program, pages)
    sys.exit(failures > 0)


main()
