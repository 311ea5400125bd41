"""What plans say beside what runs do: Cholesky, LU, QR and products of matrices, each at three sizes, on this machine.

    numpywren calibrate
    python benchmarks/bench_plan.py --sizes 3072 6144 9216 --chunks 1024 --json plan.json

Each case is simulated, then run as often as asked; the median counts. Tasks, reads, writes and bytes are those of the
run's own events: one number where the plan has the same, else the plan's and the run's. Where not all tiles fit into
memory (``--memory``) bytes read depend on which of two slots comes first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import numpywren as nw
from numpywren.events import Event, TaskDone, TileRead, TileWritten, listening

CASES = ("cholesky", "lu", "qr", "matmul")
#: What the median of all cases must keep.
GOAL = 0.15


@dataclass(frozen=True)
class Case:
    """One function at one size: what was predicted, and what was."""

    function: str
    n: int
    chunks: int
    predicted_s: float
    actual_s: float
    cpu_s: float
    tasks: tuple[int, int]
    gets: tuple[int, int]
    puts: tuple[int, int]
    bytes_read: tuple[int, int]
    bytes_written: tuple[int, int]

    @property
    def error(self) -> float:
        """How far the predicted time is from the actual one, as a share of that."""
        return abs(self.predicted_s / self.actual_s - 1)


class Counts:
    """What the events of a run add up to."""

    def __init__(self) -> None:
        self.tasks = self.gets = self.puts = self.bytes_read = self.bytes_written = 0

    def __call__(self, event: Event) -> None:
        """Count one."""
        match event:
            case TaskDone():
                self.tasks += 1
            case TileRead(cached=False):
                self.gets += 1
                self.bytes_read += event.nbytes
            case TileWritten():
                self.puts += 1
                self.bytes_written += event.nbytes


def arguments(function: str, n: int, chunks: int) -> list[Any]:
    """Matrices for a function, stored."""
    rng = np.random.default_rng(n)
    if function == "cholesky":
        a = rng.random((n, n))
        return [nw.asarray((a + a.T) / 2 + n * np.eye(n), chunks=chunks)]
    count = 2 if function == "matmul" else 1
    return [nw.asarray(rng.standard_normal((n, n)), chunks=chunks) for _ in range(count)]


def measure(function: str, n: int, chunks: int, repeats: int) -> Case:
    """Simulate and run one case."""
    called = getattr(nw.linalg, function)
    operands = arguments(function, n, chunks)
    planned = nw.plan(called, *operands, workers=1)
    found = planned.simulation
    assert found is not None
    seconds, cpu = [], []
    counts = Counts()
    for _ in range(repeats):
        counts = Counts()
        began, spent = time.perf_counter(), time.process_time()
        with listening(counts):
            called(*operands)
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - spent)
    return Case(
        function,
        n,
        chunks,
        found.seconds,
        statistics.median(seconds),
        statistics.median(cpu),
        (planned.tasks, counts.tasks),
        (found.gets, counts.gets),
        (found.puts, counts.puts),
        (found.bytes_read, counts.bytes_read),
        (found.bytes_written, counts.bytes_written),
    )


def cases(sizes: list[int], chunks: int, repeats: int) -> Iterator[Case]:
    """Every function at every size."""
    for function in CASES:
        for n in sizes:
            yield measure(function, n, chunks, repeats)


def line(case: Case) -> str:
    """One row of the table."""
    pairs = [case.tasks, case.gets, case.puts]
    counts = "".join(f"{f'{p:,}' if p == a else f'{p:,}/{a:,}':>16}" for p, a in pairs)
    read, written = ((p / a - 1 if a else 0.0) for p, a in (case.bytes_read, case.bytes_written))
    return (
        f"{case.function:<10}{case.n:>7}{case.predicted_s:>9.2f}{case.actual_s:>9.2f}{case.error:>7.0%}"
        f"{case.cpu_s:>8.2f}{counts}{read:>+9.1%}{written:>+9.1%}"
    )


def main(words: list[str] | None = None) -> list[Case]:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What plans say beside what runs do.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[3072, 6144, 9216])
    parser.add_argument("--chunks", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory", default=None, help="bound on the worker's tiles, as in 200MiB")
    parser.add_argument("--json", type=Path, default=None)
    chosen = parser.parse_args(words)
    print(
        f"{'':<10}{'n':>7}{'plan s':>9}{'run s':>9}{'off':>7}{'cpu s':>8}{'tasks':>16}{'gets':>16}{'puts':>16}", end=""
    )
    print(f"{'read':>9}{'written':>9}")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {"store": folder, "progress": "false"}
        if chosen.memory:
            settings["worker.memory"] = chosen.memory
        with nw.config.set(settings):
            for case in cases(chosen.sizes, chosen.chunks, chosen.repeats):
                print(line(case), flush=True)
                found.append(case)
    error = statistics.median(case.error for case in found)
    print(f"median of the differences in time: {error:.1%} (goal {GOAL:.0%})")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(case) for case in found], indent=1))
    return found


if __name__ == "__main__":
    main()
