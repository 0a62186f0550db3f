/* The table of verbs: what help, parsing and dispatch know about them. */
#include "agent/cli/frame/cli.h"
#include "agent/cli/report/verb_report.h"

const struct verb verbs[] = {
    {
        .name = "check",
        .arguments = "[DEVICE...]",
        .max_arguments = ARGUMENTS_ANY,
        .summary = "compare live values with the policy on disk",
        .text = "Lists every device and key that is not as the policy wants it, the worst first:\n"
                "what is in effect, what is wanted, the rule that asks for it, and the line of\n"
                "sysctl.d that caused the difference. Warnings follow. Changes nothing and\n"
                "needs no privilege. With --strict what is latent, exceptions past their date\n"
                "and exact names without a device give exit status 2, too.\n",
        .options = OPTION_BIT(OPTION_ALL) | OPTION_BIT(OPTION_STRICT),
        .formats = FORMATS_CHECK,
        .run = verb_check,
    },
    {
        .name = "plan",
        .arguments = "",
        .summary = "show the writes apply would make, in order",
        .text = "Lists, with its reason, each write that would make the policy on disk true. The\n"
                "order is such that no device is at any moment stricter or looser than it was\n"
                "before or will be afterwards. Then the routes and rules that [routing] asks\n"
                "for. Exit status 2 when there is something to do.\n"
                "\n"
                "--impact lists the peers seen now (sockets, neighbours, tracked flows) whose\n"
                "packets the devices that become stricter would drop: why, of which process, and\n"
                "the line of policy that would keep each. Names of processes may need root.\n",
        .options = OPTION_BIT(OPTION_IMPACT),
        .formats = FORMATS_USUAL,
        .run = verb_plan,
    },
    {
        .name = "apply",
        .arguments = "",
        .summary = "put the policy on disk into force and carry it out",
        .text = "Validates the policy, accepts it for agent and helper, and makes the writes that\n"
                "'rpfpolicy plan' shows. Nothing is changed when the policy has an error. Writes\n"
                "in either mode: typed by a person, it is meant. What is paused is left out, and\n"
                "so are routes and rules of a device that somebody else stands in the way of;\n"
                "with --force they are written, too.\n"
                "\n"
                "First it says which peers would be cut, as 'rpfpolicy plan --impact' does. When\n"
                "an SSH session is among them it refuses and changes nothing, unless --force or\n"
                "--confirm is given. It also refuses to put a policy without rules in the place\n"
                "of rules that are enforced, unless --force is given.\n"
                "\n"
                "With --confirm values and policy are put back, in a safe order, unless you\n"
                "answer 'y' at the prompt, or 'rpfpolicy confirm' is run elsewhere, in time. A\n"
                "process in a session of its own does that, also when this one is killed or its\n"
                "terminal is lost: then at once. It ends with the machine: values start anew at\n"
                "boot, and the policy accepted before is in force again.\n",
        .options =
            OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_CONFIRM),
        .formats = FORMATS_USUAL,
        .run = verb_apply,
    },
    {
        .name = "accept",
        .arguments = "",
        .summary = "put the policy on disk into force, write nothing",
        .text = "Validates the policy on disk and, when it has no error, makes it the one that\n"
                "agent and helper use from now on. No device is written now.\n"
                "\n"
                "A running agent carries an enforcing policy out at once. So where one runs, and\n"
                "the policy is not the one in force already, 'accept' refuses, like 'apply', to\n"
                "cut an SSH session, unless --force is given. 'systemctl reload' of the agent\n"
                "runs 'accept': it fails then, the agent keeps its policy, the journal says why.\n"
                "A pause with --for counts as over, since the agent goes on by itself then; where\n"
                "a pause has no end, 'resume' looks.\n"
                "\n"
                "It also refuses to put a policy without rules in the place of rules that are\n"
                "enforced, unless --force is given.\n",
        .options = OPTION_BIT(OPTION_FORCE),
        .formats = FORMATS_USUAL,
        .run = verb_accept,
    },
    {
        .name = "validate",
        .arguments = "[FILE...]",
        .max_arguments = ARGUMENTS_ANY,
        .summary = "check the policy files alone",
        .text = "Shows every error and warning as 'file:line: message', all files in one run.\n"
                "With FILE only these files are read, together, in the order given.\n",
        .options = OPTION_BIT(OPTION_STRICT),
        .formats = FORMATS_USUAL,
        .run = verb_validate,
    },
    {
        .name = "list",
        .arguments = "[DEVICE...]",
        .max_arguments = ARGUMENTS_ANY,
        .summary = "show configured, effective, inherited and wanted",
        .text = "Configured is what is stored for the device, effective what the kernel acts on\n"
                "after combining it with 'all', inherited what the device would get if it were\n"
                "created now, wanted what the policy asks for. Works without a policy, too.\n",
        .formats = FORMATS_USUAL,
        .run = verb_list,
    },
    {
        .name = "explain",
        .arguments = "DEVICE",
        .min_arguments = 1,
        .max_arguments = 1,
        .summary = "tell why a device is as it is, and what to do",
        .text = "Tells, the conclusion first: what is in effect, what is wanted and why it is not\n"
                "so, what to do, every rule of the policy and every line of sysctl.d that speaks\n"
                "of the device and which of them won, and who else may have written the value.\n"
                "And where replies from its addresses leave now, in IPv4 and IPv6: where that is\n"
                "another device, strict drops what comes in by this one in IPv4, networks on the\n"
                "way may drop the replies, and the cures are there to be pasted.\n"
                "DEVICE can be 'all', 'default', or a device that is not there yet.\n",
        .options = OPTION_BIT(OPTION_KEY) | OPTION_BIT(OPTION_FLAVOR) | OPTION_BIT(OPTION_PEER),
        .formats = FORMATS_USUAL,
        .run = verb_explain,
    },
    {
        .name = "monitor",
        .arguments = "[DEVICE...]",
        .max_arguments = ARGUMENTS_ANY,
        .summary = "show each change as it happens",
        .text = "One line per change of a value: when, which device, what it was and is, what the\n"
                "policy on disk (as it was at the start) wants, and what told of it: 'netconf'\n"
                "(a value was written), 'link', 'new device', 'rename', 'gone', 'all' (its\n"
                "effect on a device), 'default' (a device that follows it), 'look', 'full read'\n"
                "(messages were lost). The kernel announces only rp_filter, and nothing when\n"
                "netlink sets a value of a device that is down. The rest is seen when the device\n"
                "speaks next, or by a look at everything every 5 seconds; a value that came and\n"
                "went in between is not seen. Needs no privilege and no agent. Ends by ctrl-c.\n"
                "\n"
                "For rules that are only observed it also tells, once for each, which peers seen\n"
                "now they would cut ('would drop'), and at the end how many of each rule.\n",
        .formats = FORMATS_USUAL | FORMAT_BIT(FORMAT_NDJSON),
        .run = verb_monitor,
    },
    {
        .name = "generate",
        .arguments = "policy|sysctl.d",
        .min_arguments = 1,
        .max_arguments = 1,
        .summary = "write a policy, or the policy as sysctl.d lines",
        .text = "policy    a policy that describes what is in effect now, for the keys of the\n"
                "          policy on disk and rp_filter: 'rpfpolicy check' with it is clean\n"
                "sysctl.d  the policy on disk as a fragment for hosts without agent and helper;\n"
                "          what sysctl.d cannot say becomes a comment, and the exit status is 2\n",
        .formats = FORMATS_TEXT,
        .run = verb_generate,
    },
    {
        .name = "verdict",
        .arguments = "SRC DEVICE",
        .min_arguments = 2,
        .max_arguments = 2,
        .summary = "tell whether a packet would be accepted, and why",
        .text = "A packet from the address SRC that comes in by DEVICE: accepted or dropped with\n"
                "rp_filter off, strict and loose, now, and under the policy on disk, with the\n"
                "step of the kernel's decision and the route back that was found. The packet is\n"
                "for the first address of the device, or of the host, unless --to says\n"
                "otherwise. Asks the routing tables only: nothing is logged, counted or changed,\n"
                "and no privilege is needed. Exit status 0 for either answer.\n",
        .options = OPTION_BIT(OPTION_TO) | OPTION_BIT(OPTION_MARK) | OPTION_BIT(OPTION_PROTO) |
                   OPTION_BIT(OPTION_SPORT) | OPTION_BIT(OPTION_DPORT) |
                   OPTION_BIT(OPTION_ASK_KERNEL),
        .formats = FORMATS_USUAL,
        .run = verb_verdict,
    },
    {
        .name = "pause",
        .arguments = "[DEVICE...]",
        .max_arguments = ARGUMENTS_ANY,
        .summary = "stop writing there for a while",
        .text = "Agent and udev hook write nothing there, and 'apply' leaves it out, until\n"
                "'rpfpolicy resume', the end of --for, or the next boot. Without DEVICE nothing\n"
                "is written anywhere. DEVICE is a name, 'all', 'default', or a pattern of the\n"
                "policy language such as 'lxc*' or eth1..3; it counts for devices that come\n"
                "later, too, and by the name a device has at the time. A pause of the same\n"
                "DEVICE is replaced. Where another rule makes 'all' move, a paused device is\n"
                "written so that it stays effectively as it is. The time is independent of the\n"
                "clock and runs in suspend. 'check' shows what is paused, by whom and why.\n"
                "\n"
                "At the end of --for a running agent goes on unasked. So where that puts an end\n"
                "to a pause that had none, 'pause' looks and refuses as 'resume' does.\n",
        .options = OPTION_BIT(OPTION_REASON) | OPTION_BIT(OPTION_FOR) | OPTION_BIT(OPTION_FORCE),
        .formats = FORMATS_USUAL,
        .run = verb_pause,
    },
    {
        .name = "resume",
        .arguments = "[DEVICE...]",
        .max_arguments = ARGUMENTS_ANY,
        .summary = "end pauses",
        .text =
            "Ends the pauses of exactly these devices or patterns; without DEVICE all of\n"
            "them. A running agent then puts right at once what is not as the policy wants\n"
            "it; without one 'rpfpolicy apply' does. So where one runs, and enforces,\n"
            "'resume' refuses, like 'accept', to cut an SSH session, unless --force is given.\n",
        .options = OPTION_BIT(OPTION_FORCE),
        .formats = FORMATS_USUAL,
        .run = verb_resume,
    },
    {
        .name = "confirm",
        .arguments = "",
        .summary = "keep what 'apply --confirm' wrote",
        .text =
            "Tells an 'apply --confirm' that waits, in another terminal perhaps, that its\n"
            "values and policy stay. Until then no other 'apply', 'accept' or 'restore' runs.\n",
        .formats = FORMATS_TEXT,
        .run = verb_confirm,
    },
    {
        .name = "restore",
        .arguments = "[DEVICE...]",
        .max_arguments = ARGUMENTS_ANY,
        .summary = "go back to what was there before",
        .text = "Puts back the values that were there before the first write of this boot, in\n"
                "the same safe order as 'apply'. What someone else has changed since is left and\n"
                "listed. With DEVICE only these devices become effectively what they were, and\n"
                "'all' stays; without, routes and rules of ours go, too. What was put back is\n"
                "paused before the first write, so that agent and udev hook do not undo it:\n"
                "without DEVICE everything. 'resume' ends that. Like 'apply' it refuses to cut an\n"
                "SSH session, unless --force is given.\n"
                "Exit status 2 when something was left, and with --dry-run when there is\n"
                "something to do.\n",
        .options = OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_FORCE),
        .formats = FORMATS_USUAL,
        .run = verb_restore,
    },
    {
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
        .run = verb_preset,
    },
    {
        .name = "routes",
        .arguments = "show|plan|apply|flush",
        .min_arguments = 1,
        .max_arguments = 1,
        .summary = "let replies leave by the device they belong to",
        .text = "For devices that [routing] of the policy asks for: a table with the device's\n"
                "subnets and gateway, and a rule for each of its addresses, so that strict can\n"
                "stay on hosts with several network cards.\n"
                "\n"
                "show   per device: state, addresses, gateway and where it came from, table,\n"
                "       and who stands in the way\n"
                "plan   the changes that apply would make, as commands, in order\n"
                "apply  accept the policy on disk, and make them. Others' routes and rules are\n"
                "       never touched. Where somebody else's rule, table or program stands in\n"
                "       the way, the device keeps what it has, unless --force is given.\n"
                "       --confirm as for 'rpfpolicy apply', which makes these changes, too\n"
                "flush  take away every route and rule of ours, and nothing else\n"
                "\n"
                "apply and flush refuse to cut an SSH session, unless --force is given.\n"
                "Exit status 2 when there is something to do, or in conflict, or impossible.\n",
        .options =
            OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_CONFIRM),
        .formats = FORMATS_USUAL,
        .run = verb_routes,
    },
    {
        .name = "status",
        .arguments = "",
        .summary = "tell what the agent does and has met",
        .text = "Is the agent at work, with which policy, what did it repair, what writes values\n"
                "back, were messages of the kernel lost. Exit status 0 when it runs, enforces,\n"
                "and no device is otherwise than wanted; 2 when it does not run, only observes,\n"
                "hangs, has a conflict, or cannot put a device right; 1 when what it wrote of\n"
                "itself cannot be used.\n",
        .formats = FORMATS_USUAL,
        .run = verb_status,
    },
    {
        .name = "drops",
        .arguments = "[DEVICE]",
        .max_arguments = 1,
        .summary = "follow packets dropped for their source, now",
        .text = "Shows each flow as its first packet is dropped by rp_filter, as local source, as\n"
                "invalid source or by localnet, and the line of a policy that would accept it;\n"
                "at the end, by interrupt or --for, all flows with their packets. Counts in the\n"
                "kernel by BPF, which needs CAP_BPF and CAP_PERFMON. Else takes what the kernel\n"
                "log and a counter tell, and says what they cannot show.\n",
        .options = OPTION_BIT(OPTION_FOR),
        .formats = FORMATS_USUAL,
        .run = verb_drops,
    },
    VERB_REPORT,
    {.name = NULL},
};
