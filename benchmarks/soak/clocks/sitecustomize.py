"""Imported by every Python process that has this folder on its path: its clocks are off by minutes, each by its own.

With libfaketime for the whole process, threads and libraries included, which then begins again under it; else for
what Python code asks.
"""

import glob
import os
import random
import sys
import time

#: Variables: minutes by which clocks are off at most, and by how many seconds this process's are.
MOST, MINE = "SOAK_CLOCKS_OFF_BY_MINUTES", "SOAK_CLOCK_IS_OFF_BY"


def _put_wrong() -> None:
    most = 60 * float(os.environ[MOST])
    seconds = random.SystemRandom().choice([-1, 1]) * random.SystemRandom().uniform(most / 5, most)
    os.environ[MINE] = f"{seconds:+.1f}"
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")  # noqa: PTH207 - called in every process
    if libraries:
        # monotonic clocks differ between machines anyway, and the waiting of threads is better left alone
        os.environ |= {"LD_PRELOAD": libraries[0], "FAKETIME": os.environ[MINE], "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        os.execv(sys.executable, sys.orig_argv)
    for name in ("time", "time_ns"):
        _shift(name, seconds * (1 if name == "time" else 10**9))


def _shift(name: str, by: float) -> None:
    right = getattr(time, name)
    setattr(time, name, lambda: right() + type(right())(by))


if MOST in os.environ and MINE not in os.environ:
    _put_wrong()
