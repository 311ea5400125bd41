"""The claims of the original paper, simulated at its scale and above: tables in Markdown, and pictures.

    python benchmarks/reproduce.py --out docs/reproduction.md      # all of it; what was simulated before is read again
    python benchmarks/reproduce.py --small                         # seconds' worth, as the test runs it

Every run goes through the real program, control plane and autoscaler on a virtual clock (`numpywren.planner`). The
machines are those of ``machines.toml``; nothing here was measured on a cloud.
"""

from __future__ import annotations

import argparse
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import platformdirs
import reproduce_plots as plots
import scalapack_model as scalapack
from reproduce_cases import Case, Outcome, Results

from numpywren.config import format_bytes
from numpywren.planner import load_machine
from numpywren.planner.words import duration

FUNCTIONS = ("matmul", "cholesky", "qr", "svdvals")
#: What the page says around its tables.
TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())


class Size(NamedTuple):
    """A row of the first table: order, length of tiles, workers and their kind, and the width of `svdvals`' band."""

    n: int
    chunks: int
    workers: int
    machine: str
    band: int | None = None


@dataclass(frozen=True)
class Scale:
    """How large the runs are.

    Attributes
    ----------
    sizes : mapping of str to tuple of Size
        For the first table, by function.
    n, chunks, workers : int
        Of the other tables' Cholesky factorizations; their QR factorizations are of half the order.
    """

    sizes: Mapping[str, tuple[Size, ...]]
    n: int
    chunks: int
    workers: int


FUNCTION, SERVER, LARGE = "lambda-2018", "c7i.4xlarge", "r7i.8xlarge"
FULL = Scale(
    {
        **dict.fromkeys(
            FUNCTIONS[:2],
            (
                Size(65_536, 2048, 60, FUNCTION),
                Size(131_072, 4096, 180, FUNCTION),
                Size(262_144, 4096, 480, FUNCTION),
                Size(524_288, 8192, 250, SERVER),
                Size(1_048_576, 8192, 800, SERVER),
            ),
        ),
        "qr": (
            Size(65_536, 2048, 60, FUNCTION),
            Size(131_072, 4096, 180, FUNCTION),
            Size(262_144, 4096, 480, FUNCTION),
            Size(524_288, 16_384, 125, LARGE),
        ),
        "svdvals": (
            Size(65_536, 2048, 60, "lambda-10gb", 256),
            Size(262_144, 8192, 30, LARGE, 1024),
        ),
    },
    262_144,
    4096,
    480,
)
SMALL = Scale(
    {
        **dict.fromkeys(FUNCTIONS[:3], (Size(16_384, 2048, 10, FUNCTION),)),
        "svdvals": (Size(2048, 512, 2, "lambda-10gb"),),
    },
    16_384,
    1024,
    12,
)


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes
    ----------
    name : str
        Of what reproduce.toml says about it: what it shows, what the original reported, and how the two compare.
    head : tuple of str
    rows : tuple of tuple of str
    figures : mapping of str to int
        Of the scale, for that text.
    """

    name: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: Mapping[str, int] = field(default_factory=dict)

    def markdown(self, *, concluded: bool) -> str:
        """The table as text, with what was concluded from it at full scale or without."""
        said = TEXTS[self.name]
        lines = [f"## {said['title']}", "", said["text"].format(**self.figures).strip(), ""]
        lines += ["| " + " | ".join(self.head) + " |", "|" + "---|" * len(self.head)]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        if "picture" in said:
            lines += ["", f"![{said['picture']}](images/{picture_name(self.name)})"]
        lines += ["", f"**The original.** {said['original'].strip()}"]
        if concluded:
            lines += ["", f"**Here.** {said['found'].strip()}"]
        return "\n".join(lines) + "\n"


def picture_name(table: str) -> str:
    """The file of a table's picture."""
    return f"reproduction-{table}.png"


def hours(core_seconds: float) -> str:
    """Core time in hours."""
    return f"{core_seconds / 3600:,.2f}" if core_seconds < 36_000 else f"{core_seconds / 3600:,.0f}"


