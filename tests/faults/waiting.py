"""A kernel that takes its time without using any, so that a busy machine changes little, and a program of it."""

import os
import signal
import time

import numpywren as nw
from numpywren.lambdapack import Input, Output, Size

STEP_S = 0.01

# A platform that grants a process so many seconds: workers import this just before they begin.
if life := os.environ.get("PLATFORM_KILLS_AFTER_S"):
    signal.setitimer(signal.ITIMER_REAL, float(life))


@nw.kernel()
def linger(a, *, steps):
    """One more, after a while; a process that is stopped most of the time makes one step each time it may go on."""
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
