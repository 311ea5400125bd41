"""A run that is followed: how far it is, and what its workers have written down since the last look."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpywren.autoscaler import look_s
from numpywren.control import Status
from numpywren.events import TaskDone
from numpywren.job import attach
from numpywren.job.looking import OUT_OF_REACH, Speed, TaskNames, duration, pace
from numpywren.planner import Machine, Pool, Simulation, Workload, load_machine, machine_files, simulate
from numpywren.report.figures import NAMED_ROWS, crowded
from numpywren.report.make import SIMULATED_TASKS, compose, find_work, kernel_label, kernel_labels
from numpywren.report.page import rows_of
from numpywren.report.recorded import Batch, join_batches, read_batches
from numpywren.report.remainder import times_heavier
from numpywren.report.report import Report, Tasks
from numpywren.report.views import View, views
from numpywren.report.work import Work, split_tasks
from numpywren.worker import RunRecord

__all__ = ["Figures", "Follower", "Picture"]

logger = logging.getLogger(__name__)

#: Seconds between two looks at a run's status, at least; and when it has ended: it may be resumed.
STATUS_S, ENDED_S = 1.0, 5.0
#: Seconds between two looks for what was written down, at least: workers write every five seconds.
EVENTS_S = 2.0
#: How many times longer than it took, to make figures of all that was written, until that is done again.
RARELY = 8.0
#: How the time left is estimated.
BY_WORK = "by the work that is left, at the speed of the last minute"
BY_TASKS = "by the number of tasks that are left, at the speed of the last minute"


@dataclass(frozen=True)
class Figures:
    """What is known from what workers wrote down.

    Attributes
    ----------
    number : int
        Each has another.
    drawing : int
        Pages drawn with another number cannot be told these figures: kernels or axes have changed.
    batches : tuple of Batch
        In the order in which they were found; later figures have these and more.
    report : Report
    views : mapping of str to mapping of str to ndarray
        As `numpywren.report.views.views` gives them.
    work : Work or None
    labels : tuple of str
        Names of the kernels of each kind of task.
    heavier : float or None
        How many times the work of a task done of late one that is left is; None if that is not known.
    """

    number: int
    drawing: int
    batches: tuple[Batch, ...]
    report: Report
    views: Mapping[str, View]
    work: Work | None
    labels: tuple[str, ...]
    heavier: float | None

    def tasks(self, since: int) -> dict[str, list[Any]]:
        """Tasks of the batches from a number on, with the columns of the timeline."""
        report, new = self.report, self.batches[since:]
        first = dict(
            zip(report.recorded.workers, np.cumsum([0, *(slots for _, slots in rows_of(report))]), strict=False)
        )
        table = {name: [batch.tables[TaskDone.__name__][name] for batch in new] for name in TaskDone.__slots__}
        joined: dict[str, Any] = {
            name: np.concatenate(parts) if parts else np.empty(0) for name, parts in table.items()
        }
        row = [first[batch.worker] + slots for batch, slots in zip(new, table["slot"], strict=True)]
        kinds = split_tasks(joined["task"].tolist()).kind
        place = {kind: report.tasks.kernels.index(kernel_label(kind, self.labels)) for kind in set(kinds.tolist())}
        began = report.recorded.began_s
        seconds = joined["end_s"] - joined["start_s"]
        return {
            "row": [int(each) for part in row for each in part],
            "start": np.round(joined["start_s"] - began, 6).tolist(),
            "end": np.round(joined["end_s"] - began, 6).tolist(),
            "stalled": np.round(np.minimum(joined["stalled_seconds"], seconds), 6).tolist(),
            "kernel": [place[kind] for kind in kinds.tolist()],
            "task": joined["task"].tolist(),
        }


@dataclass(frozen=True)
class Picture:
    """A run at one moment.

    Attributes
    ----------
    status : Status or None
        The last one that its control plane gave.
    trouble : str
        Why nothing newer is known; empty if it is.
    pace : str
        How fast it is, and how long it will take.
    pace_by : str
        How that is estimated.
    held : tuple of (str, str, str)
        What has been computed for the longest time: for how long, the tiles, the worker.
    silent : str
        Why there are no figures.
    figures : Figures or None
    """

    status: Status | None
    trouble: str
    pace: str
    pace_by: str
    held: tuple[tuple[str, str, str], ...]
    silent: str
    figures: Figures | None

    @property
    def goes_on(self) -> bool:
        """Whether workers may be at work."""
        return self.status is None or self.status.state == "running"


class Follower:
    """Looks at a run, and keeps what it has seen, so that each object of the run's journal is read once.

    Parameters
    ----------
    url : str
        The run.

    Raises
    ------
    RunNotFoundError
        If there is none.
    """

    def __init__(self, url: str) -> None:
        self.run = attach(url)
        self.record, self._store = RunRecord.load(url)
        self._machine = load_machine("this-machine", *machine_files())
        self._names = TaskNames(self.record)
        self._speed = Speed()
        self._status: Status | None = None
        self._work: tuple[Work | None, tuple[str, ...]] | None = None
        self._weights: NDArray[np.float64] | None = None
        self._prediction: tuple[tuple[int, int, int | None], Simulation] | None = None
        self._known: set[str] = set()
        self._batches: tuple[Batch, ...] = ()
        self._skipped: tuple[tuple[str, str], ...] = ()
        self._figures: Figures | None = None
        self._read_next = self._began = time.monotonic()
        self._read_at_end = False

    def look(self) -> Picture:
        """Look at the run's status, and now and then at what was written down; called from one thread."""
        trouble = ""
        try:
            self._status = self.run.status()
            self._speed.look(time.monotonic(), self._status.done)
        except OUT_OF_REACH as error:
            trouble = f"the run's control plane does not answer: {error}"
        status = self._status
        ended = status is not None and status.state != "running"
        try:
            self._read(hurry=ended and not self._read_at_end)
            self._read_at_end = ended
        except OUT_OF_REACH as error:
            trouble = trouble or f"what the workers wrote down cannot be read: {error}"
        except Exception as error:  # what others wrote may be anything; the rest is still shown
            logger.exception("no figures can be made of the events of %s", self.run.url)
            trouble = trouble or f"no figures can be made of what was written down: {type(error).__name__}: {error}"
        held = () if status is None or ended else status.longest
        heavier = None if self._figures is None else self._figures.heavier
        return Picture(
            status=status,
            trouble=trouble,
            pace="" if status is None or ended else pace(status, self._speed, heavier or 1.0),
            pace_by=BY_TASKS if heavier is None else BY_WORK,
            held=tuple((duration(each.seconds), self._names.of(each.task), each.worker) for each in held),
            silent="" if self._figures is not None else self._silence(),
            figures=self._figures,
        )

    def pause_s(self, picture: Picture) -> float:
        """Seconds until the next look."""
        return max(STATUS_S, look_s(time.monotonic() - self._began)) if picture.goes_on else ENDED_S

    def _read(self, *, hurry: bool) -> None:
        began = time.monotonic()
        if began < self._read_next and not hurry:
            return
        try:
            found = read_batches(self._store, self._known)
            self._known |= found.keys()
            self._skipped += tuple((key, each) for key, each in found.items() if isinstance(each, str))
            self._batches += tuple(each for each in found.values() if isinstance(each, Batch))
            if found and self._batches:
                self._figures = self._made(self._figures)
        finally:
            ended = time.monotonic()
            self._read_next = ended + max(EVENTS_S, RARELY * (ended - began))

    def _made(self, last: Figures | None) -> Figures:
        if self._work is None:
            self._work = found, _ = find_work(self.record)
            self._weights = None if found is None else found.seconds(self._machine)
        work, missing = self._work
        recorded = join_batches(self._batches, self._skipped, () if last is None else last.report.recorded.workers)
        made = compose(
            self.run.url,
            self.record,
            recorded,
            work,
            self._machine,
            predict=work is not None and work.tasks <= SIMULATED_TASKS,
            missing=missing,
            simulated=self._simulated,
        )
        known = planned_kernels(work) if last is None else last.report.tasks.kernels
        report = replace(made, tasks=in_order(made.tasks, known))
        shown = views(report)
        drawing = 0 if last is None else last.drawing + (not _same_shape((last.report, last.views), (report, shown)))
        return Figures(
            number=0 if last is None else last.number + 1,
            drawing=drawing,
            batches=self._batches,
            report=report,
            views=shown,
            work=work,
            labels=kernel_labels(self.record, work),
            heavier=None if self._weights is None else times_heavier(report.tasks, self._weights, recorded.end_s),
        )

    def _simulated(self, workload: Workload, machine: Machine, pool: Pool) -> Simulation:
        """The run simulated once for each number of workers that there were, and not with each look."""
        key = machine.slots, machine.memory, pool.limits.ceiling
        if self._prediction is None or self._prediction[0] != key:
            self._prediction = key, simulate(workload, machine, pool)
        return self._prediction[1]

    def _silence(self) -> str:
        if self._skipped:
            return f"None of {len(self._skipped)} event files can be read; of the first: {self._skipped[0][1]}."
        return (
            "Workers have written nothing down yet. They do every five seconds; not in the first five of a call whose "
            "run is thrown away with its result, and never with the setting events=false."
        )