def models(case: Case) -> tuple[float, float]:
    """ScaLAPACK's time on as many cores of the same speed with as much network each: pipelined, and by trees."""
    machine = case.machine
    cluster = scalapack.Cluster(case.workers * machine.slots, machine.gflops, machine.bandwidth / machine.slots)
    return (
        scalapack.seconds(case.function, case.n, cluster),
        scalapack.seconds(case.function, case.n, cluster, pipelined=False),
    )


def completion(scale: Scale, results: Results, pictures: Path | None) -> Table:
    """Completion time beside ScaLAPACK's on the same cores."""
    rows, curves = [], []
    for function, sizes in scale.sizes.items():
        for n, chunks, workers, name, band in sizes:
            case = Case(function, n, chunks, load_machine(name), workers, band=band)
            found, (best, trees) = results.of(case), models(case)
            curves.append((function, n, found.seconds, best, trees))
            rows.append(
                (
                    f"{function}, {n:,}",
                    f"{chunks:,}",
                    f"{found.tasks:,}",
                    f"{workers} {name}",
                    duration(found.seconds),
                    f"{duration(best)} to {duration(trees)}",
                    f"{found.seconds / best:.2f} to {found.seconds / trees:.2f}",
                    hours(found.core_seconds),
                    f"{found.core_seconds / (best * workers * case.machine.slots):.2f}",
                    f"${found.dollars:,.2f}",
                )
            )
    if pictures:
        plots.completion(curves, pictures / picture_name("completion"))
    head = (
        *("function, order", "tiles", "tasks", "workers at most", "time", "ScaLAPACK, model", "ratio"),
        *("core hours", "of ScaLAPACK's", "cost"),
    )
    return Table("completion", head, tuple(rows))


