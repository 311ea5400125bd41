"""How fast this machine computes each kernel while all of its slots compute the same.

Time is the processor's: what else runs on the machine disturbs it little, and where slots have a core each it is the
clock's time too.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Mapping, Sequence

from numpywren.kernels.threads import single_threaded_blas
from numpywren.planner.kernel_calls import MOVING, KernelCall, kernel_calls

__all__ = ["LENGTHS", "kernel_rates", "shares_of"]

#: Lengths of tiles at which kernels are measured; between them their rates are interpolated.
LENGTHS = (256, 1024)

Rates = Mapping[str, float]


def kernel_rates(
    slots: int, lengths: Sequence[int] = LENGTHS, patience_s: float = 0.3, rounds: int = 3
) -> dict[int, dict[str, float]]:
    """Floating point operations a second of each kernel in one slot, for each length of tiles.

    Parameters
    ----------
    slots : int
        Threads that compute side by side.
    lengths : sequence of int
    patience_s : float
        Seconds given to a kernel at each length; it is called once at least.
    rounds : int
        How often it is measured; the median counts.
    """
    found = {}
    with single_threaded_blas():
        for length in lengths:
            operands = [list(kernel_calls(length, seed)) for seed in range(slots)]
            found[length] = {
                calls[0].kernel: _rate(calls, patience_s / rounds, rounds) for calls in zip(*operands, strict=True)
            }
    return found


def _rate(calls: Sequence[KernelCall], patience_s: float, rounds: int) -> float:
    rates: list[float] = []
    while len(rates) < rounds:
        began = time.perf_counter()
        rates.append(_together(calls, patience_s))
        if time.perf_counter() - began > 4 * patience_s:  # a slow kernel is not repeated
            break
    return statistics.median(rates)


def _together(calls: Sequence[KernelCall], patience_s: float) -> float:
    """Mean rate of a slot while all of them compute: each stops when its time is up."""
    rates: list[float] = []
    begin = threading.Barrier(len(calls))

    def repeat(what: KernelCall) -> None:
        begin.wait()
        began = time.thread_time()
        count, passed = 0, 0.0
        while passed < patience_s:
            what.call()
            count, passed = count + 1, time.thread_time() - began
        rates.append(count * what.flops / passed)

    threads = [threading.Thread(target=repeat, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.fmean(rates)


def shares_of(rates: Mapping[int, Rates]) -> tuple[float, dict[str, dict[str, float]]]:
    """Rate of ``gemm`` on the longest tiles, and by length what the others reach of it.

    What is not known counts as ``other``, the median of those that compute.
    """
    peak = rates[max(rates)]["gemm"]
    shares = {}
    for length, found in rates.items():
        at = {name: rate / peak for name, rate in found.items()}
        at["other"] = statistics.median(share for name, share in at.items() if name not in MOVING)
        shares[str(length)] = at
    return peak, shares
