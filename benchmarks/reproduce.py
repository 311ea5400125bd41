"""The claims of the original paper, simulated at its scale and above, as tables in Markdown.

    python benchmarks/reproduce.py --out docs/reproduction.md
    python benchmarks/reproduce.py --small        # a minute's worth, as the test runs it

Every run goes through the real program, control plane and autoscaler on a virtual clock (`numpywren.planner`). The
machines are those of ``machines.toml``; nothing here was measured on a cloud.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import scalapack_model as scalapack

import numpywren as nw
from numpywren.autoscaler import Limits
from numpywren.config import format_bytes
from numpywren.job.choose import as_configured
from numpywren.job.prepare import prepare
from numpywren.planner import Machine, Workload, load_machine, make_plan
from numpywren.planner.choice import estimate
from numpywren.planner.simulate import Pool, Simulation, simulate
from numpywren.planner.words import duration

#: Tasks beyond which a run is estimated from its profile instead.
SIMULATED = 400_000
FUNCTIONS = ("matmul", "cholesky", "qr", "svdvals")


@dataclass(frozen=True)
class Scale:
    """How large the runs are.

    Attributes
    ----------
    sizes : tuple of (int, int, int, str)
        Order of the matrix, length of tiles, workers and their kind, for the first table.
    n, chunks, workers : int
        Of the other tables.
    """

    sizes: tuple[tuple[int, int, int, str], ...]
    n: int
    chunks: int
    workers: int
    functions: tuple[str, ...] = FUNCTIONS


FULL = Scale(
    (
        (65_536, 4096, 60, "lambda-2018"),
        (131_072, 4096, 180, "lambda-2018"),
        (262_144, 4096, 480, "lambda-2018"),
        (524_288, 8192, 500, "lambda-10gb"),
        (1_048_576, 8192, 1000, "lambda-10gb"),
    ),
    131_072,
    4096,
    120,
)
SMALL = Scale(((16_384, 2048, 10, "lambda-2018"),), 16_384, 1024, 12)


@dataclass(frozen=True)
class Table:
    """One table with what it shows."""

    title: str
    text: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The table as text."""
        lines = [f"## {self.title}", "", self.text, "", "| " + " | ".join(self.head) + " |"]
        lines += ["|" + "---|" * len(self.head), *("| " + " | ".join(row) + " |" for row in self.rows)]
        return "\n".join(lines) + "\n"


def workload(function: str, n: int, chunks: int, machine: Machine, workers: int, **sizes: int) -> Workload:
    """A function on a matrix of order `n`, cut as it would be for these workers."""
    a = nw.zeros((n, n), chunks=chunks)
    with as_configured(machine, workers):
        request = getattr(nw.linalg, function).request(*((a, a) if function == "matmul" else (a,)))
    return prepare(replace(request, sizes={**request.sizes, **sizes}))[0]


def run(work: Workload, machine: Machine, workers: int, **options: Any) -> Simulation:
    """Simulate; ``factor`` is the autoscaler's, the others are those of `Pool`."""
    factor = options.pop("factor", 1.0)
    return simulate(work, machine, Pool(limits=Limits(ceiling=workers, factor=factor), **options))


def hours(core_seconds: float) -> str:
    """Core time in hours."""
    return f"{core_seconds / 3600:,.2f}" if core_seconds < 36_000 else f"{core_seconds / 3600:,.0f}"


def completion(scale: Scale) -> Table:
    """Completion time beside ScaLAPACK's on the same cores."""
    rows = []
    for function in scale.functions:
        for n, chunks, workers, name in scale.sizes:
            machine = load_machine(name)
            model = scalapack.seconds(function, n, scalapack.Cluster(workers * machine.slots, machine.gflops))
            work = workload(function, n, chunks, machine, workers)
            tasks = work.dataflow.count()
            if tasks <= SIMULATED:
                found = run(work, machine, workers)
                seconds, core, dollars, how = found.seconds, found.core_seconds, found.bill.total, "simulated"
            elif tasks <= 4 * SIMULATED:
                guess = estimate(make_plan(work, machine), workers, None, chunks)
                seconds, core, dollars, how = guess.seconds, guess.core_seconds, guess.dollars, "estimated"
            else:
                continue
            figures = (duration(seconds), duration(model), f"{seconds / model:.2f}", hours(core))
            what = f"{function}, {n:,}"
            rows.append((what, str(chunks), f"{tasks:,}", f"{workers} {name}", *figures, f"${dollars:,.2f}", how))
            told(f"{what}: {seconds:.0f} s, model {model:.0f} s")
    head = ("function, order", "tiles", "tasks", "workers", "time", "ScaLAPACK", "ratio", "core hours", "cost", "")
    text = (
        "Functions that come and go, beside ScaLAPACK by its own performance model on as many cores of the same speed, "
        "which it keeps from start to end "
        "(`benchmarks/scalapack_model.py` states the model and its source). Where a run has more tasks than are "
        "simulated it is estimated from its profile of parallelism, and left out above that."
    )
    return Table("Completion time beside ScaLAPACK", text, head, tuple(rows))