def elasticity(scale: Scale, results: Results, pictures: Path | None) -> Table:
    """Core time of workers that come and go, against a pool."""
    machine = load_machine("lambda-3gb")
    rows = []
    for function, n, depth in (
        ("matmul", scale.n, None),
        ("cholesky", scale.n, 1),
        ("cholesky", scale.n // 2, 1),
        ("qr", scale.n // 2, None),
    ):
        case = Case(function, n, scale.chunks, machine, scale.workers, depth)
        static, elastic = results.of(replace(case, static=True)), results.of(case)
        rows.append(
            (
                f"{function}, {n:,}",
                *(duration(static.seconds), duration(elastic.seconds)),
                *(hours(static.core_seconds), hours(elastic.core_seconds)),
                f"{static.core_seconds / elastic.core_seconds:.2f}",
                *(f"${static.dollars:,.2f}", f"${elastic.dollars:,.2f}"),
            )
        )
    head = (
        *("function, order", "time, static", "time, elastic", "core hours, static", "core hours, elastic", "ratio"),
        *("cost, static", "cost, elastic"),
    )
    if pictures:
        case = Case("cholesky", scale.n, scale.chunks, machine, scale.workers, 1)
        fixed, moving = results.of(replace(case, static=True)), results.of(case)
        plots.parallelism(case, fixed, moving, pictures / picture_name("elasticity"))
    return Table("elasticity", head, tuple(rows), _figures_of(scale))


def _figures_of(scale: Scale) -> dict[str, int]:
    return {"n": scale.n, "half": scale.n // 2, "chunks": scale.chunks, "workers": scale.workers}


#: Columns of the tables that compare ways to run the same.
FIGURES = ("time", "core hours", "computing", "read", "written", "repeated tasks", "cost")


def varied(ways: Mapping[str, Case], results: Results) -> tuple[tuple[str, ...], ...]:
    """Rows for several ways to run the same."""
    return tuple((name, *_row(results.of(case))) for name, case in ways.items())


def _row(found: Outcome) -> tuple[str, ...]:
    return (
        duration(found.seconds),
        hours(found.core_seconds),
        f"{found.utilisation:.0%}",
        format_bytes(found.bytes_read),
        format_bytes(found.bytes_written),
        f"{found.repeated:,}",
        f"${found.dollars:,.2f}",
    )


def _cholesky(scale: Scale) -> Case:
    return Case("cholesky", scale.n, scale.chunks, load_machine("lambda-3gb"), scale.workers, 1)


def tiles(scale: Scale, results: Results, pictures: Path | None) -> Table:
    """The effect of the length of tiles."""
    lengths = (scale.chunks // 2, scale.chunks, scale.chunks * 5 // 4)
    rows = varied({f"{length:,}": replace(_cholesky(scale), chunks=length) for length in lengths}, results)
    return Table("tiles", ("tiles", *FIGURES), rows, _figures_of(scale))


def pipelining(scale: Scale, results: Results, pictures: Path | None) -> Table:
    """The effect of panels that are several tiles wide."""
    depths = [depth for depth in (1, 2, 4, 8, 16) if depth * scale.chunks <= scale.n]
    rows = varied({str(depth): replace(_cholesky(scale), depth=depth) for depth in depths}, results)
    return Table("pipelining", ("depth", *FIGURES), rows, _figures_of(scale))


def factors(scale: Scale, results: Results, pictures: Path | None) -> Table:
    """The effect of the autoscaler's factor."""
    case = replace(_cholesky(scale), workers=4 * scale.workers)
    rows = varied({f"{x:g}": replace(case, factor=x) for x in (0.125, 0.25, 0.5, 1.0)}, results)
    return Table("factors", ("factor", *FIGURES), rows, {**_figures_of(scale), "most": case.workers})


def killing(scale: Scale, results: Results, pictures: Path | None) -> Table:
    """The effect of killing four workers of five at half time."""
    case = _cholesky(scale)
    killed = replace(case, kill_share=0.8)
    if pictures:
        plots.killing(results.of(case), results.of(killed), pictures / picture_name("killing"))
    rows = varied({"none": case, "80 %": killed}, results)
    return Table("killing", ("killed", *FIGURES), rows, _figures_of(scale))


def sharing(scale: Scale, results: Results, pictures: Path | None) -> Table:
    """The effect of sharing the tile cache between the slots of a worker: QR, which the original did poorly."""
    one = load_machine("lambda-3gb")
    in_all = max(8, scale.workers // 32 * 8)
    ways = {}
    for slots in (1, 2, 4, 8):
        prices = replace(one.prices, worker_hour=slots * one.prices.worker_hour)
        machine = replace(one, slots=slots, memory=slots * one.memory, bandwidth=slots * one.bandwidth, prices=prices)
        case = Case("qr", scale.n // 2, scale.chunks, machine, in_all // slots, static=True, cut_for=one)
        ways[str(slots)] = case
    return Table(
        "sharing", ("slots a worker", *FIGURES), varied(ways, results), {**_figures_of(scale), "slots": in_all}
    )


TABLES: tuple[Callable[[Scale, Results, Path | None], Table], ...] = (
    completion,
    elasticity,
    tiles,
    pipelining,
    factors,
    killing,
    sharing,
)


def page(found: list[Table], results: Results, command: str, *, concluded: bool) -> str:
    """The page of all tables."""
    said = TEXTS["page"]
    intro = said["intro"].format(command=command, minutes=math.ceil(results.simulated_s / 60))
    parts = [f"# {said['title']}\n\n{intro}", *(table.markdown(concluded=concluded) for table in found)]
    return "\n".join([*parts, f"## What is not here\n\n{said['limits']}"])


def main(words: list[str] | None = None) -> list[Table]:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description="The claims of the original paper, simulated.")
    parser.add_argument("--small", action="store_true", help="small matrices, to see that it works")
    parser.add_argument("--only", nargs="+", choices=[make.__name__ for make in TABLES])
    parser.add_argument("--functions", nargs="+", choices=FUNCTIONS, default=FUNCTIONS, help="of the first table")
    parser.add_argument("--out", type=Path, default=None, help="the page; pictures go to images/ beside it")
    parser.add_argument("--results", type=Path, default=None, help="the folder of results; in the user's cache")
    chosen = parser.parse_args(words)
    scale = SMALL if chosen.small else FULL
    scale = replace(scale, sizes={name: scale.sizes[name] for name in chosen.functions})
    results = Results(chosen.results or Path(platformdirs.user_cache_dir("numpywren")) / "reproduce")
    pictures = chosen.out.parent / "images" if chosen.out else None
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    makers = [make for make in TABLES if not chosen.only or make.__name__ in chosen.only]
    found = [make(scale, results, pictures) for make in makers]
    text = page(found, results, "python benchmarks/reproduce.py --out docs/reproduction.md", concluded=not chosen.small)
    if chosen.out:
        chosen.out.write_text(text)
    else:
        print(text)
    return found


if __name__ == "__main__":
    main()
