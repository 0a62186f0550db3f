# Run a program on a terminal of its own:
#   on-terminal.py [--before=COMMAND] [--output=FILE] WAIT-FOR ANSWER PROGRAM [ARGUMENT...]
# Each time that its output has WAIT-FOR once more, type ANSWER: "lost" takes the terminal away instead,
# "end" ends the input. Before that the shell runs COMMAND, with the number of the question as $1.
# Prints what the program wrote; with FILE its stdout goes there instead. The exit status is the
# program's.
import argparse
import os
import pty
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--before")
parser.add_argument("--output")
parser.add_argument("wait_for")
parser.add_argument("answer")
parser.add_argument("command", nargs=argparse.REMAINDER)
args = parser.parse_args()
typed = {"end": b"\x04"}.get(args.answer, args.answer.encode() + b"\n")
pid, terminal = pty.fork()
if pid == 0:
    if args.output:
        os.dup2(os.open(args.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    os.execvp(args.command[0], args.command)
seen, answered = b"", 0
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    if answered < seen.count(args.wait_for.encode()):
        answered += 1
        if args.before:
            subprocess.run(["sh", "-c", args.before, "sh", str(answered)], check=False)
        if args.answer == "lost":
            break
        os.write(terminal, typed)
if args.answer == "lost":
    os.close(terminal)
sys.stdout.buffer.write(seen)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
