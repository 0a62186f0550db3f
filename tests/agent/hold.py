"""hold.py FILE…: take every lock that this user can on what it can open for reading, and keep them.

Prints the names of those that could be opened, then an empty line. What is locked by others it waits for,
as long as it lives.
"""

import fcntl
import os
import signal
import struct
import sys
import threading

F_OFD_SETLK, F_OFD_SETLKW = 37, 38
READ_LOCK = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0)


def take(path, now, waiting, argument):
    """Each on a descriptor of its own, which is never closed."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        now(fd, argument)
    except OSError:
        threading.Thread(target=waiting, args=(fd, argument), daemon=True).start()


def record_lock(command):
    return lambda fd, lock: fcntl.fcntl(fd, command, lock)


def hold(path):
    take(path, lambda fd, how: fcntl.flock(fd, how | fcntl.LOCK_NB), fcntl.flock, fcntl.LOCK_EX)
    take(path, record_lock(F_OFD_SETLK), record_lock(F_OFD_SETLKW), READ_LOCK)
    take(path, record_lock(fcntl.F_SETLK), record_lock(fcntl.F_SETLKW), READ_LOCK)


for name in sys.argv[1:]:
    try:
        hold(name)
    except OSError:
        continue
    print(name)
print(flush=True)
signal.pause()
