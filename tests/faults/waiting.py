"""A kernel that takes its time without using any, so that a busy machine changes little, and a program of it."""

import os
import signal
import time
from pathlib import Path

import numpywren as nw
from numpywren.lambdapack import Input, Output, Size

STEP_S = 0.01

#: Variable: a folder in which workers leave a file named by their process; they import this just before they begin.
SIGN_IN = "WORKERS_SIGN_IN"
if SIGN_IN in os.environ:
    (Path(os.environ[SIGN_IN]) / str(os.getpid())).touch()
#: Variable: seconds after its first task when a process is killed, as by a platform that grants it so much.
KILLED_AFTER = "PLATFORM_KILLS_AFTER_S"


@nw.kernel()
def linger(a, *, steps):
    """One more, after a while; a process that is stopped most of the time makes one step each time it may go on."""
    if KILLED_AFTER in os.environ and not any(signal.getitimer(signal.ITIMER_REAL)):
        signal.setitimer(signal.ITIMER_REAL, float(os.environ[KILLED_AFTER]))
    for _ in range(steps):
        time.sleep(STEP_S)
    return a + 1.0


@nw.program(A="m n", B="m n")
def chains(A: Input, B: Output, m: Size, n: Size, steps: Size) -> None:
    """As many chains as A has rows of tiles; each task waits for the one before it."""
    for j in range(n):
        for i in range(m):
            if j == 0:
                B[i, 0] = linger(A[i, 0], steps=steps)
            else:
                B[i, j] = linger(B[i, j - 1], steps=steps)
