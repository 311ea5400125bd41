"""The pictures of the page that `reproduce.py` makes, in colours (Okabe and Ito's) that the colour-blind tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from reproduce_cases import Case, Outcome, workload

from numpywren.planner import make_plan

__all__ = ["completion", "killing", "parallelism"]

BLUE, ORANGE, GREY, GREEN = "#0072B2", "#D55E00", "#999999", "#009E73"
NAMES = {"matmul": "product", "cholesky": "Cholesky", "qr": "QR, R alone", "svdvals": "singular values"}


def completion(curves: list[tuple[str, int, float, float, float]], path: Path) -> None:
    """Time over the order of the matrix, for each function, with ScaLAPACK's model as a band."""
    functions = list(dict.fromkeys(function for function, *_ in curves))
    figure = Figure(figsize=(9.0, 6.4), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, function in zip(grid, functions, strict=False):
        rows = np.array([row for name, *row in curves if name == function], dtype=float)
        orders = rows[:, 0]
        axes.plot(orders, rows[:, 1] / 60, "o-", color=BLUE, label="numpywren, simulated")
        label = "ScaLAPACK, model: pipelined to trees"
        axes.fill_between(orders, rows[:, 2] / 60, rows[:, 3] / 60, color=ORANGE, alpha=0.35, label=label)
        axes.plot(orders, rows[:, 2] / 60, "s--", color=ORANGE, markersize=4, linewidth=1)
        axes.set(xscale="log", yscale="log", title=NAMES[function])
        ticks = sorted({int(order) for _, order, *_ in curves})
        axes.set_xticks(ticks, [f"{tick / 1024:,.0f}" for tick in ticks])
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    for axes in grid[-2:]:
        axes.set_xlabel("order of the matrix, in units of 1024")
    for axes in grid[::2]:
        axes.set_ylabel("completion time, minutes")
    grid[0].legend(fontsize=8, loc="upper left")
    figure.suptitle("Completion time; the number of workers grows with the order, see the table", fontsize=11)
    figure.savefig(path, dpi=100)


def parallelism(case: Case, static: Outcome, elastic: Outcome, path: Path) -> None:
    """What could go on at once, as in the original's first figure, and below it the workers of a run."""
    profile = make_plan(workload(case), case.machine).profile
    figure = Figure(figsize=(9.0, 6.8), layout="constrained")
    above, below = figure.subplots(2, 1)
    moments = profile.seconds / 60
    above.fill_between(moments, profile.parallelism, step="pre", color=BLUE, alpha=0.35)
    above.step(moments, profile.parallelism, where="pre", color=BLUE)
    above.set_ylabel("tasks that can go on at once", color=BLUE)
    other = above.twinx()
    unit, name = (2.0**40, "TiB") if profile.peak_working_set > 2.0**40 else (2.0**30, "GiB")
    other.plot(moments, profile.working_set / unit, color=ORANGE)
    other.set_ylabel(f"bytes in the store besides inputs, {name}", color=ORANGE)
    other.set_ylim(bottom=0)
    above.set(xlabel="time with unlimited workers, minutes", ylim=(0, None), xlim=(0, moments[-1]))
    above.set_title(f"Cholesky of order {case.n:,}, tiles of {case.chunks:,}: what there is to do", fontsize=11)
    _workers(below, elastic, BLUE, "elastic")
    times = np.array(static.trace)
    below.plot(times[:, 0] / 60, times[:, 1], color=GREY, linewidth=2, label="workers, static")
    below.set(xlabel="time, minutes", xlim=(0, None))
    _headed(below, f"A run with at most {case.workers} workers")
    figure.savefig(path, dpi=100)


def killing(undisturbed: Outcome, killed: Outcome, path: Path) -> None:
    """Workers over time, with and without the blow."""
    figure = Figure(figsize=(9.0, 6.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, sharey=True)
    _workers(above, undisturbed, BLUE, "undisturbed")
    _headed(above, "Undisturbed")
    _workers(below, killed, ORANGE, "killed")
    _headed(below, "80 % killed when half of the tasks were done")
    below.set(xlabel="time, minutes", xlim=(0, None))
    figure.savefig(path, dpi=100)


def _workers(axes: Axes, found: Outcome, colour: str, name: str) -> None:
    """Workers that were there, and tasks under way."""
    trace = np.array(found.trace)
    minutes = trace[:, 0] / 60
    axes.fill_between(minutes, trace[:, 2], step="post", color=GREEN, alpha=0.3, label="tasks under way")
    axes.step(minutes, trace[:, 1], where="post", color=colour, linewidth=1.5, label=f"workers, {name}")
    axes.set(ylabel="workers, tasks", ylim=(0, None))
    axes.grid(alpha=0.3)


def _headed(axes: Axes, title: str) -> None:
    """A title on the left and the legend on the right, above what is drawn."""
    axes.set_title(title, fontsize=11, loc="left")
    axes.legend(fontsize=9, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False, borderaxespad=0.2)
