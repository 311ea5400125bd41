"""Imported by every Python process that has this folder on its path: its clock is off by minutes, each by its own.

With libfaketime for the whole process, its libraries included, which then begins again under it; else for what Python
code asks. Monotonic clocks are left alone: they agree between no two machines anyway.
"""

import glob
import os
import random
import sys
import threading
import time

#: Variables: minutes by which clocks are off at most, the file that is told, and how many seconds this one is off.
MOST, TOLD, MINE = "SOAK_CLOCKS_OFF_BY_MINUTES", "SOAK_CLOCKS_TOLD", "SOAK_CLOCK_IS_OFF_BY"


def _put_wrong() -> None:
    most, right = 60 * float(os.environ[MOST]), time.time()
    seconds = random.SystemRandom().choice([-1, 1]) * random.SystemRandom().uniform(most / 5, most)
    os.environ[MINE] = f"{right:.0f} {seconds:+.1f}"
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")  # noqa: PTH207 - called in every process
    if libraries:
        os.environ |= {"LD_PRELOAD": libraries[0], "FAKETIME": f"{seconds:+.1f}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        os.execv(sys.executable, sys.orig_argv)
    for name, by in (("time", seconds), ("time_ns", int(seconds * 1e9))):
        _shift(name, by)


def _shift(name: str, by: float) -> None:
    right = getattr(time, name)
    setattr(time, name, lambda: right() + by)


def _sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    threading.Event().wait(seconds)


def _tell() -> None:
    """Say by how much this process's clock is found to be off."""
    right = float(os.environ[MINE].split()[0])
    with open(os.environ[TOLD], "a", encoding="utf-8") as file:  # noqa: PTH123 - as above
        file.write(f"{os.getpid()} {time.time() - right:.0f}\n")


if MOST in os.environ:
    if MINE not in os.environ:
        _put_wrong()
    if "FAKETIME" in os.environ:
        time.sleep = _sleep  # the library makes clock_nanosleep fail
    _tell()
