# Run a program on a terminal of its own: on-terminal.py WAIT-FOR ANSWER PROGRAM [ARGUMENT...]
# When its output has WAIT-FOR, type ANSWER; the answer "lost" takes the terminal away instead.
# Prints what the program wrote; the exit status is the program's.
import os
import pty
import sys

wait_for, answer, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
seen, answered = b"", False
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    if not answered and wait_for.encode() in seen:
        answered = True
        if answer == "lost":
            break
        os.write(terminal, answer.encode() + b"\n")
if answer == "lost":
    os.close(terminal)
sys.stdout.buffer.write(seen)
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
