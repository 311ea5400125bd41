"""How long plans and simulations take: the planner's own speed, not that of what it plans.

    python benchmarks/bench_plan_speed.py --json speed.json
    python benchmarks/bench_plan_speed.py --functions lu qr --n 1000000 --chunks 4096

Each plan is of an N × N matrix, in a process of its own, so that its memory is its own too. The simulation is of
Cholesky with 128 × 128 tiles on 1 000 workers; it and plans have goals: 60 s and 5 s, and 2 GiB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpywren as nw

FUNCTIONS = ("cholesky", "lu", "qr", "solve", "inv", "det", "matmul", "svdvals", "lstsq")
#: Seconds for a plan and for the simulation, and bytes for either.
PLAN_S, SIMULATION_S, MEMORY = 5.0, 60.0, 2 * 2**30


@dataclass(frozen=True)
class Speed:
    """How long one plan took, simulated if it is of a number of workers."""

    function: str
    n: int
    chunks: int
    workers: int | None
    tasks: int
    seconds: float
    cpu_s: float
    peak_bytes: int

    @property
    def good(self) -> bool:
        """Whether it keeps its goals."""
        return self.seconds <= (PLAN_S if self.workers is None else SIMULATION_S) and self.peak_bytes <= MEMORY


def measure(function: str, n: int, chunks: int, machine: str, workers: int | None = None) -> Speed:
    """Plan a function in this process."""
    square = nw.zeros((n, n), chunks=chunks)
    column = nw.zeros((n, 1), chunks=(chunks, 1))
    arguments = {"solve": (square, column), "lstsq": (square, column), "matmul": (square, square)}
    began, cpu = time.perf_counter(), time.process_time()
    made = nw.plan(getattr(nw.linalg, function), *arguments.get(function, (square,)), machine=machine, workers=workers)
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Speed(function, n, chunks, workers, made.tasks, seconds, cpu_s, peak)


def main(words: Sequence[str] | None = None) -> list[Speed]:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--functions", nargs="*", default=list(FUNCTIONS))
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--chunks", type=int, default=4096)
    parser.add_argument("--machine", default="lambda-10gb")
    parser.add_argument("--tiles", type=int, default=128, help="tiles along a side of the simulated matrix; 0: none")
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(words)
    cases: list[tuple[str, int, int, str, int | None]] = [
        (function, given.n, given.chunks, given.machine, None) for function in given.functions
    ]
    if given.tiles:
        cases.append(("cholesky", 4096 * given.tiles, 4096, "lambda-3gb", given.workers))
    found = []
    print(f"{'function':<10}{'N':>10}{'workers':>9}{'tasks':>12}{'seconds':>9}{'CPU s':>8}{'GB':>7}")
    for case in cases:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            one = pool.apply(measure, case)
        found.append(one)
        print(
            f"{one.function:<10}{one.n:>10,}{one.workers or '':>9}{one.tasks:>12,}{one.seconds:>9.2f}{one.cpu_s:>8.2f}"
            f"{one.peak_bytes / 1e9:>7.2f}{'' if one.good else '  misses its goal'}",
            flush=True,
        )
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in found], indent=1))
    return found


if __name__ == "__main__":
    main()