def elasticity(scale: Scale) -> Table:
    """Core time of workers that come and go, against a pool."""
    machine = load_machine("lambda-3gb")
    rows = []
    for function in ("cholesky", "qr"):
        work = workload(function, scale.n // 2, scale.chunks, machine, scale.workers, **_narrow(function))
        static, elastic = run(work, machine, scale.workers, static=True), run(work, machine, scale.workers)
        saved = 1 - elastic.core_seconds / static.core_seconds
        times = (duration(static.seconds), duration(elastic.seconds))
        rows.append((function, *times, hours(static.core_seconds), hours(elastic.core_seconds), f"{saved:.0%}"))
        told(f"elastic {function}: {saved:.0%} saved")
    head = ("function", "time, static", "time, elastic", "core hours, static", "core hours, elastic", "saved")
    text = f"Order {scale.n // 2:,}, tiles of {scale.chunks}, at most {scale.workers} functions of 3 GB with one slot."
    return Table("Workers that come and go against a pool that stays", text, head, tuple(rows))


def _narrow(function: str) -> dict[str, int]:
    return {"depth": 1} if function == "cholesky" else {}


def varied(title: str, text: str, head: str, ways: dict[str, Callable[[], Simulation]]) -> Table:
    """A table with a row for each of several ways to run the same."""
    rows = []
    for name, way in ways.items():
        found = way()
        rows.append(
            (
                name,
                duration(found.seconds),
                hours(found.core_seconds),
                f"{found.utilisation:.0%}",
                format_bytes(found.bytes_read),
                format_bytes(found.bytes_written),
                f"{found.repeated:,}",
                f"${found.bill.total:,.2f}",
            )
        )
        told(f"{title}, {name}: {found.seconds:.0f} s")
    columns = ("time", "core hours", "computing", "read", "written", "repeated tasks", "cost")
    return Table(title, text, (head, *columns), tuple(rows))


def tiles(scale: Scale) -> Table:
    """The effect of the length of tiles."""
    machine = load_machine("lambda-3gb")
    lengths = [scale.chunks // 2, scale.chunks, scale.chunks * 3 // 2]
    ways = {
        str(chunks): lambda chunks=chunks: run(
            workload("cholesky", scale.n, chunks, machine, scale.workers, depth=1), machine, scale.workers
        )
        for chunks in lengths
    }
    text = (
        f"Cholesky of order {scale.n:,} with panels one tile wide, at most {scale.workers} functions of 3 GB. Small "
        "tiles can do more at once, and read more; the largest are those of which a task's still fit into a function."
    )
    return varied("Length of tiles", text, "tiles", ways)


def pipelining(scale: Scale) -> Table:
    """The effect of panels that are several tiles wide."""
    machine = load_machine("lambda-3gb")
    count = -(-scale.n // scale.chunks)
    ways = {
        str(depth): lambda depth=depth: run(
            workload("cholesky", scale.n, scale.chunks, machine, scale.workers, depth=depth), machine, scale.workers
        )
        for depth in (1, 2, 4, 8, count)
        if depth <= count
    }
    text = (
        f"Cholesky of order {scale.n:,}, tiles of {scale.chunks}, at most {scale.workers} functions of 3 GB. A panel "
        "is `depth` tiles wide; its tasks sum up as many products before they write, reading ahead all the while. One "
        "tile wide is right-looking as in the paper, as wide as the matrix is left-looking."
    )
    return varied("Pipelining: the width of panels", text, "depth", ways)


def factors(scale: Scale) -> Table:
    """The effect of the autoscaler's factor."""
    machine = load_machine("lambda-3gb")
    work = workload("cholesky", scale.n, scale.chunks, machine, scale.workers, depth=1)
    ways = {f"{x:g}": lambda x=x: run(work, machine, 4 * scale.workers, factor=x) for x in (0.25, 0.5, 1.0)}
    text = (
        f"Cholesky of order {scale.n:,}, tiles of {scale.chunks}, at most {4 * scale.workers} functions of 3 GB: slots "
        "for each task that can be computed."
    )
    return varied("The autoscaling factor", text, "factor", ways)


def killing(scale: Scale) -> Table:
    """The effect of killing four workers of five at half time."""
    machine = load_machine("lambda-3gb")
    work = workload("cholesky", scale.n, scale.chunks, machine, scale.workers, depth=1)
    ways = {
        "none": lambda: run(work, machine, scale.workers),
        "80 %": lambda: run(work, machine, scale.workers, kill_at=0.5, kill_share=0.8),
    }
    text = (
        f"Cholesky of order {scale.n:,}, tiles of {scale.chunks}, at most {scale.workers} functions of 3 GB. When half "
        "of the tasks are done that share of the workers dies at once; their tasks are handed out again when their "
        "leases of 10 s have run out, and the autoscaler starts others."
    )
    return varied("Killing 80 % of the workers at half time", text, "killed", ways)


def sharing(scale: Scale) -> Table:
    """The effect of sharing the tile cache between the slots of a worker: QR, which the original did poorly."""
    one = load_machine("lambda-3gb")
    in_all = max(8, scale.workers // 16 * 8)
    ways = {}
    for slots in (1, 2, 4, 8):
        machine = replace(one, slots=slots, memory=slots * one.memory, bandwidth=slots * one.bandwidth)
        work = workload("qr", scale.n // 2, scale.chunks, one, in_all)
        ways[str(slots)] = lambda machine=machine, work=work, slots=slots: run(
            work, machine, in_all // slots, static=True
        )
    text = (
        f"QR of order {scale.n // 2:,}, tiles of {scale.chunks}, {in_all} slots in all, in workers of 1, 2, 4 and 8. "
        "Memory and bandwidth of a worker grow with its slots, so that all that differs is who can use what another "
        "has read. Costs are those of one-slot functions throughout, and not to be compared."
    )
    return varied("Slots that share a cache", text, "slots a worker", ways)


TABLES: tuple[Callable[[Scale], Table], ...] = (
    completion,
    elasticity,
    tiles,
    pipelining,
    factors,
    killing,
    sharing,
)


def told(line: str) -> None:
    """Say how far it is."""
    print(f"{time.process_time():7.0f} s  {line}", file=sys.stderr, flush=True)


def tables(scale: Scale, only: list[str] | None = None) -> Iterator[Table]:
    """The tables one after the other; those of some names only."""
    return (make(scale) for make in TABLES if not only or make.__name__ in only)


def page(found: list[Table], command: str) -> str:
    """The page of all tables."""
    intro = f"""# What the original claimed, simulated

Tables made by

    {command}

Every run goes through the real program, the real control plane and the real autoscaler on a virtual clock
({{doc}}`/design/planning`); only kernels and stores are replaced, by the rates of a machine that `machines.toml`
describes, with sources. Nothing here was measured on a cloud: it says what the design does at scale, if machines are as
described. How far simulated and real runs agree on one machine is what `benchmarks/bench_plan.py` measures.
"""
    return "\n".join([intro, *(table.markdown() for table in found)])


def main(words: list[str] | None = None) -> list[Table]:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description="The claims of the original paper, simulated.")
    parser.add_argument("--small", action="store_true", help="small matrices, to see that it works")
    parser.add_argument("--sizes", type=int, default=None, help="how many of the sizes of the first table")
    parser.add_argument("--functions", nargs="+", choices=FUNCTIONS, default=FUNCTIONS, help="of the first table")
    parser.add_argument("--only", nargs="+", choices=[make.__name__ for make in TABLES])
    parser.add_argument("--out", type=Path, default=None)
    chosen = parser.parse_args(words)
    scale = SMALL if chosen.small else FULL
    scale = replace(scale, sizes=scale.sizes[: chosen.sizes], functions=tuple(chosen.functions))
    found = list(tables(scale, chosen.only))
    options = [] if chosen.sizes is None else [f"--sizes {chosen.sizes}"]
    options += [f"--only {' '.join(chosen.only)}"] if chosen.only else []
    text = page(found, " ".join(["python benchmarks/reproduce.py", *options, "--out docs/reproduction.md"]))
    if chosen.out:
        chosen.out.write_text(text)
    else:
        print(text)
    return found


if __name__ == "__main__":
    main()
