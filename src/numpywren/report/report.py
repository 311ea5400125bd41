"""What a run did: the figures, the table that a terminal shows, and the way to the page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numpywren.config import format_bytes
from numpywren.errors import NumpywrenError
from numpywren.planner import Machine
from numpywren.planner.simulate import Bill, Simulation
from numpywren.planner.words import duration
from numpywren.report.recorded import KINDS, Recorded
from numpywren.report.work import Work

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Failed", "Report", "SlowTask", "Tasks", "WorkerLife"]

#: Figures that are plain data as they are.
PLAIN = (
    *("url", "name", "version", "created", "total", "done", "repeated", "wall", "core_seconds", "busy_seconds"),
    *("stalled_seconds", "utilisation", "flops", "gflops", "share_of_peak", "reads", "cache_hits", "cache_hit_rate"),
    *("writes", "requests", "retries", "freed", "bytes_read", "bytes_from_cache", "bytes_written", "peak_working_set"),
    *("leases_lost", "taken_over", "tried_again", "batches", "skipped"),
)


@dataclass(frozen=True, slots=True)
class WorkerLife:
    """One worker; moments are seconds since the run's first event."""

    name: str
    host: str
    slots: int
    memory: int
    version: str
    start_s: float
    end_s: float
    #: Why it left; empty if it did not say.
    reason: str
    tasks: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A task that ended the run."""

    task: str
    kernel: str
    worker: str
    error: str
    message: str
    at_s: float


@dataclass(frozen=True, slots=True)
class SlowTask:
    """One task and how it compares with others of its kernel."""

    task: str
    kernel: str
    worker: str
    slot: int
    start_s: float
    seconds: float
    waited_seconds: float
    #: How many times longer it took than the median of its kernel, waiting included.
    times_median: float


@dataclass(frozen=True)
class Tasks:
    """Every computation of a task, in the order of their ends: a column each.

    Attributes
    ----------
    task : ndarray of str
    number : ndarray of int64
        Its number among all tasks of the run; -1 if that is not known.
    kernel : ndarray of int64
        Number of its name in `kernels`.
    by, slot : ndarray of int64
        Who computed it.
    start_s, end_s : ndarray of float64
        Seconds since the run's first event.
    stalled : ndarray of float64
        Seconds of that spent waiting for tiles.
    flops : ndarray of float64
        Floating point operations on real numbers; NaN if that is not known.
    kernels : tuple of str
        Names, by the time that they took, most first.
    """

    task: NDArray[Any]
    number: NDArray[np.int64]
    kernel: NDArray[np.int64]
    by: NDArray[np.int64]
    slot: NDArray[np.int64]
    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    stalled: NDArray[np.float64]
    flops: NDArray[np.float64]
    kernels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.task)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """How long each took, waiting included."""
        return self.end_s - self.start_s


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run did; made by `Run.report`.

    Seconds are by the clocks of the workers' machines; those of several are as far apart as their clocks.

    Attributes
    ----------
    url, name, version, created : str
        Which run, what it computes, and who made it when.
    total : int or None
        Tasks that the run has in all; None if its kernels cannot be loaded here.
    done : int
        Different tasks that were computed.
    repeated : int
        Computations of tasks that had been computed before.
    wall : float
        Seconds from the first event to the last.
    core_seconds : float
        Time for which slots were there.
    busy_seconds : float
        Time for which slots computed.
    stalled_seconds : float
        Time for which slots had a task, and waited for its tiles.
    flops : float or None
        Floating point operations of all that was computed, repetitions included.
    reads, cache_hits, writes, freed, retries : int
        Tiles that were read, found in a worker's memory, written and deleted; requests that were sent again.
    bytes_read, bytes_from_cache, bytes_written : int
    peak_working_set : int
        Most bytes of tiles in the store at a time, inputs left out.
    leases_lost, taken_over, tried_again : int
        Leases that ran out, tasks that were taken from slow workers, and from workers that were lost.
    workers : tuple of WorkerLife
    failures : tuple of Failed
    slowest : tuple of SlowTask
    batches, skipped : int
        Objects of the journal that were read, and that were damaged and passed over.
    machine : Machine
        The kind of worker with which the run is compared.
    predicted : Simulation or None
        The same run simulated with such workers.
    cost : Bill or None
        US dollars, if the machine has prices.
    notes : tuple of str
        What could not be found out, and why.
    tasks : Tasks
    recorded : Recorded
        Every event.
    """

    url: str
    name: str
    version: str
    created: str
    total: int | None
    done: int
    repeated: int
    wall: float
    core_seconds: float
    busy_seconds: float
    stalled_seconds: float
    flops: float | None
    reads: int
    cache_hits: int
    writes: int
    freed: int
    retries: int
    bytes_read: int
    bytes_from_cache: int
    bytes_written: int
    peak_working_set: int
    leases_lost: int
    taken_over: int
    tried_again: int
    workers: tuple[WorkerLife, ...]
    failures: tuple[Failed, ...]
    slowest: tuple[SlowTask, ...]
    batches: int
    skipped: int
    machine: Machine
    predicted: Simulation | None
    cost: Bill | None
    notes: tuple[str, ...]
    tasks: Tasks = field(repr=False)
    recorded: Recorded = field(repr=False)
    work: Work | None = field(repr=False)

    @property
    def utilisation(self) -> float:
        """Share of the slots' time in which they computed."""
        return self.busy_seconds / self.core_seconds if self.core_seconds else 0.0

    @property
    def gflops(self) -> float | None:
        """10⁹ floating point operations a second, from the first event to the last."""
        return self.flops / self.wall / 1e9 if self.flops is not None and self.wall else None

    @property
    def share_of_peak(self) -> float | None:
        """Of what the slots could have computed in their time at the calibrated rate; None without calibration."""
        if self.flops is None or not self.core_seconds or not self.machine.sources:
            return None
        return self.flops / (self.core_seconds * self.machine.gflops * 1e9)

    @property
    def cache_hit_rate(self) -> float:
        """Share of the tiles wanted that were in the worker's memory, or on their way there."""
        wanted = self.reads + self.cache_hits
        return self.cache_hits / wanted if wanted else 0.0

    @property
    def requests(self) -> int:
        """Requests for tiles to the store: reads, writes and those sent again; deletions go many in one."""
        return self.reads + self.writes + self.retries

    # -- shown ------------------------------------------------------------------------------------------------------

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """The figures as people read them: what, what it was, and what was predicted."""
        plan = self.predicted
        total = "" if self.total is None else f" of {self.total:,}"
        yield "tasks", f"{self.done:,}{total}", "" if plan is None or self.total is None else f"{self.total:,}"
        yield "repeated tasks", f"{self.repeated:,}", "" if plan is None else f"{plan.repeated:,}"
        yield "wall time", duration(self.wall), "" if plan is None else duration(plan.seconds)
        slots = sum(worker.slots for worker in self.workers)
        yield "workers", f"{len(self.workers):,} with {slots:,} slots", "" if plan is None else f"{plan.started:,}"
        yield "core-seconds", f"{self.core_seconds:.3g}", "" if plan is None else f"{plan.core_seconds:.3g}"
        yield "utilisation", f"{self.utilisation:.0%}", "" if plan is None else f"{plan.utilisation:.0%}"
        yield "waiting for tiles", _share(self.stalled_seconds, self.core_seconds), ""
        if self.flops is not None and self.gflops is not None:
            speed = "" if plan is None or not plan.seconds else f"{self.flops / plan.seconds / 1e9:.3g}"
            yield "GFLOP/s", f"{self.gflops:.3g}", speed
            peak = self.share_of_peak
            yield "share of calibrated peak", "not calibrated" if peak is None else f"{peak:.0%}", ""
        yield "read", f"{format_bytes(self.bytes_read)} in {self.reads:,} tiles", _moved(plan, "bytes_read", "gets")
        hits = "" if plan is None else _share(plan.cache_hits, plan.cache_hits + plan.gets)
        yield "cache hits", f"{self.cache_hit_rate:.0%}", hits
        written = f"{format_bytes(self.bytes_written)} in {self.writes:,} tiles"
        yield "written", written, _moved(plan, "bytes_written", "puts")
        yield "requests", f"{self.requests:,}", "" if plan is None else f"{plan.gets + plan.puts:,}"
        yield "retries", f"{self.retries:,}", ""
        yield "tiles freed", f"{self.freed:,}", ""
        yield "most bytes in the store", f"{format_bytes(self.peak_working_set)}, inputs apart", ""
        hands = self.leases_lost, self.taken_over, self.tried_again
        if any(hands):
            yield "leases lost, tasks taken over, tried again", ", ".join(f"{count:,}" for count in hands), ""
        if self.cost is not None:
            yield "cost", f"${self.cost.total:.4g}", "" if plan is None else f"${plan.bill.total:.4g}"
        if self.skipped:
            yield "event files passed over", f"{self.skipped:,} of {self.skipped + self.batches:,}, damaged", ""

    def __str__(self) -> str:
        rows = list(self.rows())
        first = max(len(what) for what, _, _ in rows)
        second = max(len(value) for _, value, _ in rows)
        lines = [f"report of {self.name}, {self.url}", ""]
        if self.predicted is not None:
            lines.append(f"{'':<{first}}  {'actual':<{second}}  predicted on {self.machine.name}")
        lines += [f"{what:<{first}}  {value:<{second}}  {plan}".rstrip() for what, value, plan in rows]
        lines += ["", f"{'kernel':<24}{'tasks':>10}{'slot time':>14}{'median':>12}{'longest':>12}{'GFLOP/s':>10}"]
        lines += [
            f"{each['kernel']:<24}{each['tasks']:>10,}{duration(each['seconds']):>14}{duration(each['median']):>12}"
            f"{duration(each['longest']):>12}{'' if each['gflops'] is None else format(each['gflops'], '.3g'):>10}"
            for each in self.kernels()
        ]
        lines += [f"failed: {each.error}: {each.message}" for each in self.failures]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from numpywren.report.page import summary_html

        return summary_html(self)

    def kernels(self) -> list[dict[str, Any]]:
        """For each kernel: tasks, and seconds in all, median and longest, waiting included; GFLOP/s of a slot."""
        found = []
        for number, name in enumerate(self.tasks.kernels):
            mine = self.tasks.kernel == number
            seconds, flops = self.tasks.seconds[mine], float(self.tasks.flops[mine].sum())
            computing = float((seconds - self.tasks.stalled[mine]).sum())
            found.append(
                {
                    "kernel": name,
                    "tasks": int(mine.sum()),
                    "seconds": float(seconds.sum()),
                    "median": float(np.median(seconds)) if len(seconds) else 0.0,
                    "longest": float(seconds.max(initial=0.0)),
                    "gflops": flops / computing / 1e9 if np.isfinite(flops) and computing > 0 else None,
                }
            )
        return found

    # -- handed on --------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """All figures as plain data, without the single events."""
        data: dict[str, Any] = {name: getattr(self, name) for name in PLAIN}
        for name in ("workers", "failures", "slowest"):
            data[name] = [{key: getattr(each, key) for key in each.__slots__} for each in getattr(self, name)]
        data["notes"] = list(self.notes)
        data["kernels"] = self.kernels()
        data["machine"] = self.machine.name
        data["cost"] = None if self.cost is None else {**vars(self.cost), "total": self.cost.total}
        if self.predicted is None:
            data["predicted"] = None
        else:
            figures = {name: value for name, value in vars(self.predicted).items() if isinstance(value, int | float)}
            data["predicted"] = {**figures, "utilisation": self.predicted.utilisation}
        return data

    def to_pandas(self, what: str = "tasks") -> DataFrame:
        """A table of the run as a pandas `DataFrame`.

        Parameters
        ----------
        what : str
            ``tasks``, ``workers``, ``kernels``, or the name of a kind of event in `numpywren.events`.
        """
        try:
            import pandas as pd
        except ModuleNotFoundError:
            raise ModuleNotFoundError("to_pandas needs pandas: pip install 'numpywren[pandas]'") from None
        if what == "kernels":
            return pd.DataFrame(self.kernels())
        if what == "workers":
            return pd.DataFrame([{key: getattr(each, key) for key in each.__slots__} for each in self.workers])
        names = np.array(self.recorded.workers, dtype=object)
        if what == "tasks":
            table: Mapping[str, Any] = {
                "task": self.tasks.task,
                "kernel": np.array(self.tasks.kernels, dtype=object)[self.tasks.kernel],
                "worker": names[self.tasks.by],
                **{name: getattr(self.tasks, name) for name in ("slot", "start_s", "end_s", "seconds", "stalled")},
                "flops": self.tasks.flops,
            }
            return pd.DataFrame(table)
        if what not in KINDS:
            raise ValueError(f"there is no table {what!r}; there are tasks, workers, kernels, {', '.join(KINDS)}")
        table = dict(self.recorded.tables[what])
        table["worker"] = names[table.pop("by")]
        return pd.DataFrame(table)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one HTML page that holds all that it needs, and opens without a network.

        Parameters
        ----------
        path : str or path
            As in ``"run.html"``.
        """
        from numpywren.report.page import page_html

        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"a report is saved as one HTML page; name it like run.html, not {str(path)!r}")
        text = page_html(self)
        try:
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ReportNotSavedError(f"the report could not be saved: {error}") from error


class ReportNotSavedError(NumpywrenError, OSError):
    """A page that could not be written where it was asked for."""


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _moved(plan: Simulation | None, nbytes: str, tiles: str) -> str:
    return "" if plan is None else f"{format_bytes(getattr(plan, nbytes))} in {getattr(plan, tiles):,} tiles"
