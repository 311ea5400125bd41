"""What the figures show, as arrays: one table of columns for each figure. The same for a report and a dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numpywren.events import TileRead, TilesFreed, TileWritten
from numpywren.report.recorded import Recorded

if TYPE_CHECKING:
    from numpywren.report.report import Report

__all__ = ["histograms", "level", "parallelism", "rates", "ready_moments", "timeline", "views", "working_set"]

Floats = NDArray[np.float64]
View = Mapping[str, NDArray[Any]]

#: Stretches of time in which averages are taken.
POINTS = 500
#: Bins of a histogram.
BINS = 40


def views(report: Report) -> dict[str, View]:
    """The tables of all figures, by the figures' names."""
    return {
        "timeline": timeline(report),
        "parallelism": parallelism(report),
        "working_set": dict(zip(("at", "nbytes"), working_set(report.recorded, POINTS), strict=True)),
        "rates": rates(report),
        **{f"histogram_{number}": view for number, view in enumerate(histograms(report))},
    }


def timeline(report: Report) -> View:
    """Every task: its row (a slot of a worker, in the order in which workers began), its start, end and kernel."""
    tasks = report.tasks
    slots = np.array([max(worker.slots, 1) for worker in report.workers], dtype=np.int64)
    for by, slot in ((int(by), int(tasks.slot[tasks.by == by].max(initial=0))) for by in np.unique(tasks.by)):
        slots[by] = max(slots[by], slot + 1)
    offsets = np.concatenate([[0], np.cumsum(slots)])
    return {
        "row": (offsets[tasks.by] + tasks.slot).astype(np.int32),
        "start": tasks.start_s,
        "end": tasks.end_s,
        "stalled": tasks.stalled,
        "kernel": tasks.kernel.astype(np.int32),
        "task": tasks.task,
    }


def level(start: Floats, end: Floats, weight: Floats | float, edges: Floats) -> Floats:
    """Sum of the weights of what is under way, on average over each stretch between two edges."""
    weights = np.broadcast_to(np.asarray(weight, dtype=np.float64), start.shape)
    area = _area(start, weights, edges) - _area(end, weights, edges)
    found: Floats = np.maximum(np.diff(area) / np.maximum(np.diff(edges), 1e-12), 0.0)
    return found


def _area(moments: Floats, weights: Floats, edges: Floats) -> Floats:
    """Integral up to each edge of the weights of the moments that have passed."""
    order = np.argsort(moments, kind="stable")
    ordered, weights = moments[order], weights[order]
    passed = np.searchsorted(ordered, edges, side="right")
    total = np.concatenate([[0.0], np.cumsum(weights)])
    moment = np.concatenate([[0.0], np.cumsum(weights * ordered)])
    found: Floats = total[passed] * edges - moment[passed]
    return found


def parallelism(report: Report) -> View:
    """Slots there, slots with a task, slots that compute, and tasks that could have been under way."""
    edges = _edges(report.wall)
    tasks = report.tasks
    starts = np.array([worker.start_s for worker in report.workers])
    ends = np.array([worker.end_s for worker in report.workers])
    seconds = np.maximum(tasks.seconds, 1e-9)
    view = {
        "at": _middles(edges),
        "slots": level(starts, ends, np.array([float(worker.slots) for worker in report.workers]), edges),
        "busy": level(tasks.start_s, tasks.end_s, 1.0, edges),
        "computing": level(tasks.start_s, tasks.end_s, 1.0 - tasks.stalled / seconds, edges),
    }
    if report.work is not None:
        ready, done = ready_moments(report)
        could = np.isfinite(ready)
        view["available"] = level(ready[could], np.minimum(done[could], report.wall), 1.0, edges)
    return view


def ready_moments(report: Report) -> tuple[Floats, Floats]:
    """For each task of the run when it could have begun, and when it was first computed; infinite if it was not."""
    work, tasks = report.work, report.tasks
    assert work is not None
    known = tasks.number >= 0
    done = np.full(work.tasks, np.inf)
    np.minimum.at(done, tasks.number[known], tasks.end_s[known])
    begun = np.full(work.tasks, np.inf)
    np.minimum.at(begun, tasks.number[known], tasks.start_s[known])
    graph = work.graph
    ready = np.zeros(work.tasks)
    np.maximum.at(ready, graph.reader, done[graph.writer[graph.tile]])
    # what it waited for may have been done by a worker that could not write that down
    return np.minimum(ready, begun), done


def working_set(recorded: Recorded, most: int | None = None) -> tuple[Floats, Floats]:
    """Bytes of tiles in the store, inputs left out, at each moment at which that changed; `most` moments if given."""
    written, freed = recorded[TileWritten], recorded[TilesFreed]
    size: dict[str, int] = {}
    first: dict[str, float] = {}
    for name, nbytes, at in zip(written["tile"], written["nbytes"], written["at_s"], strict=True):
        size[name] = int(nbytes)
        first.setdefault(name, float(at))  # written again it takes no more room
    ends = [
        (float(at), -size[name])
        for names, at in zip(freed["tiles"], freed["at_s"], strict=True)
        for name in str(names).split()
        if name in size
    ]
    changes = sorted([*((at, size[name]) for name, at in first.items()), *ends])
    moments = np.array([0.0, *(at for at, _ in changes), recorded.end_s])
    held = np.concatenate([[0.0], np.cumsum([float(change) for _, change in changes])])
    held = np.maximum(np.append(held, held[-1]), 0.0)
    if most is not None and len(moments) > most:
        # the most of each stretch, as a peak between two moments must not be lost
        edges = np.linspace(0.0, len(moments), most + 1).astype(np.int64)
        return moments[edges[:-1]], np.maximum.reduceat(held, edges[:-1])
    return moments, held


def rates(report: Report) -> View:
    """Bytes a second read and written, and floating point operations a second, over time."""
    edges = _edges(report.wall)
    view = {"at": _middles(edges)}
    reads, writes = report.recorded[TileRead], report.recorded[TileWritten]
    fetched = ~reads["cached"].astype(bool)
    for name, table, kept in (("read", reads, fetched), ("written", writes, slice(None))):
        end, seconds = table["at_s"][kept], np.maximum(table["seconds"][kept], 1e-6)
        view[name] = level(end - seconds, end, table["nbytes"][kept] / seconds, edges)
    tasks = report.tasks
    if report.work is not None:
        flops = np.nan_to_num(tasks.flops)
        view["flops"] = level(tasks.start_s, tasks.end_s, flops / np.maximum(tasks.seconds, 1e-9), edges)
    return view


def histograms(report: Report) -> list[View]:
    """For each kernel how many tasks took how long, waiting for tiles left out; bins are even in the logarithm."""
    seconds = np.maximum(report.tasks.seconds - report.tasks.stalled, 1e-6)
    if not len(seconds):
        return []
    low, high = np.log10(seconds.min()), np.log10(seconds.max())
    edges = np.logspace(low - 0.05, max(high, low + 0.1) + 0.05, BINS + 1)
    found: list[View] = []
    for number in range(len(report.tasks.kernels)):
        counts, _ = np.histogram(seconds[report.tasks.kernel == number], edges)
        found.append({"left": edges[:-1], "right": edges[1:], "count": counts.astype(np.int32)})
    return found


def _edges(end: float) -> Floats:
    return np.linspace(0.0, max(end, 1e-6), POINTS + 1)


def _middles(edges: Floats) -> Floats:
    found: Floats = 0.5 * (edges[1:] + edges[:-1])
    return found
