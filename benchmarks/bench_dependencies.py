"""Rate of dependency analysis: for each task of a Cholesky factorization, its reads and the readers of what it writes.

    python benchmarks/bench_dependencies.py --tiles 64 --repeats 3

One thread. Time is the processor time of that thread, which other processes on the machine disturb little; ``--clock
wall`` takes what the clock on the wall says.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from numpywren.algorithms.cholesky import cholesky
from numpywren.lambdapack import Dataflow, Program

CLOCKS = {"cpu": time.thread_time, "wall": time.perf_counter}

#: Tasks a second that `readers` and `reads` together must reach with 64 × 64 tiles.
GOAL = 20_000

#: Blanks behind a text make it one that was not seen before.
BLANKS = count(1)


class Row(NamedTuple):
    """One size."""

    tiles: int
    depth: int
    tasks: int
    #: Tasks a second: `writes`, `readers` of each tile written, and `reads`.
    rate: float
    #: Tasks a second with `needs` and `priority` of each reader, as a worker asks when a task is done.
    rate_done: float
    #: Milliseconds to count the tasks.
    count_ms: float
    #: Milliseconds from the program's text to the first answer of each kind.
    first_ms: float
    #: Bytes of the encoded program.
    encoded: int


def analyse(flow: Dataflow) -> int:
    """Reads and readers of every task; how many tasks."""
    tasks = 0
    for task in flow.tasks():
        tasks += 1
        flow.reads(task)
        for tile in flow.writes(task):
            flow.readers(tile)
    return tasks


def finish(flow: Dataflow) -> None:
    """What is asked when a task is done, for every task."""
    for task in flow.tasks():
        for tile in flow.writes(task):
            for reader in flow.readers(tile):
                flow.needs(reader)
                flow.priority(reader)


def first_use(text: str) -> None:
    """Decode a program that nobody has decoded before, and ask every kind of question once."""
    flow = Program.from_json(text + " " * next(BLANKS)).bind({"n": 1, "depth": 1})
    flow.count()
    list(flow.roots())
    analyse(flow)
    finish(flow)


def seconds(clock: Callable[[], float], work: Callable[[], object], repeats: int) -> float:
    """Median time of `work`."""
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        times.append(clock() - start)
    return statistics.median(times)


def measure(tiles: int, depth: int, repeats: int, clock: Callable[[], float]) -> Row:
    """Everything for one size."""
    text = cholesky.to_json()
    first = seconds(clock, lambda: first_use(text), max(repeats, 3))
    sizes = {"n": tiles, "depth": depth}
    tasks = analyse(cholesky.bind(sizes))  # compiled from here on
    rate = tasks / seconds(clock, lambda: analyse(cholesky.bind(sizes)), repeats)
    # A new dataflow each time, since one remembers priorities.
    rate_done = tasks / seconds(clock, lambda: finish(Dataflow(cholesky, sizes)), repeats)
    counting = seconds(clock, lambda: Dataflow(cholesky, sizes).count(), repeats)
    return Row(tiles, depth, tasks, rate, rate_done, 1e3 * counting, 1e3 * first, len(text))


def table(rows: list[Row]) -> str:
    """Lay the rows out as text."""
    heads = ("tasks", "tasks/s", "goal", "done/s", "count ms", "first ms", "bytes")
    lines = [f"{'tiles':>6}{'depth':>7}" + "".join(f"{head:>10}" for head in heads)]
    lines += [
        f"{row.tiles:5}²{row.depth:7}{row.tasks:10}{row.rate:10.0f}{GOAL:10}{row.rate_done:10.0f}{row.count_ms:10.2f}"
        f"{row.first_ms:10.1f}{row.encoded:10}"
        for row in rows
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description="Rate of dependency analysis on one core.")
    parser.add_argument("--tiles", type=int, nargs="+", default=[64], help="tiles along the matrix")
    parser.add_argument("--depths", type=int, nargs="+", default=[1], help="width of a panel in tiles")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="cpu")
    parser.add_argument("--json", action="store_true", help="print one record a line instead of the table")
    given = parser.parse_args(arguments)
    rows = [
        measure(tiles, depth, given.repeats, CLOCKS[given.clock]) for tiles in given.tiles for depth in given.depths
    ]
    print("\n".join(json.dumps(row._asdict()) for row in rows) if given.json else table(rows))
    return rows


if __name__ == "__main__":
    main()