def planned_kernels(work: Work | None) -> tuple[str, ...]:
    """All kernels of a run, by the flops that they need, most first: an order that stays while the run goes on."""
    if work is None:
        return ()
    needed = dict.fromkeys(work.labels, 0.0)
    for label, flops in zip(work.labels, work.flops_by_kind, strict=True):
        needed[label] += flops
    return tuple(sorted(needed, key=lambda label: -needed[label]))


def in_order(tasks: Tasks, kernels: tuple[str, ...]) -> Tasks:
    """The same tasks with these kernels first, and then those that are not among them."""
    order = (*kernels, *(name for name in tasks.kernels if name not in kernels))
    place = np.array([order.index(name) for name in tasks.kernels], dtype=np.int64)
    return replace(tasks, kernels=order, kernel=place[tasks.kernel] if len(place) else tasks.kernel)


def _same_shape(last: tuple[Report, Mapping[str, View]], now: tuple[Report, Mapping[str, View]]) -> bool:
    """Whether figures that were drawn of the one can be told the other."""
    before, after = rows_of(last[0]), rows_of(now[0])
    return _shape(*last, before) == _shape(*now, after) and before == after[: len(before)]


def _shape(report: Report, shown: Mapping[str, View], rows: Sequence[tuple[str, int]]) -> tuple[Any, ...]:
    return report.tasks.kernels, crowded(shown["parallelism"]), "histogram_0" in shown, len(rows) > NAMED_ROWS
