"""Writes values to one setting in turn, in a tight loop, until SIGTERM; then prints how often.

hostile.py FILE VALUE...
"""

import os
import signal
import sys


class Stop(Exception):
    pass


def stop(*_):
    raise Stop


def main():
    values = [f"{value}\n".encode() for value in sys.argv[2:]]
    file = os.open(sys.argv[1], os.O_WRONLY)
    count = 0
    signal.signal(signal.SIGTERM, stop)
    try:
        while True:
            for value in values:
                os.pwrite(file, value, 0)
                count += 1
    except Stop:
        print(count)


main()
